//! The bodies that change files.

use std::fmt::Write as _;

use serde_json::{Map, Value};
use storage_backends::Deletion;
use storage_domain::net::FetchUrl;
use storage_domain::{FileHash, FilePath, Job, Rule};

use super::members::Members;
use crate::error::ApiError;
use crate::service::{AppError, Move};

/// Paths that one request names at most.
pub(crate) const MAX_PATHS: usize = 1000;

/// What the creation of a folder says.
pub(crate) const FOLDER_CREATED: &str = "Folder created";

/// Reads which directory is made: `path`, or `name` in it.
pub(crate) fn folder(body: Map<String, Value>) -> Result<FilePath, ApiError> {
    let mut members = Members::new(body);
    let path = members.required("path");
    let name = members.optional::<Text>("name");
    let parent = path.unwrap_or_else(FilePath::root);
    let folder = match name {
        None => parent,
        Some(Text(name)) => parent.join(&name).unwrap_or_else(|rule| {
            members.refuse("name", &rule);
            parent
        }),
    };
    members.finish()?;
    Ok(folder)
}

/// Reads what is deleted, and how its job calls it.
pub(crate) fn deletion(
    body: Map<String, Value>,
    recursive_by_default: bool,
) -> Result<(Vec<FilePath>, Deletion, String), ApiError> {
    let mut members = Members::new(body);
    let paths: Vec<FilePath> = members.list("paths", MAX_PATHS);
    let is_recursive = members.flag("recursive").unwrap_or(recursive_by_default);
    members.finish()?;
    let deletion = if is_recursive {
        Deletion::Recursive
    } else {
        Deletion::Single
    };
    let subject = subject(paths.iter(), "");
    Ok((paths, deletion, subject))
}

/// Reads what is moved where, and how its job calls it: one path to another, or several into a directory.
pub(crate) fn movement(body: Map<String, Value>) -> Result<(Move, String), ApiError> {
    let is_list = body.contains_key("source_paths");
    let mut members = Members::new(body);
    let destination: Option<FilePath> = members.required("destination_path");
    let destination = destination.unwrap_or_else(FilePath::root);
    let what = if is_list {
        let sources: Vec<FilePath> = members.list("source_paths", MAX_PATHS);
        let mut paths = Vec::with_capacity(sources.len());
        for (at, source) in sources.into_iter().enumerate() {
            match destination.join(source.name()) {
                Ok(target) => paths.push((source, target)),
                // It has no name to have there.
                Err(_) if source.is_root() => paths.push((source, destination.clone())),
                Err(rule) => members.refuse_item("source_paths", at, &rule),
            }
        }
        Move {
            directory: destination,
            paths,
        }
    } else {
        let source = members.required("source_path");
        Move {
            directory: destination.parent().unwrap_or_else(FilePath::root),
            paths: source
                .into_iter()
                .map(|from| (from, destination.clone()))
                .collect(),
        }
    };
    members.finish()?;
    let target = match &what.paths[..] {
        [(_, to)] if !is_list => to,
        _ => &what.directory,
    };
    let subject = subject(what.paths.iter().map(|(from, _)| from), &format!(" to {target}"));
    Ok((what, subject))
}

/// Reads what is fetched to where, by which hash, and how its job calls it.
pub(crate) fn fetch(
    body: Map<String, Value>,
) -> Result<(FetchUrl, FilePath, Option<FileHash>, String), ApiError> {
    const HALF: usize = Job::MAX_SUBJECT_BYTES / 2 - "… to …".len();
    let mut members = Members::new(body);
    let url: Option<FetchUrl> = members.required("url");
    let path: Option<FilePath> = members.required("path");
    let expected = members.optional("sha256");
    members.finish()?;
    // Without them there is a problem.
    let (Some(url), Some(path)) = (url, path) else {
        return Err(AppError::Task("the body").into());
    };
    let (from, to) = (url.to_string(), path.to_string());
    let subject = format!("{} to {}", cut(&from, HALF), cut(&to, HALF));
    Ok((url, path, expected, subject))
}

/// Reads which file is meant, and how its job calls it.
pub(crate) fn one_file(body: Map<String, Value>) -> Result<(FilePath, String), ApiError> {
    let mut members = Members::new(body);
    let path = members.required("path");
    members.finish()?;
    let path = path.unwrap_or_else(FilePath::root);
    let subject = subject(std::iter::once(&path), "");
    Ok((path, subject))
}

/// Names paths in at most [`Job::MAX_SUBJECT_BYTES`].
fn subject<'a>(paths: impl ExactSizeIterator<Item = &'a FilePath>, end: &str) -> String {
    const HALF: usize = Job::MAX_SUBJECT_BYTES / 2 - "… and 1000 more".len();
    let (mut subject, mut left) = (String::new(), paths.len());
    for path in paths {
        if !subject.is_empty() && subject.len() + path.as_str().len() > HALF {
            break;
        }
        let comma = if subject.is_empty() { "" } else { ", " };
        let _ = write!(subject, "{comma}{}", cut(path.as_str(), HALF));
        left -= 1;
    }
    if left > 0 {
        let _ = write!(subject, " and {left} more");
    }
    subject + &cut(end, HALF)
}

fn cut(text: &str, max: usize) -> String {
    match text.get(..text.floor_char_boundary(max)) {
        Some(part) if part.len() < text.len() => format!("{part}…"),
        _ => text.to_owned(),
    }
}

/// Any text.
struct Text(String);

impl std::str::FromStr for Text {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_bounded() {
        let short: Vec<FilePath> = ["/a", "/b"].map(|path| path.parse().unwrap()).to_vec();
        assert_eq!(subject(short.iter(), " to /c"), "/a, /b to /c");
        let long: FilePath = format!("/{}", "ü".repeat(2000)).parse().unwrap();
        let many = vec![long.clone(); MAX_PATHS];
        let bounded = subject(many.iter(), &format!(" to {long}"));
        assert!(bounded.len() <= Job::MAX_SUBJECT_BYTES, "{}", bounded.len());
        assert!(bounded.contains("ü… and 999 more to /ü"), "{bounded}");
    }
}
