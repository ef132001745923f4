//! What a refusal means, in a sentence that says what to do.

use std::fmt;

use hyper::StatusCode;

use crate::probe::Figure;
use crate::s3::messages::clean;
use crate::s3::service::refusal::Meaning;
use crate::s3::service::{Reply, Service};
use crate::s3::xml::{MAX_ENTRIES, Unreadable};

mod asked;
mod place;

pub(crate) use asked::Asked;

/// A refusal, with what its sentence needs.
#[derive(Debug)]
pub(crate) struct Refusal {
    meaning: Meaning,
    asked: Asked,
    status: StatusCode,
    signs: bool,
    page_bytes: usize,
    place: place::Place,
    /// The host that the server computed the signature with.
    seen_host: Option<String>,
    /// The server's code and its message.
    own_words: Option<(String, String)>,
}

impl Refusal {
    pub(crate) fn new(reply: &Reply, service: &Service, asked: Asked) -> Self {
        let own_words = reply.error().map(|error| {
            let message = service.redact(&error.message);
            (clean(&service.redact(&error.code)), clean(&message))
        });
        Self {
            meaning: service.meaning(reply),
            asked,
            status: reply.status,
            signs: service.signs(),
            page_bytes: service.limits().page_bytes,
            place: place::Place::new(reply, service),
            seen_host: reply.seen_host().map(clean),
            own_words,
        }
    }

