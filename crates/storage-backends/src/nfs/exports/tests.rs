use super::*;
use crate::net::ConnectError;
use storage_domain::ExportPath;

fn path(text: &str) -> ExportPath {
    text.parse().unwrap()
}

fn found(printed: &str, wanted: &str) -> Option<String> {
    let list = parse(printed.as_bytes());
    list.find(&path(wanted)).map(|e| e.path.to_string())
}

#[rstest::rstest]
#[case("/srv/exp/images *", "/srv/exp/images", Some("/srv/exp/images"))]
#[case("/srv/exp/images *", "/srv/exp//images/", Some("/srv/exp/images"))]
#[case("/srv/exp/images/ *", "/srv/exp/images", Some("/srv/exp/images/"))]
#[case::prefix_of_a_name("/srv/exp/images *", "/srv/exp/im", None)]
#[case::longer_name("/srv/exp/im *", "/srv/exp/images", None)]
#[case::below("/srv/exp *", "/srv/exp/images", Some("/srv/exp"))]
#[case::above("/srv/exp/images *", "/srv/exp", None)]
#[case::nearest_above("/srv *\n/srv/exp *\n/ *", "/srv/exp/images", Some("/srv/exp"))]
#[case::itself_first("/srv *\n/srv/exp *", "/srv", Some("/srv"))]
#[case::other_case("/srv/exp *", "/srv/Exp", None)]
#[case::blank(
    "/volume1/Plex Media (everyone)",
    "/volume1/Plex Media",
    Some("/volume1/Plex Media")
)]
#[case::blank_is_no_end("/volume1/Plex Media (everyone)", "/volume1/Plex", None)]
#[case::no_clients("/share/Public ", "/share/Public", Some("/share/Public"))]
#[case::no_clients_and_blank("/share/My Files ", "/share/My Files", Some("/share/My Files"))]
#[case::no_clients_and_no_padding("/share/My Files", "/share/My Files", Some("/share/My Files"))]
#[case::blank_in_a_group("/srv/images domain users\n/srv/iso    *", "/srv/images", Some("/srv/images"))]
#[case::group_in_doubt("/srv/images domain users", "/srv/images", Some("/srv/images"))]
#[case::group_of_its_own("/srv/images @domain users", "/srv/images", Some("/srv/images"))]
#[case::not_the_group("/srv/images @domain users\n/srv/iso    *", "/srv/images @domain", None)]
fn finds_whole_paths_only(#[case] printed: &str, #[case] wanted: &str, #[case] export: Option<&str>) {
    assert_eq!(found(printed, wanted).as_deref(), export);
}

/// Captured from real servers, and written by hand where no server at hand prints such a list.
#[rstest::rstest]
#[case("knfsd")]
#[case("ganesha")]
#[case("mixed")]
#[case("qnap")]
#[case("groups")]
#[case("duplicates")]
#[case("hostile")]
#[case("with_header")]
#[case("empty")]
fn reads_what_servers_print(#[case] name: &str) {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/showmount");
    let printed = std::fs::read(format!("{file}/{name}.txt")).unwrap();
    let lines: Vec<_> = parse(&printed)
        .exports
        .iter()
        .map(|e| format!("{:?} for {:?}", e.path.as_str(), e.clients))
        .collect();
    insta::assert_snapshot!(name, lines.join("\n"));
}

#[test]
fn keeps_so_many_lines_and_says_that_there_were_more() {
    let printed: String = (0..=MAX_LINES)
        .map(|n| format!("/e/{n} *\n"))
        .collect::<Vec<_>>()
        .concat();
    let list = parse(printed.as_bytes());
    assert!(list.truncated);
    assert_eq!(list.exports.len(), MAX_LINES);
    let whole = parse(
        printed[..printed.len() - 2]
            .rsplit_once('\n')
            .unwrap()
            .0
            .as_bytes(),
    );
    assert!(!whole.truncated);
}

