//! What real servers answered, as it was captured.

use std::fs;
use std::path::Path;

use rstest::rstest;
use storage_backends::s3::xml::{
    Answer, Buckets, ErrorBody, More, Page, Part, Parts, Unreadable, Written, read,
};

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
    assert!(!page.more.is_more());
}

#[test]
fn pages() {
    let first = page("swift/page.xml");
    assert_eq!(first.objects.len(), 2);
    assert!(first.more.is_more());
    assert_eq!(
        first.more.next(None),
        Some(("continuation-token", "MTAwJS5pc28="))
    );
    let none = page("swift/empty.xml");
    assert!(none.objects.is_empty() && none.prefixes.is_empty() && !none.more.is_more());
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
    let expected = Buckets {
        names: vec!["empty".to_owned(), "images".to_owned()],
        more: More::default(),
    };
    assert_eq!(captured("swift/buckets.xml"), Answer::Buckets(expected));
}

#[rstest]
#[case::directory_buckets(
    "<ListAllMyDirectoryBucketsResult><Buckets><Bucket><Name>a</Name></Bucket></Buckets><ContinuationToken>t</ContinuationToken></ListAllMyDirectoryBucketsResult>",
    Some(("continuation-token", "t"))
)]
#[case::unknown_root(
    "<x:MyBuckets xmlns:x='urn:x'><x:IsTruncated>true</x:IsTruncated><x:Bucket><x:Name>a</x:Name></x:Bucket></x:MyBuckets>",
    Some(("marker", "a"))
)]
#[case::marker(
    "<ListAllMyBucketsResult><NextMarker>m</NextMarker><IsTruncated>true</IsTruncated><Buckets><Bucket><Name>a</Name></Bucket></Buckets></ListAllMyBucketsResult>",
    Some(("marker", "m"))
)]
#[case::whole(
    "<ListBucketsOutput><Buckets><Bucket><Name>a</Name></Bucket></Buckets><IsTruncated>false</IsTruncated><NextMarker>m</NextMarker></ListBucketsOutput>",
    None
)]
fn pages_of_buckets(#[case] text: &str, #[case] next: Option<(&str, &str)>) {
    let Some(Answer::Buckets(found)) = read(text.as_bytes()) else {
        panic!("{text}");
    };
    assert_eq!(found.names, ["a"]);
    let more = found.more.is_more().then(|| found.more.next(Some("a")).unwrap());
    assert_eq!(more, next);
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
#[case::dangling_ampersand(
    "<ListBucketResult><Contents><Key>R&D & more</Key></Contents></ListBucketResult>",
    "R&D & more"
)]
#[case::unknown_entity(
    "<ListBucketResult><Contents><Key>a&b;c</Key></Contents></ListBucketResult>",
    "a&b;c"
)]
#[case::no_character(
    "<ListBucketResult><Contents><Key>a&#xFFFFFFF;&#0;b</Key></Contents></ListBucketResult>",
    "a\u{fffd}\u{fffd}b"
)]
#[case::byte_order_mark(
    "\u{feff}<?xml version='1.0'?><ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
    "a"
)]
#[case::other_root(
    "<ListObjectsV2Output><Contents><Key>a</Key></Contents></ListObjectsV2Output>",
    "a"
)]
#[case::unknown_root(
    "<Objects><EncodingType>url</EncodingType><Contents><Key>a%20b</Key></Contents></Objects>",
    "a b"
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

#[rstest]
fn parts(#[values("ListPartsResult", "ListPartsResponse")] root: &str) {
    let text = format!(
        "<{root}><NextPartNumberMarker>2</NextPartNumberMarker><IsTruncated>true</IsTruncated>\
         <Part><PartNumber>2</PartNumber><ETag>\"t\"</ETag><Size>7</Size></Part></{root}>"
    );
    let part = Part {
        number: 2,
        size: 7,
        etag: "\"t\"".to_owned(),
    };
    let (parts, next) = (vec![part], Some(2));
    assert_eq!(read(text.as_bytes()), Some(Answer::Parts(Parts { parts, next })));
    let last = text.replace("true", "false");
    assert!(matches!(
        read(last.as_bytes()),
        Some(Answer::Parts(Parts { next: None, .. }))
    ));
}

#[rstest]
#[case("CompleteMultipartUploadResult")]
#[case("CopyObjectResponse")]
#[case("CopyPartResult")]
fn what_was_written(#[case] root: &str) {
    let text = format!("<?xml version=\"1.0\"?>\n   <{root}><ETag>t</ETag></{root}>");
    let expected = Written {
        etag: "t".to_owned(),
        ..Written::default()
    };
    assert_eq!(read(text.as_bytes()), Some(Answer::Written(expected)));
}

#[rstest]
#[case("<ErrorResponse><Error><Code>NoSuchBucket</Code></Error><RequestId>1</RequestId></ErrorResponse>")]
#[case("<Response><Errors><Error><Code>NoSuchBucket</Code></Error></Errors></Response>")]
fn errors_in_an_envelope(#[case] text: &str) {
    let expected = ErrorBody {
        code: "NoSuchBucket".to_owned(),
        ..ErrorBody::default()
    };
    assert_eq!(read(text.as_bytes()), Some(Answer::Error(expected)));
}

#[rstest]
#[case("")]
#[case("{}")]
#[case("</ListBucketResult>")]
#[case("<html/>")]
#[case("<!DOCTYPE a><ListBucketResult/>")]
#[case("<multistatus><response><href>/a</href></response></multistatus>")]
fn what_is_refused(#[case] text: &str) {
    assert_eq!(read(text.as_bytes()), None);
}

#[rstest]
#[case::listing(
    "<ListBucketResult><Contents><Key>a</Key>",
    Some(Answer::Unreadable(Unreadable::Broken))
)]
#[case::buckets("<ListAllMyBucketsResult></a>", Some(Answer::Unreadable(Unreadable::Broken)))]
#[case::no_code("<Error><Message>a</b>", None)]
#[case::other("<Objects><Name>a</b>", None)]
fn what_breaks_off(#[case] text: &str, #[case] expected: Option<Answer>) {
    assert_eq!(read(text.as_bytes()), expected);
}

/// What follows the code of an error need not be XML.
#[test]
fn errors_that_break_off() {
    for end in ["", "<Message>a < b</Message></Error>", "<Message></Error>"] {
        let text = format!("<Error><Code>NoSuchBucket</Code>{end}");
        let Some(Answer::Error(error)) = read(text.as_bytes()) else {
            panic!("{text}");
        };
        assert_eq!(error.code, "NoSuchBucket");
    }
}

/// A private character stands for a byte that is not UTF-8.
#[rstest]
#[case::latin_1(b"gr\xfcn", "gr\u{10fffc}n")]
#[case::cut(b"a\xe6\x97", "a\u{10ffe6}\u{10ff97}")]
#[case::control(b"a\x04b\x1b", "a\u{4}b\u{1b}")]
fn odd_bytes(#[case] key: &[u8], #[case] expected: &str) {
    let text = [
        b"<ListBucketResult><Contents><Key>",
        key,
        b"</Key></Contents></ListBucketResult>",
    ]
    .concat();
    match read(&text) {
        Some(Answer::Listing(page)) => assert_eq!(page.objects[0].key, expected),
        other => panic!("{other:?}"),
    }
}
