//! Undoes what servers do to texts unasked: compression, and UTF-16.

use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use hyper::header::HeaderValue;

use crate::web::error::Error;

/// How a gzip file begins (RFC 1952, section 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Decodes a body by its `Content-Encoding`, to at most `max` bytes; the flag says whether that is all of it.
///
/// gzip is seen by its beginning too: there are servers that send compressed files as pages. A text in UTF-16 comes out in
/// UTF-8.
///
/// # Errors
/// [`Error::Encoding`] if the encoding is another one, and [`Error::BodyBroken`] if nothing can be decoded.
pub(crate) fn decode(
    bytes: Vec<u8>,
    encoding: Option<&HeaderValue>,
    max: usize,
) -> Result<(Vec<u8>, bool), Error> {
    let (bytes, complete) = decompress(bytes, encoding, max)?;
    Ok((in_utf8(bytes), complete))
}

fn decompress(bytes: Vec<u8>, encoding: Option<&HeaderValue>, max: usize) -> Result<(Vec<u8>, bool), Error> {
    let declared = encoding.map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase());
    let declared = declared.as_deref().unwrap_or_default().trim();
    match declared {
        _ if bytes.starts_with(&GZIP) => inflate(MultiGzDecoder::new(bytes.as_slice()), max),
        // What says gzip and does not begin like it was decoded by a proxy.
        "" | "identity" | "gzip" | "x-gzip" => Ok((bytes, true)),
        "deflate" if is_zlib(&bytes) => inflate(ZlibDecoder::new(bytes.as_slice()), max),
        "deflate" => inflate(DeflateDecoder::new(bytes.as_slice()), max),
        other => Err(Error::Encoding(other.chars().take(20).collect())),
    }
}

/// Returns a text in UTF-16 as UTF-8. It begins with a byte order mark, or with a character of ASCII, which has a zero byte
/// there, so that it need not be declared.
fn in_utf8(bytes: Vec<u8>) -> Vec<u8> {
    let unit: fn([u8; 2]) -> u16 = match bytes.as_slice() {
        [0xff, 0xfe, ..] | [b'\t'..=b'~', 0, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] | [0, b'\t'..=b'~', ..] => u16::from_be_bytes,
        _ => return bytes,
    };
    let (pairs, _) = bytes.as_chunks();
    let characters = char::decode_utf16(pairs.iter().copied().map(unit));
    let text: String = characters
        .map(|found| found.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect();
    text.into_bytes()
}

/// Returns whether a body has zlib's header (RFC 1950, section 2.2): some servers leave it out.
fn is_zlib(bytes: &[u8]) -> bool {
    match bytes {
        [method, flags, ..] => method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]).is_multiple_of(31),
        _ => false,
    }
}

fn inflate(decoder: impl Read, max: usize) -> Result<(Vec<u8>, bool), Error> {
    let mut text = Vec::new();
    let bound = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    let ended = decoder.take(bound).read_to_end(&mut text);
    if ended.is_err() && text.is_empty() {
        return Err(Error::BodyBroken);
    }
    let complete = ended.is_ok() && text.len() <= max;
    text.truncate(max);
    Ok((text, complete))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use rstest::rstest;

    use super::*;

    const TEXT: &[u8] = b"<h1>Index of /</h1>";

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(text: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn raw(text: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[rstest]
    #[case::plain("", TEXT.to_vec())]
    #[case::identity("identity", TEXT.to_vec())]
    #[case::gzip("gzip", gzip(TEXT))]
    #[case::undeclared("", gzip(TEXT))]
    #[case::two_members("x-gzip", [gzip(&TEXT[..4]), gzip(&TEXT[4..])].concat())]
    #[case::not_compressed("gzip", TEXT.to_vec())]
    #[case::zlib("deflate", zlib(TEXT))]
    #[case::raw("Deflate", raw(TEXT))]
    fn is_undone(#[case] encoding: &str, #[case] body: Vec<u8>) {
        let value = (!encoding.is_empty()).then(|| HeaderValue::from_str(encoding).unwrap());
        let (text, complete) = decode(body, value.as_ref(), 1000).unwrap();
        assert_eq!((text.as_slice(), complete), (TEXT, true));
    }

    #[rstest]
    #[case::little_endian("\u{feff}<a>ä😀", u16::to_le_bytes)]
    #[case::big_endian("\u{feff}<a>ä😀", u16::to_be_bytes)]
    #[case::little_endian_without_mark("<a>ä", u16::to_le_bytes)]
    #[case::big_endian_without_mark("\n[ä", u16::to_be_bytes)]
    fn utf_16_is_read(#[case] text: &str, #[case] bytes: fn(u16) -> [u8; 2]) {
        let mut body: Vec<u8> = text.encode_utf16().flat_map(bytes).collect();
        // Half a character more, as where a body breaks off.
        body.push(b'x');
        for body in [gzip(&body), body] {
            let (found, _) = decode(body, None, 1000).unwrap();
            assert_eq!(String::from_utf8(found).unwrap(), text);
        }
    }

    #[test]
    fn other_encodings_are_named() {
        let value = HeaderValue::from_static("br");
        let error = decode(vec![1], Some(&value), 1000).unwrap_err();
        assert!(matches!(error, Error::Encoding(name) if name == "br"));
    }

    #[test]
    fn a_bomb_ends_at_the_bound() {
        let (text, complete) = decode(gzip(&vec![b' '; 10_000_000]), None, 1000).unwrap();
        assert_eq!((text.len(), complete), (1000, false));
    }

    #[test]
    fn what_breaks_off_is_read_so_far() {
        let mut body = gzip(&TEXT.repeat(1000));
        body.truncate(body.len() - 9);
        let (text, complete) = decode(body, None, 100_000).unwrap();
        assert!(text.starts_with(TEXT) && !complete);
        assert!(matches!(decode(GZIP.to_vec(), None, 9), Err(Error::BodyBroken)));
    }
}
