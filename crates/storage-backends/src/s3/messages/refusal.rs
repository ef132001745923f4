//! What a refusal means, in a sentence that says what to do.

use std::fmt;

use hyper::StatusCode;

use crate::s3::service::refusal::Meaning;
use crate::s3::service::{Reply, Service};
use crate::s3::xml::Answer;

/// The most of a server's own words that a sentence repeats, in characters.
const OWN_WORDS: usize = 160;
/// What was asked for.
#[derive(Debug, Clone, Hash)]
pub(crate) enum Asked {
    Bucket(String),
    AllBuckets,
}

/// A refusal, with what its sentence needs.
#[derive(Debug, Hash)]
pub(crate) struct Refusal {
    meaning: Meaning,
    asked: Asked,
    status: StatusCode,
    signs: bool,
    fixed_region: bool,
    signed_for: String,
    region: Option<String>,
    endpoint: Option<String>,
    own_words: String,
}

impl Refusal {
    pub(crate) fn new(meaning: Meaning, reply: &Reply, service: &Service, asked: Asked) -> Self {
        let error = match &reply.answer {
            Some(Answer::Error(error)) => Some(error),
            _ => None,
        };
        let own_words = match error.map(|error| (clean(&error.code), clean(&error.message))) {
            None => reply.status.to_string(),
            Some((code, message)) if message.is_empty() => code,
            Some((code, message)) => format!("{code}: {message}"),
        };
        Self {
            meaning,
            asked,
            status: reply.status,
            signs: service.signs(),
            fixed_region: service.has_fixed_region(),
            signed_for: reply.signed_for.clone(),
            region: reply.region().map(str::to_owned),
            endpoint: error
                .map(|error| clean(&error.endpoint))
                .filter(|e| !e.is_empty()),
            own_words,
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

    fn write_moved(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "The server redirects to another region, which is not followed: for {}, set ",
            self.asked
        )?;
        let region = self
            .region
            .as_ref()
            .filter(|region| **region != self.signed_for || self.fixed_region || self.endpoint.is_none());
        match (&self.endpoint, region) {
            (Some(endpoint), Some(region)) => write!(f, "endpoint to {endpoint} and region to {region}"),
            (Some(endpoint), None) => write!(f, "endpoint to {endpoint}"),
            (None, Some(region)) => write!(f, "region to {region} and endpoint to that region's"),
            (None, None) => f.write_str("endpoint and region to where the bucket is"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            asked,
            status,
            own_words,
            ..
        } = self;
        match self.meaning {
            Meaning::Listed => write!(f, "The server lists {asked}"),
            Meaning::KeyUnknown => f.write_str(
                "The server does not know the access key: check access_key_id, and that endpoint is the service that the key is for",
            ),
            Meaning::Signature => f.write_str(
                "The server refuses the signature: secret_access_key does not belong to access_key_id, or the server does not know that key; set both again",
            ),
            Meaning::KeyEnded => f.write_str(
                "The access key was a temporary one and is not valid any more: use a permanent one",
            ),
            Meaning::Region => self.write_region(f),
            Meaning::Moved => self.write_moved(f),
            Meaning::NoBucket if !self.signs => write!(
                f,
                "There is no such thing as {asked} on this server: check bucket, or create it"
            ),
            Meaning::NoBucket => write!(
                f,
                "There is no such thing as {asked} on this server: check bucket, create it, or allow the access key to use it (Garage hides buckets from other keys)"
            ),
            Meaning::Denied if !self.signs => write!(
                f,
                "Reading {asked} without a key is not allowed: set secret_access_key, or allow everybody to list it"
            ),
            Meaning::Denied => write!(
                f,
                "The access key may not list {asked}: allow it s3:ListBucket, or the right to read on servers that have it so ({own_words})"
            ),
            Meaning::Clock => f.write_str(
                "The server refuses the request for its time: set the clocks of this host and of the server, best by NTP",
            ),
            Meaning::Throttled => {
                write!(f, "The server asks for fewer requests ({status}): try again later")
            }
            Meaning::Fault => write!(
                f,
                "The server answers {status}: the fault is on its side, look into its log"
            ),
            Meaning::Unsupported => write!(
                f,
                "The server does not know how to list objects (ListObjectsV2) and answers {status}: it is too old, or speaks only a part of S3"
            ),
            Meaning::NotS3 if !self.signs => write!(
                f,
                "What answers is no S3 server, or one that does not know S3 without a signature ({status}, and no XML of S3): set secret_access_key, and check endpoint"
            ),
            Meaning::NotS3 => write!(
                f,
                "What answers is no S3 server ({status}, and no XML of S3): check the host, the port and the path of endpoint"
            ),
            Meaning::Other => write!(f, "The server answers {status} ({own_words})"),
        }
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bucket(name) => write!(f, "the bucket {name}"),
            Self::AllBuckets => f.write_str("the list of all buckets"),
        }
    }
}

impl std::error::Error for Refusal {}

/// A server's words, fit for a sentence: one line, and not too long.
fn clean(words: &str) -> String {
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let plain = words.chars().filter(|c| !c.is_control());
    plain.take(OWN_WORDS).collect()
}
