//! An S3 service and a key, without a bucket.

use serde_json::{Map, Value};

use super::{Endpoint, Identifier};
use crate::fields::{Constant, Declared, Draft, Field, config, parse};
use crate::invalid::InvalidInput;
use crate::kinds::http::CaBundle;
use crate::secret::Secret;

config! {
    /// What asking a service for its buckets needs: the fields of [`super::S3Config`] that are not about one bucket.
    S3Account, AccountDraft {
        endpoint: Endpoint, "The service's URL, or its host (then https)";
        region: Option<Identifier>, "The region that requests are signed for";
        access_key_id: Identifier, "The access key's id";
        secret_access_key: Secret, "The secret that requests are signed with";
        session_token: Option<Secret>, "The token that belongs to a temporary access key";
        ca_pem: Option<CaBundle>, "Certificates that are trusted besides the system's, in PEM";
        tls_verify: bool = Constant::Flag(true), "Whether the server's certificate is verified";
    }
}

impl S3Account {
    /// Reads the members of an object that is a request's body.
    ///
    /// # Errors
    /// Every mistake, at its pointer.
    pub fn parse(members: &Map<String, Value>) -> Result<Self, InvalidInput> {
        parse("", members)
    }

    /// Returns its fields.
    pub const fn fields() -> &'static [Field] {
        Self::FIELDS
    }
}

impl Draft for AccountDraft {}
