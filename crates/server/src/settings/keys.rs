//! The table of settings.

use storage_domain::iscsi::InitiatorName;

/// How a setting is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One value.
    One,
    /// Several values: a flag may be repeated, commas part them, the file takes an array.
    Many,
    /// True or false; the flag without a value sets what is named here.
    Switch {
        /// The flag's name.
        flag: &'static str,
        /// What it sets.
        sets: &'static str,
    },
    /// One word; the flag without a value sets what is named here.
    Word {
        /// The flag's name.
        flag: &'static str,
        /// What it sets.
        sets: &'static str,
    },
}

/// One setting.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// Its name in the file.
    pub(crate) name: &'static str,
    /// How it is written.
    pub(crate) kind: Kind,
    /// What `--help` puts in place of the value.
    pub(crate) value: &'static str,
    /// The default as it is parsed; `None` where it depends on the host (then `default_help` tells it).
    pub(crate) default: Option<&'static str>,
    /// The default as it is told.
    pub(crate) default_help: &'static str,
    /// What it does, one sentence without its full stop.
    pub(crate) help: &'static str,
}

pub(crate) const LISTEN: &str = "listen";
pub(crate) const UNIX_SOCKET_MODE: &str = "unix_socket_mode";
pub(crate) const TLS_CERT_FILE: &str = "tls_cert_file";
pub(crate) const TLS_KEY_FILE: &str = "tls_key_file";
pub(crate) const DATABASE_URL: &str = "database_url";
pub(crate) const DATABASE_MAX_CONNECTIONS: &str = "database_max_connections";
pub(crate) const SECRET_KEY_FILE: &str = "secret_key_file";
pub(crate) const STATE_DIR: &str = "state_dir";
pub(crate) const MOUNT_DIR: &str = "mount_dir";
pub(crate) const MOUNTING: &str = "mounting";
pub(crate) const UNMOUNT_AT_STOP: &str = "unmount_at_stop";
pub(crate) const TEMPLATE_EXTENSIONS: &str = "template_extensions";
pub(crate) const MOUNT_DEADLINE: &str = "mount_deadline";
pub(crate) const TEST_DEADLINE: &str = "test_deadline";
pub(crate) const SCAN_DEADLINE: &str = "scan_deadline";
pub(crate) const WATCH_INTERVAL: &str = "watch_interval";
pub(crate) const SCAN_INTERVAL: &str = "scan_interval";
pub(crate) const SHUTDOWN_DEADLINE: &str = "shutdown_deadline";
pub(crate) const ALLOW_NETWORKS: &str = "allow_networks";
pub(crate) const DENY_NETWORKS: &str = "deny_networks";
pub(crate) const ISCSI_INITIATOR_NAME: &str = "iscsi_initiator_name";
pub(crate) const AUTH: &str = "auth";
pub(crate) const JWT_HS256_SECRET_FILE: &str = "jwt_hs256_secret_file";
pub(crate) const JWT_JWKS_FILE: &str = "jwt_jwks_file";
pub(crate) const JWT_ISSUER: &str = "jwt_issuer";
pub(crate) const JWT_AUDIENCE: &str = "jwt_audience";
pub(crate) const JWT_ROLE_CLAIM: &str = "jwt_role_claim";
pub(crate) const JWT_ROLES: &str = "jwt_roles";
pub(crate) const CORS_ORIGINS: &str = "cors_origins";
pub(crate) const RATE_LIMIT: &str = "rate_limit";
pub(crate) const RATE_BURST: &str = "rate_burst";
pub(crate) const FAILED_LOGINS: &str = "failed_logins";
pub(crate) const TESTS_PER_CLIENT: &str = "tests_per_client";
pub(crate) const MAX_CONNECTIONS: &str = "max_connections";
pub(crate) const AUDIT_RETENTION: &str = "audit_retention";
pub(crate) const HTTP_WORKERS: &str = "http_workers";
pub(crate) const LOG_FORMAT: &str = "log_format";
pub(crate) const LOG_LEVEL: &str = "log_level";

/// Where the file lies that is read where none is named.
pub(crate) const DEFAULT_FILE: &str = "/etc/pureboot-storage/config.toml";
/// Names the file.
pub(crate) const FILE_ENV: &str = "PUREBOOT_STORAGE_CONFIG";
/// Begins every environment variable of this service.
pub(crate) const ENV_PREFIX: &str = "PUREBOOT_STORAGE_";
/// Holds the keys of secrets themselves; no flag and no file does.
pub(crate) const SECRET_KEY_ENV: &str = "PUREBOOT_STORAGE_SECRET_KEY";
/// The variable for the database that other programs share.
pub(crate) const SHARED_DATABASE_ENV: &str = "DATABASE_URL";

