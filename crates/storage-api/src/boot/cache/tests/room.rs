//! What goes if there is no room.

use super::*;

const SIZE: usize = MIB;

/// Fills these files one after the other.
async fn fill(lab: &Lab, paths: &[&str]) {
    for path in paths {
        lab.fake.put(path, &content(SIZE));
        assert!(
            lab.get(path).await == Got::Whole(content(SIZE), Origin::Fill),
            "{path}"
        );
        lab.kept(path).await;
    }
}

fn is_kept(lab: &Lab, path: &str) -> bool {
    lab.cache.state().slots.contains_key(&lab.place(path).key())
}

/// Room for so many files.
fn room(files: u64) -> u64 {
    files * cost(SIZE as u64) + 1000
}

#[tokio::test]
async fn what_was_used_longest_ago_goes() {
    let lab = Lab::with(room(3), &[]);
    fill(&lab, &["/a", "/b", "/c"]).await;
    // The clock shows which use came later.
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert!(lab.get("/a").await == Got::Whole(content(SIZE), Origin::Hit));
    fill(&lab, &["/d"]).await;
    let kept: Vec<_> = ["/a", "/b", "/c", "/d"].map(|path| is_kept(&lab, path)).into();
    // A tenth of the limit is free afterwards.
    assert_eq!(kept, [true, false, false, true]);
    until(|| lab.names().len() == 4).await;
    assert!(lab.cache.state().used <= room(3) / 10 * 9 + cost(SIZE as u64));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_uses_are_known_after_a_start() {
    let mut lab = Lab::with(room(3), &[]);
    fill(&lab, &["/a", "/b", "/c"]).await;
    let kept = lab.now_kept("/a");
    let meta = lab.home.path().join(format!("{}.json", kept.name));
    let later = std::time::SystemTime::now() + Duration::from_secs(100);
    std::fs::File::open(meta).unwrap().set_modified(later).unwrap();
    drop(kept);
    lab.restart(true).await;
    fill(&lab, &["/d"]).await;
    assert!(is_kept(&lab, "/a") && !is_kept(&lab, "/b"));
}

#[tokio::test]
async fn what_is_pinned_or_open_stays() {
    let lab = Lab::with(room(3), &["images:/a"]);
    fill(&lab, &["/a", "/b", "/c"]).await;
    let asked = FileRequest::new(true, |_| None);
    let (_, reader, _) = lab.cache.download(&lab.place("/b"), &asked).await.unwrap();
    fill(&lab, &["/d"]).await;
    let kept: Vec<_> = ["/a", "/b", "/c", "/d"].map(|path| is_kept(&lab, path)).into();
    assert_eq!(kept, [true, true, false, true]);
    let mut got = Vec::new();
    assert!(read_all(reader.unwrap(), &mut got).await);
    assert!(got == content(SIZE));
}

/// It is read from the storage, and nothing goes for it.
#[tokio::test]
async fn what_does_not_fit_is_not_kept() {
    let lab = Lab::with(room(2), &["images:/a", "images:/b"]);
    fill(&lab, &["/a", "/b"]).await;
    let larger = content(3 * SIZE);
    for (path, all) in [("/c", content(SIZE)), ("/d", larger)] {
        lab.fake.put(path, &all);
        let Got::Whole(got, _) = lab.get(path).await else {
            panic!("{path}")
        };
        assert!(got == all);
        until(|| !is_kept(&lab, path)).await;
    }
    assert!(is_kept(&lab, "/a") && is_kept(&lab, "/b"));
    until(|| lab.names().len() == 4).await;
    assert_eq!(lab.cache.state().used, 2 * cost(SIZE as u64));
}

/// A small part of it stays free for others.
#[tokio::test]
async fn a_disk_is_not_filled_to_its_end() {
    let lab = Lab::with(u64::MAX / 2, &[]);
    fill(&lab, &["/a"]).await;
    let (_, all) = lab.cache.disk.space().unwrap();
    assert!(!lab.cache.reserve(all));
    assert!(is_kept(&lab, "/a"), "nothing goes for what does not fit");
    assert_eq!(lab.cache.state().used, cost(SIZE as u64));
}
