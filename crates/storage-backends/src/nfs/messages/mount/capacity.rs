//! What an error number of statfs(2) means on an NFS mount.

use std::fmt;
use std::io;

use nix::errno::Errno;
use storage_domain::NfsConfig;

use super::errno::{network, stale};

/// Writes why statfs(2) failed.
pub(super) fn statfs(f: &mut fmt::Formatter<'_>, errno: Errno, config: &NfsConfig) -> fmt::Result {
    let (server, path) = (&config.server, &config.export_path);
    match errno {
        Errno::ESTALE => stale(f, config),
        Errno::EACCES | Errno::EPERM => write!(
            f,
            "{server} denies access to {path}. Check whether this client is still among those allowed"
        ),
        Errno::ETIMEDOUT | Errno::EIO => write!(
            f,
            "{path} is mounted, but {server} does not answer. Check the NFS service there"
        ),
        _ => match network(errno as i32) {
            Some(said) => write!(f, "{path} is mounted, but {server}{said}"),
            None => write!(
                f,
                "Reading the capacity of {path} of {server} failed: {}. Check the logs of the kernel and of the server",
                io::Error::from_raw_os_error(errno as i32)
            ),
        },
    }
}
