//! `boot-check`: which machines boot from a file.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::Value;

use super::api::Api;
use super::place::Place;
use crate::exit::{self, Failure};
use crate::output;

/// Prints what each kind of client makes of a file; exit code 0 if one boots from it and none fails, 1 otherwise.
pub(super) async fn check(api: &Api, place: &Place, is_json: bool) -> Result<ExitCode, Failure> {
    let backend = api.backend(&place.name).await?;
    let checked = api.boot_check(&backend, &place.path).await?;
    let text = if is_json {
        format!("{checked:#}\n")
    } else {
        human(&checked, output::colours_stdout())
    };
    output::result(&text).context("writing failed")?;
    Ok(ExitCode::from(if passed(&checked) {
        exit::OK
    } else {
        exit::FAILED
    }))
}

fn clients(checked: &Value) -> &[Value] {
    checked["clients"].as_array().map_or(&[], Vec::as_slice)
}

fn passed(checked: &Value) -> bool {
    let any = |outcome: &str| clients(checked).iter().any(|client| client["outcome"] == outcome);
    any("boots") && !any("fails")
}

/// Returns a line a client, the address, and what loads the file.
fn human(checked: &Value, coloured: bool) -> String {
    let mut text = String::new();
    for client in clients(checked) {
        let [name, outcome, detail] = ["client", "outcome", "detail"].map(|member| shown(&client[member]));
        let outcome = paint(coloured, &outcome);
        // Memory takes what is written to it.
        let _ = writeln!(text, "{outcome}  {name:9}  {detail}");
    }
    let lines = &checked["lines"];
    for (name, value) in [
        ("address", &checked["url"]),
        ("iPXE", &lines["ipxe"]),
        ("GRUB", &lines["grub"]),
    ] {
        let _ = writeln!(text, "{name:10}  {}", shown(value));
    }
    text
}

/// Returns a text without what would steer a terminal; a dash if there is none.
fn shown(value: &Value) -> String {
    output::in_line(value.as_str().unwrap_or("-"))
}

/// Returns the outcome in its colour, padded to the longest one.
fn paint(coloured: bool, outcome: &str) -> String {
    let colour = match outcome {
        "boots" => 32,
        "fails" => 31,
        _ => 33,
    };
    output::paint(coloured, colour, &format!("{outcome:10}"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn with(outcomes: &[&str]) -> Value {
        let client = |outcome: &&str| json!({ "client": "ipxe", "outcome": outcome, "detail": "Why.\u{1b}" });
        let clients: Vec<_> = outcomes.iter().map(client).collect();
        json!({ "clients": clients, "url": "http://a/b", "lines": { "ipxe": "chain http://a/b", "grub": null } })
    }

    #[rstest]
    #[case(&["boots", "unsuitable"], true)]
    #[case(&["boots", "fails"], false)]
    #[case(&["unsuitable"], false)]
    #[case(&[], false)]
    fn exit_codes(#[case] outcomes: &[&str], #[case] has_passed: bool) {
        assert_eq!(passed(&with(outcomes)), has_passed);
    }

    #[test]
    fn lines() {
        let text = human(&with(&["boots", "unsuitable"]), false);
        let wanted = "\
boots       ipxe       Why.\\u{1b}
unsuitable  ipxe       Why.\\u{1b}
address     http://a/b
iPXE        chain http://a/b
GRUB        -
";
        assert_eq!(text, wanted);
        assert!(human(&with(&["fails"]), true).starts_with("\u{1b}[31mfails     \u{1b}[0m"));
    }
}
