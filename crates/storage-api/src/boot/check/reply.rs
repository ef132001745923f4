//! An answer as it came: its head byte for byte, and the beginning of its content.

use super::fault::Fault;

/// An answer.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    /// The head with the blank line at its end.
    head: String,
    /// As much of the content as was wanted.
    pub(super) content: Vec<u8>,
    /// Why the listener refuses, if it does.
    pub(super) reason: Option<String>,
}

impl Reply {
    pub(super) fn new(head: &[u8], content: Vec<u8>) -> Self {
        Self {
            head: String::from_utf8_lossy(head).into_owned(),
            content,
            reason: None,
        }
    }

    /// Returns the status; `None` if there is none.
    pub(super) fn status(&self) -> Option<u16> {
        self.head.split(' ').nth(1)?.get(..3)?.parse().ok()
    }

    /// Returns the value of a field whose name is spelled anyhow.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(':'));
        let found = fields.find(|(field, _)| field.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim())
    }

    /// Returns the rest of the line that begins with these bytes.
    pub(super) fn line(&self, start: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(start))
    }

    /// Returns the length that the head says, whatever its spelling.
    pub(super) fn length(&self) -> Option<u64> {
        self.field("content-length")?.parse().ok()
    }

    /// Returns the length for a client that compares the name of the field byte for byte.
    ///
    /// # Errors
    /// Such a client does not see it.
    pub(super) fn spelled_length(&self) -> Result<u64, Fault> {
        let length = self.line("Content-Length: ").and_then(|text| text.parse().ok());
        length.ok_or(match self.length() {
            Some(_) => Fault::Spelling("Content-Length"),
            None => Fault::NoLength,
        })
    }

    pub(super) fn is_chunked(&self) -> bool {
        self.field("transfer-encoding").is_some()
    }

    /// Returns whether a field has no value.
    pub(super) fn has_empty_field(&self) -> bool {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(':'));
        fields.any(|(_, value)| value.trim().is_empty())
    }

    /// Checks what some clients compare byte for byte.
    ///
    /// # Errors
    /// It does not begin with HTTP/1.1, or a line does not end in CR LF.
    pub(super) fn check_bytes(&self) -> Result<(), Fault> {
        if !self.head.starts_with("HTTP/1.1 ") {
            return Err(Fault::NotHttp11);
        }
        let ends_well = |line: &str| line.ends_with("\r\n");
        let well = self.head.split_inclusive('\n').all(ends_well);
        well.then_some(()).ok_or(Fault::BareLineFeed)
    }

    /// Checks the status.
    ///
    /// # Errors
    /// It is another one.
    pub(super) fn expect(&self, wanted: u16) -> Result<(), Fault> {
        match self.status() {
            Some(status) if status == wanted => Ok(()),
            Some(200) => Err(Fault::WholeFile),
            Some(status @ 300..=399) => Err(Fault::Redirected(status)),
            Some(status) => Err(Fault::Refused(status, self.reason.clone())),
            None => Err(Fault::NotHttp11),
        }
    }

    /// Checks the answer to a request for a range of a file of `size` bytes, against its first bytes as far as they are known.
    ///
    /// # Errors
    /// It is not this range.
    pub(super) fn expect_range(
        &self,
        (first, last): (u64, u64),
        size: u64,
        known: &[u8],
    ) -> Result<(), Fault> {
        self.expect(206)?;
        let wanted = format!("bytes {first}-{last}/{size}");
        let is_named = self.line("Content-Range: ") == Some(&*wanted);
        if !is_named || self.length() != Some(last - first + 1) {
            return Err(Fault::OtherRange);
        }
        let known = usize::try_from(first).ok().and_then(|at| known.get(at..));
        let mut pairs = known.unwrap_or_default().iter().zip(&self.content);
        let is_same = pairs.all(|(known, found)| known == found);
        is_same.then_some(()).ok_or(Fault::OtherBytes)
    }

    /// Returns the content without the line that begins a chunk.
    pub(super) fn bytes(&self) -> &[u8] {
        let content = &self.content;
        let mut ends = content.windows(2);
        match ends.position(|end| end == b"\r\n") {
            Some(end) if self.is_chunked() => &content[end + 2..],
            _ => content,
        }
    }
}

/// Returns a short range in the middle of a file that is not empty.
pub(super) fn middle(size: u64) -> (u64, u64) {
    let first = size / 2;
    (first, (first + 511).min(size.saturating_sub(1)))
}

#[cfg(test)]
pub(super) mod tests {
    use rstest::rstest;

    use super::*;

    /// An answer with these header lines, each of which ends in `|`.
    pub(in crate::boot) fn reply(head: &str, content: &[u8]) -> Reply {
        let head = format!("{head}|").replace('|', "\r\n");
        Reply::new(head.as_bytes(), content.to_vec())
    }

    #[rstest]
    #[case("HTTP/1.1 206 X|Content-Length: 3|Content-Range: bytes 2-4/10|", b"234", Ok(()))]
    #[case("HTTP/1.1 200 OK|Content-Length: 10|", b"0123456789", Err(Fault::WholeFile))]
    #[case(
        "HTTP/1.1 206 X|Content-Length: 3|Content-Range: bytes 2-4/11|",
        b"234",
        Err(Fault::OtherRange)
    )]
    #[case(
        "HTTP/1.1 206 X|Content-Length: 4|Content-Range: bytes 2-4/10|",
        b"2345",
        Err(Fault::OtherRange)
    )]
    #[case(
        "HTTP/1.1 206 X|Content-Length: 3|Content-Range: bytes 2-4/10|",
        b"012",
        Err(Fault::OtherBytes)
    )]
    #[case("HTTP/1.1 416 X|Content-Length: 0|", b"", Err(Fault::Refused(416, None)))]
    fn ranges(#[case] head: &str, #[case] content: &[u8], #[case] wanted: Result<(), Fault>) {
        assert_eq!(reply(head, content).expect_range((2, 4), 10, b"0123456"), wanted);
    }

    #[test]
    fn heads_are_compared_byte_for_byte() {
        let of = |head: &str| Reply::new(head.as_bytes(), Vec::new()).check_bytes();
        assert_eq!(of("HTTP/1.1 200 OK\r\nA: b\r\n\r\n"), Ok(()));
        assert_eq!(of("HTTP/1.0 200 OK\r\n\r\n"), Err(Fault::NotHttp11));
        assert_eq!(of("HTTP/1.1 200 OK\r\nA: b\n\r\n"), Err(Fault::BareLineFeed));
    }

    #[rstest]
    #[case(1, (0, 0))]
    #[case(2, (1, 1))]
    #[case(10_000, (5000, 5511))]
    fn middles(#[case] size: u64, #[case] range: (u64, u64)) {
        assert_eq!(middle(size), range);
    }
}
