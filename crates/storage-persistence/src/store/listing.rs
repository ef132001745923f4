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
use super::reads::json_of;
use super::secrets::table;
use super::{BackendFilter, Store, UnreadableBackend, WHOLE_DEADLINE, within};
use crate::convert::{self, Secrets, listed};
use crate::entity::{Column, Entity};
use crate::error::StoreError;

/// How many rows are rendered in one go.
const BATCH: usize = 256;
const LISTING: &str = "listing backends";
/// The bytes of a list in one buffer. A long list in a single one takes half a megabyte in a row, and leaves holes in the heap that add
/// up to megabytes.
const PIECE: usize = 32 * 1024;

/// A list as JSON.
#[derive(Debug, Default)]
pub struct Listing {
    /// The backends as the members of an array, without its brackets: pieces of one text.
    pub members: Vec<Bytes>,
    /// The rows of this page that can't be read.
    pub unreadable: Vec<UnreadableBackend>,
    /// How many backends match in all, unreadable ones included.
    pub total: u64,
}

/// The texts of rows, with a comma behind each.
#[derive(Debug, Default)]
pub(super) struct Texts {
    parts: Vec<Part>,
    /// The end of the texts, which is no part yet.
    last: Vec<u8>,
    rows: u64,
    /// The number in [`TOTAL`], if the query asks for it.
    total: Option<i64>,
}

/// A part of a list.
#[derive(Debug)]
enum Part {
    Texts(Bytes),
    /// The id of a row that has to be rendered, or can't be read; `None` if it is not a text.
    Missing(Option<String>),
}

/// What was rendered of rows that have no text.
#[derive(Default)]
struct Rendered {
    /// As JSON, by id.
    json: HashMap<String, String>,
    unreadable: Vec<UnreadableBackend>,
}

impl Texts {
    /// Adds a row of SQLite's: id, text, and [`TOTAL`] if the query asks for it.
    pub(super) fn add(&mut self, row: &Row<'_>) {
        self.total = self.total.or_else(|| row.get(2).ok());
        let text = row.get_ref(1).ok().and_then(|text| text.as_str().ok());
        self.push(text, || row.get(0).ok());
    }

    fn push(&mut self, text: Option<&str>, id: impl FnOnce() -> Option<String>) {
        self.rows += 1;
        let Some((_, json)) = text.and_then(listed::parse) else {
            // Many short runs between such rows would take a whole piece each.
            self.last.shrink_to_fit();
            self.end_piece();
            self.parts.push(Part::Missing(id()));
            return;
        };
        if self.last.capacity() - self.last.len() <= json.len() {
            self.end_piece();
            self.last = Vec::with_capacity(PIECE.max(json.len() + 1));
        }
        self.last.extend_from_slice(json.as_bytes());
        self.last.push(b',');
    }

    /// Makes a part of the texts that are none yet.
    fn end_piece(&mut self) {
        if !self.last.is_empty() {
            let texts = std::mem::take(&mut self.last);
            self.parts.push(Part::Texts(texts.into()));
        }
    }

    /// Ends a list, to be read by many.
    pub(super) fn shared(mut self) -> Arc<Self> {
        self.end_piece();
        Arc::new(self)
    }

    /// Returns how many bytes the texts have; `None` if a row lacks its own.
    pub(super) fn complete_len(&self) -> Option<usize> {
        let len = |part: &Part| match part {
            Part::Texts(texts) => Some(texts.len()),
            Part::Missing(_) => None,
        };
        self.parts.iter().map(len).sum()
    }

    /// Returns the ids of the rows that lack their texts.
    fn missing(&self) -> Vec<Option<&str>> {
        let parts = self.parts.iter();
        let missing = parts.filter_map(|part| match part {
            Part::Texts(_) => None,
            Part::Missing(id) => Some(id.as_deref()),
        });
        missing.collect()
    }

    /// Returns the members of a JSON array; those that were missing are among `json`, or gone.
    pub(super) fn members(&self, mut json: HashMap<String, String>) -> Vec<Bytes> {
        let piece = |part: &Part| match part {
            Part::Texts(texts) => Some(texts.clone()),
            Part::Missing(id) => {
                let mut json = json.remove(id.as_ref()?)?;
                json.push(',');
                Some(json.into())
            }
        };
        let mut pieces: Vec<Bytes> = self.parts.iter().filter_map(piece).collect();
        if let Some(last) = pieces.last_mut() {
            last.truncate(last.len() - 1);
        }
        pieces
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
        let missing = texts.missing();
        let Rendered { json, unreadable } = self.render(&missing).await?;
        let total = match texts.total {
            Some(total) => total.unsigned_abs(),
            None if filter.is_page() => self.run(LISTING, matching.count(&self.db)).await?,
            None => texts.rows - (missing.len() - json.len() - unreadable.len()) as u64,
        };
        Ok(Listing {
            members: texts.members(json),
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
        Ok(texts.shared())
    }

    async fn render(&self, missing: &[Option<&str>]) -> Result<Rendered, StoreError> {
        let mut rendered = Rendered::default();
        for batch in missing.chunks(BATCH) {
            let ids = batch.iter().filter_map(|id| *id);
            let rows = Entity::find().filter(Column::Id.is_in(ids));
            let ordered = rows
                .order_by_asc(Column::CreatedAt)
                .order_by_asc(Column::Id)
                .into_query();
            let page = self.run(LISTING, self.many(&ordered)).await?.page;
            for backend in page.backends {
                rendered.json.insert(backend.id.to_string(), json_of(&backend)?);
            }
            rendered.unreadable.extend(page.unreadable);
            let without_id = batch.iter().filter(|id| id.is_none());
            let without_id = without_id.map(|_| convert::of_another_type(None));
            rendered.unreadable.extend(without_id);
        }
        Ok(rendered)
    }

    /// Renders the rows that have no text, or one of another form: those of an earlier release, and those that were
    /// changed with the database's own tools. Nothing needs them: what fails is logged.
    pub async fn render_missing(&self) {
        if let Err(error) = self.try_render_missing().await {
            tracing::warn!(%error, "reads take longer: rows that have no text could not be rendered");
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
    let other_form = Expr::col(Column::Listed).not_like(format!("{} %", listed::FORM));
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
