//! Runs the statements that the data map planned: export, removal, read-back.

use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, Row};

use super::{StoreError, Tx, on};
use crate::datamap::{ColumnType, Count, ExportColumn, ExportPlan, Found, Removal};
use crate::ids::Subject;

/// Whom the removal of this transaction is about, and how long it waits for a row, if not as long as the server was told to.
const SET_REMOVAL: &str = "SELECT set_config('sayso.subject', $1, true), \
    set_config('lock_timeout', CASE WHEN $2 = '' THEN current_setting('lock_timeout') ELSE $2 END, true)";

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

    /// How many rows which removals would find, by their place; nothing for those that would find none.
    pub async fn found(&mut self, plan: &Found, subject: &Subject) -> Result<BTreeMap<usize, i64>, StoreError> {
        let sql = AssertSqlSafe(plan.sql.clone());
        let rows: Vec<(i64, i64)> =
            on!(self, c => sqlx::query_as(sql).bind(subject.as_bytes().as_slice()).fetch_all(c).await)?;
        let place = |(place, rows): (i64, i64)| {
            Ok((usize::try_from(place).map_err(|_| StoreError::Corrupt("erasure: a place"))?, rows))
        };
        rows.into_iter().map(place).collect()
    }

    /// Removes what these plans say of a person, in their order and in one message to the database. Returns how many rows each touched.
    /// With a patience, rows that somebody else holds longer are an error on PostgreSQL; on SQLite nobody else writes meanwhile.
    pub async fn remove(
        &mut self,
        removals: &[Removal],
        subject: &Subject,
        patience_millis: Option<u32>,
    ) -> Result<Vec<u64>, StoreError> {
        let id = hex::encode(subject.as_bytes());
        // A text of several statements takes no parameters. PostgreSQL writes the text of one that fails to its own log, so the person is
        // not in it, and is read once, not for each row.
        let person = match self {
            Self::Sqlite(_) => format!("X'{id}'"),
            Self::Postgres(t) => {
                let timeout = patience_millis.map_or_else(String::new, |millis| millis.to_string());
                sqlx::query(SET_REMOVAL).bind(id).bind(timeout).execute(&mut **t).await?;
                "(SELECT decode(current_setting('sayso.subject'), 'hex'))".into()
            }
        };
        let texts: Vec<String> = removals.iter().map(|removal| removal.sql.replace("$1", &person)).collect();
        let sql = AssertSqlSafe(texts.join("; "));
        let mut touched = Vec::with_capacity(removals.len());
        on!(self, c => {
            let mut done = sqlx::raw_sql(sql).execute_many(c);
            while let Some(done) = done.try_next().await? {
                touched.push(done.rows_affected());
            }
        });
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
