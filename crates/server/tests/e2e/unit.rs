//! The systemd unit.

use std::fs;
use std::path::Path;

use rstest::rstest;

use crate::service::{command, directory, finish};

const UNIT: &str = "pureboot-storage.service";

/// systemd finds no fault with the unit, and no more exposure (in tenths) than docs/operations.md tells.
#[rstest]
#[case::alone(None, 38)]
#[case::with_private_mounts(Some("private-mounts.conf"), 20)]
fn the_unit_is_sound(#[case] drop_in: Option<&str>, #[case] exposure: u32) {
    let docs = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs"));
    let home = directory();
    let unit = fs::read_to_string(docs.join("systemd").join(UNIT)).expect("the unit");
    let installed = unit.replace(
        "/usr/local/bin/pureboot-storage",
        env!("CARGO_BIN_EXE_pureboot-storage"),
    );
    assert_ne!(unit, installed);
    let path = home.path().join(UNIT);
    fs::write(&path, installed).expect("it can be written");
    if let Some(name) = drop_in {
        let dir = home.path().join(format!("{UNIT}.d"));
        fs::create_dir(&dir).expect("it can be made");
        fs::copy(docs.join("systemd").join(name), dir.join(name)).expect("it can be copied");
    }
    let analyze = |args: &[&str]| {
        let mut analyze = command("systemd-analyze");
        // The unit by its name: its drop-ins are looked for in the path alone.
        analyze.env("SYSTEMD_UNIT_PATH", format!("{}:", home.path().display()));
        finish(analyze.args(args).arg(&path))
    };
    let verified = analyze(&["verify"]);
    assert_eq!((verified.code, verified.err.as_str()), (Some(0), ""));
    let threshold = format!("--threshold={exposure}");
    let judged = analyze(&["security", "--offline=true", "--no-pager", &threshold]);
    assert_eq!(judged.code, Some(0), "{}{}", judged.out, judged.err);
    let told = format!(": {}.{} OK", exposure / 10, exposure % 10);
    assert!(judged.out.contains(&told), "{}", judged.out);
    let shown = fs::read_to_string(docs.join("operations.md")).expect("the document");
    assert!(shown.contains(&format!("| {}.{} OK |", exposure / 10, exposure % 10)));
}
