//! Ids, names, words and counts.

use rstest::rstest;
use storage_domain::{
    BackendId, BackendKind, BackendName, BackendStatus, ByteCount, Revision, Secret, Stats,
};

#[rstest]
#[case("a")]
#[case("NFS primary")]
#[case(" padded ")]
#[case("日本語")]
#[case("it's 100% <b>\"fine\"</b>")]
#[case("خزن\u{200f} 1")]
#[case("👩\u{200d}💻")]
fn names_that_are_accepted(#[case] text: &str) {
    assert_eq!(text.parse::<BackendName>().unwrap().as_str(), text);
}

#[rstest]
#[case("", "blank")]
#[case(" \u{a0}\u{3000}", "blank")]
#[case("a\tb", "control")]
#[case("a\nb", "control")]
#[case("a\0b", "control")]
#[case("a\u{85}b", "control")]
#[case("a\u{7f}", "control")]
#[case("\u{200b}", "blank")]
#[case("\u{feff}\u{200d}\u{2060} \u{3164}\u{e0041}", "blank")]
#[case("\u{202e}", "blank")]
#[case("nas\u{202e}gpj", "direction")]
#[case("nas\u{2066}1\u{2069}", "direction")]
fn names_that_are_refused(#[case] text: &str, #[case] word: &str) {
    let rule = text.parse::<BackendName>().unwrap_err().to_string();
    assert!(rule.contains(word), "{rule}");
}

/// A name of an older release stays readable, so that its backend can be renamed.
#[test]
fn stored_names_may_be_older_than_the_rules() {
    assert!(BackendName::from_stored("nas\u{202e}gpj").is_ok());
    assert!(BackendName::from_stored("\u{200b}").is_ok());
    assert!(BackendName::from_stored("a\tb").is_err());
}

#[rstest]
#[case("x")]
#[case("ü")]
#[case("💾")]
fn a_name_is_counted_in_characters(#[case] character: &str) {
    assert!(
        character
            .repeat(BackendName::MAX_CHARS)
            .parse::<BackendName>()
            .is_ok()
    );
    let rule = character
        .repeat(BackendName::MAX_CHARS + 1)
        .parse::<BackendName>()
        .unwrap_err();
    assert!(rule.to_string().contains("100"), "{rule}");
}

#[test]
fn an_id_is_written_in_one_way() {
    let id = BackendId::generate();
    let text = id.to_string();
    assert_eq!(text, text.to_lowercase());
    assert_eq!(text.len(), 36);
    assert_eq!(text.parse(), Ok(id));
    for bad in [
        text.to_uppercase().as_str(),
        &text.replace('-', ""),
        &format!("{{{text}}}"),
        &format!("urn:uuid:{text}"),
        "",
        "nonsense",
        "../etc/passwd",
        "00000000-0000-0000-0000-00000000000g",
    ] {
        assert!(bad.parse::<BackendId>().is_err(), "{bad}");
    }
}

#[test]
fn words_are_read_exactly() {
    for kind in BackendKind::ALL {
        assert_eq!(kind.to_string().parse(), Ok(*kind));
    }
    for status in BackendStatus::ALL {
        assert_eq!(status.to_string().parse(), Ok(*status));
    }
    for bad in ["", "NFS", " nfs", "smb"] {
        let rule = bad.parse::<BackendKind>().unwrap_err().to_string();
        assert_eq!(rule, "must be one of nfs, http, s3, iscsi");
    }
}

#[test]
fn counts_stay_within_what_a_database_holds() {
    assert_eq!(ByteCount::saturating(u64::MAX), ByteCount::MAX);
    assert_eq!(ByteCount::of_blocks(u64::MAX, 4096), ByteCount::MAX);
    assert_eq!(ByteCount::MAX.to_i64(), i64::MAX);
    let read: ByteCount = serde_json::from_str("18446744073709551615").unwrap();
    assert_eq!(read, ByteCount::MAX);
    assert_eq!(Revision(i64::MAX).next(), Revision(i64::MAX));
}

fn sizes(used: Option<u64>, total: Option<u64>) -> Stats {
    Stats {
        used: used.map(ByteCount::saturating),
        total: total.map(ByteCount::saturating),
        ..Stats::default()
    }
}

#[rstest]
#[case::a_hundredth_more(sizes(Some(510), Some(1000)), true, true)]
#[case::a_hundredth_less(sizes(Some(490), Some(1000)), true, true)]
#[case::hardly(sizes(Some(509), Some(1000)), false, true)]
#[case::the_same(sizes(Some(500), Some(1000)), false, false)]
#[case::a_larger_disk(sizes(Some(500), Some(1001)), true, true)]
#[case::not_measured(sizes(None, None), false, false)]
fn sizes_are_off_by_a_hundredth(#[case] now: Stats, #[case] is_off: bool, #[case] differs: bool) {
    let stored = sizes(Some(500), Some(1000));
    assert_eq!(
        (now.is_off(&stored), now.has_other_sizes(&stored)),
        (is_off, differs)
    );
    let measured = now.used.is_some();
    assert_eq!(
        now.is_off(&Stats::default()),
        measured,
        "what was never known is off"
    );
}

#[test]
fn fullness_is_told_where_it_is_known() {
    let full = sizes(Some(1 << 30), Some(4 << 30));
    assert_eq!(full.fullness().as_deref(), Some("1.0 GiB of 4.0 GiB used"));
    assert_eq!(sizes(Some(1), None).fullness(), None);
}

#[rstest]
#[case(0, "0 B")]
#[case(1023, "1023 B")]
#[case(1024, "1.0 KiB")]
#[case(1_610_612_736, "1.5 GiB")]
#[case(5_422_000_000, "5.0 GiB")]
#[case(5_440_000_000, "5.1 GiB")]
#[case(1_048_575, "1.0 MiB")]
#[case(u64::MAX, "8.0 EiB")]
fn counts_are_shown_in_binary_units(#[case] bytes: u64, #[case] shown: &str) {
    assert_eq!(ByteCount::saturating(bytes).to_string(), shown);
}

#[test]
fn a_secret_is_bounded_and_never_shown() {
    let secret = Secret::new("hunter2").unwrap();
    assert_eq!(format!("{secret:?}"), "Secret([redacted])");
    assert_eq!(secret.expose(), "hunter2");
    assert!(Secret::new("x".repeat(Secret::MAX_BYTES)).is_ok());
    for bad in [
        String::new(),
        "x".repeat(Secret::MAX_BYTES + 1),
        "hunter2\n".to_owned(),
        "hun\0ter2".to_owned(),
    ] {
        let rule = Secret::new(bad).unwrap_err().to_string();
        assert!(!rule.contains("hunter2"), "{rule}");
    }
}
