//! `scan`.

use serde_json::Value;

use crate::service::{directory, run};

#[test]
fn it_counts_what_is_there() {
    let home = directory();
    std::fs::create_dir_all(home.path().join("a/b")).expect("it can be made");
    for (name, size) in [("a/boot.iso", 3), ("a/b/notes.txt", 4), ("disk.QCOW2.gz", 5)] {
        std::fs::write(home.path().join(name), vec![0; size]).expect("it can be written");
    }
    let path = home.path().to_str().expect("UTF-8");
    let done = run(&["scan", "--json", "--bytes", path]);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    let found: Value = serde_json::from_str(&done.out).expect("one JSON object");
    assert_eq!(
        (&found["files"], &found["directories"]),
        (&3.into(), &3.into()),
        "{found}"
    );
    assert_eq!(
        (&found["templates"], &found["errors"], &found["bytes"]),
        (&2.into(), &0.into(), &12.into()),
        "{found}"
    );
    assert!(found["duration_ms"].is_u64(), "{found}");

    let found: Value = serde_json::from_str(&run(&["scan", "--json", path]).out).expect("one JSON object");
    assert_eq!(found.get("bytes"), None);
    let found: Value =
        serde_json::from_str(&run(&["scan", "--json", "--template-extensions", "txt", path]).out)
            .expect("one JSON object");
    assert_eq!(found["templates"], 1);
    let done = run(&["scan", path]);
    assert!(done.out.contains("3 files in 3 directories"), "{}", done.out);
}

#[test]
fn a_directory_that_is_not_there_is_told() {
    let done = run(&["scan", "/nowhere/at/all"]);
    assert_eq!((done.code, done.out.as_str()), (Some(3), ""));
    assert!(
        done.err.contains("/nowhere/at/all can't be scanned"),
        "{}",
        done.err
    );
}

#[test]
fn threads_have_bounds() {
    assert_eq!(run(&["scan", "--threads", "0", "/"]).code, Some(2));
    assert_eq!(run(&["scan"]).code, Some(2));
}
