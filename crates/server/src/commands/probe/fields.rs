//! Flags for the fields of each kind's config. A secret is never an argument, which every user can read.

use std::fs::File;
use std::io::{self, Read};

use clap::{Arg, ArgAction, ArgMatches};
use serde_json::{Map, Value};
use storage_domain::{BackendKind, Constant, Field, InvalidInput, Shape};

use crate::exit::Failure;

/// The longest file with a secret or certificates that is read, in bytes. The config has closer limits of its own.
const MAX_FILE_BYTES: u64 = 256 * 1024;

/// Returns the flag that sets a field.
fn flag(field: &Field) -> String {
    let dashed = field.name.replace('_', "-");
    match field.shape {
        Shape::Text { .. } | Shape::OneOf(_) | Shape::Number { .. } => dashed,
        Shape::Flag if sets(field) => dashed,
        Shape::Flag => format!("no-{dashed}"),
        Shape::Document { .. } | Shape::Secret { .. } => format!("{dashed}-file"),
    }
}

/// Returns what the flag of a switch sets: the opposite of its default.
fn sets(field: &Field) -> bool {
    field.default != Some(Constant::Flag(true))
}

fn stdin_flag(field: &Field) -> String {
    format!("{}-stdin", field.name.replace('_', "-"))
}

/// Returns the name of the positional argument that sets a field, if the field has one: what every config needs.
fn positional(field: &Field) -> Option<String> {
    let is_text = matches!(field.shape, Shape::Text { .. });
    (field.is_required() && is_text).then(|| field.name.to_ascii_uppercase())
}

/// Returns the arguments of a kind: a flag for each field, and what every config needs without one too.
pub(super) fn args(kind: BackendKind) -> Vec<Arg> {
    let fields = kind.fields().iter();
    let needed = fields.clone().filter_map(|field| {
        let arg = Arg::new(positional(field)?).conflicts_with(field.name);
        Some(arg.help(format!("{} [or: --{}]", field.help, flag(field))))
    });
    needed.chain(fields.flat_map(field_args)).collect()
}

fn field_args(field: &'static Field) -> Vec<Arg> {
    let arg = Arg::new(field.name).long(flag(field));
    match field.shape {
        Shape::Text { placeholder, .. } => vec![arg.value_name(placeholder).help(help(field))],
        Shape::OneOf(texts) => vec![arg.value_name(texts.join("|")).help(help(field))],
        Shape::Number { .. } => vec![arg.value_name("NUMBER").help(help(field))],
        Shape::Flag => {
            let help = format!("{} [sets {} to {}]", field.help, field.name, sets(field));
            vec![arg.action(ArgAction::SetTrue).help(help)]
        }
        Shape::Document { .. } => vec![file_arg(field, arg)],
        Shape::Secret { .. } => {
            let stdin = Arg::new(stdin_flag(field))
                .long(stdin_flag(field))
                .action(ArgAction::SetTrue)
                .conflicts_with(field.name)
                .help(format!("{}, on standard input", field.help));
            vec![file_arg(field, arg), stdin]
        }
    }
}

fn file_arg(field: &Field, arg: Arg) -> Arg {
    let help = format!("{}, in this file", field.help);
    arg.value_name("FILE").help(help)
}

fn help(field: &Field) -> String {
    let default = match field.default {
        None => return field.help.to_owned(),
        Some(Constant::Text(text)) => text.to_owned(),
        Some(Constant::Number(number)) => number.to_string(),
        Some(Constant::Flag(flag)) => flag.to_string(),
    };
    format!("{} [default: {default}]", field.help)
}

/// Returns the kind that was chosen, and its flags.
pub(super) fn chosen(flags: &ArgMatches) -> Result<(BackendKind, &ArgMatches), Failure> {
    let (name, flags) = flags.subcommand().unwrap_or(("", flags));
    // clap refuses every other name.
    let kind = name
        .parse()
        .map_err(|rule| Failure::Usage(format!("the kind of storage {rule}")))?;
    Ok((kind, flags))
}

/// Returns the config that the flags set, not yet validated.
///
/// # Errors
/// Files that can't be read, by their flags.
pub(super) fn members(kind: BackendKind, flags: &ArgMatches) -> Result<Map<String, Value>, String> {
    let from_stdin = |field: &&Field| field.is_secret() && flags.get_flag(&stdin_flag(field));
    if kind.fields().iter().filter(from_stdin).count() > 1 {
        return Err("only one secret can be read from standard input; put the others into files".to_owned());
    }
    let mut members = Map::new();
    for field in kind.fields() {
        if let Some(value) = value(field, flags)? {
            members.insert(field.name.to_owned(), value);
        }
    }
    Ok(members)
}

fn value(field: &Field, flags: &ArgMatches) -> Result<Option<Value>, String> {
    if field.shape == Shape::Flag {
        return Ok(flags.get_flag(field.name).then(|| sets(field).into()));
    }
    if field.is_secret() && flags.get_flag(&stdin_flag(field)) {
        let read = read_text(io::stdin().lock());
        return read
            .map(Some)
            .map_err(|why| format!("--{}: {why}", stdin_flag(field)));
    }
    let by_place = positional(field).and_then(|name| flags.get_one::<String>(&name));
    let Some(text) = flags.get_one::<String>(field.name).or(by_place) else {
        return Ok(None);
    };
    match field.shape {
        // What is not a number stays a text, which the config's own rule refuses.
        Shape::Number { .. } => {
            let number = text.parse::<i64>().map(Value::from);
            Ok(Some(number.unwrap_or_else(|_| text.as_str().into())))
        }
        Shape::Document { .. } | Shape::Secret { .. } => {
            let read = File::open(text).map_err(|e| e.to_string()).and_then(read_text);
            read.map(Some)
                .map_err(|why| format!("--{}: {text}: {why}", flag(field)))
        }
        Shape::Text { .. } | Shape::OneOf(_) | Shape::Flag => Ok(Some(text.as_str().into())),
    }
}

/// Reads a file's text without the line break at its end, which editors and `echo` add.
fn read_text(from: impl Read) -> Result<Value, String> {
    let mut text = String::new();
    let read = from.take(MAX_FILE_BYTES).read_to_string(&mut text);
    read.map_err(|e| e.to_string())?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).into())
}

/// Lists the mistakes of a config by the flags of its fields.
pub(super) fn explain(kind: BackendKind, mistakes: &InvalidInput) -> String {
    let flags = |name: &str| kind.fields().iter().find(|field| field.name == name).map(flag);
    let lines = mistakes.problems().iter().map(|p| match flags(p.field()) {
        Some(flag) => format!("\n  --{flag} {}", p.rule()),
        None => format!("\n  {p}"),
    });
    format!("this config can't be used:{}", lines.collect::<String>())
}
