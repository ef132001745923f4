//! What every real server has to show, once an [`Account`](crate::s3::account::Account) has filled it.

use serde_json::{Value, json};
use storage_backends::net::Network;
use storage_backends::s3::buckets;
use storage_domain::s3::S3Account;

use crate::s3::trees::{DIRECTORIES, OBJECTS, TEMPLATES, bytes};
use crate::s3::{backend, check, cx, failure, probe, scan, with};

/// The probe passes, the region is found from the server's own answer, and everything is counted.
/// `leading` is what the server makes of the key `/leading/slash.iso`'s first directory.
pub(crate) async fn passes_and_counts(config: &Value, region: &str, leading: &str) {
    let backend_ = backend(config.clone());
    let report = probe(&backend_).await;
    assert!(report.passed(), "{report:#?}");
    let accepted = &check(&report, "credentials").detail;
    assert!(accepted.contains(region), "{accepted}");
    let counted = scan(&backend_).await;
    assert_eq!((counted.errors, &counted.first_error), (0, &None));
    assert_eq!(counted.files, OBJECTS.len() as u64 + 1);
    assert_eq!(counted.bytes.unwrap().get(), bytes() + 5);
    assert_eq!(counted.templates, TEMPLATES + 1);
    assert_eq!(
        counted.directories,
        DIRECTORIES + 2 + u64::from(leading.starts_with('/'))
    );
    for prefix in [leading, "marker/", "ünï/", "sub+2", "a b"] {
        let below = backend(with(config.clone(), &json!({ "prefix": prefix })));
        let expected = u64::from(prefix != "marker/");
        assert_eq!(scan(&below).await.files, expected, "{prefix}");
    }
    let empty = probe(&backend(with(config.clone(), &json!({ "bucket": "empty" })))).await;
    assert!(
        check(&empty, "list").detail.contains("there is none yet"),
        "{empty:#?}"
    );
}

/// With this set wrong, this check fails, and says this.
pub(crate) async fn refuses(config: &Value, wrong: &Value, name: &str, says: &str) {
    let report = probe(&backend(with(config.clone(), wrong))).await;
    let failed = failure(&report);
    assert_eq!(failed.0, name, "{wrong}: {report:#?}");
    assert!(failed.1.contains(says), "{}", failed.1);
}

pub(crate) async fn lists_its_buckets(url: &str, key: &str, secret: &str, expected: &[&str]) {
    let account = json!({ "endpoint": url, "access_key_id": key, "secret_access_key": secret });
    let account = S3Account::parse(account.as_object().unwrap()).unwrap();
    let found = buckets(&account, &Network::default(), &cx()).await.unwrap();
    assert!(found.left_out.is_none(), "{:?}", found.left_out);
    let mut names: Vec<String> = found
        .buckets
        .iter()
        .map(|bucket| bucket.name.to_string())
        .collect();
    names.sort();
    assert_eq!(names, expected);
}
