//! The database's schema, as ordered migrations: one change a file, up and down.
//!
//! A migration that was released never changes; a new one follows it. Whoever runs them takes a lock first (the
//! migrator itself has none), and runs all of them in one transaction, which both databases support for DDL.

mod m0001_create_backends;
mod m0002_create_access_tokens;
mod m0003_create_audit_records;
mod m0004_seal_secrets;
mod m0005_identify_findings;
mod m0006_mark_partial_counts;
mod m0007_store_listings;
mod m0008_create_storage_jobs;
mod m0009_keep_uploads;
mod m0010_add_boot_path;

use sea_orm_migration::prelude::*;

/// Brings a database's schema up to date.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_create_backends::Migration),
            Box::new(m0002_create_access_tokens::Migration),
            Box::new(m0003_create_audit_records::Migration),
            Box::new(m0004_seal_secrets::Migration),
            Box::new(m0005_identify_findings::Migration),
            Box::new(m0006_mark_partial_counts::Migration),
            Box::new(m0007_store_listings::Migration),
            Box::new(m0008_create_storage_jobs::Migration),
            Box::new(m0009_keep_uploads::Migration),
            Box::new(m0010_add_boot_path::Migration),
        ]
    }
}
