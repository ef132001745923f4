use super::*;

#[test]
fn pauses_grow_up_to_five_minutes() {
    let minute = Duration::from_mins(1);
    let pauses: Vec<u64> = (0..6).map(|n| pause(minute, n).as_secs() / 60).collect();
    assert_eq!(pauses, [1, 1, 2, 4, 5, 5]);
    assert_eq!(pause(Duration::from_mins(30), 9), Duration::from_mins(30));
    assert_eq!(pause(Duration::from_secs(2), 9), Duration::from_secs(10));
}

#[test]
fn a_thousand_backends_are_spread_and_taken_a_few_at_a_time() {
    let minute = Duration::from_mins(1);
    let tested: Vec<_> = (0..1000)
        .map(|_| (BackendId::generate(), BackendStatus::Online))
        .collect();
    let rounds = Rounds::new(Some(minute), minute);
    rounds.replace(&tested);
    let now = Instant::now();
    let early = rounds
        .known()
        .values()
        .filter(|w| w.due < now + minute / 2)
        .count();
    assert!((400..600).contains(&early), "{early} in the first half");
    for (id, _) in &tested {
        rounds.hurry(*id);
    }
    let mut taken = Vec::new();
    while let Due::Now(id, turn) = rounds.take() {
        taken.push((id, turn));
    }
    assert_eq!(taken.len(), WATCHED_AT_ONCE);
    let mut ids: Vec<_> = taken.iter().map(|(id, _)| *id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), WATCHED_AT_ONCE, "none is taken twice");
}

#[test]
fn a_lost_count_is_made_again_soon_and_later_each_time() {
    let (minute, hour) = (Duration::from_mins(1), Duration::from_hours(1));
    let rounds = Rounds::new(Some(minute), hour);
    let id = BackendId::generate();
    // A backend whose first test is still under way is not known yet.
    let in_minutes = |rounds: &Rounds| (rounds.known()[&id].scan_due - Instant::now()).as_secs_f64() / 60.0;
    for wanted in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] {
        rounds.note_counted(id, Count::Partial);
        let found = in_minutes(&rounds);
        assert!(
            (0.89..1.11).contains(&(found / wanted)),
            "{found} minutes, wanted {wanted}"
        );
    }
    rounds.note_counted(id, Count::Whole);
    rounds.note_scan(id);
    assert!(in_minutes(&rounds) > 50.0);
    rounds.note_counted(id, Count::Partial);
    assert!(in_minutes(&rounds) < 1.2, "a count that ended well makes it new");
    for _ in 0..9 {
        rounds.note_counted(id, Count::NotStored);
    }
    assert!(in_minutes(&rounds) < 5.6, "the database may take it at any time");
    rounds.note_scan(id);
    rounds.note_counted(id, Count::BrokenOff);
    assert!(in_minutes(&rounds) < 1.2, "what came first may have failed");
}

#[test]
fn a_first_failure_is_looked_at_again_soon() {
    let minute = Duration::from_mins(1);
    let rounds = Rounds::new(Some(minute), minute);
    let id = BackendId::generate();
    rounds.replace(&[(id, BackendStatus::Online)]);
    assert!(rounds.is_first_failure(id));
    rounds.note(id, false, true);
    assert!(!rounds.is_first_failure(id));
    let due = |rounds: &Rounds| rounds.known()[&id].due - Instant::now();
    assert!(due(&rounds) <= RECHECK * 11 / 10);
    rounds.note(id, true, false);
    assert!(rounds.is_first_failure(id) && due(&rounds) > minute / 2);
}
