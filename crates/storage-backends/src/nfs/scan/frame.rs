//! A directory whose children wait for their turn.

use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;

use super::open::{Held, Opened, Root};

/// What is to be done with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Task {
    /// It is a directory: read it.
    Read = b'd',
    /// It is a file: ask for its size.
    Size = b'f',
    /// The file system does not say what it is: ask.
    Kind = b'?',
}

/// Names that wait, packed: each a task's byte, the name, and a NUL.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<u8>);

impl Names {
    pub(super) fn push(&mut self, task: Task, name: &CStr) {
        self.0.push(task as u8);
        self.0.extend_from_slice(name.to_bytes_with_nul());
    }

    /// Takes the last name out, into `name`.
    pub(super) fn pop(&mut self, name: &mut Vec<u8>) -> Option<Task> {
        let end = self.0.len().checked_sub(1)?;
        let begin = self.0[..end]
            .iter()
            .rposition(|&b| b == 0)
            .map_or(0, |nul| nul + 1);
        let task = match self.0[begin] {
            b'd' => Task::Read,
            b'f' => Task::Size,
            _ => Task::Kind,
        };
        name.clear();
        name.extend_from_slice(&self.0[begin + 1..]);
        self.0.truncate(begin);
        Some(task)
    }

    /// Takes about half of the names away; none where there are fewer than two.
    pub(super) fn split(&mut self) -> Option<Self> {
        let middle = self.0.len() / 2;
        let after = self.0[middle..].iter().position(|&b| b == 0)? + middle + 1;
        let at = if after < self.0.len() {
            after
        } else {
            self.0[..middle].iter().rposition(|&b| b == 0)? + 1
        };
        let tail = self.0.split_off(at);
        Some(Self(std::mem::replace(&mut self.0, tail)))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How much memory they take, in bytes.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// How much of a path is told, in bytes: it goes over the worker's pipe, into the log and into an answer.
const MAX_TOLD_BYTES: usize = 1024;

/// How a directory is reached from the root.
#[derive(Debug)]
pub(super) struct Place {
    parent: Option<Arc<Place>>,
    name: CString,
    depth: u32,
}

impl Place {
    pub(super) fn new(parent: Option<&Arc<Self>>, name: &CStr) -> Arc<Self> {
        Arc::new(Self {
            parent: parent.map(Arc::clone),
            name: name.to_owned(),
            depth: Self::depth(parent) + 1,
        })
    }

    /// How many levels it lies below the root.
    pub(super) fn depth(place: Option<&Arc<Self>>) -> u32 {
        place.map_or(0, |place| place.depth)
    }

    /// The names from the root downwards.
    fn names(place: Option<&Arc<Self>>) -> Vec<&CStr> {
        let steps = std::iter::successors(place, |p| p.parent.as_ref());
        let mut names: Vec<_> = steps.map(|p| p.name.as_c_str()).collect();
        names.reverse();
        names
    }

    /// The path of `name` in this place, for a person to read: no more than its beginning where it is long.
    pub(super) fn path(place: Option<&Arc<Self>>, name: Option<&CStr>) -> String {
        let mut path = String::new();
        for name in Self::names(place).into_iter().chain(name) {
            if !path.is_empty() {
                path.push('/');
            }
            let printable = |c: char| {
                if c.is_control() {
                    char::REPLACEMENT_CHARACTER
                } else {
                    c
                }
            };
            path.extend(name.to_string_lossy().chars().map(printable));
            if path.len() > MAX_TOLD_BYTES {
                path.truncate(path.floor_char_boundary(MAX_TOLD_BYTES));
                path.push('…');
                return path;
            }
        }
        if path.is_empty() {
            path.push('.');
        }
        path
    }
}

/// A tree may be deeper than the stack: parents are let go one after the other.
impl Drop for Place {
    fn drop(&mut self) {
        let mut parent = self.parent.take();
        while let Some(mut last) = parent.and_then(Arc::into_inner) {
            parent = last.parent.take();
        }
    }
}

/// A directory with children that wait, and perhaps more that are not read yet.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    /// `None` is the root.
    pub(super) place: Option<Arc<Place>>,
    held: Option<Arc<Held<'a>>>,
    pub(super) names: Names,
    /// Whether the directory has to be read on when the names are done.
    pub(super) more: bool,
    /// Where to read on, for a directory that is not held open.
    offset: Option<u64>,
}

impl<'a> Frame<'a> {
    pub(super) fn new(
        place: Option<Arc<Place>>,
        fd: OwnedFd,
        root: &'a Root,
        names: Names,
        more: bool,
    ) -> Self {
        Self {
            place,
            held: Some(Arc::new(Held::new(fd, root))),
            names,
            more,
            offset: None,
        }
    }

    /// The open directory; it is opened again from the root where it was let go.
    pub(super) fn held(&mut self, root: &'a Root) -> Result<Arc<Held<'a>>, Errno> {
        if let Some(held) = &self.held {
            return Ok(Arc::clone(held));
        }
        let mut fd = rustix::io::fcntl_dupfd_cloexec(&root.fd, 0)?;
        for name in Place::names(self.place.as_ref()) {
            fd = match root.open(&fd, name) {
                Opened::Directory(fd) => fd,
                Opened::Failed(errno) => return Err(errno),
                Opened::Elsewhere | Opened::Gone => return Err(Errno::NOENT),
            };
        }
        if let Some(offset) = self.offset.take() {
            seek(&fd, SeekFrom::Start(offset))?;
        }
        let held = Arc::new(Held::new(fd, root));
        self.held = Some(Arc::clone(&held));
        Ok(held)
    }

    /// Closes the directory, to be opened again when it is needed. The root stays open.
    pub(super) fn let_go(&mut self) {
        if self.place.is_none() {
            return;
        }
        let Some(held) = self.held.take().filter(|_| self.more) else {
            return;
        };
        match seek(&held.fd, SeekFrom::Current(0)) {
            Ok(offset) => self.offset = Some(offset),
            Err(_) => self.held = Some(held),
        }
    }

    /// Gives about half of the waiting names away.
    pub(super) fn split(&mut self) -> Option<Self> {
        Some(Self {
            names: self.names.split()?,
            place: self.place.clone(),
            held: self.held.clone(),
            more: false,
            offset: None,
        })
    }
}
