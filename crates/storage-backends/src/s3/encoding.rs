//! Percent-encoding as S3 has it, and keys that are not UTF-8.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

/// Everything but the unreserved characters of RFC 3986, section 2.3, as signatures want it.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
/// The same, with the slashes of a key left as they are.
const PATH: &AsciiSet = &QUERY.remove(b'/');

/// The character that stands for the byte 0 of a key; those of the bytes from 0x80 on follow it.
const FIRST_STAND_IN: u32 = 0x0010_ff00;
/// How the UTF-8 of these characters begins, and of a few others.
const STAND_IN_BEGINS: u8 = 0xf4;

/// A query from names and values.
pub(crate) fn query(pairs: &[(&str, &str)]) -> String {
    let encoded = pairs.iter().map(|(name, value)| {
        let value = bytes(value);
        let value = percent_encode(&value, QUERY);
        format!("{}={value}", percent_encode(name.as_bytes(), QUERY))
    });
    encoded.collect::<Vec<_>>().join("&")
}

/// A key as the path of a URL.
pub(crate) fn path(key: &str) -> String {
    percent_encode(&bytes(key), PATH).to_string()
}

/// A key of a listing with `encoding-type=url`: forms' encoding, where a plus is a blank.
pub(crate) fn decode(key: &str) -> String {
    let blanks = key.replace('+', " ");
    let decoded: Cow<'_, [u8]> = percent_decode_str(&blanks).into();
    text(&decoded).into_owned()
}

/// Reads bytes as text in which nothing is lost: a byte that is not UTF-8 becomes a private character, which
/// [`bytes`] makes a byte again. A server goes on behind a key only if it is asked for by its own bytes.
pub(crate) fn text(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = str::from_utf8(bytes)
        && !bytes.contains(&STAND_IN_BEGINS)
    {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len());
    let stand_in = |byte: &u8| char::from_u32(FIRST_STAND_IN + u32::from(*byte));
    for chunk in bytes.utf8_chunks() {
        for char in chunk.valid().chars() {
            if is_stand_in(char) {
                text.extend(
                    char.encode_utf8(&mut [0; 4])
                        .bytes()
                        .filter_map(|byte| stand_in(&byte)),
                );
            } else {
                text.push(char);
            }
        }
        text.extend(chunk.invalid().iter().filter_map(stand_in));
    }
    Cow::Owned(text)
}

/// Returns the bytes that a text was read from.
pub(crate) fn bytes(text: &str) -> Cow<'_, [u8]> {
    if !text.contains(is_stand_in) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut bytes = Vec::with_capacity(text.len());
    for char in text.chars() {
        match u8::try_from(u32::from(char).wrapping_sub(FIRST_STAND_IN)) {
            Ok(byte) if is_stand_in(char) => bytes.push(byte),
            _ => bytes.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Cow::Owned(bytes)
}

/// Whether a character stands for a byte.
pub(crate) fn is_stand_in(char: char) -> bool {
    u32::from(char) >= FIRST_STAND_IN + 0x80
}

/// Whether a text can be encoded: blanks, quotes, angle brackets and whatever is no ASCII never are in one. An
/// ampersand may be: some servers encode as for a path's segment (RFC 3986, section 3.3).
pub(crate) fn is_encoded(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}#?".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_utf8_are_asked_for_as_they_are() {
        let key = text(b"gr\xfcn/\xff.iso");
        assert_eq!(path(&key), "gr%FCn/%FF.iso");
        assert_eq!(query(&[("marker", &key)]), "marker=gr%FCn%2F%FF.iso");
        assert_eq!(query(&[("marker", &decode("gr%FCn+%25"))]), "marker=gr%FCn%20%25");
    }

    proptest::proptest! {
        #[test]
        fn nothing_is_lost(key: Vec<u8>, private in 0x0010_ff00_u32..0x0011_0000) {
            let private = char::from_u32(private).map(String::from).unwrap_or_default();
            let key = [&key, private.as_bytes()].concat();
            assert_eq!(*bytes(&text(&key)), key);
        }
    }
}
