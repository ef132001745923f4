//! What a client makes of a file.

use super::image::{Image, Named};

/// A kind of client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    Ipxe,
    UefiHttp,
    Grub,
    Shim,
    Bmc,
}

impl Client {
    pub(crate) const ALL: [Self; 5] = [Self::Ipxe, Self::UefiHttp, Self::Grub, Self::Shim, Self::Bmc];

    /// Returns its stable name.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ipxe => "ipxe",
            Self::UefiHttp => "uefi-http",
            Self::Grub => "grub",
            Self::Shim => "shim",
            Self::Bmc => "bmc",
        }
    }
}

/// How it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The client reads the file right, and starts or loads it.
    Boots,
    /// The client reads the file right, and has no use for it.
    Unsuitable,
    /// The client does not get the file, or gets one that is damaged.
    Fails,
}

impl Outcome {
    pub(crate) const ALL: [Self; 3] = [Self::Boots, Self::Unsuitable, Self::Fails];

    /// Returns its stable name.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Boots => "boots",
            Self::Unsuitable => "unsuitable",
            Self::Fails => "fails",
        }
    }
}

/// What a client makes of a file, and why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) client: Client,
    pub(crate) outcome: Outcome,
    pub(crate) detail: String,
    /// What the file is, if the client got it and it is not damaged.
    pub(super) image: Option<Image>,
}

impl Verdict {
    pub(super) fn fails(client: Client, detail: impl Into<String>) -> Self {
        Self {
            client,
            outcome: Outcome::Fails,
            detail: detail.into(),
            image: None,
        }
    }

    pub(super) fn boots(client: Client, image: Image, detail: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Boots,
            image: Some(image),
            ..Self::fails(client, detail)
        }
    }

    pub(super) fn unsuitable(client: Client, image: Image, detail: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Unsuitable,
            image: Some(image),
            ..Self::fails(client, detail)
        }
    }

    /// Returns whether the client starts or loads the file.
    pub(super) fn is_useful(&self) -> bool {
        self.outcome == Outcome::Boots
    }

    /// Returns the verdict of a client on a file that is empty, or not what its name says; `None` if there is nothing to say.
    pub(super) fn on_damage(client: Client, name: &str, image: Image) -> Option<Self> {
        let detail = match (Named::of(name), image) {
            (_, Image::Empty) => "The file is empty: write it again.",
            (Named::Efi, Image::Efi | Image::Kernel { is_efi: true })
            | (Named::Iso, Image::Iso)
            | (Named::Script, Image::Script)
            | (Named::Disk | Named::Config | Named::Other, _) => return None,
            (Named::Efi, _) => {
                "The name ends in .efi, and the file is no EFI application, which begins with MZ and has a PE header: write the right file, or rename it."
            }
            (Named::Iso, _) => {
                "The name ends in .iso, and the file has no CD001 at byte 32769, where an ISO 9660 image has it: write the right file, or rename it."
            }
            (Named::Script, _) if client == Client::Ipxe => {
                "The name ends in .ipxe, and the file does not begin with #!ipxe: make that its first line."
            }
            (Named::Script, _) => return None,
        };
        Some(Self::fails(client, detail))
    }
}
