//! Requests that are refused in one form and answered in another, and files that are not given out.

use rstest::rstest;
use storage_domain::Outcome;

use super::answers::{LISTING, file, html};
use crate::http::{check, plain, probe, scan, scan_finds};
use crate::s3::fake::{Asked, Fake, Told};

/// Answers what prefers JSON with this status, as programs with an interface of their own do, and else with a listing.
fn of_a_program(status: u16) -> impl Fn(&Asked) -> Told {
    move |asked| match asked.path.as_str() {
        "/" if asked.accept.contains("json") => {
            let headers = vec![("content-type", "application/json".to_owned())];
            (status, headers, "{}".to_owned())
        }
        "/" => html(200, LISTING),
        "/a.iso" => file(asked, 7),
        _ => html(404, ""),
    }
}

#[rstest]
#[tokio::test]
async fn what_is_refused_as_json_is_listed_as_a_page(#[values(400, 404, 406, 415)] status: u16) {
    let fake = Fake::start(of_a_program(status)).await;
    let backend = plain(&fake.url());
    let report = probe(&backend).await;
    assert!(report.passed(), "{report:#?}");
    let detail = &check(&report, "status").detail;
    assert!(detail.contains("as a page"), "{detail}");
    assert_eq!(scan(&backend).await.files, 1);
}

/// Some servers show a directory's page at its name without a slash.
#[tokio::test]
async fn a_page_at_a_name_without_a_slash_may_be_a_listing() {
    let list = |path: &str, name: &str| {
        html(
            200,
            &format!("<title>Index of {path}/</title><ul><li><a href={path}/{name}>{name}</a></ul>"),
        )
    };
    let fake = Fake::start(move |asked: &Asked| match asked.path.as_str() {
        "/" => list("", "d"),
        "/d" | "/d/" => list("/d", "a.iso"),
        "/d/a.iso" => file(asked, 7),
        _ => html(404, ""),
    })
    .await;
    scan_finds(&plain(&fake.url()), (1, 2, 0)).await;
}

/// A login in place of a file has a length too, which is not the file's.
#[tokio::test]
async fn the_length_of_a_login_is_no_size() {
    let fake = Fake::start(|asked: &Asked| match asked.path.as_str() {
        "/" => html(
            200,
            "<title>Index of /</title><a href=a.iso>a.iso</a> 2026-11-22 19:43 7M",
        ),
        "/a.iso" => html(200, "<form><input type=password></form>"),
        _ => html(404, ""),
    })
    .await;
    let counted = scan_finds(&plain(&fake.url()), (1, 1, 1)).await;
    assert_eq!(counted.bytes, None);
}

#[rstest]
#[tokio::test]
async fn the_length_of_an_error_is_no_size(#[values(401, 403, 404)] status: u16) {
    let fake = Fake::start(move |asked: &Asked| match asked.path.as_str() {
        "/" => html(200, LISTING),
        "/a.iso" => html(status, "not today"),
        _ => html(404, ""),
    })
    .await;
    let report = probe(&plain(&fake.url())).await;
    let detail = &check(&report, "boot").detail;
    assert!(
        detail.contains(&format!("the server answers {status}")),
        "{detail}"
    );
    assert!(!detail.contains("bytes") && !detail.contains("HEAD"), "{detail}");
}

/// A server that asks for fewer requests says nothing of HEAD.
#[tokio::test]
async fn a_throttled_head_is_sent_again() {
    let fake = Fake::start(|asked: &Asked| match (asked.number, asked.path.as_str()) {
        (_, "/") => html(200, LISTING),
        (2, _) => (429, vec![("retry-after", "0".to_owned())], String::new()),
        _ => file(asked, 7),
    })
    .await;
    let report = probe(&plain(&fake.url())).await;
    let boot = check(&report, "boot");
    assert_eq!(boot.outcome, Outcome::Passed, "{report:#?}");
    assert!(
        boot.detail.contains("HEAD and byte ranges work"),
        "{}",
        boot.detail
    );
    assert_eq!(fake.asked().len(), 4);
}

/// A list without a path or a way up may list anything, unless its files are given out.
#[tokio::test]
async fn a_plain_list_passes_if_its_file_is_one() {
    let fake = Fake::start(|asked: &Asked| match asked.path.as_str() {
        "/" => html(200, "<pre><a href=a.iso>a.iso</a></pre>"),
        "/a.iso" => file(asked, 7),
        _ => html(200, "<h1>Oops</h1>"),
    })
    .await;
    let report = probe(&plain(&fake.url())).await;
    assert!(report.passed(), "{report:#?}");
}
