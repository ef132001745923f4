//! The config of an NFS backend.

mod options;

pub use options::{MountOptions, NfsVersion};

use serde::ser::SerializeMap;

use crate::fields::{Fields, Members};
use crate::invalid::Rule;
use crate::net::Host;
use crate::path::ExportPath;
use crate::words::words;

words! {
    /// How the client proves who it is.
    NfsAuthMethod, "must be one of none, kerberos" {
        /// By the user ids that it claims (`sec=sys`).
        None = "none",
        /// By Kerberos (`sec=krb5`).
        Kerberos = "kerberos",
    }
}

/// The settings of an NFS backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NfsConfig {
    /// The server.
    pub server: Host,
    /// The directory that it exports.
    pub export_path: ExportPath,
    /// How it is mounted; `None` leaves everything to negotiation and to the kernel.
    pub mount_options: Option<MountOptions>,
    /// How the client proves who it is.
    pub auth_method: NfsAuthMethod,
}

impl NfsConfig {
    /// The mount options of a config that does not say.
    pub const DEFAULT_MOUNT_OPTIONS: &'static str = "vers=4.1";

    pub(crate) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let server = fields.required("server");
        let export_path = fields.required("export_path");
        let said = fields.has("mount_options");
        let options: Option<MountOptions> = fields.optional("mount_options");
        let options = if said {
            options
        } else {
            Self::DEFAULT_MOUNT_OPTIONS.parse().ok()
        };
        let mount_options = options.filter(|o| !o.is_empty());
        let auth_method = read_auth_method(fields, mount_options.as_ref());
        Some(Self {
            server: server?,
            export_path: export_path?,
            mount_options,
            auth_method,
        })
    }

    pub(crate) fn write<M: SerializeMap>(&self, members: Members<M>) -> Result<M::Ok, M::Error> {
        members
            .put("auth_method", self.auth_method.as_str())
            .put_text("export_path", &self.export_path)
            .put_optional("mount_options", self.mount_options.as_ref())
            .put_text("server", &self.server)
            .finish()
    }
}

/// Reads `auth_method`, which the option `sec=` must not contradict. Where `auth_method` itself is wrong, that alone
/// is told.
fn read_auth_method(fields: &mut Fields<'_>, options: Option<&MountOptions>) -> NfsAuthMethod {
    let by_default = fields.is_blank("auth_method").then_some(NfsAuthMethod::None);
    let method = fields.optional("auth_method").or(by_default);
    if let (Some(method), Some(flavor)) = (method, options.and_then(|o| o.value("sec"))) {
        let kerberos = flavor.starts_with("krb5");
        if kerberos != (method == NfsAuthMethod::Kerberos) {
            fields.broken(
                "mount_options",
                &Rule::new(format!(
                    "must not ask for sec={flavor} where auth_method is {method}; change one of the two"
                )),
            );
        }
    }
    method.unwrap_or(NfsAuthMethod::None)
}
