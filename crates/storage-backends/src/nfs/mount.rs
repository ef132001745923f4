//! What is passed to mount(2), and how a mount is recognised.

mod way;

use nix::mount::MsFlags;
use storage_domain::net::HostAddr;
use storage_domain::nfs::{NfsAuthMethod, NfsVersion};
use storage_domain::{Host, MountOptions, MountPoint, NfsConfig};

use crate::helper::protocol::{Attempt, MountCall};
use crate::mount::table::MountEntry;
use crate::net::Permitted as ScopedAddr;
pub(super) use way::MAX_TIMEO;

/// How long the kernel waits for an answer before it asks again, in tenths of a second, where the options do not say.
pub const DEFAULT_TIMEO: u32 = 50;
/// How often the kernel asks again before it gives up, where the options do not say.
pub const DEFAULT_RETRANS: u32 = 2;

/// What the config wants to be mounted, and how.
#[derive(Debug)]
pub(super) struct Wanted {
    server: Host,
    path: String,
    options: MountOptions,
    kerberos: bool,
    source: String,
}

impl Wanted {
    pub(super) fn new(config: &NfsConfig) -> Self {
        let host = match config.server.addr() {
            HostAddr::V6(..) => format!("[{}]", config.server.bare()),
            HostAddr::V4(_) | HostAddr::Name(_) => config.server.bare(),
        };
        Self {
            server: config.server.clone(),
            path: config.export_path.normalized(),
            options: config.mount_options.clone().unwrap_or_default(),
            kerberos: config.auth_method == NfsAuthMethod::Kerberos,
            source: format!("{host}:{}", config.export_path.normalized()),
        }
    }

    pub(super) fn options(&self) -> &MountOptions {
        &self.options
    }

    /// The call that mounts it on `at` from the server's address `addr`.
    pub(super) fn call(&self, at: &MountPoint, addr: &ScopedAddr) -> MountCall {
        let attempt = |version: NfsVersion| Attempt {
            version: version.as_str().to_owned(),
            data: self.data(version, addr),
        };
        MountCall {
            source: self.source.clone(),
            target: at.as_path().to_owned(),
            flags: self.flags().bits(),
            attempts: self.options.versions().into_iter().map(attempt).collect(),
        }
    }

    fn flags(&self) -> MsFlags {
        let mut flags = MsFlags::empty();
        flags.set(MsFlags::MS_RDONLY, !self.options.read_write());
        for option in self.options.generic_options() {
            match option {
                "sync" => flags |= MsFlags::MS_SYNCHRONOUS,
                "async" => flags -= MsFlags::MS_SYNCHRONOUS,
                "noatime" => flags |= MsFlags::MS_NOATIME,
                "atime" => flags -= MsFlags::MS_NOATIME,
                "nodiratime" => flags |= MsFlags::MS_NODIRATIME,
                "diratime" => flags -= MsFlags::MS_NODIRATIME,
                "relatime" => flags |= MsFlags::MS_RELATIME,
                "norelatime" => flags -= MsFlags::MS_RELATIME,
                "strictatime" => flags |= MsFlags::MS_STRICTATIME,
                "nostrictatime" => flags -= MsFlags::MS_STRICTATIME,
                "dirsync" => flags |= MsFlags::MS_DIRSYNC,
                _ => {}
            }
        }
        flags
    }

    /// The options for one version. The operator's come first and the service's own address last, because the last
    /// one wins.
    fn data(&self, version: NfsVersion, addr: &ScopedAddr) -> String {
        let said = |keys: &[&str]| self.options.last_of(keys).is_some();
        let mut data = vec![format!("vers={version}")];
        let given = self.options.nfs_options().map(way::plain);
        data.extend(given.map(|o| for_family(o, addr)));
        if !said(&["soft", "softerr", "hard"]) {
            // Requests that time out fail: with ETIMEDOUT where the version knows how, with EIO otherwise.
            data.push(
                if version == NfsVersion::V3 {
                    "soft"
                } else {
                    "softerr"
                }
                .to_owned(),
            );
        }
        if !said(&["hard", "timeo"]) {
            data.push(format!("timeo={DEFAULT_TIMEO}"));
        }
        if !said(&["hard", "retrans"]) {
            data.push(format!("retrans={DEFAULT_RETRANS}"));
        }
        if !said(&["sharecache", "nosharecache"]) {
            // Without it the time limits may be those of another mount of the same export.
            data.push("nosharecache".to_owned());
        }
        if version == NfsVersion::V3 && !said(&["lock", "nolock", "local_lock"]) {
            // Locks of version 3 need rpcbind and statd on this host, or the mount is refused.
            data.push("nolock".to_owned());
        }
        if self.kerberos && !said(&["sec"]) {
            data.push("sec=krb5".to_owned());
        }
        if !self.options.read_write() {
            data.push("ro".to_owned());
        }
        data.push(format!("addr={addr}"));
        data.join(",")
    }

    /// Whether a mount is the one that is wanted, mounted as it is wanted.
    ///
    /// The path has to be the same, and the server: by its name in the source, or by its address. Neither alone will
    /// do: a server's name may mean other addresses than at the time of the mount, and the kernel shows another name
    /// or address of the same server where it found out that they are one (RFC 8881, section 2.10.5).
    pub(super) fn matches(&self, entry: &MountEntry, addrs: &[ScopedAddr]) -> bool {
        self.is_source(entry, addrs)
            && is_safe(entry)
            && self.is_access(entry)
            && way::is_in_force(&self.options, self.kerberos, entry)
    }

    /// Whether it is the wanted export, however it is mounted.
    fn is_source(&self, entry: &MountEntry, addrs: &[ScopedAddr]) -> bool {
        let Some((host, path)) = entry.host_and_path().filter(|_| entry.is_nfs()) else {
            return false;
        };
        let same_host = host.parse::<Host>().is_ok_and(|h| h == self.server);
        let same_addr = entry
            .option("addr")
            .is_some_and(|addr| addrs.iter().any(|a| a.to_string() == addr));
        (same_host || same_addr) && self.is_path(path)
    }

    fn is_path(&self, path: &str) -> bool {
        path.parse::<storage_domain::ExportPath>()
            .is_ok_and(|p| p.normalized() == self.path)
    }

    /// Reports whether the source of a mount has the wanted path.
    pub(super) fn has_path_of(&self, entry: &MountEntry) -> bool {
        entry.host_and_path().is_some_and(|(_, path)| self.is_path(path))
    }

    /// Reports whether a mount that this process made is mounted as wanted.
    ///
    /// Its path may be another one: the server may have resolved a symbolic link.
    pub(super) fn is_made_by(&self, entry: &MountEntry) -> bool {
        entry.is_nfs() && is_safe(entry) && self.is_access(entry)
    }

    fn is_access(&self, entry: &MountEntry) -> bool {
        entry.is_read_write() == self.options.read_write()
    }
}

/// Whether nothing on the mount can raise anyone's rights.
fn is_safe(entry: &MountEntry) -> bool {
    ["nosuid", "nodev", "noexec"]
        .iter()
        .all(|flag| entry.has_flag(flag))
}

/// The option with the transport's name for the address's family: the kernel refuses `proto=tcp` for IPv6.
fn for_family(option: String, addr: &ScopedAddr) -> String {
    let Some((key @ ("proto" | "mountproto"), value)) = option.split_once('=') else {
        return option;
    };
    let plain = value.trim_end_matches('6');
    let six = if addr.ip().is_ipv6() { "6" } else { "" };
    format!("{key}={plain}{six}")
}

#[cfg(test)]
mod tests;
