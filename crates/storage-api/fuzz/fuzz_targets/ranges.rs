//! Ranges and their condition: an answer holds the bytes that it says, and those that were asked for.
#![no_main]

#[expect(dead_code, reason = "the storage stays as it is")]
mod service;

use actix_web::http::header::{HeaderValue, IF_RANGE, RANGE};
use actix_web::rt::{System, SystemRunner};
use actix_web::test::TestRequest;
use libfuzzer_sys::fuzz_target;
use service::{Answer, Service};

const FILES: [(&str, &[u8]); 3] = [("/empty", b""), ("/one", b"1"), ("/more", b"0123456789abcdef")];

/// First byte and end of a part.
type Part = (usize, usize);

thread_local! {
    /// The service, and the entity tags of its files.
    static SERVICE: (SystemRunner, Service, Vec<String>) = {
        let system = System::new();
        let service = system.block_on(Service::new(FILES));
        let tag = |(path, _)| {
            let answer = system.block_on(get(&service, path, TestRequest::get()));
            answer.header("etag").to_owned()
        };
        let tags = FILES.map(tag).to_vec();
        (system, service, tags)
    };
}

async fn get(service: &Service, path: &str, request: TestRequest) -> Answer {
    service
        .send(request, &format!("/files/download?path={path}"))
        .await
}

/// Returns what a single range means (RFC 9110, section 14.1.2), `Some(None)` if the file has nothing of it; `None` for any
/// other text.
fn meant(range: &str, size: usize) -> Option<Option<Part>> {
    // A number that is too large means the same as the largest.
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse().unwrap_or(usize::MAX))
    };
    let (first, end) = match range.split_once('-')? {
        ("", last) => (size.saturating_sub(number(last)?), size),
        (first, "") => (number(first)?, size),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some((first, last.saturating_add(1).min(size)))?
        }
    };
    Some((first < end).then_some((first, end)))
}

/// Returns which part an answer says that it has: `None` if it is the file, `Some(None)` if there is no such part.
fn said(answer: &Answer, size: usize) -> Option<Option<Part>> {
    let field = answer.header("content-range");
    match answer.status {
        200 => None,
        206 => {
            let (part, all) = field.strip_prefix("bytes ")?.split_once('/')?;
            let (first, last) = part.split_once('-')?;
            assert_eq!(all, size.to_string(), "{answer:?}");
            let number = |text: &str| text.parse::<usize>().expect("a number");
            Some(Some((number(first), number(last) + 1)))
        }
        416 => {
            assert_eq!(field, format!("bytes */{size}"));
            Some(None)
        }
        _ => panic!("{answer:?}"),
    }
}

fuzz_target!(|input: (u8, Option<&str>, &str)| {
    let (file, condition, range) = input;
    SERVICE.with(|(system, service, tags)| {
        let file = usize::from(file) % FILES.len();
        let ((path, content), own) = (FILES[file], tags[file].as_str());
        // An empty one stands for the file's own, which no fuzzer finds.
        let condition = condition.map(|tag| if tag.is_empty() { own } else { tag });
        let Ok(field) = HeaderValue::try_from(format!("bytes={range}")) else {
            return;
        };
        let mut request = TestRequest::get().insert_header((RANGE, field));
        if let Some(tag) = condition {
            let Ok(tag) = HeaderValue::try_from(tag) else {
                return;
            };
            request = request.insert_header((IF_RANGE, tag));
        }
        let answer = system.block_on(get(service, path, request));
        let holds = condition.is_none_or(|tag| tag.trim() == own);
        let part = said(&answer, content.len());
        if !holds {
            assert_eq!(part, None, "{condition:?} is not {own}: {answer:?}");
        } else if let Some(meant) = meant(range, content.len()) {
            // The last bytes of nothing may be the file.
            let part = part.unwrap_or_else(|| (!content.is_empty()).then_some((0, content.len())));
            assert_eq!(part, meant, "{range:?}: {answer:?}");
        }
        if let Some((first, end)) = part.unwrap_or(Some((0, content.len()))) {
            assert_eq!(answer.body, content[first..end], "{range:?}: {answer:?}");
        }
    });
});
