//! Percent-encoding as S3 has it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Everything but the unreserved characters of RFC 3986, section 2.3, as signatures want it.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
/// The same, with the slashes of a key left as they are.
const PATH: &AsciiSet = &QUERY.remove(b'/');

/// A query from names and values.
pub(crate) fn query(pairs: &[(&str, &str)]) -> String {
    let encoded = pairs.iter().map(|(name, value)| {
        let value = utf8_percent_encode(value, QUERY);
        format!("{}={value}", utf8_percent_encode(name, QUERY))
    });
    encoded.collect::<Vec<_>>().join("&")
}

/// A key as the path of a URL.
pub(crate) fn path(key: &str) -> String {
    utf8_percent_encode(key, PATH).to_string()
}

/// A key of a listing with `encoding-type=url`: forms' encoding, where a plus is a blank.
pub(crate) fn decode(text: &str) -> String {
    let blanks = text.replace('+', " ");
    percent_decode_str(&blanks).decode_utf8_lossy().into_owned()
}

/// Whether a text can be encoded: blanks, quotes, angle brackets and whatever is no ASCII never are in one. An
/// ampersand may be: some servers encode as for a path's segment (RFC 3986, section 3.3).
pub(crate) fn is_encoded(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}#?".contains(&b))
}
