//! The names of boot and install images.

use std::sync::Arc;

use crate::invalid::Rule;

/// The file name extensions of boot and install images, in any case, compressed forms included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplatePatterns {
    /// Shared: each backend has them.
    extensions: Arc<[String]>,
}

impl TemplatePatterns {
    /// The default extensions.
    pub const DEFAULT_EXTENSIONS: [&str; 9] = [
        "iso", "img", "qcow2", "raw", "wim", "vhd", "vhdx", "vmdk", "squashfs",
    ];
    /// The extensions of compressed files, which may follow another one.
    pub const COMPRESSIONS: [&str; 7] = ["gz", "xz", "zst", "bz2", "lz4", "lzma", "zip"];
    /// The longest extension, in bytes.
    pub const MAX_EXTENSION_BYTES: usize = 32;

    /// Makes patterns from extensions without their dots.
    ///
    /// # Errors
    /// The rule that an extension breaks.
    pub fn new<S: AsRef<str>>(extensions: &[S]) -> Result<Self, Rule> {
        let mut checked = Vec::with_capacity(extensions.len());
        for extension in extensions {
            let extension = extension.as_ref();
            let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
            let inner_dots = !extension.starts_with('.') && !extension.ends_with('.');
            if extension.is_empty() || extension.len() > Self::MAX_EXTENSION_BYTES || !inner_dots {
                return Err(Rule::new(format!(
                    "must hold extensions of 1 to {} characters without a leading dot, such as iso",
                    Self::MAX_EXTENSION_BYTES
                )));
            }
            if !extension.bytes().all(allowed) {
                return Err(Rule::new(
                    "must hold extensions of letters, digits, dots, hyphens and underscores only",
                ));
            }
            checked.push(extension.to_ascii_lowercase());
        }
        Ok(Self {
            extensions: checked.into(),
        })
    }

    /// Returns whether a file name (the last segment of a path) is that of a boot or install image.
    ///
    /// `._debian.iso` holds what macOS knows of `debian.iso` (AppleDouble, RFC 1740), and is not an image.
    pub fn matches(&self, file_name: &[u8]) -> bool {
        if file_name.starts_with(b"._") {
            return false;
        }
        let plain = Self::COMPRESSIONS
            .iter()
            .find_map(|c| strip_extension(file_name, c))
            .unwrap_or(file_name);
        self.extensions
            .iter()
            .any(|e| strip_extension(plain, e).is_some())
    }

    /// Returns the extensions, in lower case.
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }
}

impl Default for TemplatePatterns {
    fn default() -> Self {
        Self {
            extensions: Self::DEFAULT_EXTENSIONS.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Returns the name without `.extension`, if it ends in that and has something before it.
fn strip_extension<'a>(name: &'a [u8], extension: &str) -> Option<&'a [u8]> {
    let stem = name.len().checked_sub(extension.len() + 1).filter(|&n| n > 0)?;
    let (head, tail) = name.split_at(stem);
    (tail[0] == b'.' && tail[1..].eq_ignore_ascii_case(extension.as_bytes())).then_some(head)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("debian.iso", true)]
    #[case(".debian.iso", true)]
    #[case("_debian.img.xz", true)]
    #[case("._debian.iso", false)]
    #[case("._debian.img.xz", false)]
    #[case("debian.txt", false)]
    fn images_are_known_by_their_names(#[case] name: &str, #[case] is_image: bool) {
        assert_eq!(TemplatePatterns::default().matches(name.as_bytes()), is_image);
    }
}
