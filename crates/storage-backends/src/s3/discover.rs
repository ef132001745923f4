//! The buckets of an account.

use std::collections::HashSet;
use std::fmt;

use storage_domain::s3::{BucketName, S3Account};

use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::net::Network;
use crate::s3::messages::{Asked, Refusal, clean};
use crate::s3::service::Service;
use crate::s3::xml::{self, Answer};
use crate::s3::{S3Backend, SETTING};
use crate::web::Client;

/// Pages of a list of buckets that are read.
const MAX_PAGES: usize = 100;

/// A bucket that could be registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: BucketName,
}

/// The buckets that a key may see.
#[derive(Debug, Default)]
pub struct Buckets {
    /// Those that could be registered, in the server's order.
    pub buckets: Vec<Bucket>,
    /// What is missing among them; its `Display` is a sentence.
    pub left_out: Option<LeftOut>,
}

/// What is missing in a list of buckets.
#[derive(Debug, Default)]
pub struct LeftOut {
    /// The names that are no valid `bucket`.
    names: usize,
    /// The first of them.
    first: String,
    /// Whether the server has more, and does not list them.
    is_cut: bool,
}

impl LeftOut {
    fn add(&mut self, name: &str) {
        self.names += 1;
        if self.names == 1 {
            self.first = clean(name);
        }
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.names {
            0 => {}
            1 => write!(
                f,
                "1 bucket is left out, because its name can't be registered: {}",
                self.first
            )?,
            names => write!(
                f,
                "{names} buckets are left out, because their names can't be registered (first: {})",
                self.first
            )?,
        }
        if self.names > 0 && self.is_cut {
            f.write_str("; ")?;
        }
        if self.is_cut {
            f.write_str("the server has more buckets than it lists: register the others by name")?;
        }
        Ok(())
    }
}

/// Asks a service for the buckets that a key may see, page by page.
///
/// # Errors
/// [`ErrorKind::Config`], [`ErrorKind::Server`] if the server could not be asked,
/// [`ErrorKind::NotListable`] if it refuses, [`ErrorKind::Timeout`] and [`ErrorKind::Cancelled`].
/// # Cancel safety
/// Dropping the future closes the connection that was in use.
pub async fn buckets(account: &S3Account, network: &Network, cx: &OpContext) -> Result<Buckets, Error> {
    let service = Service::of_account(account, S3Backend::limits(), network.clone())?;
    cx.bound("asking for the buckets", Box::pin(list(&service)))
        .await?
}

async fn list(service: &Service) -> Result<Buckets, Error> {
    let client = service.client();
    let (mut found, mut left_out) = (Buckets::default(), LeftOut::default());
    let mut next: Option<(&str, String)> = None;
    let mut seen = HashSet::new();
    for _ in 0..MAX_PAGES {
        let page = page(service, &client, next.as_ref()).await?;
        let before = seen.len();
        for name in page.names.iter().filter(|name| seen.insert((*name).clone())) {
            if let Ok(name) = name.parse() {
                found.buckets.push(Bucket { name });
            } else {
                left_out.add(name);
            }
        }
        let last = page.names.last().map(String::as_str);
        next = page
            .more
            .next(last)
            .map(|(parameter, value)| (parameter, value.to_owned()));
        left_out.is_cut = page.more.is_more();
        let is_lost = next.is_none() || seen.len() == before;
        if !left_out.is_cut || is_lost {
            break;
        }
    }
    found.left_out = Some(left_out).filter(|left_out| left_out.names > 0 || left_out.is_cut);
    Ok(found)
}

async fn page(
    service: &Service,
    client: &Client,
    next: Option<&(&str, String)>,
) -> Result<xml::Buckets, Error> {
    let query: Vec<_> = next
        .iter()
        .map(|(parameter, value)| (*parameter, value.as_str()))
        .collect();
    let reply = service.get(client, &query).await;
    let mut reply = reply.map_err(|error| error.into_backend_error(SETTING))?;
    match reply.answer.take() {
        Some(Answer::Buckets(page)) if reply.status.is_success() => Ok(page),
        answer => {
            reply.answer = answer;
            let refusal = Refusal::new(&reply, service, Asked::AllBuckets);
            Err(Error::new(ErrorKind::NotListable, "the listing").with_source(refusal))
        }
    }
}
