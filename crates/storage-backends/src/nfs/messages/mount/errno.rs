//! What an error number of mount(2) means for NFS.
//!
//! Sources: mount(2), "ERRORS"; `fs/nfs/mount_clnt.c` for the status of the mount daemon (RFC 1813, section 5.1.5);
//! `fs/nfs_common` and `fs/nfs/nfs4proc.c` for the status of NFS (RFC 1813, section 2.6; RFC 7530, section 13); and
//! `net/sunrpc` for remote procedure calls.

use std::fmt;
use std::io;

use nix::errno::Errno;
use storage_domain::NfsConfig;
use storage_domain::nfs::NfsAuthMethod;

use super::server::{kernel, network, stale};
use crate::helper::protocol::CallFailure;

/// Returns the message that says why mount(2) failed.
pub(super) fn mount(failure: &CallFailure, config: &NfsConfig) -> impl fmt::Display {
    fmt::from_fn(move |f| {
        let refusal = Refusal {
            version: failure.label.as_deref().unwrap_or("an unknown version"),
            config,
        };
        if refusal.is_about_rdma(failure.errno) {
            return f.write_str(
                "This host can't use NFS over RDMA: the module rpcrdma is missing, or no RDMA device is set up. Load \
                 the module and set the device up, or remove rdma from mount_options",
            );
        }
        if let Some(said) = network(failure.errno) {
            return write!(f, "{}{said}", config.server);
        }
        refusal.write(f, failure.errno)
    })
}

/// What was refused, for the message.
struct Refusal<'a> {
    version: &'a str,
    config: &'a NfsConfig,
}

