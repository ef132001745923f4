//! What a probe says: one plain sentence a finding, and what to do about it.

use std::fmt;
use std::io;
use std::time::Duration;

use nix::errno::Errno;
use storage_domain::{Capacity, ExportPath, Host, NfsConfig};

use super::exports::{Export, ExportList};
use crate::helper::MAX_MOUNTS_IN_FLIGHT;
use crate::helper::protocol::{CallFailure, Step};
use crate::mount::table::MountEntry;
use crate::net::{ConnectError, Permitted};

/// How a mount came to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// It was there.
    Already,
    /// It was made now.
    New,
    /// It was made now, for somebody else had taken it away.
    Lost,
    /// It was made now in place of one that was dead.
    Dead,
}

pub(super) const NO_ADDRESS: &str = "Not checked, because the server has no address";
pub(super) const UNREACHABLE: &str = "Not checked, because the server can't be reached";
pub(super) const NOT_LISTED: &str = "Not checked, because the server does not export the directory";
pub(super) const NOT_MOUNTED: &str = "Not checked, because the export is not mounted";
pub(super) const STILL_MOUNTED: &str = "Not checked, because the export is still mounted and answers";
pub(super) const TRUNCATED: &str = "The server lists more exports than are read; the mount decides";
/// How many exports a message names.
const NEAREST: usize = 3;

pub(super) fn resolved(server: &Host, addrs: &[Permitted]) -> String {
    if server.literal().is_some() {
        return format!("{server} is an address");
    }
    format!("{server} is {}", joined(addrs.iter().map(ToString::to_string)))
}

pub(super) fn unreachable(server: &Host, error: &ConnectError) -> String {
    format!(
        "The NFS server {server} can't be reached: {}",
        error.sentence("server")
    )
}

pub(super) fn listed(wanted: &ExportPath, export: &Export) -> String {
    let below = if wanted.normalized() == export.path.normalized() {
        String::new()
    } else {
        format!("{wanted} lies in it; ")
    };
    match export.clients.as_str() {
        "" => format!("The server exports {}{}", export.path, tail(&below)),
        clients => format!("The server exports {} to {clients}{}", export.path, tail(&below)),
    }
}

fn tail(remark: &str) -> String {
    match remark.trim_end_matches("; ") {
        "" => String::new(),
        remark => format!("; {remark}"),
    }
}

pub(super) fn above(wanted: &ExportPath) -> String {
    format!("{wanted} is above directories that the server exports, as NFSv4 allows it")
}

pub(super) fn not_listed(config: &NfsConfig, list: &ExportList) -> String {
    let (server, path) = (&config.server, &config.export_path);
    let nearest = list.nearest(path, NEAREST);
    if nearest.is_empty() {
        return format!("{server} does not export {path}: its export list is empty");
    }
    let more = if list.exports.len() > nearest.len() {
        ", among others"
    } else {
        ""
    };
    let names = joined(nearest.iter().map(|e| e.path.to_string()));
    format!("{server} does not export {path}; it exports {names}{more}")
}

pub(super) fn unlisted_but_there(config: &NfsConfig) -> String {
    let path = &config.export_path;
    format!("The server's export list does not have {path}, yet it serves it over NFSv4")
}

/// Says why an export cannot be mounted by this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotMountable {
    SwitchedOff,
    NoCapability,
}

impl NotMountable {
    fn reason(self) -> &'static str {
        match self {
            Self::SwitchedOff => "mounting is switched off in this service",
            Self::NoCapability => "this service may not mount (it lacks the capability CAP_SYS_ADMIN)",
        }
    }
}

impl fmt::Display for NotMountable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Not checked, because {}", self.reason())
    }
}

pub(super) fn unproved(why: &str, reason: NotMountable) -> String {
    let reason = reason.reason();
    format!(
        "Whether the export is there can't be determined. {why}; and it can't be mounted, because {reason}"
    )
}

pub(super) fn exported_only(config: &NfsConfig, reason: NotMountable) -> String {
    let (server, path) = (&config.server, &config.export_path);
    let reason = reason.reason();
    format!("{server} exports {path}; it is not mounted, because {reason}")
}

