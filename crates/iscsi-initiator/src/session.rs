//! Sessions in the full feature phase, which log out in any case.

mod commands;
mod exchange;

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::Limits;
use crate::connection::Connection;
use crate::error::{Cause, Error, Exchange};
use crate::login::Numbers;
use crate::scsi::{self, Capacity, Command, Lun, LunList, Response, Unit};
use crate::text::{self, Target};
use commands::Request;
use exchange::Exchanges;

/// The unit that answers for the whole target (SAM-5, section 4.7.4).
const LUN_0: [u8; 8] = [0; 8];
/// The well-known unit of REPORT LUNS (SPC-4, section 8; SAM-5, section 4.7.7.5).
const REPORT_LUNS_UNIT: [u8; 8] = [0xc1, 1, 0, 0, 0, 0, 0, 0];

/// A session with a target.
///
/// Dropping it logs out in the background of the tokio runtime within [`Limits::logout`], and closes the connection.
/// Without a runtime the connection is only closed.
#[derive(Debug)]
pub struct Session {
    exchanges: Option<Exchanges>,
    logout: Duration,
    max_targets: usize,
    max_luns: usize,
}

impl Session {
    pub(crate) fn new(connection: Connection, numbers: Numbers, limits: &Limits) -> Self {
        Self {
            exchanges: Some(Exchanges::new(connection, numbers, limits.answer)),
            logout: limits.logout,
            max_targets: limits.targets,
            max_luns: limits.luns,
        }
    }

    /// Lists the targets of a portal, in a discovery session (RFC 7143, appendix C).
    ///
    /// # Errors
    /// [`Error`] of SendTargets.
    pub async fn send_targets(&mut self) -> Result<Vec<Target>, Error> {
        let max = self.max_targets;
        let text = self.exchanges()?.send_targets().await;
        let targets = text.and_then(|text| text::targets(&text, max).map_err(Cause::Text));
        targets.map_err(|cause| cause.during(Exchange::SendTargets))
    }

    /// Lists the logical units of the target, with REPORT LUNS (SPC-4, section 6.33).
    ///
    /// The well-known unit is asked if LUN 0 refuses: a target need not have a LUN 0.
    ///
    /// # Errors
    /// [`Error`] of the command at LUN 0, if both refuse.
    pub async fn report_luns(&mut self) -> Result<LunList, Error> {
        let command = Command::report_luns(self.max_luns);
        let mut responses = self.run(&[(LUN_0, command)]).await?;
        if responses.iter().any(|response| response.data().is_err()) {
            let other = self.run(&[(REPORT_LUNS_UNIT, command)]).await?;
            if other.iter().all(|response| response.data().is_ok()) {
                responses = other;
            }
        }
        let data = responses.first().ok_or(Cause::NoValue).and_then(Response::data);
        let data = data.map_err(|cause| cause.during(Exchange::Command(command.name)))?;
        Ok(scsi::luns(data, self.max_luns))
    }

    /// Inquires what these units are and whether they are ready, all at once. Results have the order of `luns`.
    ///
    /// # Errors
    /// [`Error`] if the session fails; what is wrong with one unit is in its own result.
    pub async fn inquire(&mut self, luns: &[Lun]) -> Result<Vec<Result<Unit, Error>>, Error> {
        let commands = [
            Command::inquiry(),
            Command::test_unit_ready(),
            Command::serial_number(),
        ];
        let requests = luns
            .iter()
            .flat_map(|lun| commands.map(|command| (lun.address, command)));
        let responses = self.run(&requests.collect::<Vec<_>>()).await?;
        let (responses, _) = responses.as_chunks::<3>();
        Ok(responses.iter().map(scsi::unit).collect())
    }

    /// Reads the capacities of these units, all at once. Results have the order of `luns`.
    ///
    /// READ CAPACITY (10) (SBC-3, section 5.15) follows if a unit does not know READ CAPACITY (16) (section 5.16).
    ///
    /// # Errors
    /// [`Error`] if the session fails; what is wrong with one unit is in its own result.
    pub async fn read_capacity(&mut self, luns: &[Lun]) -> Result<Vec<Result<Capacity, Error>>, Error> {
        let (long, short) = (Command::read_capacity_16(), Command::read_capacity_10());
        let requests = |command| move |lun: &Lun| (lun.address, command);
        let responses = self
            .run(&luns.iter().map(requests(long)).collect::<Vec<_>>())
            .await?;
        let mut sizes: Vec<_> = responses
            .iter()
            .map(|response| response.value(&long, scsi::capacity_16))
            .collect();
        let unknown: Vec<usize> = (0..luns.len()).filter(|at| responses[*at].is_unknown()).collect();
        let old = unknown.iter().map(|at| &luns[*at]).map(requests(short));
        let responses = self.run(&old.collect::<Vec<_>>()).await?;
        for (at, response) in unknown.into_iter().zip(&responses) {
            sizes[at] = response.value(&short, scsi::capacity_10);
        }
        Ok(sizes)
    }

    /// Logs out, and waits until the target confirms that.
    ///
    /// # Cancel safety
    /// The session logs out in the background.
    pub async fn log_out(mut self) {
        if let Some(exchanges) = self.exchanges.as_mut() {
            let _ = timeout(self.logout, exchanges.log_out()).await;
        }
        // Not earlier: if this future is dropped, the drop below logs out once more.
        self.exchanges = None;
    }

    async fn run(&mut self, requests: &[Request]) -> Result<Vec<Response>, Error> {
        self.exchanges()?.run(requests).await
    }

    /// There is always one before the logout.
    fn exchanges(&mut self) -> Result<&mut Exchanges, Error> {
        let exchanges = self.exchanges.as_mut();
        exchanges.ok_or_else(|| Cause::Ended.during(Exchange::Logout))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let (Some(mut exchanges), Ok(runtime)) = (self.exchanges.take(), Handle::try_current()) else {
            return;
        };
        let limit = self.logout;
        runtime.spawn(async move {
            let _ = timeout(limit, exchanges.log_out()).await;
        });
    }
}
