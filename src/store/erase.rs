//! Runs the statements that the data map planned: export, removal, read-back.

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, Row};

use super::{StoreError, Tx, on};
use crate::datamap::{ColumnType, Count, ExportColumn, ExportPlan, Removal};
use crate::ids::Subject;

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

    /// Removes what these plans say of a person, in their order and in one message to the database. Returns how many rows each touched.
    pub async fn remove(&mut self, removals: &[Removal], subject: &Subject) -> Result<Vec<u64>, StoreError> {
        let id = hex::encode(subject.as_bytes());
        // A text of several statements takes no parameters. PostgreSQL writes the text of one that fails to its own log, so the person is
        // not in it.
        let person = match self {
            Self::Sqlite(_) => format!("X'{id}'"),
            Self::Postgres(t) => {
                sqlx::query("SELECT set_config('sayso.subject', $1, true)").bind(id).execute(&mut **t).await?;
                "decode(current_setting('sayso.subject'), 'hex')".into()
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

    /// Counts what is left of an owner: the bytes of a subject or of a blind index, as the counts say.
    pub async fn count(&mut self, counts: &[Count], owner: &[u8]) -> Result<Vec<i64>, StoreError> {
        let parts: Vec<String> = counts.iter().map(|count| format!("({})", count.sql)).collect();
        let sql = AssertSqlSafe(format!("SELECT {}", parts.join(", ")));
        let mut left = Vec::with_capacity(counts.len());
        on!(self, c => {
            let row = sqlx::query(sql).bind(owner).fetch_one(c).await?;
            for place in 0..counts.len() {
                left.push(row.try_get(place)?);
            }
        });
        Ok(left)
    }
}
