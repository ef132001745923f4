//! Why the files of a mount can't be read.

use std::fmt;

use nix::unistd::Uid;
use storage_domain::NfsConfig;
use storage_domain::nfs::NfsAuthMethod;

use crate::helper::protocol::Unreadable;

/// What this service may not read on the server, and as whom it asks.
#[derive(Debug, Clone, Copy)]
pub(in crate::nfs) struct NotReadable {
    pub(super) what: Unreadable,
    pub(super) user: Uid,
    pub(super) auth_method: NfsAuthMethod,
}

impl NotReadable {
    pub(in crate::nfs) fn new(what: Unreadable, config: &NfsConfig) -> Self {
        Self {
            what,
            user: nix::unistd::geteuid(),
            auth_method: config.auth_method,
        }
    }
}

impl fmt::Display for NotReadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let some = match self.what {
            Unreadable::Root | Unreadable::All => "",
            Unreadable::Some => "some of ",
        };
        write!(f, "{some}its files can't be read: ")?;
        match self.auth_method {
            NfsAuthMethod::Kerberos => f.write_str(
                "the server maps the Kerberos principal of this host to a user without the right. Allow everybody to \
                 read them there, or map the principal to another user",
            ),
            NfsAuthMethod::None if self.user.is_root() => f.write_str(
                "the server squashes root. Allow everybody to read them there, or export with no_root_squash",
            ),
            NfsAuthMethod::None => write!(
                f,
                "the server denies it to user id {}. Allow everybody to read them there",
                self.user
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        Unreadable::Root,
        0,
        "none",
        "its files can't be read: the server squashes root. "
    )]
    #[case(
        Unreadable::Some,
        0,
        "none",
        "some of its files can't be read: the server squashes root. "
    )]
    #[case(
        Unreadable::All,
        1000,
        "none",
        "its files can't be read: the server denies it to user id 1000. "
    )]
    #[case(
        Unreadable::All,
        0,
        "kerberos",
        "its files can't be read: the server maps the Kerberos principal"
    )]
    fn the_cause_depends_on_the_user(
        #[case] what: Unreadable,
        #[case] user: u32,
        #[case] method: &str,
        #[case] begin: &str,
    ) {
        let not_readable = NotReadable {
            what,
            user: Uid::from_raw(user),
            auth_method: method.parse().unwrap(),
        };
        let message = not_readable.to_string();
        assert!(message.starts_with(begin), "{message}");
    }
}
