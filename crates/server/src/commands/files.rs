//! `ls` and `cat`: files of a backend, by the REST API.

mod api;
mod ls;
mod place;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Arg, ArgAction, ArgMatches, Command};
use futures_util::TryStreamExt as _;

use self::api::Api;
use self::place::Place;
use crate::exit::{self, Failure};
use crate::{commands, output};

/// The arguments of `ls`.
pub(crate) fn ls_command() -> Command {
    let json = Arg::new("json")
        .long("json")
        .action(ArgAction::SetTrue)
        .help("Prints one JSON object a line");
    command("ls", "Lists a directory of a backend, or describes a file")
        .arg(json)
        .arg(place("images:/debian"))
}

/// The arguments of `cat`.
pub(crate) fn cat_command() -> Command {
    command("cat", "Writes a file of a backend to standard output").arg(place("images:/debian/README"))
}

fn command(name: &'static str, about: &'static str) -> Command {
    Command::new(name)
        .about(about)
        .args(api::args())
        .after_help(exit::HELP)
}

fn place(example: &str) -> Arg {
    Arg::new("place")
        .value_name("NAME:/PATH")
        .required(true)
        .value_parser(clap::value_parser!(Place))
        .help(format!("The backend's name and a path, such as {example}"))
}

/// Lists; exit code 1 if the service or the storage refuses.
pub(crate) fn ls(flags: &ArgMatches) -> Result<ExitCode, Failure> {
    let (api, place) = open(flags)?;
    let is_json = flags.get_flag("json");
    commands::block_on(async {
        let backend = api.backend(&place.name).await?;
        ls::list(&api, &backend, &place.path, is_json).await
    })?
}

/// Writes a file; exit code 1 if not all of it could be written.
pub(crate) fn cat(flags: &ArgMatches) -> Result<ExitCode, Failure> {
    let (api, place) = open(flags)?;
    commands::block_on(async {
        let backend = api.backend(&place.name).await?;
        let mut bytes = api.download(&backend, &place.path).await?;
        while let Some(piece) = bytes.try_next().await.context("the download broke off")? {
            if !output::piece(&piece).context("writing failed")? {
                break;
            }
        }
        Ok(ExitCode::from(exit::OK))
    })?
}

fn open(flags: &ArgMatches) -> Result<(Api, Place), Failure> {
    let place = flags.get_one::<Place>("place").cloned();
    let place = place.ok_or_else(|| Failure::Usage("the place is missing".to_owned()))?;
    Ok((Api::open(flags)?, place))
}
