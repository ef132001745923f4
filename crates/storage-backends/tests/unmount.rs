//! Unmounts by the real helper, which is this very program started again, in a mount namespace of its own. Needs root.

#![expect(
    clippy::disallowed_methods,
    reason = "the test mounts, and starts itself again"
)]

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::mount::{MntFlags, MsFlags};
use serde_json::json;
use storage_backends::helper::HelperCommand;
use storage_backends::registry::UNMOUNTS_AT_ONCE;
use storage_backends::{Backend, Error, ErrorKind, OpContext, Registry, Settings, UnmountMode};
use storage_domain::{BackendConfig, BackendId, BackendKind, MountPoint, Revision};

use crate::alone::is_root;
use crate::until::{SOON, until};

/// Set inside the mount namespace.
const INSIDE: &str = "UNMOUNT_TEST_INSIDE";
/// More than are taken away at once.
const MANY: usize = 40;

/// Returns whether this process is the one in the namespace.
pub(crate) fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Runs the tests in a mount namespace; returns false if they are skipped.
pub(crate) fn run_inside() -> bool {
    if !is_root() {
        return false;
    }
    let status = Command::new("unshare")
        .args(["--mount", "--propagation", "private"])
        .arg(std::env::current_exe().unwrap())
        .env(INSIDE, "1")
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
    true
}

/// Runs the tests.
pub(crate) async fn run() {
    run_each!(
        a_start_takes_every_foreign_mount_away,
        a_stop_takes_every_mount_away,
        a_mount_in_use_is_busy_until_it_is_detached,
        a_mount_that_leaves_the_table_is_not_waited_for,
        an_unmount_that_hangs_ends_at_its_deadline,
        a_start_gives_each_mount_its_time,
    );
    crate::files::run_inside().await;
    crate::changes::run_inside().await;
}

/// A mount directory and a registry over it.
struct World {
    registry: Registry,
    dir: PathBuf,
    _temporary: tempfile::TempDir,
}

impl World {
    fn new(helper: HelperCommand) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let dir = temporary.path().canonicalize().unwrap();
        let settings = Settings {
            helper,
            ..Settings::new(Some(dir.clone()))
        };
        Self {
            registry: Registry::new(settings).unwrap(),
            dir,
            _temporary: temporary,
        }
    }

    /// With a helper that never answers where it is to unmount.
    fn hanging() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/helpers/hangs_in_umount");
        Self::new(HelperCommand::program(script))
    }

    fn place(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.dir.join(name.as_ref())
    }

    /// A backend with something mounted at its place.
    fn backend(&self) -> (Arc<dyn Backend>, PathBuf) {
        let id = BackendId::generate();
        let config = json!({"server": "127.0.0.1", "export_path": "/srv/images"});
        let config = BackendConfig::parse(BackendKind::Nfs, config.as_object().unwrap()).unwrap();
        let backend = self.registry.get(id, Revision::FIRST, &config).unwrap();
        let place = MountPoint::new(&self.dir, id).as_path().to_owned();
        mount(&place, 1);
        (backend, place)
    }
}

/// Mounts so many layers on a place, which it makes.
fn mount(at: &Path, layers: usize) {
    fs::create_dir(at).unwrap();
    for _ in 0..layers {
        nix::mount::mount(Some("none"), at, Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
    }
}

/// How many helpers this process has now, dead ones included that are not reaped.
fn helpers() -> usize {
    let me = std::process::id().to_string();
    let parent = |stat: String| Some(stat.rsplit(") ").next()?.split(' ').nth(1)?.to_owned());
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok())
        .filter_map(parent)
        .filter(|p| *p == me)
        .count()
}

async fn none_left() {
    until("a helper is left", || helpers() == 0).await;
}

async fn a_start_takes_every_foreign_mount_away() {
    let world = World::new(HelperCommand::this_program());
    let mut places: Vec<_> = (0..MANY)
        .map(|_| world.place(BackendId::generate().to_string()))
        .collect();
    places.push(world.place("nobody's"));
    places.push(world.place(OsStr::from_bytes(b"not-utf8-\xff")));
    for place in &places {
        mount(place, 1);
    }
    let layered = world.place(BackendId::generate().to_string());
    mount(&layered, 3);
    places.push(layered);
    let _in_use = File::create(places[0].join("open.iso")).unwrap();
    // Records, with and without their mount.
    fs::write(places[0].with_extension("mount"), "{}").unwrap();
    fs::write(world.place(format!("{}.mount", BackendId::generate())), "{}").unwrap();

    let found = world.registry.reconcile(&[]).await.unwrap();
    places.sort();
    assert_eq!(found.failed, Vec::new());
    assert_eq!(found.unmounted, places);
    assert_eq!(
        fs::read_dir(&world.dir).unwrap().count(),
        0,
        "mount points are left"
    );
    none_left().await;
}

