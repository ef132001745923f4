//! Storage that misbehaves, as pages that a test makes up.

use std::time::Duration;

use rstest::rstest;
use storage_domain::{ByteCount, IgnoredDirectories, TemplatePatterns};

use super::*;
use crate::error::ErrorKind;
use crate::helper::protocol::{self, Reply};

type Answer = Result<Option<Page<usize>>, Error>;

/// Storage whose answers are made up from a path and a page number.
struct Fake<F>(F);

impl<F: Fn(&str, usize) -> Answer + Sync> List for Fake<F> {
    type Cursor = usize;

    async fn list(&self, directory: &[u8], from: Option<usize>) -> Answer {
        tokio::task::yield_now().await;
        (self.0)(std::str::from_utf8(directory).unwrap(), from.unwrap_or(0))
    }

    async fn size(&self, file: &[u8]) -> Option<u64> {
        (!file.ends_with(b"secret")).then_some(7)
    }
}

async fn scan(answer: impl Fn(&str, usize) -> Answer + Sync) -> Result<ScanReport, Error> {
    let templates = TemplatePatterns::default();
    let ignored = IgnoredDirectories::default();
    let options = ScanOptions {
        templates: &templates,
        ignored: &ignored,
        bytes: true,
        parallel: 4,
        listings: 500,
        depth: 20,
        size_requests: 3,
        slices: None,
    };
    let cx = OpContext::within(Duration::from_mins(1));
    count(&Fake(answer), &options, &cx, &ScanProgress::default()).await
}

fn entry(name: &str, kind: EntryKind, size: Option<u64>) -> Entry {
    Entry {
        name: name.as_bytes().to_owned(),
        kind,
        size,
    }
}

fn page(files: &[&str], directories: &[&str]) -> Page<usize> {
    let files = files.iter().map(|name| entry(name, EntryKind::File, Some(1)));
    let directories = directories
        .iter()
        .map(|name| entry(name, EntryKind::Directory, None));
    Page {
        entries: files.chain(directories).collect(),
        ..Page::default()
    }
}

fn unanswered() -> Error {
    Error::new(ErrorKind::Server, "the request").with_source("no answer")
}

#[tokio::test]
async fn every_page_of_every_directory_is_counted() {
    let report = scan(|path, number| {
        let mut found = page(&["a.iso", "b.txt"], &[]);
        found.next = (number < 2).then_some(number + 1);
        if path.is_empty() {
            let directory = entry(&format!("d{number}"), EntryKind::Directory, None);
            found.entries.push(directory);
        }
        Ok(Some(found))
    })
    .await
    .unwrap();
    assert_eq!((report.files, report.directories, report.templates), (24, 4, 12));
    assert_eq!(report.bytes, Some(ByteCount::saturating(24)));
    assert_eq!((report.errors, report.truncated), (0, None));
}

#[tokio::test]
async fn directories_of_a_recursive_page_are_not_listed_again() {
    let report = scan(|path, _| {
        assert_eq!(path, "");
        Ok(Some(Page {
            recursive: true,
            ..page(&["d/a.iso", "d/e/b"], &["d", "d/e"])
        }))
    })
    .await
    .unwrap();
    assert_eq!((report.files, report.directories, report.templates), (2, 3, 1));
}

#[tokio::test]
async fn a_directory_that_is_gone_is_neither_counted_nor_an_error() {
    let report = scan(|path, _| Ok(path.is_empty().then(|| page(&["f"], &["gone"]))))
        .await
        .unwrap();
    assert_eq!((report.files, report.directories, report.errors), (1, 1, 0));
}

#[rstest]
#[case::deep("d", 1, "more than 20 levels deep")]
#[case::wide("d", 100, "levels deep")]
#[case::long(&"d".repeat(255), 1, "a path of more than 4095 bytes")]
#[tokio::test]
async fn trees_without_an_end_end(#[case] name: &str, #[case] width: usize, #[case] bound: &str) {
    let names: Vec<String> = (0..width).map(|n| format!("{name}{n}")).collect();
    let names: Vec<&str> = names
        .iter()
        .map(|name| &name[name.len() - name.len().min(255)..])
        .collect();
    let report = scan(|_, _| Ok(Some(page(&["f"], &names)))).await.unwrap();
    let truncated = report.truncated.unwrap();
    assert!(truncated.contains(bound), "{truncated}");
    assert!(report.bytes.is_some(), "the sum is a lower bound");
}

#[test]
fn directories_that_wait_take_bounded_memory() {
    let templates = TemplatePatterns::default();
    let ignored = IgnoredDirectories::default();
    let options = ScanOptions {
        templates: &templates,
        ignored: &ignored,
        bytes: false,
        parallel: 1,
        listings: usize::MAX,
        depth: usize::MAX,
        size_requests: 0,
        slices: None,
    };
    let progress = ScanProgress::default();
    let mut counter = Counter::<usize>::new(&options, &progress);
    let name = "n".repeat(4000);
    for _ in 0..5000 {
        counter.page(&Pending::root(), page(&[], &[&name]));
    }
    let waiting: usize = counter.pending.iter().map(Pending::memory).sum();
    assert_eq!(waiting, counter.kept_bytes);
    assert!(
        (MAX_KEPT_BYTES - 8192..=MAX_KEPT_BYTES).contains(&waiting),
        "{waiting}"
    );
    assert!(counter.report.truncated.is_some());
    assert_eq!(counter.report.directories, 5001);
}

