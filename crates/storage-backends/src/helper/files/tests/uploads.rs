use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixStream;

use rstest::rstest;
use uuid::Uuid;

use super::super::protocol::{FileReply, Refusal, WriteStep};
use super::super::upload::{abandon, find, publish};
use super::super::write::OpenUpload;
use super::*;
use crate::files::{Condition, temporary_name};
use crate::helper::protocol;
use crate::mount::namespace::inside;

const ID: Uuid = Uuid::from_u128(7);

/// Writes and stores an upload as the service has it done, and returns the answers.
fn write(
    root: &Root,
    at: &str,
    resume: bool,
    steps: &[(WriteStep, &[u8])],
) -> Result<Vec<FileReply>, FileFailure> {
    let upload = OpenUpload::open(root, &path(at), ID, resume)?;
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    Ok(std::thread::scope(|scope| {
        scope.spawn(move || upload.serve(&File::from(OwnedFd::from(theirs))));
        for (step, bytes) in steps {
            ours.write_all(&protocol::encode(step).unwrap()).unwrap();
            ours.write_all(bytes).unwrap();
        }
        ours.shutdown(std::net::Shutdown::Write).unwrap();
        let lines = BufReader::new(ours).lines();
        lines
            .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
            .collect()
    }))
}

fn put(root: &Root, at: &str, bytes: &[u8], condition: &Condition) -> Result<FileEntry, FileFailure> {
    let length = bytes.len() as u64;
    let steps = [(WriteStep::Bytes(length), bytes), (WriteStep::Close, b"")];
    let replies = write(root, at, false, &steps)?;
    assert_eq!(replies, [0, length].map(|bytes| FileReply::Stored { bytes }));
    let published = publish(root, &path(at), (ID, length), condition);
    abandon(root, &path(at), ID).unwrap();
    published
}

fn mode(dir: &TempDir, name: &str) -> u32 {
    fs::metadata(dir.path().join(name)).unwrap().mode() & 0o7777
}

/// The names in a directory, hidden ones too.
fn names(dir: &TempDir, at: &str) -> Vec<String> {
    let entries = fs::read_dir(dir.path().join(at)).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_appears_with_its_mode_and_its_parents() {
    // The umask is that of the whole process.
    if !inside("helper::files::tests::uploads::a_file_appears_with_its_mode_and_its_parents") {
        return;
    }
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_retain(0o077));
    let dir = tree(&["d/"]);
    let root = root_of(&dir);
    let large = vec![7; 9 * 1024 * 1024];
    let entry = put(&root, "/d/a/b/f", &large, &Condition::None);
    assert_eq!(entry, stat(&root, &path("/d/a/b/f")));
    assert_eq!(read(&root, "/d/a/b/f", &WHOLE).unwrap(), large);
    assert_eq!((mode(&dir, "d/a/b/f"), mode(&dir, "d/a/b")), (0o644, 0o755));

    let file = dir.path().join("d/a/b/f");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o4750)).unwrap();
    let kept = File::open(&file).unwrap();
    put(&root, "/d/a/b/f", b"new", &Condition::None).unwrap();
    assert_eq!(
        mode(&dir, "d/a/b/f"),
        0o750,
        "a replaced file keeps its permissions"
    );
    assert_eq!(read(&root, "/d/a/b/f", &WHOLE).unwrap(), b"new");
    assert_eq!(
        kept.metadata().unwrap().len(),
        large.len() as u64,
        "it was not written in place"
    );
    assert_eq!(names(&dir, "d"), ["a"]);
    assert_eq!(names(&dir, "d/a/b"), ["f"]);
}

