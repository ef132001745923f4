//! Mounts that a worker only pretends to make: it is a script, and the table of mounts is a file of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::mount::MsFlags;
use serde_json::json;
use storage_domain::{BackendConfig, BackendId, BackendKind};

use super::*;
use crate::backend::Tree;
use crate::helper::HelperCommand;
use crate::helper::{HelperQueue, MAX_MOUNTS_IN_FLIGHT, Queues};
use crate::mount::namespace::inside;
use crate::nfs::messages::Summary;
use crate::scan::{ScanProgress, ScanReport};
use crate::settings::Settings;

#[path = "../../../tests/support/until.rs"]
mod waiting;

use waiting::{SOON, until};

const SERVER: &str = "10.0.0.5";
/// What the kernel and its server do. While there is a file `dead`, the server is gone: a scan that is under way ends
/// when the mount goes, and takes that for the end of the directory. A file `other` makes somebody mount again during a
/// scan.
const WORKER: &str = r#"
say() { echo "$1"; }
counted() { say '{"scanned":{"files":'$1',"directories":1,"templates":0,"bytes":null,"errors":0,"first_error":null,"truncated":null,"duration":{"secs":0,"nanos":0}}}'; }
read -r call
case $call in
*'{"scan":'*)
    if [ -e dead ]; then
        echo $$ > new && mv new scanning
        while [ -s table ]; do sleep 0.02; done
        counted 0
    else
        [ ! -e other ] || { line 102 > new; cat new > table; }
        counted 7
    fi ;;
*'{"unmount":'*)
    [ ! -e scanning ] || ! kill -0 "$(cat scanning)" 2> /dev/null || : > overlap
    head -n -1 table > new; cat new > table
    rm -f dead
    say '"unmounted"' ;;
*'{"mount":'*)
    line 101 > new
    [ ! -e referred ] || sed -i 's#10.0.0.5:/srv/images#10.0.0.9:/srv/other#; s#addr=10.0.0.5#addr=10.0.0.9#' new
    [ ! -e linked ] || sed -i 's#10.0.0.5:/srv/images#10.0.0.5:/srv/exp/images#' new
    cat new > table
    say '"mounted"' ;;
*'{"statfs":'*)
    if [ -e dead ]; then
        say '{"failed":{"step":"statfs","errno":116,"version":null}}'
    elif [ -e silent ]; then
        say '{"failed":{"step":"statfs","errno":110,"version":null}}'
    elif [ -e hung ]; then
        exec sleep 1000
    else
        say '{"capacity":{"used":1,"total":2,"available":1}}'
    fi ;;
*) say '"removed"' ;;
esac
exec cat > /dev/null
"#;

/// A backend whose worker is the script.
struct World {
    backend: NfsBackend,
    queue: Arc<HelperQueue>,
    at: MountPoint,
    dir: PathBuf,
    cx: OpContext,
    _temporary: tempfile::TempDir,
}

impl World {
    #[expect(clippy::disallowed_methods, reason = "the test's own table of mounts")]
    fn new(mount_deadline: Duration) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let dir = temporary.path().to_owned();
        let table = dir.join("table");
        fs::write(&table, "").unwrap();
        nix::mount::mount(
            Some(&table),
            table::TABLE,
            None::<&str>,
            MsFlags::MS_BIND,
            None::<&str>,
        )
        .unwrap();
        let id = BackendId::generate();
        let at = MountPoint::new(&dir.join("mounts"), id);
        let script = dir.join("worker");
        let mount = line("$1", at.as_path());
        let head = format!("cd '{}'\nline() {{ echo \"{mount}\"; }}", dir.display());
        fs::write(&script, format!("#!/bin/sh\n{head}{WORKER}")).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();

        let config = json!({"server": SERVER, "export_path": "/srv/images", "mount_options": null});
        let config = BackendConfig::parse(BackendKind::Nfs, config.as_object().unwrap()).unwrap();
        let BackendConfig::Nfs(config) = config else {
            unreachable!()
        };
        let settings = Settings {
            mount_deadline,
            ..Settings::new(None)
        };
        let queue = Queues::new(HelperCommand::program(script)).of(id);
        let backend = NfsBackend::new(config, Some(at.clone()), Arc::clone(&queue), &settings);
        Self {
            backend,
            queue,
            at,
            dir,
            cx: OpContext::within(SOON),
            _temporary: temporary,
        }
    }

    /// Mounts, as far as the table shows.
    fn mounted(self, layers: u32) -> Self {
        let lines = (0..layers).map(|n| line(&(101 + n).to_string(), self.at.as_path()) + "\n");
        fs::write(self.dir.join("table"), lines.collect::<String>()).unwrap();
        self
    }

    fn put(&self, name: &str) {
        fs::write(self.dir.join(name), "").unwrap();
    }

    fn has(&self, name: &str) -> bool {
        self.dir.join(name).exists()
    }

    async fn scan(&self) -> Result<ScanReport, Error> {
        self.backend
            .scan(&self.cx, Arc::new(ScanProgress::default()))
            .await
    }

    fn addr() -> ScopedAddr {
        let addr = std::net::SocketAddr::new(SERVER.parse().unwrap(), 0);
        let permitted = crate::Egress::default().permit(None, vec![addr], None);
        permitted.unwrap().remove(0)
    }

    async fn mount(&self, cx: &OpContext) -> Result<Mounted, Error> {
        let addrs = [Self::addr()];
        let tried = self.backend.mount_and_measure(cx, &self.at, &addrs);
        Ok(tried.await?.mounted)
    }
}

