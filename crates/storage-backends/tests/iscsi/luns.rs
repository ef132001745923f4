//! What is in the targets, compared with what Debian's libiscsi-bin sees.

use serde_json::json;
use storage_backends::Backend as _;
use storage_backends::iscsi::Limits;
use storage_domain::{ByteCount, Lun, LunKind};

use crate::iscsi::fake::{Fake, Knobs};
use crate::iscsi::tgt::{Tgt, program};
use crate::iscsi::{CANARY, IQN, MIB, backend, check, cx, failure, probe};

const OTHER: &str = "iqn.2026-11.lab.test:other";
const TIB: u64 = 1024 * 1024 * MIB;

/// What one of libiscsi's programs prints.
fn oracle(name: &str, args: &[&str]) -> String {
    let done = program(name).args(args).output().unwrap();
    assert!(
        done.status.success(),
        "{name} {args:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8(done.stdout).unwrap()
}

fn two_targets() -> Tgt {
    let mut tgt = Tgt::start();
    tgt.target(1, IQN);
    tgt.lun(1, 1, 64 * MIB);
    tgt.set(1, 1, "vendor_id=PUREBOOT,product_id=IMAGES,scsi_sn=serial-of-it");
    tgt.lun_with(1, 2, 8 * TIB, " --blocksize 4096");
    tgt.lun_with(1, 5, 4 * MIB, " --device-type cd");
    tgt.open(1);
    tgt.target(2, OTHER);
    tgt.lun(2, 200, MIB + 512);
    tgt.open(2);
    tgt
}

#[tokio::test]
async fn all_of_them_are_seen() {
    let tgt = two_targets();
    let report = probe(&backend(tgt.port, json!({}), Limits::default())).await;
    assert!(report.passed(), "{report:#?}");
    let targets = report.targets.as_ref().unwrap();
    let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
    assert_eq!(names, [IQN, OTHER]);
    assert_eq!(targets[0].portals, [format!("127.0.0.1:{},1", tgt.port)]);
    let luns = targets[0].luns.as_ref().unwrap();
    let first = Lun {
        number: 1,
        kind: LunKind::Disk,
        size: Some(ByteCount::saturating(64 * MIB)),
        block_size: Some(512),
        vendor: "PUREBOOT".to_owned(),
        product: "IMAGES".to_owned(),
        serial: Some("serial-of-it".to_owned()),
        ready: true,
    };
    assert_eq!(luns[0], first);
    assert_eq!(
        (luns[1].number, luns[1].size, luns[1].block_size),
        (2, Some(ByteCount::saturating(8 * TIB)), Some(4096))
    );
    assert_eq!((luns[2].number, luns[2].kind), (5, LunKind::Cdrom));
    let other = targets[1].luns.as_ref().unwrap();
    assert_eq!(
        (other[0].number, other[0].size),
        (200, Some(ByteCount::saturating(MIB + 512)))
    );
    let sum: u64 = targets.iter().map(|target| target.capacity().get()).sum();
    let capacity = report.capacity.unwrap();
    assert_eq!((capacity.total.get(), capacity.used.get()), (sum, 0));
    assert!(sum > 8 * TIB + 65 * MIB, "{sum}");
    assert_eq!(check(&report, "login").detail, "Logged in to all 2 targets");
    tgt.is_left().await;
    same_as_the_oracle(&tgt, targets);
}

/// Each unit has the size that `iscsi-readcapacity16` reads, and each target is one that `iscsi-ls` finds.
fn same_as_the_oracle(tgt: &Tgt, targets: &[storage_domain::IscsiTarget]) {
    let portal = format!("iscsi://127.0.0.1:{}", tgt.port);
    let listed = oracle("iscsi-ls", &[&portal]);
    for target in targets {
        assert!(
            listed.contains(&format!("Target:{} Portal:{}", target.name, target.portals[0])),
            "{listed}"
        );
        for lun in target
            .luns
            .iter()
            .flatten()
            .filter(|lun| lun.kind == LunKind::Disk)
        {
            let url = format!("{portal}/{}/{}", target.name, lun.number);
            let read = oracle("iscsi-readcapacity16", &[&url]);
            let number = |name: &str| {
                let line = read
                    .lines()
                    .find(|line| line.contains(name))
                    .unwrap_or_else(|| panic!("{read}"));
                let digits = line.rsplit(':').next().unwrap().trim();
                digits.parse::<u64>().unwrap_or_else(|_| panic!("{read}"))
            };
            let (block, total) = (number("BLOCK LENGTH"), number("Total size"));
            assert_eq!(lun.block_size.map(u64::from), Some(block), "{read}");
            assert_eq!(lun.size.map(ByteCount::get), Some(total), "{read}");
        }
    }
    assert_eq!(listed.matches("Target:").count(), targets.len(), "{listed}");
}

#[tokio::test]
async fn one_target_that_lets_us_in_is_enough() {
    let tgt = two_targets();
    tgt.account(1, "ops", CANARY, false);
    let report = probe(&backend(tgt.port, json!({}), Limits::default())).await;
    assert!(report.passed(), "{report:#?}");
    let detail = &check(&report, "login").detail;
    assert!(
        detail.starts_with("Logged in to 1 of 2 targets. ") && detail.contains(IQN),
        "{detail}"
    );
    let targets = report.targets.unwrap();
    assert_eq!(targets[0].luns, None);
    assert_eq!(report.capacity.unwrap().total, targets[1].capacity());
    tgt.is_left().await;
}

#[tokio::test]
async fn a_target_without_a_disk_is_told() {
    let mut tgt = Tgt::start();
    tgt.target(1, IQN);
    tgt.open(1);
    let report = probe(&backend(tgt.port, json!({"iqn": IQN}), Limits::default())).await;
    let (name, detail) = failure(&report);
    assert_eq!(name, "luns");
    assert!(detail.contains("has no disk"), "{detail}");
    tgt.is_left().await;
}

#[tokio::test]
async fn a_unit_that_is_offline_is_not_ready() {
    let tgt = two_targets();
    tgt.set(1, 1, "online=No");
    let subject = backend(tgt.port, json!({}), Limits::default());
    let report = probe(&subject).await;
    assert!(report.passed(), "{report:#?}");
    let detail = &check(&report, "luns").detail;
    let not_ready = format!("LUN 1 of {IQN} is not ready");
    assert!(detail.contains(&not_ready), "{detail}");
    assert!(report.message().contains(&not_ready), "{}", report.message());
    let luns = subject.as_luns().unwrap().luns(&cx()).await.unwrap();
    let first = &luns[0].luns.as_ref().unwrap()[0];
    assert_eq!((first.ready, first.size), (false, None));
    tgt.is_left().await;
}

#[tokio::test]
async fn many_targets_are_all_looked_at() {
    let mut tgt = Tgt::start();
    for number in 1..=40 {
        tgt.target(number, &format!("{IQN}{number}"));
        tgt.lun(number, 1, MIB);
        tgt.open(number);
    }
    let report = probe(&backend(tgt.port, json!({}), Limits::default())).await;
    assert!(report.passed(), "{report:#?}");
    assert_eq!(report.capacity.unwrap().total.get(), 40 * MIB);
    tgt.is_left().await;
}

#[tokio::test]
async fn units_that_are_not_looked_at_are_told() {
    let fake = Fake::start(Knobs {
        units: Some(1100),
        ..Knobs::default()
    })
    .await;
    let max = Limits::default().session.luns;
    let report = probe(&backend(fake.port, json!({"iqn": IQN}), Limits::default())).await;
    assert!(report.passed(), "{report:#?}");
    let detail = &check(&report, "luns").detail;
    let cut = format!("has 1100 logical units, of which a probe inspects {max}");
    assert!(
        detail.contains(&format!("{max} logical units found")) && detail.contains(&cut),
        "{detail}"
    );
    let luns = report.targets.as_ref().unwrap()[0].luns.as_ref().unwrap();
    assert_eq!(luns.last().unwrap().number, max as u64 - 1);
    assert_eq!(report.capacity.unwrap().total.get(), max as u64 * 16 * 512);
}

#[tokio::test]
async fn one_unit_that_does_not_tell_what_it_is_hides_no_other() {
    let fake = Fake::start(Knobs {
        units: Some(3),
        mute: Some(1),
        ..Knobs::default()
    })
    .await;
    let report = fake.probe(json!({"iqn": IQN})).await;
    assert!(report.passed(), "{report:#?}");
    let detail = &check(&report, "luns").detail;
    assert!(
        detail.starts_with("2 logical units found") && detail.contains("LUN 1 of "),
        "{detail}"
    );
    assert_eq!(report.capacity.unwrap().total.get(), 2 * 16 * 512);
}

/// A list tells of units that can't be used now.
#[tokio::test]
async fn units_that_are_all_offline_are_listed() {
    let mut tgt = Tgt::start();
    tgt.target(1, IQN);
    tgt.lun(1, 1, MIB);
    tgt.open(1);
    // The unit 0 is tgt's controller, and holds no blocks.
    tgt.set(1, 1, "online=No");
    let subject = backend(tgt.port, json!({"iqn": IQN}), Limits::default());
    assert_eq!(failure(&probe(&subject).await).0, "luns");
    let targets = subject.as_luns().unwrap().luns(&cx()).await.unwrap();
    let luns = targets[0].luns.as_ref().unwrap();
    assert_eq!((luns.len(), luns[0].number, luns[0].ready), (1, 1, false));
    tgt.is_left().await;
}
