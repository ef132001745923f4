//! Where the bucket is, and where it was looked for.

use std::fmt;

use hyper::StatusCode;
use url::Url;

use super::Asked;
use crate::s3::messages::clean;
use crate::s3::service::refusal::Meaning;
use crate::s3::service::{EndpointHint, Reply, Service};
use crate::web::redirect::shown;

/// Where a request went, and where the server says that it should have gone.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) signed_for: String,
    /// The host of the request, and its port if there is one.
    pub(super) host: String,
    /// The part of the endpoint that names the bucket.
    pub(super) excess: Option<String>,
    /// The bucket that the server looked for instead.
    pub(super) other_bucket: Option<String>,
    fixed_region: bool,
    region: Option<String>,
    endpoint: Option<EndpointHint>,
    redirect: Option<Url>,
    is_auto: bool,
    is_address: bool,
}

impl Place {
    pub(super) fn new(reply: &Reply, service: &Service) -> Self {
        let bucket = service.bucket_name();
        Self {
            signed_for: reply.signed_for.clone(),
            host: reply.host().to_owned(),
            excess: service.excess(),
            other_bucket: reply.other_bucket(bucket).map(clean),
            fixed_region: service.has_fixed_region(),
            region: reply.region().map(str::to_owned),
            endpoint: reply
                .endpoint_hint(bucket)
                .or_else(|| reply.redirected_endpoint(service)),
            redirect: reply.redirect(),
            is_auto: service.is_auto(),
            is_address: service.is_at_address(),
        }
    }

    pub(super) fn write(
        &self,
        f: &mut fmt::Formatter<'_>,
        meaning: Meaning,
        asked: &Asked,
        status: StatusCode,
    ) -> fmt::Result {
        match meaning {
            Meaning::Region => self.write_region(f),
            Meaning::Moved => self.write_moved(f, asked),
            Meaning::InHostName => self.write_in_host_name(f, asked),
            Meaning::InPath => {
                f.write_str("The server looks for buckets in the path and not in the host name")?;
                if let Some(other) = &self.other_bucket {
                    write!(f, ", and takes {other} for the bucket")?;
                }
                f.write_str(": set addressing to path")
            }
            Meaning::PathDropped => write!(
                f,
                "The server lists its buckets where it was asked for {asked}: something in front of it drops the path, so check endpoint"
            ),
            Meaning::WantsTls => write!(
                f,
                "The server does not take a request without encryption on this port ({status}): begin endpoint with https://"
            ),
            Meaning::Redirected => self.write_redirected(f, status),
            _ => self.write_in_bucket(f, asked),
        }
    }

    fn write_redirected(&self, f: &mut fmt::Formatter<'_>, status: StatusCode) -> fmt::Result {
        match (&self.endpoint, &self.redirect) {
            (Some(to), _) => write!(
                f,
                "What answers redirects to {} ({status}), and not as S3 does: set endpoint to that if it is the S3 server",
                to.shown
            ),
            (None, Some(to)) => write!(
                f,
                "What answers is not an S3 server, because it redirects to {} ({status}), as web consoles and logins do: check the host, the port and the path of endpoint",
                shown(to)
            ),
            (None, None) => Ok(()),
        }
    }

    fn write_region(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signed_for = &self.signed_for;
        match &self.region {
            Some(region) if region != signed_for => write!(
                f,
                "The server's region is {region} and not {signed_for}: set region to {region}"
            ),
            _ if self.fixed_region => write!(
                f,
                "The server refuses the region {signed_for} and does not say which one it has: set region to the one in its settings"
            ),
            _ => f.write_str(
                "The server wants another region and does not say which: set region to the one in its settings",
            ),
        }
    }

    fn write_moved(&self, f: &mut fmt::Formatter<'_>, asked: &Asked) -> fmt::Result {
        write!(f, "The server has {asked} at another endpoint: set ")?;
        let region = self
            .region
            .as_ref()
            .filter(|region| **region != self.signed_for || self.fixed_region || self.endpoint.is_none());
        match (&self.endpoint, region) {
            (Some(to), Some(region)) => write!(f, "endpoint to {} and region to {region}", to.shown),
            (Some(to), None) => write!(f, "endpoint to {}", to.shown),
            (None, Some(region)) => write!(f, "region to {region} and endpoint to that region's"),
            (None, None) => f.write_str("endpoint and region to where the bucket is"),
        }
    }

    fn write_in_host_name(&self, f: &mut fmt::Formatter<'_>, asked: &Asked) -> fmt::Result {
        write!(
            f,
            "The server wants {asked} in the host name and not in the path: "
        )?;
        if self.is_address {
            f.write_str(
                "set endpoint to the server's host name instead of its address, and addressing to virtual",
            )
        } else if self.is_auto {
            write!(
                f,
                "set addressing to virtual, and make sure that the bucket's name before {} leads to the server",
                self.host
            )
        } else {
            f.write_str("set addressing to virtual")
        }
    }

    fn write_in_bucket(&self, f: &mut fmt::Formatter<'_>, asked: &Asked) -> fmt::Result {
        match (&self.excess, asked) {
            (Some(excess), _) => {
                write!(f, "endpoint names the bucket already: take {excess} out of endpoint")
            }
            (None, Asked::AllBuckets) => f.write_str(
                "endpoint leads into one bucket, whose objects the server lists: take the bucket's name out of endpoint",
            ),
            (
                None,
                Asked::Bucket(name)
                | Asked::Object(name)
                | Asked::Writing(name)
                | Asked::Deleting(name),
            ) => write!(
                f,
                "The server takes {name} for the name of an object, because endpoint leads into a bucket already: take that bucket's name out of endpoint"
            ),
        }
    }
}
