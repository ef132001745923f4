//! The checks of a probe.

use std::time::SystemTime;

use hyper::header::DATE;
use time::OffsetDateTime;

use crate::probe::{Checks, Stopped};
use crate::s3::messages::{Asked, Clock, Finding, Refusal};
use crate::s3::place::Style;
use crate::s3::service::refusal::Meaning;
use crate::s3::service::{Reply, Service, is_of_the_name};
use crate::s3::xml::{Answer, Object};
use crate::s3::{S3Backend, SETTING};
use crate::web::connection::Connection;
use crate::web::{self, Client, Error, Origin};

mod cdn;

pub(crate) use cdn::check as cdn;

/// Makes the checks below HTTP. Returns the client for the requests, and where they name the bucket.
pub(crate) async fn transport(checks: &mut Checks, service: &Service) -> Result<(Client, Style), Stopped> {
    let mut style = service.way().style;
    if style == Style::Virtual && service.is_at_address() {
        return Err(checks.failed(&Finding::NoHostName(service.endpoint().clone())));
    }
    let mut connection = connect(checks, service, style).await;
    if service.may_turn(style) && matches!(&connection, Err(error) if is_of_the_name(error)) {
        style = Style::Path;
        *checks = Checks::new(&S3Backend::CHECKS);
        connection = connect(checks, service, style).await;
    }
    let connection = connection.map_err(|error| match style {
        Style::Virtual if is_of_the_name(&error) => checks.failed(&Finding::NoSuchHost(error)),
        _ => web::checks::failed(checks, &error, SETTING),
    })?;
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
        Err(error) if error.is_closed_unanswered() && service.endpoint().scheme() == "http" => {
            return Err(checks.failed(&Finding::ClosedPlain(error)));
        }
        Err(error) => return Err(web::checks::failed(checks, &error, SETTING)),
    };
    report_listing(checks, backend, &reply)?;
    let clock = clock(&reply);
    if clock.is_wrong() {
        checks.reserve(&Finding::Skewed(clock));
    }
    checks.passed(Finding::Clock(clock));
    let Some(Answer::Listing(page)) = reply.answer else {
        return Ok(None);
    };
    let is_file = |object: &Object| !object.is_marker();
    Ok(page.objects.into_iter().find(is_file).map(|object| object.key))
}

fn report_listing(checks: &mut Checks, backend: &S3Backend, reply: &Reply) -> Result<(), Stopped> {
    let meaning = backend.service.meaning(reply);
    let asked = Asked::Bucket(backend.bucket.clone());
    let refusal = Refusal::new(reply, &backend.service, asked.clone());
    match meaning {
        Meaning::Listed => {
            checks.passed(accepted(reply, &backend.service));
            checks.passed(Finding::Exists(asked));
            let listed = listed(reply, backend);
            if listed.is_empty() {
                checks.reserve(&Finding::Empty(backend.prefix().to_owned()));
            }
            checks.passed(listed);
            return Ok(());
        }
        Meaning::NoBucket
        | Meaning::BadName
        | Meaning::Moved
        | Meaning::InHostName
        | Meaning::InPath
        | Meaning::InBucket
        | Meaning::PathDropped => {
            checks.passed(accepted(reply, &backend.service));
        }
        Meaning::Unreadable(_) => {
            checks.passed(accepted(reply, &backend.service));
            checks.passed(Finding::Exists(asked));
        }
        Meaning::Denied | Meaning::Blocked | Meaning::Unsupported => {
            checks.passed(accepted(reply, &backend.service));
            checks.passed(Finding::NotMissing(asked));
        }
        Meaning::Throttled
        | Meaning::Unavailable
        | Meaning::Fault
        | Meaning::NoSpace
        | Meaning::LongKey
        | Meaning::NoUpload
        | Meaning::Other => {
            checks.skipped(Finding::NoAnswer);
            checks.skipped(Finding::NoAnswer);
        }
        Meaning::Clock => {
            for _ in ["credentials", "bucket", "list"] {
                checks.skipped(Finding::WrongTime);
            }
            return Err(checks.failed(&Finding::RefusedForTime(refusal, clock(reply))));
        }
        Meaning::KeyUnknown
        | Meaning::KeysSwapped
        | Meaning::Signature
        | Meaning::TokenMissing
        | Meaning::TokenWrong
        | Meaning::TokenEnded
        | Meaning::Unsigned
        | Meaning::Region
        | Meaning::WantsTls
        | Meaning::Redirected
        | Meaning::NotS3 => {}
    }
    Err(checks.failed(&Finding::Refused(refusal)))
}

fn accepted(reply: &Reply, service: &Service) -> Finding {
    if service.signs() {
        Finding::Accepted(reply.signed_for.clone())
    } else {
        Finding::Unsigned
    }
}

fn listed(reply: &Reply, backend: &S3Backend) -> Finding {
    Finding::Listed {
        prefix: backend.prefix().to_owned(),
        is_empty: matches!(&reply.answer, Some(Answer::Listing(page)) if page.objects.is_empty()),
    }
}

/// Returns how far the server's clock is from this host's.
fn clock(reply: &Reply) -> Clock {
    let theirs = web::file::date(&reply.headers, DATE);
    let ours = OffsetDateTime::from(SystemTime::now());
    Clock(theirs.map(|theirs| (ours - theirs).unsigned_abs()))
}
