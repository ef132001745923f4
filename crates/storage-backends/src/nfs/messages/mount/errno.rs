//! What an error number of mount(2) or statfs(2) means for NFS.

use std::fmt;
use std::io;

use nix::errno::Errno;
use storage_domain::NfsConfig;
use storage_domain::nfs::NfsAuthMethod;

use crate::helper::protocol::CallFailure;

/// Writes why the directory to mount on can't be made.
pub(super) fn mount_point(f: &mut fmt::Formatter<'_>, errno: i32) -> fmt::Result {
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

/// Writes why mount(2) failed.
pub(super) fn mount(f: &mut fmt::Formatter<'_>, failure: &CallFailure, config: &NfsConfig) -> fmt::Result {
    let (server, path) = (&config.server, &config.export_path);
    let version = failure.label.as_deref().unwrap_or("an unknown version");
    let is_v3 = version == "3";
    match Errno::from_raw(failure.errno) {
        Errno::ENOENT => write!(
            f,
            "{server} has no {path} in its NFSv4 exports, or hides it from this client. Check export_path, and which \
             clients may mount it"
        ),
        Errno::EACCES if is_v3 => write!(
            f,
            "{server} does not export {path}, or not to this client. Check export_path, and which clients may mount it"
        ),
        Errno::EACCES => write!(
            f,
            "{server} does not allow this client to mount {path}. Check which clients may mount it"
        ),
        Errno::EPERM => write!(
            f,
            "{server} does not allow this client to mount {path}: it requires Kerberos, or no longer exports it to \
             this client. Set auth_method to kerberos, or allow this client there"
        ),
        Errno::ECONNREFUSED if is_v3 => write!(
            f,
            "{server} refused a connection that NFS version 3 needs. Start rpcbind, mountd and NFS version 3 there"
        ),
        Errno::ECONNREFUSED => write!(f, "{server} refused the connection. Start its NFS service"),
        Errno::ETIMEDOUT | Errno::EIO => write!(
            f,
            "{server} accepts connections, but did not answer in time. Check the NFS service there"
        ),
        Errno::EHOSTUNREACH | Errno::ENETUNREACH => {
            write!(
                f,
                "{server} can't be reached from here. Check the routes of this host"
            )
        }
        Errno::EPROTONOSUPPORT | Errno::EOPNOTSUPP => not_spoken(f, config, version),
        Errno::EINVAL => invalid(f, config, version),
        Errno::ENODEV => f.write_str("The kernel of this host has no NFS client. Load the module nfs"),
        Errno::ENOTDIR => write!(
            f,
            "{path} of {server} is not a directory. Set export_path to a directory"
        ),
        _ => write!(
            f,
            "Mounting {path} of {server} over NFS {version} failed: {}",
            io::Error::from_raw_os_error(failure.errno)
        ),
    }
}

fn not_spoken(f: &mut fmt::Formatter<'_>, config: &NfsConfig, version: &str) -> fmt::Result {
    let options = config.mount_options.as_ref();
    let server = &config.server;
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

fn invalid(f: &mut fmt::Formatter<'_>, config: &NfsConfig, version: &str) -> fmt::Result {
    let options = config.mount_options.as_ref().filter(|o| !o.is_empty());
    let options = options.map_or_else(|| "none".to_owned(), ToString::to_string);
    write!(
        f,
        "The kernel refuses to mount with NFS {version} and these mount_options: {options}. "
    )?;
    match config.auth_method {
        NfsAuthMethod::Kerberos => f.write_str(
            "Check mount_options, and that this host has a machine key and runs rpc.gssd for Kerberos",
        ),
        NfsAuthMethod::None => f.write_str("Check mount_options"),
    }
}

/// Writes why statfs(2) failed on a mount.
pub(super) fn statfs(f: &mut fmt::Formatter<'_>, errno: Errno, config: &NfsConfig) -> fmt::Result {
    let (server, path) = (&config.server, &config.export_path);
    match errno {
        Errno::ESTALE => write!(
            f,
            "{server} no longer knows {path} (stale file handle), because it was deleted or exported again. Check \
             export_path"
        ),
        Errno::EACCES | Errno::EPERM => write!(
            f,
            "{server} denies access to {path}. Check whether this client is still among those allowed"
        ),
        Errno::ETIMEDOUT | Errno::EIO => write!(
            f,
            "{path} is mounted, but {server} does not answer. Check the NFS service there"
        ),
        _ => write!(
            f,
            "Reading the capacity of {path} of {server} failed: {}",
            io::Error::from(errno)
        ),
    }
}
