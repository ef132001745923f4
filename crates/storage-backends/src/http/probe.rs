//! The checks of an HTTP directory.

use hyper::header::WWW_AUTHENTICATE;
use hyper::{Method, StatusCode};
use url::Url;

use crate::context::OpContext;
use crate::http::auth::Credentials;
use crate::http::lister::Lister;
use crate::http::messages::{Finding, Status};
use crate::http::{HttpBackend, SETTING};
use crate::probe::{Checks, Stopped};
use crate::web::connection::Connection;
use crate::web::{self, Answer, Ask, Client, Error, Origin};

mod boot;

/// The names of the checks, in the order in which they run. Every report has all of them.
pub(super) const NAMES: [&str; 6] = ["resolve", "connect", "tls", "auth", "status", "boot"];

impl HttpBackend {
    pub(super) async fn check_all(&self, checks: &mut Checks, step: &OpContext) -> Result<(), Stopped> {
        let connection = self.connect(checks).await;
        let connection = connection.map_err(|error| web::checks::failed(checks, &error, SETTING))?;
        let client = Client::over(self.connector.clone(), self.authorization(), connection);
        check_answer(checks, &client, &self.credentials, &self.directory).await?;
        if step.is_light() {
            checks.skipped(Finding::Quick);
        } else {
            let lister = Lister::new(&client, &self.directory);
            boot::check(checks, &lister, &self.templates, step).await;
        }
        Ok(())
    }

    async fn connect(&self, checks: &mut Checks) -> Result<Connection, Error> {
        let to = Origin::of(&self.directory)?;
        web::checks::check(checks, &self.connector, &to, self.verified, SETTING).await
    }
}

/// Makes the checks `auth` and `status`: one request, and what its answer means.
async fn check_answer(
    checks: &mut Checks,
    client: &Client,
    credentials: &Credentials,
    directory: &Url,
) -> Result<(), Stopped> {
    if let Credentials::Missing(why) = credentials {
        return Err(checks.failed(&Finding::NothingSent(why)));
    }
    let answer = match ask(client, directory).await {
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
    let status = Finding::Status(Status::of(&answer, credentials.are_sent()));
    if !answer.status.is_success() {
        return Err(checks.failed(&status));
    }
    checks.passed(status);
    Ok(())
}

async fn ask(client: &Client, url: &Url) -> Result<Answer, Error> {
    let enough = |head: &Answer| head.status.is_success() || head.status == StatusCode::UNAUTHORIZED;
    let answer = client.look(url, enough).await?;
    if answer.status == StatusCode::RANGE_NOT_SATISFIABLE {
        return client.send(&Ask::new(Method::GET, url.clone())).await;
    }
    Ok(answer)
}

/// Returns why the answer refuses the credentials, if it does.
fn refusal(answer: &Answer, credentials: &Credentials) -> Option<Finding> {
    match answer.status {
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => return Some(Finding::ByProxy),
        StatusCode::UNAUTHORIZED => {}
        _ => return None,
    }
    let scheme = offered_scheme(answer);
    Some(match scheme.as_deref() {
        Some("bearer") if !credentials.are_sent() => Finding::NeedsToken,
        None | Some("basic") if !credentials.are_sent() => Finding::NeedsPassword,
        _ if credentials.are_sent() && !answer.route.trusted => Finding::Elsewhere {
            there: answer.route.url().origin().ascii_serialization(),
            sent_to: answer.route.start().origin().ascii_serialization(),
        },
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

/// Returns the scheme of the challenge (RFC 9110, section 11.6.1) that this client can meet, else the first one.
fn offered_scheme(answer: &Answer) -> Option<String> {
    let values = answer.headers.get_all(WWW_AUTHENTICATE);
    let words = values
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split([',', ' ']));
    let words: Vec<String> = words
        .filter(|w| !w.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let known = words.iter().find(|w| matches!(w.as_str(), "basic" | "bearer"));
    let first = || {
        words
            .first()
            .filter(|w| w.len() <= 20 && w.bytes().all(|b| b.is_ascii_alphanumeric()))
    };
    known.or_else(first).cloned()
}
