use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use rstest::rstest;

use super::*;
use crate::files::Position;

#[rstest]
#[case::pages_of_one(1)]
#[case::pages_of_two(2)]
#[case::one_page(1000)]
fn directories_come_first_and_each_entry_once(#[case] limit: usize) {
    let dir = tree(&[
        "b",
        "B",
        "z/",
        "ä/",
        "a",
        "\u{1}\n\"\\",
        ".snapshot/",
        ".nfs0001",
        ".pureboot-upload-1",
        "d/",
    ]);
    symlink("d", dir.path().join("link")).unwrap();
    let root = root_of(&dir);
    for kept in [&Kept::default(), &Kept::default()] {
        let (names, skipped) = list(&root, kept, "/", limit, 1000);
        assert_eq!(names, ["d/", "link/", "z/", "ä/", "\u{1}\n\"\\", "B", "a", "b"]);
        assert_eq!(skipped, 0);
    }
}

#[test]
fn every_byte_may_be_in_a_name() {
    let dir = tree(&[]);
    let mut expected = Vec::new();
    for byte in (1..=255_u8).filter(|byte| *byte != b'/') {
        let name = [b'n', byte];
        fs::write(dir.path().join(OsStr::from_bytes(&name)), "1").unwrap();
        expected.extend(std::str::from_utf8(&name).map(str::to_owned));
    }
    expected.sort();
    let root = root_of(&dir);
    for (limit, max_sorted) in [(1000, 1000), (7, 1000), (7, 10)] {
        let (mut names, skipped) = list(&root, &Kept::default(), "/", limit, max_sorted);
        names.sort();
        assert_eq!((&names, skipped), (&expected, 128));
    }
    for name in expected {
        let at = format!("/{name}");
        assert_eq!(stat(&root, &path(&at)).unwrap().name, name);
        assert_eq!(read(&root, &at, &WHOLE), Ok(b"1".to_vec()));
    }
}

