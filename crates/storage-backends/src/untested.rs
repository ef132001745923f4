//! Kinds of storage that can be registered, and not tested yet.

use std::time::Duration;

use async_trait::async_trait;
use storage_domain::{BackendKind, Check, Outcome, ProbeReport};

use crate::backend::Backend;
use crate::context::OpContext;
use crate::error::BackendError;

/// A backend whose probe says that this kind can't be tested yet.
#[derive(Debug)]
pub(crate) struct Untested(pub(crate) BackendKind);

#[async_trait]
impl Backend for Untested {
    fn kind(&self) -> BackendKind {
        self.0
    }

    async fn probe(&self, _cx: &OpContext) -> Result<ProbeReport, BackendError> {
        let detail = format!(
            "Testing {} backends is not there yet; the config is stored and valid",
            self.0
        );
        let check = Check {
            name: "supported",
            outcome: Outcome::Failed,
            detail,
            duration: Duration::ZERO,
        };
        Ok(ProbeReport {
            checks: vec![check],
            capacity: None,
            targets: None,
            summary: String::new(),
            duration: Duration::ZERO,
        })
    }
}
