//! Answers that look right and are not, and those that look wrong and are right.

use rstest::rstest;
use storage_domain::ProbeReport;

use crate::http::{check, failure, plain, probe};
use crate::s3::fake::{Asked, Fake, Told};

pub(super) fn html(status: u16, text: &str) -> Told {
    (
        status,
        vec![("content-type", "text/html".to_owned())],
        text.to_owned(),
    )
}

fn redirect(to: &str) -> Told {
    (302, vec![("location", to.to_owned())], String::new())
}

/// A file of this size, of which the first byte is asked for, or its header.
pub(super) fn file(asked: &Asked, size: u64) -> Told {
    match asked.method.as_str() {
        "HEAD" => (200, vec![("content-length", size.to_string())], String::new()),
        _ => (
            206,
            vec![("content-range", format!("bytes 0-0/{size}"))],
            "x".to_owned(),
        ),
    }
}

pub(super) const LISTING: &str = "<title>Index of /</title><a href=a.iso>a.iso</a> 2026-11-22 19:43 7";
const NONE: &str = "<h1>Hello</h1>";

async fn probed(answer: impl Fn(&Asked) -> Told + Send + Sync + 'static) -> ProbeReport {
    let fake = Fake::start(answer).await;
    probe(&plain(&fake.url())).await
}

fn to_login(asked: &Asked) -> Told {
    match asked.path.as_str() {
        "/login" => html(200, "<title>Sign in</title><form><input type=password></form>"),
        _ => redirect("/login"),
    }
}

fn soft_error(_: &Asked) -> Told {
    html(
        200,
        "<title>Oops</title><h1>/images/</h1><ul></ul><p>Not here. <a href='/'>Home</a></p>",
    )
}

fn parked(_: &Asked) -> Told {
    html(200, "<script src=/app.js></script><div id=root></div>")
}

fn text_for_all(_: &Asked) -> Told {
    (
        200,
        vec![("content-type", "text/plain".to_owned())],
        "ok".to_owned(),
    )
}

fn json_for_all(_: &Asked) -> Told {
    let headers = vec![("content-type", "application/json".to_owned())];
    (200, headers, r#"{"status":"ok"}"#.to_owned())
}

fn members(_: &Asked) -> Told {
    html(
        200,
        "<title>Users</title><table><tr><td><a href=alice>alice</a><td>2026-11-22<td>12</table>",
    )
}

#[rstest]
#[case::login(to_login, "any name")]
#[case::members(members, "any name")]
#[case::soft_error(soft_error, "any name")]
#[case::application(parked, "any name")]
#[case::text(text_for_all, "any name")]
#[case::nothing(|_: &Asked| (204, Vec::new(), String::new()), "any name")]
#[case::json(json_for_all, "any name")]
#[case::a_listing_for_all(|_: &Asked| html(200, LISTING), "a.iso is not there: the server sends a web page")]
#[case::a_listing_of_directories_for_all(|_: &Asked| html(200, "<h1>/</h1><pre><a href=d/>d/</a> 2026-11-22 -</pre>"), "no file was found to try")]
#[case::a_listing_in_json_for_all(|_: &Asked| (200, vec![("content-type", "application/json".to_owned())], r#"[{"name":"a.iso","type":"file","size":7}]"#.to_owned()), "a.iso is not there: the listing gives 7 bytes")]
#[case::login_elsewhere(|asked: &Asked| match asked.path.as_str() {
    "/" => redirect("http://localhost:1/login"),
    _ => html(404, ""),
}, "refused the connection")]
#[tokio::test]
async fn what_any_name_gets_proves_nothing(#[case] answer: fn(&Asked) -> Told, #[case] says: &str) {
    let report = probed(answer).await;
    let (name, detail) = failure(&report);
    assert_eq!(name, "status");
    assert!(detail.contains(says), "{detail}");
}

#[tokio::test]
async fn a_redirect_to_another_page_does_not_pass() {
    let fake = Fake::start(|asked: &Asked| match asked.path.as_str() {
        "/sso/" => html(200, NONE),
        _ => redirect("/sso/"),
    })
    .await;
    let report = probe(&plain(&format!("{}/images", fake.url()))).await;
    assert!(failure(&report).1.contains("redirects to"), "{report:#?}");
}

/// A page of its own is no proof against the directory: other names are not there.
#[tokio::test]
async fn a_page_without_a_listing_passes_with_a_reservation() {
    let report = probed(|asked: &Asked| match asked.path.as_str() {
        "/" => html(200, NONE),
        _ => html(404, ""),
    })
    .await;
    assert!(report.passed(), "{report:#?}");
    assert!(
        report.message().contains("can't be counted"),
        "{}",
        report.message()
    );
}

