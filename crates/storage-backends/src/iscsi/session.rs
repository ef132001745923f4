//! A session that is logged in: commands and text in, answers out, and a logout on every path.

mod commands;
mod wire;

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::iscsi::connection::Connection;
use crate::iscsi::failure::Failure;
use crate::iscsi::limits::Limits;
use crate::iscsi::login::{self, Purpose};
use crate::iscsi::scsi::Answer;
pub(crate) use commands::Asked;
use wire::Wire;

/// A session in its full feature phase. Dropping it logs out in the background, within the limit for that.
#[derive(Debug)]
pub(crate) struct Session {
    wire: Option<Wire>,
    logout: Duration,
}

impl Session {
    /// Logs in.
    ///
    /// # Cancel safety
    /// Before the login ends there is no session; the target forgets the connection when it is closed.
    pub(crate) async fn open(
        mut connection: Connection,
        purpose: &Purpose<'_>,
        limits: &Limits,
    ) -> Result<Self, Failure> {
        let numbers = login::login(&mut connection, purpose).await?;
        Ok(Self {
            wire: Some(Wire::new(connection, numbers, limits.answer)),
            logout: limits.logout,
        })
    }

    /// Where the session goes.
    pub(crate) fn at(&self) -> &str {
        self.wire.as_ref().map_or("", |wire| wire.connection.at())
    }

    /// Asks a discovery session for all targets (RFC 7143, appendix C); the text of the answer.
    pub(crate) async fn send_targets(&mut self) -> Result<Vec<u8>, Failure> {
        self.wire()?.send_targets().await
    }

    /// Sends commands, as many at once as the target lets in, and collects what they read; the answers are in the
    /// commands' order.
    pub(crate) async fn commands(&mut self, asked: &[Asked]) -> Result<Vec<Answer>, Failure> {
        self.wire()?.commands(asked).await
    }

    /// Logs out, and waits for the target's word that the session is gone.
    pub(crate) async fn close(mut self) {
        if let Some(wire) = self.wire.as_mut() {
            let _ = timeout(self.logout, wire.close()).await;
        }
        // Only now: where this future is dropped before, the drop below begins once more.
        self.wire = None;
    }

    fn wire(&mut self) -> Result<&mut Wire, Failure> {
        let gone = || Failure::Ended {
            at: "the portal".to_owned(),
        };
        self.wire.as_mut().ok_or_else(gone)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let Some(mut wire) = self.wire.take() else { return };
        // Without a runtime the connection is closed, and the target ends the session by itself.
        if let Ok(runtime) = Handle::try_current() {
            let limit = self.logout;
            runtime.spawn(async move {
                let _ = timeout(limit, wire.close()).await;
            });
        }
    }
}
