//! Files as the API shows them, and the queries for them.

use serde::Serialize;
use storage_backends::{FileEntry, FileKind, PageRequest, Position};
use storage_domain::{ByteCount, FileHash, FilePath, Invalid, Rule};

use super::query::Params;
use super::timestamp;
use crate::error::ApiError;
use crate::problem::{Code, Problem};
use crate::service::ListedFiles;

/// Entries in a page, unless the client asks for fewer.
pub(crate) const MAX_FILES: u64 = 1000;

/// Years that RFC 3339 can write.
const WRITABLE_YEARS: std::ops::RangeInclusive<i32> = 0..=9999;

/// A file or a directory.
#[derive(Debug, Serialize)]
pub(crate) struct FileDto {
    name: String,
    path: String,
    #[serde(rename = "type")]
    kind: &'static str,
    size: Option<ByteCount>,
    mime_type: String,
    modified_at: Option<String>,
    etag: Option<String>,
    sha256: Option<String>,
}

impl FileDto {
    pub(crate) fn new(path: &FilePath, entry: FileEntry) -> Self {
        Self {
            mime_type: mime_type(&entry),
            kind: match entry.kind {
                FileKind::Directory => "directory",
                FileKind::File => "file",
            },
            etag: entry.etag.map(|tag| format!("\"{tag}\"")),
            path: path.as_str().to_owned(),
            name: entry.name,
            size: entry.size,
            modified_at: entry
                .modified_at
                .filter(|at| WRITABLE_YEARS.contains(&at.year()))
                .map(timestamp),
            sha256: None,
        }
    }

    /// With the hash of the content, if it is known.
    pub(crate) fn with_hash(mut self, hash: Option<FileHash>) -> Self {
        self.sha256 = hash.map(|hash| hash.to_string());
        self
    }
}

/// Returns the media type, by the name.
pub(crate) fn mime_type(entry: &FileEntry) -> String {
    if entry.kind == FileKind::Directory {
        return "inode/directory".to_owned();
    }
    if let Some(known) = firmware_type(&extension(&entry.name)) {
        return known.to_owned();
    }
    let guess = mime_guess::from_path(&entry.name);
    guess.first_or_octet_stream().to_string()
}

/// Returns the media type that machines which boot expect, without parameters: they compare it byte for byte.
pub(crate) fn boot_media_type(name: &str) -> &'static str {
    match extension(name).as_str() {
        "ipxe" | "cfg" => "text/plain",
        other => firmware_type(other).unwrap_or("application/octet-stream"),
    }
}

/// Returns the media type that says to UEFI HTTP Boot whether it is an application or an image.
fn firmware_type(extension: &str) -> Option<&'static str> {
    match extension {
        "iso" => Some("application/vnd.efi-iso"),
        "img" => Some("application/vnd.efi-img"),
        "efi" => Some("application/efi"),
        _ => None,
    }
}

fn extension(name: &str) -> String {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    extension.unwrap_or_default().to_ascii_lowercase()
}

/// The envelope of a page of a directory.
#[derive(Debug, Serialize)]
pub(crate) struct FileListDto {
    success: bool,
    data: Vec<FileDto>,
    /// Number of all entries, if they are in this page.
    total: Option<usize>,
    path: String,
    cursor: Option<String>,
    sorted: bool,
    skipped: u64,
    capabilities: CapabilitiesDto,
}

/// What can be done with the files of a backend.
#[derive(Debug, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "so it is on the wire")]
struct CapabilitiesDto {
    write: bool,
    rename: bool,
    ranges: bool,
    conditional: bool,
}

impl FileListDto {
    /// Shows a page; `is_first` says that no page was before it.
    pub(crate) fn new(directory: &FilePath, listed: ListedFiles, is_first: bool) -> Self {
        let page = listed.page;
        let show = |(entry, hash): (FileEntry, Option<FileHash>)| {
            let path = directory.join(&entry.name).ok()?;
            Some(FileDto::new(&path, entry).with_hash(hash))
        };
        let before = page.entries.len();
        let entries = page.entries.into_iter().zip(listed.hashes);
        let data: Vec<_> = entries.filter_map(show).collect();
        Self {
            success: true,
            total: Some(data.len()).filter(|_| is_first && page.next.is_none()),
            skipped: page.skipped + u64::try_from(before - data.len()).unwrap_or(u64::MAX),
            data,
            path: directory.as_str().to_owned(),
            cursor: page.next.map(|next| next.to_string()),
            sorted: page.sorted,
            capabilities: CapabilitiesDto {
                write: listed.capabilities.write,
                rename: listed.capabilities.rename,
                ranges: listed.capabilities.ranges,
                conditional: listed.capabilities.conditional,
            },
        }
    }
}

/// Reads which page of which directory is wanted.
pub(crate) fn page_of_files(query: &str) -> Result<(FilePath, PageRequest), ApiError> {
    let mut params = Params::new(query);
    let directory = params.parsed("path").unwrap_or_else(FilePath::root);
    let limit = params.number("limit", 1, MAX_FILES).unwrap_or(MAX_FILES);
    let cursor = params.parsed("cursor");
    params.finish()?;
    let page = PageRequest {
        after: cursor.map(|Cursor(position)| position),
        limit: usize::try_from(limit).unwrap_or(usize::MAX),
    };
    Ok((directory, page))
}

/// Reads which file is meant.
pub(crate) fn file_path(query: &str) -> Result<FilePath, ApiError> {
    let mut params = Params::new(query);
    let path = params.required("path");
    params.finish()?;
    // Without it there is a problem.
    path.ok_or_else(|| ApiError::new(Code::InvalidQuery, "path is required"))
}

/// The error of a cursor whose directory is another one by now.
pub(crate) fn stale_cursor() -> ApiError {
    let rule = Rule::new("belongs to an earlier state of the directory; list it again from its beginning");
    Problem::of_input(Code::InvalidQuery, vec![Invalid::at("", "cursor", &rule)]).into()
}

struct Cursor(Position);

impl std::str::FromStr for Cursor {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        let position = text.parse::<Position>();
        position.map(Self).map_err(|error| Rule::new(error.to_string()))
    }
}
