//! A PostgreSQL server.

use std::borrow::Cow;
use std::time::Duration;

use sea_orm::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sea_orm::sqlx::{ConnectOptions, Connection, Error as DriverError, Executor};
use sea_orm::{DatabaseConnection, DbErr, RuntimeErr, SqlxPostgresConnector};
use tokio::time::timeout;

use super::StoreSettings;
use crate::error::{StoreError, is_passing_driver_error};

/// Connections beyond the first are closed after this time without work.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);
/// A connection that rested for longer is asked for a sign of life before it is used; one in constant use is not, for
/// that would double every call's round trips.
const ASK_AFTER: Duration = Duration::from_secs(1);
/// How long a connection that comes back to the pool may be silent: it is closed then, so that the pool has room for
/// another one.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);
/// What the server ends by itself, for who waits for it has gone by then: a statement that waits for a lock (within the
/// deadline of a unit of work), and a transaction whose process is frozen.
const LIMITS: &str = "SET statement_timeout = '10s'; SET idle_in_transaction_session_timeout = '1min'";
/// What the server's own tables of sessions show.
const APPLICATION_NAME: &str = "pureboot-storage";

/// Connects to the server that the URL names.
pub(super) async fn connect(settings: &StoreSettings) -> Result<DatabaseConnection, StoreError> {
    // The driver's errors name what is wrong with the URL, and nothing of its text.
    let options: PgConnectOptions = settings.url.parse().map_err(|_| {
        StoreError::Settings("its URL must be like postgres://user:password@host:5432/database".to_owned())
    })?;
    let options = options
        .application_name(APPLICATION_NAME)
        .disable_statement_logging();
    try_once(&options, settings.acquire_timeout).await?;
    let pool = PgPoolOptions::new()
        .max_connections(settings.max_connections.max(1))
        .min_connections(1)
        .acquire_timeout(settings.acquire_timeout)
        .idle_timeout(IDLE_TIMEOUT)
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for >= ASK_AFTER {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .after_connect(|connection, _| Box::pin(async move { connection.execute(LIMITS).await.map(drop) }))
        .after_release(|connection, _| {
            Box::pin(async move {
                match timeout(SIGN_OF_LIFE, connection.ping()).await {
                    Ok(answer) => answer.map(|()| true),
                    Err(_) => Err(DriverError::PoolTimedOut),
                }
            })
        })
        .connect_lazy_with(options);
    Ok(SqlxPostgresConnector::from_sqlx_postgres_pool(pool))
}

/// Connects once outside the pool, which would retry in silence and end with no more than "timed out".
async fn try_once(options: &PgConnectOptions, within: Duration) -> Result<(), StoreError> {
    let connect = async { options.connect().await?.close().await };
    match timeout(within, connect).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(explain(options, error)),
        Err(_) => Err(StoreError::unavailable(format!(
            "{} does not answer within {} s",
            server(options),
            within.as_secs_f32()
        ))),
    }
}

fn server(options: &PgConnectOptions) -> String {
    match options.get_socket() {
        Some(socket) => format!("PostgreSQL at {}", socket.display()),
        None => format!("PostgreSQL at {}:{}", options.get_host(), options.get_port()),
    }
}

fn explain(options: &PgConnectOptions, error: DriverError) -> StoreError {
    let server = server(options);
    if let DriverError::Io(source) = &error {
        return StoreError::unavailable(format!("{server} can't be reached: {source}"));
    }
    let code = error
        .as_database_error()
        .and_then(|e| e.code().map(Cow::into_owned));
    match code.as_deref() {
        Some("28P01" | "28000") => StoreError::Settings(format!(
            "{server} refuses the user {}; check user and password in the URL",
            options.get_username()
        )),
        Some("3D000") => StoreError::Settings(format!(
            "{server} has no database {}; create it first",
            options.get_database().unwrap_or(options.get_username())
        )),
        _ if is_passing_driver_error(&error) => {
            StoreError::Unavailable(DbErr::Conn(RuntimeErr::SqlxError(error.into())))
        }
        _ => StoreError::Settings(format!("{server}: {error}")),
    }
}
