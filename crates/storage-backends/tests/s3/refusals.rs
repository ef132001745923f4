//! Refusals that mean more than their code: what the server adds, and what the config shows.

use rstest::rstest;
use serde_json::{Value, json};

use crate::s3::fake::{Fake, refusal};
use crate::s3::fakes::on;
use crate::s3::{CANARY, backend, failure, probe, with};

/// A refusal: status, code, message and further elements.
type Refused = (u16, &'static str, &'static str, &'static str);

async fn sentence(refused: Refused, more: &Value) -> (&'static str, String) {
    let (status, code, message, elements) = refused;
    let fake = Fake::start(move |_| refusal(status, code, message, elements)).await;
    let report = probe(&backend(with(on(&fake), more))).await;
    let (name, sentence) = failure(&report);
    assert_eq!(report.message(), sentence);
    (name, sentence.to_owned())
}

#[rstest]
#[case::element((403, "SignatureDoesNotMatch", "no", "<Region>lab-2</Region>"), "set region to lab-2")]
#[case::denied((403, "AccessDenied", "no", "<Region>lab-2</Region>"), "set region to lab-2")]
#[case::words((400, "AuthorizationHeaderMalformed", "the region 'us-east-1' is wrong; expecting 'lab-2'", ""), "set region to lab-2")]
#[case::r2((400, "InvalidRegionName", "must be one of: auto", ""), "refuses the region us-east-1")]
#[case::not_said((403, "SignatureDoesNotMatch", "no key outside of the home region", ""), "another region than us-east-1")]
#[tokio::test]
async fn regions(#[case] refused: Refused, #[case] says: &str) {
    let (name, sentence) = sentence(refused, &json!({})).await;
    assert_eq!(name, "credentials");
    assert!(sentence.contains(says), "{sentence}");
}

#[rstest]
#[case::oss((403, "AccessDenied", "no", "<Endpoint>oss-north-1.example</Endpoint>"), "set endpoint to oss-north-1.example (")]
#[case::with_bucket((307, "TemporaryRedirect", "no", "<Endpoint>images.s3.eu.example</Endpoint>"), "set endpoint to s3.eu.example (")]
#[case::any_code((400, "Strange", "no", "<Endpoint>https://s3.eu.example/images</Endpoint>"), "set endpoint to https://s3.eu.example (")]
#[case::no_endpoint((301, "PermanentRedirect", "no", "<Endpoint>?</Endpoint>"), "set endpoint and region to where")]
#[tokio::test]
async fn buckets_elsewhere(#[case] refused: Refused, #[case] says: &str) {
    let (name, sentence) = sentence(refused, &json!({})).await;
    assert_eq!(name, "bucket");
    assert!(sentence.contains(says) && !sentence.contains("s3:"), "{sentence}");
}

const UNKNOWN: Refused = (403, "InvalidAccessKeyId", "no such key", "");
const DENIED: Refused = (403, "AccessDenied", "Access Denied.", "");

#[rstest]
#[case::slash(DENIED, json!({ "access_key_id": "wJalr/XUtnFEMI" }), "exchanged with secret_access_key")]
#[case::scope((400, "AuthorizationHeaderMalformed", "the region is wrong", ""), json!({ "access_key_id": "a/b" }), "exchanged")]
#[case::lengths(UNKNOWN, json!({ "access_key_id": "a1b2c3".repeat(10) }), "exchanged")]
#[case::aws_token(UNKNOWN, json!({ "access_key_id": "ASIAEXAMPLE" }), "set session_token")]
#[case::oss_token(DENIED, json!({ "access_key_id": "STS.NEXAMPLE" }), "set session_token")]
#[case::minio_token((403, "InvalidTokenId", "invalid", ""), json!({}), "set session_token")]
#[case::wrong_token((400, "InvalidToken", "malformed", ""), json!({ "session_token": "hush" }), "does not accept the session token")]
#[case::ended((400, "ExpiredToken", "expired", ""), json!({ "access_key_id": "ASIA1", "session_token": "hush" }), "session_token of a new one")]
#[case::right_token(UNKNOWN, json!({ "access_key_id": "ASIA1", "session_token": "hush" }), "does not know the access key")]
#[case::r2_length((400, "InvalidArgument", "Credential access key has length 20, should be 32", ""), json!({}), "does not know the access key")]
#[case::header_lost((401, "AuthenticationRequired", "no", ""), json!({}), "pass on the Authorization header")]
#[tokio::test]
async fn keys(#[case] refused: Refused, #[case] more: Value, #[case] says: &str) {
    let (name, sentence) = sentence(refused, &more).await;
    assert_eq!(name, "credentials");
    assert!(sentence.contains(says), "{sentence}");
}

/// Some servers show the request as they read it.
#[rstest]
#[case::proxy(
    Some("s3.internal:9000"),
    "to s3.internal:9000: make the proxy pass",
    "set both"
)]
#[case::right_host(None, "set both again", "proxy")]
#[tokio::test]
async fn hosts_of_signatures(#[case] seen: Option<&'static str>, #[case] says: &str, #[case] not: &str) {
    let fake = Fake::start(move |asked| {
        let host = seen.unwrap_or(&asked.host);
        let read = format!("<CanonicalRequest>GET\n/images\n\nhost:{host}\nx-amz-date:1</CanonicalRequest>");
        refusal(403, "SignatureDoesNotMatch", "no", &read)
    })
    .await;
    let report = probe(&backend(on(&fake))).await;
    let sentence = failure(&report).1;
    assert!(sentence.contains(says) && !sentence.contains(not), "{sentence}");
}

