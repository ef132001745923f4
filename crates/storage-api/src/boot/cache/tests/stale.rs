//! What is served while the storage does not answer, or answers something else.

use rstest::rstest;

use super::*;

/// With a file that is kept.
async fn lab() -> Lab {
    let lab = Lab::with(256 * MIB as u64, &["images:/pinned"]);
    for path in [PATH, "/pinned/linux"] {
        lab.fake.put(path, b"first");
        lab.get(path).await;
        lab.kept(path).await;
    }
    lab
}

fn first(origin: Origin) -> Got {
    Got::Whole(b"first".to_vec(), origin)
}

async fn pass(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn the_storage_is_asked_again_after_a_while() {
    let lab = lab().await;
    let asked = lab.fake.stats();
    pass(29).await;
    assert_eq!(lab.get(PATH).await, first(Origin::Hit));
    assert_eq!(lab.fake.stats(), asked);
    pass(2).await;
    assert_eq!(lab.get(PATH).await, first(Origin::Hit));
    assert_eq!(lab.fake.stats(), asked + 1);
    lab.fake.put(PATH, b"second");
    pass(31).await;
    let second = Got::Whole(b"second".to_vec(), Origin::Fill);
    assert_eq!(lab.get(PATH).await, second);
    lab.kept(PATH).await;
    until(|| lab.names().len() == 4).await;
}

#[rstest]
#[case(ErrorKind::Server)]
#[case(ErrorKind::Timeout)]
#[case(ErrorKind::Denied)]
#[case(ErrorKind::TooBusy)]
#[tokio::test(start_paused = true)]
async fn what_is_kept_is_served_without_its_storage(#[case] kind: ErrorKind) {
    let lab = lab().await;
    lab.fake.fail(Some(kind));
    pass(31).await;
    let asked = lab.fake.stats();
    assert_eq!(lab.get(PATH).await, first(Origin::Stale));
    assert_eq!(lab.get(PATH).await, first(Origin::Stale));
    assert_eq!(lab.fake.stats(), asked + 1, "it is not asked each time");
    pass(24 * 3600).await;
    assert_eq!(lab.get(PATH).await, first(Origin::Stale));
    lab.fake.fail(None);
    pass(31).await;
    assert_eq!(lab.get(PATH).await, first(Origin::Hit));
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_long_for_a_storage_that_hangs() {
    let lab = lab().await;
    lab.fake.0.answers.forget_permits(usize::MAX);
    pass(31).await;
    let (asked, began) = (lab.fake.stats(), Instant::now());
    for _ in 0..3 {
        assert_eq!(lab.get(PATH).await, first(Origin::Stale));
        assert!(began.elapsed() <= Duration::from_millis(1100));
    }
    pass(31).await;
    let began = Instant::now();
    assert_eq!(lab.get(PATH).await, first(Origin::Stale));
    assert!(began.elapsed() <= Duration::from_millis(100));
    assert_eq!(lab.fake.stats(), asked + 1, "one question at a time");
    // The answer counts whenever it comes.
    lab.fake.0.answers.add_permits(1);
    until(|| lab.confirmed(PATH)).await;
    assert_eq!(lab.get(PATH).await, first(Origin::Hit));
}

/// A file server may be up before its disks are.
#[tokio::test(start_paused = true)]
async fn a_file_that_is_not_there_is_served_for_a_while() {
    let lab = lab().await;
    lab.fake.fail(Some(ErrorKind::NotFound));
    for _ in 0..9 {
        pass(60).await;
        assert_eq!(lab.get(PATH).await, first(Origin::Stale));
    }
    // It was there in between, so that the time begins again.
    lab.fake.fail(None);
    pass(60).await;
    assert_eq!(lab.get(PATH).await, first(Origin::Hit));
    lab.fake.fail(Some(ErrorKind::NotFound));
    for _ in 0..10 {
        pass(60).await;
        assert_eq!(lab.get(PATH).await, first(Origin::Stale));
        assert_eq!(lab.get("/pinned/linux").await, first(Origin::Stale));
    }
    pass(60).await;
    assert_eq!(lab.get(PATH).await, Got::Refused(404));
    assert_eq!(lab.get("/pinned/linux").await, first(Origin::Stale));
    until(|| lab.names().len() == 2).await;
}

/// Another server's file is not this one, whatever its validator.
#[tokio::test(start_paused = true)]
async fn a_backend_that_points_elsewhere_begins_without_files() {
    let mut lab = lab().await;
    lab.fake.fail(Some(ErrorKind::Server));
    let other = Known {
        config: "second".to_owned(),
        name: lab.backend.name.clone(),
        boot_path: None,
        ..*lab.backend
    };
    lab.backend = Arc::new(other);
    assert_eq!(lab.get(PATH).await, Got::Refused(503));
    until(|| lab.names().len() == 2).await;
}

impl Lab {
    /// Whether the storage confirmed a file when it was asked last.
    fn confirmed(&self, path: &str) -> bool {
        let state = self.cache.state();
        let slot = state.slots.get(&self.place(path).key());
        slot.is_some_and(|slot| slot.is_confirmed)
    }
}