#[rstest]
#[case::refused(403)]
#[case::not_allowed(405)]
#[case::not_implemented(501)]
#[case::missing(404)]
#[case::failing(500)]
#[case::failing_behind_a_proxy(502)]
#[case::too_slow_behind_a_proxy(504)]
#[tokio::test]
async fn what_webdav_lists_passes(#[case] status: u16) {
    let report = probed(move |asked: &Asked| match (asked.method.as_str(), asked.path.as_str()) {
        ("PROPFIND", _) => (
            207,
            vec![("content-type", "application/xml".to_owned())],
            "<multistatus><response><href>/</href><collection/></response><response><href>/a.iso</href></response></multistatus>".to_owned(),
        ),
        (_, "/a.iso") => file(asked, 7),
        _ => html(status, ""),
    })
    .await;
    assert!(report.passed(), "{report:#?}");
    assert!(
        check(&report, "status").detail.contains("by WebDAV"),
        "{report:#?}"
    );
    assert!(check(&report, "boot").detail.contains("a.iso"), "{report:#?}");
}

#[rstest]
#[case::without_a_length(|_: &Asked| (200, vec![("transfer-encoding", "chunked".to_owned())], String::new()), "has no Content-Length")]
#[case::refused(|_: &Asked| html(403, ""), "answered with 403")]
#[case::empty(|_: &Asked| (200, vec![("content-length", "0".to_owned())], String::new()), "HEAD gives 0 bytes and GET 7")]
#[case::longer(|_: &Asked| (200, vec![("content-length", "70".to_owned())], String::new()), "HEAD gives 70 bytes and GET 7")]
#[case::of_the_first_byte(|_: &Asked| (200, vec![("content-length", "1".to_owned())], String::new()), "HEAD gives 1 byte and GET 7")]
#[tokio::test]
async fn get_decides_and_head_is_advice(#[case] head: fn(&Asked) -> Told, #[case] says: &str) {
    let report = probed(
        move |asked: &Asked| match (asked.method.as_str(), asked.path.as_str()) {
            ("HEAD", _) => head(asked),
            (_, "/") => html(200, LISTING),
            _ => file(asked, 7),
        },
    )
    .await;
    assert!(report.passed(), "{report:#?}");
    assert!(check(&report, "boot").detail.contains(says), "{report:#?}");
    assert!(report.message().contains(says), "{}", report.message());
}

#[rstest]
#[case::other_size(|asked: &Asked| file(asked, 8), "the listing gives 7 bytes, and the server sends 8")]
#[case::login(|_: &Asked| html(200, "<form>"), "a web page in its place")]
#[tokio::test]
async fn a_file_that_is_another_is_named(#[case] answer: fn(&Asked) -> Told, #[case] says: &str) {
    let report = probed(move |asked: &Asked| match asked.path.as_str() {
        "/" => html(200, LISTING),
        _ => answer(asked),
    })
    .await;
    assert!(report.message().contains(says), "{report:#?}");
}

#[rstest]
#[case::not_found(|asked: &Asked| html(404, &asked.path))]
#[case::bad_request(|asked: &Asked| html(400, &asked.path))]
#[case::redirected(|_: &Asked| redirect("/debian.iso"))]
#[tokio::test]
async fn a_base_url_that_names_a_file_is_said_so(#[case] with_slash: fn(&Asked) -> Told) {
    let fake = Fake::start(move |asked: &Asked| match asked.path.as_str() {
        "/debian.iso/" => with_slash(asked),
        "/debian.iso" => (
            200,
            vec![("content-type", "application/x-iso9660-image".to_owned())],
            "CD001".to_owned(),
        ),
        _ => html(404, ""),
    })
    .await;
    let report = probe(&plain(&format!("{}/debian.iso", fake.url()))).await;
    assert!(
        failure(&report).1.contains("base_url names a file"),
        "{report:#?}"
    );
}

#[rstest]
#[case::listed(
    200,
    "<?xml version='1.0'?><ListBucketResult><Name>b</Name></ListBucketResult>",
    true
)]
#[case::website(200, "<title>Lab</title><div id=root></div>", true)]
#[case::no_such_key(404, "<Error><Code>NoSuchKey</Code></Error>", false)]
#[case::denied(403, "<Error><Code>AccessDenied</Code></Error>", false)]
#[tokio::test]
async fn buckets_belong_to_s3(#[case] status: u16, #[case] body: &'static str, #[case] passes: bool) {
    let report = probed(move |asked: &Asked| {
        let headers = vec![
            ("content-type", "application/xml".to_owned()),
            ("x-amz-request-id", "1".to_owned()),
        ];
        match asked.path.as_str() {
            "/" => (status, headers, body.to_owned()),
            _ => (404, headers, String::new()),
        }
    })
    .await;
    assert_eq!(report.passed(), passes, "{report:#?}");
    assert!(report.message().contains("type s3"), "{}", report.message());
}

/// Servers that speak as S3 does need not number their answers.
#[tokio::test]
async fn errors_of_s3_are_known_by_their_form() {
    let report = probed(|_: &Asked| {
        let headers = vec![("content-type", "application/xml".to_owned())];
        (
            403,
            headers,
            "<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>".to_owned(),
        )
    })
    .await;
    assert!(failure(&report).1.contains("type s3"), "{report:#?}");
}
