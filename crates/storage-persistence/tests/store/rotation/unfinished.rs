//! Rotations that were broken off, and rows that no rotation can finish.

mod bounds;

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use storage_domain::Backend;
use storage_persistence::{KeyError, KeyRing, Rotated};

use super::*;

impl Place {
    fn file(&self) -> PathBuf {
        self.home.path().join("secret.key")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }

    fn keys_in_file(&self) -> usize {
        self.source.load().unwrap().ids().count()
    }

    async fn present(&self) -> String {
        let keys = self.report().await.keys;
        let present = keys.iter().find(|key| key.is_current).unwrap();
        present.id.to_string()
    }

    async fn try_rotate(&self, rotation: Rotation) -> Result<Rotated, StoreError> {
        let command = self.command().await;
        let record = AuditRecord::new("keys.rotate");
        let rotated = command.rotate(&self.source, rotation, Some(record)).await;
        command.close().await;
        rotated
    }

    async fn rotate(&self, rotation: Rotation) -> Rotated {
        self.try_rotate(rotation).await.unwrap()
    }

    /// By a process that knows the present key, as the service does once it read a row.
    async fn make(&self, name: &str) -> Backend {
        let command = self.command().await;
        let made = command.create(web(name), None).await.unwrap();
        command.close().await;
        made
    }

    async fn make_broken(&self, name: &str) -> Backend {
        let made = self.make(name).await;
        let broken = "config = '{\"password\":{\"$sealed\":\"1.x.AAAA\"}}'";
        set(&self.database, &made, broken).await;
        made
    }

    /// The details of the audit trail, the newest first.
    async fn told(&self) -> Vec<String> {
        let records = trail(&self.service).await;
        records
            .into_iter()
            .map(|record| record.detail.unwrap_or_default())
            .collect()
    }
}

/// Whoever rotates because the present key leaked must not stay on it.
#[rstest]
#[tokio::test]
async fn a_row_that_cannot_be_opened_holds_up_no_rotation(
    #[values(Sqlite, Postgres)] kind: TestDatabaseKind,
) {
    let place = Place::new(kind).await;
    let good = place.make("good").await;
    let bad = place.make_broken("bad").await;
    let mut seen = HashSet::from([place.present().await]);
    for round in 0..3 {
        let rotated = place.rotate(Rotation::Whole).await;
        assert_eq!(
            (rotated.is_resumed, rotated.rows, rotated.unopened),
            (false, 1, 1),
            "round {round}"
        );
        assert!(seen.insert(rotated.key.to_string()), "round {round}: no new key");
        assert_eq!(place.present().await, rotated.key.as_str());
        assert_eq!(place.told().await[0], format!("key {}, 1 backends", rotated.key));
        // The first key is that of the broken row.
        assert_eq!((place.report().await.keys.len(), place.keys_in_file()), (2, 2));
        assert_eq!(place.service.open(good.id).await.unwrap(), good);
    }
    place.service.delete(bad.id, None, None).await.unwrap();
    let rotated = place.rotate(Rotation::Whole).await;
    assert!(!rotated.is_resumed && rotated.unopened == 0 && seen.insert(rotated.key.to_string()));
    assert_eq!((place.report().await.keys.len(), place.keys_in_file()), (1, 1));
}

/// A service that sealed nothing and read nothing since then: the older key is known still, and not to be used.
#[rstest]
#[tokio::test]
async fn a_row_that_cannot_be_opened_keeps_its_key_for_itself(
    #[values(Sqlite, Postgres)] kind: TestDatabaseKind,
) {
    let place = Place::new(kind).await;
    let made = place.make("made").await;
    place.make_broken("bad").await;
    // Two services: one creates first, the other changes.
    let (creates, changes) = (place.command().await, place.command().await);
    let rotated = place.rotate(Rotation::Whole).await;
    let new = creates.create(web("new"), None).await.unwrap();
    let mut record = AuditRecord::new("backend.update");
    let plain = changes
        .update(&made, &made.name, &crate::support::nfs(), None, Some(&mut record))
        .await
        .unwrap();
    let still = place.command().await;
    let old = still.create(web("old"), None).await.unwrap();
    let secret = changes
        .update(&plain, &made.name, &http(), None, None)
        .await
        .unwrap();
    let keys = place.report().await.keys;
    let rows: Vec<_> = keys.iter().map(|key| (key.is_current, key.rows)).collect();
    assert_eq!((&keys[0].id, rows), (&rotated.key, vec![(true, 3), (false, 1)]));
    for backend in [new, old, secret] {
        assert_eq!(place.service.open(backend.id).await.unwrap(), backend);
    }
}

/// What is said to be not in use yet is none that is in use.
#[rstest]
#[tokio::test]
async fn a_row_that_cannot_be_opened_holds_up_no_new_key(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let place = Place::new(kind).await;
    let good = place.make("good").await;
    place.make_broken("bad").await;
    let present = place.rotate(Rotation::Whole).await.key;
    let prepared = place.rotate(Rotation::Prepare).await;
    assert_ne!(prepared.key, present);
    assert_eq!(
        (prepared.is_resumed, prepared.rows, prepared.unopened),
        (false, 0, 0)
    );
    assert_eq!(place.present().await, present.as_str(), "it is not in use yet");
    assert_eq!(place.told().await[0], format!("key {} prepared", prepared.key));
    assert_eq!(place.told().await.len(), 2);
    let again = place.rotate(Rotation::Prepare).await;
    assert_eq!((&again.key, again.is_resumed), (&prepared.key, true));
    let rotated = place.rotate(Rotation::Whole).await;
    assert_eq!(
        (rotated.key, rotated.is_resumed, rotated.rows, rotated.unopened),
        (prepared.key, true, 1, 1)
    );
    assert_eq!(place.service.open(good.id).await.unwrap(), good);
}

