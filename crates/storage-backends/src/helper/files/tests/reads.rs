use std::fs;
use std::io::Write as _;

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
    let range = |etag: Option<&str>| ReadRequest {
        offset,
        length,
        etag: etag.map(str::to_owned),
        size: None,
    };
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

#[test]
fn a_file_that_is_rewritten_in_place_keeps_its_last_bytes() {
    for size in [10, 1_000_000] {
        let dir = tree(&[]);
        let at = dir.path().join("f");
        fs::write(&at, vec![7; size]).unwrap();
        let root = root_of(&dir);
        let file = OpenFile::open(&root, &path("/f"), &WHOLE).unwrap();
        let rewritten = File::options().write(true).open(&at).unwrap();
        (&rewritten).write_all(&[8; 5]).unwrap();
        rewritten.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        let reader =
            std::thread::spawn(move || std::io::copy(&mut File::from(ours), &mut std::io::sink()).unwrap());
        assert_eq!(file.send(&mut File::from(theirs)), Err(FileFailure::Changed));
        let header = format!("{{\"reading\":{{\"length\":{size}}}}}\n").len();
        assert!(reader.join().unwrap() < (header + size) as u64, "{size}");
    }
}

#[test]
fn a_file_that_is_replaced_is_read_to_its_end() {
    let dir = tree(&["f", "new"]);
    let root = root_of(&dir);
    let file = OpenFile::open(&root, &path("/f"), &WHOLE).unwrap();
    fs::rename(dir.path().join("new"), dir.path().join("f")).unwrap();
    let (_ours, theirs) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    assert_eq!(file.send(&mut File::from(theirs)), Ok(()));
}
