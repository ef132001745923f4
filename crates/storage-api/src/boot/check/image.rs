//! What a file is, by its first bytes and its name.

/// Where an ISO 9660 image has its identifier (ECMA-119, section 9.4.2), and what that is.
const ISO: (usize, &[u8]) = (32_769, b"CD001");
/// Where a kernel for x86 has its magic number (Linux, Documentation/arch/x86/boot.rst).
const BZIMAGE: (usize, &[u8]) = (0x202, b"HdrS");
/// Where a kernel for arm64 has its magic number (Linux, Documentation/arch/arm64/booting.rst).
const ARM64: (usize, &[u8]) = (0x38, b"ARM\x64");
/// Where a disk has the end of its boot record, and the beginning of its GUID partition table.
const DISKS: [(usize, &[u8]); 2] = [(510, b"\x55\xaa"), (512, b"EFI PART")];
/// How archives begin that an initial RAM disk may be: cpio, gzip, xz, zstd, lz4, bzip2, lzma.
const ARCHIVES: [&[u8]; 8] = [
    b"070701",
    b"070702",
    b"\x1f\x8b",
    b"\xfd7zXZ\0",
    b"\x28\xb5\x2f\xfd",
    b"\x02\x21\x4c\x18",
    b"BZh",
    b"\x5d\0\0",
];
/// Where a program begins to say where its PE header is.
const PE_POINTER: usize = 0x3c;
/// Bytes from the PE header to the subsystem.
const SUBSYSTEM: usize = 0x5c;
/// The subsystems of EFI: applications, drivers of boot services, drivers of the running system.
const EFI_SUBSYSTEMS: std::ops::RangeInclusive<u16> = 10..=12;

/// How many bytes decide what a file is.
pub(super) const DECIDING_BYTES: usize = 64 * 1024;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Image {
    /// A script of iPXE.
    Script,
    /// An EFI application.
    Efi,
    /// A Linux kernel; `is_efi` says that firmware can start it too.
    Kernel {
        is_efi: bool,
    },
    /// A CD or DVD.
    Iso,
    /// A disk.
    Disk,
    /// An archive, as initial RAM disks are.
    Archive,
    /// A configuration of GRUB.
    Config,
    /// Something else.
    Other,
    Empty,
}

/// What a name says that a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    Efi,
    Iso,
    Disk,
    Script,
    Config,
    Other,
}

impl Named {
    pub(super) fn of(name: &str) -> Self {
        let extension = name.rsplit_once('.').map(|(_, extension)| extension);
        match extension.unwrap_or_default().to_ascii_lowercase().as_str() {
            "efi" => Self::Efi,
            "iso" => Self::Iso,
            "img" => Self::Disk,
            "ipxe" => Self::Script,
            "cfg" => Self::Config,
            _ => Self::Other,
        }
    }
}

impl Image {
    /// Returns what a file is whose first bytes these are.
    pub(super) fn of(name: &str, bytes: &[u8]) -> Self {
        let is = |(at, magic): (usize, &[u8])| bytes.get(at..).is_some_and(|rest| rest.starts_with(magic));
        let script = bytes.strip_prefix(b"#!ipxe");
        if bytes.is_empty() {
            Self::Empty
        } else if script.is_some_and(|rest| rest.first().is_none_or(u8::is_ascii_whitespace)) {
            Self::Script
        } else if is(BZIMAGE) || is(ARM64) {
            Self::Kernel {
                is_efi: is_efi(bytes),
            }
        } else if is_efi(bytes) {
            Self::Efi
        } else if is(ISO) {
            Self::Iso
        } else if DISKS.into_iter().any(is) {
            Self::Disk
        } else if ARCHIVES.iter().any(|magic| bytes.starts_with(magic)) {
            Self::Archive
        } else if Named::of(name) == Named::Config {
            Self::Config
        } else {
            Self::Other
        }
    }

    /// Returns what a file is that could not be looked at.
    pub(super) fn named(name: &str) -> Self {
        match Named::of(name) {
            Named::Efi => Self::Efi,
            Named::Iso => Self::Iso,
            Named::Disk => Self::Disk,
            Named::Script => Self::Script,
            Named::Config => Self::Config,
            Named::Other => Self::Other,
        }
    }

