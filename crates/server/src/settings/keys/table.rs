//! Every setting with its default and its help.

use storage_domain::iscsi::InitiatorName;

use super::names::{
    ALLOW_NETWORKS, AUDIT_RETENTION, AUTH, CORS_ORIGINS, DATABASE_MAX_CONNECTIONS, DATABASE_URL,
    DENY_NETWORKS, FAILED_LOGINS, HTTP_WORKERS, IGNORED_DIRECTORIES, ISCSI_INITIATOR_NAME, JWT_AUDIENCE,
    JWT_HS256_SECRET_FILE, JWT_ISSUER, JWT_JWKS_FILE, JWT_ROLE_CLAIM, JWT_ROLES, LISTEN, LOG_FORMAT,
    LOG_LEVEL, MAX_CONNECTIONS, MOUNT_DEADLINE, MOUNT_DIR, MOUNTING, NONE, RATE_BURST, RATE_LIMIT,
    SCAN_DEADLINE, SCAN_INTERVAL, SECRET_KEY_FILE, SHUTDOWN_DEADLINE, STATE_DIR, TEMPLATE_EXTENSIONS,
    TEST_DEADLINE, TESTS_PER_CLIENT, TLS_CERT_FILE, TLS_KEY_FILE, UNIX_SOCKET_MODE, UNMOUNT_AT_STOP,
    WATCH_INTERVAL,
};
use super::{Key, Kind, any, many, on_host, one, switch};

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
    many(
        IGNORED_DIRECTORIES,
        "NAME",
        ".snapshot,.zfs,~snapshot,#snapshot,.ckpt,#recycle,@Recycle,@eaDir,.Trash-*,lost+found,$RECYCLE.BIN,System Volume Information",
        "Directories that file servers keep for themselves, which are not counted; a * may end a name",
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
        "viewer=viewer,approver=viewer,operator=operator,admin=admin",
        "Which words of that claim are which role; where there are several, the highest counts",
    ),
    any(
        CORS_ORIGINS,
        "ORIGIN",
        "Origins whose web pages may use the API, such as https://ui.example:8443",
    ),
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
