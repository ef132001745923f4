//! `serve`: the service.

mod gate;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{ArgMatches, Command};
use storage_api::watched::{self, Reload};
use storage_api::{Access, App, Boot};
use storage_persistence::Store;

use crate::boot::BootServer;
use crate::exit::{self, Failure};
use crate::listeners::{self, Listeners};
use crate::settings::directories::Claim;
use crate::settings::layers::with_flags;
use crate::settings::listen::Listen;
use crate::settings::{self, Settings, directories};
use crate::shutdown::Signals;
use crate::tls::Identity;
use crate::{boot, clock, commands, descriptors, logging, notify, shutdown, web, wiring};

/// The arguments.
pub(crate) fn command() -> Command {
    with_flags(Command::new("serve").about("Serves the REST API")).after_help(exit::HELP)
}

/// Serves until a signal comes.
pub(crate) fn run(flags: &ArgMatches) -> Result<ExitCode, Failure> {
    let mut settings = settings::load(flags).map_err(|m| Failure::Usage(m.to_string()))?;
    logging::start(&settings.log);
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    clock::check()?;
    let unusable = |e: anyhow::Error| Failure::Usage(format!("{e:#}"));
    directories::prepare(&mut settings).map_err(unusable)?;
    let identity = settings.tls.clone().map(Identity::load).transpose();
    let identity = identity.map_err(unusable)?.map(Arc::new);
    commands::block_on(serve(&settings, identity))??;
    tracing::info!("stopped");
    // A thread that hangs in the kernel would keep a process that returns from `main`.
    std::process::exit(i32::from(exit::OK));
}

/// What serving takes.
struct Started {
    listeners: Listeners,
    boot_listeners: Listeners,
    boot: Arc<Boot>,
    claim: Claim,
    store: Store,
    access: Arc<Access>,
    app: Arc<App>,
}

async fn serve(settings: &Settings, identity: Option<Arc<Identity>>) -> Result<(), Failure> {
    let clock = clock::watch();
    let mut signals = Signals::catch()?;
    let hangup = Signals::hangup()?;
    let connections =
        descriptors::for_connections(settings.clients.max_connections, boot::descriptors(settings));
    let started = tokio::select! {
        started = start(settings) => started?,
        // Whatever the start was at is dropped: nothing of it is done by half.
        number = signals.next() => {
            shutdown::before_serving(number);
            return Ok(());
        }
    };
    // The sockets' files and the claim go when this function ends.
    let Started {
        listeners,
        boot_listeners,
        boot,
        claim: _claim,
        store,
        access,
        app,
    } = started;
    let _files = listeners.files;
    app.watch();
    let mut server = web::server(
        settings,
        Arc::clone(&app),
        Arc::clone(&access),
        Arc::clone(&boot),
        listeners.sockets,
        identity.as_ref(),
        connections,
    )?;
    web::start(&mut server).await?;
    let boot = BootServer::start(boot, boot_listeners.sockets)?;
    let secure = identity.is_some();
    let certificate = identity.map(|identity| identity as Arc<dyn Reload>);
    let files = certificate.into_iter().chain(access.key_files());
    tokio::spawn(watched::watch(files.collect(), hangup));
    announce(&listeners.places, secure);
    for address in &boot_listeners.places {
        tracing::info!(%address, "serving boot files on http://{address}/b/");
    }
    notify::report(notify::READY);
    let stop = shutdown::begin(signals, &mut server, &clock, settings.shutdown_deadline).await?;
    stop.drain(server, boot, app).await;
    stop.close(&access, store).await;
    Ok(())
}

/// Everything before the first request. A database that hangs, or another process that migrates it, can hold this up
/// for minutes.
///
/// # Cancel safety
/// It may be dropped at any moment: migrations and the sealing of secrets are transactions, and the workers that take
/// old mounts away are killed.
async fn start(settings: &Settings) -> Result<Started, Failure> {
    // The addresses first: a second service that is started by mistake ends here, before it touches a mount.
    let listeners = listeners::bind("listen", &settings.listen, settings.unix_socket_mode)?;
    let boot_listeners = listeners::bind("boot-listen", &settings.boot_listen, settings.unix_socket_mode)?;
    let claim = directories::claim(settings)?;
    let store = wiring::store(&settings.database_url).await?;
    wiring::bring_up_to_date(settings, &store).await?;
    tracing::info!("the database is up to date");
    let access = gate::prepare(settings, &store).await?;
    let app = wiring::app(settings, store.clone())?;
    app.adopt()
        .await
        .context("adopting the mounts of an earlier run failed")?;
    let boot = wiring::boot(settings, &app, &access, &boot_listeners.places);
    let boot = boot.map_err(|error| Failure::Usage(format!("{:#}", anyhow::Error::new(error))))?;
    Ok(Started {
        listeners,
        boot_listeners,
        boot,
        claim,
        store,
        access,
        app,
    })
}

/// Says that requests are answered, and where: a log line a place, with the place as a field of its own.
fn announce(places: &[Listen], secure: bool) {
    let scheme = if secure { "https" } else { "http" };
    for address in places {
        if !address.is_local() && !secure {
            tracing::warn!(%address, "what is said at this address is not encrypted, tokens included: set tls_cert_file and tls_key_file, or have a proxy speak TLS");
        }
        match address {
            Listen::Tcp(_) => tracing::info!(%address, "listening on {scheme}://{address}"),
            Listen::Unix(_) => tracing::info!(%address, "listening on {address}"),
        }
    }
}
