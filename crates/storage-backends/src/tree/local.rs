//! A tree of directories of this host. Links are not followed, and mounts below the root are not entered.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, RawDir, RawDirEntry, ResolveFlags, fstat, openat, openat2, statat,
};
use rustix::io::Errno;

use super::{Entry, EntryKind, List, Page};
use crate::error::Error;

/// Bytes of a directory that one system call reads.
const BUFFER_BYTES: usize = 64 * 1024;
/// Entries after which a page ends with the buffer.
const PAGE_ENTRIES: usize = 4096;
const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC)
    .union(OFlags::NOFOLLOW);

/// Lists the directories below one directory of this host.
#[derive(Debug, Clone)]
pub struct LocalTree {
    root: Arc<Root>,
    sizes: bool,
}

impl LocalTree {
    /// Opens the tree below `root`, which may be a link. With `sizes` each file is asked for its size.
    ///
    /// # Errors
    /// The root is not a directory that can be opened.
    pub fn open(root: &Path, sizes: bool) -> io::Result<Self> {
        let fd = openat(CWD, root, DIRECTORY.difference(OFlags::NOFOLLOW), Mode::empty())?;
        let resolves = openat2(&fd, c".", DIRECTORY, Mode::empty(), ResolveFlags::NO_XDEV).is_ok();
        let device = if resolves { None } else { Some(fstat(&fd)?.st_dev) };
        let root = Arc::new(Root { fd, device });
        Ok(Self { root, sizes })
    }
}

impl List for LocalTree {
    /// The open directory, which is at the next entry.
    type Cursor = OwnedFd;

    async fn list(&self, directory: &[u8], from: Option<OwnedFd>) -> Result<Option<Page<OwnedFd>>, Error> {
        let (tree, directory) = (self.clone(), directory.to_owned());
        let read = move || {
            let directory =
                match from.map_or_else(|| tree.root.open(&directory), |fd| Ok(Opened::Directory(fd)))? {
                    Opened::Directory(directory) => directory,
                    Opened::Mount => {
                        let mut page = Page::default();
                        page.skipped.other_file_systems = 1;
                        return Ok(Some(page));
                    }
                    Opened::Gone => return Ok(None),
                };
            read(directory, tree.sizes).map(Some)
        };
        let page = tokio::task::spawn_blocking(read).await;
        page.unwrap_or_else(|error| Err(failed(io::Error::other(error))))
    }
}

/// The root directory.
#[derive(Debug)]
struct Root {
    fd: OwnedFd,
    /// The root's device, if `openat2(2)` is missing (before Linux 5.6) or forbidden by a sandbox.
    device: Option<u64>,
}

enum Opened {
    Directory(OwnedFd),
    Mount,
    Gone,
}

impl Root {
    /// Opens a directory below the root.
    fn open(&self, path: &[u8]) -> Result<Opened, Error> {
        let path = if path.is_empty() { b"." } else { path };
        let opened = match self.device {
            None => {
                let resolve = ResolveFlags::NO_XDEV | ResolveFlags::NO_SYMLINKS;
                openat2(&self.fd, path, DIRECTORY, Mode::empty(), resolve)
            }
            Some(device) => self.open_by_steps(path, device),
        };
        match opened {
            Ok(fd) => Ok(Opened::Directory(fd)),
            Err(Errno::XDEV) => Ok(Opened::Mount),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(Opened::Gone),
            Err(errno) => Err(failed(errno.into())),
        }
    }

    /// Does what `openat2(2)` does with `RESOLVE_NO_XDEV` and `RESOLVE_NO_SYMLINKS`, name by name.
    fn open_by_steps(&self, path: &[u8], device: u64) -> Result<OwnedFd, Errno> {
        let mut at = openat(&self.fd, c".", OFlags::PATH | DIRECTORY, Mode::empty())?;
        for name in path.split(|b| *b == b'/') {
            at = openat(&at, name, OFlags::PATH | DIRECTORY, Mode::empty())?;
        }
        if fstat(&at)?.st_dev != device {
            return Err(Errno::XDEV);
        }
        openat(&at, c".", DIRECTORY, Mode::empty())
    }
}

/// Reads on in an open directory, to its end or for a page.
fn read(directory: OwnedFd, sizes: bool) -> Result<Page<OwnedFd>, Error> {
    let mut page = Page::default();
    let mut buffer = Vec::with_capacity(BUFFER_BYTES);
    let mut raw = RawDir::new(&directory, buffer.spare_capacity_mut());
    loop {
        if page.entries.len() >= PAGE_ENTRIES && raw.is_buffer_empty() {
            page.next = Some(directory);
            break;
        }
        match raw.next() {
            Some(Ok(entry)) => add(&mut page, &directory, &entry, sizes),
            Some(Err(Errno::INTR)) => {}
            // A directory that was removed while it was open (getdents(2)).
            None | Some(Err(Errno::NOENT)) => break,
            Some(Err(errno)) if page.entries.is_empty() => return Err(failed(errno.into())),
            Some(Err(errno)) => {
                page.failures.push((Vec::new(), failed(errno.into())));
                break;
            }
        }
    }
    Ok(page)
}

/// Adds an entry, unless it is gone meanwhile; `lstat(2)` answers what the directory leaves open.
fn add(page: &mut Page<OwnedFd>, directory: impl AsFd, entry: &RawDirEntry<'_>, sizes: bool) {
    let name = entry.file_name();
    if name == c"." || name == c".." {
        return;
    }
    let (mut kind, mut size) = (entry.file_type(), None);
    if kind == FileType::Unknown || (sizes && kind == FileType::RegularFile) {
        match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => {
                kind = FileType::from_raw_mode(stat.st_mode);
                size = u64::try_from(stat.st_size).ok();
            }
            Err(Errno::NOENT) => return,
            Err(errno) => page
                .failures
                .push((name.to_bytes().to_owned(), failed(errno.into()))),
        }
    }
    let kind = match kind {
        FileType::RegularFile => EntryKind::File,
        FileType::Directory => EntryKind::Directory,
        _ => EntryKind::Other,
    };
    let name = name.to_bytes().to_owned();
    page.entries.push(Entry { name, kind, size });
}

fn failed(error: io::Error) -> Error {
    Error::kernel("reading the directory", error).with_temporary(false)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[tokio::test]
    async fn directories_open_without_openat2_too() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("a/b")).unwrap();
        fs::write(dir.path().join("a/b/f"), "x").unwrap();
        symlink("a", dir.path().join("link")).unwrap();
        let kernel = LocalTree::open(dir.path(), false).unwrap();
        let device = fstat(&kernel.root.fd).unwrap().st_dev;
        let by_steps = |device| LocalTree {
            root: Arc::new(Root {
                fd: kernel.root.fd.try_clone().unwrap(),
                device,
            }),
            sizes: true,
        };
        for tree in [by_steps(None), by_steps(Some(device))] {
            let page = tree.list(b"a/b", None).await.unwrap().unwrap();
            let (name, kind) = (b"f".to_vec(), EntryKind::File);
            assert_eq!(
                page.entries,
                [Entry {
                    name,
                    kind,
                    size: Some(1)
                }]
            );
            for gone in [&b"link"[..], b"link/b", b"a/b/f", b"none"] {
                assert!(tree.list(gone, None).await.unwrap().is_none());
            }
            assert_eq!(tree.list(b"", None).await.unwrap().unwrap().entries.len(), 2);
        }
        let mount = by_steps(Some(device + 1))
            .list(b"a", None)
            .await
            .unwrap()
            .unwrap();
        assert!(mount.entries.is_empty());
    }
}
