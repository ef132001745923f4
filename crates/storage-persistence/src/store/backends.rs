//! One backend: create, get, update, record, delete.

mod statements;

use sea_orm::sea_query::Query;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use storage_domain::access::AuditRecord;
use storage_domain::{
    Backend, BackendConfig, BackendId, BackendName, BackendStatus, FilePath, Revision, Stats,
};

use self::statements::{insert, update};
use super::secrets::Held;
use super::write::{Write, Written};
use super::{Measurement, NewBackend, Store};
use crate::convert::{self, Read, Secrets};
use crate::entity::{Column, Entity};
use crate::error::StoreError;
use crate::keys::KeyError;

/// How often [`Store::record`] starts over because something else changed the row in between.
const MAX_ATTEMPTS: u32 = 16;
const READING: &str = "reading a backend";

impl Store {
    /// Creates a backend; answers after the commit. The record, where there is one, is completed with what is created,
    /// and is part of the same transaction.
    ///
    /// # Errors
    /// [`StoreError::NameTaken`].
    pub async fn create(
        &self,
        new: NewBackend,
        mut record: Option<&mut AuditRecord>,
    ) -> Result<Backend, StoreError> {
        let now = convert::now();
        let backend = Backend {
            id: BackendId::generate(),
            name: new.name,
            config: new.config,
            boot_path: new.boot_path,
            revision: Revision::FIRST,
            version: 1,
            status: BackendStatus::Offline,
            stats: Stats::default(),
            last_test: None,
            created_at: now,
            updated_at: now,
        };
        if let Some(record) = &mut record {
            record.tell_backend(&backend);
        }
        let record = record.as_deref();
        let insert = |keys: Option<&Held>| {
            let (insert, key) = insert(&backend, keys)?;
            Ok(Write {
                key,
                record: record.cloned(),
                ..self.statement(&insert)
            })
        };
        self.write_encrypted("creating a backend", insert).await?;
        Ok(backend)
    }

    /// Reads one backend, without its secrets.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] and [`StoreError::Unreadable`].
    pub async fn get(&self, id: BackendId) -> Result<Backend, StoreError> {
        let read = self.run(READING, self.one(id, Secrets::LeftOut)).await?;
        readable(id, read)
    }

    /// Reads one backend with its secrets, to use or to change it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Unreadable`] and [`StoreError::Keys`].
    pub async fn open(&self, id: BackendId) -> Result<Backend, StoreError> {
        let mut held = self.keyring.held();
        loop {
            let secrets = Secrets::Opened(held.as_deref().map(|held| &held.ring));
            let read = self.run(READING, self.one(id, secrets)).await?;
            let lacks_key = matches!(&read, Some(Err(unreadable)) if unreadable.lacks_key);
            // Each of several rotations may be the one that the row was written by.
            match self.newer_keys(held.as_ref().filter(|_| lacks_key)).await? {
                Some(newer) => held = Some(newer),
                None => return readable(id, read),
            }
        }
    }

    /// Returns whether a backend other than `id` has this name.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Database`].
    pub async fn is_name_taken(&self, name: &BackendName, id: BackendId) -> Result<bool, StoreError> {
        let others = Entity::find()
            .filter(Column::Name.eq(name.as_str()))
            .filter(Column::Id.ne(id.to_string()));
        self.any("looking for a name", others).await
    }

    /// Changes name, config and `boot_path` of a backend that is still as [`Store::open`] read it (`read.version`). A change of the config
    /// makes a new revision, puts the status to offline, and forgets stats and the last test. Moves `updated_at`,
    /// unless nothing changes.
    ///
    /// The record, where there is one, is completed with what was changed, and is part of the same transaction. It is
    /// not written where nothing changes.
    ///
    /// # Errors
    /// [`StoreError::Changed`], also if the config of what [`Store::get`] read is changed and the row has secrets;
    /// [`StoreError::NotFound`] and [`StoreError::NameTaken`].
    pub async fn update(
        &self,
        read: &Backend,
        name: &BackendName,
        config: &BackendConfig,
        boot_path: Option<&FilePath>,
        mut record: Option<&mut AuditRecord>,
    ) -> Result<Backend, StoreError> {
        // As it is stored: two spellings of a host are equal, yet what was typed last is what is shown.
        let new_config = read.config.stored() != config.stored();
        if !new_config && read.name == *name && read.boot_path.as_ref() == boot_path {
            return self.still(read).await;
        }
        let mut changed = Backend {
            name: name.clone(),
            boot_path: boot_path.cloned(),
            version: read.version.saturating_add(1),
            updated_at: convert::now().max(read.updated_at),
            ..read.clone()
        };
        if new_config {
            changed.config = config.clone();
            changed.revision = read.revision.next();
            changed.status = BackendStatus::Offline;
            changed.stats = Stats::default();
            changed.last_test = None;
        }
        if let Some(record) = &mut record {
            record.tell_change(read, &changed);
        }
        if self.replace(read, &changed, record.as_deref()).await? {
            return Ok(changed);
        }
        // Either it is gone, or it changed.
        self.get(read.id).await?;
        Err(StoreError::Changed)
    }

