//! The configs of all kinds, field by field; from one table come what is sent, what is changed and what is shown.

use serde_json::{Map, Value, json};
use storage_domain::{BackendConfig, BackendKind};

use super::fields::fields;

/// A field of a config.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) schema: Value,
    pub(super) presence: Presence,
}

/// Whether a field has to be there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Required,
    /// Absent means the default; never shown as null.
    Defaulted,
    /// May be null.
    Optional,
}

/// What a config's schema is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Create,
    Update,
    Show,
}

impl Field {
    fn is_secret(&self) -> bool {
        BackendConfig::SECRET_FIELDS.contains(&self.name)
    }

    fn schema_for(&self, purpose: Use) -> Value {
        let mut schema = self.schema.clone();
        let nullable = self.presence == Presence::Optional || purpose != Use::Show;
        let required = self.presence == Presence::Required;
        if nullable && !required {
            // What is cleared is sent as null, or as an empty text.
            let kind = schema["type"].take();
            schema["type"] = json!([kind, "null"]);
            if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
                words.push(Value::Null);
                if purpose != Use::Show {
                    words.push(json!(""));
                }
            }
            if purpose != Use::Show {
                schema.as_object_mut().and_then(|s| s.remove("minLength"));
            }
        }
        if self.is_secret() {
            schema["writeOnly"] = json!(true);
        }
        if purpose == Use::Update {
            schema.as_object_mut().and_then(|s| s.remove("default"));
        }
        schema
    }
}

/// The schema of a kind's config.
pub(super) fn schema(kind: BackendKind, purpose: Use) -> Value {
    let fields = fields(kind);
    let shown = fields.iter().filter(|f| purpose != Use::Show || !f.is_secret());
    let properties: Map<String, Value> = shown
        .clone()
        .map(|f| (f.name.to_owned(), f.schema_for(purpose)))
        .collect();
    let required: Vec<&str> = shown
        .filter(|f| match purpose {
            Use::Create => f.presence == Presence::Required,
            Use::Update => false,
            Use::Show => true,
        })
        .map(|f| f.name)
        .collect();
    let mut schema = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    if purpose != Use::Show {
        schema["additionalProperties"] = json!(false);
    }
    schema
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rstest::rstest;
    use serde_json::{Map, Value, json};
    use storage_domain::{BackendConfig, BackendKind};

    use super::{Use, schema};

    fn minimal(kind: BackendKind) -> Map<String, Value> {
        let config = match kind {
            BackendKind::Nfs => json!({"server": "nas", "export_path": "/srv"}),
            BackendKind::Http => json!({"base_url": "http://nas/"}),
            BackendKind::S3 => json!({"endpoint": "nas", "bucket": "abc", "access_key_id": "k"}),
            BackendKind::Iscsi => json!({"target": "nas"}),
        };
        config.as_object().cloned().unwrap()
    }

    /// The document's fields are those that the domain reads and shows, and its defaults are the domain's.
    #[rstest]
    fn the_table_is_the_domains(
        #[values(BackendKind::Nfs, BackendKind::Http, BackendKind::S3, BackendKind::Iscsi)] kind: BackendKind,
    ) {
        let shown = BackendConfig::parse(kind, &minimal(kind)).unwrap().shown();
        let keys = |v: &Value| v.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        let documented = schema(kind, Use::Show);
        assert_eq!(keys(&documented["properties"]), shown.keys().cloned().collect());

        let create = schema(kind, Use::Create);
        for (field, value) in &shown {
            let default = create["properties"][field].get("default").unwrap_or(&Value::Null);
            if !minimal(kind).contains_key(field) {
                assert_eq!(default, value, "{field}");
            }
        }
        let mut with_unknown = minimal(kind);
        with_unknown.insert("no such field".to_owned(), Value::Null);
        let refusal = BackendConfig::parse(kind, &with_unknown).unwrap_err();
        let (_, listed) = refusal.problems()[0]
            .detail
            .split_once("the fields are ")
            .unwrap();
        let known: BTreeSet<String> = listed.split(", ").map(str::to_owned).collect();
        assert_eq!(keys(&create["properties"]), known);
    }
}
