mod changes;
mod deletions;
mod lists;
mod paths;
mod reads;
mod uploads;

use std::fs::{self, File};
use std::io::Read as _;
use std::os::fd::AsFd;
use std::sync::LazyLock;
use std::time::Instant;

use rustix::pipe::{PipeFlags, pipe_with};
use storage_domain::FilePath;
use tempfile::TempDir;

use super::list::{Kept, Listing};
use super::protocol::{FileFailure, FilesRoot};
use super::read::OpenFile;
use super::root::{Root, stat};
use crate::files::{FileEntry, FileKind, ReadRequest};

const WHOLE: ReadRequest = ReadRequest {
    offset: 0,
    length: None,
    etag: None,
    size: None,
};

/// A directory with files of one byte, and directories where the name ends with a slash.
fn tree(names: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in names {
        let path = dir.path().join(name);
        match name.strip_suffix('/') {
            Some(_) => fs::create_dir_all(path).unwrap(),
            None => fs::write(path, "1").unwrap(),
        }
    }
    dir
}

fn root_of(dir: &TempDir) -> Root {
    Root::open(&files_of(dir)).unwrap()
}

fn files_of(dir: &TempDir) -> FilesRoot {
    FilesRoot {
        ignored: vec![".snapshot".to_owned()],
        ..FilesRoot::new(dir.path())
    }
}

fn path(text: &str) -> FilePath {
    text.parse().unwrap()
}

fn listing<'a>(
    root: &'a Root,
    kept: &'a Kept,
    path: &'a FilePath,
    max_sorted: usize,
    limit: usize,
) -> Listing<'a> {
    static CALLER: LazyLock<File> = LazyLock::new(|| File::open("/dev/null").unwrap());
    Listing {
        root,
        kept,
        path,
        max_sorted,
        limit,
        end: Instant::now() + FilesRoot::NAMES_TIME,
        caller: CALLER.as_fd(),
    }
}

/// Lists in pages and returns the names, with a slash after those of directories, and how many were skipped.
fn list(root: &Root, kept: &Kept, directory: &str, limit: usize, max_sorted: usize) -> (Vec<String>, u64) {
    let directory = path(directory);
    let (mut names, mut skipped, mut after) = (Vec::new(), 0, None);
    loop {
        let listing = listing(root, kept, &directory, max_sorted, limit);
        let page = listing.page(after.as_ref()).unwrap();
        assert!(page.entries.len() <= limit, "{page:?}");
        let shown = |entry: FileEntry| match entry.kind {
            FileKind::Directory => format!("{}/", entry.name),
            FileKind::File => entry.name,
        };
        names.extend(page.entries.into_iter().map(shown));
        skipped += page.skipped;
        let Some(next) = page.next else {
            return (names, skipped);
        };
        let next = next.to_string().parse().unwrap();
        assert_ne!(Some(&next), after.as_ref());
        after = Some(next);
    }
}

fn all(dir: &TempDir, directory: &str) -> (Vec<String>, u64) {
    list(&root_of(dir), &Kept::default(), directory, 1000, 1000)
}

fn read(root: &Root, at: &str, request: &ReadRequest) -> Result<Vec<u8>, FileFailure> {
    let file = OpenFile::open(root, &path(at), request)?;
    let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        File::from(ours).read_to_end(&mut bytes).unwrap();
        bytes
    });
    let sent = file.send(&mut File::from(theirs));
    let bytes = reader.join().unwrap();
    let header = bytes.iter().position(|byte| *byte == b'\n').unwrap();
    sent.map(|()| bytes[header + 1..].to_owned())
}
