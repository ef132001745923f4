//! Many backends.

use sea_orm::sea_query::{Expr, ExprTrait, LikeExpr};
use sea_orm::{
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
};
use storage_domain::BackendName;

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
    /// The backends that match, the oldest first, their configs without secrets; one query where the filter sets no limit and no offset.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Database`]; never for a row that can't be read.
    pub async fn list(&self, filter: &BackendFilter) -> Result<BackendPage, StoreError> {
        const WHAT: &str = "listing backends";
        if *filter == BackendFilter::default() {
            return Ok(complete(self.run(WHAT, self.all()).await?.page));
        }
        let Some(matching) = filter.matching() else {
            return Ok(BackendPage::default());
        };
        if filter.limit.is_none() && filter.offset == 0 {
            let query = oldest_first(matching).into_query();
            return Ok(complete(self.run(WHAT, self.many(&query)).await?.page));
        }
        let query = oldest_first(matching.clone())
            .expr_as(Expr::cust("COUNT(*) OVER ()"), TOTAL)
            .limit(bounded(filter.limit.unwrap_or(u64::MAX)))
            .offset(bounded(filter.offset))
            .into_query();
        let Rows { mut page, total } = self.run(WHAT, self.many(&query)).await?;
        page.total = match total {
            Some(total) => total.unsigned_abs(),
            // A page behind the last row tells no number.
            None => self.run(WHAT, matching.count(&self.db)).await?,
        };
        Ok(page)
    }
}

impl BackendFilter {
    /// The rows that match; `None` where none can.
    fn matching(&self) -> Option<Select<Entity>> {
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

pub(super) fn oldest_first(query: Select<Entity>) -> Select<Entity> {
    query.order_by_asc(Column::CreatedAt).order_by_asc(Column::Id)
}

/// A number that both databases take.
fn bounded(n: u64) -> u64 {
    Ord::min(n, i64::MAX.unsigned_abs())
}

/// A page that holds everything.
fn complete(mut page: BackendPage) -> BackendPage {
    page.total = (page.backends.len() + page.unreadable.len()) as u64;
    page
}
