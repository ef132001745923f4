//! What the tests share.

use serde_json::{Map, Value};
use storage_domain::{BackendConfig, BackendKind, Invalid, InvalidInput};

pub(crate) fn object(value: &Value) -> Map<String, Value> {
    value.as_object().expect("the test gives an object").clone()
}

pub(crate) fn parse(kind: BackendKind, value: &Value) -> Result<BackendConfig, InvalidInput> {
    BackendConfig::parse(kind, &object(value))
}

/// A base with one field replaced.
pub(crate) fn with(base: &Value, field: &str, value: Value) -> Value {
    let mut members = object(base);
    members.insert(field.to_owned(), value);
    Value::Object(members)
}

/// Where the mistakes are.
pub(crate) fn pointers<T: std::fmt::Debug>(result: Result<T, InvalidInput>) -> Vec<String> {
    let problems = result.expect_err("the input is wrong").into_problems();
    assert!(problems.iter().all(|p| !p.rule().to_string().is_empty()));
    problems.iter().map(Invalid::pointer).collect()
}