fn line(id: &str, at: &Path) -> String {
    format!(
        "{id} 27 0:52 / {} ro,nosuid,nodev,noexec,relatime - nfs4 {SERVER}:/srv/images ro,vers=4.2,softerr,\
         nosharecache,proto=tcp,timeo=50,retrans=2,sec=sys,addr={SERVER}",
        at.display()
    )
}

fn why(world: &World, mounted: Result<Mounted, Error>) -> String {
    match mounted {
        Ok(Mounted::No(why)) => why.message(&world.backend.config).to_string(),
        Ok(Mounted::Yes { how, .. }) => panic!("{how:?}"),
        Err(error) => panic!("{error:?}"),
    }
}

fn how(mounted: Result<Mounted, Error>) -> How {
    match mounted {
        Ok(Mounted::Yes { how, .. }) => how,
        Ok(Mounted::No(why)) => panic!("{why:?}"),
        Err(error) => panic!("{error:?}"),
    }
}

fn is_cancelled<T: std::fmt::Debug>(result: &Result<T, Error>) -> bool {
    result.as_ref().is_err_and(Error::is_cancelled)
}

/// The kernel uses the mount's number again, so that the table looks the same before and after.
#[tokio::test]
async fn what_a_scan_reads_while_a_dead_mount_goes_is_no_count() {
    if !inside("nfs::live::tests::what_a_scan_reads_while_a_dead_mount_goes_is_no_count") {
        return;
    }
    let world = World::new(SOON).mounted(1);
    world.put("dead");
    let (counted, mounted) = tokio::join!(world.scan(), async {
        until("no scan began", || world.has("scanning")).await;
        world.mount(&world.cx).await
    });
    assert!(is_cancelled(&counted), "{counted:?}");
    assert_eq!(how(mounted), How::Dead);
    assert!(!world.has("overlap"), "it was unmounted beside the scan");
    assert_eq!(world.scan().await.unwrap().files, 7);
}

#[tokio::test]
async fn a_scan_ends_before_what_is_mounted_wrongly_is_taken_away() {
    if !inside("nfs::live::tests::a_scan_ends_before_what_is_mounted_wrongly_is_taken_away") {
        return;
    }
    let world = World::new(SOON).mounted(1);
    world.put("dead");
    let scan = async {
        until("no scan began", || world.has("scanning")).await;
    };
    tokio::pin!(scan);
    let mut counting = Box::pin(world.scan());
    tokio::select! {
        early = &mut counting => panic!("{early:?}"),
        () = scan => {}
    }
    fs::write(
        world.dir.join("table"),
        format!(
            "{}\n{}\n",
            line("101", world.at.as_path()),
            line("102", world.at.as_path())
        ),
    )
    .unwrap();
    let (counted, mounted) = tokio::join!(counting, world.mount(&world.cx));
    assert!(is_cancelled(&counted), "{counted:?}");
    assert_eq!(how(mounted), How::New);
    assert!(!world.has("overlap"), "it was unmounted beside the scan");
}

#[tokio::test]
async fn a_count_across_two_mounts_is_none() {
    if !inside("nfs::live::tests::a_count_across_two_mounts_is_none") {
        return;
    }
    let world = World::new(SOON).mounted(1);
    assert_eq!(world.scan().await.unwrap().files, 7);
    world.put("other");
    let counted = world.scan().await;
    assert!(is_cancelled(&counted), "{counted:?}");
}

