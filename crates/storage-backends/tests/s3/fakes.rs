//! Servers that refuse, redirect, or are none of S3.

use rstest::rstest;
use serde_json::{Value, json};
use storage_backends::{ErrorKind, Tree as _};

use crate::s3::fake::{Asked, Fake, Told, object, page, refusal};
use crate::s3::{backend, check, config, cx, failure, probe, scan, with};

/// A bucket on a fake; the region is set, so that there is one request only.
pub(crate) fn on(fake: &Fake) -> Value {
    with(
        config(&fake.url(), "images", "AK"),
        &json!({ "region": "us-east-1" }),
    )
}

#[rstest]
#[case::garage_key(
    403,
    "AccessDenied",
    "Forbidden: No such key: GK1",
    "",
    "credentials",
    "does not know the access key"
)]
#[case::aws_key(
    403,
    "InvalidAccessKeyId",
    "The AWS Access Key Id you provided does not exist in our records.",
    "",
    "credentials",
    "does not know the access key"
)]
#[case::s3s_key(
    403,
    "NotSignedUp",
    "Your account is not signed up",
    "",
    "credentials",
    "does not know the access key"
)]
#[case::garage_secret(
    403,
    "AccessDenied",
    "Forbidden: Invalid signature",
    "",
    "credentials",
    "secret_access_key does not belong"
)]
#[case::aws_secret(
    403,
    "SignatureDoesNotMatch",
    "The request signature we calculated does not match",
    "",
    "credentials",
    "secret_access_key does not belong"
)]
#[case::ended(
    400,
    "ExpiredToken",
    "The provided token has expired.",
    "",
    "credentials",
    "temporary"
)]
#[case::region(
    400,
    "AuthorizationHeaderMalformed",
    "the region 'us-east-1' is wrong; expecting 'garage'",
    "<Region>garage</Region>",
    "credentials",
    "The server's region is garage and not us-east-1: set region to garage"
)]
#[case::region_untold(
    400,
    "AuthorizationHeaderMalformed",
    "wrong",
    "",
    "credentials",
    "refuses the region us-east-1"
)]
#[case::bucket(
    404,
    "NoSuchBucket",
    "The specified bucket does not exist",
    "",
    "bucket",
    "has no bucket images"
)]
#[case::denied(
    403,
    "AccessDenied",
    "User: arn:aws:iam::1:user/x is not authorized to perform: s3:ListBucket",
    "",
    "list",
    "allow it s3:ListBucket"
)]
#[case::elsewhere(
    301,
    "PermanentRedirect",
    "The bucket you are attempting to access must be addressed using the specified endpoint.",
    "<Endpoint>images.s3.eu-west-1.amazonaws.com</Endpoint>",
    "bucket",
    "set endpoint to s3.eu-west-1.amazonaws.com"
)]
#[case::clock(
    403,
    "RequestTimeTooSkewed",
    "The difference between the request time and the current time is too large.",
    "",
    "clock",
    "set the clocks"
)]
#[case::throttled(
    503,
    "SlowDown",
    "Please reduce your request rate.",
    "",
    "list",
    "try again later"
)]
#[case::fault(
    500,
    "InternalError",
    "We encountered an internal error.",
    "",
    "list",
    "fault is on its side"
)]
#[case::old(
    501,
    "NotImplemented",
    "A header you provided implies functionality",
    "",
    "list",
    "does not know how to list objects"
)]
#[case::unknown(
    418,
    "Teapot",
    "short\nand  stout",
    "",
    "list",
    "(the server says: Teapot: short and stout)"
)]
#[tokio::test]
async fn each_refusal_has_its_sentence(
    #[case] status: u16,
    #[case] code: &'static str,
    #[case] message: &'static str,
    #[case] more: &'static str,
    #[case] name: &str,
    #[case] says: &str,
) {
    let fake = Fake::start(move |_| refusal(status, code, message, more)).await;
    let report = probe(&backend(on(&fake))).await;
    let failed = failure(&report);
    assert_eq!(failed.0, name, "{report:#?}");
    assert!(failed.1.contains(says), "{}", failed.1);
    // A server that refuses version 2 of the listing may know version 1.
    let requests = if code == "NotImplemented" { 2 } else { 1 };
    assert_eq!(fake.asked().len(), requests, "a refusal is final");
}

fn html(status: u16) -> Told {
    let kind = vec![("content-type", "text/html".to_owned())];
    (status, kind, "<html><body>Welcome</body></html>".to_owned())
}

#[rstest]
#[case::page(html(200))]
#[case::forbidden(html(403))]
#[case::missing(html(404))]
#[case::console((302, vec![("location", "/login".to_owned())], String::new()))]
#[case::empty((200, Vec::new(), String::new()))]
#[case::other_root((200, Vec::new(), "<Listing><Contents/></Listing>".to_owned()))]
#[case::bomb((200, Vec::new(), "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]><ListBucketResult><Contents><Key>&b;</Key></Contents></ListBucketResult>".to_owned()))]
#[tokio::test]
async fn what_is_no_s3_server(#[case] told: Told) {
    let fake = Fake::start(move |_| told.clone()).await;
    let report = probe(&backend(on(&fake))).await;
    let failed = failure(&report);
    assert_eq!(failed.0, "credentials", "{report:#?}");
    assert!(failed.1.contains("not an S3 server"), "{}", failed.1);
    let error = backend(on(&fake)).scan(&cx(), std::sync::Arc::default()).await;
    assert!(
        error.as_ref().is_err_and(|e| *e.kind() == ErrorKind::NotListable),
        "{error:?}"
    );
}

