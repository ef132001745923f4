//! The bounds of every wait, every read and every walk.

use std::time::Duration;

/// How many redirects one request follows.
pub const MAX_REDIRECTS: usize = 5;

/// The bounds of HTTP and S3 backends. The defaults fit HTTP servers of one site.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Limits {
    /// How long looking up the server's name may take.
    pub resolve: Duration,
    /// How long connecting may take, all of the name's addresses together.
    pub connect: Duration,
    /// How long the TLS handshake may take.
    pub tls: Duration,
    /// How long the server may take to answer a request, up to the end of the answer's header.
    pub header: Duration,
    /// How long the server may pause between two pieces of a body.
    pub pause: Duration,
    /// How long reading one listing may take.
    pub page: Duration,
    /// How long a whole probe may take.
    pub probe: Duration,
    /// How long the check `boot`, which is advice, may take within a probe.
    pub boot: Duration,
    /// How many bytes of one listing are read.
    pub page_bytes: usize,
    /// How many entries of one listing are read.
    pub page_entries: usize,
    /// How many requests one scan makes.
    pub requests: usize,
    /// How many directories deep a scan goes.
    pub depth: usize,
    /// How many requests of a scan are under way at once.
    pub parallel: usize,
    /// How many files a scan asks for their sizes, one by one, if the listing does not give them exactly.
    pub size_requests: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            resolve: Duration::from_secs(5),
            connect: Duration::from_secs(5),
            tls: Duration::from_secs(5),
            header: Duration::from_secs(10),
            pause: Duration::from_secs(10),
            page: Duration::from_mins(1),
            probe: Duration::from_secs(45),
            boot: Duration::from_secs(15),
            page_bytes: 16 * 1024 * 1024,
            page_entries: 200_000,
            requests: 10_000,
            depth: 32,
            parallel: 6,
            size_requests: 500,
        }
    }
}
