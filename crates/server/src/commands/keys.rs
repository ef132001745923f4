//! `keys`: the keys that encrypt the secrets in the database.

use std::fmt::Write;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Arg, ArgAction, ArgMatches, Command};
use storage_persistence::{KeyReport, Reset, Rotated, Rotation};

use super::{database, trail};
use crate::exit::Failure;
use crate::settings::{Settings, directories};
use crate::{commands, output, wiring};

const PREPARE: &str = "prepare";
const DROP_SECRETS: &str = "drop-secrets";

const STATUS_ABOUT: &str = "Lists the keys by their names, and how many backends use each; changes nothing";
const ROTATE_ABOUT: &str =
    "Makes a new key, encrypts every secret with it, and drops the old key; the service may run meanwhile";
const RESET_ABOUT: &str =
    "Where a key is lost: drops the secrets that nobody can read any more, and goes on with another key";

/// The arguments.
pub(crate) fn command() -> Command {
    let prepare = Arg::new(PREPARE).long(PREPARE).action(ArgAction::SetTrue).help(
        "Only puts a new key into the file, so that it can be copied to every host first; the next `keys rotate` uses it",
    );
    let drop_secrets = Arg::new(DROP_SECRETS)
        .long(DROP_SECRETS)
        .action(ArgAction::SetTrue)
        .required(true)
        .help("Says that this is meant: the backends stay, and their passwords have to be set again");
    let one =
        |name: &'static str, about: &'static str| database::with_settings(Command::new(name).about(about));
    Command::new("keys")
        .about("Shows and changes the keys that encrypt secrets in the database")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(one("status", STATUS_ABOUT))
        .subcommand(one("rotate", ROTATE_ABOUT).arg(prepare))
        .subcommand(one("reset", RESET_ABOUT).arg(drop_secrets))
}

/// Does what the subcommand says.
pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let Some((name, flags)) = matches.subcommand() else {
        return Err(Failure::Usage(
            "keys status, keys rotate or keys reset?".to_owned(),
        ));
    };
    let settings = database::existing_settings(flags)?;
    let work = async {
        match name {
            "status" => status(&settings).await,
            "rotate" if flags.get_flag(PREPARE) => rotate(&settings, Rotation::Prepare).await,
            "rotate" => rotate(&settings, Rotation::Whole).await,
            _ => reset(&settings).await,
        }
    };
    let said = commands::block_on(work)??;
    output::result(&said).context("writing failed")?;
    Ok(ExitCode::SUCCESS)
}

async fn status(settings: &Settings) -> anyhow::Result<String> {
    let store = database::ready(settings).await?;
    let source = settings.key_source();
    let report = store.key_report(&source).await?;
    store.close().await;
    Ok(show(&report, &source.place()))
}

async fn rotate(settings: &Settings, rotation: Rotation) -> anyhow::Result<String> {
    let store = database::ready(settings).await?;
    wiring::unlock(settings, &store).await?;
    let source = settings.key_source();
    let record = trail::record("keys.rotate");
    let rotated = store.rotate(&source, rotation, Some(record)).await?;
    store.close().await;
    Ok(match rotation {
        Rotation::Prepare => prepared(&rotated, &source.place()),
        Rotation::Whole => rotated_text(&rotated),
    })
}

/// With no service in the state directory: one that runs has the key, so that it is not lost.
async fn reset(settings: &Settings) -> anyhow::Result<String> {
    let store = database::ready(settings).await?;
    let _claim = directories::claim(settings)?;
    let record = trail::record("keys.reset");
    let Reset { key, dropped } = store.reset_keys(&settings.key_source(), Some(record)).await?;
    store.close().await;
    let mut text = format!(
        "the present key is {key}; {} backends lost their secrets\n",
        dropped.len()
    );
    for backend in dropped {
        let _ = writeln!(text, "  {}", backend.name);
    }
    Ok(text)
}

fn show(report: &KeyReport, place: &str) -> String {
    let mut text = format!("keys are in {place}\n");
    for key in &report.keys {
        let state = match (key.is_current, key.is_here) {
            (true, true) => "present",
            (true, false) => "present, and not there",
            (false, true) if key.rows > 0 => "older",
            (false, true) => "not in use",
            (false, false) => "older, and not there",
        };
        let _ = writeln!(text, "  {}  {} backends  {state}", key.id, key.rows);
    }
    text
}

fn rotated_text(rotated: &Rotated) -> String {
    let Rotated { key, rows, .. } = rotated;
    let mut text = if rotated.is_resumed {
        format!(
            "went on to key {key}, which was there already: {rows} backends were encrypted again\n\
             no new key was made; if that one has to go too, run `keys rotate` once more\n"
        )
    } else {
        format!("made and changed over to key {key}: {rows} backends were encrypted again\n")
    };
    text.push_str(&left_behind(rotated));
    text
}

fn prepared(rotated: &Rotated, place: &str) -> String {
    let key = &rotated.key;
    format!(
        "{place} has the new key {key}, which is not in use yet: copy the file to every host, then run `keys rotate` on one of them\n"
    )
}

fn left_behind(rotated: &Rotated) -> String {
    match rotated.unopened {
        0 => String::new(),
        unopened => {
            format!("{unopened} backends can't be read, and keep their older key; see the log\n")
        }
    }
}
