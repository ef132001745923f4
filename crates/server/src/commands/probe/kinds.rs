//! The fields of each kind's config, as the flags of its probe.

use storage_domain::BackendKind;

use super::fields::{Field, Given};

const fn text(name: &'static str, value: &'static str, help: &'static str) -> Field {
    Field {
        name,
        given: Given::Text,
        value,
        help,
    }
}

const fn secret(name: &'static str, help: &'static str) -> Field {
    Field {
        name,
        given: Given::Secret,
        value: "FILE",
        help,
    }
}

const fn switch(name: &'static str, flag: &'static str, sets: bool, help: &'static str) -> Field {
    Field {
        name,
        given: Given::Switch(flag, sets),
        value: "",
        help,
    }
}

const NFS: &[Field] = &[
    text(
        "server",
        "HOST",
        "The server: a host name, an IPv4 or an IPv6 address",
    ),
    text("export_path", "PATH", "The directory that it exports"),
    text(
        "mount_options",
        "LIST",
        "Mount options as in nfs(5) [default: vers=4.1]",
    ),
    text(
        "auth_method",
        "none|kerberos",
        "How the client proves who it is [default: none]",
    ),
];

const HTTP: &[Field] = &[
    text("base_url", "URL", "The directory that boot clients read from"),
    text(
        "auth_method",
        "none|basic|bearer",
        "How the client proves who it is [default: none]",
    ),
    text("username", "NAME", "The user name, for basic"),
    secret("password", "The password, or the bearer token"),
    CA_PEM,
    NO_TLS_VERIFY,
];

const CA_PEM: Field = Field {
    name: "ca_pem",
    given: Given::File,
    value: "FILE",
    help: "Certificates that are trusted beside the system's, in PEM",
};

const NO_TLS_VERIFY: Field = switch("tls_verify", "no-tls-verify", false, "Accepts any certificate");

const S3: &[Field] = &[
    text("endpoint", "URL", "The service: a URL, or a host (then https)"),
    text("bucket", "NAME", "The bucket"),
    text("region", "NAME", "The region that requests are signed for"),
    text("access_key_id", "ID", "The access key's id"),
    secret("secret_access_key", "The secret access key"),
    switch("cdn_enabled", "cdn-enabled", true, "Clients read through a CDN"),
    text("cdn_url", "URL", "The CDN's URL"),
    text(
        "addressing",
        "auto|path|virtual",
        "Where requests name the bucket [default: auto]",
    ),
    text("prefix", "PREFIX", "What the keys of all objects begin with"),
    CA_PEM,
    NO_TLS_VERIFY,
];

const ISCSI: &[Field] = &[
    text(
        "target",
        "HOST",
        "The portal: a host name, an IPv4 or an IPv6 address",
    ),
    Field {
        name: "port",
        given: Given::Number,
        value: "PORT",
        help: "The portal's port [default: 3260]",
    },
    text(
        "iqn",
        "NAME",
        "The target's name; without it, every target that the portal offers",
    ),
    switch("chap_enabled", "chap-enabled", true, "Logs in with CHAP"),
    text("chap_username", "NAME", "The name for CHAP"),
    secret("chap_password", "The secret for CHAP"),
    text(
        "mutual_chap_username",
        "NAME",
        "The name that the target proves itself with",
    ),
    secret(
        "mutual_chap_password",
        "The secret that the target proves itself with",
    ),
    text(
        "discovery_chap_username",
        "NAME",
        "The name for the discovery session",
    ),
    secret("discovery_chap_password", "The secret for the discovery session"),
];

/// Every kind, with its fields.
pub(super) const KINDS: [(BackendKind, &str, &[Field]); 4] = [
    (BackendKind::Nfs, "Tests an NFS export", NFS),
    (BackendKind::Http, "Tests a web server's directory", HTTP),
    (BackendKind::S3, "Tests an S3 bucket", S3),
    (BackendKind::Iscsi, "Tests an iSCSI target", ISCSI),
];
