//! Smoke.
use std::time::Duration;
use storage_domain::*;
use storage_persistence::*;

fn nfs() -> BackendConfig {
    let v = serde_json::json!({"server":"nas","export_path":"/srv"});
    BackendConfig::parse(BackendKind::Nfs, v.as_object().unwrap()).unwrap()
}

#[tokio::test]
async fn smoke() {
    let dir = tempfile::tempdir().unwrap();
    let settings = StoreSettings {
        url: format!("sqlite://{}/x.db", dir.path().display()),
        max_connections: 8,
        acquire_timeout: Duration::from_secs(5),
    };
    let store = Store::connect(&settings).await.unwrap();
    assert!(store.ready().await.is_err());
    store.migrate().await.unwrap();
    store.ready().await.unwrap();
    let b = store
        .create(NewBackend {
            name: "a_b".parse().unwrap(),
            config: nfs(),
        })
        .await
        .unwrap();
    assert_eq!(store.get(b.id).await.unwrap(), b);
    assert!(matches!(
        store
            .create(NewBackend {
                name: "a_b".parse().unwrap(),
                config: nfs()
            })
            .await,
        Err(StoreError::NameTaken)
    ));
    let c = store
        .create(NewBackend {
            name: "axb".parse().unwrap(),
            config: nfs(),
        })
        .await
        .unwrap();
    assert!(matches!(
        store.update(&c, &"a_b".parse().unwrap(), &nfs()).await,
        Err(StoreError::NameTaken)
    ));
    let page = store
        .list(&BackendFilter {
            name_contains: Some("A_".into()),
            ..Default::default()
        })
        .await
        .unwrap();
    assert_eq!(page.total, 1);
    let page = store
        .list(&BackendFilter {
            offset: 1,
            ..Default::default()
        })
        .await
        .unwrap();
    assert_eq!((page.total, page.backends.len()), (2, 1));
    let page = store
        .list(&BackendFilter {
            offset: 9,
            limit: Some(2),
            ..Default::default()
        })
        .await
        .unwrap();
    assert_eq!((page.total, page.backends.len()), (2, 0));
    let got = store
        .record(
            b.id,
            b.revision,
            &Measurement {
                status: Some(BackendStatus::Online),
                ..Default::default()
            },
        )
        .await
        .unwrap()
        .unwrap();
    assert_eq!(got.version, 2);
    store.delete(b.id).await.unwrap();
    assert!(matches!(store.get(b.id).await, Err(StoreError::NotFound)));
    store.close().await;
}
