//! The config of an NFS backend.

mod options;

pub use options::{MountOptions, NfsVersion};

use super::{Kind, KindFacts};
use crate::fields::{Constant, Declared, Draft, Reader, config};
use crate::invalid::Rule;
use crate::net::Host;
use crate::path::ExportPath;
use crate::string_enum::string_enum;

string_enum! {
    /// How the client proves its identity.
    NfsAuthMethod {
        /// By the user ids that it claims (`sec=sys`).
        None = "none",
        /// By Kerberos (`sec=krb5`).
        Kerberos = "kerberos",
    }
}

config! {
    /// The config of an NFS backend.
    NfsConfig, NfsDraft {
        server: Host, "The server: a host name, an IPv4 or an IPv6 address";
        export_path: ExportPath, "The directory that the server exports: absolute, without `..` segments";
        mount_options: Option<MountOptions> = Constant::Text("vers=4.1"),
            "Mount options, a comma list as in nfs(5), without those that weaken the host or redirect the mount; null: the kernel's defaults";
        auth_method: NfsAuthMethod = Constant::Text(NfsAuthMethod::None.as_str()),
            "How the client proves its identity: by its user ids, or by Kerberos (`sec=krb5`)";
    }
}

impl Kind for NfsConfig {
    const FACTS: KindFacts = KindFacts {
        title: "Nfs",
        noun: "an NFS export",
        fields: Self::FIELDS,
        example: r#"{"server": "10.0.0.5", "export_path": "/srv/images"}"#,
        is_mounted: true,
        has_files: true,
    };

    fn destination(&self) -> String {
        self.server.bare()
    }
}

impl Draft for NfsDraft {
    /// Refuses an option `sec=` none of whose flavours agrees with `auth_method`.
    fn check(&self, reader: &mut Reader<'_>) {
        let options = self.mount_options.as_ref().and_then(Option::as_ref);
        let (Some(method), Some(options)) = (self.auth_method, options) else {
            return;
        };
        let flavors = options.flavors();
        let agrees = |flavor: &&str| flavor.starts_with("krb5") == (method == NfsAuthMethod::Kerberos);
        if !flavors.is_empty() && !flavors.iter().any(agrees) {
            let rule = Rule::new(format!(
                "must not ask for sec={} if auth_method is {method}; change one of the two",
                flavors.join(":")
            ));
            reader.refuse("mount_options", &rule);
        }
    }
}
