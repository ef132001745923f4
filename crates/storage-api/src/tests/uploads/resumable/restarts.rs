//! Uploads that outlive the process that began them.

use super::*;

/// Another process goes on where the first one was when it ended.
#[actix_web::test]
async fn an_upload_survives_a_restart() {
    let mut bench = Bench::new(|fake| fake).await;
    let content: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let at = bench.begin("/a", &[]).await;
    bench.append(&at, 0, "?0", &content[..150_001]).await;
    bench.restart();
    assert_eq!(bench.offset(&at).await.1, "150001");
    let file = bench.append(&at, 150_001, "?1", &content[150_001..]).await;
    assert_eq!(file.status, 201, "{}", file.body);
    let read = bench.send(Method::GET, "/files/download?path=/a", &[], b"").await;
    assert_eq!(read.content.as_deref(), Some(content.as_slice()));
    let digest = bench
        .put("/b", &[("content-digest", read.header("repr-digest"))], &content)
        .await;
    assert_eq!(digest.status, 201, "the hash of all parts is that of the file");
}

/// What arrived counts, although the storage takes a block just then.
#[actix_web::test]
async fn an_upload_survives_the_end_of_the_service() {
    let mut bench = Bench::new(|fake| fake).await;
    let (at, content) = (bench.begin("/a", &[]).await, vec![7; 900_000]);
    bench.fake.slow_writes(Duration::from_millis(100));
    let stop = async {
        while bench.fake.unfinished_uploads() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        bench.api.app.shutdown(Duration::from_secs(20)).await;
    };
    let (ended, ()) = tokio::join!(bench.append(&at, 0, "?1", &content), stop);
    assert_eq!(ended.status, 503, "{}", ended.body);
    bench.fake.slow_writes(Duration::ZERO);
    bench.restart();
    let offset: usize = bench.offset(&at).await.1.parse().unwrap();
    assert!(offset > 0, "nothing was kept");
    let file = bench.append(&at, offset, "?1", &content[offset..]).await;
    assert_eq!(file.data()["size"], 900_000, "{}", file.body);
    let digest = bench.stat("/a").await.data()["sha256"].clone();
    let whole = bench.put("/b", &[], &content).await;
    assert_eq!(whole.data()["sha256"], digest);
}
