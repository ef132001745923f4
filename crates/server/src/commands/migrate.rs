//! `migrate`: brings the database up to date without serving.

use std::process::ExitCode;

use anyhow::Context;
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::database;
use crate::exit::Failure;
use crate::settings::{Settings, directories};
use crate::{commands, output, wiring};

const CHECK: &str = "check";
const CREATE: &str = "create";

/// The arguments.
pub(crate) fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    let check = flag(CHECK, "Changes nothing; exit code 1 if a migration is missing");
    let create = flag(
        CREATE,
        "Makes the database, and the state directory, if they do not exist",
    );
    let command = Command::new("migrate").about("Brings the database up to date");
    database::with_settings(command.arg(check).arg(create.conflicts_with(CHECK)))
}

/// Migrates, or only looks.
pub(crate) fn run(flags: &ArgMatches) -> Result<ExitCode, Failure> {
    let settings = if flags.get_flag(CREATE) {
        database::settings(flags, directories::prepare)
    } else {
        database::existing_settings(flags)
    }?;
    let work = async {
        if flags.get_flag(CHECK) {
            check(&settings).await
        } else {
            migrate(&settings, flags.get_flag(CREATE)).await
        }
    };
    let said = commands::block_on(work)??;
    output::result(&format!("{said}\n")).context("writing failed")?;
    Ok(ExitCode::SUCCESS)
}

async fn check(settings: &Settings) -> anyhow::Result<&'static str> {
    database::ready(settings).await?.close().await;
    Ok("the database is up to date")
}

async fn migrate(settings: &Settings, create: bool) -> anyhow::Result<&'static str> {
    let store = if create {
        wiring::store(&settings.database_url).await?
    } else {
        database::existing(settings).await?
    };
    let was_ready = store.ready().await.is_ok();
    wiring::bring_up_to_date(settings, &store).await?;
    store.close().await;
    Ok(if was_ready {
        "the database was up to date already"
    } else {
        "the database was brought up to date"
    })
}
