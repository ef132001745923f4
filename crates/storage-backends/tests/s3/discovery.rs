//! Lists of buckets: in pages, of other servers, refused, and with names that can't be registered.

use rstest::rstest;
use serde_json::json;
use storage_backends::Error;
use storage_backends::net::Network;
use storage_backends::s3::{Buckets, buckets};
use storage_domain::s3::S3Account;

use crate::s3::fake::{Asked, Fake, Told, object, page, refusal};
use crate::s3::{CANARY, cx};
use crate::support::asking::told;

async fn ask(url: &str) -> Result<Buckets, Error> {
    let account = json!({ "endpoint": url, "access_key_id": "AK", "secret_access_key": CANARY });
    let account = S3Account::parse(account.as_object().unwrap()).unwrap();
    buckets(&account, &Network::default(), &cx()).await
}

fn list(names: &[String], more: &str) -> Told {
    let entries: Vec<String> = names
        .iter()
        .map(|name| format!("<Bucket><Name>{name}</Name></Bucket>"))
        .collect();
    let entries = entries.concat();
    let root = "ListAllMyBucketsResult";
    (
        200,
        Vec::new(),
        format!("<{root}><Buckets>{entries}</Buckets>{more}</{root}>"),
    )
}

fn numbered(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("Bucket_{number}")).collect()
}

/// By token, by the server's marker, and by the last name.
#[rstest]
#[case::token(|asked: &Asked| match asked.get("continuation-token") {
    "" => list(&numbered(0..3), "<ContinuationToken>t+/=</ContinuationToken>"),
    token => { assert_eq!(token, "t+/="); list(&numbered(3..5), "") }
})]
#[case::marker(|asked: &Asked| match asked.get("marker") {
    "" => list(&numbered(0..3), "<IsTruncated>true</IsTruncated><NextMarker>Bucket_2</NextMarker>"),
    marker => { assert_eq!(marker, "Bucket_2"); list(&numbered(3..5), "<IsTruncated>false</IsTruncated>") }
})]
#[case::last_name(|asked: &Asked| match asked.get("marker") {
    "" => list(&numbered(0..4), "<IsTruncated>true</IsTruncated>"),
    marker => { assert_eq!(marker, "Bucket_3"); list(&numbered(3..5), "<IsTruncated>false</IsTruncated>") }
})]
#[tokio::test]
async fn pages_are_followed(#[case] answer: fn(&Asked) -> Told) {
    let fake = Fake::start(answer).await;
    let found = ask(&fake.url()).await.unwrap();
    let names: Vec<String> = found
        .buckets
        .iter()
        .map(|bucket| bucket.name.to_string())
        .collect();
    assert_eq!(names, numbered(0..5));
    assert!(found.left_out.is_none(), "{:?}", found.left_out);
}

#[rstest]
#[case::one(&["images", "my images"], "", "1 bucket is left out, because its name can't be registered: my images")]
#[case::some(&["a", "images", "b"], "", "2 buckets are left out, because their names can't be registered (first: a)")]
#[case::endless(&["images"], "<IsTruncated>true</IsTruncated>", "the server has more buckets than it lists: register the others by name")]
#[tokio::test]
async fn what_is_left_out_is_said(#[case] names: &[&str], #[case] more: &'static str, #[case] says: &str) {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let fake = Fake::start(move |_| list(&names, more)).await;
    let found = ask(&fake.url()).await.unwrap();
    assert_eq!(found.buckets.len(), 1);
    assert_eq!(found.left_out.unwrap().to_string(), says);
    assert!(fake.asked().len() <= 2);
}

#[rstest]
#[case::denied(|_: &Asked| refusal(403, "AccessDenied", "Access Denied.", ""), "allow it s3:ListAllMyBuckets, or register a bucket by its name")]
#[case::not_known(|_: &Asked| refusal(405, "MethodNotAllowed", "no", ""), "register a bucket by its name")]
#[case::a_bucket(|_: &Asked| page(&object("a", "1")), "take the bucket's name out of endpoint")]
#[tokio::test]
async fn refusals(#[case] answer: fn(&Asked) -> Told, #[case] says: &str) {
    let fake = Fake::start(answer).await;
    let sentence = told(&ask(&fake.url()).await.unwrap_err());
    assert!(sentence.contains(says), "{sentence}");
}
