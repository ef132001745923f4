//! The command line: what there is, and where it leads.

use std::process::ExitCode;

use clap::{ArgMatches, Command};

use crate::commands::{files, keys, migrate, openapi, probe, scan, serve, token};
use crate::exit::{self, Failure};
use crate::output;

/// The whole command line.
pub(crate) fn command() -> Command {
    Command::new("pureboot-storage")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Registers, tests, mounts and measures network-boot storage")
        .after_help(exit::HELP)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .max_term_width(110)
        .subcommand(serve::command())
        .subcommand(migrate::command())
        .subcommand(keys::command())
        .subcommand(openapi::command())
        .subcommand(probe::command())
        .subcommand(scan::command())
        .subcommands(files::commands())
        .subcommand(token::command())
}

/// Runs what the command line asks for.
pub(crate) fn run() -> ExitCode {
    let matches = command().get_matches();
    match dispatch(&matches) {
        Ok(code) => code,
        Err(failure) => {
            output::note(&format!("pureboot-storage: {}", failure.message()));
            failure.code()
        }
    }
}

fn dispatch(matches: &ArgMatches) -> Result<ExitCode, Failure> {
    match matches.subcommand() {
        Some(("serve", matches)) => serve::run(matches),
        Some(("migrate", matches)) => migrate::run(matches),
        Some(("keys", matches)) => keys::run(matches),
        Some(("openapi", _)) => openapi::run(),
        Some(("probe", matches)) => probe::run(matches),
        Some(("scan", matches)) => scan::run(matches),
        Some(("token", matches)) => token::run(matches),
        Some((name @ ("ls" | "cat" | "cp" | "rm" | "mv" | "mkdir" | "boot-check"), matches)) => {
            files::run(name, matches)
        }
        // clap refuses every other name, and no name.
        _ => Err(Failure::Usage("no such command; see --help".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }
}
