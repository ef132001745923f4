use super::*;

const TABLE: &[u8] = include_bytes!("../../../tests/fixtures/mountinfo/nfs.txt");

fn at<'a>(entries: &'a [MountEntry], place: &str) -> &'a MountEntry {
    entries.iter().find(|e| e.at == Path::new(place)).unwrap()
}

#[test]
fn every_version_and_address_family_is_read() {
    let entries = parse(TABLE);
    let v3 = at(&entries, "/run/mounts/v3");
    assert_eq!((v3.fstype.as_str(), v3.option("vers")), ("nfs", Some("3")));
    assert_eq!(v3.host_and_path(), Some(("10.9.0.1", "/srv/exp")));
    assert!(!v3.is_read_write() && v3.has_flag("noexec"));
    let v4 = at(&entries, "/run/mounts/v42");
    assert_eq!((v4.fstype.as_str(), v4.option("vers")), ("nfs4", Some("4.2")));
    assert!(v4.is_read_write());
    assert_eq!(v4.option("addr"), Some("10.9.0.1"));
    let v6 = at(&entries, "/run/mounts/v6");
    assert_eq!(v6.host_and_path(), Some(("fd00::1", "/srv/exp")));
}

#[test]
fn blanks_and_backslashes_are_unescaped() {
    let entries = parse(TABLE);
    let spaced = at(&entries, "/run/mounts/with space");
    assert_eq!(
        spaced.host_and_path(),
        Some(("nas.lab", "/srv/with space\\and\ttab"))
    );
}

#[test]
fn optional_fields_may_be_none_or_several() {
    let line =
        b"36 35 98:0 / /mnt rw - tmpfs t rw\n37 35 98:0 / /m2 rw shared:1 master:2 unbindable - tmpfs t rw\n";
    assert_eq!(parse(line).len(), 2);
}

#[test]
fn what_is_no_line_is_left_out() {
    for garbage in [
        &b""[..],
        b"\n\n",
        b"x y z",
        b"1 2 3:4 / /mnt rw - tmpfs",
        b"1 2 3:4 / /mnt rw tmpfs t rw",
        b"\xff\\77",
    ] {
        assert_eq!(parse(garbage), [], "{garbage:?}");
    }
    assert_eq!(unescape(br"a\0401\999\4"), b"a 1\\999\\4");
    assert_eq!(unescape(br"\777"), br"\777");
}

#[test]
fn the_layers_of_a_place_keep_their_order() {
    let lines = "1 0 0:1 / /m rw - tmpfs a rw\n2 0 0:2 / /m2 rw - tmpfs b rw\n3 1 0:3 / /m rw - tmpfs c rw\n";
    let table = MountTable::of(parse(lines.as_bytes()));
    let ids = |at: &str| {
        table
            .layers(Path::new(at))
            .iter()
            .map(|e| e.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (ids("/m"), ids("/m2"), ids("/")),
        (vec![1, 3], vec![2], Vec::new())
    );
    assert_eq!(table.places().count(), 2);
}

/// Exports whose paths have blanks, colons, commas and escapes; and what other kernels write.
#[rstest::rstest]
#[case::colon("nas:/srv/a:/b", "nas", "/srv/a:/b")]
#[case::ipv6(r"[fe80::1%eth0]:/srv/a\040b", "fe80::1%eth0", "/srv/a b")]
#[case::root("nas:/", "nas", "/")]
#[case::hash(r"nas:/srv/\043recycle", "nas", "/srv/#recycle")]
#[case::line_break(r"nas:/a\012b\134c", "nas", "/a\nb\\c")]
#[case::no_utf8("nas:/gr\u{fffd}n", "nas", "/gr\u{fffd}n")]
#[case::comma("nas:/srv/a,addr=10.0.0.9", "nas", "/srv/a,addr=10.0.0.9")]
fn sources_are_split(#[case] source: &str, #[case] host: &str, #[case] path: &str) {
    let line = format!("36 25 0:32 / /m ro,nosymfollow - nfs4 {source} ro,vers=4.2,addr=10.0.0.5");
    let entry = parse(line.as_bytes()).remove(0);
    assert_eq!(entry.host_and_path(), Some((host, path)));
    assert_eq!(entry.option("addr"), Some("10.0.0.5"));
}

#[test]
fn this_process_has_mounts() {
    let table = MountTable::read().unwrap();
    assert!(!table.layers(Path::new("/")).is_empty());
}

proptest::proptest! {
    #[test]
    fn no_table_breaks_the_parser(table: Vec<u8>) {
        let _ = parse(&table);
    }
}
