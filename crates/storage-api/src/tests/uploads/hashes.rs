//! What is known of the content of files.

use super::*;

#[actix_web::test]
async fn a_hash_goes_along_with_its_file() {
    let bench = Bench::new(|fake| fake).await;
    bench.put("/a.iso", &[], b"0123456789").await;
    for (to, body) in [
        (
            "/b.iso",
            json!({"source_path": "/a.iso", "destination_path": "/b.iso"}),
        ),
        (
            "/images/b.iso",
            json!({"source_paths": ["/b.iso"], "destination_path": "/images"}),
        ),
    ] {
        let moved = format!("{}/files/move", bench.backend);
        let moved = bench.api.call("POST", &moved, Some(body)).await;
        assert_eq!(moved.status, 200, "{}", moved.body);
        assert_eq!(bench.stat(to).await.data()["sha256"], HEX);
    }
}

/// A file that was replaced by others has no hash.
#[actix_web::test]
async fn a_hash_belongs_to_a_version() {
    let bench = Bench::new(|fake| fake).await;
    assert_eq!(bench.put("/there.iso", &[], b"new").await.status, 200);
    bench
        .api
        .database
        .execute("UPDATE file_hashes SET id = 'of another version'")
        .await;
    assert_eq!(bench.stat("/there.iso").await.data()["sha256"], Value::Null);
}