/// The default of what is not set.
pub(crate) const NONE: &str = "none";

const fn one(name: &'static str, value: &'static str, default: &'static str, help: &'static str) -> Key {
    Key {
        name,
        kind: Kind::One,
        value,
        default: Some(default),
        default_help: default,
        help,
    }
}

const fn on_host(
    name: &'static str,
    value: &'static str,
    default_help: &'static str,
    help: &'static str,
) -> Key {
    Key {
        name,
        kind: Kind::One,
        value,
        default: None,
        default_help,
        help,
    }
}

const fn many(name: &'static str, value: &'static str, default: &'static str, help: &'static str) -> Key {
    Key {
        kind: Kind::Many,
        ..one(name, value, default, help)
    }
}

/// Several values, or none.
const fn any(name: &'static str, value: &'static str, help: &'static str) -> Key {
    Key {
        kind: Kind::Many,
        ..on_host(name, value, NONE, help)
    }
}

const fn switch(
    name: &'static str,
    default: &'static str,
    flag: &'static str,
    sets: &'static str,
    help: &'static str,
) -> Key {
    Key {
        kind: Kind::Switch { flag, sets },
        ..one(name, "true|false", default, help)
    }
}

/// Every setting, in the order in which `--help` and the README tell them.
pub(crate) const KEYS: &[Key] = &[
    many(
        LISTEN,
        "ADDR:PORT|unix:PATH",
        "127.0.0.1:8080",
        "Where to listen; port 0 takes a free one, which the log tells",
    ),
    one(
        UNIX_SOCKET_MODE,
        "MODE",
        "0660",
        "The permissions of the Unix sockets that are listened on",
    ),
    on_host(
        TLS_CERT_FILE,
        "FILE",
        NONE,
        "The certificate, with those of its authorities, that every address but a Unix socket speaks TLS with (PEM); read again when it changes",
    ),
    on_host(
        TLS_KEY_FILE,
        "FILE",
        NONE,
        "The certificate's private key (PEM), which other users may not read",
    ),
    on_host(
        DATABASE_URL,
        "URL",
        "sqlite://<state_dir>/storage.db",
        "The database: sqlite://FILE or postgres://USER:PASSWORD@HOST/NAME; DATABASE_URL is read too",
    ),
    one(
        DATABASE_MAX_CONNECTIONS,
        "N",
        "8",
        "Connections to the database that may be open at once",
    ),
    on_host(
        SECRET_KEY_FILE,
        "FILE",
        "<state_dir>/secret.key",
        "The keys that encrypt secrets in the database (mode 0600); the default is made at the first start",
    ),
    on_host(
        STATE_DIR,
        "DIR",
        "/var/lib/pureboot-storage (root), else $XDG_STATE_HOME/pureboot-storage or ~/.local/state/pureboot-storage",
        "The service's private directory (mode 0700), made where it is missing",
    ),
    on_host(
        MOUNT_DIR,
        "DIR",
        "<state_dir>/mounts",
        "The private directory that NFS backends are mounted in; never under /tmp or another shared directory",
    ),
    switch(
        MOUNTING,
        "true",
        "no-mount",
        "false",
        "Whether NFS backends are mounted; the flag switches it off",
    ),
    switch(
        UNMOUNT_AT_STOP,
        "false",
        "unmount-at-stop",
        "true",
        "Whether a stop unmounts; otherwise mounts stay, and the next start adopts them",
    ),
    many(
        TEMPLATE_EXTENSIONS,
        "ENDING",
        "iso,img,qcow2,raw,wim,vhd,vhdx,vmdk,squashfs",
        "Endings of files that count as boot or install images, compressed forms included",
    ),
    one(
        MOUNT_DEADLINE,
        "DURATION",
        "30s",
        "How long one mount may take; at least 20s",
    ),
    one(
        TEST_DEADLINE,
        "DURATION",
        "75s",
        "How long a whole test may take; longer than mount_deadline",
    ),
    one(
        SCAN_DEADLINE,
        "DURATION",
        "1h",
        "How long counting one backend's files may take",
    ),
    one(
        WATCH_INTERVAL,
        "DURATION|off",
        "1m",
        "How long after a test that passed a backend is looked at again; off never does",
    ),
    one(
        SCAN_INTERVAL,
        "DURATION",
        "1h",
        "How long after a count the files of a backend that is watched are counted again",
    ),
    one(
        SHUTDOWN_DEADLINE,
        "DURATION",
        "15s",
        "How long a stop waits for requests and tests that still run",
    ),
    any(
        ALLOW_NETWORKS,
        "NETWORK",
        "Networks that backends may be in although a larger one is denied: 10.1.0.0/16, fd00::/8, an address or a name (any, loopback, private, link-local, metadata, multicast, unspecified)",
    ),
    any(
        DENY_NETWORKS,
        "NETWORK",
        "Networks that backends may not be in, besides metadata, link-local, multicast and unspecified; the smallest network that holds an address decides",
    ),
    one(
        ISCSI_INITIATOR_NAME,
        "NAME",
        InitiatorName::DEFAULT,
        "The name that iSCSI targets know this service by; their access lists have to allow it",
    ),
    Key {
        kind: Kind::Word {
            flag: "no-auth",
            sets: "off",
        },
        ..one(
            AUTH,
            "WORD",
            "auto",
            "Whether clients need a token: required, off, or auto, which asks none on loopback until there is a token; the flag sets off",
        )
    },
    on_host(
        JWT_HS256_SECRET_FILE,
        "FILE",
        NONE,
        "Accepts JSON Web Tokens signed by HS256 with the secret in this file, of at least 32 bytes",
    ),
    on_host(
        JWT_JWKS_FILE,
        "FILE",
        NONE,
        "Accepts JSON Web Tokens signed by RS256, ES256 or EdDSA with a key of this JWK set",
    ),
    on_host(
        JWT_ISSUER,
        "TEXT",
        NONE,
        "What the iss of a JSON Web Token has to be",
    ),
    on_host(
        JWT_AUDIENCE,
        "TEXT",
        NONE,
        "What the aud of a JSON Web Token has to be, or to hold",
    ),
    one(
        JWT_ROLE_CLAIM,
        "NAME",
        "role",
        "The claim that tells the role, by its name or as a JSON Pointer such as /realm_access/roles",
    ),
    many(
        JWT_ROLES,
        "WORD=ROLE",
        "viewer=viewer,operator=operator,admin=admin",
        "Which words of that claim are which role; where there are several, the highest counts",
    ),
    Key {
        kind: Kind::Many,
        ..on_host(
            CORS_ORIGINS,
            "ORIGIN",
            NONE,
            "Origins whose web pages may use the API, such as https://ui.example:8443",
        )
    },
    one(
        RATE_LIMIT,
        "N|off",
        "100",
        "Requests a second that a client may send for long; who needs no token on this machine is not counted",
    ),
    one(
        RATE_BURST,
        "N",
        "200",
        "Requests at once that a client may send above rate_limit",
    ),
    one(
        FAILED_LOGINS,
        "N",
        "20",
        "Tokens that are not valid that an address may send in a minute",
    ),
    one(
        TESTS_PER_CLIENT,
        "N",
        "8",
        "Tests and discoveries of one client that may run at once",
    ),
    one(
        MAX_CONNECTIONS,
        "N",
        "1024",
        "Connections of clients that may be open at once; further ones wait",
    ),
    one(
        AUDIT_RETENTION,
        "DURATION",
        "365d",
        "How long the audit trail is kept: days, hours or minutes such as 365d, or never for as long as the database",
    ),
    one(HTTP_WORKERS, "N", "2", "Threads that answer requests"),
    one(
        LOG_FORMAT,
        "auto|human|json",
        "auto",
        "How the log on standard error is written; auto is human on a terminal, else json",
    ),
    one(
        LOG_LEVEL,
        "LEVEL",
        "info",
        "error, warn, info, debug, trace or off; or directives such as info,storage_backends=debug",
    ),
];

/// The setting of this name; every name comes from a constant of this module.
pub(crate) fn key(name: &'static str) -> &'static Key {
    match find(name) {
        Some(key) => key,
        None => &KEYS[0],
    }
}

/// The setting of this name.
pub(crate) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|k| k.name == name)
}

impl Key {
    /// The flag's name, without its hyphens.
    pub(crate) fn flag(&self) -> String {
        match self.kind {
            Kind::Switch { flag, .. } | Kind::Word { flag, .. } => flag.to_owned(),
            Kind::One | Kind::Many => self.name.replace('_', "-"),
        }
    }

    /// The environment variable's name.
    pub(crate) fn env(&self) -> String {
        format!("{ENV_PREFIX}{}", self.name.to_ascii_uppercase())
    }

    /// Whether the value may hold a secret, and is never shown.
    pub(crate) fn is_secret(&self) -> bool {
        self.name == DATABASE_URL
    }
}