impl Refusal<'_> {
    fn is_v3(&self) -> bool {
        self.version == "3"
    }

    /// Reports whether the kernel lacks the transport that the options ask for.
    fn is_about_rdma(&self, errno: i32) -> bool {
        let options = self.config.mount_options.as_ref();
        let missing = matches!(
            Errno::from_raw(errno),
            Errno::EPROTO | Errno::EPROTONOSUPPORT | Errno::EINVAL | Errno::ENODEV
        );
        missing && options.is_some_and(storage_domain::MountOptions::is_rdma)
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, errno: i32) -> fmt::Result {
        match Errno::from_raw(errno) {
            Errno::EINVAL => self.invalid(f),
            Errno::EPROTONOSUPPORT | Errno::EOPNOTSUPP => self.not_supported(f),
            Errno::EACCES | Errno::EPERM | Errno::ENOENT | Errno::ECONNREFUSED => self.denied(f, errno),
            Errno::ENOKEY | Errno::EKEYEXPIRED | Errno::EKEYREJECTED | Errno::EKEYREVOKED => f.write_str(
                "Kerberos has no valid key for this host. Check the machine key in /etc/krb5.keytab, its ticket, and rpc.gssd",
            ),
            _ => self.storage(f, errno),
        }
    }

    /// Writes that the server hides or denies the export, or its services.
    fn denied(&self, f: &mut fmt::Formatter<'_>, errno: i32) -> fmt::Result {
        let (server, path) = (&self.config.server, &self.config.export_path);
        match Errno::from_raw(errno) {
            Errno::ENOENT if self.is_v3() => {
                write!(f, "{server} has no directory {path}. Check export_path")
            }
            Errno::ENOENT => write!(
                f,
                "{server} has no {path} in its NFSv4 exports, or hides it from this client. Check export_path, and \
                 which clients may mount it"
            ),
            Errno::EACCES if self.is_v3() => write!(
                f,
                "{server} does not export {path}, or not to this client. Check export_path, and which clients may \
                 mount it"
            ),
            Errno::EACCES => write!(
                f,
                "{server} does not allow this client to mount {path}. Check which clients may mount it"
            ),
            Errno::EPERM => write!(
                f,
                "{server} does not allow this client to mount {path}: it requires Kerberos, or no longer exports it \
                 to this client. Set auth_method to kerberos, or allow this client there"
            ),
            _ if self.is_v3() => write!(
                f,
                "{server} refused a connection that NFS version 3 needs. Start rpcbind, mountd and NFS version 3 there"
            ),
            _ => write!(f, "{server} refused the connection. Start its NFS service"),
        }
    }

    /// Writes what is wrong with the directory, or with this host.
    fn storage(&self, f: &mut fmt::Formatter<'_>, errno: i32) -> fmt::Result {
        let Self { version, config } = self;
        let (server, path) = (&config.server, &config.export_path);
        match Errno::from_raw(errno) {
            Errno::EIO => write!(
                f,
                "{server} accepts connections, but did not answer in time, or can't read {path}. Check the NFS service \
                 and the disks there"
            ),
            Errno::ENOTDIR => write!(
                f,
                "{path} of {server} is not a directory. Set export_path to a directory"
            ),
            Errno::ELOOP => write!(
                f,
                "{path} of {server} leads through too many symbolic links. Set export_path to the directory itself"
            ),
            Errno::ENAMETOOLONG => write!(f, "{path} is too long for {server}. Export a shorter path there"),
            Errno::ESTALE => stale(f, config),
            Errno::EROFS => write!(
                f,
                "{server} exports {path} read-only. Remove rw from mount_options"
            ),
            Errno::ENXIO => write!(
                f,
                "The device of {path} is missing on {server}. Check the disks there"
            ),
            Errno::EREMOTE => write!(
                f,
                "{path} of {server} is itself mounted from another server. Register a backend for that server"
            ),
            Errno::EPROTO | Errno::EBADMSG => write!(
                f,
                "{server} answers, but not as NFS {version} requires. Check that its port is that of NFS, or set \
                 another version in mount_options"
            ),
            Errno::ENODEV => f.write_str("The kernel of this host has no NFS client. Load the module nfs"),
            Errno::EBUSY => f.write_str(
                "Another program mounts or uses the mount point. Wait until it ends, then test again",
            ),
            Errno::ENOMEM | Errno::ENOBUFS => {
                f.write_str("The kernel of this host has too little memory for the mount. Free some")
            }
            Errno::EMFILE | Errno::ENFILE | Errno::ENOSPC => f.write_str(
                "This host has as many mounts as its kernel allows. Unmount some, or raise fs.mount-max",
            ),
            Errno::EINTR => f.write_str("The mount was interrupted. Test again"),
            _ => match errno {
                kernel::ENOTSUPP => self.not_supported(f),
                kernel::EBADHANDLE => stale(f, config),
                kernel::ERESTARTSYS => f.write_str("The mount was interrupted. Test again"),
                _ => write!(
                    f,
                    "Mounting {path} of {server} over NFS {version} failed: {}. Check the logs of the kernel and of the \
                     server",
                    io::Error::from_raw_os_error(errno)
                ),
            },
        }
    }

    fn not_supported(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (server, version) = (&self.config.server, self.version);
        let options = self.config.mount_options.as_ref();
        if options.is_some_and(|options| options.versions().len() == 1) {
            write!(
                f,
                "{server} does not support NFS {version}. Set another version in mount_options, or none"
            )
        } else {
            write!(
                f,
                "{server} supports none of the NFS versions that were tried, from {version} on. Switch one on there"
            )
        }
    }

    fn invalid(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, config } = self;
        let options = config.mount_options.as_ref().filter(|o| !o.is_empty());
        let options = options.map_or_else(|| "none".to_owned(), ToString::to_string);
        write!(
            f,
            "The kernel refuses to mount with NFS {version} and these mount_options: {options}. Check mount_options"
        )?;
        match config.auth_method {
            NfsAuthMethod::Kerberos => {
                f.write_str(", and that this host has a machine key and runs rpc.gssd for Kerberos")
            }
            NfsAuthMethod::None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