async fn a_stop_takes_every_mount_away() {
    let world = World::new(HelperCommand::this_program());
    let places: Vec<_> = (0..3).map(|_| world.backend().1).collect();
    assert_eq!(world.registry.mounted().unwrap().len(), 3);
    let stayed = world
        .registry
        .unmount_all(&OpContext::within(SOON))
        .await
        .unwrap();
    assert_eq!(stayed, Vec::new());
    assert!(places.iter().all(|place| !place.exists()));
    none_left().await;
}

async fn a_mount_in_use_is_busy_until_it_is_detached() {
    let world = World::new(HelperCommand::this_program());
    let (backend, place) = world.backend();
    let mount = backend.as_mount().unwrap();
    let in_use = File::create(place.join("open.iso")).unwrap();
    let cx = OpContext::within(SOON);
    let busy = mount.unmount(&cx, UnmountMode::Plain).await;
    let Err(ErrorKind::Busy(holders)) = busy.map_err(Error::into_kind) else {
        panic!("the unmount is not refused")
    };
    let pids: Vec<u32> = holders.found.iter().map(|holder| holder.pid).collect();
    assert_eq!(pids, [std::process::id()], "{holders:?}");
    assert!(place.join("open.iso").exists(), "it was taken away all the same");
    mount.unmount(&cx, UnmountMode::Lazy).await.unwrap();
    assert!(!place.exists());
    drop(in_use);

    // What is let go within the patience is unmounted without force.
    let (backend, place) = world.backend();
    let in_use = File::create(place.join("open.iso")).unwrap();
    let mount = backend.as_mount().unwrap();
    let (done, ()) = tokio::join!(mount.unmount(&cx, UnmountMode::Plain), async {
        until("no helper was started", || helpers() > 0).await;
        drop(in_use);
    });
    done.unwrap();
    assert!(!place.exists());
    none_left().await;
}

/// What the kernel does with NFS 4.1 and a server that is gone: the mount leaves the table, and umount2(2) waits on.
async fn a_mount_that_leaves_the_table_is_not_waited_for() {
    let world = World::hanging();
    let (backend, place) = world.backend();
    let mount = backend.as_mount().unwrap();
    let cx = OpContext::within(SOON);
    let mut left = None;
    let (done, ()) = tokio::join!(mount.unmount(&cx, UnmountMode::Plain), async {
        until("no helper was started", || helpers() > 0).await;
        nix::mount::umount2(&place, MntFlags::MNT_DETACH).unwrap();
        left = Some(Instant::now());
    });
    done.unwrap();
    let waited = left.unwrap().elapsed();
    assert!(waited < SOON / 2, "it waited {waited:?} for the helper");
    assert!(!place.exists(), "the mount point is left");
    none_left().await;
    assert_eq!(world.registry.stuck(), Vec::new());
}

async fn an_unmount_that_hangs_ends_at_its_deadline() {
    let world = World::hanging();
    let (backend, place) = world.backend();
    let mount = backend.as_mount().unwrap();
    let begun = Instant::now();
    let cx = OpContext::within(Duration::from_millis(300));
    let late = mount.unmount(&cx, UnmountMode::Lazy).await;
    assert!(late.as_ref().is_err_and(Error::is_timeout), "{late:?}");
    assert!(begun.elapsed() < SOON / 2);
    none_left().await;
    nix::mount::umount2(&place, MntFlags::MNT_DETACH).unwrap();
}

/// So many hang as are unmounted at once: one more has to wait for the end of their time.
async fn a_start_gives_each_mount_its_time() {
    let world = World::hanging();
    let mut places: Vec<_> = (0..=UNMOUNTS_AT_ONCE)
        .map(|n| world.place(n.to_string()))
        .collect();
    places.sort();
    for place in &places {
        mount(place, 1);
    }
    let last = places.pop().unwrap();
    File::create(last.join("well")).unwrap();
    let found = world.registry.reconcile(&[]).await.unwrap();
    assert_eq!(found.unmounted, [last]);
    assert_eq!(found.failed.len(), UNMOUNTS_AT_ONCE);
    none_left().await;
    for place in places {
        nix::mount::umount2(&place, MntFlags::MNT_DETACH).unwrap();
    }
}
