//! `openapi`: prints the document that describes the REST API.

use std::process::ExitCode;

use anyhow::Context;
use clap::Command;

use crate::exit::Failure;
use crate::output;

/// The arguments: none.
pub(crate) fn command() -> Command {
    Command::new("openapi").about("Prints the OpenAPI 3.1 document of the REST API")
}

/// Prints the document.
pub(crate) fn run() -> Result<ExitCode, Failure> {
    let document = storage_api::openapi::document();
    output::result(&format!("{}\n", document.trim_end())).context("writing the document failed")?;
    Ok(ExitCode::SUCCESS)
}
