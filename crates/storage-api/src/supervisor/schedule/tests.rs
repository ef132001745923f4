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
    let schedule = Schedule::new(Some(minute), minute);
    schedule.replace(&tested, Instant::now());
    let now = Instant::now();
    let early = schedule
        .entries()
        .values()
        .filter(|w| w.due < now + minute / 2)
        .count();
    assert!((400..600).contains(&early), "{early} in the first half");
    for (id, _) in &tested {
        schedule.hurry(*id);
    }
    let mut taken = Vec::new();
    while let Due::Now(id, permit) = schedule.take() {
        taken.push((id, permit));
    }
    assert_eq!(taken.len(), CHECKS_AT_ONCE);
    let mut ids: Vec<_> = taken.iter().map(|(id, _)| *id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), CHECKS_AT_ONCE, "none is taken twice");
}

#[test]
fn a_lost_count_is_made_again_soon_and_later_each_time() {
    let (minute, hour) = (Duration::from_mins(1), Duration::from_hours(1));
    let schedule = Schedule::new(Some(minute), hour);
    let id = BackendId::generate();
    // A backend whose first test is still under way is not known yet.
    let in_minutes =
        |schedule: &Schedule| (schedule.entries()[&id].count_due - Instant::now()).as_secs_f64() / 60.0;
    for wanted in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] {
        schedule.counted(id, CountResult::Partial);
        let found = in_minutes(&schedule);
        assert!(
            (0.89..1.11).contains(&(found / wanted)),
            "{found} minutes, wanted {wanted}"
        );
    }
    schedule.counted(id, CountResult::Complete);
    schedule.count_begun(id);
    assert!(in_minutes(&schedule) > 50.0);
    schedule.counted(id, CountResult::Partial);
    assert!(
        in_minutes(&schedule) < 1.2,
        "a count that ended well makes it new"
    );
    for _ in 0..9 {
        schedule.counted(id, CountResult::NotStored);
    }
    assert!(
        in_minutes(&schedule) < 5.6,
        "the database may take it at any time"
    );
    schedule.count_begun(id);
    schedule.counted(id, CountResult::BrokenOff);
    assert!(in_minutes(&schedule) < 1.2, "what came first may have failed");
}

#[test]
fn a_first_failure_is_checked_again_soon() {
    let minute = Duration::from_mins(1);
    let schedule = Schedule::new(Some(minute), minute);
    let id = BackendId::generate();
    schedule.replace(&[(id, BackendStatus::Online)], Instant::now());
    assert!(schedule.is_first_failure(id));
    schedule.tested(id, "nas", false, true);
    assert!(!schedule.is_first_failure(id));
    let due = |schedule: &Schedule| schedule.entries()[&id].due - Instant::now();
    assert!(due(&schedule) <= RECHECK * 11 / 10);
    schedule.tested(id, "nas", true, false);
    assert!(schedule.is_first_failure(id) && due(&schedule) > minute / 2);
}

/// The list was read from the database before the result of the test was there.
#[test]
fn a_test_that_ends_during_a_list_is_kept() {
    let minute = Duration::from_mins(1);
    let (first, known) = (BackendId::generate(), BackendId::generate());
    let schedule = Schedule::new(Some(minute), minute);
    // It is still there from before a change of its config, after which it was tested again.
    schedule.tested(known, "nas", true, false);
    let begun = Instant::now();
    for id in [first, known] {
        schedule.tested(id, "nas", true, false);
    }
    let is_checked = |id: BackendId| schedule.entries().contains_key(&id);
    schedule.replace(&[], begun);
    assert!([first, known].into_iter().all(is_checked));
    schedule.replace(&[], Instant::now());
    assert!(
        ![first, known].into_iter().any(is_checked),
        "another process deleted them"
    );
}

/// Takes every check that is due and has a permit.
fn take_all(schedule: &Schedule) -> Vec<(BackendId, CheckPermit)> {
    let mut taken = Vec::new();
    while let Due::Now(id, permit) = schedule.take() {
        taken.push((id, permit));
    }
    taken
}

#[test]
fn silent_servers_leave_checks_for_backends_that_pass() {
    let minute = Duration::from_mins(1);
    let status = |n| {
        if n < 120 {
            BackendStatus::Error
        } else {
            BackendStatus::Online
        }
    };
    let tested: Vec<_> = (0..124).map(|n| (BackendId::generate(), status(n))).collect();
    let schedule = Schedule::new(Some(minute), minute);
    schedule.replace(&tested, Instant::now());
    // Those that fail have waited for longer.
    for (id, _) in &tested {
        schedule.hurry(*id);
    }
    let mut taken = take_all(&schedule);
    let (failing, passing): (Vec<_>, Vec<_>) =
        taken.iter().partition(|(_, permit)| !permit.may_use_reserve());
    assert_eq!(
        (failing.len(), passing.len()),
        (FAILING_AT_ONCE, CHECKS_AT_ONCE - FAILING_AT_ONCE)
    );
    let one_that_passes = taken
        .iter()
        .position(|(_, permit)| permit.may_use_reserve())
        .unwrap();
    drop(taken.remove(one_that_passes));
    let next = take_all(&schedule);
    assert_eq!(next.len(), 1);
    assert!(next[0].1.may_use_reserve(), "the last one that passes");
}

#[test]
fn a_server_that_fails_is_asked_once_at_a_time() {
    let minute = Duration::from_mins(1);
    let ids: Vec<_> = (0..9).map(|_| BackendId::generate()).collect();
    let schedule = Schedule::new(Some(minute), minute);
    let fail = |server: &str, ids: &[BackendId]| {
        for id in ids {
            schedule.tested(*id, server, false, false);
            schedule.hurry(*id);
        }
    };
    fail("silent", &ids[..8]);
    fail("other", &ids[8..]);
    let taken = take_all(&schedule);
    assert_eq!(taken.len(), 2, "one of each server");
    assert!(taken.iter().any(|(id, _)| *id == ids[8]));
    drop(taken);
    assert_eq!(take_all(&schedule).len(), 1, "the next one of the first server");
}
