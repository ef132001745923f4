//! Lists as JSON, copied from the rows.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use rusqlite::Row;
use sea_orm::sea_query::{Expr, ExprTrait, SelectStatement};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select, Statement,
};

use super::list::{TOTAL, page_of};
use super::secrets::table;
use super::{BackendFilter, Store, UnreadableBackend, WHOLE_DEADLINE, within};
use crate::convert::{self, Secrets, listed};
use crate::entity::{Column, Entity};
use crate::error::StoreError;

/// How many rows are rendered in one go.
const BATCH: usize = 256;
const LISTING: &str = "listing backends";
/// By how much the buffer of a list grows: twice the bytes of a long one, several times, are megabytes.
const STEP: usize = 64 * 1024;

/// A list as JSON.
#[derive(Debug, Default)]
pub struct Listing {
    /// The backends as the members of an array, without its brackets.
    pub members: Bytes,
    /// The rows of this page that can't be read.
    pub unreadable: Vec<UnreadableBackend>,
    /// How many backends match in all, unreadable ones included.
    pub total: u64,
}

/// The texts of rows, with a comma behind each.
#[derive(Debug, Default)]
pub(super) struct Texts {
    pub(super) bytes: Vec<u8>,
    rows: u64,
    /// The number in [`TOTAL`], if the query asks for it.
    total: Option<i64>,
    missing: Vec<Missing>,
}

/// A row that has to be rendered, or can't be read.
#[derive(Debug)]
struct Missing {
    /// Its place in the texts.
    at: usize,
    /// `None` if it is not a text.
    id: Option<String>,
}

/// What was rendered of rows that have no text.
#[derive(Default)]
struct Rendered {
    /// As JSON, by id.
    json: HashMap<String, Vec<u8>>,
    unreadable: Vec<UnreadableBackend>,
}

impl Texts {
    /// Makes an empty one that has room for as much as another one, in its buffer if nobody else needs it.
    ///
    /// A buffer that grows again after each commit leaves holes in the heap, which add up to megabytes.
    pub(super) fn in_place_of(other: Arc<Self>) -> Self {
        let bytes = match Arc::try_unwrap(other) {
            Ok(mut own) => {
                own.bytes.clear();
                own.bytes
            }
            Err(shared) => Vec::with_capacity(shared.bytes.len() + STEP),
        };
        Self {
            bytes,
            ..Self::default()
        }
    }

    /// Adds a row of SQLite's: id, text, and [`TOTAL`] if the query asks for it.
    pub(super) fn add(&mut self, row: &Row<'_>) {
        self.total = self.total.or_else(|| row.get(2).ok());
        let text = row.get_ref(1).ok().and_then(|text| text.as_str().ok());
        self.push(text, || row.get(0).ok());
    }

    fn push(&mut self, text: Option<&str>, id: impl FnOnce() -> Option<String>) {
        self.rows += 1;
        match text.and_then(listed::json) {
            Some(json) => {
                if self.bytes.capacity() - self.bytes.len() <= json.len() {
                    self.bytes.reserve_exact(json.len() + STEP);
                }
                self.bytes.extend_from_slice(json.as_bytes());
                self.bytes.push(b',');
            }
            None => self.missing.push(Missing {
                at: self.bytes.len(),
                id: id(),
            }),
        }
    }

    /// Returns whether no row lacked its text.
    pub(super) fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }

    /// Returns the members of a JSON array; those that were missing are among `json`, or gone.
    fn members(self: &Arc<Self>, json: &HashMap<String, Vec<u8>>) -> Bytes {
        let mut all = if json.is_empty() {
            Bytes::from_owner(Shared(Arc::clone(self)))
        } else {
            self.with(json).into()
        };
        all.truncate(all.len().saturating_sub(1));
        all
    }

    fn with(&self, json: &HashMap<String, Vec<u8>>) -> Vec<u8> {
        let mut all = Vec::with_capacity(self.bytes.len());
        let mut from = 0;
        for Missing { at, id } in &self.missing {
            all.extend_from_slice(&self.bytes[from..*at]);
            from = *at;
            if let Some(json) = id.as_ref().and_then(|id| json.get(id)) {
                all.extend_from_slice(json);
                all.push(b',');
            }
        }
        all.extend_from_slice(&self.bytes[from..]);
        all
    }
}

/// Texts that an answer sends without a copy: to copy half a megabyte costs more than to send it.
struct Shared(Arc<Texts>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0.bytes
    }
}

