//! Runs the statements that the data map planned: export, removal, read-back.

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

/// The rows of one table that a person gets.
#[derive(Debug, Clone)]
pub struct ExportedTable {
    /// Which table.
    pub table: String,
    /// What is in each row, in order.
    pub columns: Vec<ExportColumn>,
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
}

macro_rules! cells {
    ($row:expr, $columns:expr) => {{
        let mut cells = Vec::with_capacity($columns.len());
        for (place, column) in $columns.iter().enumerate() {
            cells.push(match column.kind {
                ColumnType::Int => $row.try_get::<Option<i64>, _>(place)?.map_or(Cell::Nothing, Cell::Int),
                ColumnType::Text => $row.try_get::<Option<String>, _>(place)?.map_or(Cell::Nothing, Cell::Text),
                ColumnType::Bytes => $row.try_get::<Option<Vec<u8>>, _>(place)?.map_or(Cell::Nothing, Cell::Bytes),
            });
        }
        cells
    }};
}

impl Tx {
    /// Reads what a plan exports of a person.
    pub async fn export_table(&mut self, plan: &ExportPlan, subject: &Subject) -> Result<ExportedTable, StoreError> {
        let sql = AssertSqlSafe(plan.sql.clone());
        let rows = on!(self, c => {
            let found = sqlx::query(sql).bind(subject.as_bytes().as_slice()).fetch_all(c).await?;
            let mut rows = Vec::with_capacity(found.len());
            for row in found {
                rows.push(cells!(row, plan.columns));
            }
            rows
        });
        Ok(ExportedTable { table: plan.table.clone(), columns: plan.columns.clone(), rows })
    }

    /// Removes what a plan says of a person. Returns how many rows it touched.
    pub async fn remove(&mut self, removal: &Removal, subject: &Subject) -> Result<u64, StoreError> {
        let sql = AssertSqlSafe(removal.sql.clone());
        Ok(on!(self, c => sqlx::query(sql).bind(subject.as_bytes().as_slice()).execute(c).await
            .map(|done| done.rows_affected()))?)
    }

    /// Counts what is left of an owner: the bytes of a subject or of a blind index, as the count says.
    pub async fn count(&mut self, count: &Count, owner: &[u8]) -> Result<i64, StoreError> {
        let sql = AssertSqlSafe(count.sql.clone());
        Ok(on!(self, c => sqlx::query_scalar(sql).bind(owner).fetch_one(c).await)?)
    }
}
