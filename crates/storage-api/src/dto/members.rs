//! The members of a body, read one by one; all mistakes are reported at once.

use std::str::FromStr;

use serde_json::{Map, Value};
use storage_domain::{Invalid, Rule};

use super::draft::parsed;
use crate::error::ApiError;
use crate::problem::{Code, Problem};

/// The members of a body that are not read yet, and the mistakes in those that are.
pub(super) struct Members {
    body: Map<String, Value>,
    known: Vec<&'static str>,
    problems: Vec<Invalid>,
}

impl Members {
    pub(super) fn new(body: Map<String, Value>) -> Self {
        Self {
            body,
            known: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Takes a member as it is.
    pub(super) fn take(&mut self, member: &'static str) -> Option<Value> {
        self.known.push(member);
        self.body.remove(member)
    }

    /// Takes a string of a type that parses itself; null is the same as absent.
    pub(super) fn optional<T: FromStr<Err = Rule>>(&mut self, member: &'static str) -> Option<T> {
        let value = self.take(member);
        parsed(value, member, &mut self.problems)
    }

    pub(super) fn required<T: FromStr<Err = Rule>>(&mut self, member: &'static str) -> Option<T> {
        let before = self.problems.len();
        let value = self.optional(member);
        if value.is_none() && self.problems.len() == before {
            self.refuse(member, &Rule::new("is required"));
        }
        value
    }

    /// Takes a list of 1 to `max` strings of a type that parses itself.
    pub(super) fn list<T: FromStr<Err = Rule>>(&mut self, member: &'static str, max: usize) -> Vec<T> {
        let rule = Rule::new(format!("must be a list of 1 to {max} strings"));
        let items = match self.take(member) {
            Some(Value::Array(items)) if (1..=max).contains(&items.len()) => items,
            Some(_) => {
                self.refuse(member, &rule);
                return Vec::new();
            }
            None => {
                self.refuse(member, &Rule::new("is required"));
                return Vec::new();
            }
        };
        let mut found = Vec::with_capacity(items.len());
        for (at, item) in items.into_iter().enumerate() {
            let parsed = match item {
                Value::String(text) => text.parse(),
                _ => Err(Rule::new("must be a string")),
            };
            match parsed {
                Ok(value) => found.push(value),
                Err(rule) => self.refuse_item(member, at, &rule),
            }
        }
        found
    }

    /// Takes a boolean; null is the same as absent.
    pub(super) fn flag(&mut self, member: &'static str) -> Option<bool> {
        match self.take(member)? {
            Value::Bool(flag) => Some(flag),
            Value::Null => None,
            _ => {
                self.refuse(member, &Rule::new("must be true or false"));
                None
            }
        }
    }

    pub(super) fn refuse(&mut self, member: &str, rule: &Rule) {
        self.problems.push(Invalid::at("", member, rule));
    }

    /// Adds the mistake of an item of a list.
    pub(super) fn refuse_item(&mut self, member: &str, index: usize, rule: &Rule) {
        self.problems.push(Invalid::at("", member, rule).of_item(index));
    }

    /// Refuses what was not taken, and returns all mistakes if there are any.
    pub(super) fn finish(mut self) -> Result<(), ApiError> {
        let known = self.known.join(", ");
        for member in self.body.keys() {
            let rule = format!("is not a member here; the members are {known}");
            self.problems.push(Invalid::at("", member, &Rule::new(rule)));
        }
        if self.problems.is_empty() {
            return Ok(());
        }
        Err(Problem::of_input(Code::InvalidRequest, self.problems).into())
    }
}
