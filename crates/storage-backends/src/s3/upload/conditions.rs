//! Finds out whether a server honours a condition.
//!
//! A server that ignores the header would replace what the condition protects. So it is asked about an object of its own
//! first, with a condition that can't be met: docs/decisions/conditional-writes.md.

use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use hyper::{Method, StatusCode};
use uuid::Uuid;

use crate::error::Error;
use crate::files::{Condition, temporary_name};
use crate::s3::service::refusal::Meaning;
use crate::s3::service::{Form, ObjectAsk};
use crate::s3::tree::{Changed, ObjectTree, Parts};

/// A validator that no object has.
const NEVER: &str = "00000000000000000000000000000000";

/// Returns the header fields of a condition.
pub(super) fn headers(condition: &Condition) -> HeaderMap {
    let field = match condition {
        Condition::None => None,
        Condition::Absent => Some((IF_NONE_MATCH, HeaderValue::from_static("*"))),
        Condition::Version(tag) => {
            let tag = HeaderValue::try_from(format!("\"{tag}\""));
            tag.ok().map(|tag| (IF_MATCH, tag))
        }
    };
    field.into_iter().collect()
}

/// Returns whether the server says that a condition is not met, or that another client is about to change that.
pub(super) fn is_unmet(changed: &Changed, condition: &Condition) -> bool {
    let is_key = || {
        changed
            .reply
            .error()
            .is_some_and(|error| error.code == "NoSuchKey")
    };
    match changed.reply.status {
        StatusCode::PRECONDITION_FAILED | StatusCode::CONFLICT => *condition != Condition::None,
        // Nothing is there, of whatever version.
        StatusCode::NOT_FOUND => matches!(condition, Condition::Version(_)) && is_key(),
        _ => false,
    }
}

impl ObjectTree<'_> {
    /// Returns whether the server honours a condition; it is asked once.
    pub(super) async fn honours(&self, form: Form, condition: &Condition) -> Result<bool, Error> {
        if *condition == Condition::None {
            return Ok(true);
        }
        let cell = self.backend.service.conditions.cell(form, condition);
        let honours = cell.get_or_try_init(|| self.ask_about(form, condition));
        honours.await.copied()
    }

    async fn ask_about(&self, form: Form, condition: &Condition) -> Result<bool, Error> {
        let prefix = self.backend.prefix();
        let slash = if prefix.is_empty() || prefix.ends_with('/') {
            ""
        } else {
            "/"
        };
        let key = format!("{prefix}{slash}{}", temporary_name(Uuid::new_v4()));
        self.made(&ObjectAsk::new(Method::PUT, &key), self.writing())
            .await?;
        let asked = self.ask_with(&key, form, condition).await;
        // A key that may not delete leaves an empty object, which lists leave out.
        if let Err(error) = self.delete_one(&key).await {
            tracing::warn!(key, reason = error.reason(), "a temporary object was not deleted");
        }
        let changed = asked?;
        if changed.is_made() {
            return Ok(false);
        }
        match changed.reply.status {
            StatusCode::PRECONDITION_FAILED => Ok(true),
            _ if self.meaning(&changed) == Meaning::Unsupported => Ok(false),
            _ => Err(self.unchanged(&changed.reply, self.writing()).error),
        }
    }

    /// Writes onto an object under a condition that it does not meet.
    async fn ask_with(&self, key: &str, form: Form, condition: &Condition) -> Result<Changed, Error> {
        let unmet = match condition {
            Condition::Version(_) => headers(&Condition::Version(NEVER.to_owned())),
            condition => headers(condition),
        };
        if form == Form::Put {
            let ask = ObjectAsk::new(Method::PUT, key).with_headers(unmet);
            return self.change(&ask, &self.writing()).await;
        }
        let id = self.begin(key, HeaderMap::new()).await?;
        let changed = match self.put_part((key, &id), 1, Bytes::from_static(b"1")).await {
            Ok(part) => self.complete((key, &id), &Parts::from([(1, part)]), unmet).await,
            Err(error) => Err(error),
        };
        let _ = self.abort(key, &id).await;
        changed
    }
}
