//! Describes what a kind of storage wants to be mounted, and recognises it.

use storage_domain::{Host, Revision};

use super::table::MountEntry;
use crate::net::{Network, Permitted};

/// The flags of every mount: nothing on it can raise anyone's rights.
const SAFE: [&str; 3] = ["nosuid", "nodev", "noexec"];

/// What a config wants to be mounted.
#[derive(Debug, Clone)]
pub(crate) struct MountSpec {
    /// Revision of the config.
    pub(crate) revision: Revision,
    /// Types of the file system, as the table of mounts may show them.
    pub(crate) fstypes: &'static [&'static str],
    /// Host in the source.
    pub(crate) host: Host,
    /// Whether it may be written to.
    pub(crate) read_write: bool,
}

impl MountSpec {
    /// Reports whether a mount has the wanted type, and is as safe and as writable as wanted.
    pub(super) fn accepts(&self, entry: &MountEntry) -> bool {
        self.fstypes.contains(&entry.fstype.as_str())
            && SAFE.iter().all(|flag| entry.has_flag(flag))
            && entry.is_read_write() == self.read_write
    }

    /// Reports whether a mount that was just made is of the server that was asked, and not of one that it referred to.
    ///
    /// The address decides. The kernel shows another one if it found out that it knows the server already by that (RFC
    /// 8881, section 2.10.5), and the source still has the host that was asked for; after a referral it has the host
    /// that was referred to. Such an address has to be one that may be connected to.
    pub(super) fn is_from(&self, entry: &MountEntry, addrs: &[Permitted], network: &Network) -> bool {
        let Some(addr) = entry.option("addr") else {
            return false;
        };
        if is_among(addr, addrs) {
            return true;
        }
        let bare = addr.split('%').next().and_then(|addr| addr.parse().ok());
        let host = entry
            .host_and_path()
            .and_then(|(host, _)| host.parse::<Host>().ok());
        host.as_ref() == Some(&self.host) && bare.is_some_and(|addr| network.allows(addr))
    }
}

/// Reports whether an address as the kernel shows it is one of `addrs`.
pub(super) fn is_among(shown: &str, addrs: &[Permitted]) -> bool {
    addrs.iter().any(|addr| addr.to_string() == shown)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use rstest::rstest;
    use storage_domain::net;

    use super::*;
    use crate::mount::table;
    use crate::net::Egress;

    /// Whether a mount is of the server that was asked: `nas.lab`, which is 10.0.0.5.
    #[rstest]
    #[case::as_asked("nas.lab:/srv/images", "10.0.0.5", true)]
    #[case::a_path_that_the_server_resolved("nas.lab:/srv/exp/images", "10.0.0.5", true)]
    #[case::another_name_of_it("storage.lab:/srv/images", "10.0.0.5", true)]
    #[case::another_address_of_it("nas.lab:/srv/images", "10.0.0.6", true)]
    #[case::its_name_in_another_spelling("NAS.lab.:/srv/images", "10.0.0.6", true)]
    #[case::referral("other.lab:/srv/other", "10.0.0.9", false)]
    #[case::referral_to_the_same_path("other.lab:/srv/images", "10.0.0.9", false)]
    #[case::referral_by_address("10.0.0.9:/srv/images", "10.0.0.9", false)]
    #[case::address_that_is_denied("nas.lab:/srv/images", "169.254.169.254", false)]
    #[case::referral_into_a_denied_network("other.lab:/srv/images", "10.6.6.6", false)]
    #[case::by_name_into_a_denied_network("nas.lab:/srv/images", "10.6.6.6", false)]
    #[case::link_local("nas.lab:/srv/images", "fe80::1%eth0", false)]
    #[case::no_address("nas.lab:/srv/images", "", false)]
    fn a_referral_is_recognised(#[case] source: &str, #[case] addr: &str, #[case] is_from: bool) {
        let spec = MountSpec {
            revision: Revision::FIRST,
            fstypes: &["net"],
            host: "nas.lab".parse().unwrap(),
            read_write: false,
        };
        let line = format!("101 27 0:52 / /m ro - net {source} ro,addr={addr}");
        let entry = table::parse(line.as_bytes()).pop().unwrap();
        let asked = SocketAddr::new([10, 0, 0, 5].into(), 0);
        let denied: net::Network = "10.6.0.0/16".parse().unwrap();
        let egress = Egress::new([], [denied]);
        let addrs = egress.permit(None, vec![asked], None).unwrap();
        let network = Network::default().guarded(egress);
        assert_eq!(spec.is_from(&entry, &addrs, &network), is_from);
    }
}
