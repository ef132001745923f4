//! The check `boot`: whether firmware and boot loaders will be happy. It is advice, and never fails.

use std::time::Duration;

use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, RANGE};
use hyper::{Method, StatusCode};
use storage_domain::TemplatePatterns;
use url::Url;

use crate::context::OpContext;
use crate::http::SETTING;
use crate::http::lister::{Lister, NotCounted};
use crate::http::messages::{Finding, Trouble};
use crate::probe::Checks;
use crate::tree::{Entry, EntryKind};
use crate::web::redirect::shown;
use crate::web::{Answer, Ask, Client, Error};

/// How many directories are looked into for a file to try.
const DIRECTORIES: usize = 4;
/// What is left of a probe's time when this check has to be over: the probe's own end would be a failure.
const SPARE: Duration = Duration::from_millis(500);

/// Tries a file of the directory, an image if there is one, as a boot client would.
pub(super) async fn check(
    checks: &mut Checks,
    lister: &Lister<'_>,
    templates: &TemplatePatterns,
    step: &OpContext,
) {
    let limit = step
        .remaining()
        .saturating_sub(SPARE)
        .min(lister.client().limits().boot);
    match tokio::time::timeout(limit, advice(lister, templates)).await {
        Ok(found @ Finding::Boot { .. }) => checks.passed(found),
        Ok(unknown) => checks.skipped(unknown),
        Err(_) => checks.skipped(Finding::Slow(limit)),
    }
}

/// Returns what boot clients will meet, or why that is not known.
async fn advice(lister: &Lister<'_>, templates: &TemplatePatterns) -> Finding {
    let path = match sample(lister, templates).await {
        Ok(Some(path)) => path,
        Ok(None) => return Finding::NoSample(None),
        Err(why) => return Finding::NoSample(Some(why)),
    };
    let name = String::from_utf8_lossy(&path).into_owned();
    let troubles = match lister.url(&path) {
        Ok(url) => troubles(lister.client(), &url).await,
        Err(error) => vec![Trouble::Unreadable(sentence(&error))],
    };
    Finding::Boot { name, troubles }
}

fn sentence(error: &Error) -> String {
    error.sentence(SETTING).to_string()
}

/// Returns the path of a file, in the base or in one of the first directories below it.
async fn sample(lister: &Lister<'_>, templates: &TemplatePatterns) -> Result<Option<Vec<u8>>, String> {
    let (style, root) = lister.root().await.map_err(|why| NotCounted(&why).to_string())?;
    let mut page = Some(root);
    let mut waiting = Vec::new();
    for _ in 0..=DIRECTORIES {
        if let Some(page) = page {
            if let Some(name) = page.listing.sample(templates) {
                return Ok(Some(page.join(name)));
            }
            let is_directory = |entry: &&Entry| entry.kind == EntryKind::Directory;
            let directories = page.listing.entries.iter().filter(is_directory).take(DIRECTORIES);
            let directories: Vec<_> = directories.map(|entry| page.join(&entry.name)).collect();
            waiting.extend(directories.into_iter().rev());
        }
        let Some(path) = waiting.pop() else { break };
        page = lister.fetch(style, &path).await.ok();
    }
    Ok(None)
}

async fn troubles(client: &Client, url: &Url) -> Vec<Trouble> {
    let mut found = Vec::new();
    match client.send(&Ask::new(Method::HEAD, url.clone())).await {
        Ok(answer) => of_head(&answer, &mut found),
        Err(error) => found.push(Trouble::HeadUnanswered(sentence(&error))),
    }
    let first_byte = Ask::new(Method::GET, url.clone()).with(RANGE, "bytes=0-0");
    match client.send(&first_byte).await {
        Ok(answer) => {
            match answer.status {
                // The first byte of an empty file is not there.
                StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {}
                status if status.is_success() => found.push(Trouble::NoRanges),
                status => found.push(Trouble::Refused(status)),
            }
            if answer.status.is_success()
                && let Err(error) = answer.body.begin(client.limits()).await
            {
                found.push(Trouble::NothingFollows(sentence(&error)));
            }
        }
        Err(error) => found.push(Trouble::Unreadable(sentence(&error))),
    }
    found
}

fn of_head(answer: &Answer, found: &mut Vec<Trouble>) {
    if !answer.status.is_success() {
        found.push(Trouble::HeadRefused(answer.status));
    } else if !answer.headers.contains_key(CONTENT_LENGTH) {
        found.push(Trouble::NoLength);
    }
    if answer.headers.contains_key(CONTENT_ENCODING) {
        found.push(Trouble::Compressed);
    }
    if answer.route.redirects() > 0 {
        found.push(Trouble::Redirected(shown(answer.route.url())));
    }
}
