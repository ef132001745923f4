//! Named networks.

use super::Network;
use crate::string_enum::string_enum;

string_enum! {
    /// A name for a set of networks.
    NetworkName {
        /// Every address.
        Any = "any",
        /// This host.
        Loopback = "loopback",
        /// Private addresses (RFC 1918, RFC 4193).
        Private = "private",
        /// The hosts on one link (RFC 3927, RFC 4291).
        LinkLocal = "link-local",
        /// The metadata services of clouds, which hand out credentials.
        Metadata = "metadata",
        /// Multicast, and broadcast on a link (RFC 5771, RFC 4291, RFC 919).
        Multicast = "multicast",
        /// The unspecified address, which the kernel takes for this host (RFC 1122, RFC 4291).
        Unspecified = "unspecified",
    }
}

impl NetworkName {
    /// Returns the networks of the name.
    pub fn networks(self) -> &'static [Network] {
        match self {
            Self::Any => const { &[Network::v4(0, 0, 0, 0, 0), Network::v6(0, 0)] },
            Self::Loopback => const { &[Network::v4(127, 0, 0, 0, 8), Network::v6(1, 128)] },
            Self::Private => {
                const {
                    &[
                        Network::v4(10, 0, 0, 0, 8),
                        Network::v4(172, 16, 0, 0, 12),
                        Network::v4(192, 168, 0, 0, 16),
                        Network::v6(0xfc00_0000_0000_0000_0000_0000_0000_0000, 7),
                    ]
                }
            }
            Self::LinkLocal => {
                const {
                    &[
                        Network::v4(169, 254, 0, 0, 16),
                        Network::v6(0xfe80_0000_0000_0000_0000_0000_0000_0000, 10),
                    ]
                }
            }
            Self::Metadata => METADATA,
            Self::Multicast => {
                const {
                    &[
                        Network::v4(224, 0, 0, 0, 4),
                        Network::v4(255, 255, 255, 255, 32),
                        Network::v6(0xff00_0000_0000_0000_0000_0000_0000_0000, 8),
                    ]
                }
            }
            Self::Unspecified => const { &[Network::v4(0, 0, 0, 0, 8), Network::v6(0, 128)] },
        }
    }
}

/// AWS (its machines, containers and pods; IPv4 and IPv6), Google Cloud, Alibaba Cloud, Oracle Cloud, Azure. Most others
/// have 169.254.169.254 too.
const METADATA: &[Network] = &[
    Network::v4(169, 254, 169, 254, 32),
    Network::v4(169, 254, 170, 2, 32),
    Network::v4(169, 254, 170, 23, 32),
    Network::v6(0xfd00_0ec2_0000_0000_0000_0000_0000_0254, 128),
    Network::v6(0xfd00_0ec2_0000_0000_0000_0000_0000_0023, 128),
    Network::v6(0xfd20_00ce_0000_0000_0000_0000_0000_0254, 128),
    Network::v4(100, 100, 100, 200, 32),
    Network::v4(192, 0, 0, 192, 32),
    Network::v4(168, 63, 129, 16, 32),
];

impl Network {
    /// Networks that the internet does not route, besides those of [`NetworkName`] (IANA's registries of special-purpose
    /// addresses, RFC 6890). Of IPv6 everything but global unicast and addresses that are translated to IPv4 (RFC 6052).
    pub const SPECIAL: &'static [Self] = &[
        Self::v4(100, 64, 0, 0, 10),
        Self::v4(192, 0, 0, 0, 24),
        Self::v4(192, 0, 2, 0, 24),
        Self::v4(192, 88, 99, 0, 24),
        Self::v4(198, 18, 0, 0, 15),
        Self::v4(198, 51, 100, 0, 24),
        Self::v4(203, 0, 113, 0, 24),
        Self::v4(240, 0, 0, 0, 4),
        Self::v6(0, 3),
        Self::v6(0x4000_0000_0000_0000_0000_0000_0000_0000, 2),
        Self::v6(0x8000_0000_0000_0000_0000_0000_0000_0000, 1),
        Self::v6(0x2001_0000_0000_0000_0000_0000_0000_0000, 23),
        Self::v6(0x2001_0db8_0000_0000_0000_0000_0000_0000, 32),
        Self::v6(0x2002_0000_0000_0000_0000_0000_0000_0000, 16),
        Self::v6(0x3fff_0000_0000_0000_0000_0000_0000_0000, 20),
    ];
    /// Addresses that carry a global IPv4 address for a translator (RFC 6052).
    pub const TRANSLATED: Self = Self::v6(0x0064_ff9b_0000_0000_0000_0000_0000_0000, 96);
}
