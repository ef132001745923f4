//! An S3 service and a key, without a bucket.

use serde_json::{Map, Value};

use super::{Endpoint, Token};
use crate::fields::Fields;
use crate::http::CaBundle;
use crate::invalid::{Invalid, InvalidInput, Rule};
use crate::secret::Secret;

/// What asking a service for its buckets needs: the fields of [`super::S3Config`] that are not about one bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Account {
    /// Where the service answers.
    pub endpoint: Endpoint,
    /// The region that requests are signed for.
    pub region: Option<Token>,
    /// The access key's id.
    pub access_key_id: Token,
    /// The secret that requests are signed with.
    pub secret_access_key: Secret,
    /// Certificates that are trusted beside the system's.
    pub ca_pem: Option<CaBundle>,
    /// Whether the server's certificate is verified.
    pub tls_verify: bool,
}

impl S3Account {
    /// Reads the members of an object that is a request's whole body.
    ///
    /// # Errors
    /// Every mistake, at its pointer.
    pub fn parse(members: &Map<String, Value>) -> Result<Self, InvalidInput> {
        let mut fields = Fields::new("", members);
        let account = Self::read(&mut fields);
        fields.finish("S3 account")?;
        account.ok_or_else(|| Invalid::at("", "endpoint", &Rule::new("can't be read")).into())
    }

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let endpoint = fields.required("endpoint");
        let region = fields.optional("region");
        let access_key_id = fields.required("access_key_id");
        let secret_access_key = fields.secret("secret_access_key");
        if fields.is_blank("secret_access_key") {
            fields.broken("secret_access_key", &Rule::new("is required"));
        }
        let ca_pem = fields.optional("ca_pem");
        let tls_verify = fields.flag("tls_verify", true);
        Some(Self {
            endpoint: endpoint?,
            region,
            access_key_id: access_key_id?,
            secret_access_key: secret_access_key?,
            ca_pem,
            tls_verify,
        })
    }
}
