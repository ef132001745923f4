//! The head of a request.

use httparse::{EMPTY_HEADER, Error, Status};

use crate::http::download::FileRequest;

/// The longest head.
pub(super) const MAX_BYTES: usize = 8 * 1024;
/// The largest number of header fields.
const MAX_FIELDS: usize = 64;

/// A request that is answered: GET or HEAD, without a body.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) is_get: bool,
    pub(super) target: String,
    /// Whether it is HTTP/1.0, which closes unless both sides agree to keep the connection.
    pub(super) is_old: bool,
    /// Whether the client may send another request.
    pub(super) keep_alive: bool,
    pub(super) asked: FileRequest,
}

impl Head {
    /// Reads a head and returns it with its length; `None` if there is more to come.
    ///
    /// # Errors
    /// The status of the answer. What follows such a head is not known, so that nothing else is read.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, u16> {
        let mut fields = [EMPTY_HEADER; MAX_FIELDS];
        let mut request = httparse::Request::new(&mut fields);
        let length = match request.parse(bytes) {
            Ok(Status::Complete(length)) => length,
            Ok(Status::Partial) if bytes.len() < MAX_BYTES => return Ok(None),
            Ok(Status::Partial) | Err(Error::TooManyHeaders) => return Err(431),
            Err(_) => return Err(400),
        };
        let (Some(method), Some(target), Some(version)) = (request.method, request.path, request.version)
        else {
            return Err(400);
        };
        let fields = &*request.headers;
        let lines = |name: &str| {
            let named = fields.iter().filter(|line| line.name.eq_ignore_ascii_case(name));
            let values: Vec<_> = named
                .map(|line| String::from_utf8_lossy(line.value).trim().to_owned())
                .collect();
            (!values.is_empty()).then(|| values.join(", "))
        };
        let is_old = version == 0;
        if !matches!(method, "GET" | "HEAD") {
            return Err(405);
        }
        let hosts = fields
            .iter()
            .filter(|line| line.name.eq_ignore_ascii_case("host"));
        let has_body = lines("transfer-encoding").is_some()
            || lines("content-length").is_some_and(|length| length != "0");
        if hosts.count() != 1 && !is_old || has_body {
            return Err(400);
        }
        let connection = lines("connection").unwrap_or_default();
        let says = |word| {
            connection
                .split(',')
                .any(|one| one.trim().eq_ignore_ascii_case(word))
        };
        let head = Self {
            is_get: method == "GET",
            target: target.to_owned(),
            is_old,
            keep_alive: !says("close") && (!is_old || says("keep-alive")),
            asked: FileRequest::new(method == "GET", lines),
        };
        Ok(Some((head, length)))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("GET /a HTTP/1.1\r\nHost: h\r\n\r\n", true, false, true)]
    #[case(
        "HEAD /a HTTP/1.1\r\nhost:h\r\nConnection: keep-alive\r\n\r\n",
        false,
        false,
        true
    )]
    #[case("\r\nGET /a HTTP/1.1\nHost: \nconnection: x, CLOSE\n\n", true, false, false)]
    #[case("GET /a HTTP/1.0\r\n\r\n", true, true, false)]
    #[case(
        "GET /a HTTP/1.0\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n",
        true,
        true,
        true
    )]
    fn heads(#[case] text: &str, #[case] is_get: bool, #[case] is_old: bool, #[case] keep_alive: bool) {
        for end in 1..text.len() {
            assert!(Head::parse(&text.as_bytes()[..end]).unwrap().is_none());
        }
        let more = format!("{text}GET /next");
        let (head, length) = Head::parse(more.as_bytes()).unwrap().unwrap();
        assert_eq!(length, text.len());
        assert_eq!(
            (head.target.as_str(), head.is_get, head.is_old, head.keep_alive),
            ("/a", is_get, is_old, keep_alive)
        );
    }

    #[rstest]
    #[case("GET /a HTTP/1.1\r\n\r\n", 400)]
    #[case("GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400)]
    #[case("GET /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx", 400)]
    #[case("GET /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", 400)]
    #[case("GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 400)]
    #[case("GET /a HTTP/2.0\r\nHost: h\r\n\r\n", 400)]
    #[case("\x16\x03\x01", 400)]
    #[case("POST /a HTTP/1.1\r\nHost: h\r\n\r\n", 405)]
    fn what_is_refused(#[case] text: &str, #[case] status: u16) {
        assert_eq!(Head::parse(text.as_bytes()).unwrap_err(), status);
    }

    #[test]
    fn heads_are_bounded() {
        let of = |bytes: usize| format!("GET /{}", "a".repeat(bytes - 5));
        assert!(Head::parse(of(MAX_BYTES - 1).as_bytes()).unwrap().is_none());
        assert_eq!(Head::parse(of(MAX_BYTES).as_bytes()).unwrap_err(), 431);
        let fields = "A: b\r\n".repeat(MAX_FIELDS);
        let many = format!("GET / HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
        assert_eq!(Head::parse(many.as_bytes()).unwrap_err(), 431);
    }
}
