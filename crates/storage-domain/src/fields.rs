//! Reads the members of a config object and collects every mistake.

use std::fmt::Display;
use std::str::FromStr;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::invalid::{Invalid, InvalidInput, Rule};
use crate::secret::Secret;

/// The members of one JSON object, read by name; what is not read by the end is unknown.
pub(crate) struct Fields<'a> {
    parent: &'static str,
    members: &'a Map<String, Value>,
    read: Vec<&'static str>,
    problems: Vec<Invalid>,
}

impl<'a> Fields<'a> {
    /// Reads `members`, which stand at the JSON Pointer `parent`.
    pub(crate) fn new(parent: &'static str, members: &'a Map<String, Value>) -> Self {
        Self {
            parent,
            members,
            read: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Notes that a field breaks a rule.
    pub(crate) fn broken(&mut self, field: &str, rule: &Rule) {
        self.problems.push(Invalid::at(self.parent, field, rule));
    }

    /// Keeps a field's value, or notes its mistake.
    pub(crate) fn keep<T>(&mut self, field: &str, value: Result<T, Rule>) -> Option<T> {
        value.map_err(|rule| self.broken(field, &rule)).ok()
    }

    /// The raw member; null is the same as absent.
    fn raw(&mut self, field: &'static str) -> Option<&'a Value> {
        self.read.push(field);
        self.members.get(field).filter(|v| !v.is_null())
    }

    /// Whether the member is there, null included.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.members.contains_key(field)
    }

    /// Whether the member is absent, null or an empty text.
    pub(crate) fn is_blank(&self, field: &str) -> bool {
        match self.members.get(field) {
            None | Some(Value::Null) => true,
            Some(value) => value.as_str() == Some(""),
        }
    }

    /// A text; null, absent and empty are all `None`.
    pub(crate) fn text(&mut self, field: &'static str) -> Option<&'a str> {
        match self.raw(field)? {
            Value::String(text) => Some(text.as_str()).filter(|t| !t.is_empty()),
            _ => self.keep(field, Err(Rule::new("must be a string"))),
        }
    }

    /// An optional field of a type that parses itself.
    pub(crate) fn optional<T: FromStr<Err = Rule>>(&mut self, field: &'static str) -> Option<T> {
        let text = self.text(field)?;
        self.keep(field, text.parse())
    }

    /// A field that must be there.
    pub(crate) fn required<T: FromStr<Err = Rule>>(&mut self, field: &'static str) -> Option<T> {
        let before = self.problems.len();
        let value = self.optional(field);
        if value.is_none() && self.problems.len() == before {
            self.broken(field, &Rule::new("is required"));
        }
        value
    }

    /// A secret; null, absent and empty are all `None`.
    pub(crate) fn secret(&mut self, field: &'static str) -> Option<Secret> {
        let text = self.text(field)?;
        self.keep(field, Secret::new(text))
    }

    /// A flag with a default.
    pub(crate) fn flag(&mut self, field: &'static str, default: bool) -> bool {
        match self.raw(field) {
            None => default,
            Some(Value::Bool(flag)) => *flag,
            Some(_) => self
                .keep(field, Err(Rule::new("must be true or false")))
                .unwrap_or(default),
        }
    }

    /// A whole number; null and absent are both `None`.
    pub(crate) fn integer(&mut self, field: &'static str) -> Option<i64> {
        match self.raw(field)?.as_i64() {
            Some(number) => Some(number),
            None => self.keep(field, Err(Rule::new("must be a whole number"))),
        }
    }

    /// Ends the reading: what was not read is unknown.
    ///
    /// # Errors
    /// Every mistake that was found.
    pub(crate) fn finish(mut self, kind: &str) -> Result<(), InvalidInput> {
        for key in self.members.keys().filter(|k| !self.read.contains(&k.as_str())) {
            let known = self.read.join(", ");
            let rule = Rule::new(format!(
                "is not a field of an {kind} config; the fields are {known}"
            ));
            self.problems.push(Invalid::at(self.parent, key, &rule));
        }
        InvalidInput::check(self.problems)
    }
}

/// Writes the members of an object one by one, into whatever a serializer makes of them. They are written in the order of
/// their names, which is that of a [`Map`], so that both ways give one text.
pub(crate) struct Members<M: SerializeMap> {
    map: Result<M, M::Error>,
    secrets: bool,
}

impl<M: SerializeMap> Members<M> {
    /// Begins an object; `secrets` tells whether secrets go into it.
    pub(crate) fn new(map: M, secrets: bool) -> Self {
        Self {
            map: Ok(map),
            secrets,
        }
    }

    /// Adds a member.
    pub(crate) fn put(mut self, field: &str, value: impl Serialize) -> Self {
        if let Ok(map) = &mut self.map
            && let Err(error) = map.serialize_entry(field, &value)
        {
            self.map = Err(error);
        }
        self
    }

    /// Adds a member that is a text.
    pub(crate) fn put_text(self, field: &str, value: &impl Display) -> Self {
        self.put(field, Text(value))
    }

    /// Adds a member that is a text, and null where there is none.
    pub(crate) fn put_optional(self, field: &str, value: Option<&impl Display>) -> Self {
        self.put(field, value.map(Text))
    }

    /// Adds a secret, where there is one and secrets are wanted.
    pub(crate) fn put_secret(self, field: &str, secret: Option<&Secret>) -> Self {
        match secret.filter(|_| self.secrets) {
            Some(secret) => self.put(field, secret.expose()),
            None => self,
        }
    }

    /// What the serializer made of the object.
    pub(crate) fn finish(self) -> Result<M::Ok, M::Error> {
        self.map?.end()
    }
}

/// A value that is written as its text.
struct Text<'a, T>(&'a T);

impl<T: Display> Serialize for Text<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}
