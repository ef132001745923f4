//! The fields of a config as data.
//!
//! A config declares each of its fields once, with `config!`: name, type, default and help. From that come the struct,
//! its parser and its members, and with [`Field`] the JSON schema, the flags of the command line and the table in the docs.

mod declare;
mod reader;
mod types;

pub(crate) use self::declare::config;
pub(crate) use self::reader::{Reader, parse};
pub(crate) use self::types::{FieldType, Slot, TextField, View};

use serde_json::{Map, Value};

/// One field of a config.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name in JSON.
    pub name: &'static str,
    /// The values that it may have.
    pub shape: Shape,
    /// What an absent field means; for a field that is not [nullable](Self::nullable), null and an empty text too.
    pub default: Option<Constant>,
    /// Whether null is a value of its own: none.
    pub nullable: bool,
    /// What it is, in one sentence without a full stop.
    pub help: &'static str,
}

impl Field {
    /// Describes a field of type `S`.
    pub(crate) const fn new<S: Slot>(
        name: &'static str,
        default: Option<Constant>,
        help: &'static str,
    ) -> Self {
        Self {
            name,
            shape: S::SHAPE,
            default,
            nullable: S::NULLABLE,
            help,
        }
    }

    /// Returns whether a config without it is refused.
    pub const fn is_required(&self) -> bool {
        !self.nullable && self.default.is_none()
    }

    /// Returns whether its value is never shown.
    pub const fn is_secret(&self) -> bool {
        matches!(self.shape, Shape::Secret { .. })
    }
}

/// The values that a field may have. Lengths are in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One line of text.
    Text {
        /// Its placeholder on the command line, such as `HOST`.
        placeholder: &'static str,
        /// The shortest text.
        min: usize,
        /// The longest text.
        max: usize,
    },
    /// Text of many lines, which the command line takes from a file.
    Document {
        /// The longest text.
        max: usize,
    },
    /// Text that is never shown.
    Secret {
        /// The longest secret.
        max: usize,
    },
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// A whole number.
    Number {
        /// The smallest number.
        min: i64,
        /// The largest number.
        max: i64,
    },
    /// True or false.
    Flag,
}

impl Shape {
    /// Describes a line of 1 to `max` bytes.
    pub(crate) const fn text(placeholder: &'static str, max: usize) -> Self {
        Self::Text {
            placeholder,
            min: 1,
            max,
        }
    }
}

/// The value of a default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Constant {
    /// A text.
    Text(&'static str),
    /// A number.
    Number(i64),
    /// A flag.
    Flag(bool),
}

impl From<Constant> for Value {
    fn from(constant: Constant) -> Self {
        match constant {
            Constant::Text(text) => text.into(),
            Constant::Number(number) => number.into(),
            Constant::Flag(flag) => flag.into(),
        }
    }
}

/// A type whose fields are declared with `config!`.
pub(crate) trait Declared: Sized {
    /// Its fields, in the order of their declaration.
    const FIELDS: &'static [Field];

    /// Reads every field and collects the mistakes; `None` if there are any.
    fn read(reader: &mut Reader<'_>) -> Option<Self>;

    /// Returns the values of all fields.
    fn values(&self) -> Vec<(&'static str, View<'_>)>;
}

/// The fields of a config, each as far as it is valid.
pub(crate) trait Draft {
    /// Adds the mistakes that concern several fields; none by default.
    fn check(&self, _: &mut Reader<'_>) {}
}

/// Collects values into an object; secrets only if `secrets` says so.
pub(crate) fn members(values: Vec<(&'static str, View<'_>)>, secrets: bool) -> Map<String, Value> {
    values
        .into_iter()
        .filter(|(_, view)| view.is_member(secrets))
        .map(|(name, view)| (name.to_owned(), view.to_value()))
        .collect()
}
