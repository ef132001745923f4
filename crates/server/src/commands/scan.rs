//! `scan`: counts the files of a directory.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::builder::PathBufValueParser;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use indicatif::ProgressBar;
use serde_json::json;
use storage_backends::scan::{ScanOptions, count_directory};
use storage_backends::{ScanProgress, ScanReport};

use crate::exit::{self, Failure};
use crate::settings::layers::with_some_flags;
use crate::settings::{self, table};
use crate::{commands, output};

/// Directories that may be read at once, at the most.
const MAX_THREADS: i64 = 256;
/// How often the message is renewed.
const TICK: Duration = Duration::from_millis(100);

/// The arguments.
pub(crate) fn command() -> Command {
    let path = Arg::new("path")
        .value_name("PATH")
        .required(true)
        .value_parser(PathBufValueParser::new());
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    let threads = Arg::new("threads")
        .long("threads")
        .value_name("N")
        .value_parser(value_parser!(u32).range(1..=MAX_THREADS))
        .help(format!(
            "Directories to read at once [default: {}]",
            ScanOptions::DEFAULT_THREADS
        ));
    let command = Command::new("scan")
        .about("Counts the files and images below a directory; what can't be read is counted as an error")
        .arg(path.help("The directory"))
        .arg(flag("json", "Prints one JSON object"))
        .arg(flag(
            "bytes",
            "Adds the files' sizes up, which costs a stat a file",
        ))
        .arg(threads);
    with_some_flags(
        command,
        &[&table::TEMPLATE_EXTENSIONS.key, &table::IGNORED_DIRECTORIES.key],
    )
    .after_help(exit::HELP)
}

/// Counts; exit code 0 where the directory itself could be read.
pub(crate) fn run(flags: &ArgMatches) -> Result<ExitCode, Failure> {
    let settings = settings::load_without_file(flags).map_err(|m| Failure::Usage(m.to_string()))?;
    let mut options =
        ScanOptions::of_directory(&settings.templates, &settings.ignored, flags.get_flag("bytes"));
    if let Some(threads) = flags.get_one::<u32>("threads") {
        options.parallel = usize::try_from(*threads).unwrap_or(options.parallel);
    }
    let Some(path) = flags.get_one::<PathBuf>("path") else {
        return Err(Failure::Usage("the directory is missing".to_owned()));
    };
    let report = commands::block_on(scan(path, &options))??;
    let text = if flags.get_flag("json") {
        json(&report)
    } else {
        human(path, &report)
    };
    if let Some(gaps) = report.incomplete() {
        output::note(&format!("pureboot-storage: {gaps}"));
    }
    if let Some(skipped) = report.skipped() {
        output::note(&format!("pureboot-storage: {skipped}"));
    }
    output::result(&text).context("writing failed")?;
    Ok(ExitCode::SUCCESS)
}

/// Counts, and draws the progress, until the count ends or Ctrl-C is pressed.
async fn scan(path: &Path, options: &ScanOptions<'_>) -> Result<ScanReport, Failure> {
    let (spinner, progress) = (output::spinner(), ScanProgress::default());
    let mut report = std::pin::pin!(count_directory(path, options, &progress));
    let mut ticks = tokio::time::interval(TICK);
    let result = loop {
        tokio::select! {
            result = &mut report => {
                break result.map_err(|e| {
                    Failure::NotRun(anyhow!(e).context(format!("{} can't be scanned", path.display())))
                });
            }
            _ = ticks.tick() => draw(&spinner, &progress),
            _ = tokio::signal::ctrl_c() => break Err(Failure::Interrupted),
        }
    };
    spinner.finish_and_clear();
    result
}

fn draw(spinner: &ProgressBar, progress: &ScanProgress) {
    let (files, directories) = (progress.files(), progress.directories());
    spinner.set_message(format!("{files} files in {directories} directories"));
}

fn json(report: &ScanReport) -> String {
    let mut object = json!({
        "files": report.files,
        "directories": report.directories,
        "templates": report.templates,
        "errors": report.errors,
        "duration_ms": u64::try_from(report.duration.as_millis()).unwrap_or(u64::MAX),
    });
    if let Some(bytes) = report.bytes {
        object["bytes"] = bytes.get().into();
    }
    if let Some(gaps) = report.incomplete() {
        object["incomplete"] = json!(gaps);
    }
    if let Some(skipped) = report.skipped() {
        object["skipped"] = json!(skipped);
    }
    format!("{object}\n")
}

fn human(path: &Path, report: &ScanReport) -> String {
    let bytes = report.bytes.map_or(String::new(), |bytes| format!(", {bytes}"));
    format!(
        "{}: {} files in {} directories{bytes}; {} boot or install images; {} errors; {} ms\n",
        path.display(),
        report.files,
        report.directories,
        report.templates,
        report.errors,
        report.duration.as_millis()
    )
}
