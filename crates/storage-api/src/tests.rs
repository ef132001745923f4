//! The API in process, over a real store, with backends that have knobs.

mod access;
mod audit;
mod boot;
mod boot_path;
mod concurrency;
mod conditions;
mod contract;
mod discovery;
mod document;
mod events;
mod fetches;
mod file_changes;
mod files;
mod harness;
mod hashes;
mod jobs;
mod limits;
mod links;
mod luns;
mod mounts;
mod refusals;
mod service;
mod stuck;
mod trial;
mod uploads;
mod watching;
