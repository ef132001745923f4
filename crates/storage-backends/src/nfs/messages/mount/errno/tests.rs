use storage_domain::{BackendConfig, BackendKind};

use super::*;
use crate::helper::protocol::Step;

/// The errors of mount(2), "ERRORS", without those that NFS can't cause: EFAULT and ENOTBLK.
const MOUNT_2: &[Errno] = &[
    Errno::EACCES,
    Errno::EBUSY,
    Errno::EINVAL,
    Errno::ELOOP,
    Errno::EMFILE,
    Errno::ENAMETOOLONG,
    Errno::ENODEV,
    Errno::ENOENT,
    Errno::ENOMEM,
    Errno::ENOTDIR,
    Errno::ENXIO,
    Errno::EPERM,
    Errno::EROFS,
];

/// The errors that the mount daemon's status (`fs/nfs/mount_clnt.c`), NFS's and the RPC client's become.
const NFS: &[i32] = &[
    Errno::EPERM as i32,
    Errno::EIO as i32,
    Errno::ESTALE as i32,
    Errno::EREMOTE as i32,
    Errno::EREMOTEIO as i32,
    Errno::EOPNOTSUPP as i32,
    Errno::EPROTONOSUPPORT as i32,
    Errno::EPROTO as i32,
    Errno::ECONNREFUSED as i32,
    Errno::ECONNRESET as i32,
    Errno::EPIPE as i32,
    Errno::ETIMEDOUT as i32,
    Errno::EHOSTDOWN as i32,
    Errno::EHOSTUNREACH as i32,
    Errno::ENETDOWN as i32,
    Errno::ENETUNREACH as i32,
    Errno::EADDRINUSE as i32,
    Errno::EADDRNOTAVAIL as i32,
    Errno::EAFNOSUPPORT as i32,
    Errno::EAGAIN as i32,
    Errno::ENOBUFS as i32,
    Errno::EKEYEXPIRED as i32,
    kernel::ERESTARTSYS,
    kernel::EBADHANDLE,
    kernel::ENOTSUPP,
    kernel::ESERVERFAULT,
    kernel::EJUKEBOX,
];

fn message(errno: i32, version: &str, options: &str) -> String {
    let members =
        serde_json::json!({"server": "nas", "export_path": "/srv/images", "mount_options": options});
    let config = BackendConfig::parse(BackendKind::Nfs, members.as_object().unwrap()).unwrap();
    let BackendConfig::Nfs(config) = config else {
        unreachable!()
    };
    let failure = CallFailure {
        step: Step::Mount,
        errno,
        label: Some(version.to_owned()),
    };
    mount(&failure, &config).to_string()
}

#[test]
fn every_documented_error_has_a_sentence_and_a_remedy() {
    let documented = MOUNT_2.iter().map(|errno| *errno as i32);
    let mut sentences = Vec::new();
    for errno in documented.chain(NFS.iter().copied()) {
        for version in ["3", "4.1"] {
            let sentence = message(errno, version, &format!("vers={version}"));
            assert!(!sentence.contains("os error"), "{errno}: {sentence}");
            assert!(sentence.contains(". "), "{errno}: {sentence}");
            sentences.push(format!("{errno} {version}: {sentence}"));
        }
    }
    insta::assert_snapshot!(sentences.join("\n"));
}

#[test]
fn an_unknown_error_is_shown_with_its_number_and_the_systems_words() {
    let sentence = message(Errno::EDOM as i32, "4.1", "vers=4.1");
    assert!(
        sentence.contains("Numerical argument out of domain (os error 33)"),
        "{sentence}"
    );
    let sentence = message(4000, "4.1", "vers=4.1");
    assert!(sentence.contains("(os error 4000)"), "{sentence}");
}

#[test]
fn a_missing_transport_is_named() {
    for options in ["rdma", "proto=rdma,port=20049", "vers=3,proto=rdma6"] {
        for errno in [Errno::EPROTO, Errno::EPROTONOSUPPORT, Errno::EINVAL] {
            let sentence = message(errno as i32, "4.1", options);
            assert!(sentence.contains("rpcrdma"), "{options}: {sentence}");
        }
        let sentence = message(Errno::EACCES as i32, "4.1", options);
        assert!(!sentence.contains("rpcrdma"), "{options}: {sentence}");
    }
    assert!(!message(Errno::EPROTO as i32, "4.1", "vers=4.1").contains("rpcrdma"));
}
