use std::fs;

use rstest::rstest;

use super::*;

#[rstest]
#[case(0, None, "0123456789")]
#[case(3, None, "3456789")]
#[case(3, Some(4), "3456")]
#[case(9, Some(100), "9")]
#[case(10, None, "")]
#[case(u64::MAX, Some(u64::MAX), "")]
#[case(0, Some(0), "")]
fn ranges(#[case] offset: u64, #[case] length: Option<u64>, #[case] expected: &str) {
    let dir = tree(&[]);
    fs::write(dir.path().join("f"), "0123456789").unwrap();
    let root = root_of(&dir);
    let etag = stat(&root, &path("/f")).unwrap().etag;
    let range = |etag| Range { offset, length, etag };
    assert_eq!(read(&root, "/f", &range(None)).unwrap(), expected.as_bytes());
    assert_eq!(
        read(&root, "/f", &range(etag.as_deref())).unwrap(),
        expected.as_bytes()
    );
    assert_eq!(
        read(&root, "/f", &range(Some("other"))),
        Err(FileFailure::Changed)
    );
    fs::write(dir.path().join("f"), "9876543210").unwrap();
    assert_eq!(
        read(&root, "/f", &range(etag.as_deref())),
        Err(FileFailure::Changed)
    );
}

#[test]
fn a_file_that_becomes_shorter_is_never_padded() {
    let dir = tree(&["f"]);
    let root = root_of(&dir);
    fs::write(dir.path().join("f"), vec![7; 100_000]).unwrap();
    let file = OpenFile::open(&root, &path("/f"), &WHOLE).unwrap();
    File::options()
        .write(true)
        .open(dir.path().join("f"))
        .unwrap()
        .set_len(70_000)
        .unwrap();
    let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    let reader =
        std::thread::spawn(move || std::io::copy(&mut File::from(ours), &mut std::io::sink()).unwrap());
    assert_eq!(file.send(&mut File::from(theirs)), Err(FileFailure::Changed));
    let header = "{\"reading\":{\"length\":100000}}\n".len();
    assert_eq!(reader.join().unwrap(), header as u64 + 70_000);
}
