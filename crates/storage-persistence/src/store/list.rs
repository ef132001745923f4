//! Many backends.

use sea_orm::sea_query::{Expr, ExprTrait, LikeExpr, SelectStatement, SimpleExpr};
use sea_orm::{
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
};
use storage_domain::{Backend, BackendName};

use super::reads::Rows;
use super::{BackendFilter, BackendPage, Store};
use crate::convert;
use crate::entity::{Column, Entity};
use crate::error::StoreError;

/// The column in which a page's rows carry how many match in all.
pub(super) const TOTAL: &str = "matching";
/// Takes the meaning from `%`, `_` and itself in a pattern. Not the backslash, which the databases treat differently.
const ESCAPE: char = '!';
/// Folding can make up to three characters of one; a longer text is in no name.
const LONGEST_FOLDED: usize = 3 * BackendName::MAX_CHARS;

impl Store {
    /// The backends that match, the oldest first, their configs without secrets.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Database`]; never for a row that can't be read.
    pub async fn list(&self, filter: &BackendFilter) -> Result<BackendPage, StoreError> {
        const WHAT: &str = "listing backends";
        let Some(matching) = filter.matching() else {
            return Ok(BackendPage::default());
        };
        let query = page_of(&matching, filter, |rows| rows);
        let Rows { mut page, total } = self.run(WHAT, self.many(&query)).await?;
        page.total = match total {
            Some(total) => total.unsigned_abs(),
            // A page behind the last row has no number.
            None if filter.is_page() => self.run(WHAT, matching.count(&self.db)).await?,
            None => (page.backends.len() + page.unreadable.len()) as u64,
        };
        Ok(page)
    }

    /// Finds the backend of a name, without its secrets.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Database`]. A row that can't be read is not found.
    pub async fn find_by_name(&self, name: &BackendName) -> Result<Option<Backend>, StoreError> {
        let named = Entity::find().filter(Column::Name.eq(name.as_str()));
        let rows = self
            .run("looking for a name", self.many(&named.into_query()))
            .await?;
        Ok(rows.page.backends.into_iter().next())
    }
}

impl BackendFilter {
    /// Whether there may be matches that are not listed.
    pub(super) fn is_page(&self) -> bool {
        self.limit.is_some() || self.offset > 0
    }

    /// The rows that match; `None` if none can.
    pub(super) fn matching(&self) -> Option<Select<Entity>> {
        let mut query = Entity::find();
        if let Some(kind) = self.kind {
            query = query.filter(Column::Kind.eq(kind.as_str()));
        }
        if let Some(status) = self.status {
            query = query.filter(Column::Status.eq(status.as_str()));
        }
        if let Some(text) = self.name_contains.as_deref().filter(|t| !t.is_empty()) {
            let folded = convert::fold(text);
            if folded.contains('\0') || folded.chars().count() > LONGEST_FOLDED {
                return None;
            }
            let pattern = LikeExpr::new(format!("%{}%", escaped(&folded))).escape(ESCAPE);
            query = query.filter(Expr::col(Column::NameFolded).like(pattern));
        }
        Some(query)
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '%' | '_' | ESCAPE) {
            out.push(ESCAPE);
        }
        out.push(c);
    }
    out
}

/// The page of the matching rows that a filter asks for, the oldest first: of each what `select` says, and [`TOTAL`] if there
/// may be more.
pub(super) fn page_of(
    matching: &Select<Entity>,
    filter: &BackendFilter,
    select: impl FnOnce(Select<Entity>) -> Select<Entity>,
) -> SelectStatement {
    let ordered = select(matching.clone())
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::Id);
    if !filter.is_page() {
        return ordered.into_query();
    }
    // A window function would read every matching row, and not only those of the page.
    let count = matching.clone().select_only().expr(Expr::cust("COUNT(*)"));
    let count = SimpleExpr::SubQuery(None, Box::new(count.into_query().into()));
    ordered
        .expr_as(count, TOTAL)
        .limit(bounded(filter.limit.unwrap_or(u64::MAX)))
        .offset(bounded(filter.offset))
        .into_query()
}

/// A number that both databases take.
fn bounded(n: u64) -> u64 {
    Ord::min(n, i64::MAX.unsigned_abs())
}
