//! Uploads in parts, with mistakes, failures and changes of the process in between: the offset is what arrived, the file what was sent.
#![no_main]

mod service;

use std::cell::RefCell;
use std::sync::LazyLock;

use actix_web::http::Method;
use actix_web::rt::{System, SystemRunner};
use actix_web::test::TestRequest;
use libfuzzer_sys::fuzz_target;
use service::{Answer, Service};
use storage_backends::ErrorKind;

/// Sizes of parts: about those of the blocks that the service and the storage write.
const SIZES: [usize; 8] = [0, 1, 1000, 65_535, 65_536, 131_072, 131_073, 200_000];
const MAX_STEPS: usize = 16;

static CONTENT: LazyLock<Vec<u8>> = LazyLock::new(|| (0..=250).cycle().take(500_000).collect());

thread_local! {
    static SERVICE: (SystemRunner, RefCell<Service>) = {
        let system = System::new();
        let service = system.block_on(Service::new([]));
        (system, RefCell::new(service))
    };
}

/// An upload as its client knows it.
struct Upload {
    at: String,
    length: Option<usize>,
    offset: usize,
    is_complete: bool,
}

/// A part that ends at a byte of the file.
#[derive(Debug, Clone, Copy)]
struct Part {
    end: usize,
    is_last: bool,
    /// Whether the header has its length.
    has_length: bool,
}

impl Upload {
    async fn begin(service: &Service, length: Option<usize>) -> Self {
        let mut request = TestRequest::post().insert_header(("upload-complete", "?0"));
        if let Some(length) = length {
            request = request.insert_header(("upload-length", length));
        }
        let begun = service.send(request, "/uploads?path=/file").await;
        assert_eq!(begun.status, 201, "{begun:?}");
        let at = begun.header("location").strip_prefix(&service.path);
        let at = at.expect("an upload is its backend's").to_owned();
        Self {
            at,
            length,
            offset: 0,
            is_complete: false,
        }
    }

    /// Sends a part as if it began at `offset`.
    async fn send(&self, service: &Service, part: Part, offset: usize) -> Answer {
        let bytes = &CONTENT[self.offset..part.end];
        let mut request = TestRequest::patch()
            .insert_header(("content-type", "application/partial-upload"))
            .insert_header(("upload-offset", offset))
            .insert_header(("upload-complete", if part.is_last { "?1" } else { "?0" }))
            .set_payload(bytes);
        if part.has_length {
            request = request.insert_header(("content-length", bytes.len()));
        }
        service.send(request, &self.at).await
    }

    async fn append(&mut self, service: &Service, part: Part) {
        let answer = self.send(service, part, self.offset).await;
        let most = self.length.unwrap_or(usize::MAX);
        let fits = if part.is_last {
            part.end == self.length.unwrap_or(part.end)
        } else {
            part.end <= most
        };
        match (answer.status, self.is_complete, fits) {
            (409, true, _) => {}
            (200 | 201, false, true) if part.is_last => (self.offset, self.is_complete) = (part.end, true),
            (204, false, true) if !part.is_last => self.offset = part.end,
            // What arrived before the mistake may count.
            (400, false, false) => {
                let offset = self.ask(service).await;
                assert!(
                    (self.offset..=most.min(part.end)).contains(&offset),
                    "{offset} after {answer:?}"
                );
                self.offset = offset;
            }
            _ => panic!("{part:?}: {answer:?}"),
        }
    }

    /// Returns the offset that the service says.
    async fn ask(&self, service: &Service) -> usize {
        let head = service
            .send(TestRequest::default().method(Method::HEAD), &self.at)
            .await;
        let complete = if self.is_complete { "?1" } else { "?0" };
        assert_eq!(head.header("upload-complete"), complete, "{head:?}");
        head.header("upload-offset")
            .parse()
            .expect("an offset is a number")
    }
}

/// Reads three bits.
fn bits(byte: u8, from: u32) -> usize {
    usize::from(byte >> from & 7)
}

/// A byte is a step, the first one what the client says of the length.
async fn check(service: &mut Service, length: u8, steps: &[u8]) {
    let sum = SIZES[bits(length, 1)] + SIZES[bits(length, 4)];
    let mut upload = Upload::begin(service, (length & 1 == 1).then_some(sum)).await;
    for step in steps.iter().take(MAX_STEPS) {
        let (what, size) = (bits(*step, 0), SIZES[bits(*step, 3)]);
        let part = Part {
            end: (upload.offset + size).min(CONTENT.len()),
            is_last: what == 3,
            has_length: step & 64 != 0,
        };
        match what {
            0..=3 => upload.append(service, part).await,
            4 => {
                let wrong = if size == upload.offset { size + 1 } else { size };
                let answer = upload.send(service, part, wrong).await;
                assert_eq!(answer.status, 409, "{answer:?}");
            }
            5 => {
                service.storage.refuse_writes(Some(ErrorKind::Timeout));
                let answer = upload.send(service, part, upload.offset).await;
                service.storage.refuse_writes(None);
                let is_nothing = part.end == upload.offset;
                assert!(
                    matches!(answer.status, 400 | 409 | 504) || is_nothing,
                    "{answer:?}"
                );
            }
            // Another process takes over.
            6 => service.active = 1 - service.active,
            _ => break,
        }
        assert_eq!(upload.ask(service).await, upload.offset, "after {what} {part:?}");
    }
    if upload.is_complete {
        let file = service
            .send(TestRequest::get(), "/files/download?path=/file")
            .await;
        assert!(
            file.body == CONTENT[..upload.offset],
            "the file is not what was sent"
        );
    }
    let ended = service.send(TestRequest::delete(), &upload.at).await;
    assert_eq!(ended.status, 204, "{ended:?}");
    assert_eq!(service.storage.unfinished_uploads(), 0);
}

fuzz_target!(|input: &[u8]| {
    let [length, steps @ ..] = input else {
        return;
    };
    SERVICE.with(|(system, service)| {
        system.block_on(check(&mut service.borrow_mut(), *length, steps));
    });
});
