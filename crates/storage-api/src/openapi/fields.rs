//! The table of all fields; every limit is the domain's own constant.

use serde_json::{Value, json};
use storage_domain::http::{CaBundle, HttpAuthMethod, Username};
use storage_domain::iscsi::{ChapName, Iqn};
use storage_domain::nfs::NfsAuthMethod;
use storage_domain::s3::{Addressing, BucketName, KeyPrefix, Token};
use storage_domain::{
    BackendKind, BaseUrl, ExportPath, Host, IscsiConfig, MountOptions, NfsConfig, Port, Secret,
};

use super::configs::{Field, Presence};

/// The fields of a kind's config.
pub(super) fn fields(kind: BackendKind) -> Vec<Field> {
    match kind {
        BackendKind::Nfs => nfs(),
        BackendKind::Http => http(),
        BackendKind::S3 => s3(),
        BackendKind::Iscsi => iscsi(),
    }
}

fn required(name: &'static str, schema: Value) -> Field {
    Field {
        name,
        schema,
        presence: Presence::Required,
    }
}

fn defaulted(name: &'static str, mut schema: Value, default: impl Into<Value>) -> Field {
    schema["default"] = default.into();
    Field {
        name,
        schema,
        presence: Presence::Defaulted,
    }
}

fn optional(name: &'static str, schema: Value) -> Field {
    Field {
        name,
        schema,
        presence: Presence::Optional,
    }
}

/// A text of at most `max`; a limit in bytes is one in characters too.
fn text(max: usize, description: &str) -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": max, "description": description })
}

fn flag(description: &str) -> Value {
    json!({ "type": "boolean", "description": description })
}

fn words(all: impl Iterator<Item = &'static str>, description: &str) -> Value {
    json!({ "type": "string", "enum": all.collect::<Vec<_>>(), "description": description })
}

fn secret(description: &str) -> Value {
    text(
        Secret::MAX_BYTES,
        &format!("{description} Never shown; absent or empty keeps what is stored."),
    )
}

fn nfs() -> Vec<Field> {
    let auth = NfsAuthMethod::ALL.iter().map(|m| m.as_str());
    let mut options = text(
        MountOptions::MAX_BYTES,
        "A comma list as in nfs(5). Options that only mount(8) knows are dropped; those that would weaken the host or redirect the mount are refused. null: the kernel's defaults.",
    );
    options["default"] = json!(NfsConfig::DEFAULT_MOUNT_OPTIONS);
    vec![
        required(
            "server",
            text(
                Host::MAX_CHARS,
                "A host name (RFC 1123), an IPv4 or an IPv6 address.",
            ),
        ),
        required(
            "export_path",
            text(
                ExportPath::MAX_BYTES,
                "The exported directory: absolute, without `..` segments.",
            ),
        ),
        optional("mount_options", options),
        defaulted(
            "auth_method",
            words(auth, "none, or kerberos (`sec=krb5`)."),
            NfsAuthMethod::None.as_str(),
        ),
    ]
}

fn http() -> Vec<Field> {
    let auth = HttpAuthMethod::ALL.iter().map(|m| m.as_str());
    vec![
        required(
            "base_url",
            text(
                BaseUrl::MAX_BYTES,
                "The directory's URL, http or https, without user info and fragment.",
            ),
        ),
        defaulted(
            "auth_method",
            words(auth, "How the client proves who it is."),
            HttpAuthMethod::None.as_str(),
        ),
        optional(
            "username",
            text(
                Username::MAX_BYTES,
                "The user name of Basic authentication, without a colon.",
            ),
        ),
        optional(
            "password",
            secret("The password of Basic authentication, or the Bearer token."),
        ),
        optional("ca_pem", ca_pem()),
        defaulted("tls_verify", tls_verify(), true),
    ]
}

fn ca_pem() -> Value {
    text(
        CaBundle::MAX_BYTES,
        "PEM certificates that are trusted beside the system's.",
    )
}

fn tls_verify() -> Value {
    flag("Whether the server's certificate is verified.")
}

fn s3() -> Vec<Field> {
    let mut bucket = text(
        BucketName::MAX_CHARS,
        "The bucket's name, after S3's naming rules.",
    );
    bucket["minLength"] = json!(BucketName::MIN_CHARS);
    vec![
        required(
            "endpoint",
            text(
                BaseUrl::MAX_BYTES,
                "The service's URL, or its bare host (then https).",
            ),
        ),
        required("bucket", bucket),
        optional(
            "region",
            text(Token::MAX_CHARS, "The region that requests are signed for."),
        ),
        required("access_key_id", text(Token::MAX_CHARS, "The access key's id.")),
        optional(
            "secret_access_key",
            secret("The secret that requests are signed with."),
        ),
        defaulted(
            "cdn_enabled",
            flag("Whether clients read through a content delivery network."),
            false,
        ),
        optional(
            "cdn_url",
            text(
                BaseUrl::MAX_BYTES,
                "The network's URL; required where cdn_enabled is true.",
            ),
        ),
        defaulted(
            "addressing",
            words(
                Addressing::ALL.iter().map(|a| a.as_str()),
                "Where requests name the bucket: in the path, in the host name, or whichever fits the endpoint.",
            ),
            Addressing::Auto.as_str(),
        ),
        optional(
            "prefix",
            text(
                KeyPrefix::MAX_BYTES,
                "What the keys of all objects of this backend begin with, such as `images/`.",
            ),
        ),
        optional("ca_pem", ca_pem()),
        defaulted("tls_verify", tls_verify(), true),
    ]
}

fn iscsi() -> Vec<Field> {
    let port = json!({
        "type": "integer", "minimum": Port::MIN, "maximum": Port::MAX, "description": "The portal's port.",
    });
    let name = |whose: &str| text(ChapName::MAX_BYTES, &format!("The CHAP name {whose}."));
    let password = |whose: &str| secret(&format!("The CHAP secret {whose}."));
    vec![
        required(
            "target",
            text(
                Host::MAX_CHARS,
                "The portal: a host name, an IPv4 or an IPv6 address.",
            ),
        ),
        defaulted("port", port, IscsiConfig::DEFAULT_PORT),
        optional(
            "iqn",
            text(
                Iqn::MAX_BYTES,
                "The target's name (`iqn.`, `eui.`, `naa.`); null: every target of the portal.",
            ),
        ),
        defaulted(
            "chap_enabled",
            flag("Whether the session logs in with CHAP."),
            false,
        ),
        optional("chap_username", name("of the session")),
        optional("chap_password", password("of the session")),
        optional("mutual_chap_username", name("that the target proves itself with")),
        optional(
            "mutual_chap_password",
            password("that the target proves itself with"),
        ),
        optional("discovery_chap_username", name("of the discovery session")),
        optional("discovery_chap_password", password("of the discovery session")),
    ]
}
