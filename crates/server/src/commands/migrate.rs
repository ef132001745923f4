//! `migrate`: brings the database up to date without serving.

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::exit::{self, Failure};
use crate::settings::layers::with_flags;
use crate::settings::{self, Settings, directories};
use crate::{commands, logging, output, wiring};

/// The arguments.
pub(crate) fn command() -> Command {
    let check = Arg::new("check")
        .long("check")
        .action(ArgAction::SetTrue)
        .help("Changes nothing; exit code 1 where a migration is missing");
    with_flags(
        Command::new("migrate")
            .about("Brings the database up to date")
            .arg(check),
    )
    .after_help(exit::HELP)
}

/// Migrates, or only looks.
pub(crate) fn run(flags: &ArgMatches) -> Result<ExitCode, Failure> {
    let mut settings = settings::load(flags).map_err(|m| Failure::Usage(m.to_string()))?;
    logging::start(&settings.log);
    settings.mount_dir = None;
    directories::prepare(&mut settings).map_err(|e| Failure::Usage(format!("{e:#}")))?;
    let said = commands::block_on(migrate(&settings, flags.get_flag("check")))??;
    output::result(&format!("{said}\n")).context("writing failed")?;
    Ok(ExitCode::SUCCESS)
}

async fn migrate(settings: &Settings, check: bool) -> anyhow::Result<&'static str> {
    let store = wiring::store(settings).await?;
    if check {
        store.ready().await.context("the database is not up to date")?;
        let plain = store.plain_secrets().await?;
        if plain > 0 {
            bail!(
                "the database is not up to date: {plain} backends have secrets that are not encrypted; run migrate"
            );
        }
        return Ok("the database is up to date");
    }
    let was_ready = store.ready().await.is_ok() && store.plain_secrets().await? == 0;
    wiring::bring_up_to_date(settings, &store).await?;
    store.close().await;
    Ok(if was_ready {
        "the database was up to date already"
    } else {
        "the database was brought up to date"
    })
}
