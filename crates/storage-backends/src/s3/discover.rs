//! The buckets of an account.

use storage_domain::s3::{BucketName, S3Account};

use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::net::Network;
use crate::s3::messages::{Asked, Refusal};
use crate::s3::service::Service;
use crate::s3::xml::Answer;
use crate::s3::{S3Backend, SETTING};

/// A bucket that could be registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: BucketName,
}

/// Asks a service for the buckets that a key may see, in the server's order. Names that are no names of buckets are
/// left out.
///
/// # Errors
/// [`ErrorKind::Config`], [`ErrorKind::Server`] where the server could not be asked,
/// [`ErrorKind::NotListable`] where it refuses, [`ErrorKind::Timeout`] and [`ErrorKind::Cancelled`].
/// # Cancel safety
/// Dropping the future closes the connection that was in use.
pub async fn buckets(account: &S3Account, network: &Network, cx: &OpContext) -> Result<Vec<Bucket>, Error> {
    let service = Service::of_account(account, S3Backend::limits(), network.clone())?;
    let client = service.client();
    let reply = cx
        .bound("asking for the buckets", service.get(&client, &[]))
        .await?;
    let reply = reply.map_err(|error| error.into_backend_error(SETTING))?;
    if let Some(Answer::Buckets(names)) = &reply.answer
        && reply.status.is_success()
    {
        let names = names.iter().filter_map(|name| name.parse().ok());
        return Ok(names.map(|name| Bucket { name }).collect());
    }
    let refusal = Refusal::new(&reply, &service, Asked::AllBuckets);
    Err(Error::new(ErrorKind::NotListable, "the listing").with_source(refusal))
}
