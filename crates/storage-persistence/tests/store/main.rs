//! The store on real databases: SQLite, and a PostgreSQL server that the tests start.
#![allow(clippy::unwrap_used, reason = "a test that fails here has failed")]

mod audit;
mod backends;
mod configs;
mod groups;
mod jobs;
mod listings;
mod lists;
mod migrations;
mod november;
mod outage;
mod races;
mod rotation;
mod secrets;
mod silent;
mod sqlite;
mod support;
mod tokens;
mod unreadable;
mod uploads;
