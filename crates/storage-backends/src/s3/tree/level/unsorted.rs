//! A level of too many keys to be sorted.

use std::collections::BTreeMap;

use super::listed::Listed;
use super::lowest::Files;
use super::{Budget, Level};
use crate::error::Error;
use crate::files::{FileKind, FilePage, Position};
use crate::s3::encoding;

impl Level<'_> {
    /// Lists the level in the order of its keys. A position is a key too, with private characters for bytes that are not
    /// UTF-8: that of a directory ends in a slash. A page may have few entries, or none, where many keys have no place.
    pub(super) async fn unsorted(&self, after: Option<&str>, limit: usize) -> Result<FilePage, Error> {
        let mut cursor = self.cursor(after);
        let mut page = FilePage {
            entries: Vec::new(),
            next: None,
            sorted: false,
            skipped: 0,
        };
        let (mut budget, mut last, mut files) = (Budget::new(), None, Files::default());
        let behind = after.map(encoding::bytes);
        let is_new = |key: &[u8]| behind.as_ref().is_none_or(|behind| key > &**behind);
        loop {
            let walked = self.walk(&mut cursor).await?;
            let keyed = walked
                .listed
                .into_iter()
                .map(|listed| (encoding::bytes(&listed.key()).into_owned(), listed));
            let mut listed: BTreeMap<_, _> = keyed.filter(|(key, _)| is_new(key)).collect();
            while let Some((_, listed)) = listed.pop_first() {
                files.note(&listed);
                if files.hide(&listed) || self.is_behind_its_file(&listed, after).await? {
                    continue;
                }
                let key = listed.key();
                let Some(entry) = listed.entry else {
                    page.skipped += 1;
                    continue;
                };
                if page.entries.len() == limit {
                    page.next = last;
                    return Ok(page);
                }
                last = Some(Position::Unsorted(key));
                page.entries.push(entry);
            }
            if !walked.has_more {
                return Ok(page);
            }
            files.pass(walked.last.as_deref());
            if !budget.spend() {
                let reached = walked.last.filter(|key| is_new(&encoding::bytes(key)));
                page.next = reached.map(Position::Unsorted);
                if page.next.is_some() {
                    return Ok(page);
                }
            }
        }
    }

    /// Returns whether an entry is a directory whose file may have come on an earlier page, and did.
    async fn is_behind_its_file(&self, listed: &Listed, after: Option<&str>) -> Result<bool, Error> {
        let may_be =
            listed.kind == FileKind::Directory && after.is_some_and(|key| key.starts_with(&listed.name));
        Ok(may_be
            && self
                .tree
                .is_object(&format!("{}{}", self.own, listed.name))
                .await?)
    }
}
