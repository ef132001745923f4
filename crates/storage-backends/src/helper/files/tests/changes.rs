use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use rstest::rstest;

use super::super::change::{make_directory, rename};
use super::super::protocol::Refusal;
use super::*;
use crate::mount::namespace::inside;

fn refused(refusal: Refusal) -> FileFailure {
    FileFailure::Refused(refusal)
}

#[test]
fn directories_are_made_with_their_parents_whatever_the_umask_is() {
    // It is that of the whole process.
    let test = "helper::files::tests::changes::directories_are_made_with_their_parents_whatever_the_umask_is";
    if !inside(test) {
        return;
    }
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_retain(0o077));
    let dir = tree(&["there/", "there/f"]);
    let root = root_of(&dir);
    fs::set_permissions(dir.path().join("there"), fs::Permissions::from_mode(0o2700)).unwrap();
    let made = make_directory(&root, &path("/there/a/b"));
    assert_eq!(
        made.map(|made| (made.name, made.kind)),
        Ok(("b".to_owned(), FileKind::Directory))
    );
    for (name, mode) in [("there", 0o700), ("there/a", 0o755), ("there/a/b", 0o755)] {
        let found = fs::metadata(dir.path().join(name)).unwrap();
        assert_eq!(found.mode() & 0o777, mode, "{name}");
    }
}

#[rstest]
#[case("/", FileFailure::Exists)]
#[case("/d", FileFailure::Exists)]
#[case("/f", FileFailure::Exists)]
#[case("/dangling", FileFailure::Exists)]
#[case("/f/a", FileFailure::NotADirectory)]
#[case("/f/a/b", FileFailure::NotADirectory)]
#[case("/link/a", refused(Refusal::Link))]
#[case("/out/a", refused(Refusal::Link))]
#[case("/.snapshot", refused(Refusal::Ignored))]
#[case("/.SNAPSHOT/a", refused(Refusal::Ignored))]
#[case("/.nfs1", refused(Refusal::Hidden))]
#[case("/.pureboot-upload-1/a", refused(Refusal::Hidden))]
fn where_no_directory_is_made(#[case] at: &str, #[case] expected: FileFailure) {
    let outside = tree(&[]);
    let dir = tree(&["d/", "f"]);
    symlink("d", dir.path().join("link")).unwrap();
    symlink("none", dir.path().join("dangling")).unwrap();
    symlink(outside.path(), dir.path().join("out")).unwrap();
    assert_eq!(make_directory(&root_of(&dir), &path(at)), Err(expected));
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 5);
}

#[test]
fn files_directories_and_links_get_another_path() {
    let dir = tree(&["a/b/", "a/b/f", "g", "to/"]);
    symlink("/etc/passwd", dir.path().join("link")).unwrap();
    let root = root_of(&dir);
    for (from, to) in [
        ("/g", "/to/g"),
        ("/a/b", "/to/b"),
        ("/link", "/to/link"),
        ("/to/g", "/to/h"),
    ] {
        assert_eq!(rename(&root, &path(from), &path(to)), Ok(()), "{from}");
    }
    assert_eq!(all(&dir, "/to"), (["b/", "h"].map(str::to_owned).to_vec(), 1));
    assert_eq!(read(&root, "/to/b/f", &WHOLE).unwrap(), b"1");
    assert_eq!(
        fs::read_link(dir.path().join("to/link")).unwrap().to_str(),
        Some("/etc/passwd")
    );
    assert_eq!(fs::metadata(dir.path().join("to/h")).unwrap().nlink(), 1);
    assert_eq!(all(&dir, "/").0, ["a/", "to/"]);
}

#[rstest]
#[case("/none", "/new", FileFailure::NotFound)]
#[case("/f/none", "/new", FileFailure::NotFound)]
#[case("/.nfs1", "/new", FileFailure::NotFound)]
#[case("/", "/new", refused(Refusal::Root))]
#[case("/.snapshot", "/new", refused(Refusal::Ignored))]
#[case("/link/f", "/new", refused(Refusal::Link))]
#[case("/f", "/d/f", FileFailure::Exists)]
#[case("/f", "/d", FileFailure::Exists)]
#[case("/f", "/f", FileFailure::Exists)]
#[case("/f", "/hard", FileFailure::Exists)]
#[case("/d", "/empty", FileFailure::Exists)]
#[case("/d", "/d", FileFailure::Exists)]
#[case("/f", "/", FileFailure::Exists)]
#[case("/f", "/none/f", FileFailure::NotADirectory)]
#[case("/d", "/f/d", FileFailure::NotADirectory)]
#[case("/f", "/link/g", refused(Refusal::Link))]
#[case("/f", "/.nfs2", refused(Refusal::Hidden))]
#[case("/d", "/empty/.Snapshot", refused(Refusal::Ignored))]
#[case("/d", "/d/sub/d", refused(Refusal::IntoItself))]
fn what_keeps_its_path(#[case] from: &str, #[case] to: &str, #[case] expected: FileFailure) {
    let names = ["d/", "d/f", "d/sub/", "empty/", "f", ".snapshot/", ".nfs1"];
    let dir = tree(&names);
    symlink("d", dir.path().join("link")).unwrap();
    fs::hard_link(dir.path().join("f"), dir.path().join("hard")).unwrap();
    assert_eq!(rename(&root_of(&dir), &path(from), &path(to)), Err(expected));
    assert!(names.iter().all(|name| dir.path().join(name).exists()));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 7);
}

#[test]
fn a_link_does_not_lead_into_a_directory_that_is_ignored() {
    let dir = tree(&[
        ".snapshot/",
        ".snapshot/f",
        ".snapshot/sub/",
        ".snapshot/sub/f",
        "d/",
    ]);
    symlink(".snapshot", dir.path().join("whole")).unwrap();
    symlink("../.snapshot/sub", dir.path().join("d/part")).unwrap();
    let root = root_of(&dir);
    assert_eq!(all(&dir, "/"), (["d/".to_owned()].to_vec(), 1));
    assert_eq!(all(&dir, "/d"), (Vec::new(), 1));
    for gone in ["/whole", "/whole/f", "/d/part", "/d/part/f"] {
        assert_eq!(stat(&root, &path(gone)), Err(FileFailure::NotFound), "{gone}");
        assert_eq!(read(&root, gone, &WHOLE), Err(FileFailure::NotFound), "{gone}");
    }
}
