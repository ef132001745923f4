//! Amazon's published signatures.

use rstest::rstest;
use time::macros::datetime;

use super::*;

fn key(id: &str, secret: &str) -> Key {
    Key::new(&id.parse().unwrap(), &Secret::new(secret).unwrap())
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
    key.sign("us-east-1", datetime!(2013-05-24 0:00 UTC).into(), &mut request)
        .unwrap();
    assert_eq!(signature(&request), expected);
    let headers = request.headers()[AUTHORIZATION].to_str().unwrap();
    assert!(
        headers.contains("SignedHeaders=host;x-amz-content-sha256;x-amz-date"),
        "{headers}"
    );
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
    key.sign_for(
        "service",
        SigningSettings::default(),
        "us-east-1",
        at,
        &mut request,
    )
    .unwrap();
    assert_eq!(signature(&request), expected);
}

#[test]
fn secrets_are_not_shown() {
    let key = key("AK", "canary-hush-secret");
    let mut request = get("https://s3.lab/b?list-type=2");
    key.sign("r", SystemTime::now(), &mut request).unwrap();
    let shown = format!("{key:?} {request:?}");
    assert!(!shown.contains("hush"), "{shown}");
    assert!(!shown.contains("Signature="), "{shown}");
}
