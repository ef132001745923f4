//! New certificates while it serves.

use super::*;

/// Requests go on all the while; none fails, and in the end the new certificate is shown.
#[test]
fn a_new_certificate_is_taken_up_while_it_serves() {
    let mut files = Files::new();
    let service = files.serve();
    files.renew(Duration::from_hours(24 * 90));
    let client = files.client(&[&TLS13]);
    let new = files.known[1].clone();
    until("the new certificate is shown", || {
        let (connection, answer) = ask(&service, &client);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        (shown(&connection) == new).then_some(())
    });
    assert!(told(&service, "INFO", "the TLS certificate was read again"));

    files.renew(Duration::from_hours(24 * 90));
    service.signal(Signal::SIGHUP);
    let client = files.client(&[&TLS13]);
    let newest = files.known[2].clone();
    until("the newest certificate is shown", || {
        (shown(&ask(&service, &client).0) == newest).then_some(())
    });
}

/// What keeps a file from being read may pass without a change of the file.
#[test]
fn a_new_certificate_that_can_not_be_read_just_now_is_read_later() {
    let mut files = Files::new();
    let service = files.serve();
    // An answer shows that the start is over: it needs files too.
    ask(&service, &files.client(&[&TLS13]));
    service.bound("--nofile=3:4096");
    files.renew(Duration::from_hours(24 * 90));
    until("it is told", || {
        told(&service, "ERROR", "can't be used").then_some(())
    });
    service.bound("--nofile=4096:4096");
    let client = files.client(&[&TLS13]);
    let new = files.known[1].clone();
    until("the new certificate is shown", || {
        (shown(&ask(&service, &client).0) == new).then_some(())
    });
}

#[rstest]
#[case::nonsense("nonsense", 0o600, "holds no private key")]
#[case::of_another("", 0o600, "does not fit")]
#[case::open("", 0o644, "is open to other users (mode 0644)")]
fn a_bad_new_key_is_told_and_the_old_one_stays(#[case] text: &str, #[case] mode: u32, #[case] says: &str) {
    let files = Files::new();
    let service = files.serve();
    let other = Files::new();
    let text = if text.is_empty() {
        std::fs::read_to_string(other.key()).expect("a key")
    } else {
        text.to_owned()
    };
    put(&files.key(), &text, mode);
    service.signal(Signal::SIGHUP);
    until("it is told", || told(&service, "ERROR", says).then_some(()));
    let (connection, answer) = ask(&service, &files.client(&[&TLS13]));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(shown(&connection), files.known[0]);
    assert!(!service.log().contains("PRIVATE KEY"), "{}", service.log());
}
