//! The types that a field can have.

use std::fmt::Display;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::Shape;
use crate::invalid::Rule;
use crate::secret::Secret;

/// The type of a field's value.
pub(crate) trait FieldType: Sized {
    /// The values that it has.
    const SHAPE: Shape;

    /// Reads a value that is not null; `None` if it is empty.
    fn from_json(value: &Value) -> Result<Option<Self>, Rule>;

    /// Returns the value as it is written.
    fn view(&self) -> View<'_>;
}

/// A type that is read from a text and written as one.
pub(crate) trait TextField: FromStr<Err = Rule> + Display {
    /// The texts that it takes.
    const SHAPE: Shape;

    /// Returns whether nothing is left of the text, so that it means none.
    fn is_empty(&self) -> bool {
        false
    }
}

impl<T: TextField> FieldType for T {
    const SHAPE: Shape = T::SHAPE;

    fn from_json(value: &Value) -> Result<Option<Self>, Rule> {
        let Some(text) = text_of(value)? else {
            return Ok(None);
        };
        Ok(Some(text.parse::<T>()?).filter(|parsed| !parsed.is_empty()))
    }

    fn view(&self) -> View<'_> {
        View::Text(self)
    }
}

impl FieldType for Secret {
    const SHAPE: Shape = Shape::Secret { max: Self::MAX_BYTES };

    fn from_json(value: &Value) -> Result<Option<Self>, Rule> {
        text_of(value)?.map(Self::new).transpose()
    }

    fn view(&self) -> View<'_> {
        View::Secret(self)
    }
}

impl FieldType for bool {
    const SHAPE: Shape = Shape::Flag;

    fn from_json(value: &Value) -> Result<Option<Self>, Rule> {
        match value {
            Value::Bool(flag) => Ok(Some(*flag)),
            _ => Err(Rule::new("must be true or false")),
        }
    }

    fn view(&self) -> View<'_> {
        View::Flag(*self)
    }
}

/// Returns a text; `None` if it is empty.
fn text_of(value: &Value) -> Result<Option<&str>, Rule> {
    match value {
        Value::String(text) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        _ => Err(Rule::new("must be a string")),
    }
}

/// What a config holds for a field: a value, or an optional one.
pub(crate) trait Slot: Sized {
    /// The type of the value.
    type Type: FieldType;
    /// The values of the type.
    const SHAPE: Shape = <Self::Type as FieldType>::SHAPE;
    /// Whether there may be none.
    const NULLABLE: bool;

    /// Holds a value.
    fn full(value: Self::Type) -> Self;

    /// Holds none; `None` if there has to be a value.
    fn empty() -> Option<Self>;

    /// Returns the value as it is written.
    fn view(&self) -> View<'_>;
}

impl<T: FieldType> Slot for T {
    type Type = T;
    const NULLABLE: bool = false;

    fn full(value: T) -> Self {
        value
    }

    fn empty() -> Option<Self> {
        None
    }

    fn view(&self) -> View<'_> {
        FieldType::view(self)
    }
}

impl<T: FieldType> Slot for Option<T> {
    type Type = T;
    const NULLABLE: bool = true;

    fn full(value: T) -> Self {
        Some(value)
    }

    fn empty() -> Option<Self> {
        Some(None)
    }

    fn view(&self) -> View<'_> {
        match (self, T::SHAPE) {
            (Some(value), _) => FieldType::view(value),
            (None, Shape::Secret { .. }) => View::Absent,
            (None, _) => View::Null,
        }
    }
}

/// A field's value, as it is written.
#[derive(Clone, Copy)]
pub(crate) enum View<'a> {
    /// No member at all.
    Absent,
    /// Null.
    Null,
    /// A text.
    Text(&'a dyn Display),
    /// A number.
    Number(i64),
    /// A flag.
    Flag(bool),
    /// A secret.
    Secret(&'a Secret),
}

impl View<'_> {
    /// Returns whether an object has it as a member, with or without `secrets`.
    pub(crate) fn is_member(&self, secrets: bool) -> bool {
        match self {
            Self::Absent => false,
            Self::Secret(_) => secrets,
            Self::Null | Self::Text(_) | Self::Number(_) | Self::Flag(_) => true,
        }
    }

    /// Returns it as JSON, a secret included.
    pub(crate) fn to_value(self) -> Value {
        match self {
            Self::Absent | Self::Null => Value::Null,
            Self::Text(text) => text.to_string().into(),
            Self::Number(number) => number.into(),
            Self::Flag(flag) => flag.into(),
            Self::Secret(secret) => secret.expose().into(),
        }
    }
}

/// Writes what may be shown: a secret is null.
impl Serialize for View<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Absent | Self::Null | Self::Secret(_) => serializer.serialize_none(),
            Self::Text(text) => serializer.collect_str(text),
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
        }
    }
}