#[tokio::test]
async fn a_root_that_cannot_be_listed_is_an_error() {
    let error = scan(|_, _| Err(unanswered())).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Server);
}

#[rstest]
#[case::silent(true, 12..=15, Some("the server stopped answering"))]
#[case::forbidden(false, 100..=100, None)]
#[tokio::test]
async fn a_server_that_stops_answering_ends_the_count(
    #[case] temporary: bool,
    #[case] errors: std::ops::RangeInclusive<u64>,
    #[case] truncated: Option<&str>,
) {
    let names: Vec<String> = (0..100).map(|n| format!("d{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let report = scan(|path, _| match path {
        "" => Ok(Some(page(&["f"], &names))),
        _ => Err(unanswered().with_temporary(temporary)),
    })
    .await
    .unwrap();
    assert!(errors.contains(&report.errors), "{report:?}");
    assert_eq!(report.truncated.as_deref(), truncated);
    let first_error = report.first_error.unwrap();
    assert!(
        first_error.starts_with('d') && first_error.ends_with("/: no answer"),
        "{first_error}"
    );
}

#[rstest]
#[case::asked(&["a", "b"], 7 + 7 + 1, None)]
#[case::not_answered(&["a", "secret"], 7 + 1, Some((1, "secret: its size is not known")))]
#[case::one_too_many(&["a", "b", "c", "d"], 7 + 7 + 7 + 1, Some((1, "1 file has no size in its listing")))]
#[case::too_many(&["a", "b", "c", "d", "e"], 7 + 7 + 7 + 1, Some((2, "2 files have no size in their listing")))]
#[tokio::test]
async fn sizes_that_a_listing_lacks_are_asked_for(
    #[case] names: &[&str],
    #[case] bytes: u64,
    #[case] gaps: Option<(u64, &str)>,
) {
    let report = scan(|_, _| {
        let mut found = page(&["sized"], &[]);
        let unsized_files = names.iter().map(|name| entry(name, EntryKind::File, None));
        found.entries.extend(unsized_files);
        Ok(Some(found))
    })
    .await
    .unwrap();
    assert_eq!(report.bytes, Some(ByteCount::saturating(bytes)));
    let found = report.incomplete().map(|gaps| (gaps.errors, gaps.first));
    assert_eq!(found, gaps.map(|(errors, first)| (errors, first.to_owned())));
}

/// The two of a recursive page are what a bucket lists, the others what a directory does.
#[rstest]
#[case::one_by_one(false, &["@eaDir", "lost+found", "sub"], &["a"], 3, 2)]
#[case::recursive(true, &["a", "a/.snapshot", "a/.snapshot/b"], &["a/x", "a/.snapshot/b/x", "a/.snapshot/y"], 2, 1)]
#[tokio::test]
async fn what_file_servers_keep_for_themselves_is_left_out(
    #[case] recursive: bool,
    #[case] directories: &[&str],
    #[case] files: &[&str],
    #[case] counted: u64,
    #[case] ignored: u64,
) {
    let report = scan(|path, _| match path {
        "" => Ok(Some(Page {
            recursive,
            ..page(files, directories)
        })),
        "sub" => Ok(Some(page(&[], &["deep"]))),
        _ => Ok(Some(page(&[], &[]))),
    })
    .await
    .unwrap();
    assert_eq!((report.files, report.directories), (1, counted));
    let skipped = report.skipped().unwrap();
    assert_eq!(skipped.ignored, ignored);
    let first = if recursive { "a/.snapshot/" } else { "@eaDir/" };
    assert_eq!(skipped.first.as_deref(), Some(first));
    assert_eq!(report.incomplete(), None);
}

#[tokio::test]
async fn what_a_page_leaves_out_is_added_up() {
    let report = scan(|path, _| {
        let mut found = page(&["f"], if path.is_empty() { &["a", "b"] } else { &[] });
        found.skipped.elsewhere = 2;
        found.skipped.first = Some("x".to_owned()).filter(|_| path == "b");
        Ok(Some(found))
    })
    .await
    .unwrap();
    assert_eq!(report.skipped.elsewhere, 6);
    assert_eq!(report.skipped.first.as_deref(), Some("/"));
}

#[test]
fn paths_are_printable() {
    assert_eq!(shown(b"a/b\nc/\xff.iso"), "a/b\u{fffd}c/\u{fffd}.iso");
}

#[tokio::test]
async fn the_path_of_an_error_is_cut_so_that_the_counts_arrive() {
    let name = "\"\u{e9}".repeat(1000);
    let report = scan(|path, _| match path {
        "" => Ok(Some(page(&[], &[&name]))),
        _ => Err(unanswered()),
    })
    .await
    .unwrap();
    let first_error = report.first_error.clone().unwrap();
    assert!(
        first_error.starts_with("\"\u{e9}") && first_error.contains('…'),
        "{first_error}"
    );
    assert!((1000..1100).contains(&first_error.len()), "{}", first_error.len());
    let reply = Reply::Scanned(report);
    let mut pipe = Vec::new();
    protocol::write(&mut pipe, &reply).unwrap();
    assert_eq!(
        protocol::read::<Reply>(&mut pipe.as_slice()).unwrap(),
        Some(reply)
    );
}
