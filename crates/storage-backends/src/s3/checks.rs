//! The checks of a probe.

use std::time::{Duration, SystemTime};

use hyper::header::DATE;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::probe::{Checks, Stopped};
use crate::s3::place::Style;
use crate::s3::service::{Reply, Service, is_of_the_name};
use crate::s3::verdict::{Verdict, verdict};
use crate::s3::xml::{Answer, Object};
use crate::s3::{CHECKS, S3Backend, SETTING, span, words};
use crate::web::connection::Connection;
use crate::web::{self, Client, Error, Origin};

mod cdn;

pub(crate) use cdn::check as cdn;

/// A difference of the clocks that nobody has to mind.
const SMALL_SKEW: Duration = Duration::from_mins(1);
/// The difference from which on AWS refuses requests.
const REFUSED_SKEW: Duration = Duration::from_mins(15);

/// Makes the checks below HTTP. Returns the client for the requests, and where they name the bucket.
pub(crate) async fn transport(checks: &mut Checks, service: &Service) -> Result<(Client, Style), Stopped> {
    let mut style = service.way().style;
    let mut connection = connect(checks, service, style).await;
    if service.may_turn(style) && matches!(&connection, Err(error) if is_of_the_name(error)) {
        style = Style::Path;
        *checks = Checks::new(&CHECKS);
        connection = connect(checks, service, style).await;
    }
    let connection = connection.map_err(|error| web::checks::failed(checks, &error, SETTING))?;
    Ok((Client::over(service.connector().clone(), None, connection), style))
}

async fn connect(checks: &mut Checks, service: &Service, style: Style) -> Result<Connection, Error> {
    let to = Origin::of(&service.url_in(style)?)?;
    web::checks::check(checks, service.connector(), &to, service.is_verified(), SETTING).await
}

/// The checks `credentials`, `bucket`, `list` and `clock`: one object is listed. Gives the key of that object.
pub(crate) async fn listing(
    checks: &mut Checks,
    backend: &S3Backend,
    (client, style): (&Client, Style),
) -> Result<Option<String>, Stopped> {
    let service = &backend.service;
    let query = [
        ("encoding-type", "url"),
        ("list-type", "2"),
        ("max-keys", "1"),
        ("prefix", backend.prefix()),
    ];
    let reply = match service.get_by(client, style, &query).await {
        Ok(reply) => reply,
        Err(error) => return Err(web::checks::failed(checks, &error, SETTING)),
    };
    let verdict = verdict(&reply);
    judge(checks, backend, verdict, &reply)?;
    checks.passed(clock(&reply));
    let Some(Answer::Listing(page)) = reply.answer else {
        return Ok(None);
    };
    let is_file = |object: &Object| !object.is_marker();
    Ok(page.objects.into_iter().find(is_file).map(|object| object.key))
}

fn judge(checks: &mut Checks, backend: &S3Backend, verdict: Verdict, reply: &Reply) -> Result<(), Stopped> {
    let of = format!("the bucket {}", backend.bucket);
    let sentence = words::sentence(verdict, reply, &backend.service, &of);
    match verdict {
        Verdict::Listed => {
            checks.passed(accepted(reply, &backend.service));
            checks.passed(format!("There is {of}"));
            checks.passed(listed(reply, backend));
            Ok(())
        }
        Verdict::NoBucket | Verdict::Moved => {
            checks.passed(accepted(reply, &backend.service));
            Err(checks.failed(&sentence))
        }
        Verdict::Denied | Verdict::Unsupported => {
            checks.passed(accepted(reply, &backend.service));
            checks.passed(format!("The server does not say that {of} is missing"));
            Err(checks.failed(&sentence))
        }
        Verdict::Throttled | Verdict::Fault | Verdict::Other => {
            checks.skipped("Not checked, because the server could not answer");
            checks.skipped("Not checked, because the server could not answer");
            Err(checks.failed(&sentence))
        }
        Verdict::Clock => {
            for _ in ["credentials", "bucket", "list"] {
                checks.skipped("Not checked, because the server refuses the request for its time");
            }
            Err(checks.failed(&format!("{sentence} ({})", clock(reply))))
        }
        Verdict::KeyUnknown | Verdict::Signature | Verdict::KeyEnded | Verdict::Region | Verdict::NotS3 => {
            Err(checks.failed(&sentence))
        }
    }
}

fn accepted(reply: &Reply, service: &Service) -> String {
    if service.signs() {
        format!(
            "The server did not refuse the access key, signed for the region {}",
            reply.signed_for
        )
    } else {
        "No secret_access_key is set, so that requests are not signed".to_owned()
    }
}

fn listed(reply: &Reply, backend: &S3Backend) -> String {
    let below = match backend.prefix() {
        "" => String::new(),
        prefix => format!(" below {prefix}"),
    };
    match &reply.answer {
        Some(Answer::Listing(page)) if page.objects.is_empty() => {
            format!("Objects can be listed; there is none{below} yet")
        }
        _ => format!("Objects can be listed{below}"),
    }
}

/// How far the server's clock is from this host's.
fn clock(reply: &Reply) -> String {
    let date = reply.headers.get(DATE).and_then(|value| value.to_str().ok());
    let Some(theirs) = date.and_then(|date| OffsetDateTime::parse(date, &Rfc2822).ok()) else {
        return "The server does not tell its time".to_owned();
    };
    let ours = OffsetDateTime::from(SystemTime::now());
    let skew = (ours - theirs).unsigned_abs();
    let differs = format!(
        "The clocks of this host and of the server differ by {}",
        span(skew)
    );
    if skew <= SMALL_SKEW {
        differs
    } else {
        let limit = span(REFUSED_SKEW);
        format!("{differs}: set them by NTP, most servers refuse requests that are more than {limit} off")
    }
}
