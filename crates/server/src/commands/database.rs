//! What the commands on the database share: each names it, and opens it only if it exists.

use anyhow::{Context, anyhow};
use clap::{ArgMatches, Command};
use storage_persistence::Store;

use crate::exit::{self, Failure};
use crate::settings::layers::with_file_and_some_flags;
use crate::settings::{self, Settings, directories, table};
use crate::{logging, output, wiring};

/// What to do if the database can't be opened.
const REMEDY: &str = "Run this as the user and with the settings of the service (docs/operations.md). A new database is made by the service's first start, or by `pureboot-storage migrate --create`";

/// Adds the flags for the settings that say where the database and its keys are.
pub(super) fn with_settings(command: Command) -> Command {
    let keys = [
        &table::DATABASE_URL.key,
        &table::STATE_DIR.key,
        &table::SECRET_KEY_FILE.key,
        &table::LOG_LEVEL.key,
    ];
    with_file_and_some_flags(command.next_line_help(true), &keys).after_help(exit::HELP)
}

/// Reads the settings, and says which database they name. `prepare` sees to the directories.
pub(super) fn settings(
    flags: &ArgMatches,
    prepare: impl FnOnce(&mut Settings) -> anyhow::Result<()>,
) -> Result<Settings, Failure> {
    let mut settings = settings::load(flags).map_err(|m| Failure::Usage(m.to_string()))?;
    logging::start(&settings.log);
    for warning in &settings.warnings {
        output::note(&format!("warning: {warning}"));
    }
    output::note(&format!("database: {}", settings.database_url));
    settings.mount_dir = None;
    settings.boot_cache = None;
    prepare(&mut settings).map_err(|e| Failure::Usage(format!("{e:#}")))?;
    Ok(settings)
}

/// Reads the settings of a command that makes no directory.
pub(super) fn existing_settings(flags: &ArgMatches) -> Result<Settings, Failure> {
    settings(flags, directories::look_up)
}

/// Opens the database if it exists.
pub(super) async fn existing(settings: &Settings) -> anyhow::Result<Store> {
    let store = wiring::store(&settings.database_url.existing()).await;
    store.map_err(|error| anyhow!("{error:#}. {REMEDY}"))
}

/// Opens the database if it exists and its schema is up to date.
pub(super) async fn ready(settings: &Settings) -> anyhow::Result<Store> {
    let store = existing(settings).await?;
    match store.ready().await {
        Ok(()) => Ok(store),
        Err(error) => {
            // An open database leaves its log behind.
            store.close().await;
            Err(error).context("the database is not up to date")
        }
    }
}
