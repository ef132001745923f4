use std::net::SocketAddr;

use rstest::rstest;
use storage_domain::Revision;

use super::*;
use crate::mount::table;
use crate::net::Egress;

const REVISION: Revision = Revision(3);
const MADE: &str =
    "101 27 0:52 / /m ro,nosuid,nodev,noexec,relatime - net 10.0.0.5:/srv/images ro,timeo=50,addr=10.0.0.5";

fn entry(line: &str) -> MountEntry {
    table::parse(line.as_bytes()).pop().unwrap()
}

fn spec(read_write: bool) -> MountSpec {
    MountSpec {
        revision: REVISION,
        fstypes: &["net", "net4"],
        host: "10.0.0.5".parse().unwrap(),
        read_write,
    }
}

/// What the service remembers of a mount that it made for a revision.
fn memory(revision: Option<i64>, was_mounted: bool) -> Memory {
    let made = revision.map(|revision| Record {
        revision: Revision(revision),
        entry: entry(MADE),
    });
    Memory {
        made,
        was_mounted,
        ..Memory::default()
    }
}

fn addrs(texts: &[&str]) -> Vec<Permitted> {
    let addrs = texts.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0));
    Egress::default().permit(None, addrs.collect(), None).unwrap()
}

/// What is mounted, against what the service made.
#[rstest]
#[case::nothing(&[], None, false, Decision::Mount { again: false })]
#[case::nothing_any_more(&[], Some(3), true, Decision::Mount { again: true })]
#[case::nothing_after_an_unmount(&[], Some(3), false, Decision::Mount { again: false })]
#[case::as_made(&[MADE.to_owned()], Some(3), true, Decision::Adopt(&entry(MADE)))]
#[case::as_made_at_the_first_look(&[MADE.to_owned()], Some(3), false, Decision::Adopt(&entry(MADE)))]
#[case::no_record(&[MADE.to_owned()], None, false, Decision::Replace(Reason::Foreign))]
#[case::of_another_revision(&[MADE.to_owned()], Some(2), true, Decision::Replace(Reason::Foreign))]
#[case::twice(&[MADE.to_owned(), MADE.to_owned()], Some(3), true, Decision::Replace(Reason::Foreign))]
#[case::another_id(&[MADE.replace("101 ", "102 ")], Some(3), true, Decision::Replace(Reason::Foreign))]
#[case::another_source(&[MADE.replace("images", "other")], Some(3), true, Decision::Replace(Reason::Foreign))]
#[case::another_server(&[MADE.replace("addr=10.0.0.5", "addr=10.0.0.9")], Some(3), true, Decision::Replace(Reason::Foreign))]
#[case::another_type(&[MADE.replace(" net ", " tmpfs ")], Some(3), true, Decision::Replace(Reason::Foreign))]
#[case::other_options(&[MADE.replace("timeo=50", "timeo=60")], Some(3), true, Decision::Replace(Reason::Foreign))]
#[case::made_unsafe(&[MADE.replace("nosuid,", "")], Some(3), true, Decision::Replace(Reason::Foreign))]
#[case::made_writable(&[MADE.replace("ro,", "rw,")], Some(3), true, Decision::Replace(Reason::Foreign))]
fn what_is_mounted_decides(
    #[case] layers: &[String],
    #[case] made: Option<i64>,
    #[case] was_mounted: bool,
    #[case] decision: Decision<'_>,
) {
    let layers: Vec<_> = layers.iter().map(|line| entry(line)).collect();
    let memory = memory(made, was_mounted);
    let seen = Seen {
        failure: None,
        connects: true,
        addrs: &addrs(&["10.0.0.5"]),
        now: Instant::now(),
    };
    assert_eq!(decide(&layers, &spec(false), &memory, &seen), decision);
}

/// Access times may be kept in another way: an administrator's remount.
#[test]
fn flags_that_do_not_matter_may_change() {
    let layers = [entry(&MADE.replace("relatime", "noatime"))];
    let memory = memory(Some(3), true);
    let seen = Seen {
        failure: None,
        connects: false,
        addrs: &[],
        now: Instant::now(),
    };
    assert_eq!(
        decide(&layers, &spec(false), &memory, &seen),
        Decision::Adopt(&layers[0])
    );
    let unwanted = decide(&layers, &spec(true), &memory, &seen);
    assert_eq!(unwanted, Decision::Replace(Reason::Foreign));
}

