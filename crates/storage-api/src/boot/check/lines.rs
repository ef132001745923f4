//! The lines of a script of iPXE and of a configuration of GRUB that load a file.

use super::address;
use super::image::Image;

/// A line for each, if it has a use for the file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Lines {
    pub(crate) ipxe: Option<String>,
    pub(crate) grub: Option<String>,
}

impl Lines {
    /// Writes the lines. A target has no character that either of them would expand or split at.
    pub(super) fn of(image: Image, authority: Option<&str>, target: &str) -> Self {
        let ipxe = match image {
            Image::Script | Image::Efi => "chain",
            Image::Kernel { .. } => "kernel",
            Image::Iso | Image::Disk => "sanboot",
            Image::Archive | Image::Config | Image::Other | Image::Empty => "initrd",
        };
        let grub = match image {
            Image::Script => None,
            Image::Efi => Some("chainloader"),
            Image::Kernel { .. } => Some("linux"),
            Image::Iso | Image::Disk => Some("loopback loop"),
            Image::Config => Some("configfile"),
            Image::Archive | Image::Other | Image::Empty => Some("initrd"),
        };
        let device = authority.map_or_else(|| "(http)".to_owned(), |authority| format!("(http,{authority})"));
        Self {
            ipxe: Some(format!("{ipxe} {}", address::url(authority, target))),
            grub: grub.map(|command| format!("{command} {device}{target}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Image::Script, "chain", None)]
    #[case(Image::Efi, "chain", Some("chainloader"))]
    #[case(Image::Kernel { is_efi: false }, "kernel", Some("linux"))]
    #[case(Image::Iso, "sanboot", Some("loopback loop"))]
    #[case(Image::Archive, "initrd", Some("initrd"))]
    #[case(Image::Config, "initrd", Some("configfile"))]
    fn lines(#[case] image: Image, #[case] ipxe: &str, #[case] grub: Option<&str>) {
        let at = Some("10.0.0.2:8081");
        let lines = Lines::of(image, at, "/b/nas/a%20b");
        assert_eq!(
            lines.ipxe.unwrap(),
            format!("{ipxe} http://10.0.0.2:8081/b/nas/a%20b")
        );
        let wanted = grub.map(|command| format!("{command} (http,10.0.0.2:8081)/b/nas/a%20b"));
        assert_eq!(lines.grub, wanted);
        let relative = Lines::of(image, None, "/b/nas/a%20b");
        assert_eq!(relative.ipxe.unwrap(), format!("{ipxe} /b/nas/a%20b"));
        assert_eq!(
            relative.grub,
            grub.map(|command| format!("{command} (http)/b/nas/a%20b"))
        );
    }
}
