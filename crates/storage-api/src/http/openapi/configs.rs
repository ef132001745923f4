//! The schemas of configs, from the domain's fields.

use serde_json::{Map, Value, json};
use storage_domain::{BackendKind, Field, Shape};

use super::schema::extend;

/// What a config's schema is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Create,
    Update,
    Show,
}

/// Returns the schema of a kind's config.
pub(super) fn schema(kind: BackendKind, purpose: Use) -> Value {
    schema_of(kind.fields(), purpose)
}

/// Returns the schema of a new config of a kind: what a change may have, which `change` names, and what it has to have.
pub(super) fn creation(kind: BackendKind, change: &str) -> Value {
    let defaults = kind.fields().iter().filter_map(|field| {
        let kind = property(field, Use::Update)["type"].take();
        let default = Value::from(field.default?);
        Some((field.name.to_owned(), json!({ "type": kind, "default": default })))
    });
    let properties: Map<String, Value> = defaults.collect();
    extend(
        change,
        json!({ "type": "object", "required": required(kind.fields()), "properties": properties }),
    )
}

fn required(fields: &[Field]) -> Vec<&str> {
    let required = fields.iter().filter(|field| field.is_required());
    required.map(|field| field.name).collect()
}

/// Returns the schema of an object with these fields.
pub(super) fn schema_of(fields: &[Field], purpose: Use) -> Value {
    let members = fields
        .iter()
        .filter(|field| purpose != Use::Show || !field.is_secret());
    let properties: Map<String, Value> = members
        .clone()
        .map(|field| (field.name.to_owned(), property(field, purpose)))
        .collect();
    let required: Vec<&str> = match purpose {
        Use::Create => required(fields),
        Use::Update => Vec::new(),
        Use::Show => members.map(|field| field.name).collect(),
    };
    let mut schema = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    if purpose != Use::Show {
        schema["additionalProperties"] = json!(false);
    }
    schema
}

fn property(field: &Field, purpose: Use) -> Value {
    let mut schema = shape(field.shape);
    // Once is enough: those that are shown are the same fields.
    if purpose != Use::Show {
        schema["description"] = description(field).into();
    }
    if let Some(default) = field.default.filter(|_| purpose == Use::Create) {
        schema["default"] = default.into();
    }
    if field.is_secret() {
        schema["writeOnly"] = true.into();
    }
    let is_sent = purpose != Use::Show;
    if field.nullable || (is_sent && !field.is_required()) {
        allow_none(&mut schema, is_sent);
    }
    schema
}

fn description(field: &Field) -> String {
    let sentence = if field.is_secret() { ". Never shown." } else { "." };
    format!("{}{sentence}", field.help)
}

fn shape(shape: Shape) -> Value {
    match shape {
        Shape::Text { min, max, .. } => json!({ "type": "string", "minLength": min, "maxLength": max }),
        Shape::Document { max } | Shape::Secret { max } => {
            json!({ "type": "string", "minLength": 1, "maxLength": max })
        }
        Shape::OneOf(texts) => json!({ "type": "string", "enum": texts }),
        Shape::Number { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Shape::Flag => json!({ "type": "boolean" }),
    }
}

/// Allows null; a field that is sent is cleared by an empty text too.
fn allow_none(schema: &mut Value, is_sent: bool) {
    let kind = schema["type"].take();
    schema["type"] = json!([kind, "null"]);
    if let Some(texts) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        texts.push(Value::Null);
        if is_sent {
            texts.push(json!(""));
        }
    }
    if let Some(schema) = schema.as_object_mut().filter(|_| is_sent) {
        schema.remove("minLength");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;
    use storage_domain::{BackendConfig, BackendKind};

    use super::{Use, creation, schema};

    /// The document's fields are those that the domain reads and shows, and its defaults are the domain's.
    #[test]
    fn the_schemas_are_what_the_domain_does() {
        for kind in BackendKind::ALL {
            schemas_fit(*kind);
        }
    }

    fn schemas_fit(kind: BackendKind) {
        let shown = BackendConfig::parse(kind, &kind.example()).unwrap().shown();
        let keys = |v: &Value| v.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        let documented = schema(kind, Use::Show);
        assert_eq!(keys(&documented["properties"]), shown.keys().cloned().collect());

        let create = creation(kind, "Change");
        let own = &create["allOf"][1]["properties"];
        for (field, value) in &shown {
            let default = own[field].get("default").unwrap_or(&Value::Null);
            if !kind.example().contains_key(field) {
                assert_eq!(default, value, "{field}");
            }
        }
        let mut with_unknown = kind.example();
        with_unknown.insert("no such field".to_owned(), Value::Null);
        let refusal = BackendConfig::parse(kind, &with_unknown).unwrap_err();
        let refusal = refusal.to_string();
        let (_, listed) = refusal.split_once("the fields are ").unwrap();
        let known: BTreeSet<String> = listed.split(", ").map(str::to_owned).collect();
        assert_eq!(keys(&schema(kind, Use::Update)["properties"]), known);
        let required = create["allOf"][1]["required"].as_array().unwrap();
        let example: BTreeSet<String> = kind.example().keys().cloned().collect();
        assert!(
            required
                .iter()
                .all(|field| example.contains(field.as_str().unwrap()))
        );
    }
}
