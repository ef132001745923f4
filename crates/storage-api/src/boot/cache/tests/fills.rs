//! Filling a file.

use futures_util::future::join_all;
use rstest::rstest;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_clients_read_a_cold_file_from_one_reading_of_the_storage() {
    let lab = Lab::new();
    let all = content(3 * MIB + 5);
    lab.fake.put(PATH, &all);
    lab.fake.hold_pieces();
    let clients = (0..100).map(|_| lab.get(PATH));
    let let_go = async {
        // All wait for the first byte of the one reading.
        until(|| lab.fake.opens() == 1 && lab.followers(PATH) == 100).await;
        lab.fake.let_pieces(1000);
    };
    let (got, ()) = tokio::join!(join_all(clients), let_go);
    for got in got {
        assert!(got == Got::Whole(all.clone(), Origin::Fill));
    }
    lab.kept(PATH).await;
    assert!(lab.get(PATH).await == Got::Whole(all, Origin::Hit));
    assert_eq!((lab.fake.opens(), lab.names().len()), (1, 2));
}

/// A description opens nothing, and conditions that are decided by it neither.
#[tokio::test]
async fn what_needs_no_bytes_begins_no_fill() {
    let lab = Lab::new();
    lab.fake.put(PATH, &content(100));
    let none = Got::Whole(Vec::new(), Origin::Storage);
    assert_eq!(lab.request(PATH, false, None).await, none);
    assert_eq!(lab.ask(PATH, Some("bytes=100-")).await, none);
    assert_eq!(lab.get("/boot/none").await, Got::Refused(404));
    assert_eq!(lab.fake.opens(), 0);
    assert!(lab.cache.state().slots.is_empty());
    lab.get(PATH).await;
    lab.kept(PATH).await;
    lab.fake.fail(Some(ErrorKind::Server));
    let none = Got::Whole(Vec::new(), Origin::Hit);
    assert_eq!(lab.request(PATH, false, None).await, none);
    assert_eq!(lab.ask(PATH, Some("bytes=100-")).await, none);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_follow_a_file_that_grows_and_read_apart_what_is_far() {
    let lab = Lab::new();
    let all = content(8 * MIB);
    lab.fake.put(PATH, &all);
    lab.fake.hold_pieces();
    let whole = lab.get(PATH);
    let near = async {
        until(|| lab.fake.opens() == 1).await;
        lab.ask(PATH, Some("bytes=4000000-4000099")).await
    };
    let rest = async {
        until(|| lab.followers(PATH) == 2).await;
        let far = lab.ask(PATH, Some("bytes=8000000-8000099"));
        let one_piece = async {
            until(|| lab.fake.opens() == 2).await;
            lab.fake.let_pieces(1);
        };
        // The fill waits for a piece too: whoever gets it, the second lets the other one go on.
        let more = async {
            until(|| lab.fake.opens() == 2).await;
            lab.fake.let_pieces(1);
        };
        let (far, (), ()) = tokio::join!(far, one_piece, more);
        assert!(far == Got::Whole(all[8_000_000..8_000_100].to_vec(), Origin::Storage));
        lab.fake.let_pieces(1000);
    };
    let (whole, near, ()) = tokio::join!(whole, near, rest);
    assert!(near == Got::Whole(all[4_000_000..4_000_100].to_vec(), Origin::Fill));
    assert!(whole == Got::Whole(all, Origin::Fill));
    assert_eq!(lab.fake.opens(), 2);
}

/// A range at the end of a file that nobody reads is no reason to read all of it.
#[tokio::test]
async fn a_range_far_within_a_cold_file_fills_nothing() {
    let lab = Lab::new();
    let all = content(8 * MIB);
    lab.fake.put(PATH, &all);
    let far = lab.ask(PATH, Some("bytes=8000000-8000099")).await;
    assert!(far == Got::Whole(all[8_000_000..8_000_100].to_vec(), Origin::Storage));
    assert!(lab.names().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_dies_ends_every_connection_short() {
    let lab = Lab::new();
    let all = content(2 * MIB);
    lab.fake.put(PATH, &all);
    lab.fake.hold_pieces();
    let clients = (0..20).map(|_| lab.get(PATH));
    let kill = async {
        until(|| lab.followers(PATH) == 20).await;
        lab.fake.let_pieces(10);
        until(|| lab.good(PATH) == 10 * PIECE as u64).await;
        lab.fake.fail(Some(ErrorKind::Server));
        lab.fake.let_pieces(1);
    };
    let (got, ()) = tokio::join!(join_all(clients), kill);
    for got in got {
        let Got::Short(got) = got else { panic!("{got:?}") };
        assert!(got == all[..got.len()] && got.len() <= 10 * PIECE);
    }
    until(|| lab.names().is_empty()).await;
    assert_eq!(lab.get(PATH).await, Got::Refused(503));
    // It is back: nothing of the first half is in the way.
    lab.fake.fail(None);
    lab.fake.let_pieces(1000);
    assert!(lab.get(PATH).await == Got::Whole(all, Origin::Fill));
}

/// All but the end may be out, so that the end is what nobody gets.
#[rstest]
#[case(2 * MIB)]
#[case(100)]
#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_another_hash_is_never_whole(#[case] bytes: usize) {
    let lab = Lab::new();
    let all = content(bytes);
    lab.fake.put(PATH, &all);
    *lab.fake.0.expected.lock().unwrap() = Some(hash_of(b"other"));
    for got in join_all((0..10).map(|_| lab.get(PATH))).await {
        match got {
            Got::Short(got) => assert!(got == all[..got.len()] && got.len() <= bytes - PIECE),
            Got::Refused(status) => assert_eq!(status, 503),
            Got::Whole(..) => panic!("it was whole"),
        }
    }
    until(|| lab.names().is_empty()).await;
    *lab.fake.0.expected.lock().unwrap() = Some(hash_of(&all));
    assert!(lab.get(PATH).await == Got::Whole(all, Origin::Fill));
    lab.kept(PATH).await;
}

/// Not every storage notices it while it is read.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_while_it_is_filled_is_not_kept() {
    let lab = Lab::new();
    let (old, new) = (content(MIB), vec![7; MIB]);
    lab.fake.put(PATH, &old);
    lab.fake.hold_pieces();
    let change = async {
        until(|| lab.fake.opens() == 1).await;
        lab.fake.put(PATH, &new);
        lab.fake.let_pieces(1000);
    };
    let (got, ()) = tokio::join!(lab.get(PATH), change);
    let Got::Short(got) = got else { panic!("{got:?}") };
    assert!(got == old[..got.len()] && got.len() <= MIB - PIECE);
    assert!(lab.get(PATH).await == Got::Whole(new, Origin::Fill));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_forgotten_while_it_is_filled_is_another_one_for_who_waits() {
    let lab = Lab::new();
    let (old, new) = (content(MIB), vec![7; MIB]);
    lab.fake.put(PATH, &old);
    lab.fake.hold_pieces();
    let replace = async {
        until(|| lab.followers(PATH) == 1).await;
        lab.fake.put(PATH, &new);
        lab.cache.forget(lab.backend.id, &"/boot".parse().unwrap()).await;
        lab.fake.let_pieces(1000);
    };
    let (got, ()) = tokio::join!(lab.get(PATH), replace);
    assert!(got == Got::Whole(new.clone(), Origin::Fill));
    lab.kept(PATH).await;
    assert!(lab.get(PATH).await == Got::Whole(new, Origin::Hit));
    assert_eq!(lab.names().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_forgotten_is_gone_from_the_disk_too() {
    let lab = Lab::new();
    lab.fake.put(PATH, b"old");
    lab.get(PATH).await;
    lab.kept(PATH).await;
    lab.cache.forget(BackendId::generate(), &FilePath::root()).await;
    lab.cache
        .forget(lab.backend.id, &"/boot/lin".parse().unwrap())
        .await;
    assert_eq!(lab.names().len(), 2);
    lab.cache.forget(lab.backend.id, &FilePath::root()).await;
    assert!(lab.names().is_empty());
    lab.fake.put(PATH, b"new");
    assert_eq!(lab.get(PATH).await, Got::Whole(b"new".to_vec(), Origin::Fill));
}

/// What begins while as many files are filled as may be is read from the storage.
#[tokio::test(flavor = "multi_thread")]
async fn few_files_are_filled_at_once() {
    let lab = Lab::new();
    lab.fake.hold_pieces();
    let paths: Vec<_> = (0..=FILLS).map(|n| format!("/boot/{n}")).collect();
    for path in &paths {
        lab.fake.put(path, &content(100));
    }
    let (first, rest) = paths.split_last().unwrap();
    let filling = join_all(rest.iter().map(|path| lab.get(path)));
    let other = async {
        until(|| lab.fake.opens() == FILLS).await;
        let one = lab.get(first);
        let let_go = async {
            until(|| lab.fake.opens() == FILLS + 1).await;
            lab.fake.let_pieces(1000);
        };
        tokio::join!(one, let_go).0
    };
    let (filled, other) = tokio::join!(filling, other);
    assert_eq!(other, Got::Whole(content(100), Origin::Storage));
    for got in filled {
        assert_eq!(got, Got::Whole(content(100), Origin::Fill));
    }
}

/// A part of a file that all have left is not worth the rest.
#[tokio::test(start_paused = true)]
async fn a_fill_that_nobody_follows_ends_if_it_is_not_far() {
    let lab = Lab::new();
    lab.fake.put(PATH, &content(MIB));
    lab.fake.hold_pieces();
    let place = lab.place(PATH);
    let asked = FileRequest::new(true, |_| None);
    let leave = async {
        until(|| lab.followers(PATH) == 1).await;
    };
    tokio::select! {
        _ = lab.cache.download(&place, &asked) => panic!("it has no byte"),
        () = leave => {}
    }
    // At the second piece it was seen that nobody follows.
    for _ in 0..2 {
        lab.fake.let_pieces(1);
        until(|| lab.fake.0.pieces.available_permits() == 0).await;
        tokio::time::advance(Duration::from_secs(11)).await;
    }
    lab.fake.let_pieces(1);
    lab.until(PATH, |held| held.is_none()).await;
    until(|| lab.names().is_empty()).await;
}

impl Lab {
    fn fill(&self, path: &str) -> Option<Arc<Fill>> {
        let state = self.cache.state();
        match &state.slots.get(&self.place(path).key())?.held {
            Some(Held::Fill(fill)) => Some(Arc::clone(fill)),
            _ => None,
        }
    }

    /// Clients that follow a fill.
    fn followers(&self, path: &str) -> usize {
        self.fill(path).map_or(0, |fill| fill.progress.receiver_count())
    }

    /// Bytes of a fill that may be served.
    fn good(&self, path: &str) -> u64 {
        self.fill(path).map_or(0, |fill| fill.good())
    }
}
