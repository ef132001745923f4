//! The check `boot`: whether firmware and boot loaders will be happy. It is advice, and never fails.

use hyper::header::{ACCEPT, CONTENT_ENCODING, CONTENT_LENGTH};
use hyper::{Method, StatusCode};
use storage_domain::TemplatePatterns;

use crate::context::OpContext;
use crate::http::SETTING;
use crate::http::lister::{Lister, Page, Style, first_byte, is_page_instead, length};
use crate::http::listing::Kind;
use crate::http::messages::{Finding, Trouble};
use crate::web::redirect::shown;
use crate::web::{Answer, Ask, Error};

/// How many directories are looked into for a file to try.
const DIRECTORIES: usize = 4;

/// A file to try.
struct Sample {
    path: Vec<u8>,
    /// Its size, if the listing gives it.
    size: Option<u64>,
}

/// Tries a file of the directory, an image if there is one, as a boot client would. Returns what it will meet, or why
/// that is not known; [`Finding::Unproven`] says that nothing of the listing is proved.
pub(super) async fn advice(
    lister: &Lister<'_>,
    templates: &TemplatePatterns,
    style: Style,
    root: Page,
    cx: &OpContext,
) -> Finding {
    let Some(sample) = sample(lister, templates, style, root).await else {
        if lister.answers_any_name().await {
            return Finding::Unproven(None);
        }
        return Finding::NoSample(None);
    };
    let name = String::from_utf8_lossy(&sample.path).into_owned();
    let mut troubles = troubles(lister, &sample, cx).await;
    let is_another = matches!(troubles.first(), Some(Trouble::Page | Trouble::OtherSize { .. }));
    if is_another && lister.answers_any_name().await {
        return Finding::Unproven(Some((name, troubles.swap_remove(0))));
    }
    Finding::Boot { name, troubles }
}

fn sentence(error: &Error) -> String {
    error.sentence(SETTING).to_string()
}

/// Returns a file in the base or in one of the first directories below it.
async fn sample(
    lister: &Lister<'_>,
    templates: &TemplatePatterns,
    style: Style,
    root: Page,
) -> Option<Sample> {
    let mut page = Some(root);
    let mut waiting = Vec::new();
    for _ in 0..=DIRECTORIES {
        if let Some(page) = page {
            if let Some(entry) = page.listing.sample(templates) {
                let (path, size) = (page.join(&entry.name), entry.size);
                return Some(Sample { path, size });
            }
            let entries = page.listing.entries.iter();
            let directories = entries
                .filter(|entry| entry.kind == Kind::Directory)
                .take(DIRECTORIES);
            let directories: Vec<_> = directories.map(|entry| page.join(&entry.name)).collect();
            waiting.extend(directories.into_iter().rev());
        }
        page = lister.fetch(style, &waiting.pop()?).await.ok();
    }
    None
}

async fn troubles(lister: &Lister<'_>, sample: &Sample, cx: &OpContext) -> Vec<Trouble> {
    let mut found = Vec::new();
    let url = match lister.url(&sample.path) {
        Ok(url) => url,
        Err(error) => return vec![Trouble::Unreadable(sentence(&error))],
    };
    let size = match lister.send_patiently(cx, &first_byte(&url)).await {
        Ok(answer) => {
            of_get(&answer, sample, &mut found);
            // What HEAD does says nothing more then.
            if let [Trouble::Refused(_), ..] = found.as_slice() {
                return found;
            }
            let size = length(&answer);
            if answer.status.is_success()
                && let Err(error) = answer.body.begin(lister.client().limits()).await
            {
                found.push(Trouble::NothingFollows(sentence(&error)));
            }
            size
        }
        Err(error) => {
            found.push(Trouble::Unreadable(sentence(&error)));
            None
        }
    };
    let head = Ask::new(Method::HEAD, url).with(ACCEPT, "*/*");
    match lister.send_patiently(cx, &head).await {
        Ok(answer) => of_head(&answer, size, &mut found),
        Err(error) => found.push(Trouble::HeadUnanswered(sentence(&error))),
    }
    found
}

fn of_get(answer: &Answer, sample: &Sample, found: &mut Vec<Trouble>) {
    match answer.status {
        // The first byte of an empty file is not there.
        StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {}
        status if status.is_success() => found.push(Trouble::NoRanges),
        status => found.push(Trouble::Refused(status)),
    }
    if answer.route.redirects() > 0 {
        found.push(Trouble::Redirected(shown(answer.route.url())));
    }
    if is_page_instead(answer, &sample.path) {
        found.insert(0, Trouble::Page);
    } else if let (Some(listed), Some(size)) = (sample.size, length(answer))
        && listed != size
    {
        found.insert(0, Trouble::OtherSize { listed, size });
    }
}

fn of_head(answer: &Answer, size: Option<u64>, found: &mut Vec<Trouble>) {
    let length = answer.headers.get(CONTENT_LENGTH);
    let length: Option<u64> = length.and_then(|value| value.to_str().ok()?.parse().ok());
    match (length, size) {
        _ if !answer.status.is_success() => found.push(Trouble::HeadRefused(answer.status)),
        // Apache answers HEAD of an empty file without a length.
        (None, Some(0)) => {}
        (None, _) => found.push(Trouble::NoLength),
        (Some(head), Some(size)) if head != size => found.push(Trouble::OtherLength { head, size }),
        (Some(_), _) => {}
    }
    if answer.headers.contains_key(CONTENT_ENCODING) {
        found.push(Trouble::Compressed);
    }
}