/// All that may be under way at once are.
#[tokio::test]
async fn a_mount_that_waits_for_others_is_not_its_servers_fault() {
    if !inside("nfs::live::tests::a_mount_that_waits_for_others_is_not_its_servers_fault") {
        return;
    }
    let mount_deadline = Duration::from_secs(2);
    let world = World::new(mount_deadline);
    let scan = world.queue.enter(&world.cx, Purpose::Scan).await.unwrap();
    let mut permits = Vec::new();
    for _ in 0..MAX_MOUNTS_IN_FLIGHT {
        permits.push(scan.mount_permit(&world.cx).await.unwrap());
    }
    let short = OpContext::within(Duration::from_millis(300));
    let reason = why(&world, world.mount(&short).await);
    assert!(
        reason.contains("8 mounts of other backends") && !reason.contains(SERVER),
        "{reason}"
    );

    // Whoever is to unmount does not wait for it.
    let (mounted, preempted) = tokio::join!(world.mount(&world.cx), async {
        until("no mount waits", || !world.queue.is_idle(Purpose::Probe)).await;
        drop(scan);
        world.queue.preempt(&world.cx).await
    });
    assert!(is_cancelled(&mounted.map(|_| ())));
    drop(preempted);

    // The time of a mount begins when its turn comes.
    let (mounted, ()) = tokio::join!(world.mount(&world.cx), async {
        tokio::time::sleep(mount_deadline + Duration::from_millis(300)).await;
        drop(permits);
    });
    assert_eq!(how(mounted), How::New);
}

/// A server that does not answer in time may come back, and other programs wait for it.
#[tokio::test]
async fn a_server_that_does_not_answer_in_time_keeps_its_mount() {
    if !inside("nfs::live::tests::a_server_that_does_not_answer_in_time_keeps_its_mount") {
        return;
    }
    let world = World::new(SOON).mounted(1);
    let table = fs::read(world.dir.join("table")).unwrap();
    let addr = World::addr();
    for (state, says) in [("silent", "does not answer"), ("hung", "within 2 s")] {
        world.put(state);
        let cx = OpContext::within(Duration::from_secs(2));
        let tried = world
            .backend
            .mount_and_measure(&cx, &world.at, std::slice::from_ref(&addr));
        let tried = tried.await.unwrap();
        assert_eq!(how(Ok(tried.mounted)), How::Already);
        let why = tried.measured.unwrap().unwrap_err();
        let why = why.message(&world.backend.config).to_string();
        assert!(why.contains(says), "{why}");
        assert_eq!(fs::read(world.dir.join("table")).unwrap(), table, "{state}");
        fs::remove_file(world.dir.join(state)).unwrap();
    }
    assert_eq!(how(world.mount(&world.cx).await), How::Already);
}

#[tokio::test]
async fn a_path_that_the_server_resolves_is_accepted_and_another_server_is_not() {
    if !inside("nfs::live::tests::a_path_that_the_server_resolves_is_accepted_and_another_server_is_not") {
        return;
    }
    let world = World::new(SOON);
    world.put("referred");
    let why = why(&world, world.mount(&world.cx).await);
    assert!(why.contains("10.0.0.9:/srv/other"), "{why}");
    assert_eq!(fs::read(world.dir.join("table")).unwrap(), b"");
    fs::remove_file(world.dir.join("referred")).unwrap();

    world.put("linked");
    assert_eq!(how(world.mount(&world.cx).await), How::New);
    let Mounted::Yes { entry, how } = world.mount(&world.cx).await.unwrap() else {
        panic!("it is not mounted")
    };
    assert_eq!(how, How::Already);
    let said = Summary {
        config: &world.backend.config,
        entry: &entry,
        capacity: None,
        how,
    };
    let said = said.to_string();
    assert!(said.contains("it is /srv/exp/images there"), "{said}");
}

#[test]
fn only_what_the_server_says_of_the_export_replaces_a_mount() {
    let begun = Instant::now();
    let after = |minutes| begun + Duration::from_mins(minutes);
    let replaced = |failures: &[(Option<Errno>, u64)]| {
        let since = FailingSince::default();
        let mut decided = failures
            .iter()
            .map(|(errno, minutes)| since.replaces(*errno, after(*minutes)));
        decided.any(|replace| replace)
    };
    for errno in [Errno::ESTALE, Errno::EACCES, Errno::ENODEV] {
        assert!(replaced(&[(Some(errno), 0)]), "{errno}");
    }
    let eio = Some(Errno::EIO);
    assert!(!replaced(&[(eio, 0), (eio, 4)]));
    assert!(replaced(&[(eio, 0), (eio, 5)]));
    assert!(!replaced(&[(eio, 0), (None, 3), (eio, 6)]), "it did not last");
    for errno in [
        None,
        Some(Errno::ETIMEDOUT),
        Some(Errno::EHOSTDOWN),
        Some(Errno::ENOTCONN),
    ] {
        assert!(!replaced(&[(errno, 0), (errno, 60)]), "{errno:?}");
    }
}