/// A reply of about 120 kB: one line with as many clients as a line may have, and lines after it that name the path
/// `at(n)` and clients that nobody named before.
fn long_list(at: impl Fn(usize) -> String) -> String {
    let client = |n: usize| format!("c{n:06}");
    let clients = |from: usize, count: usize| (from..from + count).map(client).collect::<Vec<_>>().join(",");
    let first = format!("{} {}\n", at(0), clients(0, 8000));
    let more = (1..70).map(|n| format!("{} {}\n", at(n), clients(10_000 + n * 100, 100)));
    std::iter::once(first).chain(more).collect()
}

/// How long it takes to read, at the least.
fn reading(printed: &str) -> Duration {
    let read = || {
        let begun = std::time::Instant::now();
        std::hint::black_box(parse(printed.as_bytes()));
        begun.elapsed()
    };
    (0..5).map(|_| read()).min().unwrap_or_default()
}

#[test]
fn one_path_listed_repeatedly_costs_no_more_than_many_paths() {
    let (one, many) = (
        long_list(|_| "/export".to_owned()),
        long_list(|n| format!("/exp{n:03}")),
    );
    assert_eq!(one.len(), many.len());
    assert_eq!(
        (
            parse(one.as_bytes()).exports.len(),
            parse(many.as_bytes()).exports.len()
        ),
        (1, 70)
    );
    let (one, many) = (reading(&one), reading(&many));
    assert!(one < many * 40, "{one:?} instead of {many:?}");
}

#[test]
fn a_paths_clients_are_each_named_once_and_have_a_bound() {
    let clients = |printed: &str| parse(printed.as_bytes()).exports.remove(0).clients;
    assert_eq!(clients("/e a,b\n/e b,c,c\n/e\n/e a,,d\n"), "a,b,c,d");
    // What is named again and again takes no room from what comes last.
    let line = format!(
        "/e {}\n",
        (0..2000)
            .map(|n| format!("c{n:04}"))
            .collect::<Vec<_>>()
            .join(",")
    );
    let again = clients(&format!("{}/e last\n", line.repeat(100)));
    assert_eq!((again.split(',').count(), again.ends_with(",last")), (2001, true));
    let full = clients(&long_list(|_| "/e".to_owned()));
    assert!(
        full.len() <= 64 * 1024 && full.len() > 63 * 1024,
        "{}",
        full.len()
    );
    assert!(full.starts_with("c000000,c000001,") && full.split(',').all(|c| c.len() == 7));
}

#[rstest::rstest]
#[case("/srv/Images", &["/srv/images", "/srv/iso"])]
#[case("/volume1/iso", &["/srv/iso", "/other"])]
#[case("/srv/imagse", &["/srv/images", "/srv/iso"])]
fn the_nearest_exports_are_shown_first(#[case] wanted: &str, #[case] nearest: &[&str]) {
    let list = parse(b"/other *\n/srv/iso *\n/home/me *\n/srv/images *\n");
    let shown: Vec<_> = list
        .nearest(&path(wanted), 2)
        .iter()
        .map(|e| e.path.as_str())
        .collect();
    assert_eq!(shown, nearest);
}

#[test]
fn complaints_of_showmount_become_sentences() {
    let complaints = [
        "clnt_create: RPC: Program not registered\n",
        "clnt_create: RPC: Unable to receive\n",
        "clnt_create: RPC: Unable to send\n",
        "clnt_create: RPC: Timed out\n",
        "rpc mount export: RPC: Timed out\n",
        "rpc mount export: RPC: Program/version mismatch; low version = 1, high version = 1\n",
        "rpc mount export: RPC: Authentication error; why = Failed (unspecified error)\n",
        "rpc mount export: RPC: Authentication error; why = Client credential too weak\n",
        "rpc mount export: RPC: Procedure unavailable\n",
        "rpc mount export: RPC: Remote system error - Connection reset by peer\n",
        "rpc mount export: RPC: Unable to receive; errno = Connection reset by peer\n",
        "rpc mount export: RPC: Can't decode result\n",
        "\n  something\u{1b}[31m new\nmore\n",
        "showmount: RPC: Timed out\n",
        "",
    ];
    let sentence = |stderr: &&str| {
        let server = "nas".parse().unwrap();
        let cause = Cause::Complaint(Complaint::parse(stderr));
        NoExportList { server, cause }.to_string()
    };
    let sentences: Vec<_> = complaints.iter().map(sentence).collect();
    insta::assert_snapshot!(sentences.join("\n"));
}

