//! `ls`, `cat`, `cp`, `rm`, `mv`, `mkdir` and `boot-check`: files of backends, by the REST API.

mod api;
mod boot_check;
mod changes;
mod cp;
mod download;
mod ls;
mod place;
mod source;
mod upload;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use futures_util::TryStreamExt as _;
use serde_json::Value;

use self::api::Api;
use self::place::{End, Place};
use crate::exit::{self, Failure};
use crate::{commands, output};

/// The commands.
pub(crate) fn commands() -> [Command; 7] {
    let resume = flag(
        "resume",
        "Goes on where an earlier copy of the same file broke off",
    );
    let recursive = flag("recursive", "Deletes a directory with all that is in it").short('r');
    let parents = flag("parents", "Takes a directory that is there, too").short('p');
    [
        command("ls", "Lists a directory of a backend, or describes a file")
            .arg(json("Prints one JSON object a line"))
            .arg(place("place", "images:/debian")),
        command("cat", "Writes a file of a backend to standard output")
            .arg(place("place", "images:/debian/README")),
        command(
            "cp",
            "Copies a file between this machine and backends, or between backends",
        )
        .arg(json("Prints what was written as a JSON object"))
        .arg(resume)
        .arg(end("from", "FROM", "A local file, or NAME:/PATH"))
        .arg(end(
            "to",
            "TO",
            "A local path, or NAME:/PATH; a directory takes the name of the file",
        )),
        command("rm", "Deletes a file or an empty directory of a backend")
            .arg(json("Prints what was done as a JSON object"))
            .arg(recursive)
            .arg(place("place", "images:/debian/README")),
        command(
            "mv",
            "Moves a file or directory of a backend, and replaces nothing",
        )
        .arg(json("Prints what was done as a JSON object"))
        .arg(place("from", "images:/debian.iso"))
        .arg(place("to", "images:/debian/13.iso")),
        command(
            "mkdir",
            "Makes a directory of a backend, and those above it that are missing",
        )
        .arg(json("Prints its description as a JSON object"))
        .arg(parents)
        .arg(place("place", "images:/debian")),
        command(
            "boot-check",
            "Fetches a file as machines that boot do, and says which of them boot from it",
        )
        .long_about(
            "Fetches a file as machines that boot do, and says which of them boot from it; ends with 0 if one does and none fails, and with 1 otherwise",
        )
        .arg(json("Prints one JSON object"))
        .arg(place("place", "images:/boot/grubx64.efi")),
    ]
}

fn command(name: &'static str, about: &'static str) -> Command {
    Command::new(name)
        .about(about)
        .args(api::args())
        .after_help(exit::HELP)
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

fn json(help: &'static str) -> Arg {
    flag("json", help)
}

fn place(id: &'static str, example: &str) -> Arg {
    Arg::new(id)
        .value_name("NAME:/PATH")
        .required(true)
        .value_parser(value_parser!(Place))
        .help(format!("The backend's name and a path, such as {example}"))
}

fn end(id: &'static str, name: &'static str, help: &'static str) -> Arg {
    Arg::new(id)
        .value_name(name)
        .required(true)
        .value_parser(value_parser!(End))
        .help(help)
}

/// Runs one of the [`commands()`]; exit code 1 if the service or the storage refuses.
pub(crate) fn run(name: &str, flags: &ArgMatches) -> Result<ExitCode, Failure> {
    let api = Api::open(flags)?;
    commands::block_on(async {
        let done = match name {
            "ls" => return list(&api, flags).await,
            "boot-check" => {
                let place = get(flags, "place")?;
                return boot_check::check(&api, place, flags.get_flag("json")).await;
            }
            "cat" => return cat(&api, flags).await,
            "cp" => {
                cp::copy(
                    &api,
                    get(flags, "from")?,
                    get(flags, "to")?,
                    flags.get_flag("resume"),
                )
                .await
            }
            "rm" => changes::remove(&api, get(flags, "place")?, flags.get_flag("recursive")).await,
            "mv" => changes::rename(&api, get(flags, "from")?, get(flags, "to")?).await,
            _ => changes::make_directory(&api, get(flags, "place")?, flags.get_flag("parents")).await,
        };
        show(&done?, flags)
    })?
}

/// Prints what was done, if it is asked for.
fn show(done: &Value, flags: &ArgMatches) -> Result<ExitCode, Failure> {
    if flags.get_flag("json") {
        output::result(&format!("{done}\n")).context("writing failed")?;
    }
    Ok(ExitCode::from(exit::OK))
}

fn get<'a, T: Clone + Send + Sync + 'static>(flags: &'a ArgMatches, id: &str) -> Result<&'a T, Failure> {
    let value = flags.get_one::<T>(id);
    value.ok_or_else(|| Failure::Usage(format!("{id} is missing")))
}

async fn list(api: &Api, flags: &ArgMatches) -> Result<ExitCode, Failure> {
    let place: &Place = get(flags, "place")?;
    let backend = api.backend(&place.name).await?;
    ls::list(api, &backend, &place.path, flags.get_flag("json")).await
}

async fn cat(api: &Api, flags: &ArgMatches) -> Result<ExitCode, Failure> {
    let place: &Place = get(flags, "place")?;
    let backend = api.backend(&place.name).await?;
    let mut bytes = api.download(&backend, &place.path, 0, None).await?;
    while let Some(piece) = bytes.try_next().await.context("the download broke off")? {
        if !output::piece(&piece).context("writing failed")? {
            break;
        }
    }
    Ok(ExitCode::from(exit::OK))
}
