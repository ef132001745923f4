use std::os::unix::ffi::OsStringExt;

use super::*;

#[test]
fn a_message_comes_back_as_it_went() {
    let call = Call::Mount(MountCall {
        fstype: "ext4".to_owned(),
        source: "nas.lab:/srv/with space".to_owned(),
        target: "/run/mounts/x".into(),
        flags: 1,
        attempts: vec![Attempt {
            label: "4.1".to_owned(),
            family: "4".to_owned(),
            data: "timeo=50,addr=10.0.0.5".to_owned(),
        }],
    });
    let mut pipe = Vec::new();
    write(&mut pipe, &call).unwrap();
    write(&mut pipe, &call).unwrap();
    let mut pipe = pipe.as_slice();
    assert_eq!(read::<Call>(&mut pipe).unwrap(), Some(call.clone()));
    assert_eq!(read::<Call>(&mut pipe).unwrap(), Some(call));
    assert_eq!(read::<Call>(&mut pipe).unwrap(), None);
}

#[test]
fn a_place_need_not_be_utf_8() {
    let call = Call::Unmount(UnmountCall {
        place: OsString::from_vec(b"/run/mounts/\xff".to_vec()),
        way: UnmountWay::Detach,
    });
    let mut pipe = Vec::new();
    write(&mut pipe, &call).unwrap();
    assert_eq!(read::<Call>(&mut pipe.as_slice()).unwrap(), Some(call));
}

#[test]
fn garbage_is_an_error() {
    for line in ["{\"nonsense\":1}\n", "\u{fe}\n", "{", "\n"] {
        assert!(read::<Call>(&mut line.as_bytes()).is_err(), "{line:?}");
    }
    let endless = vec![b'x'; 2 * MAX_MESSAGE_BYTES];
    let mut rest = endless.as_slice();
    assert!(read::<Call>(&mut rest).is_err());
    assert_eq!(
        rest.len(),
        MAX_MESSAGE_BYTES - 1,
        "more is read than a message may have"
    );
}

#[test]
fn a_message_that_is_too_long_is_not_sent() {
    let path = "x".repeat(MAX_MESSAGE_BYTES).into();
    assert!(write(&mut Vec::new(), &Call::Statfs { path }).is_err());
}
