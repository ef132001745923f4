//! Settings that can't be used.

use std::os::unix::fs::PermissionsExt;

use rstest::rstest;

use crate::service::{Service, binary, directory, finish, run};

/// Every key, wrong, by its flag.
#[rstest]
#[case("listen", "--listen=localhost")]
#[case("listen", "--listen=127.0.0.1:99999")]
#[case("listen", "--listen=unix:api.sock")]
#[case("unix_socket_mode", "--unix-socket-mode=rw")]
#[case("boot_listen", "--boot-listen=unix:/run/boot.sock")]
#[case("boot_networks", "--boot-networks=rack")]
#[case("boot_cache", "--boot-cache=relative")]
#[case("boot_cache_bytes", "--boot-cache-bytes=0")]
#[case("boot_pinned", "--boot-pinned=images")]
#[case("database_url", "--database-url=mysql://u:hidden@h/d")]
#[case("secret_key_file", "--secret-key-file=relative")]
#[case("state_dir", "--state-dir=relative")]
#[case("mount_dir", "--mount-dir=/srv/../tmp")]
#[case("template_extensions", "--template-extensions=.iso")]
#[case("mount_deadline", "--mount-deadline=19s")]
#[case("test_deadline", "--test-deadline=30s")]
#[case("shutdown_deadline", "--shutdown-deadline=25h")]
#[case("tls_cert_file", "--tls-cert-file=cert.pem")]
#[case("tls_key_file", "--tls-key-file=key.pem")]
#[case("allow_networks", "--allow-networks=10.0.0.1/8")]
#[case("deny_networks", "--deny-networks=home")]
#[case("iscsi_initiator_name", "--iscsi-initiator-name=storage.lab")]
#[case("jwt_hs256_secret_file", "--jwt-hs256-secret-file=secret")]
#[case("jwt_jwks_file", "--jwt-jwks-file=keys.json")]
#[case("jwt_issuer", "--jwt-issuer=pureboot")]
#[case("jwt_audience", "--jwt-audience= ")]
#[case("jwt_role_claim", "--jwt-role-claim= ")]
#[case("jwt_roles", "--jwt-roles=ops=root")]
#[case("cors_origins", "--cors-origins=*")]
#[case("failed_logins", "--failed-logins=0")]
#[case("trusted_proxies", "--trusted-proxies=proxy.lab")]
#[case("watch_interval", "--watch-interval=0s")]
#[case("scan_interval", "--scan-interval=1")]
#[case("rate_limit", "--rate-limit=0")]
#[case("max_connections", "--max-connections=0")]
#[case("audit_retention", "--audit-retention=1y")]
#[case("log_format", "--log-format=xml")]
#[case("log_level", "--log-level=loud")]
#[case("log_level", "--log-level=info, storage_backends=debug")]
#[case("log_level", "--log-level=storage_backends=")]
#[case("log_level", "--log-level==debug")]
#[case("log_level", "--log-level=storage_api[request]=debug")]
fn a_wrong_flag_is_named(#[case] key: &str, #[case] flag: &str) {
    let done = run(&["serve", flag]);
    let name = flag.split('=').next().unwrap_or_default();
    assert_eq!(done.code, Some(2), "{}", done.err);
    assert!(
        done.err.contains(&format!("  {key} ({name}) must ")),
        "{}",
        done.err
    );
    assert!(!done.err.contains("hidden"), "{}", done.err);
}

/// 20 s is what the kernel needs for a mount, and the time limit of statfs(2).
#[test]
fn time_limits_that_do_not_nest_are_named_each_by_its_key() {
    let done = run(&["serve", "--mount-deadline=15s", "--test-deadline=18s"]);
    assert_eq!(done.code, Some(2), "{}", done.err);
    for wanted in [
        "  mount_deadline (--mount-deadline) must be at least 20s",
        "  test_deadline (--test-deadline) must be longer than the time limit of statfs(2) (20s)",
    ] {
        assert!(done.err.contains(wanted), "{wanted}\n--\n{}", done.err);
    }
    let done = run(&["serve", "--test-deadline=30s"]);
    let wanted = "  test_deadline (--test-deadline) must be longer than mount_deadline (30s)";
    assert!(done.err.contains(wanted), "{}", done.err);
}

#[test]
fn every_mistake_is_told_at_once_with_its_origin() {
    let home = directory();
    let file = home.path().join("config.toml");
    std::fs::write(
        &file,
        "listn = \"127.0.0.1:1\"\nmax_connections = \"many\"\nmounting = \"no\"\n",
    )
    .expect("it can be written");
    let mut command = binary();
    command
        .env("PUREBOOT_STORAGE_LOG_LEVEL", "loud")
        .env("DATABASE_URL", "mysql://u:hidden@h/d");
    let done = finish(
        command
            .args(["serve", "--scan-interval", "x", "--config"])
            .arg(&file),
    );
    assert_eq!(done.code, Some(2), "{}", done.err);
    let file = file.display();
    for wanted in [
        format!("  listn (in {file}) is not a setting; the settings are listen, "),
        format!("  mounting (in {file}) must be true or false"),
        format!("  max_connections (in {file}) must be a whole number from 1 to 100000, not \"many\""),
        "  log_level (PUREBOOT_STORAGE_LOG_LEVEL) must be ".to_owned(),
        "  database_url (DATABASE_URL) must be ".to_owned(),
        "  scan_interval (--scan-interval) must be ".to_owned(),
    ] {
        assert!(done.err.contains(&wanted), "{wanted}\n--\n{}", done.err);
    }
    assert!(!done.err.contains("hidden"), "{}", done.err);
}

