//! Messages of the checks `mount` and `capacity`, and of warnings about the mount options.

mod capacity;
mod errno;
mod readable;
mod server;

use std::fmt;
use std::io;
use std::time::Duration;

use nix::errno::Errno;
use storage_domain::{Capacity, ExportPath, NfsConfig};

pub(in crate::nfs) use self::readable::NotReadable;
use crate::helper::MAX_MOUNTS_IN_FLIGHT;
use crate::helper::protocol::Step;
use crate::mount::outcome::{Failure, NotMounted, Origin, Unmeasured};
use crate::mount::table::MountEntry;
use crate::probe::Figure;

/// The mount, for the check `mount`.
pub(in crate::nfs) struct Mounted<'a> {
    pub(in crate::nfs) entry: &'a MountEntry,
    pub(in crate::nfs) origin: Origin,
    pub(in crate::nfs) unreadable: Option<NotReadable>,
}

impl fmt::Display for Mounted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let begin = match self.origin {
            Origin::Kept => "Already mounted",
            Origin::Made => "Mounted",
            Origin::Restored => "Mounted again, because another program had unmounted it,",
            Origin::Replaced => "Mounted again in place of a dead mount,",
        };
        write!(
            f,
            "{begin} {}; options in force: {}",
            over(self.entry),
            self.entry.options
        )?;
        match self.unreadable {
            Some(unreadable) => write!(f, "; but {unreadable}"),
            None => Ok(()),
        }
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
    pub(in crate::nfs) origin: Origin,
    pub(in crate::nfs) unreadable: Option<NotReadable>,
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
            write!(f, "; the server calls it {there}")?;
        }
        match self.origin {
            Origin::Kept | Origin::Made => {}
            Origin::Restored => {
                f.write_str("; another program had unmounted it, and it was mounted again")?;
            }
            Origin::Replaced => f.write_str("; the mount before was dead, and it was replaced")?,
        }
        match self.unreadable {
            Some(unreadable) => write!(f, ", but {unreadable}"),
            None => Ok(()),
        }
    }
}

/// Returns the message that says why the export is not mounted.
pub(in crate::nfs) fn not_mounted(why: &NotMounted, config: &NfsConfig) -> impl fmt::Display {
    let (server, path) = (&config.server, &config.export_path);
    fmt::from_fn(move |f| match why {
        NotMounted::NoPermit => write!(
            f,
            "Not mounted, because {MAX_MOUNTS_IN_FLIGHT} mounts of other backends, as many as are allowed at \
                 once, did not end. Find the backend whose server does not answer, then test again"
        ),
        NotMounted::Hung(limit) => write!(
            f,
            "{server} accepts connections, but the mount did not end within {} s. Check the NFS service there",
            seconds(*limit)
        ),
        NotMounted::Failed(failure) if failure.step == Step::MountPoint => mount_point(f, failure.errno),
        NotMounted::Failed(failure) => write!(f, "{}", errno::mount(failure, config)),
        NotMounted::Referred(entry) => write!(
            f,
            "{server} refers {path} to another server, {} at {}, so it was unmounted. Register a backend for \
                 that server",
            entry.source,
            entry.option("addr").unwrap_or("an unknown address")
        ),
        NotMounted::Otherwise => write!(
            f,
            "The kernel mounted {path} differently than requested, so it was unmounted. Check mount_options"
        ),
    })
}

/// Writes why the directory to mount on can't be made.
fn mount_point(f: &mut fmt::Formatter<'_>, errno: i32) -> fmt::Result {
    if Errno::from_raw(errno) == Errno::ENOTEMPTY {
        return f.write_str(
            "The mount point is not empty: files were written into it while nothing was mounted, and a mount would \
             hide them. Move them out of the directory that has this backend's id in the service's mount directory, \
             then test again",
        );
    }
    write!(
        f,
        "The directory to mount on can't be made: {}. Check the service's mount directory",
        io::Error::from_raw_os_error(errno)
    )
}

/// Rounds a time limit up to whole seconds.
fn seconds(limit: Duration) -> u64 {
    limit.as_secs() + u64::from(limit.subsec_nanos() > 0)
}

/// The capacity of a mount; `None` if the server reports no size.
pub(in crate::nfs) struct Measured(pub(in crate::nfs) Option<Capacity>);

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(capacity) => Figure(capacity).fmt(f),
            None => f.write_str("The server reports no size of this file system"),
        }
    }
}

/// Returns the message that says why the capacity of a mount is unknown.
pub(in crate::nfs) fn not_measured(why: Unmeasured, config: &NfsConfig) -> impl fmt::Display {
    fmt::from_fn(move |f| match why.failure {
        Failure::Timeout => write!(
            f,
            "{} is mounted, but {} did not report its capacity within {} s. Check the NFS service there",
            config.export_path,
            config.server,
            seconds(why.limit)
        ),
        Failure::Kernel(errno) => capacity::statfs(f, errno, config),
    })
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

#[cfg(test)]
mod tests {
    use storage_domain::{BackendConfig, BackendKind};

    use super::*;
    use crate::mount::table;

    #[test]
    fn a_path_that_the_server_resolved_is_shown() {
        let members = serde_json::json!({"server": "nas", "export_path": "/srv/images"});
        let config = BackendConfig::parse(BackendKind::Nfs, members.as_object().unwrap()).unwrap();
        let BackendConfig::Nfs(config) = config else {
            unreachable!()
        };
        let line = b"36 25 0:32 / /m ro - nfs4 nas:/srv/exp/images ro,vers=4.2\n";
        let summary = Summary {
            config: &config,
            entry: &table::parse(line)[0],
            capacity: None,
            origin: Origin::Kept,
            unreadable: None,
        };
        assert_eq!(
            summary.to_string(),
            "/srv/images of nas is mounted over NFS 4.2, read-only; the server calls it /srv/exp/images"
        );
    }
}
