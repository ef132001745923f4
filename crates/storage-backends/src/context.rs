//! The deadline and the cancellation that an operation runs under.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, ErrorKind};

/// What bounds one operation: when it has to be over, and who may end it earlier.
#[derive(Debug, Clone)]
pub struct OpContext {
    begun: Instant,
    deadline: Instant,
    cancel: CancellationToken,
    light: bool,
    patient: bool,
}

impl OpContext {
    /// An operation that has to end within `limit` from now.
    pub fn within(limit: Duration) -> Self {
        let begun = Instant::now();
        Self {
            begun,
            deadline: begun + limit,
            cancel: CancellationToken::new(),
            light: false,
            patient: false,
        }
    }

    /// The same operation, ended early where `cancel` says so.
    #[must_use]
    pub fn with_cancel(mut self, cancel: CancellationToken) -> Self {
        self.cancel = cancel;
        self
    }

    /// The same operation, done with the least that shows whether all is still well, and with fewer retries.
    #[must_use]
    pub fn lightly(mut self) -> Self {
        self.light = true;
        self
    }

    /// Whether it only asks whether all is still well.
    pub fn is_light(&self) -> bool {
        self.light
    }

    /// The same operation, in which a request that fails for now is repeated until the deadline.
    #[must_use]
    pub(crate) fn patiently(mut self) -> Self {
        self.patient = true;
        self
    }

    pub(crate) fn is_patient(&self) -> bool {
        self.patient
    }

    /// A step of this operation that has to end within `limit` from now, or with the operation, whichever is first.
    #[must_use]
    pub fn step(&self, limit: Duration) -> Self {
        Self {
            begun: self.begun,
            deadline: self.deadline.min(Instant::now() + limit),
            cancel: self.cancel.clone(),
            light: self.light,
            patient: self.patient,
        }
    }

    /// When the operation was asked for: what was found out later is new to whoever asked.
    pub fn begun(&self) -> Instant {
        self.begun
    }

    /// When the operation has to be over.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// What is left of the time.
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// The token that ends the operation early.
    pub fn cancellation(&self) -> &CancellationToken {
        &self.cancel
    }

    /// Runs a step under the deadline and the cancellation; `what` names it in the error.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] or [`ErrorKind::Cancelled`]; the step's future is dropped then.
    pub async fn bound<T>(&self, what: &'static str, step: impl Future<Output = T>) -> Result<T, Error> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Error::cancelled(what)),
            out = step => Ok(out),
            () = tokio::time::sleep_until(self.deadline) => Err(Error::new(ErrorKind::Timeout, what)),
        }
    }
}