#[test]
fn a_file_that_is_no_toml_is_named_with_its_line_and_without_its_text() {
    let home = directory();
    let file = home.path().join("config.toml");
    std::fs::write(
        &file,
        "listen = \"127.0.0.1:1\"\ndatabase_url = postgres://u:hidden@h/d\n",
    )
    .expect("it can be written");
    let done = finish(binary().args(["serve", "--config"]).arg(&file));
    assert_eq!(done.code, Some(2), "{}", done.err);
    assert!(
        done.err
            .contains(&format!("config ({}) is no TOML at line 2", file.display())),
        "{}",
        done.err
    );
    assert!(!done.err.contains("hidden"), "{}", done.err);
}

#[test]
fn a_file_that_was_named_has_to_be_there() {
    let done = run(&["serve", "--config", "/nowhere/config.toml"]);
    assert_eq!(done.code, Some(2));
    assert!(
        done.err.contains("config (/nowhere/config.toml) can't be read"),
        "{}",
        done.err
    );
}

/// Flag over environment over file over default, each seen by its effect.
#[test]
fn the_nearest_layer_wins() {
    let home = directory();
    let file = home.path().join("config.toml");
    std::fs::write(
        &file,
        "shutdown_deadline = \"1s\"\nscan_interval = \"bad\"\nlog_level = \"bad\"\n",
    )
    .expect("it can be written");
    let mut command = binary();
    command
        .env("PUREBOOT_STORAGE_SCAN_INTERVAL", "2s")
        .env("PUREBOOT_STORAGE_LOG_LEVEL", "worse");
    command
        .args([
            "serve",
            "--log-level",
            "info",
            "--max-connections",
            "0",
            "--config",
        ])
        .arg(&file);
    let done = finish(&mut command);
    assert!(
        done.err.contains("max_connections (--max-connections)"),
        "{}",
        done.err
    );
    for overridden in ["scan_interval", "log_level", "shutdown_deadline"] {
        assert!(!done.err.contains(overridden), "{}", done.err);
    }
}

#[test]
fn a_variable_that_nobody_knows_is_warned_of() {
    let home = directory();
    let log = home.path().join("log");
    let mut command = binary();
    command.env("PUREBOOT_STORAGE_LISTNE", "127.0.0.1:1").args([
        "serve",
        "--no-mount",
        "--log-format",
        "json",
    ]);
    command
        .args(["--listen", "192.0.2.1:1", "--state-dir"])
        .arg(home.path().join("state"));
    let done = finish(&mut command);
    std::fs::write(log, &done.err).expect("it can be written");
    assert_eq!(done.code, Some(1), "{}", done.err);
    assert!(
        done.err
            .contains("PUREBOOT_STORAGE_LISTNE is set, and is not a setting of this service"),
        "{}",
        done.err
    );
}

#[test]
fn a_password_is_in_no_output() {
    let home = directory();
    let file = home.path().join("config.toml");
    // Nobody listens on the discard port.
    std::fs::write(&file, "database_url = \"postgres://u:hidden@127.0.0.1:9/d\"\n")
        .expect("it can be written");
    let serve = |mode| {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("its mode can be set");
        let mut command = binary();
        command.args([
            "serve",
            "--no-mount",
            "--listen",
            "127.0.0.1:0",
            "--log-level",
            "trace",
        ]);
        command
            .arg("--config")
            .arg(&file)
            .arg("--state-dir")
            .arg(home.path().join("state"));
        let done = finish(&mut command);
        assert!(
            !done.err.contains("hidden") && !done.out.contains("hidden"),
            "{}",
            done.err
        );
        done
    };
    let closed = serve(0o640);
    assert_eq!(closed.code, Some(1), "{}", closed.err);
    assert!(
        closed.err.contains("database_url") && closed.err.contains("127.0.0.1:9"),
        "{}",
        closed.err
    );
    for open in [0o644, 0o660] {
        let done = serve(open);
        assert_eq!(done.code, Some(2), "{}", done.err);
        let wanted = format!(
            "holds a password, which other users may read (mode {open:04o}). Close the file: chmod 0600"
        );
        assert!(done.err.contains(&wanted), "{}", done.err);
    }
}

#[test]
fn a_file_sets_everything_that_a_flag_does() {
    let home = directory();
    let file = home.path().join("config.toml");
    let state = home.path().join("state");
    let text = format!(
        "listen = [\"127.0.0.1:0\", \"[::1]:0\"]\nstate_dir = {state:?}\nmounting = false\nlog_format = \"json\"\n\
         max_connections = 64\ntemplate_extensions = [\"iso\"]\nunmount_at_stop = true\n"
    );
    std::fs::write(&file, text).expect("it can be written");
    let service = Service::start_in(&state, &["--config", file.to_str().expect("UTF-8")]);
    assert_eq!(service.ask("GET", "/healthz", "").status, 200);
}