#[test]
fn what_is_not_a_file_is_skipped_and_hidden_names_do_not_exist() {
    let dir = tree(&[
        ".snapshot/",
        ".snapshot/f",
        "a/",
        "a/.nfs1",
        "a/.pureboot-upload-1",
        "f",
        "sub/",
        "sub/.SnapShot",
    ]);
    nix::unistd::mkfifo(&dir.path().join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
    symlink("fifo", dir.path().join("to-fifo")).unwrap();
    assert_eq!(
        all(&dir, "/"),
        (["a/", "sub/", "f"].map(str::to_owned).to_vec(), 3)
    );
    assert_eq!(
        all(&dir, "/sub").0,
        [".SnapShot"],
        "a file of such a name is shown"
    );
    let root = root_of(&dir);
    for gone in [
        "/fifo",
        "/to-fifo",
        "/socket",
        "/.snapshot",
        "/.snapshot/f",
        "/a/.nfs1",
        "/a/.pureboot-upload-1",
    ] {
        assert_eq!(stat(&root, &path(gone)), Err(FileFailure::NotFound), "{gone}");
        let read = read(&root, gone, &WHOLE).unwrap_err();
        let is_socket = matches!(read, FileFailure::Kernel { .. }) && gone == "/socket";
        assert!(is_socket || read == FileFailure::NotFound, "{gone}: {read:?}");
    }
    let page = |at| listing(&root, &Kept::default(), &path(at), 10, 10).page(None);
    assert_eq!(page("/.snapshot"), Err(FileFailure::NotFound));
    assert_eq!(page("/f"), Err(FileFailure::NotADirectory));
    for gone in ["/f/x", "/none", "/none/x"] {
        assert_eq!(page(gone), Err(FileFailure::NotFound), "{gone}");
        assert_eq!(stat(&root, &path(gone)), Err(FileFailure::NotFound), "{gone}");
    }
    assert_eq!(read(&root, "/a", &WHOLE), Err(FileFailure::NotAFile));
}

#[test]
fn a_long_directory_comes_unsorted_and_complete() {
    let names: Vec<_> = (0..2500)
        .map(|n| format!("a-name-that-is-not-short-{n:05}"))
        .collect();
    let mut made: Vec<_> = names.iter().map(String::as_str).collect();
    made.push("a-dir/");
    let dir = tree(&made);
    let root = root_of(&dir);
    made.sort_unstable();
    for limit in [1000, 300, 4000] {
        let (mut listed, skipped) = list(&root, &Kept::default(), "/", limit, 2000);
        listed.sort_unstable();
        assert!(
            listed == made && skipped == 0,
            "pages of {limit}: {}",
            listed.len()
        );
    }
    let at = path("/");
    let page = |kept: &Kept, after: Option<&Position>| listing(&root, kept, &at, 2000, 100).page(after);
    let kept = Kept::default();
    let first = page(&kept, None).unwrap();
    assert!(!first.sorted);
    let by_kept = page(&kept, first.next.as_ref()).unwrap();
    let by_reading = page(&Kept::default(), first.next.as_ref()).unwrap();
    assert_eq!(by_kept, by_reading);
    let Some(Position::Unsorted(last)) = &first.next else {
        panic!("{:?}", first.next)
    };
    fs::remove_file(dir.path().join(last)).unwrap();
    assert_eq!(
        page(&Kept::default(), first.next.as_ref()),
        Err(FileFailure::Changed)
    );
    let sorted = Position::Sorted(FileKind::File, "b".to_owned());
    assert_eq!(
        page(&kept, Some(&sorted)),
        Err(FileFailure::Changed),
        "it grew too long meanwhile"
    );
}

#[test]
fn a_page_begins_after_a_name_that_is_gone() {
    let dir = tree(&["a", "b", "c"]);
    let (root, kept, at) = (root_of(&dir), Kept::default(), path("/"));
    let page = |after: Option<&Position>| listing(&root, &kept, &at, 10, 1).page(after).unwrap();
    let first = page(None);
    fs::remove_file(dir.path().join("a")).unwrap();
    fs::write(dir.path().join("ab"), "1").unwrap();
    let second = page(first.next.as_ref());
    assert_eq!(
        second.entries[0].name, "ab",
        "the names that were kept are those of the directory as it was"
    );
}

/// Pages end at names that are not shown too, and go on behind them.
#[test]
fn a_directory_that_takes_too_long_comes_unsorted_and_complete() {
    let names: Vec<_> = (0..500)
        .map(|n| format!("a-name-that-is-not-short-{n:05}"))
        .collect();
    let dir = tree(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for n in 0..250_u8 {
        let name = [b'-', n / 16 + 0xa0, n % 16 + 0xa0];
        fs::write(dir.path().join(OsStr::from_bytes(&name)), "1").unwrap();
    }
    let (root, at) = (root_of(&dir), path("/"));
    let page = |kept: &Kept, limit, after: Option<&Position>| {
        let late = Listing {
            end: Instant::now(),
            ..listing(&root, kept, &at, 1000, limit)
        };
        late.page(after)
    };
    for is_kept in [true, false] {
        let (kept, mut listed, mut skipped, mut after) = (Kept::default(), Vec::new(), 0, None);
        loop {
            let found = if is_kept || after.is_none() {
                page(&kept, 7, after.as_ref())
            } else {
                listing(&root, &Kept::default(), &at, 1000, 7).page(after.as_ref())
            };
            let found = found.unwrap();
            assert!(!found.sorted);
            listed.extend(found.entries.into_iter().map(|entry| entry.name));
            skipped += found.skipped;
            match found.next {
                Some(next) => after = Some(next.to_string().parse().unwrap()),
                None => break,
            }
        }
        listed.sort_unstable();
        assert!(listed == names && skipped == 250, "{} {skipped}", listed.len());
    }
    let unknown = Position::Unsorted("none".to_owned());
    let found = page(&Kept::default(), 7, Some(&unknown));
    assert_eq!(found, Err(FileFailure::Changed));
}

#[test]
fn a_list_whose_caller_left_ends() {
    let dir = tree(&["a", "b"]);
    let (root, kept, at) = (root_of(&dir), Kept::default(), path("/"));
    let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    let page = || {
        let called = Listing {
            caller: theirs.as_fd(),
            ..listing(&root, &kept, &at, 10, 10)
        };
        called.page(None).unwrap().entries.len()
    };
    assert_eq!(page(), 2);
    drop(ours);
    assert_eq!(page(), 1);
}
