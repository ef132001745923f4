//! Sends requests: in the style and for the region that the server wants.

use std::time::SystemTime;

use aws_sigv4::http_request::SignableBody;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response};
use url::Url;

use crate::s3::place::{self, Style};
use crate::s3::service::refusal::Meaning;
use crate::s3::service::style::shows_account;
use crate::s3::service::{Reply, Service, Way, reply};
use crate::s3::xml::{Answer, Page};
use crate::web::{Client, Error, body};

/// The parameter that a listing of version 2 begins behind.
pub(crate) const START_AFTER: &str = "start-after";
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
            // A server that has more and gives no token lists by version 1, whatever it was asked for.
            let has_no_token = |page: &Page| page.more.is_more() && page.more.token.is_none();
            let answer = found.as_ref().ok().and_then(|reply| reply.answer.as_ref());
            let is_old = matches!(answer, Some(Answer::Listing(page)) if has_no_token(page));
            self.learn(|way| {
                way.style = style;
                way.is_settled = true;
                way.has_markers |= is_old;
            });
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

    pub(super) fn takes_region(&self, reply: &Reply) -> bool {
        if self.fixed_region || self.key.is_none() || reply.status.is_success() {
            return false;
        }
        reply.other_region().is_some_and(|region| {
            self.learn(|way| region.clone_into(&mut way.region));
            true
        })
    }

    async fn once(&self, client: &Client, style: Style, query: &[(&str, &str)]) -> Result<Reply, Error> {
        let way = self.way();
        let query: Vec<_> = query.iter().filter_map(|pair| way.parameter(*pair)).collect();
        let url = self.url_in(style)?;
        let mut request = Request::new(Full::new(Bytes::new()));
        *request.uri_mut() = place::uri(&url, &query)?;
        self.sign(&way.region, SignableBody::Bytes(&[]), &mut request)?;
        let response = client.exchange(&url, request).await?;
        self.reply(client, response, (way.region, style, url)).await
    }

    pub(super) fn sign(
        &self,
        region: &str,
        payload: SignableBody<'_>,
        request: &mut Request<Full<Bytes>>,
    ) -> Result<(), Error> {
        match &self.key {
            Some(key) => key.sign(region, SystemTime::now(), payload, request),
            None => Ok(()),
        }
    }

    /// Reads an answer to its end.
    pub(super) async fn reply(
        &self,
        client: &Client,
        response: Response<body::Body>,
        (signed_for, style, url): (String, Style, Url),
    ) -> Result<Reply, Error> {
        let (parts, body) = response.into_parts();
        let text = body::read(body, client.limits(), client.large_bodies()).await?;
        let max_bytes = client.limits().page_bytes;
        let answer = reply::parse(text, &parts.headers, max_bytes).await?;
        Ok(Reply {
            status: parts.status,
            headers: parts.headers,
            answer,
            signed_for,
            style,
            url,
        })
    }
}

fn is_of_version_2((name, _): &(&str, &str)) -> bool {
    *name == "list-type"
}

impl Way {
    /// Returns a parameter of version 2 as the server knows it.
    fn parameter<'a>(&self, (name, value): (&'a str, &'a str)) -> Option<(&'a str, &'a str)> {
        match name {
            "list-type" if self.is_version_1 => None,
            "encoding-type" if self.is_plain => None,
            START_AFTER if self.is_version_1 || self.has_markers => Some(("marker", value)),
            name => Some((name, value)),
        }
    }
}