    fn write_signature(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, region) = (&self.place.host, &self.place.signed_for);
        match &self.seen_host {
            Some(seen) if !seen.eq_ignore_ascii_case(host) => write!(
                f,
                "The signature does not fit, because a proxy in front of the server changes the Host header from {host} to {seen}: make the proxy pass the header on as it is"
            ),
            Some(_) => f.write_str(
                "The server refuses the signature: secret_access_key does not belong to access_key_id, or the server does not know that key: set both again",
            ),
            None => write!(
                f,
                "The server refuses the signature, because secret_access_key does not belong to access_key_id, the server does not know that key, it wants another region than {region}, or a proxy in front of it changes the Host header ({host}) or the path: set both keys again, check region, and make the proxy pass on what it gets"
            ),
        }
    }

    fn write_key(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.meaning {
            Meaning::KeysSwapped => {
                "access_key_id looks like a secret and is probably exchanged with secret_access_key: set each to the other's value"
            }
            Meaning::TokenMissing => {
                "The access key is a temporary one, and a session token belongs to it: set session_token, or use a permanent key"
            }
            Meaning::TokenWrong => {
                "The server does not accept the session token: set access_key_id, secret_access_key and session_token of one temporary key, or clear session_token if the key is a permanent one"
            }
            Meaning::TokenEnded => {
                "The access key was a temporary one and is not valid any more: set access_key_id, secret_access_key and session_token of a new one, or use a permanent key"
            }
            Meaning::Unsigned => {
                "The signature did not reach the server: make the proxy in front of it pass on the Authorization header"
            }
            _ => {
                "The server does not know the access key: check access_key_id, and that endpoint is the service that the key is for"
            }
        })
    }

    fn write_bucket(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = &self.asked;
        match (self.meaning, asked) {
            (Meaning::NoBucket, _) => {
                match asked {
                    Asked::Bucket(name)
                    | Asked::Object(name)
                    | Asked::Writing(name)
                    | Asked::Deleting(name) => {
                        write!(f, "The server has no bucket {name}")?;
                    }
                    Asked::AllBuckets => f.write_str("The server has no such bucket")?,
                }
                if let Some(other) = &self.place.other_bucket {
                    write!(f, ", and looked for {other}")?;
                }
                f.write_str(if self.signs {
                    ": check bucket, create it, or allow the access key to use it (Garage hides buckets from other keys)"
                } else {
                    ": check bucket, or create it"
                })
            }
            (Meaning::BadName, _) => write!(f, "The server does not allow the name of {asked}: check bucket"),
            (Meaning::Unsupported, Asked::AllBuckets) => write!(
                f,
                "The server does not know how to list buckets and answers {}: register a bucket by its name",
                self.status
            ),
            (Meaning::Unsupported, Asked::Writing(_) | Asked::Deleting(_)) => write!(
                f,
                "The server does not know this kind of change and answers {}: update it, or set endpoint to a server that speaks more of S3",
                self.status
            ),
            (Meaning::Unsupported, _) => write!(
                f,
                "The server does not know how to list objects and answers {}: update it, or set endpoint to a server that speaks more of S3",
                self.status
            ),
            (_, Asked::AllBuckets) => f.write_str(
                "The access key may not list all buckets: allow it s3:ListAllMyBuckets, or register a bucket by its name",
            ),
            (_, Asked::Object(_)) if self.signs => write!(
                f,
                "The access key may not read {asked}: allow it s3:GetObject, and s3:ListBucket so that what is missing is seen to be"
            ),
            (_, Asked::Writing(_)) if self.signs => write!(
                f,
                "The access key may not write {asked}: allow it s3:PutObject, s3:AbortMultipartUpload and s3:ListMultipartUploadParts"
            ),
            (_, Asked::Deleting(_)) if self.signs => {
                write!(f, "The access key may not delete {asked}: allow it s3:DeleteObject")
            }
            (_, _) if !self.signs => write!(
                f,
                "Reading {asked} without a key is not allowed: set secret_access_key, or allow everybody to list it"
            ),
            (_, _) => write!(
                f,
                "The access key may not list {asked}: allow it s3:ListBucket, which some servers call the right to read"
            ),
        }
    }

    fn write_server(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = &self.status;
        match self.meaning {
            Meaning::Blocked => f.write_str(
                "The provider blocks the account or the access key: look into the provider's console",
            ),
            Meaning::Clock => f.write_str(
                "The server refuses the request for its time: set the clocks of this host and of the server, best by NTP",
            ),
            Meaning::Throttled => write!(f, "The server asks for fewer requests ({status}): try again later"),
            Meaning::Unavailable => {
                write!(f, "The server is too busy, or not ready yet ({status}): try again later")
            }
            Meaning::Fault => write!(
                f,
                "The server answers {status}: the fault is on its side, look into its log"
            ),
            Meaning::NoSpace => write!(
                f,
                "The server is full, or a quota is ({status}): free space, or raise the quota of the bucket or the account"
            ),
            Meaning::LongKey => f.write_str("The server allows no key of this length: choose a shorter path"),
            Meaning::NoUpload => {
                f.write_str("The server does not know the upload any more: begin it again from its first byte")
            }
            Meaning::NotS3 if !self.signs => write!(
                f,
                "What answers is not an S3 server, or one that does not know S3 without a signature ({status}, and no XML of S3): set secret_access_key, and check endpoint"
            ),
            Meaning::NotS3 => write!(
                f,
                "What answers is not an S3 server, or a proxy in front of one ({status}, and no XML of S3): check the host, the port and the path of endpoint"
            ),
            Meaning::Unreadable(why) => self.write_unreadable(f, why),
            _ => write!(
                f,
                "The server answers {status} for a reason that is not known here: look its code up in the server's documentation"
            ),
        }
    }

    fn write_unreadable(&self, f: &mut fmt::Formatter<'_>, why: Unreadable) -> fmt::Result {
        match (why, &self.asked) {
            (Unreadable::Broken, _) => f.write_str(
                "The server's list can't be read to its end, because it breaks off or is not the XML of S3 from some place on: look into the log of the server, and of the proxy in front of it",
            ),
            (
                Unreadable::TooLong,
                Asked::Bucket(_) | Asked::Object(_) | Asked::Writing(_) | Asked::Deleting(_),
            ) => write!(
                f,
                "The server lists more at once than it was asked for (max-keys), and more than is read ({MAX_ENTRIES} objects or {} MiB): set prefix to a smaller part of the bucket, or update the server",
                self.page_bytes >> 20
            ),
            (Unreadable::TooLong, Asked::AllBuckets) => write!(
                f,
                "The server lists more buckets at once than are read ({MAX_ENTRIES}, or {} MiB): register a bucket by its name",
                self.page_bytes >> 20
            ),
        }
    }

    /// Returns whether an endpoint that names the bucket too may be the cause.
    const fn may_be_of_the_endpoint(&self) -> bool {
        matches!(
            self.meaning,
            Meaning::NoBucket
                | Meaning::BadName
                | Meaning::Denied
                | Meaning::Unsupported
                | Meaning::NotS3
                | Meaning::Other
        )
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.meaning {
            Meaning::Signature => self.write_signature(f)?,
            Meaning::KeyUnknown
            | Meaning::KeysSwapped
            | Meaning::TokenMissing
            | Meaning::TokenWrong
            | Meaning::TokenEnded
            | Meaning::Unsigned => self.write_key(f)?,
            Meaning::Region
            | Meaning::Moved
            | Meaning::InHostName
            | Meaning::InPath
            | Meaning::InBucket
            | Meaning::PathDropped
            | Meaning::Redirected
            | Meaning::WantsTls => self.place.write(f, self.meaning, &self.asked, self.status)?,
            Meaning::NoBucket | Meaning::BadName | Meaning::Denied | Meaning::Unsupported => {
                self.write_bucket(f)?;
            }
            _ => self.write_server(f)?,
        }
        if let Some(excess) = self
            .place
            .excess
            .as_ref()
            .filter(|_| self.may_be_of_the_endpoint())
        {
            write!(
                f,
                "; or take {excess} out of endpoint, which names the bucket already"
            )?;
        }
        let Some((code, message)) = &self.own_words else {
            return Ok(());
        };
        let colon = if code.is_empty() || message.is_empty() {
            ""
        } else {
            ": "
        };
        write!(f, " (the server says: {code}{colon}")?;
        // Many messages hold the time, or a number of the request.
        Figure(message).fmt(f)?;
        f.write_str(")")
    }
}

impl std::error::Error for Refusal {}
