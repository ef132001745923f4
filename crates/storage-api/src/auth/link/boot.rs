//! Signed links to boot files: `/s/{token}/{path}`, short enough for a DHCP option.
//!
//! The token is the signature, cut to 128 bits, and what it signs besides the path: the end, the backend and the maker. Without a
//! JSON Web Token it has 58 characters.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::hmac;
use storage_domain::{BackendId, FilePath};
use subtle::ConstantTimeEq as _;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Link, LinkKeys, Maker, hmac_key, invalid};
use crate::error::ApiError;

/// Separates a signature from every other use of its key.
const PURPOSE: &str = "pureboot-storage link v1: boot\0";
const SIGNATURE_BYTES: usize = 16;
const UUID_BYTES: usize = 16;
const EXPIRY_BYTES: usize = 4;
/// Bytes of a token's id, which has 12 hexadecimal digits.
const ID_BYTES: usize = 6;

/// What stands for itself in a path, besides the slash (RFC 3986, section 2.3).
pub(crate) const ENCODED_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// The token of a link. It has no `Debug`: it is as good as a token of the API.
pub(crate) struct BootToken {
    signature: [u8; SIGNATURE_BYTES],
    /// What is signed besides the path.
    claims: Vec<u8>,
    expires: u32,
    backend: BackendId,
    maker: Maker,
}

impl Link {
    /// Returns the URL of a boot file, relative to the boot listener and signed with the present key.
    ///
    /// # Errors
    /// There is no key.
    pub(crate) fn boot_url(&self, directory: &FilePath, keys: &LinkKeys) -> Result<String, ApiError> {
        let claims = self.claims();
        let mut token = signature(super::present(keys)?, &self.path, &claims).to_vec();
        token.extend(claims);
        let directory = directory.as_str().trim_end_matches('/');
        let below = self.path.strip_prefix(directory).unwrap_or(&self.path);
        let token = URL_SAFE_NO_PAD.encode(token);
        Ok(format!("/s/{token}{}", utf8_percent_encode(below, ENCODED_PATH)))
    }

    fn claims(&self) -> Vec<u8> {
        let expires = u32::try_from(self.expires).unwrap_or(u32::MAX);
        let maker = match &self.maker {
            Maker::Open => vec![0],
            Maker::Token(id) => {
                let id = u64::from_str_radix(id.as_str(), 16).unwrap_or_default();
                [&[1][..], &id.to_be_bytes()[8 - ID_BYTES..]].concat()
            }
            Maker::Jwt(name) => [&[2][..], name.as_bytes()].concat(),
        };
        [
            &expires.to_be_bytes()[..],
            &self.backend.as_uuid().as_bytes()[..],
            &maker,
        ]
        .concat()
    }
}

impl BootToken {
    /// Reads a token; `None` if it is malformed.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (signature, claims) = bytes.split_first_chunk::<SIGNATURE_BYTES>()?;
        let (expires, rest) = claims.split_first_chunk::<EXPIRY_BYTES>()?;
        let (backend, maker) = rest.split_first_chunk::<UUID_BYTES>()?;
        let maker = match maker {
            [0] => Maker::Open,
            [1, id @ ..] => {
                let id: &[u8; ID_BYTES] = id.try_into().ok()?;
                let number = id
                    .iter()
                    .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
                Maker::Token(format!("{number:012x}").parse().ok()?)
            }
            [2, name @ ..] => Maker::Jwt(String::from_utf8(name.to_vec()).ok()?),
            _ => return None,
        };
        Some(Self {
            signature: *signature,
            claims: claims.to_vec(),
            expires: u32::from_be_bytes(*expires),
            backend: Uuid::from_bytes(*backend).into(),
            maker,
        })
    }

    pub(crate) fn backend(&self) -> BackendId {
        self.backend
    }

    /// Returns the link if one of the keys signed it for this path and its time is not over.
    ///
    /// # Errors
    /// 401.
    pub(crate) fn verify(
        self,
        path: &FilePath,
        keys: &LinkKeys,
        now: OffsetDateTime,
    ) -> Result<Link, ApiError> {
        let is_signed_by = |key: &super::LinkKey| {
            let wanted = signature(key, path.as_str(), &self.claims);
            bool::from(wanted.ct_eq(&self.signature))
        };
        if !keys.iter().any(is_signed_by) {
            return Err(invalid());
        }
        let link = Link {
            backend: self.backend,
            path: path.as_str().to_owned(),
            expires: self.expires.into(),
            maker: self.maker,
        };
        link.until(now)
    }
}

