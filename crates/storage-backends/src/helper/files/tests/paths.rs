use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use nix::unistd::{Uid, geteuid, setfsuid};

use super::super::root::{attributes, entry};
use super::*;
use crate::mount::namespace::inside;

#[test]
fn links_that_stay_inside_are_what_they_lead_to() {
    let dir = tree(&["a/b/", "a/b/f", "c/"]);
    let at = |name: &str| dir.path().join(name);
    fs::write(at("a/b/f"), "content").unwrap();
    for (target, name) in [
        ("../a/b", "c/dir"),
        ("../a/b/f", "c/file"),
        ("dir/f", "c/through"),
        (".", "c/self"),
    ] {
        symlink(target, at(name)).unwrap();
    }
    for (target, name) in [
        ("nothing", "c/dangling"),
        ("loop", "c/loop"),
        ("/etc", "c/absolute"),
        ("../..", "c/out"),
        ("../../etc/passwd", "c/out-file"),
        ("/proc/self/cwd", "c/magic"),
    ] {
        symlink(target, at(name)).unwrap();
    }
    let (names, skipped) = all(&dir, "/c");
    assert_eq!(names, ["dir/", "self/", "file", "through"]);
    assert_eq!(skipped, 6);
    assert_eq!(all(&dir, "/c/dir").0, ["f"]);
    let root = root_of(&dir);
    let found = stat(&root, &path("/c/file")).unwrap();
    assert_eq!(
        (
            found.name.as_str(),
            found.size.map(storage_domain::ByteCount::get)
        ),
        ("file", Some(7))
    );
    assert_eq!(found.etag, stat(&root, &path("/a/b/f")).unwrap().etag);
    assert_eq!(read(&root, "/c/self/through", &WHOLE).unwrap(), b"content");
    for name in [
        "dangling",
        "loop",
        "absolute",
        "out",
        "out-file",
        "magic",
        "out/etc/passwd",
        "absolute/passwd",
    ] {
        let at = format!("/c/{name}");
        assert_eq!(stat(&root, &path(&at)), Err(FileFailure::NotFound), "{at}");
        assert_eq!(read(&root, &at, &WHOLE), Err(FileFailure::NotFound), "{at}");
    }
}

#[test]
fn a_time_that_clients_cannot_read_is_unknown() {
    let dir = tree(&["f"]);
    let mut found = attributes(File::open(dir.path().join("f")).unwrap()).unwrap();
    assert!(entry("f", &found).unwrap().modified_at.is_some());
    for (seconds, is_known) in [
        (-62_167_219_200, true),
        (-62_167_219_201, false),
        (i64::MAX, false),
    ] {
        found.stx_mtime.tv_sec = seconds;
        assert_eq!(
            entry("f", &found).unwrap().modified_at.is_some(),
            is_known,
            "{seconds}"
        );
    }
}

/// A directory that is exchanged for a link that climbs out, again and again.
#[test]
fn a_link_that_is_swapped_in_leads_nowhere() {
    let outside = tree(&["d/", "d/secret"]);
    let dir = tree(&["d/", "d/f"]);
    symlink(outside.path().join("d"), dir.path().join("link")).unwrap();
    let root = root_of(&dir);
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (a, b) = (dir.path().join("d"), dir.path().join("link"));
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                let flags = rustix::fs::RenameFlags::EXCHANGE;
                rustix::fs::renameat_with(rustix::fs::CWD, &a, rustix::fs::CWD, &b, flags).unwrap();
            }
        });
        let mut read_some = 0;
        for _ in 0..5000 {
            assert_eq!(stat(&root, &path("/d/secret")), Err(FileFailure::NotFound));
            read_some += u32::from(read(&root, "/d/f", &WHOLE) == Ok(b"1".to_vec()));
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(read_some > 0);
    });
}

#[test]
fn what_the_user_may_not_read_is_denied() {
    let dir = tree(&["closed/", "closed/f", "f", "names/", "names/f"]);
    let mode = |name: &str, mode| {
        fs::set_permissions(dir.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    mode("", 0o755);
    mode("closed", 0o700);
    mode("f", 0o600);
    mode("names", 0o744);
    assert!(geteuid().is_root(), "only root can take another user's rights");
    let (root, denied) = (root_of(&dir), FileFailure::Denied { uid: 0 });
    setfsuid(Uid::from_raw(65534));
    let found = [
        stat(&root, &path("/closed/f")).err(),
        read(&root, "/f", &WHOLE).err(),
        read(&root, "/closed/f", &WHOLE).err(),
        stat(&root, &path("/f")).err(),
    ];
    let names = list(&root, &Kept::default(), "/names", 10, 10);
    setfsuid(geteuid());
    let all = [
        Some(denied.clone()),
        Some(denied.clone()),
        Some(denied.clone()),
        None,
    ];
    assert_eq!(found, all);
    assert_eq!(
        names.0,
        ["f"],
        "what can be listed is shown, although nothing is known of it"
    );
    let error = denied.error("the read");
    let source = std::error::Error::source(&error).map(ToString::to_string);
    assert!(source.is_some_and(|text| text.contains("user id 0")), "{error:?}");
}

/// As on a kernel or in a sandbox without openat2(2): the same, without links.
#[test]
fn paths_are_resolved_without_openat2_too() {
    let dir = tree(&["a/b/", "a/b/f"]);
    symlink("a", dir.path().join("link")).unwrap();
    symlink("f", dir.path().join("a/b/to-f")).unwrap();
    let root = Root::by_steps(&files_of(&dir));
    assert_eq!(read(&root, "/a/b/f", &WHOLE).unwrap(), b"1");
    assert_eq!(
        list(&root, &Kept::default(), "/", 10, 10),
        (vec!["a/".to_owned()], 1)
    );
    assert_eq!(stat(&root, &path("/")).unwrap().kind, FileKind::Directory);
    for gone in ["/link", "/link/b/f", "/a/b/to-f", "/a/none", "/a/b/f/x"] {
        assert_eq!(stat(&root, &path(gone)), Err(FileFailure::NotFound), "{gone}");
    }
}

#[test]
fn no_other_file_system_is_entered() {
    if !inside("helper::files::tests::paths::no_other_file_system_is_entered") {
        return;
    }
    let dir = tree(&["a/", "mount/", "f", "file-mount"]);
    let mount = |source: &Path, at: &str, fstype: Option<&str>, flags| {
        #[expect(clippy::disallowed_methods, reason = "the test mounts")]
        nix::mount::mount(Some(source), &dir.path().join(at), fstype, flags, None::<&str>).unwrap();
    };
    mount(
        Path::new("none"),
        "mount",
        Some("tmpfs"),
        nix::mount::MsFlags::empty(),
    );
    fs::write(dir.path().join("mount/f"), "1").unwrap();
    mount(
        &dir.path().join("f"),
        "file-mount",
        None,
        nix::mount::MsFlags::MS_BIND,
    );
    symlink("mount/f", dir.path().join("link")).unwrap();
    assert_eq!(all(&dir, "/"), (["a/", "f"].map(str::to_owned).to_vec(), 3));
    let root = root_of(&dir);
    for gone in ["/mount", "/mount/f", "/file-mount", "/link"] {
        assert_eq!(stat(&root, &path(gone)), Err(FileFailure::NotFound), "{gone}");
    }
    for (at, mount) in [(dir.path().join("mount"), u32::MAX), (dir.path().join("none"), 1)] {
        let files = FilesRoot {
            mount: Some(mount),
            ..FilesRoot::new(at)
        };
        assert_eq!(Root::open(&files).err(), Some(FileFailure::NotMounted));
    }
}
