//! The names that lists show.

use storage_domain::{FilePath, IgnoredDirectories};
use uuid::Uuid;

use super::FileKind;

/// Beginning of the names of files that are not complete yet.
const TEMPORARY_PREFIX: &str = ".pureboot-upload-";
/// Beginning of the names that an NFS client gives to files that were deleted while they were open.
const NFS_DELETED_PREFIX: &[u8] = b".nfs";

/// Returns whether a file or directory of this name is nobody's but the service's or the kernel's.
pub(crate) fn is_hidden(name: &[u8]) -> bool {
    name.starts_with(NFS_DELETED_PREFIX) || is_temporary(name)
}

/// Returns whether a file of this name is not complete yet.
pub(crate) fn is_temporary(name: &[u8]) -> bool {
    name.starts_with(TEMPORARY_PREFIX.as_bytes())
}

/// Returns the name of the file that an upload writes to.
pub(crate) fn temporary_name(upload: Uuid) -> String {
    format!("{TEMPORARY_PREFIX}{upload}")
}

/// Returns whether lists show a name: it is not hidden, and no directory that is ignored.
pub(crate) fn is_name_shown(name: &[u8], kind: FileKind, ignored: &IgnoredDirectories) -> bool {
    !is_hidden(name) && (kind == FileKind::File || !ignored.matches(name))
}

/// Returns whether lists lead to a path, if this is what is there.
pub(crate) fn is_shown(path: &FilePath, kind: FileKind, ignored: &IgnoredDirectories) -> bool {
    let above = path.parent();
    let mut above = above.iter().flat_map(FilePath::segments);
    above.all(|name| is_name_shown(name.as_bytes(), FileKind::Directory, ignored))
        && is_name_shown(path.name().as_bytes(), kind, ignored)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("/", true, true)]
    #[case("/a", true, true)]
    #[case("/lost+found", false, true)]
    #[case("/lost+found/a", false, false)]
    #[case("/.nfs0123", false, false)]
    #[case("/.nfs0123/a", false, false)]
    #[case("/a/.pureboot-upload-1", false, false)]
    fn what_is_shown(#[case] path: &str, #[case] as_directory: bool, #[case] as_file: bool) {
        let (path, ignored) = (path.parse().unwrap(), IgnoredDirectories::default());
        let found = [FileKind::Directory, FileKind::File].map(|kind| is_shown(&path, kind, &ignored));
        assert_eq!(found, [as_directory, as_file]);
    }
}
