//! The directory of the cache: a file of bytes and one of metadata for each file that is kept.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{Mode, OFlags, fstatfs, fstatvfs, open};
use serde::{Deserialize, Serialize};
use storage_backends::FileEntry;
use storage_domain::{BackendId, ByteCount, FilePath};
use time::OffsetDateTime;
use uuid::Uuid;

/// Is there while a service runs, and after it did not end cleanly.
const MARKER: &str = "running";
/// The endings of files: metadata, the same while they are written, and bytes.
const META: &str = "json";
const NEW: &str = "tmp";
const DATA: &str = "data";
/// The longest metadata.
const MAX_META_BYTES: u64 = 64 * 1024;
/// Only the owner reads and writes.
const MODE: Mode = Mode::RUSR.union(Mode::WUSR);

/// Why the directory of the cache can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// It is on another host.
    #[error(
        "boot_cache: {directory} lies on {kind}, which may be away when machines boot; set a directory on a local disk with --boot-cache"
    )]
    Remote {
        /// The directory.
        directory: PathBuf,
        /// The kind of file system.
        kind: &'static str,
    },
    /// The system refuses.
    #[error("boot_cache: {directory} can't be used; set another directory with --boot-cache")]
    Unusable {
        /// The directory.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What is known of a file that is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Meta {
    pub(super) backend: BackendId,
    /// The backend's name when the file came.
    pub(super) name: String,
    /// Stands for the backend's config when the file came.
    pub(super) config: String,
    pub(super) path: String,
    pub(super) entry: FileEntry,
    pub(super) sha256: String,
    #[serde(with = "time::serde::timestamp")]
    pub(super) filled_at: OffsetDateTime,
}

impl Meta {
    /// Returns which file of which backend it is.
    pub(super) fn key(&self) -> Option<(BackendId, FilePath)> {
        Some((self.backend, self.path.parse().ok()?))
    }

    pub(super) fn size(&self) -> u64 {
        self.entry.size.map_or(0, ByteCount::get)
    }
}

/// The directory.
#[derive(Debug)]
pub(super) struct Disk {
    path: PathBuf,
    directory: File,
    /// Whether the service that used it last did not end cleanly.
    pub(super) was_cut: bool,
}

impl Disk {
    /// Opens the directory, which is there.
    pub(super) fn open(path: &Path) -> Result<Self, CacheError> {
        let unusable = |source: io::Error| CacheError::Unusable {
            directory: path.to_owned(),
            source,
        };
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = open(path, flags, Mode::empty()).map_err(|error| unusable(error.into()))?;
        let system = fstatfs(&directory).map_err(|error| unusable(error.into()))?;
        let remote = match system.f_type {
            0x6969 => Some("NFS"),
            0x517b | 0xfe53_4d42 | 0xff53_4d42 => Some("SMB"),
            0x6573_5546 => Some("FUSE"),
            0x00c3_6400 => Some("Ceph"),
            _ => None,
        };
        if let Some(kind) = remote {
            let directory = path.to_owned();
            return Err(CacheError::Remote { directory, kind });
        }
        let marker = create(&path.join(MARKER)).and_then(|marker| marker.sync_all());
        let was_cut = match marker {
            Ok(()) => false,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => true,
            Err(error) => return Err(unusable(error)),
        };
        let disk = Self {
            path: path.to_owned(),
            directory: directory.into(),
            was_cut,
        };
        disk.sync().map_err(unusable)?;
        Ok(disk)
    }

    /// Returns what is kept, each with the time of its last use, and removes leftovers.
    pub(super) fn load(&self) -> io::Result<Vec<(Uuid, Meta, SystemTime)>> {
        let mut names = HashSet::new();
        for entry in fs::read_dir(&self.path)? {
            names.extend(own_name(&entry?.file_name().to_string_lossy()));
        }
        let mut found = Vec::new();
        for name in names {
            match self.examine(name) {
                Some((meta, used)) => found.push((name, meta, used)),
                None => self.remove(name),
            }
        }
        Ok(found)
    }

    /// Returns the metadata of a file that is all there.
    fn examine(&self, name: Uuid) -> Option<(Meta, SystemTime)> {
        let mut text = String::new();
        let meta = open_read(&self.at(name, META)).ok()?;
        let used = meta.metadata().ok()?.modified().ok()?;
        meta.take(MAX_META_BYTES).read_to_string(&mut text).ok()?;
        let meta: Meta = serde_json::from_str(&text).ok()?;
        self.read(name, meta.size()).ok()?;
        Some((meta, used))
    }

    /// Makes a file for bytes.
    pub(super) fn create(&self, name: Uuid) -> io::Result<File> {
        create(&self.at(name, DATA))
    }

    /// Opens the bytes of a file that is kept.
    ///
    /// # Errors
    /// Those of the system, and [`ErrorKind::InvalidData`] if it has not this size.
    pub(super) fn read(&self, name: Uuid, size: u64) -> io::Result<File> {
        let file = open_read(&self.at(name, DATA))?;
        let found = file.metadata()?;
        if found.is_file() && found.len() == size {
            Ok(file)
        } else {
            Err(ErrorKind::InvalidData.into())
        }
    }

    /// Writes the metadata of a file whose bytes the disk has; they count after [`Disk::commit`].
    pub(super) fn prepare(&self, name: Uuid, meta: &Meta) -> io::Result<()> {
        let mut file = create(&self.at(name, NEW))?;
        file.write_all(&serde_json::to_vec(meta)?)?;
        file.sync_all()
    }

    /// Makes a file count, once the directory is on disk too.
    pub(super) fn commit(&self, name: Uuid) -> io::Result<()> {
        fs::rename(self.at(name, NEW), self.at(name, META))
    }

    /// Has the disk keep what was made and removed.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.directory.sync_all()
    }

    /// Notes a use.
    pub(super) fn touch(&self, name: Uuid) {
        let touched = open_read(&self.at(name, META)).and_then(|meta| meta.set_modified(SystemTime::now()));
        if let Err(error) = touched {
            tracing::debug!(%error, "the use of a cached boot file could not be noted");
        }
    }

    /// Removes a file, its metadata first.
    pub(super) fn remove(&self, name: Uuid) {
        for ending in [META, NEW, DATA] {
            if let Err(error) = fs::remove_file(self.at(name, ending))
                && error.kind() != ErrorKind::NotFound
            {
                tracing::warn!(%error, "a cached boot file could not be removed");
            }
        }
    }

    /// Returns how many bytes are free, and how many there are.
    pub(super) fn space(&self) -> io::Result<(u64, u64)> {
        let found = fstatvfs(&self.directory)?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        Ok((bytes(found.f_bavail), bytes(found.f_blocks)))
    }

    /// Notes a clean end.
    pub(super) fn end(&self) {
        let ended = fs::remove_file(self.path.join(MARKER)).and_then(|()| self.sync());
        if let Err(error) = ended {
            tracing::warn!(%error, "the cache of boot files could not be closed: the next start checks all of it");
        }
    }

    fn at(&self, name: Uuid, ending: &str) -> PathBuf {
        self.path.join(format!("{name}.{ending}"))
    }
}

/// Reads the name of a file that the cache may have made.
fn own_name(text: &str) -> Option<Uuid> {
    let (name, ending) = text.split_once('.')?;
    let id = Uuid::try_parse(name).ok()?;
    ([META, NEW, DATA].contains(&ending) && id.to_string() == name).then_some(id)
}

fn create(path: &Path) -> io::Result<File> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(open(path, flags, MODE)?.into())
}

/// Opens what is there without waiting, as a pipe would make it.
fn open_read(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(open(path, flags, Mode::empty())?.into())
}
