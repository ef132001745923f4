//! What an error number says of the server, or of the way to it, whatever the call was.

use std::fmt;

use nix::errno::Errno;
use storage_domain::NfsConfig;

/// Numbers that only the kernel knows (`include/linux/errno.h`) and the C library does not: they are not to leave it, and do.
pub(super) mod kernel {
    pub(in super::super) const ERESTARTSYS: i32 = 512;
    pub(in super::super) const EBADHANDLE: i32 = 521;
    pub(in super::super) const ENOTSUPP: i32 = 524;
    pub(in super::super) const ESERVERFAULT: i32 = 526;
    pub(in super::super) const EJUKEBOX: i32 = 528;
}

/// Returns the rest of a sentence that begins with the server, for a failure of the network or of a call.
pub(super) fn network(errno: i32) -> Option<&'static str> {
    Some(match Errno::from_raw(errno) {
        Errno::EHOSTUNREACH | Errno::EHOSTDOWN | Errno::ENETUNREACH | Errno::ENETDOWN => {
            " can't be reached from here. Check that it is up, and the routes of this host"
        }
        Errno::ETIMEDOUT => " accepts connections, but did not answer in time. Check the NFS service there",
        Errno::ECONNRESET | Errno::ECONNABORTED | Errno::EPIPE | Errno::ENOTCONN | Errno::ESHUTDOWN => {
            " closed the connection. Check the NFS service there, and whether it allows this host"
        }
        Errno::EADDRNOTAVAIL => {
            " can't be reached, because this host has no address for it. Check its network"
        }
        Errno::EADDRINUSE => {
            " can't be connected to, because all ports below 1024 of this host are in use. Add noresvport to \
             mount_options"
        }
        Errno::EAFNOSUPPORT | Errno::EPFNOSUPPORT => {
            " has an address of a family that this host does not support. Set another address in server"
        }
        Errno::EREMOTEIO => " reports a fault of its own. Check its log",
        Errno::EAGAIN => " is not ready yet. Test again later",
        _ => match errno {
            kernel::ESERVERFAULT => " reports a fault of its own. Check its log",
            kernel::EJUKEBOX => " is not ready yet. Test again later",
            _ => return None,
        },
    })
}

/// Writes that the server no longer knows the export.
pub(super) fn stale(f: &mut fmt::Formatter<'_>, config: &NfsConfig) -> fmt::Result {
    write!(
        f,
        "{} no longer knows {} (stale file handle), because it was deleted or exported again. Check export_path",
        config.server, config.export_path
    )
}
