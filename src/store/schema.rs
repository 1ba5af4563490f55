//! Migrations, and what columns there are.

use std::borrow::Cow;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use super::{Store, StoreError};
use crate::datamap::{ColumnType, LiveColumn};

/// Same names on both sides; a test compares the tables they make.
const MIGRATIONS: &[(i64, &str, &str, &str)] = &[(
    1,
    "foundation",
    include_str!("../../migrations/sqlite/0001_foundation.sql"),
    include_str!("../../migrations/postgres/0001_foundation.sql"),
)];

const SQLITE_COLUMNS: &str = "SELECT m.name, p.name, p.type, CAST(p.\"notnull\" AS INTEGER) \
    FROM sqlite_master m JOIN pragma_table_info(m.name) p \
    WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name <> '_sqlx_migrations' ORDER BY 1, 2";
const POSTGRES_COLUMNS: &str = "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT), CAST(data_type AS TEXT), \
    CAST(CASE is_nullable WHEN 'NO' THEN 1 ELSE 0 END AS BIGINT) FROM information_schema.columns \
    WHERE table_schema = current_schema() AND table_name <> '_sqlx_migrations' ORDER BY 1, 2";

impl Store {
    /// Brings the schema up to date.
    ///
    /// # Errors
    /// When a migration fails or one that ran was changed since.
    pub(super) async fn migrate(&self) -> Result<(), StoreError> {
        let outcome = match self {
            Self::Sqlite { writer, .. } => migrator(|(_, _, sqlite, _)| sqlite).run(writer).await,
            Self::Postgres { pool } => migrator(|(_, _, _, postgres)| postgres).run(pool).await,
        };
        outcome.map_err(|e| StoreError::Schema(format!("the schema cannot be brought up to date: {e}")))
    }

    /// Every column there is, with its table and type, for the data map.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn columns(&self) -> Result<Vec<LiveColumn>, StoreError> {
        let rows = self.schema().await?;
        let column = |(table, column, kind, _): (String, String, String, i64)| LiveColumn {
            kind: column_type(&kind),
            table,
            column,
        };
        Ok(rows.into_iter().map(column).collect())
    }

    /// Table, column, type, whether it must hold something; sorted.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn schema(&self) -> Result<Vec<(String, String, String, i64)>, StoreError> {
        Ok(match self {
            Self::Sqlite { reader, .. } => sqlx::query_as(SQLITE_COLUMNS).fetch_all(reader).await?,
            Self::Postgres { pool } => sqlx::query_as(POSTGRES_COLUMNS).fetch_all(pool).await?,
        })
    }
}

fn column_type(name: &str) -> Option<ColumnType> {
    match name {
        "INTEGER" | "bigint" => Some(ColumnType::Int),
        "TEXT" | "text" => Some(ColumnType::Text),
        "BLOB" | "bytea" => Some(ColumnType::Bytes),
        _ => None,
    }
}

fn migrator(pick: fn(&(i64, &'static str, &'static str, &'static str)) -> &'static str) -> Migrator {
    let migrations = MIGRATIONS.iter().map(|entry| {
        let (version, name, _, _) = *entry;
        Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, pick(entry).into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect())
}
