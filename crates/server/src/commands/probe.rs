//! `probe`: tests a config without a database.

mod fields;
mod show;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use clap::{Arg, ArgAction, ArgMatches, Command};
use storage_backends::{Backend, Error, ErrorKind, OpContext, Registry, ScanProgress, Tree, UnmountMode};
use storage_domain::{BackendConfig, BackendId, BackendKind, Check, Outcome, ProbeReport, Revision};
use tokio_util::sync::CancellationToken;

use crate::exit::{self, Failure};
use crate::settings::layers::with_some_flags;
use crate::settings::{self, Settings, directories, table};
use crate::{commands, output, wiring};

/// Where probes mount, in the state directory.
const PROBES: &str = "probes";
/// How long the mount of a probe may take to go away again.
const UNMOUNT_DEADLINE: Duration = Duration::from_secs(10);
/// How long the files are counted, if the probe passed.
const COUNT_DEADLINE: Duration = Duration::from_secs(2);

/// The arguments.
pub(crate) fn command() -> Command {
    let kinds = BackendKind::ALL.iter().map(|kind| {
        let mut settings = vec![
            &table::STATE_DIR.key,
            &table::MOUNTING.key,
            &table::MOUNT_DEADLINE.key,
            &table::TEST_DEADLINE.key,
            &table::ALLOW_NETWORKS.key,
            &table::DENY_NETWORKS.key,
        ];
        if *kind == BackendKind::Iscsi {
            settings.push(&table::ISCSI_INITIATOR_NAME.key);
        }
        let command = Command::new(kind.as_str())
            .about(format!("Tests {}", kind.facts().noun))
            .args(fields::args(*kind));
        with_some_flags(command.arg(json()), &settings).after_help(exit::HELP)
    });
    Command::new("probe")
        .about("Tests a backend's config, without a database; what it mounts is unmounted again")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(kinds)
        .after_help(exit::HELP)
}

fn json() -> Arg {
    Arg::new("json")
        .long("json")
        .action(ArgAction::SetTrue)
        .help("Prints one JSON object")
}

/// Probes; exit code 0 if it passed, 1 if it did not.
pub(crate) fn run(flags: &ArgMatches) -> Result<ExitCode, Failure> {
    let (kind, flags) = fields::chosen(flags)?;
    let settings = settings::load_without_file(flags).map_err(|m| Failure::Usage(m.to_string()))?;
    let members = fields::members(kind, flags).map_err(Failure::Usage)?;
    let config =
        BackendConfig::parse(kind, &members).map_err(|e| Failure::Usage(fields::explain(kind, &e)))?;
    let report = commands::block_on(probe(settings, config))??;
    let text = if flags.get_flag("json") {
        show::json(&report)
    } else {
        show::human(&report, output::colours_stdout())
    };
    output::result(&text).context("writing failed")?;
    Ok(ExitCode::from(if report.passed() {
        exit::OK
    } else {
        exit::FAILED
    }))
}

async fn probe(mut settings: Settings, config: BackendConfig) -> Result<ProbeReport, Failure> {
    let place = Place::make(&mut settings, config.kind());
    let registry = Registry::new(wiring::backends(&settings)).map_err(|e| Failure::Usage(e.to_string()))?;
    let backend = registry
        .get(BackendId::generate(), Revision::FIRST, &config)
        .map_err(|e| Failure::NotRun(e.into()))?;
    let result = watched(&backend, settings.test_deadline).await;
    unmount(&backend).await;
    drop(place);
    result
}

/// Runs the probe, and ends it where Ctrl-C is pressed.
async fn watched(backend: &Arc<dyn Backend>, deadline: Duration) -> Result<ProbeReport, Failure> {
    let cancel = CancellationToken::new();
    let cx = OpContext::within(deadline).with_cancel(cancel.clone());
    let spinner = output::spinner();
    spinner.set_message("probing…");
    let probe = async {
        let mut report = backend.probe(&cx).await?;
        if report.passed()
            && let Some(tree) = backend.as_tree()
        {
            report.checks.push(count(tree, &cancel).await);
        }
        Ok::<_, Error>(report)
    };
    tokio::pin!(probe);
    let result = tokio::select! {
        result = &mut probe => result,
        _ = tokio::signal::ctrl_c() => {
            cancel.cancel();
            probe.await
        }
    };
    spinner.finish_and_clear();
    match result {
        _ if cancel.is_cancelled() => Err(Failure::Interrupted),
        Ok(report) => Ok(report),
        Err(error) => Err(Failure::NotRun(
            anyhow!(error).context("the probe could not be run"),
        )),
    }
}

/// Counts the files, as the API's test does.
async fn count(tree: &dyn Tree, cancel: &CancellationToken) -> Check {
    let (begun, progress) = (Instant::now(), Arc::<ScanProgress>::default());
    let cx = OpContext::within(COUNT_DEADLINE).with_cancel(cancel.clone());
    let (outcome, detail) = match tree.scan(&cx, Arc::clone(&progress)).await {
        Ok(report) => (Outcome::Passed, report.to_string()),
        Err(error) if matches!(error.kind(), ErrorKind::Timeout) => {
            let files = progress.files();
            (
                Outcome::Skipped,
                format!("More files than can be counted in {COUNT_DEADLINE:?}: {files} so far"),
            )
        }
        Err(error) => (
            Outcome::Skipped,
            format!("The files were not counted: {:#}", anyhow!(error)),
        ),
    };
    Check {
        name: "scan",
        outcome,
        detail,
        duration: begun.elapsed(),
    }
}

async fn unmount(backend: &Arc<dyn Backend>) {
    let Some(mount) = backend.as_mount() else { return };
    let cx = OpContext::within(UNMOUNT_DEADLINE);
    if let Err(error) = mount.unmount(&cx, UnmountMode::Lazy).await {
        output::note(&format!("pureboot-storage: {:#}", anyhow!(error)));
    }
}

/// The private directory of one probe, removed when it is dropped unless something is left mounted in it.
struct Place(Option<PathBuf>);

impl Place {
    /// Makes it for a kind that is mounted, and makes `settings` mount there. Where it can't be made, the probe goes
    /// on without mounting.
    fn make(settings: &mut Settings, kind: BackendKind) -> Self {
        let wanted = settings.mount_dir.take().filter(|_| kind.facts().is_mounted);
        let made = wanted.map(|_| make_private(&settings.state_dir));
        let made = made.transpose().unwrap_or_else(|error| {
            output::note(&format!("pureboot-storage: the export is not mounted: {error:#}"));
            None
        });
        settings.mount_dir.clone_from(&made);
        Self(made)
    }
}

fn make_private(state_dir: &Path) -> anyhow::Result<PathBuf> {
    let state_dir = directories::private("state_dir", state_dir)?;
    let probes = directories::private("state_dir", &state_dir.join(PROBES))?;
    let place = directories::private("state_dir", &probes.join(BackendId::generate().to_string()))?;
    directories::refuse_shared(&place)?;
    Ok(place)
}

impl Drop for Place {
    fn drop(&mut self) {
        // Never more than an empty directory: a mount that is still there keeps it.
        if let Some(place) = &self.0 {
            let _ = std::fs::remove_dir(place);
        }
    }
}
