//! Uploads and what identifies the content of a file.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::id::id;
use crate::invalid::Rule;

/// An upload's id: a UUID in lower case with hyphens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UploadId(Uuid);

impl UploadId {
    /// Makes a new id (UUID version 4, which nobody can guess).
    pub fn generate() -> Self {
        Self(Uuid::new_v4())
    }
}

id!(UploadId, "must be a UUID in lower case with hyphens");

/// The SHA-256 of a file's content. Its text is 64 hexadecimal digits in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileHash([u8; 32]);

impl FileHash {
    /// Returns the 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for FileHash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl FromStr for FileHash {
    type Err = Rule;

    /// Reads digits of either case.
    fn from_str(text: &str) -> Result<Self, Rule> {
        let rule = || Rule::new("must be a SHA-256 as 64 hexadecimal digits");
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(rule());
        }
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| rule())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| rule())?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for FileHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_hash_is_64_digits_of_either_case() {
        let text = "00ff".repeat(16);
        let hash: FileHash = text.to_uppercase().parse().unwrap();
        assert_eq!((hash.to_string(), hash.as_bytes()[1]), (text, 255));
    }

    #[rstest]
    #[case("")]
    #[case("0")]
    #[case(&"+1".repeat(32))]
    #[case(&"ü".repeat(32))]
    #[case(&"0".repeat(65))]
    fn what_is_not_a_hash(#[case] text: &str) {
        assert!(text.parse::<FileHash>().is_err());
    }

    #[test]
    fn an_id_has_one_text() {
        let id = UploadId::generate();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(id.to_string().to_uppercase().parse::<UploadId>().is_err());
    }
}
