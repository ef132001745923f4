//! The audit trail against what the writers know: a change that is there has one record, and a record has its change.

use std::collections::BTreeMap;

use crate::service::Service;

const AUDIT: &str = "/api/v1/storage/audit";
/// How many records one request asks for.
const PAGE: usize = 500;

/// How often something was done to a backend, by its id.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Done(BTreeMap<(String, &'static str), u32>);

impl Done {
    pub(super) fn add(&mut self, id: &str, action: &'static str) {
        *self.0.entry((id.to_owned(), action)).or_default() += 1;
    }

    fn take(&mut self, other: &mut Self) {
        for (what, times) in std::mem::take(&mut other.0) {
            *self.0.entry(what).or_default() += times;
        }
    }
}

/// What was done so far, and what the trail tells of it.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    done: Done,
    told: Done,
    /// The newest record that was read.
    last: String,
}

impl Ledger {
    /// Compares, once nobody writes any more; `done` is what was done since the last time.
    pub(super) fn check<'a>(
        &mut self,
        service: &Service,
        done: impl Iterator<Item = &'a mut Done>,
        round: u32,
    ) {
        done.for_each(|done| self.done.take(done));
        self.read(service, round);
        let differ: Vec<_> = (self.done.0.keys().chain(self.told.0.keys()))
            .filter(|what| self.done.0.get(*what) != self.told.0.get(*what))
            .map(|what| (what, self.done.0.get(what), self.told.0.get(what)))
            .collect();
        assert!(
            differ.is_empty(),
            "round {round}: what was done how often, and how often it is told: {differ:?}"
        );
    }

    /// Reads what is new, the newest first.
    fn read(&mut self, service: &Service, round: u32) {
        let (mut before, mut newest) = (String::new(), None);
        loop {
            let page = service
                .ask("GET", &format!("{AUDIT}?limit={PAGE}{before}"), "")
                .json();
            let records = page["data"].as_array().expect("records");
            for record in records {
                let id = record["id"].as_str().expect("an id");
                newest.get_or_insert_with(|| id.to_owned());
                before = format!("&before={id}");
                if *id <= *self.last {
                    break;
                }
                let known = ["backend.create", "backend.update", "backend.delete"];
                if let Some(action) = known.into_iter().find(|known| record["action"] == *known) {
                    assert_eq!(record["outcome"], "done", "round {round}: {record}");
                    let backend = record["backend"]["id"].as_str().expect("a backend");
                    self.told.add(backend, action);
                }
            }
            let is_read = records
                .last()
                .is_none_or(|r| r["id"].as_str() <= Some(&*self.last));
            if records.len() < PAGE || is_read {
                break;
            }
        }
        self.last = newest.unwrap_or_default();
    }
}
