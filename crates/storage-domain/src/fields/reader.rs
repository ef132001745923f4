//! Reads the members of a config object and collects every mistake.

use serde_json::{Map, Value};

use super::types::{FieldType, Slot};
use super::{Declared, Field};
use crate::invalid::{Invalid, InvalidInput, Rule};

/// Reads a whole config, whose members stand at the JSON Pointer `parent`.
///
/// # Errors
/// Every mistake of the config.
pub(crate) fn parse<C: Declared>(
    parent: &'static str,
    members: &Map<String, Value>,
) -> Result<C, InvalidInput> {
    let mut reader = Reader {
        parent,
        members,
        problems: Vec::new(),
    };
    let config = C::read(&mut reader);
    reader.refuse_unknown(C::FIELDS);
    InvalidInput::check(reader.problems)?;
    // Without a mistake there is a config.
    config.ok_or_else(|| Invalid::at(parent, "", &Rule::new("can't be read")).into())
}

/// The members of one JSON object, and the mistakes that were found in them.
pub(crate) struct Reader<'a> {
    parent: &'static str,
    members: &'a Map<String, Value>,
    problems: Vec<Invalid>,
}

impl Reader<'_> {
    /// Adds a mistake of a field.
    pub(crate) fn refuse(&mut self, field: &str, rule: &Rule) {
        self.problems.push(Invalid::at(self.parent, field, rule));
    }

    /// Reads a field, or adds its mistake.
    pub(crate) fn read<S: Slot>(&mut self, field: &Field) -> Option<S> {
        let given = self.members.get(field.name);
        let read = match given {
            None | Some(Value::Null) => Ok(None),
            Some(value) => S::Type::from_json(value),
        };
        let rule = match read {
            Ok(Some(value)) => return Some(S::full(value)),
            Ok(None) if given.is_some() && S::NULLABLE => return S::empty(),
            Ok(None) => match (field.default, S::empty()) {
                // A test reads every default.
                (Some(default), _) => return S::Type::from_json(&default.into()).ok()?.map(S::full),
                (None, Some(empty)) => return Some(empty),
                (None, None) => Rule::new("is required"),
            },
            Err(rule) => rule,
        };
        self.refuse(field.name, &rule);
        None
    }

    /// Adds a mistake for every member that is not a field.
    fn refuse_unknown(&mut self, fields: &[Field]) {
        let is_known = |member: &str| fields.iter().any(|field| field.name == member);
        for member in self.members.keys().filter(|member| !is_known(member)) {
            let known: Vec<&str> = fields.iter().map(|field| field.name).collect();
            let rule = Rule::new(format!(
                "is not a known field; the fields are {}",
                known.join(", ")
            ));
            self.refuse(member, &rule);
        }
    }
}
