//! How large parts are, and what they make.

use md5::{Digest as _, Md5};

use crate::net::UPLOAD_PIECE;
use crate::s3::service::base16;
use crate::s3::tree::Parts;
use crate::web::file::strong;

/// Returns the size of a part other than the last: 8 MiB, and up to 64 MiB behind 56 GiB, so that 492 GiB fit into 10,000
/// parts.
pub(super) fn part_size(number: u32) -> usize {
    UPLOAD_PIECE << (number.saturating_sub(1) / 1000).min(3)
}

/// Returns the permits that a part needs.
pub(super) fn pieces(number: u32) -> u32 {
    1 << (number.saturating_sub(1) / 1000).min(3)
}

/// Returns the entity tag that an object of these parts has on most servers.
pub(super) fn etag_of(parts: &Parts) -> Option<String> {
    let mut md5 = Md5::new();
    for part in parts.values() {
        let tag = strong(&part.etag).filter(|tag| tag.len() == 32)?;
        md5.update(u128::from_str_radix(&tag, 16).ok()?.to_be_bytes());
    }
    Some(format!("{}-{}", base16(&md5.finalize()), parts.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::tree::MAX_PARTS;
    use crate::s3::xml::Part;

    /// Two parts, of 5 MiB of zeros and of one zero.
    #[test]
    fn tags_of_parts() {
        let part = |number, etag: &str| {
            (
                number,
                Part {
                    number,
                    size: 1,
                    etag: etag.to_owned(),
                },
            )
        };
        let mut parts = Parts::from([
            part(1, "\"5f363e0e58a95f06cbe9bbc662c5dfb6\""),
            part(2, "\"93b885adfe0da089cdf634904fd59f71\""),
        ]);
        assert_eq!(
            etag_of(&parts).as_deref(),
            Some("92f3a08aa3b1d7eb318ab9c2fc4a6ec3-2")
        );
        parts.extend([part(3, "opaque")]);
        assert_eq!(etag_of(&parts), None);
    }

    #[test]
    fn parts_are_large_enough() {
        let sizes: Vec<_> = (1..=MAX_PARTS).map(part_size).collect();
        assert!(sizes.is_sorted());
        let total: u64 = sizes.iter().map(|size| *size as u64).sum();
        assert_eq!(total >> 30, 492);
        for (number, size) in (1..).zip(sizes) {
            assert_eq!(pieces(number) as usize * UPLOAD_PIECE, size);
        }
    }
}
