//! What is served after a start.

use std::fs;
use std::path::PathBuf;

use super::*;

/// With a file that is kept, and no storage any more.
async fn lab(content: &[u8]) -> Lab {
    let lab = Lab::new();
    lab.fake.put(PATH, content);
    lab.get(PATH).await;
    lab.kept(PATH).await;
    lab.fake.fail(Some(ErrorKind::Server));
    lab
}

impl Lab {
    /// The file on disk with this ending.
    fn file(&self, ending: &str) -> PathBuf {
        let names = self.names();
        let name = names.iter().find(|name| name.ends_with(ending)).unwrap();
        self.home.path().join(name)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_is_there_after_a_clean_end_and_after_another_one() {
    let all = content(3 * MIB);
    let mut lab = lab(&all).await;
    for is_clean in [true, false, false, true] {
        lab.restart(is_clean).await;
        assert!(lab.get(PATH).await == Got::Whole(all.clone(), Origin::Stale));
    }
    assert_eq!(lab.names().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn leftovers_are_removed_and_what_is_not_of_the_cache_stays() {
    let mut lab = lab(b"whole").await;
    let directory = lab.home.path();
    let (meta, data) = (lab.file("json"), lab.file("data"));
    let at = |ending: &str| directory.join(format!("{}.{ending}", Uuid::now_v7()));
    // Bytes without metadata, metadata without bytes, metadata that is not all there, and what is no metadata.
    fs::write(at("data"), "half").unwrap();
    fs::copy(&meta, at("json")).unwrap();
    fs::copy(&meta, at("tmp")).unwrap();
    let (broken, text) = (at("json"), fs::read_to_string(&meta).unwrap());
    fs::write(&broken, &text[..text.len() - 1]).unwrap();
    fs::copy(&data, broken.with_extension("data")).unwrap();
    let foreign = directory.join("notes.txt");
    fs::write(&foreign, "mine").unwrap();
    lab.restart(true).await;
    assert_eq!(lab.names().len(), 3, "{:?}", lab.names());
    assert!(meta.exists() && data.exists() && foreign.exists());
    assert_eq!(lab.get(PATH).await, Got::Whole(b"whole".to_vec(), Origin::Stale));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_lost_a_part_is_never_served() {
    for is_clean in [true, false] {
        let mut lab = lab(&content(MIB)).await;
        let data = fs::File::options().write(true).open(lab.file("data")).unwrap();
        data.set_len(1000).unwrap();
        lab.restart(is_clean).await;
        assert!(lab.names().is_empty());
        assert_eq!(lab.get(PATH).await, Got::Refused(503));
    }
    // Also if that happens later.
    let lab = lab(&content(MIB)).await;
    fs::remove_file(lab.file("data")).unwrap();
    assert_eq!(lab.get(PATH).await, Got::Refused(503));
    assert!(lab.names().is_empty());
    lab.fake.fail(None);
    assert!(lab.get(PATH).await == Got::Whole(content(MIB), Origin::Fill));
}

/// After a power cut a disk may have the right size and wrong bytes.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_found_after_an_end_that_was_not_clean() {
    let mut lab = lab(&content(MIB)).await;
    let data = fs::File::options().write(true).open(lab.file("data")).unwrap();
    data.write_all_at(b"?", 500_000).unwrap();
    lab.restart(false).await;
    assert_eq!(lab.get(PATH).await, Got::Refused(503));
    until(|| lab.names().is_empty()).await;
}

/// Nobody has to ask for it.
#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_kept_is_checked_after_an_end_that_was_not_clean() {
    let mut lab = lab(&content(MIB)).await;
    lab.fake.fail(None);
    lab.fake.put("/boot/good", &content(MIB));
    lab.get("/boot/good").await;
    lab.kept("/boot/good").await;
    let damaged = lab.now_kept(PATH);
    let at = lab.home.path().join(format!("{}.data", damaged.name));
    let data = fs::File::options().write(true).open(at).unwrap();
    data.write_all_at(b"?", 500_000).unwrap();
    drop(damaged);
    lab.restart(false).await;
    until(|| lab.names().len() == 2).await;
    let is_due = |held: Option<&Held>| matches!(held, Some(Held::Kept(kept)) if kept.proof.is_due());
    lab.until("/boot/good", |held| held.is_some() && !is_due(held))
        .await;
    // All was checked, so that a clean end is one.
    lab.cache.close().await;
    assert!(!lab.home.path().join("running").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fill_that_was_killed_leaves_nothing_to_serve() {
    let mut lab = Lab::new();
    lab.fake.put(PATH, &content(MIB));
    lab.fake.hold_pieces();
    lab.fake.let_pieces(8);
    let killed = async {
        until(|| lab.fake.0.pieces.available_permits() == 0 && !lab.names().is_empty()).await;
    };
    tokio::select! {
        got = lab.get(PATH) => panic!("{got:?}"),
        () = killed => {}
    }
    // As it is on the disk at this moment.
    let seen = tempfile::tempdir().unwrap();
    for name in lab.names() {
        fs::copy(lab.home.path().join(&name), seen.path().join(&name)).unwrap();
    }
    lab.settings.directory = seen.path().to_owned();
    lab.cache.close().await;
    lab.fake.fail(Some(ErrorKind::Server));
    lab.restart(false).await;
    assert!(names(seen.path()).is_empty());
    assert_eq!(lab.get(PATH).await, Got::Refused(503));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_end_waits_for_no_storage() {
    let lab = Lab::new();
    lab.fake.0.answers.forget_permits(usize::MAX);
    let end = async {
        until(|| lab.fake.stats() == 1).await;
        lab.cache.close().await;
    };
    let (got, ()) = tokio::join!(lab.get(PATH), end);
    assert_eq!(got, Got::Refused(503));
    assert!(!lab.home.path().join("running").exists());
}

#[tokio::test]
async fn a_link_is_not_followed_to_another_directory() {
    let home = tempfile::tempdir().unwrap();
    let link = home.path().join("link");
    std::os::unix::fs::symlink(home.path(), &link).unwrap();
    let settings = CacheSettings {
        directory: link,
        bytes: 1,
        pinned: Vec::new(),
    };
    let opened = Cache::open(Arc::new(Fake::new()), settings);
    let error = opened.err().unwrap().to_string();
    assert!(error.contains("--boot-cache"), "{error}");
}
