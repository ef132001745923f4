//! A file system that exists only as an answer to questions: a tree of any size in which every operation takes as long
//! as wanted. It is served through `/dev/fuse` by threads of this process, without any library, and needs root.
//!
//! The protocol is that of the kernel's `include/uapi/linux/fuse.h`, version 7.31.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use nix::mount::{MntFlags, MsFlags, mount, umount2};

const ROOT: u64 = 1;
/// Where the numbers of files begin.
const FILES: u64 = 1 << 40;
const ENOENT: i32 = 2;
const EIO: i32 = 5;
const ENOSYS: i32 = 38;
/// How long the kernel may keep what it was told, in seconds.
const VALID: u64 = 3600;

/// A root with `outer` directories, each with `inner` directories, each with `files` files.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tree {
    pub(crate) outer: u64,
    pub(crate) inner: u64,
    pub(crate) files: u64,
    /// How long each operation takes.
    pub(crate) delay: Duration,
    /// Whether directory entries tell what they are.
    pub(crate) typed: bool,
    /// Every so many inner directories one can't be read; 0 is none.
    pub(crate) broken_every: u64,
}

/// What a number stands for.
enum Node {
    Root,
    Outer(u64),
    Inner(u64),
    File,
}

impl Tree {
    pub(crate) fn total_files(&self) -> u64 {
        self.outer * self.inner * self.files
    }

    pub(crate) fn total_directories(&self) -> u64 {
        1 + self.outer + self.outer * self.inner
    }

    fn node(&self, id: u64) -> Node {
        match id {
            ROOT => Node::Root,
            FILES.. => Node::File,
            id if id < 2 + self.outer => Node::Outer(id - 2),
            id => Node::Inner(id - 2 - self.outer),
        }
    }

    /// The number of the `index`th child, and whether it is a directory.
    fn child(&self, id: u64, index: u64) -> Option<(u64, bool)> {
        match self.node(id) {
            Node::Root => (index < self.outer).then_some((2 + index, true)),
            Node::Outer(o) => (index < self.inner).then_some((2 + self.outer + o * self.inner + index, true)),
            Node::Inner(i) => (index < self.files).then_some((FILES + i * self.files + index, false)),
            Node::File => None,
        }
    }

    fn is_broken(&self, id: u64) -> bool {
        matches!(self.node(id), Node::Inner(i) if self.broken_every > 0 && i % self.broken_every == 0)
    }
}

/// A mounted tree; dropping it takes it away.
pub(crate) struct Mounted {
    at: PathBuf,
    operations: Arc<AtomicU64>,
}

impl Mounted {
    /// Mounts a tree on `at`, served by `threads` threads.
    pub(crate) fn new(tree: Tree, at: &Path, threads: usize) -> io::Result<Self> {
        let device = OpenOptions::new().read(true).write(true).open("/dev/fuse")?;
        let options = format!(
            "fd={},rootmode=40000,user_id=0,group_id=0,allow_other",
            device.as_raw_fd()
        );
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_RDONLY;
        #[expect(clippy::disallowed_methods, reason = "what is measured is mounted here")]
        mount(Some("tree"), at, Some("fuse.tree"), flags, Some(options.as_str()))?;
        let (device, operations) = (Arc::new(device), Arc::new(AtomicU64::new(0)));
        for _ in 0..threads {
            let (device, operations) = (Arc::clone(&device), Arc::clone(&operations));
            thread::spawn(move || serve(&tree, &device, &operations));
        }
        Ok(Self {
            at: at.to_owned(),
            operations,
        })
    }

    /// How many operations were answered.
    pub(crate) fn operations(&self) -> u64 {
        self.operations.load(Ordering::Relaxed)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        #[expect(clippy::disallowed_methods, reason = "what was mounted above is taken away")]
        let _gone_already = umount2(&self.at, MntFlags::MNT_DETACH);
    }
}

