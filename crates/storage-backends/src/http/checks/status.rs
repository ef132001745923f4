//! The checks `auth` and `status`: one request, and what its answer means.

use hyper::header::{RANGE, WWW_AUTHENTICATE};
use hyper::{Method, StatusCode};
use url::Url;

use crate::http::auth::Credentials;
use crate::http::checks::{Checks, Stopped};
use crate::http::client::{Answer, Ask, Client};
use crate::http::failure::Failure;
use crate::http::redirect::shown;

/// Asks for the directory and judges the answer.
pub(crate) async fn check(checks: &mut Checks, client: &Client, directory: &Url) -> Result<(), Stopped> {
    if let Credentials::Missing(why) = client.credentials() {
        return Err(checks.failed(&format!("Nothing was sent: {why}")));
    }
    let answer = match head_or_get(client, directory).await {
        Ok(answer) => answer,
        Err(failure) => {
            checks.skipped("Not checked, because the request was not answered");
            return Err(checks.failed(&failure));
        }
    };
    if matches!(
        answer.status,
        StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED
    ) {
        return Err(checks.failed(&unauthorized(&answer, client.credentials())));
    }
    checks.passed(authorized(&answer, client.credentials()));
    if answer.status.is_success() {
        checks.passed(success(&answer));
        Ok(())
    } else {
        Err(checks.failed(&refusal(&answer, client.credentials())))
    }
}

/// Asks by HEAD, and where that is refused for the first byte of the resource; no more of a body is read.
async fn head_or_get(client: &Client, url: &Url) -> Result<Answer, Failure> {
    match client.send(&Ask::new(Method::HEAD, url.clone())).await {
        Ok(answer) if answer.status.is_success() || answer.status == StatusCode::UNAUTHORIZED => {
            return Ok(answer);
        }
        // The GET decides: there are servers that answer HEAD with nearly every status there is, or hang up on it.
        Ok(_) | Err(Failure::ClosedEarly | Failure::Reset | Failure::NotHttp) => {}
        Err(failure) => return Err(failure),
    }
    let get = Ask::new(Method::GET, url.clone());
    let answer = client.send(&get.clone().with(RANGE, "bytes=0-0")).await?;
    if answer.status == StatusCode::RANGE_NOT_SATISFIABLE {
        return client.send(&get).await;
    }
    Ok(answer)
}

fn unauthorized(answer: &Answer, credentials: &Credentials) -> String {
    if answer.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        return "A proxy on the way asks for credentials (407), which is not supported".to_owned();
    }
    let scheme = offered_scheme(answer);
    let there = answer.route.url().origin().ascii_serialization();
    if !credentials.are_sent() {
        return match scheme.as_deref() {
            Some("bearer") => "The server asks for a token (401): set auth_method to bearer and put the token into password".to_owned(),
            None | Some("basic") => "The server asks for a user name and a password (401): set auth_method to basic, username and password".to_owned(),
            Some(other) => format!("The server asks for {other} authentication (401), which is not supported; basic and bearer are"),
        };
    }
    if !answer.route.trusted {
        let sent_to = answer.route.start().origin().ascii_serialization();
        return format!(
            "The server redirects to {there}, which asks for credentials (401); they are sent to {sent_to} only: set base_url to where the files are"
        );
    }
    match scheme.as_deref() {
        None | Some("basic" | "bearer") => format!(
            "The server refuses {} (401): check username, password and auth_method",
            credentials.describe()
        ),
        Some(other) => format!(
            "The server asks for {other} authentication (401), which is not supported; basic and bearer are"
        ),
    }
}

/// The scheme of the challenge (RFC 9110, section 11.6.1) that this client can meet, else the first one.
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

fn authorized(answer: &Answer, credentials: &Credentials) -> String {
    if !credentials.are_sent() {
        return "No credentials are set, and the server asks for none".to_owned();
    }
    if !answer.route.trusted {
        let there = answer.route.url().origin().ascii_serialization();
        return format!(
            "The server redirects to {there}; {} went to the first server only",
            credentials.describe()
        );
    }
    format!("The server did not refuse {}", credentials.describe())
}

fn success(answer: &Answer) -> String {
    let status = answer.status;
    match answer.route.redirects() {
        0 => format!("The server answers {status}"),
        n => {
            let plural = if n == 1 { "redirect" } else { "redirects" };
            let down = if answer.route.downgraded {
                ", from https down to http"
            } else {
                ""
            };
            let to = shown(answer.route.url());
            format!("The server answers {status} after {n} {plural} to {to}{down}")
        }
    }
}

fn refusal(answer: &Answer, credentials: &Credentials) -> String {
    let at = match answer.route.redirects() {
        0 => String::new(),
        _ => format!(" at {}, where it redirects to", shown(answer.route.url())),
    };
    let status = answer.status;
    let advice = match status.as_u16() {
        400 if answer.route.url().scheme() == "http" => {
            "it does not take the request; where this port expects https, begin base_url with https://"
        }
        403 if credentials.are_sent() => {
            "these credentials may not read the directory, or its listing is switched off (nginx: autoindex on)"
        }
        403 => {
            "the directory may not be read, its listing is switched off (nginx: autoindex on), or credentials are needed"
        }
        404 | 410 => "there is no such directory: check the path of base_url",
        429 => "it asks for fewer requests: try again later",
        500..=599 => "the fault is on the server's side: look into its log",
        300..=399 => "that is no redirect that can be followed",
        _ => "200 was expected",
    };
    format!("The server answers {status}{at}: {advice}")
}
