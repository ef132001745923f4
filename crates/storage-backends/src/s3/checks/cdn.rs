//! The check `cdn`: whether the content delivery network gives out what is in the bucket.

use hyper::{Method, StatusCode};
use url::Url;

use crate::probe::{Checks, Stopped};
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
        checks.skipped("cdn_enabled is false, so that clients read from the bucket itself");
        return Ok(());
    };
    let directory = cdn.directory();
    let client = client.anonymous();
    let found = match sample {
        Some(key) => object(&client, &directory, key, backend.prefix()).await,
        None => root(&client, &directory).await,
    };
    match found {
        Ok(Ok(detail)) => {
            checks.passed(detail);
            Ok(())
        }
        Ok(Err(detail)) => Err(checks.failed(&detail)),
        Err(error) => Err(web::checks::failed(checks, &error, SETTING)),
    }
}

/// What was found, for better or for worse.
type Found = Result<Result<String, String>, Error>;

/// The key is tried whole, and without the prefix: the network's origin may be below it.
async fn object(client: &Client, directory: &Url, key: &str, prefix: &str) -> Found {
    let mut status = status_of(client, directory, key).await?;
    if status == StatusCode::NOT_FOUND
        && let Some(rest) = key.strip_prefix(prefix).filter(|rest| rest.len() < key.len())
    {
        status = status_of(client, directory, rest).await?;
    }
    let at = shown(directory);
    Ok(match status.as_u16() {
        200..=299 | 416 => Ok(format!("{at} gives out the bucket's objects")),
        404 | 410 => Err(format!(
            "{at} does not have {key}, which is in the bucket: check cdn_url, and the network's origin"
        )),
        401 | 403 => Err(format!(
            "{at} refuses to give out {key} ({status}): boot clients have no key, so allow the network to read the bucket"
        )),
        _ => Err(format!(
            "{at} answers {status} for {key}: look into the network's log"
        )),
    })
}

async fn status_of(client: &Client, directory: &Url, key: &str) -> Result<StatusCode, Error> {
    let url = format!("{directory}{}", encoding::path(key));
    let url = Url::parse(&url).map_err(|_| Error::BadUrl(url))?;
    // Not every network answers HEAD.
    let answer = client.look(&url, |head| head.status.is_success()).await?;
    Ok(answer.status)
}

async fn root(client: &Client, directory: &Url) -> Found {
    let status = client
        .send(&Ask::new(Method::HEAD, directory.clone()))
        .await?
        .status;
    let at = shown(directory);
    Ok(if status.is_server_error() {
        Err(format!("{at} answers {status}: look into the network's log"))
    } else {
        Ok(format!(
            "{at} answers; whether it gives out the bucket shows once there is an object"
        ))
    })
}