/// Returns the signature. The path, which has no NUL, ends at the first one.
fn signature(key: &super::LinkKey, path: &str, claims: &[u8]) -> [u8; SIGNATURE_BYTES] {
    let text = [PURPOSE.as_bytes(), path.as_bytes(), b"\0", claims].concat();
    let tag = hmac::sign(&hmac_key(key), &text);
    let mut cut = [0; SIGNATURE_BYTES];
    cut.copy_from_slice(&tag.as_ref()[..SIGNATURE_BYTES]);
    cut
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use zeroize::Zeroizing;

    use super::*;
    use crate::problem::Code;

    fn keys(bytes: &[u8]) -> LinkKeys {
        bytes.iter().map(|byte| Zeroizing::new([*byte; 32])).collect()
    }

    #[rstest]
    #[case(Maker::Open, 50)]
    #[case(Maker::Token("00ff0123abcd".parse().unwrap()), 58)]
    #[case(Maker::Jwt("älice".to_owned()), 58)]
    fn links_are_short_and_end(#[case] maker: Maker, #[case] length: usize) {
        let backend = BackendId::generate();
        let end = OffsetDateTime::UNIX_EPOCH + time::Duration::days(20_000);
        let path: FilePath = "/boot/a b/+ü.efi".parse().unwrap();
        let link = Link::new(backend, &path, end, maker.clone());
        let url = link.boot_url(&"/boot".parse().unwrap(), &keys(&[1])).unwrap();
        assert_eq!(
            url,
            link.boot_url(&FilePath::root(), &keys(&[1]))
                .unwrap()
                .replace("/boot", "")
        );
        let (token, below) = url.strip_prefix("/s/").unwrap().split_once('/').unwrap();
        assert_eq!((token.len(), below), (length, "a%20b/%2B%C3%BC.efi"));
        let verify = |path: &FilePath, by: &[u8], at| {
            let token = BootToken::parse(token).unwrap();
            assert_eq!(token.backend(), backend);
            token.verify(path, &keys(by), at).map(|link| link.maker)
        };
        let before = end - time::Duration::seconds(1);
        assert_eq!(verify(&path, &[2, 1], before).unwrap(), maker);
        assert_eq!(
            verify(&path, &[2], before).unwrap_err().0.code,
            Code::InvalidToken
        );
        assert_eq!(verify(&path, &[1], end).unwrap_err().0.code, Code::TokenExpired);
        let other = "/boot/other".parse().unwrap();
        assert_eq!(
            verify(&other, &[1], before).unwrap_err().0.code,
            Code::InvalidToken
        );
    }

    /// Each bit counts: no other token is good for the path.
    #[test]
    fn a_changed_token_is_not_valid() {
        let end = OffsetDateTime::UNIX_EPOCH + time::Duration::days(20_000);
        let path: FilePath = "/a".parse().unwrap();
        let link = Link::new(
            BackendId::generate(),
            &path,
            end,
            Maker::Token("00ff0123abcd".parse().unwrap()),
        );
        let url = link.boot_url(&FilePath::root(), &keys(&[1])).unwrap();
        let token = url.strip_prefix("/s/").unwrap().strip_suffix("/a").unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(token).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let changed = BootToken::parse(&URL_SAFE_NO_PAD.encode(changed));
            let verified = changed.map(|token| token.verify(&path, &keys(&[1]), OffsetDateTime::UNIX_EPOCH));
            assert!(verified.is_none_or(|link| link.is_err()), "bit {bit}");
        }
    }
}
