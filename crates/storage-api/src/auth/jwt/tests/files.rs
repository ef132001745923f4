//! The files of keys: read again, hanging, and wrong.

use std::path::Path;
use std::time::Duration;

use rstest::rstest;

use super::signer::*;
use crate::auth::jwt::Refusal;

#[test]
fn keys_are_read_again_when_their_file_changes() {
    let files = Files::new();
    let (first, second) = (Signer::p256(), Signer::p256());
    let set = files.set(&[("1", &first)]);
    let jwt = jwt(settings(None, Some(&set))).unwrap();
    let (old, new) = (first.token(&claims()), second.token(&claims()));
    assert!(jwt.verify(&old, now()).is_ok() && jwt.verify(&new, now()).is_err());
    // A file that is half written changes nothing.
    files.write("keys.json", b"{\"keys\": [");
    look(&jwt);
    assert!(jwt.verify(&old, now()).is_ok());
    files.set(&[("2", &second)]);
    look(&jwt);
    assert!(jwt.verify(&new, now()).is_ok());
    assert_eq!(jwt.verify(&old, now()), Err(Refusal::Signature));
}

/// A tool that keeps times, such as `cp -p`, shows a mended file by its change time only.
#[test]
fn keys_that_could_not_be_read_at_first_are_tried_again() {
    let files = Files::new();
    let (first, second) = (Signer::p256(), Signer::p256());
    let set = files.set(&[("1", &first)]);
    let jwt = jwt(settings(None, Some(&set))).unwrap();
    let new = second.token(&claims());
    files.set(&[("2", &second)]);
    let good = std::fs::read(&set).unwrap();
    let then = std::time::SystemTime::now() - Duration::from_hours(1);
    let write = |bytes: &[u8]| {
        files.write("keys.json", bytes);
        std::fs::File::options()
            .write(true)
            .open(&set)
            .unwrap()
            .set_modified(then)
            .unwrap();
    };
    write(&vec![b'x'; good.len()]);
    look(&jwt);
    assert!(jwt.verify(&new, now()).is_err());
    write(&good);
    look(&jwt);
    assert!(jwt.verify(&new, now()).is_ok());
}

#[test]
fn what_is_no_file_is_refused() {
    let files = Files::new();
    let error = jwt(settings(None, Some(files.directory.path()))).unwrap_err();
    assert!(error.to_string().ends_with(" is not a file"), "{error}");
}

/// A request that began with the old keys leaves nothing behind that outlives them.
#[test]
fn what_old_keys_signed_is_not_remembered_past_them() {
    let files = Files::new();
    let (first, second) = (Signer::p256(), Signer::p256());
    let set = files.set(&[("1", &first)]);
    let jwt = jwt(settings(None, Some(&set))).unwrap();
    let old = first.token(&claims());
    let before = jwt.verifier.current();
    files.set(&[("2", &second)]);
    look(&jwt);
    assert_eq!(jwt.verify(&old, now()), Err(Refusal::Signature));
    assert!(jwt.verify_by(&before, &old, now()).is_ok());
    assert_eq!(jwt.verify(&old, now()), Err(Refusal::Signature));
}

#[rstest]
#[case(b"", "at least 32 bytes")]
#[case(b"secret-canary\n", "at least 32 bytes")]
fn secrets_that_are_too_short_are_refused(#[case] bytes: &[u8], #[case] wanted: &str) {
    let files = Files::new();
    let path = files.write("secret", bytes);
    let error = jwt(settings(Some(&path), None)).unwrap_err().to_string();
    assert!(error.contains(wanted) && !error.contains("canary"), "{error}");
}