/// After which step a rotation was killed. The first one is what `--prepare` leaves. The next two are what rotations
/// of several transactions left, as the build of 23 November had them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Killed {
    /// No row is encrypted with the new key yet.
    ChangedOver,
    /// The database still knows the old key.
    Encrypted,
    /// The file still has it.
    Committed,
}
use Killed::{ChangedOver, Committed, Encrypted};

/// Leaves what the rotation left; returns the key that is in use then.
async fn kill(place: &Place, after: Killed) -> String {
    let old = place.present().await;
    let new = place.rotate(Rotation::Prepare).await.key.to_string();
    let text = place.text();
    let know = |id: &str, is_current: bool| {
        format!(
            "INSERT INTO secret_keys (id, is_current, created_at) VALUES ('{id}', {is_current}, 1) ON CONFLICT DO NOTHING"
        )
    };
    if after == ChangedOver {
        let database = &place.database;
        database
            .execute("UPDATE secret_keys SET is_current = FALSE")
            .await;
        database.execute(&know(&new, true)).await;
    } else {
        assert_eq!(place.rotate(Rotation::Whole).await.key.as_str(), new);
        fs::write(place.file(), &text).unwrap();
    }
    if after == Encrypted {
        place.database.execute(&know(&old, false)).await;
    }
    assert_eq!(place.present().await, new);
    new
}

#[rstest]
#[tokio::test]
async fn nothing_is_left_of_one_that_was_killed(
    #[values(Sqlite, Postgres)] kind: TestDatabaseKind,
    #[values(ChangedOver, Encrypted, Committed)] after: Killed,
    #[values(0, 1)] broken: u64,
    #[values(Rotation::Whole, Rotation::Prepare)] rotation: Rotation,
) {
    let place = Place::new(kind).await;
    let good = [place.make("one").await, place.make("two").await];
    if broken == 1 {
        place.make_broken("bad").await;
    }
    let present = kill(&place, after).await;
    let before = place.told().await.len();
    let rotated = place.rotate(rotation).await;

    let is_whole = rotation == Rotation::Whole;
    let rows = if is_whole { (2, broken) } else { (0, 0) };
    assert_eq!((rotated.rows, rotated.unopened), rows);
    assert!(
        !rotated.is_resumed && rotated.key.as_str() != present,
        "{rotated:?}"
    );
    let now = if is_whole { rotated.key.as_str() } else { &present };
    assert_eq!(place.present().await, now);
    let told = place.told().await;
    let done = if is_whole { ", 2 backends" } else { " prepared" };
    assert_eq!(
        told[..told.len() - before],
        [format!("key {}{done}", rotated.key)]
    );

    let known = 1 + usize::try_from(broken).unwrap();
    let older = usize::from(after == ChangedOver && broken == 0);
    let in_file = if is_whole { known } else { known + older + 1 };
    assert_eq!(place.keys_in_file(), in_file);
    for backend in &good {
        assert_eq!(&place.service.open(backend.id).await.unwrap(), backend);
    }
    let next = place.rotate(Rotation::Whole).await;
    assert_eq!(next.is_resumed, !is_whole);
    assert_ne!(next.key.as_str(), present);
    assert_eq!((next.rows, next.unopened), (2, broken));
    assert_eq!(
        (place.report().await.keys.len(), place.keys_in_file()),
        (known, known)
    );
}

/// A key can't be made there: one is asked for, and with it nothing is left.
#[rstest]
#[tokio::test]
async fn a_place_that_is_only_read_asks_for_a_key(
    #[values(Sqlite, Postgres)] kind: TestDatabaseKind,
    #[values(ChangedOver, Encrypted, Committed)] after: Killed,
    #[values(0, 1)] broken: u64,
) {
    const NEW: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let place = Place::new(kind).await;
    let good = place.make("good").await;
    if broken == 1 {
        place.make_broken("bad").await;
    }
    kill(&place, after).await;
    let given = |keys: &str| KeySource::Given {
        keys: keys.parse().unwrap(),
        place: "a variable",
    };
    let store = place.command().await;
    for rotation in [Rotation::Whole, Rotation::Prepare] {
        let refused = store.rotate(&given(&place.text()), rotation, None).await;
        let refused = refused.unwrap_err();
        assert!(
            matches!(refused, StoreError::Keys(KeyError::Fixed { .. })),
            "{refused:?}"
        );
    }
    let with_new = given(&format!("{NEW}\n{}", place.text()));
    let rotated = store.rotate(&with_new, Rotation::Whole, None).await.unwrap();
    assert_eq!(
        (rotated.is_resumed, rotated.rows, rotated.unopened),
        (true, 1, broken)
    );
    assert_eq!(store.open(good.id).await.unwrap(), good);
    assert_eq!(
        place
            .report()
            .await
            .keys
            .iter()
            .filter(|key| key.is_current || key.rows > 0)
            .count() as u64,
        1 + broken
    );
}