#[rstest]
#[case::path("/images", (404, "NoSuchKey", "no", ""), "bucket", "take /images out of endpoint")]
#[case::other_path("/isos", (404, "NoSuchKey", "no", ""), "bucket", "leads into a bucket already")]
#[case::denied("/images", DENIED, "list", "or take /images out of endpoint")]
#[case::missing("/s3/images", (404, "NoSuchBucket", "no", "<BucketName>s3</BucketName>"), "bucket", "looked for s3")]
#[case::unknown_code("/images", (404, "NoSuchThing", "no", ""), "list", "or take /images out of endpoint")]
#[tokio::test]
async fn endpoints_that_hold_a_bucket(
    #[case] path: &str,
    #[case] refused: Refused,
    #[case] name: &str,
    #[case] says: &str,
) {
    let (status, code, message, elements) = refused;
    let fake = Fake::start(move |_| refusal(status, code, message, elements)).await;
    let endpoint = json!({ "endpoint": format!("{}{path}", fake.url()) });
    let report = probe(&backend(with(on(&fake), &endpoint))).await;
    let found = failure(&report);
    assert!(found.0 == name && found.1.contains(says), "{found:?}");
}

#[rstest]
#[case::go(400, "text/plain", "Client sent an HTTP request to an HTTPS server.\n")]
#[case::nginx(
    497,
    "text/html",
    "<html><title>400 The plain HTTP request was sent to HTTPS port</title></html>"
)]
#[case::empty(426, "text/plain", "")]
#[tokio::test]
async fn ports_of_tls(#[case] status: u16, #[case] kind: &'static str, #[case] body: &'static str) {
    let fake = Fake::start(move |_| (status, vec![("content-type", kind.to_owned())], body.to_owned())).await;
    let report = probe(&backend(on(&fake))).await;
    let sentence = failure(&report).1;
    assert!(sentence.contains("begin endpoint with https://"), "{sentence}");
}

/// Redirects without the XML of S3: those of proxies, consoles and sites.
#[rstest]
#[case::tls(301, "https://127.0.0.1/images", "begin endpoint with https://")]
#[case::other_host(
    308,
    "https://s3.eu.lab/images?list-type=2",
    "redirects to https://s3.eu.lab (308 Permanent Redirect), and not as S3 does: set endpoint to that"
)]
#[case::other_port(
    302,
    "http://127.0.0.1:9/images/",
    "redirects to http://127.0.0.1:9 (302 Found)"
)]
#[case::bucket_in_the_name(
    307,
    "http://images.s3.lab:9000/images",
    "redirects to http://s3.lab:9000 (307"
)]
#[case::login(
    302,
    "https://sso.lab/login?to=hush",
    "is not an S3 server, because it redirects to https://sso.lab/login (302 Found)"
)]
#[case::console(303, "/ui/", "as web consoles and logins do")]
#[case::with_a_slash(301, "/images/", "/images/ (301 Moved Permanently)")]
#[case::scheme(302, "ftp://127.0.0.1/images", "is not an S3 server")]
#[case::nowhere(302, "", "is not an S3 server")]
#[tokio::test]
async fn redirects_without_xml(#[case] status: u16, #[case] to: &'static str, #[case] says: &str) {
    let headers = (!to.is_empty()).then(|| ("location", to.to_owned()));
    let headers: Vec<_> = headers.into_iter().collect();
    let fake = Fake::start(move |_| (status, headers.clone(), "<html>Moved</html>".to_owned())).await;
    let report = probe(&backend(on(&fake))).await;
    let (name, sentence) = failure(&report);
    assert!(name == "credentials" && sentence.contains(says), "{sentence}");
    assert!(!sentence.contains("hush"), "{sentence}");
}

/// Whatever the cause is, the server's own words follow it: on one line, bounded, and without a secret.
#[tokio::test]
async fn the_servers_words_follow() {
    let message = format!(
        "The\u{202e} key\n {CANARY} is &#27;[31mwrong {}",
        "x".repeat(1000)
    );
    let fake = Fake::start(move |_| refusal(403, "AccessDenied", &message, "")).await;
    let report = probe(&backend(on(&fake))).await;
    let sentence = failure(&report).1;
    assert!(
        sentence.contains("(the server says: AccessDenied: The key … is [31mwrong xxx"),
        "{sentence}"
    );
    assert!(sentence.len() < 600, "{sentence}");
}

/// A message may hold the number of the request: that is no other finding.
#[tokio::test]
async fn words_that_change_are_no_news() {
    let fake =
        Fake::start(|asked| refusal(403, "AccessDenied", &format!("request {}", asked.number), "")).await;
    let backend = backend(on(&fake));
    let (one, two) = (probe(&backend).await, probe(&backend).await);
    assert_ne!(one.message(), two.message());
    assert_eq!(one.finding, two.finding);
}

#[rstest]
#[case::forbidden((403, "WeirdCode", "something special", ""), "list", "403 Forbidden for a reason that is not known here")]
#[case::bad((400, "AnotherCode", "something else", ""), "list", "(the server says: AnotherCode: something else)")]
#[case::no_code((403, "", "no", ""), "list", "allow it s3:ListBucket")]
#[case::blocked((403, "UserSuspended", "", ""), "list", "look into the provider's console (the server says: UserSuspended)")]
#[case::not_ready((503, "XMinioServerNotInitialized", "Server not initialized yet", ""), "list", "not ready yet")]
#[case::access_point((404, "NoSuchAccessPoint", "no", ""), "bucket", "has no bucket images")]
#[case::bad_name((400, "InvalidBucketName", "no", ""), "bucket", "does not allow the name of the bucket images")]
#[tokio::test]
async fn codes(#[case] refused: Refused, #[case] check: &str, #[case] says: &str) {
    let (name, sentence) = sentence(refused, &json!({})).await;
    assert!(name == check && sentence.contains(says), "{name}: {sentence}");
}