const TIMEOUT: Failure = Failure::Timeout;
const EIO: Failure = Failure::Kernel(Errno::EIO as i32);
const SAME: &[&str] = &["10.0.0.5"];
const MOVED: &[&str] = &["10.0.0.6"];

const fn kernel(errno: Errno) -> (u64, Option<Failure>, bool) {
    (0, Some(Failure::Kernel(errno as i32)), true)
}

/// What becomes of a mount that was made here, from what it answers at each minute, and whether the server accepted a
/// new connection then.
#[rstest]
#[case::answers(&[(0, None, true)], SAME, None)]
#[case::stale(&[kernel(Errno::ESTALE)], SAME, Some(Reason::Dead))]
#[case::denied(&[kernel(Errno::EACCES)], SAME, Some(Reason::Dead))]
#[case::no_device(&[kernel(Errno::ENODEV)], SAME, Some(Reason::Dead))]
#[case::stale_without_a_connection(&[(0, Some(Failure::Kernel(Errno::ESTALE as i32)), false)], SAME, Some(Reason::Dead))]
#[case::eio(&[(0, Some(EIO), true)], SAME, None)]
#[case::eio_not_long_enough(&[(0, Some(EIO), true), (4, Some(EIO), true)], SAME, None)]
#[case::eio_that_lasts(&[(0, Some(EIO), true), (5, Some(EIO), true)], SAME, Some(Reason::Dead))]
#[case::eio_without_a_connection(&[(0, Some(EIO), false), (5, Some(EIO), false)], SAME, None)]
#[case::eio_of_a_server_that_was_away(&[(0, Some(EIO), true), (3, Some(EIO), false), (6, Some(EIO), true)], SAME, None)]
#[case::eio_with_a_late_connection(&[(0, Some(EIO), false), (6, Some(EIO), true)], SAME, None)]
#[case::eio_with_an_answer_between(&[(0, Some(EIO), true), (3, None, true), (6, Some(EIO), true)], SAME, None)]
#[case::eio_with_a_timeout_between(&[(0, Some(EIO), true), (3, Some(TIMEOUT), true), (6, Some(EIO), true)], SAME, None)]
#[case::timeout(&[(0, Some(TIMEOUT), true), (60, Some(TIMEOUT), true)], SAME, None)]
#[case::timeout_of_the_kernel(&[kernel(Errno::ETIMEDOUT), (60, Some(Failure::Kernel(Errno::ETIMEDOUT as i32)), true)], SAME, None)]
#[case::host_down(&[kernel(Errno::EHOSTDOWN), (60, Some(Failure::Kernel(Errno::EHOSTDOWN as i32)), true)], SAME, None)]
#[case::not_connected(&[kernel(Errno::ENOTCONN), (60, Some(Failure::Kernel(Errno::ENOTCONN as i32)), true)], SAME, None)]
#[case::moved_and_answers(&[(0, None, true), (60, None, true)], MOVED, None)]
#[case::moved_not_long_enough(&[(0, Some(TIMEOUT), true), (4, Some(TIMEOUT), true)], MOVED, None)]
#[case::moved(&[(0, Some(TIMEOUT), true), (5, Some(TIMEOUT), true)], MOVED, Some(Reason::Moved))]
#[case::moved_without_a_connection(&[(0, Some(TIMEOUT), false), (5, Some(TIMEOUT), false)], MOVED, None)]
#[case::addresses_are_not_known(&[(0, Some(TIMEOUT), true), (5, Some(TIMEOUT), true)], &[], None)]
fn what_it_answers_decides(
    #[case] answers: &[(u64, Option<Failure>, bool)],
    #[case] now_at: &[&str],
    #[case] reason: Option<Reason>,
) {
    let layers = [entry(MADE)];
    let mut memory = memory(Some(3), true);
    let (begun, addrs) = (Instant::now(), addrs(now_at));
    let mut last = Decision::Adopt(&layers[0]);
    for (minute, failure, connects) in answers {
        assert_eq!(last, Decision::Adopt(&layers[0]), "it is replaced too early");
        let seen = Seen {
            failure: *failure,
            connects: *connects,
            addrs: &addrs,
            now: begun + Duration::from_mins(*minute),
        };
        memory.note(&seen);
        last = decide(&layers, &spec(false), &memory, &seen);
    }
    assert_eq!(
        last,
        reason.map_or(Decision::Adopt(&layers[0]), Decision::Replace)
    );
}