pub(super) fn mounted(entry: &MountEntry, how: How) -> String {
    let begin = match how {
        How::Already => "Already mounted",
        How::New => "Mounted",
        How::Lost => "Mounted again, for somebody had taken the mount away,",
        How::Dead => "Mounted again in place of a mount that was dead,",
    };
    let (version, access) = way(entry);
    format!(
        "{begin} over NFS {version}, {access}; options in force: {}",
        entry.options
    )
}

fn way(entry: &MountEntry) -> (&str, &'static str) {
    let access = if entry.is_read_write() {
        "writable"
    } else {
        "read-only"
    };
    (entry.option("vers").unwrap_or("of an unknown version"), access)
}

/// Says how an export is mounted, and how full it is.
pub(super) struct Summary {
    mounted: String,
    capacity: Option<Capacity>,
    replaced: &'static str,
}

impl Summary {
    pub(super) fn new(config: &NfsConfig, entry: &MountEntry, capacity: Option<Capacity>, how: How) -> Self {
        let (version, access) = way(entry);
        let (server, path) = (&config.server, &config.export_path);
        let is_other = |there: &str| {
            there
                .parse()
                .is_ok_and(|p: ExportPath| p.normalized() != path.normalized())
        };
        let resolved = match entry.host_and_path() {
            Some((_, there)) if is_other(there) => format!("; it is {there} there"),
            _ => String::new(),
        };
        Self {
            mounted: format!("{path} of {server} is mounted over NFS {version}, {access}{resolved}"),
            capacity,
            replaced: match how {
                How::Already | How::New => "",
                How::Lost => "; somebody had taken the mount away, and it was made again",
                How::Dead => "; the mount before was dead, and it was replaced",
            },
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.mounted)?;
        if let Some(capacity) = self.capacity.filter(|_| !f.alternate()) {
            write!(f, ", {capacity}")?;
        }
        f.write_str(self.replaced)
    }
}

pub(super) fn referred(config: &NfsConfig, entry: &MountEntry) -> String {
    let (server, path, source) = (&config.server, &config.export_path, &entry.source);
    let addr = entry.option("addr").unwrap_or("an unknown address");
    format!(
        "{server} refers {path} to another server, {source} at {addr}, and it was unmounted again; register a backend for \
         that server"
    )
}

pub(super) fn mounted_otherwise(config: &NfsConfig) -> String {
    let path = &config.export_path;
    format!("The kernel mounted {path} in another way than it was asked to; it was unmounted again")
}

/// The server was not even asked.
pub(super) fn no_turn() -> String {
    format!(
        "Not mounted, because {MAX_MOUNTS_IN_FLIGHT} mounts of other backends, as many as may be under way at once, did \
         not end; see which of their servers do not answer, then test again"
    )
}

pub(super) fn mount_hung(config: &NfsConfig, limit: Duration) -> String {
    format!(
        "{} accepts connections, but the mount did not end within {} s; is its NFS service all right?",
        config.server,
        seconds(limit)
    )
}

/// Rounds a time limit up to whole seconds.
fn seconds(limit: Duration) -> u64 {
    limit.as_secs() + u64::from(limit.subsec_nanos() > 0)
}

pub(super) fn statfs_hung(config: &NfsConfig, limit: Duration) -> String {
    let (server, path) = (&config.server, &config.export_path);
    let limit = seconds(limit);
    format!("{path} is mounted, but {server} did not say within {limit} s how full it is")
}

pub(super) fn statfs_failed(config: &NfsConfig, error: &io::Error) -> String {
    let (server, path) = (&config.server, &config.export_path);
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ESTALE) => {
            format!("{server} no longer knows {path} (stale file handle); was it deleted or exported again?")
        }
        Some(Errno::EACCES | Errno::EPERM) => {
            format!("{server} denies access to {path}; is this client still among those allowed?")
        }
        Some(Errno::ETIMEDOUT | Errno::EIO) => {
            format!("{path} is mounted, but {server} does not answer")
        }
        _ => format!("Reading how full {path} of {server} is failed ({error})"),
    }
}

pub(super) fn waits_without_limit(config: &NfsConfig, limit: Duration) -> String {
    format!(
        "The mount option hard makes the kernel wait for {} without a time limit: if that is gone, this service \
         ends its own calls after {} s, and other programs on the mount hang; leave it out, unless they need it",
        config.server,
        limit.as_secs()
    )
}

