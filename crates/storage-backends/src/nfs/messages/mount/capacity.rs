//! What an error number of statfs(2) means on an NFS mount.

use std::fmt;
use std::io;

use nix::errno::Errno;
use storage_domain::NfsConfig;

use super::server::{network, stale};

/// Writes why statfs(2) failed.
pub(super) fn statfs(f: &mut fmt::Formatter<'_>, errno: i32, config: &NfsConfig) -> fmt::Result {
    let (server, path) = (&config.server, &config.export_path);
    match Errno::from_raw(errno) {
        Errno::ESTALE => stale(f, config),
        Errno::EACCES | Errno::EPERM => write!(
            f,
            "{server} denies access to {path}. Check whether this client is still among those allowed"
        ),
        Errno::ETIMEDOUT | Errno::EIO => write!(
            f,
            "{path} is mounted, but {server} does not answer. Check the NFS service there"
        ),
        _ => match network(errno) {
            Some(said) => write!(f, "{path} is mounted, but {server}{said}"),
            None => write!(
                f,
                "Reading the capacity of {path} of {server} failed: {}. Check the logs of the kernel and of the server",
                io::Error::from_raw_os_error(errno)
            ),
        },
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use storage_domain::{BackendConfig, BackendKind};

    use super::*;

    /// Whatever the number is, it has a sentence or is shown.
    #[rstest]
    #[case::known(Errno::ESTALE as i32, "nas no longer knows /srv")]
    #[case::known_to_the_kernel(528, "/srv is mounted, but nas is not ready yet")]
    #[case::unknown_to_the_library(200, "(os error 200). Check the logs")]
    #[case::odd(Errno::EDOM as i32, "(os error 33). Check the logs")]
    fn numbers(#[case] errno: i32, #[case] says: &str) {
        let members = serde_json::json!({"server": "nas", "export_path": "/srv"});
        let config = BackendConfig::parse(BackendKind::Nfs, members.as_object().unwrap()).unwrap();
        let BackendConfig::Nfs(config) = config else {
            unreachable!()
        };
        let message = fmt::from_fn(|f| statfs(f, errno, &config)).to_string();
        assert!(message.contains(says), "{message}");
    }
}
