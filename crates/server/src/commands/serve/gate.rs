//! Whether clients need a token, decided at start.

use std::sync::Arc;

use anyhow::Context;
use storage_api::Access;
use storage_persistence::Store;

use crate::exit::Failure;
use crate::settings::listen::Listen;
use crate::settings::{AuthWord, Settings};
use crate::wiring;

/// Who is let in; refuses what would stand open for a whole network.
///
/// # Errors
/// Others reach the service, and nothing distinguishes them.
pub(super) async fn prepare(settings: &Settings, store: &Store) -> Result<Arc<Access>, Failure> {
    let only_here = settings.listen.iter().all(Listen::is_local);
    let access = wiring::access(settings, store.clone(), only_here)
        .map_err(|error| Failure::Usage(format!("jwt: {:#}", anyhow::Error::new(error))))?;
    let found = access
        .prepare()
        .await
        .context("reading the access tokens failed")?;
    if settings.auth == AuthWord::Off {
        tracing::warn!("auth is off: whoever reaches this service may do everything");
    } else if settings.auth == AuthWord::Auto && only_here && !found.any && settings.jwt.is_none() {
        tracing::warn!(
            "there is no token: whoever is on this machine may do everything; `pureboot-storage token create` makes one"
        );
    } else if settings.jwt.is_some() {
        tracing::info!("clients need an access token or a JSON Web Token");
    } else if !found.any {
        return Err(Failure::Usage(REMEDY.to_owned()));
    } else if !found.valid {
        tracing::warn!("every token has expired or was revoked: nobody is let in until another one is made");
    }
    Ok(Arc::new(access))
}

const REMEDY: &str = "clients need a token here, and there is none. Make one: \
    pureboot-storage token create --name NAME --role admin (as the same user, with the same settings); or listen on \
    loopback only (--listen 127.0.0.1:8080); or let everybody in who reaches the service (--no-auth)";
