//! Counts that would keep each other waiting.

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use storage_domain::{IgnoredDirectories, TemplatePatterns};

use super::*;
use crate::context::OpContext;
use crate::error::Error;
use crate::scan::{ScanOptions, ScanProgress, ScanReport, count};
use crate::tree::{Entry, EntryKind, List, Page};

/// A root of so many pages, with a file in each, and a directory that is never listed to the end.
struct Pages {
    number: usize,
    is_stuck: bool,
}

impl List for Pages {
    type Cursor = usize;

    async fn list(&self, directory: &[u8], from: Option<usize>) -> Result<Option<Page<usize>>, Error> {
        tokio::task::yield_now().await;
        if !directory.is_empty() {
            return std::future::pending().await;
        }
        let number = from.unwrap_or(0) + 1;
        let entry = |name: &[u8], kind| Entry {
            name: name.to_owned(),
            kind,
            size: Some(1),
        };
        let stuck = (number == 1 && self.is_stuck).then(|| entry(b"stuck", EntryKind::Directory));
        Ok(Some(Page {
            entries: [entry(b"file", EntryKind::File)]
                .into_iter()
                .chain(stuck)
                .collect(),
            next: Some(number).filter(|number| *number < self.number),
            ..Page::default()
        }))
    }
}

/// Pages, and how often the connections that no listing uses were to be closed.
struct Connected(Pages, AtomicUsize);

impl List for Connected {
    type Cursor = usize;

    async fn list(&self, directory: &[u8], from: Option<usize>) -> Result<Option<Page<usize>>, Error> {
        self.0.list(directory, from).await
    }

    fn close_idle(&self) {
        self.1.fetch_add(1, Ordering::SeqCst);
    }
}

const ENDLESS: Pages = Pages {
    number: usize::MAX,
    is_stuck: true,
};
const HANGING: Pages = Pages {
    number: 1,
    is_stuck: true,
};
const SHORT: Pages = Pages {
    number: 20,
    is_stuck: false,
};

async fn counted(
    slices: &TimeSlices,
    tree: &impl List,
    progress: &ScanProgress,
) -> Result<ScanReport, Error> {
    let options = ScanOptions {
        templates: &TemplatePatterns::default(),
        ignored: &IgnoredDirectories::default(),
        bytes: true,
        parallel: 2,
        listings: usize::MAX,
        depth: 32,
        size_requests: 0,
        slices: Some(slices),
    };
    let cx = OpContext::within(Duration::from_mins(1));
    count(tree, &options, &cx, progress).await
}

#[tokio::test]
async fn a_count_without_an_end_lets_others_in_and_goes_on() {
    let slices = TimeSlices::new(1, Duration::from_millis(1));
    let (tree, progress) = (Connected(ENDLESS, AtomicUsize::new(0)), ScanProgress::default());
    let mut endless = std::pin::pin!(counted(&slices, &tree, &progress));
    assert!(endless.as_mut().now_or_never().is_none(), "it has the only slice");
    assert_eq!(tree.1.load(Ordering::SeqCst), 0, "it lists");
    let no_progress = ScanProgress::default();
    for _ in 0..2 {
        tokio::select! {
            _ = &mut endless => panic!("it has no end"),
            report = counted(&slices, &SHORT, &no_progress) => assert_eq!(report.unwrap().files, 20),
        }
    }
    assert!(tree.1.load(Ordering::SeqCst) > 0, "it kept its connections");
    let before = progress.files();
    let more = async {
        while progress.files() <= before + 20 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = &mut endless => panic!("it has no end"),
        () = more => {}
    }
}

#[tokio::test]
async fn a_listing_that_hangs_lets_others_in() {
    let slices = TimeSlices::new(1, Duration::from_millis(1));
    let (hangs, ends) = (ScanProgress::default(), ScanProgress::default());
    let mut hanging = std::pin::pin!(counted(&slices, &HANGING, &hangs));
    while hangs.directories() < 2 {
        assert!(hanging.as_mut().now_or_never().is_none());
    }
    tokio::select! {
        _ = &mut hanging => panic!("it has no end"),
        report = counted(&slices, &SHORT, &ends) => assert_eq!(report.unwrap().files, 20),
    }
}

#[tokio::test]
async fn few_counts_list_at_once() {
    let slices = TimeSlices::default();
    let progress: Vec<_> = (0..=AT_ONCE).map(|_| ScanProgress::default()).collect();
    let counts = progress
        .iter()
        .map(|progress| counted(&slices, &ENDLESS, progress));
    let mut all = std::pin::pin!(join_all(counts));
    let begun = || progress.iter().filter(|progress| progress.files() > 0).count();
    while begun() < AT_ONCE {
        assert!(all.as_mut().now_or_never().is_none());
    }
    assert!(all.as_mut().now_or_never().is_none());
    assert_eq!(begun(), AT_ONCE, "one waits");
}

#[tokio::test]
async fn all_counts_together_keep_bounded_memory() {
    let slices = TimeSlices::new(200, LENGTH);
    let mut begun = Vec::new();
    for _ in 0..200 {
        begun.push(TimeSlice::begin(Some(&slices)).await);
        assert!(slices.kept_bytes() * begun.len() <= KEPT_BYTES);
        assert!(slices.kept_bytes() <= MAX_KEPT_BYTES);
    }
    drop(begun);
    assert_eq!(slices.kept_bytes(), MAX_KEPT_BYTES);
}
