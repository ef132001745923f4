//! Verdicts in plain sentences that say what to do.

use crate::s3::service::{Reply, Service};
use crate::s3::verdict::Verdict;
use crate::s3::xml::Answer;

/// The most of a server's own words that a sentence repeats, in characters.
const OWN_WORDS: usize = 160;

/// What a refusal means for whoever set the backend up; `of` is what was asked for, such as "the bucket images".
pub(crate) fn sentence(verdict: Verdict, reply: &Reply, service: &Service, of: &str) -> String {
    let status = reply.status;
    match verdict {
        Verdict::Listed => format!("The server lists {of}"),
        Verdict::KeyUnknown => {
            "The server does not know the access key: check access_key_id, and that endpoint is the service that the key is for".to_owned()
        }
        Verdict::Signature => {
            "The server refuses the signature: secret_access_key does not belong to access_key_id, or the server does not know that key; set both again".to_owned()
        }
        Verdict::KeyEnded => {
            "The access key was a temporary one and is not valid any more: use a permanent one".to_owned()
        }
        Verdict::Region => region(reply, service),
        Verdict::Moved => moved(reply, service, of),
        Verdict::NoBucket if !service.signs() => {
            format!("There is no such thing as {of} on this server: check bucket, or create it")
        }
        Verdict::NoBucket => format!(
            "There is no such thing as {of} on this server: check bucket, create it, or allow the access key to use it (Garage hides buckets from other keys)"
        ),
        Verdict::Denied if !service.signs() => format!(
            "Reading {of} without a key is not allowed: set secret_access_key, or allow everybody to list it"
        ),
        Verdict::Denied => format!(
            "The access key may not list {of}: allow it s3:ListBucket, or the right to read on servers that have it so ({})",
            own_words(reply)
        ),
        Verdict::Clock => "The server refuses the request for its time: set the clocks of this host and of the server, best by NTP".to_owned(),
        Verdict::Throttled => format!("The server asks for fewer requests ({status}): try again later"),
        Verdict::Fault => format!("The server answers {status}: the fault is on its side, look into its log"),
        Verdict::Unsupported => format!(
            "The server does not know how to list objects (ListObjectsV2) and answers {status}: it is too old, or speaks only a part of S3"
        ),
        Verdict::NotS3 if !service.signs() => format!(
            "What answers is no S3 server, or one that does not know S3 without a signature ({status}, and no XML of S3): set secret_access_key, and check endpoint"
        ),
        Verdict::NotS3 => format!(
            "What answers is no S3 server ({status}, and no XML of S3): check the host, the port and the path of endpoint"
        ),
        Verdict::Other => format!("The server answers {status} ({})", own_words(reply)),
    }
}

fn region(reply: &Reply, service: &Service) -> String {
    let signed_for = &reply.signed_for;
    match reply.region() {
        Some(region) if region != signed_for => {
            format!("The server's region is {region} and not {signed_for}: set region to {region}")
        }
        _ if service.has_fixed_region() => format!(
            "The server refuses the region {signed_for} and does not say which one it has: set region to the one in its settings"
        ),
        _ => "The server wants another region and does not say which: set region to the one in its settings"
            .to_owned(),
    }
}

fn moved(reply: &Reply, service: &Service, of: &str) -> String {
    let endpoint = match &reply.answer {
        Some(Answer::Error(error)) => clean(&error.endpoint),
        _ => String::new(),
    };
    let mut to_do = Vec::new();
    if !endpoint.is_empty() {
        to_do.push(format!("endpoint to {endpoint}"));
    }
    match reply.region() {
        Some(region) if region != reply.signed_for || service.has_fixed_region() || endpoint.is_empty() => {
            to_do.push(format!("region to {region}"));
            if endpoint.is_empty() {
                to_do.push("endpoint to that region's".to_owned());
            }
        }
        _ => {}
    }
    if to_do.is_empty() {
        to_do.push("endpoint and region to where the bucket is".to_owned());
    }
    format!(
        "The server redirects to another region, which is not followed: for {of}, set {}",
        to_do.join(" and ")
    )
}

/// The server's code and message.
fn own_words(reply: &Reply) -> String {
    let Some(Answer::Error(error)) = &reply.answer else {
        return reply.status.to_string();
    };
    match (clean(&error.code), clean(&error.message)) {
        (code, message) if message.is_empty() => code,
        (code, message) => format!("{code}: {message}"),
    }
}

/// A server's words, fit for a sentence: one line, and not too long.
fn clean(words: &str) -> String {
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let plain = words.chars().filter(|c| !c.is_control());
    plain.take(OWN_WORDS).collect()
}