    /// Returns whether clients read it by ranges, as they read a disk.
    pub(super) fn is_disk(self) -> bool {
        matches!(self, Self::Iso | Self::Disk)
    }
}

/// Returns whether firmware takes it for an EFI application (PE format, "MS-DOS Stub" and "Optional Header").
fn is_efi(bytes: &[u8]) -> bool {
    let number = |at: usize| Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    let header = || {
        let pointer = bytes.get(PE_POINTER..)?.first_chunk()?;
        let at = usize::try_from(u32::from_le_bytes(*pointer)).ok()?;
        let header = bytes.get(at..)?.starts_with(b"PE\0\0");
        header.then_some(number(at.checked_add(SUBSYSTEM)?)?)
    };
    bytes.starts_with(b"MZ") && header().is_some_and(|subsystem| EFI_SUBSYSTEMS.contains(&subsystem))
}

#[cfg(test)]
pub(super) mod tests {
    use rstest::rstest;

    use super::*;

    /// A program with a PE header, for this subsystem.
    pub(in crate::boot) fn program(subsystem: u16) -> Vec<u8> {
        let mut bytes = vec![0; 1024];
        bytes[..2].copy_from_slice(b"MZ");
        bytes[PE_POINTER] = 0x80;
        bytes[0x80..0x84].copy_from_slice(b"PE\0\0");
        bytes[0x80 + SUBSYSTEM..][..2].copy_from_slice(&subsystem.to_le_bytes());
        bytes
    }

    pub(in crate::boot) fn with(mut bytes: Vec<u8>, (at, magic): (usize, &[u8])) -> Vec<u8> {
        bytes.resize(bytes.len().max(at + magic.len()), 0);
        bytes[at..at + magic.len()].copy_from_slice(magic);
        bytes
    }

    /// The beginning of an ISO 9660 image.
    pub(in crate::boot) fn iso() -> Vec<u8> {
        with(Vec::new(), ISO)
    }

    #[rstest]
    #[case(Vec::new(), Image::Empty)]
    #[case(b"#!ipxe\nboot".to_vec(), Image::Script)]
    #[case(b"#!ipxe".to_vec(), Image::Script)]
    #[case(b"#!ipxelinux".to_vec(), Image::Other)]
    #[case(program(10), Image::Efi)]
    #[case(program(3), Image::Other)]
    #[case(program(10)[..0x90].to_vec(), Image::Other)]
    #[case(b"MZ".to_vec(), Image::Other)]
    #[case(with(program(10), BZIMAGE), Image::Kernel { is_efi: true })]
    #[case(with(Vec::new(), BZIMAGE), Image::Kernel { is_efi: false })]
    #[case(with(program(10), ARM64), Image::Kernel { is_efi: true })]
    #[case(iso(), Image::Iso)]
    #[case(with(iso(), DISKS[0]), Image::Iso)]
    #[case(with(Vec::new(), DISKS[0]), Image::Disk)]
    #[case(with(Vec::new(), DISKS[1]), Image::Disk)]
    #[case(b"\x1f\x8b\x08".to_vec(), Image::Archive)]
    #[case(b"070701".to_vec(), Image::Archive)]
    #[case(b"hsqs".to_vec(), Image::Other)]
    fn contents(#[case] bytes: Vec<u8>, #[case] image: Image) {
        assert_eq!(Image::of("file", &bytes), image);
    }

    /// A pointer that leads out of the file leads nowhere.
    #[test]
    fn pointers_are_bounded() {
        for pointer in [0x400_u32, u32::MAX, u32::MAX - 4] {
            let bytes = with(program(10), (PE_POINTER, &pointer.to_le_bytes()));
            assert_eq!(Image::of("a.efi", &bytes), Image::Other);
        }
    }

    #[rstest]
    #[case("grub.cfg", Image::Config)]
    #[case("GRUB.CFG", Image::Config)]
    #[case("cfg", Image::Other)]
    fn names_decide_for_texts(#[case] name: &str, #[case] image: Image) {
        assert_eq!(Image::of(name, b"set timeout=5\n"), image);
        assert_eq!(Image::named(name), image);
    }
}