    /// Stores what a test or a scan of this revision found; `None` where the revision is no longer the present one
    /// (nothing is stored then). Does not move `updated_at`.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`], and [`StoreError::Changed`] where others never cease to change the backend.
    pub async fn record(
        &self,
        id: BackendId,
        revision: Revision,
        found: &Measurement,
    ) -> Result<Option<Backend>, StoreError> {
        for _ in 0..MAX_ATTEMPTS {
            let read = match self.get(id).await {
                Ok(read) if read.revision == revision => read,
                Ok(_) | Err(StoreError::NotFound) => return Ok(None),
                Err(error) => return Err(error),
            };
            let mut changed = found.applied_to(&read);
            if changed == read {
                return Ok(Some(read));
            }
            changed.version = changed.version.saturating_add(1);
            if self.replace(&read, &changed, None).await? {
                return Ok(Some(changed));
            }
        }
        Err(StoreError::Changed)
    }

    /// Deletes a backend, readable or not; where a version is named, only that one. The record, where there is one, is
    /// completed with its name, and is part of the same transaction.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], and [`StoreError::Changed`] where another version is there.
    pub async fn delete(
        &self,
        id: BackendId,
        version: Option<i64>,
        record: Option<&mut AuditRecord>,
    ) -> Result<(), StoreError> {
        let delete = Query::delete()
            .from_table(Entity)
            .and_where(Column::Id.eq(id.to_string()))
            .and_where_option(version.map(|version| Column::Version.eq(version)))
            .returning_col(Column::Name)
            .to_owned();
        let backend_id = Some(id.to_string());
        let write = Write {
            record: record.as_deref().map(|record| AuditRecord {
                backend_id: backend_id.clone(),
                ..record.clone()
            }),
            returns_name: true,
            ..self.statement(&delete)
        };
        let written = self.write("deleting a backend", write).await?;
        if written.rows > 0 {
            if let Some(record) = record {
                (record.backend_id, record.backend_name) = (backend_id, written.name);
            }
            return Ok(());
        }
        match version {
            Some(_) => self.get(id).await.and(Err(StoreError::Changed)),
            None => Err(StoreError::NotFound),
        }
    }

    /// The backend, where it is still as it was read.
    async fn still(&self, read: &Backend) -> Result<Backend, StoreError> {
        let present = self.get(read.id).await?;
        if present.version == read.version {
            Ok(read.clone())
        } else {
            Err(StoreError::Changed)
        }
    }

    /// Replaces the row in one statement, if it is still as it was read; returns whether it was.
    async fn replace(
        &self,
        read: &Backend,
        changed: &Backend,
        record: Option<&AuditRecord>,
    ) -> Result<bool, StoreError> {
        let update = |keys: Option<&Held>| {
            let (update, key) = update(read, changed, keys)?;
            Ok(Write {
                key,
                record: record.cloned(),
                ..self.statement(&update)
            })
        };
        Ok(self.write_encrypted("changing a backend", update).await?.rows > 0)
    }

    /// Writes with the present key, and once more with each that replaces it meanwhile.
    async fn write_encrypted(
        &self,
        what: &'static str,
        write: impl Fn(Option<&Held>) -> Result<Write, KeyError>,
    ) -> Result<Written, StoreError> {
        let mut keys = self.keyring.held();
        loop {
            let attempt = write(keys.as_deref())?;
            match self.write(what, attempt).await {
                Err(error) => keys = Some(self.keys_after(keys, error).await?),
                written => return written,
            }
        }
    }
}

fn readable(id: BackendId, read: Option<Read>) -> Result<Backend, StoreError> {
    read.ok_or(StoreError::NotFound)?
        .map_err(|unreadable| StoreError::Unreadable {
            id,
            reason: unreadable.reason,
        })
}

impl Measurement {
    /// The backend with what was found; what was not measured stays as it is.
    fn applied_to(&self, read: &Backend) -> Backend {
        let mut changed = read.clone();
        changed.status = self.status.unwrap_or(read.status);
        if let Some(test) = &self.last_test {
            let mut test = test.clone();
            test.at = convert::to_stored_precision(test.at);
            test.message = convert::to_stored_text(&test.message);
            changed.last_test = Some(test);
        }
        let is_count = self.stats.file_count.is_some();
        let gaps = if is_count { &self.stats } else { &read.stats };
        changed.stats = Stats {
            used: self.stats.used.or(read.stats.used),
            total: self.stats.total.or(read.stats.total),
            file_count: self.stats.file_count.or(read.stats.file_count),
            template_count: self.stats.template_count.or(read.stats.template_count),
            incomplete: gaps.incomplete.clone(),
            skipped: gaps.skipped.clone(),
        };
        changed
    }
}
