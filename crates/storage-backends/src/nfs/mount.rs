//! What the kernel's client is asked to mount (nfs(5)).

use std::path::Path;

use nix::mount::MsFlags;
use storage_domain::net::HostAddr;
use storage_domain::nfs::{NfsAuthMethod, NfsVersion};
use storage_domain::{MountOptions, NfsConfig, Revision};

use crate::helper::protocol::{Attempt, MountCall};
use crate::mount::spec::MountSpec;
use crate::net::Permitted;

/// How long the kernel waits for an answer before it asks again, in tenths of a second, where the options do not say.
pub const DEFAULT_TIMEO: u32 = 50;
/// How often the kernel asks again before it gives up, where the options do not say.
pub const DEFAULT_RETRANS: u32 = 2;
/// The longest `timeo` that the kernel keeps over TCP (`NFS_MAX_TCP_TIMEOUT`), in tenths of a second.
pub(super) const MAX_TIMEO: u64 = 6000;
/// Flag `MS_NOSYMFOLLOW` of mount(2), since Linux 5.10; nix does not name it.
const MS_NOSYMFOLLOW: MsFlags = MsFlags::from_bits_retain(256);

/// Returns what a config wants to be mounted.
pub(super) fn spec(config: &NfsConfig, revision: Revision) -> MountSpec {
    MountSpec {
        revision,
        fstypes: &["nfs", "nfs4"],
        host: config.server.clone(),
        read_write: config
            .mount_options
            .as_ref()
            .is_some_and(MountOptions::read_write),
    }
}

/// Makes the arguments of mount(2).
#[derive(Debug)]
pub(super) struct MountRequest {
    options: MountOptions,
    kerberos: bool,
    source: String,
}

impl MountRequest {
    pub(super) fn new(config: &NfsConfig) -> Self {
        let host = match config.server.addr() {
            HostAddr::V6(..) => format!("[{}]", config.server.bare()),
            HostAddr::V4(_) | HostAddr::Name(_) => config.server.bare(),
        };
        Self {
            options: config.mount_options.clone().unwrap_or_default(),
            kerberos: config.auth_method == NfsAuthMethod::Kerberos,
            source: format!("{host}:{}", config.export_path.normalized()),
        }
    }

    pub(super) fn options(&self) -> &MountOptions {
        &self.options
    }

    /// Returns the call that mounts it on `target` from the server's address `addr`.
    ///
    /// A server that exports nothing under this path in NFSv4's name space may still do so in version 3 (RFC 7530,
    /// section 7), and one that refuses the port of version 4 may serve version 3 on another, which version 3 asks it
    /// for.
    pub(super) fn call(&self, target: &Path, addr: &Permitted) -> MountCall {
        let attempt = |version: NfsVersion| Attempt {
            label: version.as_str().to_owned(),
            family: if version == NfsVersion::V3 { "3" } else { "4" }.to_owned(),
            data: self.data(version, addr),
        };
        MountCall {
            fstype: "nfs".to_owned(),
            source: self.source.clone(),
            target: target.to_owned(),
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
                "nosymfollow" => flags |= MS_NOSYMFOLLOW,
                "symfollow" => flags -= MS_NOSYMFOLLOW,
                _ => {}
            }
        }
        flags
    }

    /// The options for one version. The operator's come first and the service's own address last, because the last
    /// one wins.
    fn data(&self, version: NfsVersion, addr: &Permitted) -> String {
        let said = |keys: &[&str]| self.options.last_of(keys).is_some();
        let mut data = vec![format!("vers={version}")];
        let given = self.options.nfs_options().map(plain);
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
}

/// The option with the transport's name for the address's family: the kernel refuses `proto=tcp` for IPv6.
fn for_family(option: String, addr: &Permitted) -> String {
    let Some((key @ ("proto" | "mountproto"), value)) = option.split_once('=') else {
        return option;
    };
    let plain = value.trim_end_matches('6');
    let six = if addr.ip().is_ipv6() { "6" } else { "" };
    format!("{key}={plain}{six}")
}

/// Writes a number as the kernel is to read it: it takes one that begins with 0 for an octal one, and computes wrongly
/// with a `timeo` that is longer than it keeps.
fn plain(option: String) -> String {
    let Some((key, Ok(value))) = option
        .split_once('=')
        .map(|(key, value)| (key, value.parse::<u64>()))
    else {
        return option;
    };
    let value = if key == "timeo" {
        value.min(MAX_TIMEO)
    } else {
        value
    };
    format!("{key}={value}")
}

#[cfg(test)]
mod tests;
