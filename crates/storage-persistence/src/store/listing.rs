//! Lists as JSON, copied from the rows.

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
const BATCH: u64 = 256;

/// What a list has beside its backends.
#[derive(Debug, Default)]
pub struct Listing {
    /// The rows of this page that can't be read.
    pub unreadable: Vec<UnreadableBackend>,
    /// How many backends match in all, unreadable ones included.
    pub total: u64,
}

/// The texts of rows, as members of a JSON array.
struct Members<'a> {
    body: &'a mut Vec<u8>,
    rows: u64,
    /// The number in [`TOTAL`], if the query asks for it.
    total: Option<i64>,
    /// Whether every row had a text.
    is_complete: bool,
}

impl Members<'_> {
    fn push(&mut self, text: Option<&str>) {
        match text.and_then(listed::json) {
            Some(json) => self.push_json(json.as_bytes()),
            None => self.is_complete = false,
        }
    }

    fn push_json(&mut self, json: &[u8]) {
        if self.rows > 0 {
            self.body.push(b',');
        }
        self.body.extend_from_slice(json);
        self.rows += 1;
    }
}

impl Store {
    /// Appends the backends that match, the oldest first, as the members of a JSON array.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Database`]; never for a row that can't be read.
    pub async fn list_into(&self, filter: &BackendFilter, body: &mut Vec<u8>) -> Result<Listing, StoreError> {
        const WHAT: &str = "listing backends";
        let Some(matching) = filter.matching() else {
            return Ok(Listing::default());
        };
        let start = body.len();
        let query = page_of(&matching, filter, |rows| {
            rows.select_only().column(Column::Listed)
        });
        let members = self.run(WHAT, self.texts(&query, body)).await?;
        let (rows, total, is_complete) = (members.rows, members.total, members.is_complete);
        if is_complete {
            let total = match total {
                Some(total) => total.unsigned_abs(),
                None if filter.is_page() => self.run(WHAT, matching.count(&self.db)).await?,
                None => rows,
            };
            return Ok(Listing {
                unreadable: Vec::new(),
                total,
            });
        }
        // A row has to be rendered, or can't be read.
        body.truncate(start);
        self.render_into(filter, body).await
    }

    async fn render_into(&self, filter: &BackendFilter, body: &mut Vec<u8>) -> Result<Listing, StoreError> {
        let page = self.list(filter).await?;
        let mut members = Members::of(body);
        for backend in &page.backends {
            let json = serde_json::to_vec(&backend.as_shown());
            let json = json.map_err(|error| DbErr::Json(error.to_string()));
            members.push_json(&json.map_err(|error| StoreError::of("listing backends", error))?);
        }
        Ok(Listing {
            unreadable: page.unreadable,
            total: page.total,
        })
    }

    async fn texts<'a>(&self, query: &SelectStatement, body: &'a mut Vec<u8>) -> Result<Members<'a>, DbErr> {
        let start = body.len();
        let mut members = Members::of(body);
        if let Some(direct) = &self.direct {
            let Statement { sql, values, .. } = DbBackend::Sqlite.build(query);
            let values = values.map(|v| v.0).unwrap_or_default();
            let take = |row: &Row<'_>| {
                members.total = members.total.or_else(|| row.get(1).ok());
                members.push(row.get_ref(0).ok().and_then(|text| text.as_str().ok()));
            };
            if direct.reader.each(&sql, &values, take).is_ok() {
                return Ok(members);
            }
            members.body.truncate(start);
            members = Members::of(members.body);
        }
        for row in self.db.query_all(query).await? {
            members.total = members.total.or_else(|| row.try_get("", TOTAL).ok());
            let text: Option<String> = row.try_get_by_index(0).ok().flatten();
            members.push(text.as_deref());
        }
        Ok(members)
    }

    /// Renders the rows that have no text for lists, or one of another form. A start needs none of them: what fails is logged.
    pub(super) async fn render_missing(&self) {
        if let Err(error) = self.try_render_missing().await {
            tracing::warn!(%error, "lists take longer: rows of an earlier release could not be rendered");
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

impl<'a> Members<'a> {
    fn of(body: &'a mut Vec<u8>) -> Self {
        Self {
            body,
            rows: 0,
            total: None,
            is_complete: true,
        }
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
        .limit(BATCH)
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
