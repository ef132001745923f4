//! Limits: how much one client may ask for.

mod concurrency;
mod forwarded;
mod rate;
mod source;

use std::sync::Arc;
use std::time::{Duration, Instant};

use storage_domain::access::{Actor, How};

pub(crate) use self::concurrency::ClientPermit;
use self::concurrency::Concurrency;
use self::rate::{Bucket, Buckets};
pub(crate) use self::source::{Client, Source};
use crate::problem::{Code, Problem};

/// Log lines a minute for answers to strangers and to clients over their rate, and at once.
const LOG_LINES: f64 = 60.0;

/// Requests for files of one client that may be under way at once, downloads included.
const FILE_REQUESTS: u32 = 256;

/// How much one client may ask for.
#[derive(Debug, Clone)]
pub struct LimitSettings {
    /// Requests a second in the long run; `None` is no limit. A client on this machine that needs no token has none.
    pub rate: Option<u32>,
    /// Requests at once, above the rate.
    pub burst: u32,
    /// Invalid tokens that an address may send in a minute.
    pub failures_per_minute: u32,
    /// Tests and discoveries of one client that may run at once. A client on this machine that needs no token has no such
    /// limit.
    pub tests: u32,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            rate: Some(100),
            burst: 200,
            failures_per_minute: 20,
            tests: 8,
        }
    }
}

/// The limits, and what each client has left of them.
pub(crate) struct Limits {
    rate: Option<Buckets>,
    failures: Buckets,
    probes: Arc<Concurrency>,
    files: Arc<Concurrency>,
    log_lines: Bucket,
}

impl Limits {
    pub(crate) fn new(settings: &LimitSettings) -> Self {
        let per_minute = f64::from(settings.failures_per_minute);
        Self {
            rate: settings
                .rate
                .map(|rate| Buckets::new(f64::from(rate), f64::from(settings.burst))),
            failures: Buckets::new(per_minute / 60.0, per_minute),
            probes: Concurrency::new(settings.tests),
            files: Concurrency::new(FILE_REQUESTS),
            log_lines: Bucket::new(LOG_LINES / 60.0, LOG_LINES),
        }
    }

    /// Counts a token that is not valid.
    ///
    /// # Errors
    /// 429 if too many came from this address.
    pub(crate) fn invalid_token(&self, source: &Source) -> Result<(), Problem> {
        self.failures
            .take(source.client(), Instant::now())
            .map_err(|wait| limited("Too many tokens that are not valid came from this address", wait))
    }

    /// Counts a request of a client that is not known.
    ///
    /// # Errors
    /// 429.
    pub(crate) fn stranger(&self, source: &Source) -> Result<(), Problem> {
        self.request(source.client())
    }

    /// Counts a request.
    ///
    /// # Errors
    /// 429.
    pub(crate) fn known(&self, actor: Option<&Actor>, source: &Source) -> Result<(), Problem> {
        match client(actor, source) {
            Some(client) => self.request(client),
            None => Ok(()),
        }
    }

    fn request(&self, client: Client) -> Result<(), Problem> {
        let Some(rate) = &self.rate else { return Ok(()) };
        rate.take(client, Instant::now())
            .map_err(|wait| limited("This client sends too many requests", wait))
    }

    /// Returns the permit for a test or a discovery, which runs as long as the value lives; `None` if nobody counts.
    ///
    /// # Errors
    /// 429.
    pub(crate) fn probe(
        &self,
        actor: Option<&Actor>,
        source: &Source,
    ) -> Result<Option<ClientPermit>, Problem> {
        let all_taken = "This client has as many tests and discoveries under way as it may";
        permit(&self.probes, all_taken, actor, source)
    }

    /// Returns the permit for a request for files, which runs as long as the value lives; `None` if nobody counts.
    ///
    /// # Errors
    /// 429.
    pub(crate) fn files(
        &self,
        actor: Option<&Actor>,
        source: &Source,
    ) -> Result<Option<ClientPermit>, Problem> {
        let all_taken = "This client has as many requests for files under way as it may";
        permit(&self.files, all_taken, actor, source)
    }

    /// Takes a log line for an answer that anybody can cause.
    pub(crate) fn log_line(&self) -> bool {
        self.log_lines.take(Instant::now()).is_ok()
    }

    /// Returns how many clients have a test or a discovery under way.
    #[cfg(test)]
    pub(crate) fn clients_at_work(&self) -> usize {
        self.probes.len()
    }
}

/// Returns whom a request counts for; `None` for one from this machine that needed no token. One with a token may come
/// from anywhere, through a proxy on this machine. Without an actor, as by a link that its maker gave away, it is the
/// address.
fn client(actor: Option<&Actor>, source: &Source) -> Option<Client> {
    let Some(actor) = actor else {
        return Some(source.client());
    };
    match &actor.how {
        How::Token(id) => Some(Client::Known(id.to_string())),
        How::Jwt => Some(Client::Known(format!("jwt {}", actor.name))),
        How::Open | How::Cli => (!source.is_local()).then(|| source.client()),
    }
}

fn permit(
    of: &Arc<Concurrency>,
    all_taken: &str,
    actor: Option<&Actor>,
    source: &Source,
) -> Result<Option<ClientPermit>, Problem> {
    let Some(client) = client(actor, source) else {
        return Ok(None);
    };
    let permit = of.acquire(client).map(Some);
    permit.ok_or_else(|| limited(all_taken, Duration::from_secs(1)))
}

fn limited(what: &str, wait: Duration) -> Problem {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let seconds = seconds.max(1);
    Problem::new(Code::RateLimited, format!("{what}; try again in {seconds} s"))
        .with_header("retry-after", seconds.to_string())
}
