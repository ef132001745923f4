//! Sends requests: in the style and for the region that the server wants.

use std::time::SystemTime;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request};

use crate::s3::place::{self, Style};
use crate::s3::service::refusal::Meaning;
use crate::s3::service::style::shows_account;
use crate::s3::service::{Reply, Service, Way, reply};
use crate::web::{Client, Error, body};

/// How often one request is sent in one style, at the most: as it is, for another region, and by version 1.
const TRIES: usize = 3;

impl Service {
    /// Asks for something of the bucket, or of the service if there is no bucket.
    ///
    /// # Errors
    /// Any [`Error`]; a refusal is none.
    /// # Cancel safety
    /// Dropping the future closes the connection that was in use.
    pub(crate) async fn get(&self, client: &Client, query: &[(&str, &str)]) -> Result<Reply, Error> {
        self.get_by(client, self.way().style, query).await
    }

    /// As [`Self::get`], and in this style first.
    ///
    /// Only an answer decides on the style of later requests: a name server that fails for a moment decides nothing.
    pub(crate) async fn get_by(
        &self,
        client: &Client,
        style: Style,
        query: &[(&str, &str)],
    ) -> Result<Reply, Error> {
        let first = self.in_style(client, style, query).await;
        let Some(other) = self.other_style(style, &first) else {
            self.keep_if_listed(style, &first);
            return first;
        };
        let second = self.in_style(client, other, query).await;
        let is_better = self.keep_if_listed(other, &second);
        if shows_account(&first) {
            self.learn(|way| way.style = other);
        }
        if is_better || self.says_more(style, &first, &second) {
            return second;
        }
        first
    }

    /// Goes on in the style in which the bucket was listed.
    fn keep_if_listed(&self, style: Style, found: &Result<Reply, Error>) -> bool {
        let is_listed = matches!(found, Ok(reply) if self.meaning(reply) == Meaning::Listed);
        if is_listed && self.bucket.is_some() {
            self.learn(|way| way.style = style);
        }
        is_listed
    }

    async fn in_style(&self, client: &Client, style: Style, query: &[(&str, &str)]) -> Result<Reply, Error> {
        let mut last = self.once(client, style, query).await;
        for _ in 1..TRIES {
            if !matches!(&last, Ok(reply) if self.takes_region(reply) || self.takes_version(reply, query)) {
                break;
            }
            last = self.once(client, style, query).await;
        }
        last
    }

    /// Goes over to listings of version 1, once, if the server refuses those of version 2.
    fn takes_version(&self, reply: &Reply, query: &[(&str, &str)]) -> bool {
        let is_asked = query.iter().any(is_of_version_2);
        let turns = is_asked && !self.way().is_version_1 && self.meaning(reply) == Meaning::Unsupported;
        if turns {
            self.learn(|way| way.is_version_1 = true);
        }
        turns
    }

    fn takes_region(&self, reply: &Reply) -> bool {
        if self.fixed_region || self.key.is_none() || reply.status.is_success() {
            return false;
        }
        reply.other_region().is_some_and(|region| {
            self.learn(|way| region.clone_into(&mut way.region));
            true
        })
    }

    async fn once(&self, client: &Client, style: Style, query: &[(&str, &str)]) -> Result<Reply, Error> {
        let Way {
            region, is_version_1, ..
        } = self.way();
        let query: Vec<_> = query
            .iter()
            .copied()
            .filter(|pair| !(is_version_1 && is_of_version_2(pair)))
            .collect();
        let url = self.url_in(style)?;
        let mut request = Request::new(Full::new(Bytes::new()));
        *request.method_mut() = Method::GET;
        *request.uri_mut() = place::uri(&url, &query)?;
        if let Some(key) = &self.key {
            key.sign(&region, SystemTime::now(), &mut request)?;
        }
        let (parts, body) = client.exchange(&url, request).await?.into_parts();
        let text = body::read(body, client.limits(), client.large_bodies()).await?;
        let max_bytes = client.limits().page_bytes;
        let answer = reply::parse(text, &parts.headers, max_bytes).await?;
        Ok(Reply {
            status: parts.status,
            headers: parts.headers,
            answer,
            signed_for: region,
            style,
            url,
        })
    }
}

fn is_of_version_2((name, _): &(&str, &str)) -> bool {
    *name == "list-type"
}
