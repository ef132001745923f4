//! The check `boot`: whether firmware and boot loaders will be happy. It is advice, and never fails.

use std::time::Duration;

use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, RANGE};
use hyper::{Method, StatusCode};
use storage_domain::TemplatePatterns;

use crate::http::SETTING;
use crate::http::checks::Checks;
use crate::http::lister::{Lister, NotCounted};
use crate::tree::{Entry, EntryKind};
use crate::web::redirect::shown;
use crate::web::{Answer, Ask, Client};

/// How many directories are looked into for a file to try.
const DIRECTORIES: usize = 4;

/// Tries a file of the directory, an image where there is one, as a boot client would. A server that takes longer than
/// `limit` for it is not waited for.
pub(crate) async fn check(
    checks: &mut Checks,
    lister: &Lister<'_>,
    templates: &TemplatePatterns,
    limit: Duration,
) {
    match tokio::time::timeout(limit, advice(lister, templates)).await {
        Ok(Ok(advice)) => checks.passed(advice),
        Ok(Err(why)) => checks.skipped(why),
        Err(_) => checks.skipped(format!(
            "Not checked, because the server took longer than {} s to list a directory and give out a file",
            limit.as_secs()
        )),
    }
}

/// What boot clients will meet, or why that is not known.
async fn advice(lister: &Lister<'_>, templates: &TemplatePatterns) -> Result<String, String> {
    let sample = match sample(lister, templates).await {
        Ok(Some(path)) => path,
        Ok(None) => return Err("Not checked, because no file was found to try".to_owned()),
        Err(why) => return Err(format!("Not checked, because no file was found to try. {why}")),
    };
    let name = String::from_utf8_lossy(&sample);
    let troubles = match lister.url(&sample) {
        Ok(url) => {
            troubles(
                lister.client(),
                &Ask::new(Method::HEAD, url.clone()),
                &Ask::new(Method::GET, url),
            )
            .await
        }
        Err(error) => vec![error.sentence(SETTING).to_string()],
    };
    Ok(if troubles.is_empty() {
        format!("Boot clients can use it: {name} has a length, and HEAD and byte ranges work")
    } else {
        format!(
            "Boot clients may have trouble with {name}: {}",
            troubles.join("; ")
        )
    })
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

async fn troubles(client: &Client, head: &Ask, get: &Ask) -> Vec<String> {
    let mut found = Vec::new();
    match client.send(head).await {
        Ok(answer) => of_head(&answer, &mut found),
        Err(error) => found.push(format!("HEAD is not answered. {}", error.sentence(SETTING))),
    }
    let first_byte = get.clone().with(RANGE, "bytes=0-0");
    match client.send(&first_byte).await {
        Ok(answer) => {
            of_range(&answer, &mut found);
            if answer.status.is_success()
                && let Err(error) = answer.body.begin(client.limits()).await
            {
                found.push(format!(
                    "the server announces the file and sends none of it. {}",
                    error.sentence(SETTING)
                ));
            }
        }
        Err(error) => found.push(format!("the file can't be read. {}", error.sentence(SETTING))),
    }
    found
}

fn of_head(answer: &Answer, found: &mut Vec<String>) {
    if !answer.status.is_success() {
        found.push(format!(
            "HEAD is answered with {}, and firmware asks for a file's size that way",
            answer.status
        ));
    } else if !answer.headers.contains_key(CONTENT_LENGTH) {
        found.push("it has no Content-Length, without which firmware can't load a file".to_owned());
    }
    if answer.headers.contains_key(CONTENT_ENCODING) {
        found.push("it is compressed on the way (Content-Encoding), which firmware can't undo".to_owned());
    }
    if answer.route.redirects() > 0 {
        let to = shown(answer.route.url());
        found.push(format!(
            "it redirects to {to}, and not all firmware follows redirects"
        ));
    }
}

fn of_range(answer: &Answer, found: &mut Vec<String>) {
    match answer.status {
        // The first byte of an empty file is not there.
        StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {}
        status if status.is_success() => found.push(
            "byte ranges are not served (Accept-Ranges), which installers and virtual media need".to_owned(),
        ),
        status => found.push(format!("the file can't be read, the server answers {status}")),
    }
}
