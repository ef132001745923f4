use std::os::unix::fs::MetadataExt;
use std::process::{Child, Stdio};

use super::*;
use crate::mount::table;

/// A process that stands on a directory until it is dropped.
struct Standing(Child);

impl Standing {
    #[expect(clippy::disallowed_methods, reason = "a process for the search to find")]
    fn on(dir: &Path) -> Self {
        let child = std::process::Command::new("/bin/sleep")
            .arg("60")
            .current_dir(dir)
            .stdin(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The number of the mount that a path lies on.
fn mount_of(path: &Path) -> u32 {
    let device = fs::metadata(path).unwrap().dev();
    let on_device = |at: &Path| fs::metadata(at).is_ok_and(|meta| meta.dev() == device);
    let mut mounts = table::read().unwrap();
    mounts.retain(|mount| path.starts_with(&mount.at) && on_device(&mount.at));
    mounts.last().unwrap().id
}

fn ask(place: &Path, mount: u32) -> Vec<Holder> {
    let call = HoldersCall {
        place: place.as_os_str().to_owned(),
        mount,
    };
    match holders(&call).unwrap() {
        Reply::Holders(found) => found.found,
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_stands_on_a_mount_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().canonicalize().unwrap();
    let inside = place.join("sub");
    fs::create_dir(&inside).unwrap();
    let mount = mount_of(&place);
    assert_eq!(ask(&place, mount), []);
    let standing = Standing::on(&inside);
    let pid = standing.0.id();
    let command = "sleep".to_owned();
    assert_eq!(ask(&place, mount), [Holder { pid, command }]);
    assert_eq!(
        ask(&place.join("su"), mount),
        [],
        "the same letters are not the same place"
    );
}

#[test]
fn an_open_file_counts_on_its_own_mount_only() {
    let dir = tempfile::tempdir().unwrap();
    let file = tempfile::NamedTempFile::new_in(dir.path()).unwrap();
    let place = dir.path().canonicalize().unwrap();
    let mount = mount_of(&place);
    let search = |mount| Search {
        place: place.as_os_str().as_bytes(),
        mount,
        namespace: fs::read_link("/proc/self/ns/mnt").unwrap(),
        until: Instant::now() + TIME,
    };
    let own = Path::new("/proc/self");
    assert!(search(mount).holds(own).unwrap());
    assert!(!search(mount + 100_000).holds(own).unwrap());
    drop(file);
    assert!(!search(mount).holds(own).unwrap());
}
