//! Flags that mirror the fields of each kind's config. A secret is never an argument, which every user can read.

use std::fs::File;
use std::io::{self, Read};

use clap::{Arg, ArgAction, ArgMatches};
use serde_json::{Map, Value};
use storage_domain::{BackendKind, InvalidInput};

use super::kinds::KINDS;
use crate::exit::Failure;

/// How a field's value is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Given {
    /// As the flag's value.
    Text,
    /// As the flag's value, a whole number.
    Number,
    /// By the flag alone, which is named and sets what is told here.
    Switch(&'static str, bool),
    /// In a file.
    File,
    /// In a file or on standard input.
    Secret,
}

/// One field of a config.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) given: Given,
    pub(super) value: &'static str,
    pub(super) help: &'static str,
}

/// The longest secret or certificate file that is read, in bytes. The config has closer limits of its own.
const MAX_FILE_BYTES: u64 = 256 * 1024;

impl Field {
    fn flag(&self) -> String {
        let dashed = self.name.replace('_', "-");
        match self.given {
            Given::Text | Given::Number => dashed,
            Given::Switch(flag, _) => flag.to_owned(),
            Given::File | Given::Secret => format!("{dashed}-file"),
        }
    }

    fn stdin_flag(&self) -> String {
        format!("{}-stdin", self.name.replace('_', "-"))
    }
}

/// The flags of a kind.
pub(super) fn args(fields: &'static [Field]) -> Vec<Arg> {
    fields.iter().flat_map(field_args).collect()
}

fn field_args(field: &'static Field) -> Vec<Arg> {
    let arg = Arg::new(field.name).long(field.flag());
    match field.given {
        Given::Text | Given::Number => vec![arg.value_name(field.value).help(field.help)],
        Given::Switch(..) => vec![arg.action(ArgAction::SetTrue).help(field.help)],
        Given::File => vec![
            arg.value_name(field.value)
                .help(format!("{}, in this file", field.help)),
        ],
        Given::Secret => {
            let stdin = Arg::new(field.stdin_flag())
                .long(field.stdin_flag())
                .action(ArgAction::SetTrue)
                .conflicts_with(field.name)
                .help(format!("{}, on standard input", field.help));
            vec![
                arg.value_name(field.value)
                    .help(format!("{}, in this file", field.help)),
                stdin,
            ]
        }
    }
}

/// The kind that was asked for, its fields and its flags.
pub(super) fn chosen(flags: &ArgMatches) -> Result<(BackendKind, &'static [Field], &ArgMatches), Failure> {
    let (name, flags) = flags.subcommand().unwrap_or(("", flags));
    let kind = KINDS.iter().find(|(kind, ..)| kind.as_str() == name);
    // clap refuses every other name.
    let (kind, _, fields) = kind.ok_or_else(|| Failure::Usage("no such kind of storage".to_owned()))?;
    Ok((*kind, fields, flags))
}

/// The config that the flags tell, not yet validated.
///
/// # Errors
/// Files that can't be read, by their flags.
pub(super) fn members(fields: &[Field], flags: &ArgMatches) -> Result<Map<String, Value>, String> {
    let from_stdin = |f: &&Field| f.given == Given::Secret && flags.get_flag(&f.stdin_flag());
    if fields.iter().filter(from_stdin).count() > 1 {
        return Err("only one secret can be read from standard input; put the others in files".to_owned());
    }
    let mut members = Map::new();
    for field in fields {
        if let Some(value) = value(field, flags)? {
            members.insert(field.name.to_owned(), value);
        }
    }
    Ok(members)
}

fn value(field: &Field, flags: &ArgMatches) -> Result<Option<Value>, String> {
    if let Given::Switch(_, sets) = field.given {
        return Ok(flags.get_flag(field.name).then_some(Value::Bool(sets)));
    }
    if field.given == Given::Secret && flags.get_flag(&field.stdin_flag()) {
        let read = read_text(io::stdin().lock());
        return read
            .map(Some)
            .map_err(|why| format!("--{}: {why}", field.stdin_flag()));
    }
    let Some(text) = flags.get_one::<String>(field.name) else {
        return Ok(None);
    };
    match field.given {
        // What is no number stays a text, which the config's own rule refuses.
        Given::Number => Ok(Some(
            text.parse::<i64>()
                .map_or_else(|_| text.as_str().into(), Value::from),
        )),
        Given::File | Given::Secret => {
            let read = File::open(text).map_err(|e| e.to_string()).and_then(read_text);
            read.map(Some)
                .map_err(|why| format!("--{}: {text}: {why}", field.flag()))
        }
        Given::Text | Given::Switch(..) => Ok(Some(text.as_str().into())),
    }
}

/// Reads a file's text without the line break at its end, which editors and `echo` put there.
fn read_text(from: impl Read) -> Result<Value, String> {
    let mut text = String::new();
    let read = from.take(MAX_FILE_BYTES).read_to_string(&mut text);
    read.map_err(|e| e.to_string())?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).into())
}

/// Every mistake of a config, by the flags that set its fields.
pub(super) fn explain(fields: &[Field], mistakes: &InvalidInput) -> String {
    let flag = |pointer: &str| {
        let name = pointer.rsplit('/').next().unwrap_or_default();
        fields
            .iter()
            .find(|f| f.name == name)
            .map_or(String::new(), |f| format!("--{}: ", f.flag()))
    };
    let lines = mistakes
        .problems()
        .iter()
        .map(|p| format!("\n  {}{}", flag(&p.pointer), p.detail));
    format!("this config can't be used:{}", lines.collect::<String>())
}