fn serve(tree: &Tree, mut device: &File, operations: &AtomicU64) {
    let mut request = vec![0; 256 * 1024];
    // The read fails when the tree is unmounted.
    while let Ok(n) = device.read(&mut request) {
        let (opcode, unique) = (u32_at(&request, 4), u64_at(&request, 8));
        // FORGET, INTERRUPT and BATCH_FORGET want no answer.
        if matches!(opcode, 2 | 36 | 42) {
            continue;
        }
        let (error, body) = match answer(tree, opcode, u64_at(&request, 16), &request[40..n]) {
            Ok(body) => (0, body),
            Err(errno) => (-errno, Vec::new()),
        };
        if opcode != 26 {
            operations.fetch_add(1, Ordering::Relaxed);
            thread::sleep(tree.delay);
        }
        let mut reply = Vec::with_capacity(16 + body.len());
        reply.extend(u32::try_from(16 + body.len()).unwrap_or(0).to_le_bytes());
        reply.extend(error.to_le_bytes());
        reply.extend(unique.to_le_bytes());
        reply.extend(body);
        // An operation that was interrupted meanwhile wants no answer any more.
        let _ = device.write(&reply);
    }
}

fn answer(tree: &Tree, opcode: u32, id: u64, body: &[u8]) -> Result<Vec<u8>, i32> {
    match opcode {
        26 => Ok(init()),
        1 => lookup(tree, id, body),
        3 => Ok([words(&[VALID, 0]), attributes(tree, id)].concat()),
        27 if tree.is_broken(id) => Err(EIO),
        // The kernel may keep what it read, as it does of an NFS server.
        27 => Ok(words(&[0, 0])),
        28 => Ok(entries(tree, id, u64_at(body, 8), u32_at(body, 16) as usize)),
        29 | 38 => Ok(Vec::new()),
        17 => Ok(vec![0; 80]),
        _ => Err(ENOSYS),
    }
}

fn init() -> Vec<u8> {
    // PARALLEL_DIROPS: look-ups in one directory need not wait for each other.
    let flags: u32 = 1 << 18;
    let mut out = Vec::new();
    for word in [7, 31, 128 * 1024, flags, 64 | 48 << 16, 128 * 1024, 1, 0] {
        out.extend(word.to_le_bytes());
    }
    out.resize(64, 0);
    out
}

fn lookup(tree: &Tree, parent: u64, name: &[u8]) -> Result<Vec<u8>, i32> {
    let text = std::str::from_utf8(&name[1..name.len() - 1]).map_err(|_| ENOENT)?;
    let index = text.trim_end_matches(".iso").parse().map_err(|_| ENOENT)?;
    let (id, _) = tree.child(parent, index).ok_or(ENOENT)?;
    Ok([words(&[id, 0, VALID, VALID, 0]), attributes(tree, id)].concat())
}

fn attributes(tree: &Tree, id: u64) -> Vec<u8> {
    let (mode, links) = match tree.node(id) {
        Node::File => (0o100_644, 1),
        Node::Root => (0o040_755, 2 + tree.outer),
        Node::Outer(_) => (0o040_755, 2 + tree.inner),
        Node::Inner(_) => (0o040_755, 2_u64),
    };
    let mut out = words(&[id, 1, 1, 0, 0, 0]);
    for word in [0, 0, 0, mode, u32::try_from(links).unwrap_or(2), 0, 0, 0, 4096, 0] {
        out.extend(word.to_le_bytes());
    }
    out
}

fn entries(tree: &Tree, id: u64, offset: u64, size: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for index in offset.. {
        let Some((child, is_directory)) = tree.child(id, index) else {
            break;
        };
        let name = if is_directory {
            format!("d{index:07}")
        } else {
            format!("f{index:07}.iso")
        };
        let padded = name.len().next_multiple_of(8);
        if out.len() + 24 + padded > size {
            break;
        }
        let kind: u64 = if is_directory { 4 } else { 8 };
        let kind = if tree.typed { kind } else { 0 };
        out.extend(words(&[child, index + 1, name.len() as u64 | kind << 32]));
        out.extend(name.as_bytes());
        out.resize(out.len() + padded - name.len(), 0);
    }
    out
}

fn words(all: &[u64]) -> Vec<u8> {
    all.iter().flat_map(|w| w.to_le_bytes()).collect()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap_or_default())
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap_or_default())
}
