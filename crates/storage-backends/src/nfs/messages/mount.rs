//! Messages of the checks `mount` and `capacity`, and of warnings about the mount options.

mod errno;

use std::fmt;
use std::time::Duration;

use storage_domain::{Capacity, ExportPath, NfsConfig};

use crate::helper::MAX_MOUNTS_IN_FLIGHT;
use crate::helper::protocol::{CallFailure, Step};
use crate::mount::table::MountEntry;

/// How a mount came to exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::nfs) enum How {
    /// It existed before.
    Already,
    /// It was made now.
    New,
    /// It was made again, because another program had unmounted it.
    Lost,
    /// It was made again in place of a dead one.
    Dead,
}

/// The mount, for the check `mount`.
pub(in crate::nfs) struct Mounted<'a> {
    pub(in crate::nfs) entry: &'a MountEntry,
    pub(in crate::nfs) how: How,
}

impl fmt::Display for Mounted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let begin = match self.how {
            How::Already => "Already mounted",
            How::New => "Mounted",
            How::Lost => "Mounted again, because another program had unmounted it,",
            How::Dead => "Mounted again in place of a dead mount,",
        };
        write!(
            f,
            "{begin} {}; options in force: {}",
            over(self.entry),
            self.entry.options
        )
    }
}

/// Writes the version and the access of a mount.
fn over(entry: &MountEntry) -> impl fmt::Display {
    let access = if entry.is_read_write() {
        "writable"
    } else {
        "read-only"
    };
    let version = entry.option("vers").unwrap_or("of an unknown version");
    fmt::from_fn(move |f| write!(f, "over NFS {version}, {access}"))
}

/// The summary of a probe that found the export mounted.
pub(in crate::nfs) struct Summary<'a> {
    pub(in crate::nfs) config: &'a NfsConfig,
    pub(in crate::nfs) entry: &'a MountEntry,
    pub(in crate::nfs) capacity: Option<Capacity>,
    pub(in crate::nfs) how: How,
}

impl Summary<'_> {
    /// Returns the path that the server resolved the wanted one to.
    fn resolved(&self) -> Option<&str> {
        let (_, there) = self.entry.host_and_path()?;
        let path: ExportPath = there.parse().ok()?;
        (path.normalized() != self.config.export_path.normalized()).then_some(there)
    }
}

/// `{:#}` leaves the capacity out, which may change.
impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (server, path) = (&self.config.server, &self.config.export_path);
        write!(f, "{path} of {server} is mounted {}", over(self.entry))?;
        if let Some(capacity) = self.capacity.filter(|_| !f.alternate()) {
            write!(f, ", {capacity}")?;
        }
        if let Some(there) = self.resolved() {
            write!(f, "; it is {there} there")?;
        }
        match self.how {
            How::Already | How::New => Ok(()),
            How::Lost => f.write_str("; another program had unmounted it, and it was mounted again"),
            How::Dead => f.write_str("; the mount before was dead, and it was replaced"),
        }
    }
}

/// Why the export is not mounted.
#[derive(Debug)]
pub(in crate::nfs) enum NotMounted {
    NoAddress,
    /// As many mounts as are allowed at once are under way; the server was not asked.
    NoPermit,
    /// mount(2) did not end within this time.
    Hung(Duration),
    Failed(CallFailure),
    /// The server referred the kernel to another one.
    Referred(MountEntry),
    /// The mount is not as it was asked for.
    Otherwise,
}

impl NotMounted {
    /// Returns the message for a config.
    pub(in crate::nfs) fn message(&self, config: &NfsConfig) -> impl fmt::Display {
        fmt::from_fn(move |f| self.write(f, config))
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, config: &NfsConfig) -> fmt::Result {
        let (server, path) = (&config.server, &config.export_path);
        match self {
            Self::NoAddress => write!(f, "{server} has no address. Check server"),
            Self::NoPermit => write!(
                f,
                "Not mounted, because {MAX_MOUNTS_IN_FLIGHT} mounts of other backends, as many as are allowed at \
                 once, did not end. Find the backend whose server does not answer, then test again"
            ),
            Self::Hung(limit) => write!(
                f,
                "{server} accepts connections, but the mount did not end within {} s. Check the NFS service there",
                seconds(*limit)
            ),
            Self::Failed(failure) if failure.step == Step::MountPoint => errno::mount_point(f, failure.errno),
            Self::Failed(failure) => errno::mount(f, failure, config),
            Self::Referred(entry) => write!(
                f,
                "{server} refers {path} to another server, {} at {}, so it was unmounted. Register a backend for \
                 that server",
                entry.source,
                entry.option("addr").unwrap_or("an unknown address")
            ),
            Self::Otherwise => write!(
                f,
                "The kernel mounted {path} otherwise than it was asked to, so it was unmounted. Check mount_options"
            ),
        }
    }
}

/// Rounds a time limit up to whole seconds.
fn seconds(limit: Duration) -> u64 {
    limit.as_secs() + u64::from(limit.subsec_nanos() > 0)
}

/// Why the capacity of a mount is unknown.
#[derive(Debug)]
pub(in crate::nfs) enum NotMeasured {
    /// statfs(2) did not end within this time.
    Hung(Duration),
    /// statfs(2) failed with this number (errno(3)).
    Failed(i32),
}

impl NotMeasured {
    /// Returns the message for a config.
    pub(in crate::nfs) fn message(&self, config: &NfsConfig) -> impl fmt::Display {
        fmt::from_fn(move |f| match self {
            Self::Hung(limit) => write!(
                f,
                "{} is mounted, but {} did not report its capacity within {} s. Check the NFS service there",
                config.export_path,
                config.server,
                seconds(*limit)
            ),
            Self::Failed(errno) => errno::statfs(f, *errno, config),
        })
    }
}

/// What a config allows, and what may be a problem later.
#[derive(Debug)]
pub(in crate::nfs) enum Warning {
    /// The kernel waits for the server without a limit, and this service no longer than this.
    NoLimit(Duration),
    /// The kernel waits longer for the server than this service.
    LongWait {
        /// The options, `timeo` and `retrans`.
        options: (u64, u64),
        /// How long the kernel waits.
        kernel: Duration,
        /// How long this service waits.
        service: Duration,
    },
}

impl Warning {
    /// Returns the message for a config.
    pub(in crate::nfs) fn message(&self, config: &NfsConfig) -> impl fmt::Display {
        let server = &config.server;
        fmt::from_fn(move |f| match self {
            Self::NoLimit(service) => write!(
                f,
                "The mount option hard makes the kernel wait for {server} without a time limit: if {server} is down, \
                 this service ends its own calls after {} s, and other programs on the mount hang. Remove it from \
                 mount_options unless they need it",
                service.as_secs()
            ),
            Self::LongWait {
                options: (timeo, retrans),
                kernel,
                service,
            } => write!(
                f,
                "The mount options timeo={timeo} and retrans={retrans} make the kernel wait {} s for {server}, and \
                 this service ends its calls after {} s. Keep timeo times (retrans + 1) below {}",
                kernel.as_secs(),
                service.as_secs(),
                service.as_secs() * 10
            ),
        })
    }
}
