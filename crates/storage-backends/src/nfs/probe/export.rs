//! Looking for the export before it is mounted.

use std::pin::pin;

use storage_domain::nfs::NfsVersion;

use crate::context::OpContext;
use crate::error::Error;
use crate::net::{ConnectError, Permitted, connect};
use crate::nfs::exports::{self, ExportList, ExportsError};
use crate::nfs::messages::Listing;
use crate::nfs::{CONNECT_DEADLINE, NfsBackend};

/// The port of NFS (RFC 7530, section 3.1), if the options name no other.
const NFS_PORT: u16 = 2049;

impl NfsBackend {
    /// Asks for the export list and connects to NFS's port at once, so that a dead host costs one time limit.
    ///
    /// Returns which of the addresses accepted a connection, if one was tried and did. There is at least one.
    pub(super) async fn look_for_export(
        &self,
        cx: &OpContext,
        addrs: &[Permitted],
    ) -> Result<(Option<usize>, Listing), Error> {
        let server = &self.config.server;
        let mut reach = pin!(cx.bound("connecting", self.reach(addrs)));
        let mut list = pin!(exports::list(cx, server, &addrs[0]));
        let (reached, early) = tokio::select! {
            reached = &mut reach => (reached, None),
            early = &mut list => (reach.await, Some(early)),
        };
        let (chosen, error) = match reached? {
            Ok(chosen) => (chosen, None),
            Err(error) => (None, Some(error)),
        };
        let error = match error {
            Some(error) if self.needs_port(&error) => return Ok((None, Listing::Unreachable(error))),
            other => other,
        };
        let list = match (chosen, early) {
            (Some(other @ 1..), _) => exports::list(cx, server, &addrs[other]).await,
            (_, Some(early)) => early,
            (_, None) => list.await,
        };
        match error {
            // Version 3 asks the server for its port, which may be another: the export list decides.
            Some(error) if list.is_err() => Ok((None, Listing::Unreachable(error))),
            _ => Ok((chosen, self.find_export(list)?)),
        }
    }

    /// Returns the first of the addresses whose NFS port answers; `None` if that can't be tried.
    async fn reach(&self, addrs: &[Permitted]) -> Result<Option<usize>, ConnectError> {
        let options = self.request.options();
        let port = match options.value("port").map(str::parse) {
            // Nothing listens on TCP there, or rpcbind names the port.
            _ if options.is_rdma() => return Ok(None),
            Some(Ok(0)) => return Ok(None),
            Some(Ok(port)) => port,
            _ => NFS_PORT,
        };
        let tries = addrs
            .iter()
            .map(async |addr| connect(&[addr.with_port(port)], CONNECT_DEADLINE).await);
        let mut first_error = None;
        for (i, tried) in futures_util::future::join_all(tries)
            .await
            .into_iter()
            .enumerate()
        {
            match tried {
                Ok(_) => return Ok(Some(i)),
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        first_error.map_or(Ok(None), Err)
    }

    /// Reports whether no mount can succeed, because NFS's port does not answer.
    fn needs_port(&self, error: &ConnectError) -> bool {
        let options = self.request.options();
        let asks_for_port = options.versions().contains(&NfsVersion::V3) && !options.has("port");
        !asks_for_port || matches!(error, ConnectError::Unreachable { .. })
    }

    pub(super) fn speaks_v4(&self) -> bool {
        self.request
            .options()
            .versions()
            .iter()
            .any(|v| *v != NfsVersion::V3)
    }

    pub(super) fn find_export(&self, list: Result<ExportList, ExportsError>) -> Result<Listing, Error> {
        let list = match list {
            Ok(list) => list,
            Err(ExportsError::Cancelled) => return Err(Error::cancelled("asking for the export list")),
            Err(ExportsError::NotAvailable(why)) => return Ok(Listing::NotAvailable(why)),
        };
        let wanted = &self.config.export_path;
        let is_below = |e: &exports::Export| self.speaks_v4() && e.path.is_within(wanted);
        Ok(match list.find(wanted) {
            Some(export) => Listing::Listed {
                export,
                v4_paths: list.v4_paths(wanted),
            },
            None if list.exports.iter().any(is_below) => Listing::Above,
            None if list.truncated => Listing::Truncated,
            None => Listing::not_listed(wanted, &list, self.speaks_v4()),
        })
    }
}
