//! The checks of an HTTP directory.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{HeaderMap, WWW_AUTHENTICATE};
use storage_domain::Outcome;

use crate::context::OpContext;
use crate::http::auth::Credentials;
use crate::http::lister::{Lister, Page, Style};
use crate::http::messages::{Finding, Reservation, Status};
use crate::http::not_listed::{NoPage, NotCounted};
use crate::http::{HttpBackend, SETTING};
use crate::probe::{Checks, Stopped};
use crate::web::connection::Connection;
use crate::web::{self, Answer, Client, Error, Origin};

mod boot;

/// The names of the checks, in the order in which they run. Every report has all of them.
pub(super) const NAMES: [&str; 6] = ["resolve", "connect", "tls", "auth", "status", "boot"];

/// What is left of a probe's time when the listing has to be read: the probe's own end would be a failure.
const SPARE: Duration = Duration::from_millis(500);

impl HttpBackend {
    /// Makes all checks. Returns what a message about a directory that passed has to say as well.
    pub(super) async fn check_all(
        &self,
        checks: &mut Checks,
        step: &OpContext,
    ) -> Result<Reservation, Stopped> {
        let connection = self.connect(checks).await;
        let connection = connection.map_err(|error| web::checks::failed(checks, &error, SETTING))?;
        let client = Client::over(self.connector.clone(), self.authorization(), connection);
        let lister = Lister::new(&client, &self.directory);
        let limit = step.remaining().saturating_sub(SPARE).min(client.limits().boot);
        let (status, root) = check_answer(checks, &lister, &self.credentials, limit).await?;
        // What a file is answered with may refute the listing.
        let status_took = checks.lap();
        let (boot, reservation) = match root {
            Err(why) => {
                let why_not = NotCounted(&why).to_string();
                let boot = match why {
                    NoPage::Slow => Finding::Slow(limit),
                    _ => Finding::NoSample(Some(why_not.clone())),
                };
                (boot, Reservation::NotCounted(why_not))
            }
            Ok(_) if step.is_light() => (Finding::Quick, Reservation::None),
            Ok((style, root)) => self.check_boot(&lister, style, root, step).await,
        };
        if let Finding::Unproven(_) = boot {
            checks.end_timed(status_took, Outcome::Failed, &boot);
            return Err(Stopped);
        }
        checks.end_timed(status_took, Outcome::Passed, &status);
        match boot {
            Finding::Boot { .. } => checks.passed(boot),
            unknown => checks.skipped(unknown),
        }
        Ok(reservation)
    }

    /// Tries a file as a boot client would, and returns what of it belongs in the message.
    async fn check_boot(
        &self,
        lister: &Lister<'_>,
        style: Style,
        root: Page,
        step: &OpContext,
    ) -> (Finding, Reservation) {
        let limit = lister.client().limits().boot;
        let limit = step.remaining().saturating_sub(SPARE).min(limit);
        let step = step.step(limit);
        let advice = boot::advice(lister, &self.templates, style, root, &step);
        let found = tokio::time::timeout(limit, advice).await;
        let found = found.unwrap_or(Finding::Slow(limit));
        let is_reserved = match &found {
            Finding::Boot { troubles, .. } => !troubles.is_empty(),
            other => matches!(other, Finding::Slow(_)),
        };
        let reservation = is_reserved.then(|| Reservation::Boot(found.to_string()));
        (found, reservation.unwrap_or_default())
    }

    async fn connect(&self, checks: &mut Checks) -> Result<Connection, Error> {
        let to = Origin::of(&self.directory)?;
        web::checks::check(checks, &self.connector, &to, self.verified, SETTING).await
    }
}

/// Makes the check `auth`, and fails `status` if need be: one request, and what its answer means. Returns what `status`
/// found, and the listing, or why there is none. Reading it may take as long as `limit`.
async fn check_answer(
    checks: &mut Checks,
    lister: &Lister<'_>,
    credentials: &Credentials,
    limit: Duration,
) -> Result<(Finding, Result<(Style, Page), NoPage>), Stopped> {
    if let Credentials::Missing(why) = credentials {
        return Err(checks.failed(&Finding::NothingSent(why)));
    }
    let answer = match lister.ask(Style::Get, b"").await {
        Ok(answer) => answer,
        Err(error) => {
            checks.skipped(Finding::NotAnswered);
            return Err(web::checks::failed(checks, &error, SETTING));
        }
    };
    if let Some(refused) = refusal(&answer, credentials) {
        return Err(checks.failed(&refused));
    }
    checks.passed(acceptance(&answer, credentials));
    let status = Status::of(&answer, credentials.are_sent());
    let root = tokio::time::timeout(limit, lister.root_of(answer)).await;
    let root = root.unwrap_or(Err(NoPage::Slow));
    match judge(lister, status, &root).await {
        Ok(found) => Ok((found, root)),
        Err(found) => Err(checks.failed(&found)),
    }
}