#[test]
fn the_temporary_file_is_in_the_nearest_directory_that_is_there() {
    let dir = tree(&["d/"]);
    let root = root_of(&dir);
    let steps = [(WriteStep::Bytes(3), b"abc".as_slice()), (WriteStep::Store, b"")];
    write(&root, "/d/a/b/f", false, &steps).unwrap();
    assert_eq!(names(&dir, "d"), [temporary_name(ID)]);
    assert_eq!(all(&dir, "/d").0, [""; 0]);
    fs::create_dir(dir.path().join("d/a")).unwrap();
    let found = find(&root, &path("/d/a/b/f"), ID).unwrap();
    assert_eq!(found.map(|found| found.file.stx_size), Some(3));
    assert!(find(&root, &path("/e/f"), ID).unwrap().is_none());

    // A service that was killed goes on.
    let steps = [(WriteStep::Bytes(2), b"de".as_slice()), (WriteStep::Close, b"")];
    let replies = write(&root, "/d/a/b/f", true, &steps).unwrap();
    assert_eq!(replies, [3, 5].map(|bytes| FileReply::Stored { bytes }));
    let too_short = publish(&root, &path("/d/a/b/f"), (ID, 6), &Condition::None);
    assert_eq!(too_short, Err(FileFailure::Short));
    publish(&root, &path("/d/a/b/f"), (ID, 5), &Condition::None).unwrap();
    assert_eq!(read(&root, "/d/a/b/f", &WHOLE).unwrap(), b"abcde");
    let again = publish(&root, &path("/d/a/b/f"), (ID, 5), &Condition::None);
    assert_eq!(again, Err(FileFailure::NotFound));
    assert_eq!(write(&root, "/d/a/b/f", true, &[]), Err(FileFailure::NotFound));
    assert_eq!(names(&dir, "d"), ["a"]);
    abandon(&root, &path("/d/a/b/f"), ID).unwrap();
}

#[test]
fn conditions_are_met_or_nothing_is_replaced() {
    let dir = tree(&["there"]);
    let root = root_of(&dir);
    let etag = |at| stat(&root, &path(at)).unwrap().etag.unwrap();
    let put = |at, bytes: &[u8], condition| put(&root, at, bytes, &condition);
    assert_eq!(put("/there", b"2", Condition::Absent), Err(FileFailure::Exists));
    let other = || Condition::Version("other".to_owned());
    for at in ["/there", "/none"] {
        assert_eq!(put(at, b"2", other()), Err(FileFailure::Changed));
    }
    assert_eq!(read(&root, "/there", &WHOLE).unwrap(), b"1");
    assert!(put("/there", b"2", Condition::Version(etag("/there"))).is_ok());
    assert!(put("/new", b"3", Condition::Absent).is_ok());
    assert_eq!(read(&root, "/there", &WHOLE).unwrap(), b"2");
    let new = fs::metadata(dir.path().join("new")).unwrap();
    assert_eq!((new.nlink(), new.len()), (1, 1));
    assert_eq!(names(&dir, ""), ["new", "there"]);
}

#[rstest]
#[case("/", FileFailure::NotAFile)]
#[case("/d", FileFailure::NotAFile)]
#[case("/f/a", FileFailure::NotADirectory)]
#[case("/link/a", FileFailure::Refused(Refusal::Link))]
#[case("/.snapshot/a", FileFailure::Refused(Refusal::Ignored))]
#[case("/.nfs1", FileFailure::Refused(Refusal::Hidden))]
#[case("/pipe", FileFailure::Refused(Refusal::Special))]
fn where_nothing_is_written(#[case] at: &str, #[case] expected: FileFailure) {
    let dir = tree(&["d/", "f", ".snapshot/"]);
    symlink("d", dir.path().join("link")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, dir.path().join("pipe"), 0o600.into()).unwrap();
    let root = root_of(&dir);
    assert_eq!(write(&root, at, false, &[]), Err(expected));
    assert_eq!(names(&dir, ""), [".snapshot", "d", "f", "link", "pipe"]);
    assert_eq!(names(&dir, "d"), [""; 0]);
}

/// A link is replaced itself.
#[test]
fn nothing_is_written_through_a_link() {
    let outside = tree(&["f"]);
    let dir = tree(&[]);
    symlink(outside.path().join("f"), dir.path().join("link")).unwrap();
    let root = root_of(&dir);
    put(&root, "/link", b"new", &Condition::None).unwrap();
    assert_eq!(fs::read(outside.path().join("f")).unwrap(), b"1");
    assert!(fs::symlink_metadata(dir.path().join("link")).unwrap().is_file());
}

/// A service that was killed between the two calls of a publication without replacement left both names.
#[test]
fn what_a_killed_publication_left_is_removed() {
    let dir = tree(&["f"]);
    fs::hard_link(dir.path().join("f"), dir.path().join(temporary_name(ID))).unwrap();
    abandon(&root_of(&dir), &path("/f"), ID).unwrap();
    assert_eq!(names(&dir, ""), ["f"]);
}
