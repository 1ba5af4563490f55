//! Runs the statements that the data map planned: export, removal, read-back.

use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, Row};

use super::{StoreError, Tx, on};
use crate::datamap::{ColumnType, Count, ExportColumn, ExportPlan, Found, Removal};
use crate::ids::Subject;

/// Tells PostgreSQL whom a removal in this transaction is about, as a row that no removal has.
const SET_PERSON: &str =
    "SELECT CAST(-1 AS BIGINT), CAST(length(set_config('sayso.subject', encode($1, 'hex'), true)) AS BIGINT)";

/// One value of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Nothing.
    Nothing,
    /// An integer.
    Int(i64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// Which removals would find how many rows of one person. Only [`Tx::found`] makes one, and there is no removal without.
#[derive(Debug)]
pub struct FoundRows {
    subject: Subject,
    /// By the place of the removal; nothing for those that would find none.
    pub rows: BTreeMap<usize, i64>,
}

/// Takes the rows of an export, one at a time.
pub type RowSink<'a, E> = dyn FnMut(&[Cell]) -> Result<(), E> + Send + 'a;

/// The row of either database.
fn cells<R: Row>(row: &R, plan: &ExportPlan) -> Result<Vec<Cell>, StoreError>
where
    usize: sqlx::ColumnIndex<R>,
    Option<i64>: for<'r> sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    Option<String>: for<'r> sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    Option<Vec<u8>>: for<'r> sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
{
    let cell = |(place, column): (usize, &ExportColumn)| {
        Ok(match column.kind {
            ColumnType::Int => row.try_get::<Option<i64>, _>(place)?.map_or(Cell::Nothing, Cell::Int),
            ColumnType::Text => row.try_get::<Option<String>, _>(place)?.map_or(Cell::Nothing, Cell::Text),
            ColumnType::Bytes => row.try_get::<Option<Vec<u8>>, _>(place)?.map_or(Cell::Nothing, Cell::Bytes),
        })
    };
    plan.columns.iter().enumerate().map(cell).collect()
}

impl Tx {
    /// Reads what a plan exports of a person, one row after the other, in the order of its columns.
    ///
    /// # Errors
    /// Those of the sink, and when the database does not answer.
    pub async fn export_rows<E: From<StoreError>>(
        &mut self,
        plan: &ExportPlan,
        subject: &Subject,
        sink: &mut RowSink<'_, E>,
    ) -> Result<(), E> {
        let sql = AssertSqlSafe(plan.sql.clone());
        on!(self, c => {
            let mut rows = sqlx::query(sql).bind(subject.as_bytes().as_slice()).fetch(c);
            while let Some(row) = rows.try_next().await.map_err(StoreError::from)? {
                sink(&cells(&row, plan)?)?;
            }
        });
        Ok(())
    }

    /// How many rows which removals would find. From then on PostgreSQL knows whom [`Tx::remove`] is about in this transaction.
    pub async fn found(&mut self, plan: &Found, subject: &Subject) -> Result<FoundRows, StoreError> {
        let sql = match self {
            Self::Sqlite(_) => plan.sql.clone(),
            Self::Postgres(_) => format!("{} UNION ALL {SET_PERSON}", plan.sql),
        };
        let sql = AssertSqlSafe(sql);
        let rows: Vec<(i64, i64)> =
            on!(self, c => sqlx::query_as(sql).bind(subject.as_bytes().as_slice()).fetch_all(c).await)?;
        let found = rows.into_iter().filter_map(|(place, rows)| Some((usize::try_from(place).ok()?, rows)));
        Ok(FoundRows { subject: *subject, rows: found.collect() })
    }

    /// Removes what these plans say of the person of whom it was found in this transaction, in their order and in one message to the
    /// database. Returns how many rows each touched. With a patience, rows that somebody else holds longer are an error on PostgreSQL; on
    /// SQLite nobody else writes meanwhile.
    pub async fn remove(
        &mut self,
        removals: &[Removal],
        found: &FoundRows,
        patience_millis: Option<u32>,
    ) -> Result<Vec<u64>, StoreError> {
        // A text of several statements takes no parameters. PostgreSQL writes the text of one that fails to its own log, so the person is
        // not in it, and is read once, not for each row.
        let (first, person) = match (&self, patience_millis) {
            (Self::Sqlite(_), _) => (None, format!("X'{}'", hex::encode(found.subject.as_bytes()))),
            (Self::Postgres(_), patience) => (
                patience.map(|millis| format!("SET LOCAL lock_timeout = {millis}")),
                "(SELECT decode(current_setting('sayso.subject'), 'hex'))".into(),
            ),
        };
        let before = usize::from(first.is_some());
        let texts = removals.iter().map(|removal| removal.sql.replace("$1", &person));
        let sql = AssertSqlSafe(first.into_iter().chain(texts).collect::<Vec<_>>().join("; "));
        let mut touched = Vec::with_capacity(removals.len());
        on!(self, c => {
            let mut done = sqlx::raw_sql(sql).execute_many(c);
            while let Some(done) = done.try_next().await? {
                touched.push(done.rows_affected());
            }
        });
        let touched = touched.split_off(before.min(touched.len()));
        if touched.len() == removals.len() {
            Ok(touched)
        } else {
            Err(StoreError::Corrupt("erasure: a removal had no answer"))
        }
    }

    /// Counts what is left of some owners, one after the other: the bytes of subjects or of blind indexes, as the counts say.
    pub async fn count(&mut self, counts: &[Count], owners: &[&[u8]]) -> Result<Vec<i64>, StoreError> {
        let of = |number: usize| counts.iter().map(move |count| count.sql.replace("$1", &format!("${number}")));
        let parts: Vec<String> = (1..=owners.len()).flat_map(of).map(|sql| format!("({sql})")).collect();
        if parts.is_empty() {
            return Ok(Vec::new());
        }
        let sql = AssertSqlSafe(format!("SELECT {}", parts.join(", ")));
        let mut left = Vec::with_capacity(parts.len());
        on!(self, c => {
            let query = owners.iter().fold(sqlx::query(sql), |query, owner| query.bind(*owner));
            let row = query.fetch_one(c).await?;
            for place in 0..parts.len() {
                left.push(row.try_get(place)?);
            }
        });
        Ok(left)
    }
}
