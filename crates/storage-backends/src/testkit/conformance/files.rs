//! What every backend that holds files keeps to.

use futures_util::TryStreamExt as _;
use storage_domain::FilePath;

use super::{Subject, probe};
use crate::backend::Tree;
use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::files::{FileEntry, FileKind, PageRequest, ReadRequest};

/// Levels of directories that are searched for files.
const MAX_DEPTH: usize = 3;
/// A name that no storage under test has.
const MISSING: &str = "there-is-nothing-of-this-name";

/// Pages agree with the directory, entries with their listing, and parts of a file with the file.
pub(super) async fn are_listed_and_read(subject: &Subject) {
    let Some(tree) = subject.healthy.as_tree() else {
        return;
    };
    probe(subject, &subject.healthy).await;
    let cx = OpContext::within(subject.limit);
    let listed = tree.list(&cx, &FilePath::root(), &all()).await;
    if listed
        .as_ref()
        .is_err_and(|error| *error.kind() == ErrorKind::NotListable)
    {
        return;
    }
    let mut waiting = vec![(FilePath::root(), 0)];
    while let Some((directory, depth)) = waiting.pop() {
        for entry in pages_agree(tree, &cx, &directory).await {
            let path = directory
                .join(&entry.name)
                .unwrap_or_else(|rule| panic!("{entry:?}: {rule}"));
            let stat = tree
                .stat(&cx, &path)
                .await
                .unwrap_or_else(|error| panic!("{path}: {error:?}"));
            assert_eq!((&stat.name, stat.kind), (&entry.name, entry.kind), "{path}");
            match entry.kind {
                FileKind::Directory if depth < MAX_DEPTH => waiting.push((path, depth + 1)),
                FileKind::Directory => {}
                FileKind::File => is_read(tree, &cx, &path, &stat).await,
            }
        }
    }
    let missing = FilePath::root()
        .join(MISSING)
        .unwrap_or_else(|rule| panic!("{rule}"));
    let gone = tree.stat(&cx, &missing).await.map_err(Error::into_kind);
    assert_eq!(gone, Err(ErrorKind::NotFound));
    let gone = tree.read(&cx, &missing, &whole(None)).await.map(|_| ());
    assert_eq!(gone.map_err(Error::into_kind), Err(ErrorKind::NotFound));
    let root = tree.stat(&cx, &FilePath::root()).await;
    assert!(root.is_ok_and(|root| root.kind == FileKind::Directory && root.name.is_empty()));
}

const fn all() -> PageRequest {
    PageRequest {
        after: None,
        limit: 1000,
    }
}

const fn whole(etag: Option<String>) -> ReadRequest {
    ReadRequest {
        offset: 0,
        length: None,
        etag,
        size: None,
    }
}

/// Returns the entries of a directory, which come in pages of one as in pages of many.
async fn pages_agree(tree: &dyn Tree, cx: &OpContext, directory: &FilePath) -> Vec<FileEntry> {
    let list = async |page: &PageRequest| {
        let listed = tree.list(cx, directory, page).await;
        listed.unwrap_or_else(|error| panic!("{directory}: {error:?}"))
    };
    let page = list(&all()).await;
    assert!(
        page.next.is_none(),
        "the storage under test is too large: {page:?}"
    );
    assert!(page.sorted);
    let keys = |entries: &[FileEntry]| -> Vec<_> {
        entries
            .iter()
            .map(|entry| (entry.kind, entry.name.clone()))
            .collect()
    };
    assert!(keys(&page.entries).is_sorted(), "{page:?}");
    let mut request = PageRequest { limit: 1, ..all() };
    let mut seen = Vec::new();
    loop {
        let one = list(&request).await;
        assert!(one.entries.len() <= 1, "{one:?}");
        seen.extend(one.entries);
        request.after = one.next;
        if request.after.is_none() {
            break;
        }
    }
    assert_eq!(keys(&seen), keys(&page.entries), "{directory}");
    page.entries
}

async fn is_read(tree: &dyn Tree, cx: &OpContext, path: &FilePath, stat: &FileEntry) {
    let read = async |request: &ReadRequest| {
        let stream = tree.read(cx, path, request).await?;
        let pieces: Vec<_> = stream.try_collect().await?;
        Ok::<_, Error>(pieces.concat())
    };
    let content = read(&whole(stat.etag.clone()))
        .await
        .unwrap_or_else(|error| panic!("{path}: {error:?}"));
    let len = content.len() as u64;
    assert!(
        stat.size.is_none_or(|size| size.get() == len),
        "{path}: {stat:?} but {len} bytes"
    );
    for (offset, length) in [(0, Some(1)), (len / 2, None), (len.saturating_sub(1), Some(1))] {
        let (from, end) = (offset, length.map_or(len, |n| (offset + n).min(len)));
        let request = ReadRequest {
            offset,
            length: Some(end - from),
            etag: None,
            size: None,
        };
        if end == from {
            continue;
        }
        let part = read(&request)
            .await
            .unwrap_or_else(|error| panic!("{path}: {error:?}"));
        let range = usize::try_from(from).unwrap_or(0)..usize::try_from(end).unwrap_or(0);
        assert!(
            part == content[range],
            "{path}: {request:?} gave {} bytes",
            part.len()
        );
    }
    if stat.etag.is_some() {
        let other = read(&whole(Some("another".to_owned()))).await;
        assert_eq!(other.map_err(Error::into_kind), Err(ErrorKind::Changed), "{path}");
    }
    let below = tree.list(cx, path, &all()).await.map_err(Error::into_kind);
    assert!(
        matches!(below, Err(ErrorKind::NotADirectory | ErrorKind::NotFound)),
        "{path}: {below:?}"
    );
}
