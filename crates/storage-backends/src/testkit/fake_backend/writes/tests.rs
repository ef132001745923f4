use std::time::Duration;

use rstest::rstest;
use storage_domain::BackendKind;

use super::*;
use crate::backend::Backend as _;
use crate::testkit::FakeBackend;

fn fake() -> FakeBackend {
    let files: [(&str, &[u8]); 4] = [
        ("/a.iso", b"abc"),
        ("/dir/b", b"b"),
        ("/dir/sub/c", b"c"),
        ("/kept/lost+found/x", b""),
    ];
    FakeBackend::healthy(BackendKind::Nfs)
        .with_files(files)
        .writable()
}

fn cx() -> OpContext {
    OpContext::within(Duration::from_secs(5))
}

fn path(text: &str) -> FilePath {
    text.parse().unwrap()
}

async fn has(fake: &FakeBackend, text: &str) -> bool {
    let tree = fake.as_tree().unwrap();
    tree.stat(&cx(), &path(text)).await.is_ok()
}

#[rstest]
#[case("/a.iso", Deletion::Single, Ok(()), 1)]
#[case("/dir", Deletion::Single, Err(ErrorKind::NotEmpty), 0)]
#[case("/dir", Deletion::Recursive, Ok(()), 4)]
#[case("/kept", Deletion::Recursive, Err(ErrorKind::NotEmpty), 0)]
#[case("/kept/lost+found", Deletion::Recursive, Err(ErrorKind::Refused), 0)]
#[case("/", Deletion::Recursive, Err(ErrorKind::Refused), 0)]
#[case("/none", Deletion::Recursive, Err(ErrorKind::NotFound), 0)]
#[tokio::test]
async fn what_is_deleted(
    #[case] text: &str,
    #[case] deletion: Deletion,
    #[case] outcome: Result<(), ErrorKind>,
    #[case] done: u64,
) {
    let (fake, progress) = (fake(), Progress::default());
    let tree = fake.as_tree_mut().unwrap();
    let deleted = tree.delete(&cx(), &path(text), deletion, &progress).await;
    assert_eq!(deleted.map_err(Error::into_kind), outcome);
    assert_eq!(progress.done(), done);
    let is_there = text == "/" || has(&fake, text).await;
    assert_eq!(is_there, !matches!(outcome, Ok(()) | Err(ErrorKind::NotFound)));
    assert!(has(&fake, "/kept/lost+found/x").await);
}

#[rstest]
#[case("/a.iso", "/dir/a.iso", Ok(()))]
#[case("/dir", "/other", Ok(()))]
#[case("/dir", "/dir/sub/dir", Err(ErrorKind::Refused))]
#[case("/a.iso", "/dir/b", Err(ErrorKind::Exists))]
#[case("/a.iso", "/none/a.iso", Err(ErrorKind::NotADirectory))]
#[case("/none", "/other", Err(ErrorKind::NotFound))]
#[case("/", "/other", Err(ErrorKind::Refused))]
#[tokio::test]
async fn what_is_moved(#[case] from: &str, #[case] to: &str, #[case] outcome: Result<(), ErrorKind>) {
    let fake = fake();
    let tree = fake.as_tree_mut().unwrap();
    let moved = tree
        .rename(&cx(), &path(from), &path(to), &Progress::default())
        .await;
    assert_eq!(moved.map_err(Error::into_kind), outcome);
    if outcome.is_ok() {
        assert!(has(&fake, to).await && !has(&fake, from).await);
        assert!(from != "/dir" || has(&fake, "/other/sub/c").await);
    }
}

#[tokio::test]
async fn an_upload_appears_at_once_and_outlives_its_writer() {
    let fake = fake();
    let tree = fake.as_tree_mut().unwrap();
    let target = path("/new/deep/x");
    let mut upload = tree.upload(&target);
    assert_eq!(upload.record(), None);
    upload
        .write(&cx(), Bytes::from(vec![1; PENDING_BYTES]))
        .await
        .unwrap();
    let record = upload.record().unwrap().to_owned();
    upload.write(&cx(), Bytes::from_static(b"lost")).await.unwrap();
    drop(upload);
    assert!(!has(&fake, "/new").await && fake.unfinished_uploads() == 1);

    let mut upload = tree.resume(&cx(), &target, &record).await.unwrap();
    assert_eq!(upload.stored(), PENDING_BYTES as u64);
    upload.write(&cx(), Bytes::from_static(b"end")).await.unwrap();
    let entry = upload.publish(&cx(), &Condition::Absent).await.unwrap();
    assert_eq!(
        entry.size.map(storage_domain::ByteCount::get),
        Some(PENDING_BYTES as u64 + 3)
    );
    assert_eq!(fake.unfinished_uploads(), 0);
    let gone = tree.resume(&cx(), &target, &record).await.map(|_| ());
    assert_eq!(gone.map_err(Error::into_kind), Err(ErrorKind::NotFound));
}

#[rstest]
#[case("/a.iso", Condition::None, Ok(()))]
#[case("/a.iso", Condition::Absent, Err(ErrorKind::Exists))]
#[case("/a.iso", Condition::Version("other".to_owned()), Err(ErrorKind::Changed))]
#[case("/none", Condition::Version("other".to_owned()), Err(ErrorKind::Changed))]
#[case("/dir", Condition::None, Err(ErrorKind::NotAFile))]
#[case("/a.iso/x", Condition::None, Err(ErrorKind::NotADirectory))]
#[case("/kept/lost+found/y", Condition::None, Err(ErrorKind::Refused))]
#[tokio::test]
async fn where_a_file_is_published(
    #[case] text: &str,
    #[case] condition: Condition,
    #[case] outcome: Result<(), ErrorKind>,
) {
    let fake = fake();
    let upload = fake.as_tree_mut().unwrap().upload(&path(text));
    let published = upload.publish(&cx(), &condition).await.map(|_| ());
    assert_eq!(published.map_err(Error::into_kind), outcome);
}

#[tokio::test]
async fn a_full_and_a_read_only_storage() {
    let fake = fake();
    let tree = fake.as_tree_mut().unwrap();
    fake.set_space(3);
    let mut upload = tree.upload(&path("/x"));
    upload.write(&cx(), Bytes::from_static(b"abc")).await.unwrap();
    let full = upload.write(&cx(), Bytes::from_static(b"d")).await;
    assert_eq!(full.map_err(Error::into_kind), Err(ErrorKind::NoSpace));
    upload.abandon(&cx()).await.unwrap();

    fake.refuse_writes(Some(ErrorKind::ReadOnly));
    let refused = tree.make_directory(&cx(), &path("/y")).await.map(|_| ());
    assert_eq!(refused.map_err(Error::into_kind), Err(ErrorKind::ReadOnly));
    assert!(!fake.as_tree().unwrap().capabilities().write);
    fake.refuse_writes(None);
    tree.make_directory(&cx(), &path("/y/z")).await.unwrap();
    assert!(has(&fake, "/y").await);
}
