//! The check `cdn`: whether the content delivery network gives out what is in the bucket.

use hyper::{Method, StatusCode};
use url::Url;

use crate::probe::{Checks, Stopped};
use crate::s3::messages::{Cdn, Finding, clean};
use crate::s3::{S3Backend, encoding};
use crate::web::redirect::shown;
use crate::web::{self, Ask, Client, Error};

/// The field of the config that names the network.
const SETTING: &str = "cdn_url";

/// Asks the network for the object `sample`, or for its root where the bucket has none. No credentials are sent.
pub(crate) async fn check(
    checks: &mut Checks,
    backend: &S3Backend,
    client: &Client,
    sample: Option<&str>,
) -> Result<(), Stopped> {
    let Some(cdn) = &backend.cdn else {
        checks.skipped(Finding::CdnOff);
        return Ok(());
    };
    let directory = cdn.directory();
    let client = client.anonymous();
    let found = match sample {
        Some(key) => object(&client, &directory, key, backend.prefix()).await,
        None => root(&client, &directory).await,
    };
    let found = found.map_err(|error| web::checks::failed(checks, &error, SETTING))?;
    let is_good = matches!(found, Cdn::Serves | Cdn::Answers);
    let at = shown(&directory);
    let finding = Finding::Cdn { at, found };
    if !is_good {
        return Err(checks.failed(&finding));
    }
    checks.passed(finding);
    Ok(())
}

/// Asks for the whole key, and for the key without the prefix: the network's origin may be below it.
async fn object(client: &Client, directory: &Url, key: &str, prefix: &str) -> Result<Cdn, Error> {
    let mut status = status_of(client, directory, key).await?;
    if status == StatusCode::NOT_FOUND
        && let Some(rest) = key.strip_prefix(prefix).filter(|rest| rest.len() < key.len())
    {
        status = status_of(client, directory, rest).await?;
    }
    let key = clean(key);
    Ok(match status.as_u16() {
        200..=299 | 416 => Cdn::Serves,
        404 | 410 => Cdn::Lacks(key),
        401 | 403 => Cdn::Refuses(key, status),
        _ => Cdn::Fails(key, status),
    })
}

async fn status_of(client: &Client, directory: &Url, key: &str) -> Result<StatusCode, Error> {
    let url = format!("{directory}{}", encoding::path(key));
    let url = Url::parse(&url).map_err(|_| Error::BadUrl(url))?;
    // Not every network answers HEAD.
    let answer = client.look(&url, |head| head.status.is_success()).await?;
    Ok(answer.status)
}

async fn root(client: &Client, directory: &Url) -> Result<Cdn, Error> {
    let head = Ask::new(Method::HEAD, directory.clone());
    let status = client.send(&head).await?.status;
    Ok(if status.is_server_error() {
        Cdn::IsBroken(status)
    } else {
        Cdn::Answers
    })
}