/// Returns what the status means, now that it is known whether there is a listing.
async fn judge(
    lister: &Lister<'_>,
    status: Status,
    root: &Result<(Style, Page), NoPage>,
) -> Result<Finding, Finding> {
    let why = match root {
        Ok((style, _)) if !status.is_success() => return Ok(Finding::Otherwise(status, *style)),
        Ok(_) => return Ok(Finding::Status(status)),
        Err(why) => why,
    };
    match why {
        NoPage::File => return Err(Finding::NamesAFile),
        NoPage::Away(to) => return Err(Finding::LeadsAway(to.clone())),
        NoPage::Bucket if !status.is_success() => return Err(Finding::Bucket(status)),
        _ if !status.is_success() => {}
        NoPage::Failed(_) | NoPage::Slow => return Ok(Finding::Status(status)),
        _ if lister.answers_any_name().await => return Err(Finding::AnyName(status)),
        _ => return Ok(Finding::Status(status)),
    }
    if status.may_be_a_file() && lister.base_is_a_file().await {
        return Err(Finding::NamesAFile);
    }
    Err(Finding::Status(status))
}

/// Returns why the answer refuses the credentials, if it does.
fn refusal(answer: &Answer, credentials: &Credentials) -> Option<Finding> {
    match answer.status {
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => return Some(Finding::ByProxy),
        StatusCode::UNAUTHORIZED => {}
        _ => return None,
    }
    let scheme = offered_scheme(&answer.headers, credentials.scheme());
    Some(match scheme.as_deref() {
        Some("bearer") if !credentials.are_sent() => Finding::NeedsToken,
        None | Some("basic") if !credentials.are_sent() => Finding::NeedsPassword,
        _ if credentials.are_sent() && !answer.route.trusted => Finding::Elsewhere {
            there: answer.route.url().origin().ascii_serialization(),
            sent_to: answer.route.start().origin().ascii_serialization(),
        },
        Some("bearer") if credentials.scheme() == Some("basic") => Finding::NeedsToken,
        Some("basic") if credentials.scheme() == Some("bearer") => Finding::NeedsPassword,
        None | Some("basic" | "bearer") => Finding::Refused(credentials.describe()),
        Some(other) => Finding::NotSupported(other.to_owned()),
    })
}

fn acceptance(answer: &Answer, credentials: &Credentials) -> Finding {
    if !credentials.are_sent() {
        return Finding::NoCredentials;
    }
    let what = credentials.describe();
    if answer.route.trusted {
        return Finding::Accepted(what);
    }
    let there = answer.route.url().origin().ascii_serialization();
    Finding::SentToFirst { what, there }
}

/// The longest scheme that a message shows, in bytes.
const SCHEME_BYTES: usize = 20;

/// Returns the scheme of the challenges (RFC 9110, section 11.6.1) that was used, else one that this client can meet, else
/// the first one.
fn offered_scheme(headers: &HeaderMap, used: Option<&str>) -> Option<String> {
    let values = headers.get_all(WWW_AUTHENTICATE).iter();
    let schemes: Vec<String> = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(schemes)
        .map(str::to_ascii_lowercase)
        .collect();
    let is_known = |scheme: &&String| matches!(scheme.as_str(), "basic" | "bearer");
    let is_used = |scheme: &&String| used == Some(scheme.as_str());
    let known = schemes
        .iter()
        .find(is_used)
        .or_else(|| schemes.iter().find(is_known));
    let found = known.or_else(|| schemes.first())?;
    (found.len() <= SCHEME_BYTES).then(|| found.clone())
}

/// Returns the schemes of one field. A challenge with a bare token, such as Negotiate's, is known by its first word.
fn schemes(value: &str) -> Vec<&str> {
    match http_auth::parse_challenges(value) {
        Ok(challenges) => challenges.iter().map(|challenge| challenge.scheme).collect(),
        Err(_) => value.split_ascii_whitespace().take(1).collect(),
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::basic(&["Basic realm=\"x\""], Some("basic"))]
    #[case::case(&["BASIC realm=x"], Some("basic"))]
    #[case::quoted(&["Digest realm=\"basic, bearer\", nonce=\"a\""], Some("digest"))]
    #[case::quoted_with_escapes(&["Digest realm=\"a\\\", Basic \\\"b\", qop=auth"], Some("digest"))]
    #[case::several_in_one(&["Digest realm=\"x\", nonce=\"y\", Basic realm=\"z\""], Some("basic"))]
    #[case::several_lines(&["Negotiate", "Basic realm=x"], Some("basic"))]
    #[case::bare(&["Negotiate, NTLM"], Some("negotiate"))]
    #[case::token(&["Negotiate YIIJvwYGKwYBBQUCoIIJszCCCa+g"], Some("negotiate"))]
    #[case::parameter_of_the_name(&["Custom basic=\"1\""], Some("custom"))]
    #[case::bearer(&["Bearer"], Some("bearer"))]
    #[case::both(&["Basic realm=x", "Bearer realm=x"], Some("basic"))]
    #[case::none(&[], None)]
    #[case::empty(&[""], None)]
    fn the_scheme_stands_in_its_place(#[case] values: &[&str], #[case] expected: Option<&str>) {
        let values = values
            .iter()
            .map(|value| (WWW_AUTHENTICATE, HeaderValue::from_str(value).unwrap()));
        let headers: HeaderMap = values.fold(HeaderMap::new(), |mut headers, (name, value)| {
            headers.append(name, value);
            headers
        });
        assert_eq!(offered_scheme(&headers, None).as_deref(), expected);
        // What was used and refused is named, if it is offered.
        let is_bearer = |value: &HeaderValue| value.as_bytes().starts_with(b"Bearer");
        let used = headers
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .any(is_bearer)
            .then_some("bearer");
        assert_eq!(
            offered_scheme(&headers, Some("bearer")).as_deref(),
            used.or(expected)
        );
    }
}
