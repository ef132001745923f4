//! The fields of every kind, and the table of them in the docs.

use std::fmt::Write;

use serde_json::{Value, json};
use storage_domain::{BackendConfig, BackendKind, Constant, Field, Shape};

use crate::support::{parse, pointers};

#[test]
fn an_example_is_valid_and_gets_the_defaults() {
    for kind in BackendKind::ALL {
        let example = kind.example();
        let shown = BackendConfig::parse(*kind, &example).unwrap().shown();
        for field in kind.fields().iter().filter(|field| !field.is_secret()) {
            let default = field.default.map_or(Value::Null, Value::from);
            let wanted = example.get(field.name).unwrap_or(&default);
            assert_eq!(&shown[field.name], wanted, "{kind} {}", field.name);
        }
        let shown_fields = kind.fields().iter().filter(|field| !field.is_secret());
        assert_eq!(shown.len(), shown_fields.count());
    }
}

#[test]
fn what_is_required_is_asked_for_at_once() {
    for kind in BackendKind::ALL {
        let required = kind.fields().iter().filter(|field| field.is_required());
        let wanted: Vec<String> = required.map(|field| format!("/config/{}", field.name)).collect();
        assert_eq!(pointers(parse(*kind, &json!({}))), wanted);
    }
}

/// The limit in the table is that of the check, and of its message.
#[test]
fn the_longest_text_of_a_field_is_its_limit() {
    for kind in BackendKind::ALL {
        for field in kind.fields() {
            let (Shape::Text { max, .. } | Shape::Document { max } | Shape::Secret { max }) = field.shape
            else {
                continue;
            };
            let mut config = kind.example();
            config.insert(field.name.to_owned(), "x".repeat(max + 1).into());
            let refused = BackendConfig::parse(*kind, &config).unwrap_err();
            assert_eq!(refused.problems()[0].field(), field.name);
            let of_scheme = ["base_url", "cdn_url", "export_path"].contains(&field.name);
            let rule = refused.problems()[0].rule().to_string();
            assert!(
                of_scheme || rule.contains(&max.to_string()),
                "{}: {rule}",
                field.name
            );
        }
    }
}

#[test]
fn the_docs_have_every_field() {
    let docs = include_str!("../../../../docs/api.md");
    let mut table =
        "| type | field | meaning | values | default |\n| --- | --- | --- | --- | --- |\n".to_owned();
    for kind in BackendKind::ALL {
        for field in kind.fields() {
            let (values, default) = (values(field.shape), default(field));
            let _ = writeln!(
                table,
                "| {kind} | `{}` | {} | {values} | {default} |",
                field.name, field.help
            );
        }
    }
    assert!(docs.contains(&table), "docs/api.md lacks this table:\n{table}");
}

fn values(shape: Shape) -> String {
    match shape {
        Shape::Text { min, max, .. } => format!("text, {min} to {max} bytes"),
        Shape::Document { max } => format!("text of lines, at most {max} bytes"),
        Shape::Secret { max } => format!("secret, at most {max} bytes"),
        Shape::OneOf(texts) => format!("`{}`", texts.join("`, `")),
        Shape::Number { min, max } => format!("{min} to {max}"),
        Shape::Flag => "true or false".to_owned(),
    }
}

fn default(field: &Field) -> String {
    match field.default {
        None if field.is_required() => "required".to_owned(),
        None => "null".to_owned(),
        Some(Constant::Text(text)) => format!("`{text}`"),
        Some(Constant::Number(number)) => number.to_string(),
        Some(Constant::Flag(flag)) => flag.to_string(),
    }
}
