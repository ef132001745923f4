//! What real servers answered, as it was captured.

use std::fs;
use std::path::Path;

use rstest::rstest;
use storage_backends::s3::xml::{Answer, ErrorBody, Page, read};

fn captured(name: &str) -> Answer {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/s3")
        .join(name);
    read(&fs::read(path).unwrap()).unwrap()
}

fn page(name: &str) -> Page {
    match captured(name) {
        Answer::Listing(page) => page,
        other => panic!("{other:?}"),
    }
}

#[rstest]
#[case::encoded("swift/list.xml", &["sub dir/"])]
#[case::plain("swift/list-plain.xml", &[])]
fn listings(#[case] name: &str, #[case] prefixes: &[&str]) {
    let page = page(name);
    let mut expected = vec![
        ("&lt;.txt", 8),
        ("100%.iso", 8),
        ("a b.iso", 7),
        ("größe.img", 9),
        ("plain.iso", 9),
        ("plus+name.iso", 13),
    ];
    if prefixes.is_empty() {
        expected.push(("sub dir/x.iso", 13));
    }
    let found: Vec<(&str, u64)> = page
        .objects
        .iter()
        .map(|object| (object.key.as_str(), object.size.unwrap()))
        .collect();
    assert_eq!(found, expected);
    assert_eq!(page.prefixes, prefixes);
    assert!(!page.truncated);
    assert_eq!(page.token, None);
}

#[test]
fn pages() {
    let first = page("swift/page.xml");
    assert_eq!(first.objects.len(), 2);
    assert!(first.truncated);
    assert_eq!(first.token.as_deref(), Some("MTAwJS5pc28="));
    assert_eq!(page("swift/empty.xml"), Page::default());
}

#[rstest]
#[case("swift/wrong-region.xml", "AuthorizationHeaderMalformed", "lab-1")]
#[case("swift/wrong-secret.xml", "SignatureDoesNotMatch", "")]
#[case("swift/no-bucket.xml", "NoSuchBucket", "")]
#[case("swift/denied.xml", "AccessDenied", "")]
fn refusals(#[case] name: &str, #[case] code: &str, #[case] region: &str) {
    match captured(name) {
        Answer::Error(error) => {
            assert_eq!((error.code.as_str(), error.region.as_str()), (code, region));
            assert!(!error.message.is_empty());
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn buckets() {
    let expected = Answer::Buckets(vec!["empty".to_owned(), "images".to_owned()]);
    assert_eq!(captured("swift/buckets.xml"), expected);
}

#[rstest]
#[case::prefixed(
    "<s3:ListBucketResult xmlns:s3='urn:x'><s3:Contents><s3:Key>a</s3:Key><s3:Size> 7 </s3:Size></s3:Contents></s3:ListBucketResult>",
    "a"
)]
#[case::cdata(
    "<ListBucketResult><Contents><Key><![CDATA[a&b]]></Key></Contents></ListBucketResult>",
    "a&b"
)]
#[case::references(
    "<ListBucketResult><Contents><Key>&#x61;&amp;&#98;</Key></Contents></ListBucketResult>",
    "a&b"
)]
#[case::plus(
    "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>a+b%2Bc</Key></Contents></ListBucketResult>",
    "a b+c"
)]
#[case::not_encoded(
    "<ListBucketResult><Contents><Key>a+b%2Bc</Key></Contents></ListBucketResult>",
    "a+b%2Bc"
)]
#[case::said_to_be_encoded(
    "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>a b+c%41</Key></Contents></ListBucketResult>",
    "a b+c%41"
)]
#[case::owner(
    "<ListBucketResult><Contents><Key>a</Key><Owner><Key>no</Key></Owner></Contents></ListBucketResult>",
    "a"
)]
fn keys(#[case] text: &str, #[case] key: &str) {
    match read(text.as_bytes()) {
        Some(Answer::Listing(page)) => assert_eq!(page.objects[0].key, key),
        other => panic!("{other:?}"),
    }
}

#[test]
fn errors_in_an_envelope() {
    let text =
        "<ErrorResponse><Error><Code>NoSuchBucket</Code></Error><RequestId>1</RequestId></ErrorResponse>";
    let expected = ErrorBody {
        code: "NoSuchBucket".to_owned(),
        ..ErrorBody::default()
    };
    assert_eq!(read(text.as_bytes()), Some(Answer::Error(expected)));
}

#[rstest]
#[case("")]
#[case("{}")]
#[case("<ListBucketResult>")]
#[case("<ListBucketResult></Contents>")]
#[case("</ListBucketResult>")]
#[case("<html/>")]
#[case("<!DOCTYPE a><ListBucketResult/>")]
#[case("<ListBucketResult><Contents><Key>&x;</Key></Contents></ListBucketResult>")]
fn what_is_refused(#[case] text: &str) {
    assert_eq!(read(text.as_bytes()), None);
}
