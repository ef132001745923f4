//! The object graph: store, live backends, use cases.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use storage_api::access::KeyFileError;
use storage_api::boot::CacheError;
use storage_api::{Access, AccessSettings, App, AppSettings, Auth, Boot};
use storage_backends::Registry;
use storage_backends::net::Network;
use storage_persistence::{Store, StoreSettings};

use crate::settings::listen::Listen;
use crate::settings::{AuthWord, DatabaseUrl, Settings};

/// Connections to the database that may be open at once.
const DATABASE_CONNECTIONS: u32 = 8;
/// How long a unit of work waits for a connection to the database.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens the database at `url`.
pub(crate) async fn store(url: &DatabaseUrl) -> anyhow::Result<Store> {
    let store = StoreSettings {
        url: url.expose().to_owned(),
        max_connections: DATABASE_CONNECTIONS,
        acquire_timeout: ACQUIRE_TIMEOUT,
    };
    Store::connect(&store)
        .await
        .with_context(|| format!("opening the database {url} failed (setting database_url)"))
}

/// Brings the database's schema up to date, and gives the store its keys.
pub(crate) async fn bring_up_to_date(settings: &Settings, store: &Store) -> anyhow::Result<()> {
    store
        .migrate()
        .await
        .context("bringing the database up to date failed")?;
    unlock(settings, store).await
}

/// Gives the store the keys of its secrets.
pub(crate) async fn unlock(settings: &Settings, store: &Store) -> anyhow::Result<()> {
    Ok(store.unlock(settings.key_source()).await?)
}

/// The use cases over a store, with background work on the runtime that this is called on.
///
/// # Errors
/// The backends' settings can't be used.
pub(crate) fn app(settings: &Settings, store: Store) -> anyhow::Result<Arc<App>> {
    let app_settings = AppSettings {
        test_deadline: settings.test_deadline,
        unmount_at_stop: settings.unmount_at_stop,
        watch_interval: settings.watch_interval,
        scan_interval: settings.scan_interval,
        max_upload_bytes: settings.max_upload_bytes,
        fetch_egress: settings.fetch_egress.clone(),
        max_fetch_bytes: settings.max_fetch_bytes,
        ..AppSettings::default()
    };
    let runtime = tokio::runtime::Handle::current();
    let registry = Registry::new(backends(settings))?;
    Ok(App::new(store, registry, app_settings, runtime))
}

/// The files that machines boot from, served at these places.
///
/// # Errors
/// The directory that they are kept in can't be used.
pub(crate) fn boot(
    settings: &Settings,
    app: &Arc<App>,
    access: &Arc<Access>,
    places: &[Listen],
) -> Result<Arc<Boot>, CacheError> {
    let (app, access) = (Arc::clone(app), Arc::clone(access));
    let networks = settings.boot_networks.clone();
    let addresses = places.iter().filter_map(|place| match place {
        Listen::Tcp(address) => Some(*address),
        Listen::Unix(_) => None,
    });
    let addresses = addresses.collect();
    match settings.boot_cache.clone() {
        Some(cache) => Boot::with_cache(app, access, networks, addresses, cache),
        None => Ok(Boot::new(app, access, networks, addresses)),
    }
}

/// Who is let in. `only_here` says that nobody but this machine reaches the service.
///
/// # Errors
/// The keys of JSON Web Tokens can't be used.
pub(crate) fn access(settings: &Settings, store: Store, only_here: bool) -> Result<Access, KeyFileError> {
    let auth = match settings.auth {
        AuthWord::Off => Auth::Off,
        AuthWord::Auto if only_here => Auth::WhereThereAreTokens,
        AuthWord::Auto | AuthWord::Required => Auth::Required,
    };
    let settings = AccessSettings {
        auth,
        jwt: settings.jwt.clone(),
        cors_origins: settings.clients.cors_origins.clone(),
        trusted_proxies: settings.clients.trusted_proxies.clone(),
        limits: settings.clients.limits.clone(),
        audit_retention: settings.clients.audit_retention,
    };
    Access::new(store, settings, tokio::runtime::Handle::current())
}

/// What backends need to know.
pub(crate) fn backends(settings: &Settings) -> storage_backends::Settings {
    storage_backends::Settings {
        templates: settings.templates.clone(),
        ignored: settings.ignored.clone(),
        mount_deadline: settings.mount_deadline,
        initiator: settings.initiator.clone(),
        network: Network::default().guarded(settings.egress.clone()),
        ..storage_backends::Settings::new(settings.mount_dir.clone())
    }
}