/// What begins as a list of S3 is one, whatever becomes of it.
#[rstest]
#[case::broken_off((200, Vec::new(), "<ListBucketResult><Contents><Key>a".to_owned()), "breaks off")]
#[case::two_roots((200, Vec::new(), "<ListBucketResult/><ListBucketResult/>".to_owned()), "is not the XML of S3")]
#[case::no_key(page("<Contents><Size>1</Size></Contents>"), "is not the XML of S3")]
#[case::wrong_end((200, Vec::new(), "<ListBucketResult></Contents>".to_owned()), "is not the XML of S3")]
#[case::deep((200, Vec::new(), "<ListBucketResult>".to_owned() + &"<a>".repeat(100_000)), "is not the XML of S3")]
#[case::long_key(page(&object(&"k".repeat(100_000), "1")), "is not the XML of S3")]
#[case::many(page(&object("k", "1").repeat(60_000)), "(50000 objects or 16 MiB): set prefix")]
#[case::large((200, Vec::new(), format!("<ListBucketResult>{}", "<a>x</a>".repeat(3 << 20))), "(50000 objects or 16 MiB): set prefix")]
#[tokio::test]
async fn lists_that_can_not_be_read_to_their_end(#[case] told: Told, #[case] says: &str) {
    let fake = Fake::start(move |_| told.clone()).await;
    let report = probe(&backend(on(&fake))).await;
    let failed = failure(&report);
    assert!(failed.0 == "list" && failed.1.contains(says), "{failed:?}");
    let error = backend(on(&fake)).scan(&cx(), std::sync::Arc::default()).await;
    assert!(
        error.as_ref().is_err_and(|e| *e.kind() == ErrorKind::NotListable),
        "{error:?}"
    );
}

#[rstest]
#[case::body(|_: &Asked| refusal(400, "AuthorizationHeaderMalformed", "no", "<Region>lab-7</Region>"))]
#[case::header(|_: &Asked| (301, vec![("x-amz-bucket-region", "lab-7".to_owned())], String::new()))]
#[tokio::test]
async fn the_region_is_found(#[case] refuse: fn(&Asked) -> Told) {
    let fake = Fake::start(move |asked| {
        if asked.authorization.contains("/lab-7/s3/") {
            page(&object("a.iso", "7"))
        } else {
            refuse(asked)
        }
    })
    .await;
    let backend = backend(config(&fake.url(), "images", "AK"));
    let report = probe(&backend).await;
    assert!(report.passed(), "{report:#?}");
    assert!(
        check(&report, "credentials").detail.contains("lab-7"),
        "{report:#?}"
    );
    assert_eq!(fake.asked().len(), 2);
    assert_eq!(scan(&backend).await.files, 1);
    assert_eq!(fake.asked().len(), 3, "what was learned stays");
}

#[rstest]
#[case::nonsense("a/b c")]
#[case::changing("")]
#[tokio::test]
async fn regions_that_lead_nowhere_are_given_up(#[case] region: &'static str) {
    let fake = Fake::start(move |asked| {
        let region = if region.is_empty() {
            format!("lab-{}", asked.number)
        } else {
            region.to_owned()
        };
        refusal(
            400,
            "AuthorizationHeaderMalformed",
            "no",
            &format!("<Region>{region}</Region>"),
        )
    })
    .await;
    let report = probe(&backend(config(&fake.url(), "images", "AK"))).await;
    assert_eq!(failure(&report).0, "credentials");
    assert!(fake.asked().len() <= 3, "{}", fake.asked().len());
}

#[tokio::test]
async fn nothing_is_signed_without_a_secret() {
    let fake = Fake::start(|_| page(&object("a.iso", "7"))).await;
    let backend = backend(with(on(&fake), &json!({ "secret_access_key": null })));
    let report = probe(&backend).await;
    assert!(report.passed(), "{report:#?}");
    assert!(check(&report, "credentials").detail.contains("not signed"));
    assert_eq!(fake.asked()[0].authorization, "");
}

#[rstest]
#[case::good(200, "passed", "gives out the bucket's objects")]
#[case::missing(404, "failed", "does not have in/a b.iso")]
#[case::refused(403, "failed", "refuses to give out")]
#[case::broken(502, "failed", "look into the network's log")]
#[tokio::test]
async fn networks(#[case] status: u16, #[case] outcome: &str, #[case] says: &str) {
    let fake = Fake::start(|_| page(&object("in/a b.iso", "1"))).await;
    let network = Fake::start(move |_| html(status)).await;
    let cdn = json!({ "cdn_enabled": true, "cdn_url": format!("{}/img", network.url()), "prefix": "in/" });
    let report = probe(&backend(with(on(&fake), &cdn))).await;
    let found = check(&report, "cdn");
    assert_eq!(
        format!("{:?}", found.outcome).to_lowercase(),
        outcome,
        "{report:#?}"
    );
    assert!(found.detail.contains(says), "{}", found.detail);
    let asked = network.asked();
    assert_eq!(asked[0].path, "/img/in/a%20b.iso");
    assert!(asked.iter().all(|asked| asked.authorization.is_empty()));
}
