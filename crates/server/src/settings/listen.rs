//! Where the service listens.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::values;

/// What begins a Unix socket's path.
pub(crate) const UNIX: &str = "unix:";
/// The longest path of a Unix socket, in bytes: the kernel takes 107, and the socket has a longer name while it is made.
pub(crate) const MAX_PATH_BYTES: usize = 90;

/// A place to listen at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Listen {
    /// An address and a port.
    Tcp(SocketAddr),
    /// A socket in the file system.
    Unix(PathBuf),
}

impl Listen {
    /// Reads `127.0.0.1:8080`, `[::1]:8080` or `unix:/run/storage.sock`.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let Some(path) = text.strip_prefix(UNIX) else {
            return tcp(text).map_err(|rule| format!("{rule}, or unix: and a path"));
        };
        let path_of = values::absolute_path(path)?;
        if path_of.file_name().is_none() || path.ends_with('/') {
            return Err("must name a socket in a directory".to_owned());
        }
        if path.len() > MAX_PATH_BYTES {
            return Err(format!(
                "must have a path of at most {MAX_PATH_BYTES} bytes for its socket"
            ));
        }
        Ok(Self::Unix(path_of))
    }

    /// Whether only this machine reaches it: a loopback address, or a Unix socket.
    pub(crate) fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Self::Unix(_) => true,
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

/// Reads an address and a port.
///
/// # Errors
/// The rule that it breaks.
pub(crate) fn tcp(text: &str) -> Result<Listen, String> {
    let rule = "must be an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080";
    text.parse().map(Listen::Tcp).map_err(|_| rule.to_owned())
}

/// Reads the permissions of a socket, in octal digits.
///
/// # Errors
/// The rule that it breaks.
pub(crate) fn mode(text: &str) -> Result<u32, String> {
    let digits = (3..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| digits && mode & !0o777 == 0)
        .ok_or_else(|| "must be permissions in octal digits, such as 0660 or 0600".to_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("127.0.0.1:8080", true)]
    #[case("127.1.2.3:8080", true)]
    #[case("[::1]:8080", true)]
    #[case("[::ffff:127.0.0.1]:8080", true)]
    #[case("unix:/run/pureboot-storage/api.sock", true)]
    #[case("0.0.0.0:8080", false)]
    #[case("[::]:8080", false)]
    #[case("192.0.2.1:8080", false)]
    #[case("[::ffff:192.0.2.1]:8080", false)]
    fn places(#[case] text: &str, #[case] local: bool) {
        let listen = Listen::parse(text).unwrap();
        assert_eq!((listen.to_string().as_str(), listen.is_local()), (text, local));
    }

    #[rstest]
    #[case("")]
    #[case("localhost:8080")]
    #[case("unix:")]
    #[case("unix:api.sock")]
    #[case("unix:/")]
    #[case("unix:/run/../api.sock")]
    #[case("unix:/run/api/")]
    fn no_places(#[case] text: &str) {
        assert!(Listen::parse(text).is_err());
    }

    #[test]
    fn a_path_that_the_kernel_would_cut_off_is_refused() {
        let path = |bytes: usize| format!("unix:/{}", "s".repeat(bytes - 1));
        assert!(Listen::parse(&path(MAX_PATH_BYTES)).is_ok());
        assert!(Listen::parse(&path(MAX_PATH_BYTES + 1)).is_err());
    }

    #[rstest]
    #[case("0660", Some(0o660))]
    #[case("600", Some(0o600))]
    #[case("0777", Some(0o777))]
    #[case("4755", None)]
    #[case("0o66", None)]
    #[case("+66", None)]
    #[case("68", None)]
    #[case("rw-", None)]
    fn modes(#[case] text: &str, #[case] expected: Option<u32>) {
        assert_eq!(mode(text).ok(), expected);
    }
}
