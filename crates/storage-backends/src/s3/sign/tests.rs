//! Amazon's published signatures.

use rstest::rstest;
use time::macros::datetime;

use super::*;

const NOTHING: SignableBody<'_> = SignableBody::Bytes(&[]);

fn key(id: &str, secret: &str) -> Key {
    Key::new(&id.parse().unwrap(), &Secret::new(secret).unwrap(), None)
}

fn get(uri: &str) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(Bytes::new()));
    *request.uri_mut() = uri.parse().unwrap();
    request
}

fn signature(request: &Request<Full<Bytes>>) -> &str {
    let header = request.headers()[AUTHORIZATION].to_str().unwrap();
    header.rsplit_once("Signature=").unwrap().1
}

/// "Signature Calculations for the Authorization Header", the examples of Amazon S3's API reference.
#[rstest]
#[case::list_objects(
    "?max-keys=2&prefix=J",
    "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
)]
#[case::lifecycle(
    "?lifecycle",
    "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
)]
fn examples_of_s3(#[case] query: &str, #[case] expected: &str) {
    let key = key("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    let mut request = get(&format!("https://examplebucket.s3.amazonaws.com/{query}"));
    let at = datetime!(2013-05-24 0:00 UTC).into();
    key.sign("us-east-1", at, NOTHING, &mut request).unwrap();
    assert_eq!(signature(&request), expected);
    let headers = request.headers()[AUTHORIZATION].to_str().unwrap();
    assert!(
        headers.contains("SignedHeaders=host;x-amz-content-sha256;x-amz-date"),
        "{headers}"
    );
}

/// "Example: PUT Object" of the same page.
#[test]
fn example_of_a_body() {
    let key = key("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    let mut request = get("https://examplebucket.s3.amazonaws.com/test%24file.text");
    *request.method_mut() = hyper::Method::PUT;
    let headers = request.headers_mut();
    headers.insert("date", "Fri, 24 May 2013 00:00:00 GMT".parse().unwrap());
    headers.insert("x-amz-storage-class", "REDUCED_REDUNDANCY".parse().unwrap());
    let body = SignableBody::Bytes(b"Welcome to Amazon S3.");
    let at = datetime!(2013-05-24 0:00 UTC).into();
    key.sign("us-east-1", at, body, &mut request).unwrap();
    let expected = "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd";
    assert_eq!(signature(&request), expected);
}

/// Vectors of the signing test suite.
#[rstest]
#[case::vanilla("/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31")]
#[case::query_order(
    "/?Param2=value2&Param1=value1",
    "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"
)]
fn vectors(#[case] target: &str, #[case] expected: &str) {
    let key = key("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    let mut request = get(&format!("https://example.amazonaws.com{target}"));
    let at = datetime!(2015-08-30 12:36 UTC).into();
    let scope = ("service", "us-east-1");
    key.sign_for(scope, SigningSettings::default(), at, NOTHING, &mut request)
        .unwrap();
    assert_eq!(signature(&request), expected);
}

#[rstest]
#[case::slash("wJalr/XUtnFEMI", "AKIAIOSFODNN7EXAMPLE", true)]
#[case::longer("9f2c41d07b6e8a359f2c41d07b6e8a35", "GK31c2f218a2e44f48", true)]
#[case::right("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", false)]
#[case::chosen_by_a_person("pureboot-service", "password", false)]
fn exchanged_keys_are_seen(#[case] id: &str, #[case] secret: &str, #[case] expected: bool) {
    assert_eq!(key(id, secret).looks_swapped(), expected);
}

#[test]
fn words_are_rid_of_secrets() {
    let words = |id, secret| key(id, secret).redact("no such key: id/hush-hush, secret hush-hush!");
    assert_eq!(words("AK", "hush-hush"), "no such key: id/…, secret …!");
    assert_eq!(
        words("id/hush-hush", "AKIAEXAMPLE"),
        "no such key: …, secret hush-hush!"
    );
    assert_eq!(
        words("AK", "secret"),
        "no such key: id/hush-hush, secret hush-hush!"
    );
}

#[test]
fn a_token_is_sent_signed_and_hidden() {
    let token = Secret::new("canary-hush-ünïcode").unwrap();
    let secret = Secret::new("canary-hush-secret").unwrap();
    let key = Key::new(&"ASIA1".parse().unwrap(), &secret, Some(&token));
    assert!(!key.lacks_token());
    let mut request = get("https://s3.lab/b?list-type=2");
    key.sign("r", SystemTime::now(), NOTHING, &mut request).unwrap();
    let sent = request.headers()[SESSION_TOKEN].as_bytes();
    assert_eq!(sent, token.expose().as_bytes());
    let signed = request.headers()[AUTHORIZATION].to_str().unwrap();
    assert!(signed.contains("x-amz-date;x-amz-security-token"), "{signed}");
    assert!(!format!("{key:?} {request:?}").contains("hush"));
}

#[test]
fn secrets_are_not_shown() {
    let key = key("AK", "canary-hush-secret");
    let mut request = get("https://s3.lab/b?list-type=2");
    key.sign("r", SystemTime::now(), NOTHING, &mut request).unwrap();
    let shown = format!("{key:?} {request:?}");
    assert!(!shown.contains("hush"), "{shown}");
    assert!(!shown.contains("Signature="), "{shown}");
}