#[rstest]
#[case(b"nonsense", "is no JWK set")]
#[case(b"{\"keys\": []}", "has no public key")]
#[case(b"{\"keys\": [{\"kty\": \"oct\", \"k\": \"c2VjcmV0\"}]}", "has no public key")]
#[case(
    b"{\"keys\": [{\"kty\": \"RSA\", \"use\": \"enc\", \"n\": \"AQAB\", \"e\": \"AQAB\"}]}",
    "has no public key"
)]
#[case(
    b"{\"keys\": [{\"kty\": \"EC\", \"crv\": \"P-256\", \"x\": \"AQAB\", \"y\": \"AQAB\"}]}",
    "has no public key"
)]
fn sets_without_a_key_are_refused(#[case] bytes: &[u8], #[case] wanted: &str) {
    let files = Files::new();
    let path = files.write("keys.json", bytes);
    let error = jwt(settings(None, Some(&path))).unwrap_err().to_string();
    assert!(error.contains(wanted), "{error}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = jwt(settings(Some(Path::new("/nowhere/secret")), None)).unwrap_err();
    assert_eq!(error.to_string(), "/nowhere/secret can't be read");
}

/// As for a TLS key. What systemd (0440, of an ACL's mask) and Kubernetes (`defaultMode: 0440`) hand over is taken.
#[rstest]
#[case(0o600, true)]
#[case(0o400, true)]
#[case(0o640, true)]
#[case(0o440, true)]
#[case(0o644, false)]
#[case(0o444, false)]
#[case(0o604, false)]
#[case(0o602, false)]
#[case(0o660, false)]
#[case(0o620, false)]
fn a_secret_that_is_open_to_others_is_refused(#[case] mode: u32, #[case] is_taken: bool) {
    let files = Files::new();
    let path = files.secret();
    chmod(&path, mode);
    let opened = jwt(settings(Some(&path), None));
    if is_taken {
        let jwt = opened.unwrap();
        assert!(jwt.verify(&secret().token(&claims()), now()).is_ok());
        return;
    }
    let message = opened.unwrap_err().to_string();
    let wanted = format!(
        "jwt_hs256_secret_file: {} is open to other users (mode {mode:04o}); make it private: chmod 0600",
        path.display()
    );
    assert!(message.starts_with(&wanted), "{message}");
}

/// Public keys may be read by everybody, and whoever adds one is an admin.
#[rstest]
#[case(0o644, true)]
#[case(0o444, true)]
#[case(0o600, true)]
#[case(0o664, false)]
#[case(0o646, false)]
#[case(0o666, false)]
fn a_set_that_others_can_change_is_refused(#[case] mode: u32, #[case] is_taken: bool) {
    let files = Files::new();
    let key = Signer::p256();
    let set = files.set(&[("1", &key)]);
    chmod(&set, mode);
    let opened = jwt(settings(None, Some(&set)));
    if is_taken {
        let jwt = opened.unwrap();
        assert!(jwt.verify(&key.token(&claims()), now()).is_ok());
        return;
    }
    let message = opened.unwrap_err().to_string();
    let wanted = format!(
        "jwt_jwks_file: {} can be changed by other users (mode {mode:04o})",
        set.display()
    );
    assert!(
        message.starts_with(&wanted) && message.ends_with("chmod 0644"),
        "{message}"
    );
}

/// Somebody put a key of their own into a set that everybody may write to.
#[test]
fn files_that_are_opened_to_others_later_change_nothing_until_they_are_closed() {
    let files = Files::new();
    let (first, second) = (Signer::p256(), Signer::p256());
    let (path, set) = (files.secret(), files.set(&[("1", &first)]));
    let jwt = jwt(settings(Some(&path), Some(&set))).unwrap();
    let (old, new) = (first.token(&claims()), second.token(&claims()));
    files.set(&[("2", &second)]);
    chmod(&set, 0o666);
    look(&jwt);
    assert_eq!(jwt.verify(&new, now()), Err(Refusal::Signature));
    assert!(jwt.verify(&old, now()).is_ok());
    // One of the two is enough.
    chmod(&set, 0o644);
    chmod(&path, 0o604);
    look(&jwt);
    assert_eq!(jwt.verify(&new, now()), Err(Refusal::Signature));
    chmod(&path, 0o600);
    look(&jwt);
    assert!(jwt.verify(&new, now()).is_ok());
    assert_eq!(jwt.verify(&old, now()), Err(Refusal::Signature));
}