impl Store {
    /// Lists the backends that match, the oldest first, as the members of a JSON array.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Database`]; never for a row that can't be read.
    pub async fn list_json(&self, filter: &BackendFilter) -> Result<Listing, StoreError> {
        let Some(matching) = filter.matching() else {
            return Ok(Listing::default());
        };
        let query = page_of(&matching, filter, |rows| {
            rows.select_only().column(Column::Id).column(Column::Listed)
        });
        let texts = self.run(LISTING, self.texts(&query)).await?;
        let Rendered { json, unreadable } = self.render(&texts.missing).await?;
        let total = match texts.total {
            Some(total) => total.unsigned_abs(),
            None if filter.is_page() => self.run(LISTING, matching.count(&self.db)).await?,
            None => texts.rows - (texts.missing.len() - json.len() - unreadable.len()) as u64,
        };
        Ok(Listing {
            members: texts.members(&json),
            unreadable,
            total,
        })
    }

    async fn texts(&self, query: &SelectStatement) -> Result<Arc<Texts>, DbErr> {
        if let Some(direct) = &self.direct {
            let Statement { sql, values, .. } = DbBackend::Sqlite.build(query);
            let values = values.map(|v| v.0).unwrap_or_default();
            if let Ok(texts) = direct.reader.texts(sql, values) {
                return Ok(texts);
            }
        }
        let mut texts = Texts::default();
        for row in self.db.query_all(query).await? {
            texts.total = texts.total.or_else(|| row.try_get("", TOTAL).ok());
            let text: Option<String> = row.try_get_by_index(1).ok().flatten();
            texts.push(text.as_deref(), || row.try_get_by_index(0).ok());
        }
        Ok(Arc::new(texts))
    }

    async fn render(&self, missing: &[Missing]) -> Result<Rendered, StoreError> {
        let mut rendered = Rendered::default();
        for batch in missing.chunks(BATCH) {
            let ids = batch.iter().filter_map(|row| row.id.as_deref());
            let rows = Entity::find().filter(Column::Id.is_in(ids));
            let ordered = rows
                .order_by_asc(Column::CreatedAt)
                .order_by_asc(Column::Id)
                .into_query();
            let page = self.run(LISTING, self.many(&ordered)).await?.page;
            for backend in page.backends {
                let json = serde_json::to_vec(&backend.as_shown());
                let json = json.map_err(|error| StoreError::of(LISTING, DbErr::Json(error.to_string())))?;
                rendered.json.insert(backend.id.to_string(), json);
            }
            rendered.unreadable.extend(page.unreadable);
            let without_id = batch.iter().filter(|row| row.id.is_none());
            let without_id = without_id.map(|_| convert::of_another_type(None));
            rendered.unreadable.extend(without_id);
        }
        Ok(rendered)
    }

    /// Renders the rows that have no text for lists, or one of another form: those of an earlier release, and those that were
    /// changed with the database's own tools. Nothing needs them: what fails is logged.
    pub async fn render_missing(&self) {
        if let Err(error) = self.try_render_missing().await {
            tracing::warn!(%error, "lists take longer: rows that have no text for lists could not be rendered");
        }
    }

    async fn try_render_missing(&self) -> Result<(), StoreError> {
        const WHAT: &str = "rendering rows for lists";
        let first = missing().limit(1).count(&self.db);
        if self.run(WHAT, first).await? == 0 {
            return Ok(());
        }
        let render = async {
            let transaction = self.begin_patient().await?;
            table::keep_writers_away(&transaction).await?;
            let mut after = Some(String::new());
            while let Some(id) = after {
                after = render_batch(&transaction, &id).await?;
            }
            transaction.commit().await
        };
        within(WHOLE_DEADLINE, WHAT, render).await
    }
}

fn missing() -> Select<Entity> {
    let other_form = Expr::col(Column::Listed).not_like(format!("{}%", listed::FORM));
    Entity::find().filter(Column::Listed.is_null().or(other_form))
}

/// Renders a batch of rows behind the id `after`; returns the last id, if there may be more.
async fn render_batch(transaction: &DatabaseTransaction, after: &str) -> Result<Option<String>, DbErr> {
    let batch = missing()
        .filter(Column::Id.gt(after))
        .order_by_asc(Column::Id)
        .limit(BATCH as u64)
        .into_query();
    let mut last = None;
    for row in transaction.query_all(&batch).await? {
        last = row.try_get::<String>("", "id").ok();
        // One that can't be read stays as it is: each list reports it.
        let Ok(backend) = convert::read(&row, Secrets::LeftOut) else {
            continue;
        };
        let update = Entity::update_many()
            .col_expr(Column::Listed, Expr::value(listed::render(&backend)))
            .filter(Column::Id.eq(backend.id.to_string()));
        update.exec(transaction).await?;
    }
    Ok(last)
}
