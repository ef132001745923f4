//! Rows of `backends`: on the asking thread where the database is a SQLite file, else by way of the pool.

use std::sync::LazyLock;

use rusqlite::types::ValueRef;
use rusqlite::{Error, Row};
use sea_orm::sea_query::SelectStatement;
use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, EntityTrait, Iterable, QuerySelect, QueryTrait, Select, Statement,
};
use storage_domain::{Backend, BackendId};

use super::list::TOTAL;
use super::{BackendPage, Store};
use crate::convert::{self, Columns, Read, Secrets, listed};
use crate::entity::{Column, Entity};
use crate::error::StoreError;

/// One row by its id, in SQLite's words: what is asked most is built once.
static ONE: LazyLock<String> = LazyLock::new(|| Entity::find_by_id("").build(DbBackend::Sqlite).sql);

/// A backend as JSON.
#[derive(Debug)]
pub struct Shown {
    /// The version of the backend.
    pub version: i64,
    /// What is shown of it.
    pub json: String,
}

/// Rows, and how many match in all, where the query asks for that.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) page: BackendPage,
    pub(super) total: Option<i64>,
}

impl Rows {
    fn push(&mut self, read: Read) {
        match read {
            Ok(backend) => self.page.backends.push(backend),
            Err(unreadable) => self.page.unreadable.push(unreadable),
        }
    }
}

impl Store {
    /// The row with this id.
    pub(super) async fn one(&self, id: BackendId, secrets: Secrets<'_>) -> Result<Option<Read>, DbErr> {
        let key = id.to_string();
        let mut found = None;
        if let Some(direct) = &self.direct
            && direct
                .reader
                .each(&ONE, &[key.as_str().into()], |row| {
                    found = Some(read(row, secrets));
                })
                .is_ok()
        {
            return Ok(found);
        }
        let query = Entity::find_by_id(key).into_query();
        let row = self.db.query_one(&query).await?;
        Ok(row.as_ref().map(|row| convert::read(row, secrets)))
    }

    /// Reads one backend as JSON.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] and [`StoreError::Unreadable`].
    pub async fn get_json(&self, id: BackendId) -> Result<Shown, StoreError> {
        static TEXT: LazyLock<String> = LazyLock::new(|| {
            let text = Entity::find_by_id("").select_only().column(Column::Listed);
            text.build(DbBackend::Sqlite).sql
        });
        let mut shown = None;
        if let Some(direct) = &self.direct {
            let take = |row: &Row<'_>| {
                let text = row.get_ref(0).ok().and_then(|text| text.as_str().ok());
                shown = text.and_then(shown_by);
            };
            // What fails here is reported by the read of the whole row.
            let _ = direct.reader.each(&TEXT, &[id.to_string().into()], take);
        }
        if let Some(shown) = shown {
            return Ok(shown);
        }
        let backend = self.get(id).await?;
        Ok(Shown {
            version: backend.version,
            json: json_of(&backend)?,
        })
    }

    /// The rows that a query of whole rows gives, without secrets, and the number in [`TOTAL`] where it asks for that.
    pub(super) async fn many(&self, query: &SelectStatement) -> Result<Rows, DbErr> {
        let mut rows = Rows::default();
        // It stands behind the entity's columns.
        let total = Column::iter().count();
        let take = |row: &Row<'_>| {
            rows.total = rows.total.or_else(|| row.get(total).ok());
            rows.push(read(row, Secrets::LeftOut));
        };
        if self.each_here(query, take) {
            return Ok(rows);
        }
        self.by_pool(query).await
    }

    /// Shows `take` each row that a query gives, on this thread; returns `false` if the pool has to be asked.
    fn each_here(&self, query: &SelectStatement, take: impl FnMut(&Row<'_>)) -> bool {
        let Some(direct) = &self.direct else { return false };
        let Statement { sql, values, .. } = DbBackend::Sqlite.build(query);
        let values = values.map(|v| v.0).unwrap_or_default();
        direct.reader.each(&sql, &values, take).is_ok()
    }

    /// Returns whether a query gives a row.
    pub(super) async fn any(
        &self,
        what: &'static str,
        query: Select<impl EntityTrait>,
    ) -> Result<bool, StoreError> {
        let query = query.limit(1).into_query();
        let mut found = false;
        if self.each_here(&query, |_| found = true) {
            return Ok(found);
        }
        Ok(self.run(what, self.db.query_one(&query)).await?.is_some())
    }

    async fn by_pool(&self, query: &SelectStatement) -> Result<Rows, DbErr> {
        let mut rows = Rows::default();
        for row in self.db.query_all(query).await? {
            rows.total = rows.total.or_else(|| row.try_get("", TOTAL).ok());
            rows.push(convert::read(&row, Secrets::LeftOut));
        }
        Ok(rows)
    }
}

/// Returns what the text of a row shows.
fn shown_by(text: &str) -> Option<Shown> {
    let (version, json) = listed::parse(text)?;
    Some(Shown {
        version: version.parse().ok()?,
        json: json.to_owned(),
    })
}

/// Renders a backend as lists and the read of one show it.
pub(super) fn json_of(backend: &Backend) -> Result<String, StoreError> {
    listed::json(backend).map_err(|error| StoreError::of("showing a backend", DbErr::Json(error.to_string())))
}

/// Reads a row whose columns stand as the entity has them.
fn read(row: &Row<'_>, secrets: Secrets<'_>) -> Read {
    match columns(row) {
        Ok(columns) => convert::check(&columns, secrets),
        Err(_) => Err(convert::of_another_type(
            value(row, Column::Id).ok().and_then(|id| id.as_str().ok()),
        )),
    }
}

fn columns<'a>(row: &'a Row<'_>) -> Result<Columns<'a>, Error> {
    let text = |column| Ok::<_, Error>(value(row, column)?.as_str()?);
    let number = |column| Ok::<_, Error>(value(row, column)?.as_i64()?);
    let count = |column| Ok::<_, Error>(value(row, column)?.as_i64_or_null()?);
    Ok(Columns {
        id: text(Column::Id)?,
        name: text(Column::Name)?,
        kind: text(Column::Kind)?,
        config: text(Column::Config)?,
        revision: number(Column::Revision)?,
        version: number(Column::Version)?,
        status: text(Column::Status)?,
        used_bytes: count(Column::UsedBytes)?,
        total_bytes: count(Column::TotalBytes)?,
        file_count: count(Column::FileCount)?,
        template_count: count(Column::TemplateCount)?,
        incomplete: value(row, Column::Incomplete)?.as_str_or_null()?,
        skipped: value(row, Column::Skipped)?.as_str_or_null()?,
        tested_at: count(Column::TestedAt)?,
        test_message: value(row, Column::TestMessage)?.as_str_or_null()?,
        test_finding: count(Column::TestFinding)?,
        created_at: number(Column::CreatedAt)?,
        updated_at: number(Column::UpdatedAt)?,
        boot_path: value(row, Column::BootPath)?.as_str_or_null()?,
    })
}

/// The value of a column, at the place that the entity's queries give it.
fn value<'a>(row: &'a Row<'_>, column: Column) -> Result<ValueRef<'a>, Error> {
    row.get_ref(column as usize)
}
