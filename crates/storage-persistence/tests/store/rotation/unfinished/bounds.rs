//! How many keys there may be, and how many may rotate at once.

use super::*;

/// A file with one key more than that could not be read any more, and the secrets with it.
#[tokio::test]
async fn no_more_keys_are_made_than_can_be_read() {
    let place = Place::new(Sqlite).await;
    let good = place.make("good").await;
    let mut last = None;
    for round in 1..KeyRing::MAX_KEYS {
        last = Some(place.make_broken(&format!("bad{round}")).await);
        assert_eq!(place.rotate(Rotation::Whole).await.unopened, round as u64);
    }
    let text = place.text();
    assert_eq!(place.keys_in_file(), KeyRing::MAX_KEYS);
    for rotation in [Rotation::Whole, Rotation::Prepare] {
        let refused = place.try_rotate(rotation).await.unwrap_err();
        let told = chain(&refused);
        for wanted in ["secret.key holds 16 keys", "delete these backends", "again"] {
            assert!(told.contains(wanted), "{told}");
        }
        assert_eq!(place.text(), text);
    }
    place.service.delete(last.unwrap().id, None, None).await.unwrap();
    let rotated = place.rotate(Rotation::Whole).await;
    assert_eq!((rotated.is_resumed, rotated.unopened), (false, 14));
    assert_eq!(place.service.open(good.id).await.unwrap(), good);
}

/// Two at once on one file: one after the other, or the second is told.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_at_once_lose_nothing(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let place = Arc::new(Place::new(kind).await);
    let good = place.make("good").await;
    place.make_broken("bad").await;
    for _ in 0..4 {
        let (one, two) = (Arc::clone(&place), Arc::clone(&place));
        let one = tokio::spawn(async move { one.try_rotate(Rotation::Whole).await });
        let two = tokio::spawn(async move { two.try_rotate(Rotation::Whole).await });
        let ended = [one.await.unwrap(), two.await.unwrap()];
        assert!(ended.iter().any(Result::is_ok), "{ended:?}");
        for refused in ended.into_iter().filter_map(Result::err) {
            assert!(matches!(refused, StoreError::Keys(KeyError::Busy)), "{refused:?}");
        }
        assert_eq!((place.report().await.keys.len(), place.keys_in_file()), (2, 2));
        assert_eq!(place.service.open(good.id).await.unwrap(), good);
    }
}
