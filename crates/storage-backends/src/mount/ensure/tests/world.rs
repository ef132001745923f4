//! A mount point whose helper is a script.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use nix::mount::MsFlags;
use storage_domain::{BackendId, IgnoredDirectories, MountPoint, Revision, TemplatePatterns};

use super::waiting::SOON;
use crate::context::OpContext;
use crate::error::Error;
use crate::helper::protocol::MountCall;
use crate::helper::{HelperCommand, HelperQueue, Queues};
use crate::mount::outcome::{Ensured, Server};
use crate::mount::place::MountPlace;
use crate::mount::record::Record;
use crate::mount::spec::MountSpec;
use crate::mount::table;
use crate::net::{Egress, Network};
use crate::scan::{ScanProgress, ScanReport};

pub(super) const SERVER: &str = "10.0.0.5";
pub(super) const REVISION: Revision = Revision(3);
/// What the kernel and its server do. While there is a file `dead`, the server is gone: a scan that is under way ends
/// when the mount goes, and takes that for the end of the directory. A file `other` makes somebody mount again during a
/// scan.
const HELPER: &str = r#"
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
*'{"record":'*)
    file=${call#*\"file\":\"} content=${call#*\"content\":}
    echo "${content%\}\}}" > "${file%%\"*}"
    say '"recorded"' ;;
*'{"unmount":'*)
    [ ! -e scanning ] || ! kill -0 "$(cat scanning)" 2> /dev/null || : > overlap
    head -n -1 table > new; cat new > table
    rm -f dead
    say '"unmounted"' ;;
*'{"mount":'*)
    line 101 > new
    [ ! -e referred ] || sed -i 's#10.0.0.5:/srv/images#10.0.0.9:/srv/images#; s#addr=10.0.0.5#addr=10.0.0.9#' new
    [ ! -e linked ] || sed -i 's#10.0.0.5:/srv/images#10.0.0.5:/srv/exp/images#' new
    cat new > table
    say '"mounted"' ;;
*'{"statfs":'*)
    if [ -e dead ]; then
        say '{"failed":{"step":"statfs","errno":116,"label":null}}'
    elif [ -e silent ]; then
        say '{"failed":{"step":"statfs","errno":110,"label":null}}'
    elif [ -e hung ]; then
        exec sleep 1000
    else
        say '{"capacity":{"used":1,"total":2,"available":1}}'
    fi ;;
*) say '"removed"' ;;
esac
exec cat > /dev/null
"#;

/// A mount point whose helper is the script.
pub(super) struct World {
    pub(super) place: MountPlace,
    pub(super) dir: PathBuf,
    pub(super) cx: OpContext,
    _temporary: tempfile::TempDir,
}

impl World {
    #[expect(clippy::disallowed_methods, reason = "the test's own table of mounts")]
    pub(super) fn new(deadline: Duration) -> Self {
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
        fs::create_dir(dir.join("mounts")).unwrap();
        let id = BackendId::generate();
        let at = MountPoint::new(&dir.join("mounts"), id);
        let script = dir.join("helper");
        let head = format!(
            "cd '{}'\nline() {{ echo \"{}\"; }}",
            dir.display(),
            line("$1", &at)
        );
        fs::write(&script, format!("#!/bin/sh\n{head}{HELPER}")).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
        let queue = Queues::new(HelperCommand::program(script)).of(id);
        Self {
            place: place(&at, &queue, REVISION, deadline),
            dir,
            cx: OpContext::within(SOON),
            _temporary: temporary,
        }
    }

    /// Mounts so many layers, as far as the table shows.
    pub(super) fn mounted(self, layers: u32) -> Self {
        let lines = (0..layers).map(|n| line(&(101 + n).to_string(), &self.place.at) + "\n");
        fs::write(self.dir.join("table"), lines.collect::<String>()).unwrap();
        let entry = self.place.layers().unwrap().swap_remove(0);
        let revision = REVISION;
        self.place.memory().made = Some(Record { revision, entry });
        self
    }

    /// Returns the same place as a process that starts now knows it.
    pub(super) fn restarted(&self, revision: Revision) -> MountPlace {
        place(&self.place.at, &self.place.queue, revision, SOON)
    }

    pub(super) fn table(&self) -> Vec<u8> {
        fs::read(self.dir.join("table")).unwrap()
    }

    pub(super) fn put(&self, name: &str) {
        fs::write(self.dir.join(name), "").unwrap();
    }

    pub(super) fn take(&self, name: &str) {
        fs::remove_file(self.dir.join(name)).unwrap();
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.dir.join(name).exists()
    }

    pub(super) async fn scan(&self) -> Result<ScanReport, Error> {
        let names = (&TemplatePatterns::default(), &IgnoredDirectories::default());
        self.place.scan(&self.cx, names, &ScanProgress::default()).await
    }

    pub(super) async fn mount(&self, cx: &OpContext) -> Result<Ensured, Error> {
        ensure(&self.place, cx).await
    }
}

fn place(at: &MountPoint, queue: &Arc<HelperQueue>, revision: Revision, deadline: Duration) -> MountPlace {
    let spec = MountSpec {
        revision,
        fstypes: &["net"],
        host: SERVER.parse().unwrap(),
        read_write: false,
    };
    MountPlace::new(at.clone(), spec, Arc::clone(queue), Network::default(), deadline)
}

pub(super) fn line(id: &str, at: &MountPoint) -> String {
    format!(
        "{id} 27 0:52 / {at} ro,nosuid,nodev,noexec,relatime - net {SERVER}:/srv/images ro,timeo=50,addr={SERVER}"
    )
}

pub(super) async fn ensure(place: &MountPlace, cx: &OpContext) -> Result<Ensured, Error> {
    let addr = std::net::SocketAddr::new(SERVER.parse().unwrap(), 0);
    let addrs = Egress::default().permit(None, vec![addr], None).unwrap();
    let server = Server {
        addrs: &addrs,
        connects: true,
    };
    let call = MountCall {
        fstype: "net".to_owned(),
        source: format!("{SERVER}:/srv/images"),
        target: place.path().to_owned(),
        flags: 0,
        attempts: Vec::new(),
    };
    place.ensure(cx, server, &call).await
}
