//! Every setting, with its type, its default and its help.

use std::path::PathBuf;
use std::time::Duration;

use storage_api::boot::Pin;
use storage_domain::Role;
use storage_domain::access::Lifetime;
use storage_domain::iscsi::InitiatorName;
use storage_domain::net::Network;

use super::listen::Listen;
use super::setting::{Key, NONE, Setting};
use super::{AuthWord, DatabaseUrl, LogFormat, LogLevel, clients, jwt, listen, values};

/// Declares the settings: a constant each, and the list of all of them.
macro_rules! settings {
    ($($name:ident: $type:ty = $setting:expr;)+) => {
        /// Every setting, in the order in which `--help` and the documents list them.
        pub(crate) const KEYS: &[&Key] = &[$(&$name.key),+];

        $(pub(crate) const $name: Setting<$type> = $setting;)+
    };
}

settings! {
    LISTEN: Listen = Setting::one(
        "listen",
        "ADDR:PORT|unix:PATH",
        "127.0.0.1:8080",
        Listen::parse,
        "Where to listen; port 0 takes a free one, which the log names",
    )
    .many();
    UNIX_SOCKET_MODE: u32 = Setting::one(
        "unix_socket_mode",
        "MODE",
        "0660",
        listen::mode,
        "The permissions of the Unix sockets that are listened on",
    );
    TLS_CERT_FILE: PathBuf = Setting::on_host(
        "tls_cert_file",
        "FILE",
        NONE,
        values::absolute_path,
        "The certificate, with those of its authorities, that every address but a Unix socket speaks TLS with (PEM); read again when it changes",
    );
    TLS_KEY_FILE: PathBuf = Setting::on_host(
        "tls_key_file",
        "FILE",
        NONE,
        values::absolute_path,
        "The certificate's private key (PEM), which other users may not read",
    );
    BOOT_LISTEN: Listen = Setting::on_host(
        "boot_listen",
        "ADDR:PORT",
        NONE,
        listen::tcp,
        "Where machines that boot read the files below the boot_path of backends, over plain HTTP; port 0 takes a free one",
    )
    .many();
    BOOT_NETWORKS: Vec<Network> = Setting::on_host("boot_networks", "NETWORK", NONE, values::networks, "Networks whose machines need no token at boot_listen; written as in allow_networks").many();
    BOOT_CACHE: PathBuf = Setting::on_host(
        "boot_cache",
        "DIR",
        "<state_dir>/boot-cache",
        values::absolute_path,
        "The private directory on a local disk where files that machines boot from are kept, made if it is missing",
    );
    BOOT_CACHE_BYTES: Option<u64> = Setting::one(
        "boot_cache_bytes",
        "SIZE|off",
        "10G",
        values::size_or_off,
        "How much is kept there; off keeps nothing, and each machine reads from the storage",
    );
    BOOT_PINNED: Pin = Setting::on_host(
        "boot_pinned",
        "NAME:PATH",
        NONE,
        values::parsed,
        "Files and directories that stay there once they were read, such as images:/boot/rescue",
    )
    .many();
    DATABASE_URL: DatabaseUrl = Setting::on_host(
        "database_url",
        "URL",
        "sqlite://<state_dir>/storage.db",
        DatabaseUrl::parse,
        "The database: sqlite://FILE or postgres://USER:PASSWORD@HOST/NAME; DATABASE_URL is read too",
    )
    .secret();
    SECRET_KEY_FILE: PathBuf = Setting::on_host(
        "secret_key_file",
        "FILE",
        "<state_dir>/secret.key",
        values::absolute_path,
        "The keys that encrypt secrets in the database (mode 0600); the default is made at the first start",
    );
    STATE_DIR: PathBuf = Setting::on_host(
        "state_dir",
        "DIR",
        "/var/lib/pureboot-storage for root and the user that owns it, else $XDG_STATE_HOME/pureboot-storage or ~/.local/state/pureboot-storage",
        values::absolute_path,
        "The service's private directory (mode 0700), made if it is missing",
    );
    MOUNT_DIR: PathBuf = Setting::on_host(
        "mount_dir",
        "DIR",
        "<state_dir>/mounts",
        values::absolute_path,
        "The private directory that NFS backends are mounted in; never under /tmp or another shared directory",
    );
    MOUNTING: bool = Setting::one(
        "mounting",
        "true|false",
        "true",
        values::switch,
        "Whether NFS backends are mounted",
    )
    .by_flag("no-mount", "false", true);
    UNMOUNT_AT_STOP: bool = Setting::one(
        "unmount_at_stop",
        "true|false",
        "false",
        values::switch,
        "Whether a stop unmounts; otherwise mounts stay, and the next start adopts them",
    )
    .by_flag("unmount-at-stop", "true", true);
    TEMPLATE_EXTENSIONS: String = Setting::one(
        "template_extensions",
        "ENDING",
        "iso,img,qcow2,raw,wim,vhd,vhdx,vmdk,squashfs",
        values::any_text,
        "Endings of files that count as boot or install images, compressed forms included",
    )
    .many();
    IGNORED_DIRECTORIES: String = Setting::one("ignored_directories", "NAME", ".snapshot,.zfs,~snapshot,#snapshot,.ckpt,#recycle,@Recycle,@eaDir,.Trash-*,lost+found,$RECYCLE.BIN,System Volume Information", values::any_text, "Directories that file servers keep for themselves, which are not counted; a * may end a name").many();
    MOUNT_DEADLINE: Duration = Setting::one(
        "mount_deadline",
        "DURATION",
        "30s",
        values::duration,
        "How long one mount may take; at least 20s",
    );
    TEST_DEADLINE: Duration = Setting::one(
        "test_deadline",
        "DURATION",
        "75s",
        values::duration,
        "How long a whole test may take; longer than mount_deadline",
    );
    WATCH_INTERVAL: Option<Duration> = Setting::one(
        "watch_interval",
        "DURATION|off",
        "1m",
        values::duration_or_off,
        "How long after a test that passed a backend is looked at again; off never does",
    );
    SCAN_INTERVAL: Duration = Setting::one(
        "scan_interval",
        "DURATION",
        "1h",
        values::duration,
        "How long after a count the files of a backend that is watched are counted again",
    );
    SHUTDOWN_DEADLINE: Duration = Setting::one(
        "shutdown_deadline",
        "DURATION",
        "15s",
        values::duration,
        "How long a stop waits for requests and tests that still run",
    );
    ALLOW_NETWORKS: Vec<Network> = Setting::on_host("allow_networks", "NETWORK", NONE, values::networks, "Networks that backends may be in although a larger one is denied: 10.1.0.0/16, fd00::/8, an address or a name (any, loopback, private, link-local, metadata, multicast, unspecified)").many();
    DENY_NETWORKS: Vec<Network> = Setting::on_host("deny_networks", "NETWORK", NONE, values::networks, "Networks that backends may not be in, besides metadata, link-local, multicast and unspecified; the smallest network that holds an address decides").many();
    FETCH_NETWORKS: Vec<Network> = Setting::on_host("fetch_networks", "NETWORK", NONE, values::networks, "Networks that files may be fetched from besides the public internet, less deny_networks; written as in allow_networks").many();
    ISCSI_INITIATOR_NAME: InitiatorName = Setting::one(
        "iscsi_initiator_name",
        "NAME",
        InitiatorName::DEFAULT,
        values::parsed,
        "The name that iSCSI targets know this service by; their access lists have to allow it",
    );
    AUTH: AuthWord = Setting::one("auth", "WORD", "auto", values::auth, "Whether clients need a token: required, off, or auto, which asks none on loopback until there is a token").by_flag("no-auth", "off", false);
    JWT_HS256_SECRET_FILE: PathBuf = Setting::on_host(
        "jwt_hs256_secret_file",
        "FILE",
        NONE,
        values::absolute_path,
        "Accepts JSON Web Tokens signed by HS256 with the secret in this file, of at least 32 bytes",
    );
    JWT_JWKS_FILE: PathBuf = Setting::on_host(
        "jwt_jwks_file",
        "FILE",
        NONE,
        values::absolute_path,
        "Accepts JSON Web Tokens signed by RS256, ES256 or EdDSA with a key of this JWK set",
    );
    JWT_ISSUER: String = Setting::on_host(
        "jwt_issuer",
        "TEXT",
        NONE,
        values::text,
        "Required iss claim of a JSON Web Token",
    );
    JWT_AUDIENCE: String = Setting::on_host(
        "jwt_audience",
        "TEXT",
        NONE,
        values::text,
        "Required aud claim of a JSON Web Token, or a member of it",
    );
    JWT_ROLE_CLAIM: String = Setting::one(
        "jwt_role_claim",
        "NAME",
        "role",
        values::text,
        "The claim that has the role, by its name or as a JSON Pointer such as /realm_access/roles",
    );
    JWT_ROLES: (String, Role) = Setting::one(
        "jwt_roles",
        "WORD=ROLE",
        "viewer=viewer,approver=viewer,operator=operator,admin=admin",
        jwt::role,
        "Which words of that claim are which role; of several, the highest counts",
    )
    .many();
    CORS_ORIGINS: String = Setting::on_host(
        "cors_origins",
        "ORIGIN",
        NONE,
        clients::origin,
        "Origins whose web pages may use the API, such as https://ui.example:8443",
    )
    .many();
    TRUSTED_PROXIES: Vec<Network> = Setting::on_host("trusted_proxies", "NETWORK", NONE, values::networks, "Networks of proxies: the client of a request from there is the one that Forwarded or X-Forwarded-For names; they may hold any number of connections").many();
    RATE_LIMIT: Option<u32> = Setting::one(
        "rate_limit",
        "N|off",
        "100",
        clients::rate,
        "Requests a second that a client may send for long, and twice as many at once; clients on this machine that need no token are not counted",
    );
    FAILED_LOGINS: u32 = Setting::one(
        "failed_logins",
        "N",
        "20",
        values::number,
        "Tokens that are not valid that an address may send in a minute",
    );
    MAX_CONNECTIONS: u32 = Setting::one(
        "max_connections",
        "N",
        "1024",
        values::number,
        "Connections that may be open at once, an eighth of them from one address; further ones wait",
    );
    MAX_UPLOAD_BYTES: Option<u64> = Setting::one(
        "max_upload_bytes",
        "SIZE|off",
        "off",
        values::size_or_off,
        "The largest file that clients may write: bytes, or with an ending such as 700M, 50G or 1T (powers of 1024)",
    );
    MAX_FETCH_BYTES: Option<u64> = Setting::one(
        "max_fetch_bytes",
        "SIZE|off",
        "64G",
        values::size_or_off,
        "The largest file that is fetched from a URL; max_upload_bytes holds for it too",
    );
    AUDIT_RETENTION: Lifetime = Setting::one(
        "audit_retention",
        "DURATION",
        "365d",
        values::parsed,
        "How long the audit trail is kept: days, hours or minutes such as 365d, or never for as long as the database",
    );
    LOG_FORMAT: LogFormat = Setting::one(
        "log_format",
        "auto|human|json",
        "auto",
        values::log_format,
        "How the log on standard error is written; auto is human on a terminal, else json",
    );
    LOG_LEVEL: LogLevel = Setting::one(
        "log_level",
        "LEVEL",
        "info",
        values::log_level,
        "error, warn, info, debug, trace or off; or directives such as info,storage_backends=debug",
    );
}

/// Returns the setting of this name.
pub(crate) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name).copied()
}