fn refused(port: u16) -> ConnectError {
    let at = (std::net::Ipv4Addr::LOCALHOST, port).into();
    ConnectError::Refused { at }
}

#[test]
fn whoever_does_not_answer_is_named() {
    let unable = || Complaint::parse("clnt_create: RPC: Unable to receive\n");
    let not_registered = || Complaint::parse("clnt_create: RPC: Program not registered\n");
    let no_mountd = || Reached::NotMountd {
        port: 20048,
        error: refused(20048),
    };
    let export = |status: &str| Complaint::parse(&format!("rpc mount export: RPC: {status}\n"));
    let causes = [
        Cause::of_complaint(unable(), no_mountd()),
        // The last attempt of showmount is over UDP, where nothing was registered, or nothing refuses a connection.
        Cause::of_complaint(not_registered(), no_mountd()),
        Cause::of_complaint(export("Unable to receive"), no_mountd()),
        Cause::of_complaint(export("Timed out"), Reached::Mountd),
        Cause::of_complaint(export("Can't decode result"), no_mountd()),
        Cause::of_complaint(not_registered(), Reached::Rpcbind),
        Cause::of_complaint(unable(), Reached::Rpcbind),
        Cause::of_complaint(unable(), Reached::Nothing),
        Cause::of_deadline(no_mountd()),
        Cause::of_deadline(Reached::Mountd),
        Cause::of_deadline(Reached::Nothing),
    ];
    let sentences = causes.map(|cause| {
        let server = "nas".parse().unwrap();
        NoExportList { server, cause }.to_string()
    });
    insta::assert_snapshot!(sentences.join("\n"));
}

/// Several lines may be read as the same path; each is also found as what it may be besides.
#[test]
fn paths_that_begin_like_clients_are_found() {
    let list = parse(b"/a b,c  10.0.0.0/8\n/a b,cd 10.0.0.0/8\n");
    for path in ["/a b,c", "/a b,cd"] {
        let found = list.find(&path.parse().unwrap()).unwrap();
        assert_eq!(
            (found.path.as_str(), found.clients.as_str()),
            (path, "10.0.0.0/8")
        );
    }
}

mod arbitrary {
    use proptest::prelude::*;

    use super::*;

    fn segment() -> impl Strategy<Value = String> {
        "[a-zA-Z0-9_ #,*()@.-]{1,12}".prop_filter("is a name", |s| s != "." && s != ".." && s.trim() == s)
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(printed in prop::collection::vec(any::<u8>(), 0..4096)) {
            for export in parse(&printed).exports {
                prop_assert!(export.path.as_str().starts_with('/'));
                prop_assert!(!export.path.as_str().contains(char::is_control));
                prop_assert!(!export.clients.contains(char::is_control));
            }
        }

        #[test]
        fn any_lines_are_read_without_harm(printed in "(/[a-z /.]{0,20}[ \t]{0,3}[*a-z0-9,()@]{0,9}\r?\n){0,20}") {
            let list = parse(printed.as_bytes());
            for export in &list.exports {
                prop_assert!(list.find(&export.path).is_some());
            }
        }

        /// What showmount prints of any exports is found again.
        #[test]
        fn every_printed_export_is_found(paths in prop::collection::btree_set(prop::collection::vec(segment(), 1..4), 1..8)) {
            let paths: Vec<_> = paths.iter().map(|p| format!("/{}", p.join("/"))).collect();
            let width = paths.iter().map(String::len).max().unwrap_or_default();
            let printed: String = paths.iter().map(|p| format!("{p:width$} 10.0.0.0/8\n")).collect::<Vec<_>>().concat();
            let list = parse(printed.as_bytes());
            for path in paths {
                let path: ExportPath = path.parse().unwrap();
                prop_assert_eq!(list.find(&path).map(|e| e.path.normalized()), Some(path.normalized()));
            }
        }
    }
}
