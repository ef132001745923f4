use futures_util::TryStreamExt as _;
use rstest::rstest;

use super::*;

fn request(offset: u64, length: Option<u64>) -> ReadRequest {
    ReadRequest {
        offset,
        length,
        etag: None,
        size: None,
    }
}

fn headers(length: &str, range: &str) -> HeaderMap {
    let fields = [(CONTENT_LENGTH, length), (CONTENT_RANGE, range)];
    let sent = fields.into_iter().filter(|(_, value)| !value.is_empty());
    sent.map(|(name, value)| (name, HeaderValue::from_str(value).unwrap()))
        .collect()
}

#[rstest]
#[case(0, None, None)]
#[case(0, Some(1), Some("bytes=0-0"))]
#[case(5, None, Some("bytes=5-"))]
#[case(5, Some(10), Some("bytes=5-14"))]
#[case(u64::MAX, Some(9), Some("bytes=18446744073709551615-18446744073709551615"))]
fn ranges(#[case] offset: u64, #[case] length: Option<u64>, #[case] expected: Option<&str>) {
    let found = range(&request(offset, length));
    assert_eq!(found.as_ref().map(|value| value.to_str().unwrap()), expected);
}

#[rstest]
#[case::all(0, None, 200, "10", "", Ok((0, Some(10))))]
#[case::all_of_unknown_size(0, None, 200, "", "", Ok((0, None)))]
#[case::no_ranges(4, Some(3), 200, "10", "", Ok((4, Some(3))))]
#[case::no_ranges_to_the_end(4, None, 200, "10", "", Ok((4, Some(6))))]
#[case::no_ranges_and_shorter(4, Some(7), 200, "10", "", Err(Misfit::Shorter))]
#[case::part(4, Some(3), 206, "3", "bytes 4-6/10", Ok((0, Some(3))))]
#[case::part_of_unknown_size(4, Some(3), 206, "", "bytes 4-6/*", Ok((0, Some(3))))]
#[case::end(4, None, 206, "6", "bytes 4-9/10", Ok((0, Some(6))))]
#[case::end_and_shorter(4, Some(9), 206, "6", "bytes 4-9/10", Err(Misfit::Shorter))]
#[case::cut(4, Some(9), 206, "2", "bytes 4-5/100", Err(Misfit::Other))]
#[case::other_begin(4, Some(3), 206, "3", "bytes 0-2/10", Err(Misfit::Other))]
#[case::other_length(4, Some(3), 206, "4", "bytes 4-6/10", Err(Misfit::Other))]
#[case::turned_round(4, Some(3), 206, "3", "bytes 6-4/10", Err(Misfit::Other))]
#[case::no_range(4, Some(3), 206, "3", "", Err(Misfit::Other))]
#[case::several(4, Some(3), 206, "3", "items 4-6/10", Err(Misfit::Other))]
#[case::behind_the_end(10, Some(1), 416, "", "bytes */10", Err(Misfit::Shorter))]
#[case::at_the_end(10, None, 416, "", "bytes */10", Ok((0, Some(0))))]
#[case::error(0, None, 404, "10", "", Err(Misfit::Other))]
fn parts(
    #[case] offset: u64,
    #[case] length: Option<u64>,
    #[case] status: u16,
    #[case] sent: &str,
    #[case] range: &str,
    #[case] expected: Result<(u64, Option<u64>), Misfit>,
) {
    let status = StatusCode::from_u16(status).unwrap();
    let found = Part::of(&request(offset, length), status, &headers(sent, range));
    assert_eq!(found, expected.map(|(skip, length)| Part { skip, length }));
}

#[rstest]
#[case("\"abc\"", Some("abc"))]
#[case("abc", Some("abc"))]
#[case("\"a\"b\"", None)]
#[case("\"a\r\nb\"", None)]
#[case("\"a b\"", None)]
#[case("\"ä\"", None)]
#[case("W/\"abc\"", None)]
#[case("\"\"", None)]
fn validators(#[case] tag: &str, #[case] expected: Option<&str>) {
    assert_eq!(strong(tag).as_deref(), expected);
}

#[rstest]
#[case::fixed("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777))]
#[case::rfc850("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777))]
#[case::asctime("Sun Nov  6 08:49:37 1994", Some(784_111_777))]
#[case::zone("Sun, 06 Nov 1994 09:49:37 +0100", Some(784_111_777))]
#[case::other("1994-11-06", None)]
fn dates(#[case] text: &str, #[case] expected: Option<i64>) {
    let date = parse_date(text);
    assert_eq!(date.map(OffsetDateTime::unix_timestamp), expected);
}

struct Ready(Vec<&'static str>);

impl Pieces for Ready {
    async fn piece(&mut self) -> Result<Option<Bytes>, Error> {
        if self.0.is_empty() {
            return Ok(None);
        }
        Ok(Some(Bytes::from_static(self.0.remove(0).as_bytes())))
    }
}

#[rstest]
#[case::all(0, None, Ok("abcdef"))]
#[case::exact(0, Some(6), Ok("abcdef"))]
#[case::begin(0, Some(2), Ok("ab"))]
#[case::middle(1, Some(4), Ok("bcde"))]
#[case::end(4, None, Ok("ef"))]
#[case::nothing(2, Some(0), Ok(""))]
#[case::longer(1, Some(6), Err("bcdef"))]
#[case::behind(7, None, Err(""))]
#[tokio::test]
async fn streams(#[case] skip: u64, #[case] length: Option<u64>, #[case] expected: Result<&str, &str>) {
    let body = Ready(vec!["abc", "d", "ef"]);
    let mut stream = Part { skip, length }.stream(body, Duration::from_secs(9), "field");
    let mut came = Vec::new();
    let ended = loop {
        match stream.try_next().await {
            Ok(Some(piece)) => came.extend_from_slice(&piece),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    let came = String::from_utf8(came).unwrap();
    match expected {
        Ok(expected) => assert!(ended.is_ok() && came == expected, "{came}: {ended:?}"),
        Err(expected) => assert!(ended.is_err() && came == expected, "{came}: {ended:?}"),
    }
}