pub(super) fn waits_long(
    config: &NfsConfig,
    (timeo, retrans): (u64, u64),
    patience: Duration,
    limit: Duration,
) -> String {
    let (patience, limit) = (patience.as_secs(), limit.as_secs());
    format!(
        "The mount options timeo={timeo} and retrans={retrans} make the kernel wait {patience} s for {}, and this \
         service ends its calls after {limit} s; keep timeo times (retrans + 1) below {}",
        config.server,
        limit * 10
    )
}

/// What an error number of mount(2) means for NFS, as far as kernels give it a meaning of its own.
pub(super) fn mount_failed(config: &NfsConfig, failure: &CallFailure) -> String {
    let errno = Errno::from_raw(failure.errno);
    if failure.step == Step::MountPoint && errno == Errno::ENOTEMPTY {
        return "The mount point is not empty: something was written into it while nothing was mounted, and a mount would \
                cover it up; move it away from the directory that has this backend's id in the service's mount directory, \
                then test again"
            .to_owned();
    }
    if failure.step == Step::MountPoint {
        return format!(
            "The directory to mount on can't be made ({}); see to this service's mount directory",
            errno.desc()
        );
    }
    let (server, path) = (&config.server, &config.export_path);
    let version = failure.version.as_deref().unwrap_or("an unknown version");
    let is_v3 = version == "3";
    match errno {
        Errno::ENOENT => format!(
            "{server} has no {path} in its NFSv4 exports, or this client is not allowed to see it; check the path and \
             who may mount it"
        ),
        Errno::EACCES if is_v3 => {
            format!(
                "{server} does not export {path}, or not to this client; check the path and who may mount it"
            )
        }
        Errno::EACCES => format!("{server} does not let this client mount {path}; check who may mount it"),
        Errno::EPERM => format!(
            "{server} does not let this client mount {path}: it asks for Kerberos, or no longer exports it to this client"
        ),
        Errno::ECONNREFUSED if is_v3 => format!(
            "{server} refused a connection that NFS version 3 needs; are rpcbind, mountd and NFS version 3 switched on \
             there?"
        ),
        Errno::ECONNREFUSED => format!("{server} refused the connection; is its NFS service running?"),
        Errno::ETIMEDOUT | Errno::EIO => {
            format!("{server} accepts connections, but did not answer in time; is its NFS service all right?")
        }
        Errno::EHOSTUNREACH | Errno::ENETUNREACH => {
            format!("{server} can't be reached from here; check the routes")
        }
        Errno::EPROTONOSUPPORT | Errno::EOPNOTSUPP => not_spoken(config, version),
        Errno::EINVAL => invalid(config, version),
        Errno::ENODEV => "This host's kernel has no NFS client; load the module nfs".to_owned(),
        Errno::ENOTDIR => format!("{path} of {server} is not a directory"),
        _ => format!(
            "Mounting {path} of {server} over NFS {version} failed ({})",
            errno.desc()
        ),
    }
}

fn not_spoken(config: &NfsConfig, version: &str) -> String {
    let options = config.mount_options.as_ref();
    let versions = options.map(|o| o.versions().len()).unwrap_or_default();
    let server = &config.server;
    if versions == 1 {
        format!("{server} does not speak NFS {version}; name another version in mount_options, or none")
    } else {
        format!("{server} speaks none of the versions of NFS that were tried, from {version} on")
    }
}

fn invalid(config: &NfsConfig, version: &str) -> String {
    let options = config.mount_options.as_ref().filter(|o| !o.is_empty());
    let options = options.map_or_else(|| "none".to_owned(), ToString::to_string);
    let kerberos = match config.auth_method {
        storage_domain::nfs::NfsAuthMethod::Kerberos => {
            "; Kerberos needs rpc.gssd and a machine key on this host"
        }
        storage_domain::nfs::NfsAuthMethod::None => "",
    };
    format!("The kernel refuses to mount with NFS {version} and these mount_options: {options}{kerberos}")
}

fn joined(names: impl Iterator<Item = String>) -> String {
    names.collect::<Vec<_>>().join(", ")
}
