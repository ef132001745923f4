//! A target in this process that does as its knobs say.

mod chap;
mod talk;

use std::sync::{Arc, Mutex};

use serde_json::Value;
use storage_domain::ProbeReport;
use tokio::net::TcpListener;

pub(crate) use chap::{Chap, ChapFault, ReflectedOf};

use crate::iscsi::{backend, probe, short};

/// How a fake differs from a good target.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fault of its own")]
pub(crate) struct Knobs {
    /// Sends these bytes instead of any answer, and goes on to say nothing.
    pub(crate) says: Option<Vec<u8>>,
    /// Hangs up when it is spoken to.
    pub(crate) hangs_up: bool,
    /// Answers logins to the target with this status, and with this address.
    pub(crate) status: Option<(u16, String)>,
    /// Lists the target once more for each of these addresses, instead of once at no address.
    pub(crate) portals: Vec<String>,
    /// Answers logins for a discovery with this status.
    pub(crate) no_discovery: Option<u16>,
    /// Closes a connection whose login begins at the security stage.
    pub(crate) closes_security: bool,
    /// Sends a value that is not UTF-8 in logins.
    pub(crate) latin: bool,
    /// Lists its units at the well-known unit only, or nowhere.
    pub(crate) no_lun_0: Option<NoLun0>,
    /// Answers TEST UNIT READY with this sense key, code and qualifier.
    pub(crate) not_ready: Option<[u8; 3]>,
    /// Wants logins to the target to prove who they are.
    pub(crate) chap: Option<Chap>,
    /// Chooses digests.
    pub(crate) digests: bool,
    /// Sends a digest that is wrong with whatever it reads for a command.
    pub(crate) damages: Option<Fault>,
    /// Hangs up at the first command, or leaves it without an answer.
    pub(crate) first_command: Option<FirstCommand>,
    /// Pings before every answer to a command.
    pub(crate) pings: bool,
    /// Has news before it carries out this many commands.
    pub(crate) attentions: usize,
    /// Does not know READ CAPACITY (16).
    pub(crate) old: bool,
    /// Sends text in two parts.
    pub(crate) parts: bool,
    /// Sends the text of logins in two parts.
    pub(crate) login_parts: bool,
    /// Lets many commands in at once, and answers the first one last. Others let in one only, for their window is 0.
    pub(crate) swaps: bool,
    /// Asks for a logout instead of answering a command.
    pub(crate) ends: bool,
    /// Sends more data than was asked for.
    pub(crate) floods: bool,
    /// Names this many logical units instead of one.
    pub(crate) units: Option<u16>,
    /// Does not tell what this logical unit is.
    pub(crate) mute: Option<u16>,
    /// Leaves the request of this number without an answer, counted from 1 over all connections.
    pub(crate) holds: Option<usize>,
}

/// Where a target without LUN 0 lists its units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoLun0 {
    WellKnownUnit,
    Nowhere,
}

/// Which digest is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Header,
    Data,
}

/// What becomes of the first command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstCommand {
    HangsUp,
    Ignored,
}

/// What a fake saw.
#[derive(Debug, Clone, Default)]
pub(crate) struct Saw {
    /// Connections that are open.
    pub(crate) open: usize,
    pub(crate) requests: usize,
    /// Whether a request is left without an answer.
    pub(crate) held: bool,
    pub(crate) pongs: usize,
    pub(crate) logouts: usize,
    pub(crate) logins: usize,
    /// The targets at which a challenge was answered.
    pub(crate) proofs: Vec<String>,
}

pub(crate) struct Fake {
    pub(crate) port: u16,
    pub(crate) saw: Arc<Mutex<Saw>>,
}

impl Fake {
    pub(crate) async fn start(knobs: Knobs) -> Self {
        Self::on(TcpListener::bind(("127.0.0.1", 0)).await.unwrap(), knobs)
    }

    pub(crate) fn on(listener: TcpListener, knobs: Knobs) -> Self {
        let port = listener.local_addr().unwrap().port();
        let saw = Arc::<Mutex<Saw>>::default();
        let seen = Arc::clone(&saw);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                seen.lock().unwrap().open += 1;
                let (talk, seen) = (
                    talk::Talk::new(stream, knobs.clone(), Arc::clone(&seen)),
                    Arc::clone(&seen),
                );
                tokio::spawn(async move {
                    talk.serve().await;
                    seen.lock().unwrap().open -= 1;
                });
            }
        });
        Self { port, saw }
    }

    pub(crate) async fn probe(&self, config: Value) -> ProbeReport {
        probe(&backend(self.port, config, short())).await
    }
}
