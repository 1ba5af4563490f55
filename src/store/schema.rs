//! Migrations, and what columns there are.

use std::borrow::Cow;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{PgPool, SqlSafeStr, SqlitePool};

use super::{Store, StoreError, Tx};
use crate::datamap::{ColumnType, LiveColumn};

/// Same names on both sides; a test compares the tables they make.
const MIGRATIONS: &[(i64, &str, &str, &str)] = &[
    (
        1,
        "foundation",
        include_str!("../../migrations/sqlite/0001_foundation.sql"),
        include_str!("../../migrations/postgres/0001_foundation.sql"),
    ),
    (
        2,
        "log",
        include_str!("../../migrations/sqlite/0002_log.sql"),
        include_str!("../../migrations/postgres/0002_log.sql"),
    ),
    (
        3,
        "due",
        include_str!("../../migrations/sqlite/0003_due.sql"),
        include_str!("../../migrations/postgres/0003_due.sql"),
    ),
    (
        4,
        "delivery",
        include_str!("../../migrations/sqlite/0004_delivery.sql"),
        include_str!("../../migrations/postgres/0004_delivery.sql"),
    ),
    (
        5,
        "retention",
        include_str!("../../migrations/sqlite/0005_retention.sql"),
        include_str!("../../migrations/postgres/0005_retention.sql"),
    ),
    (
        6,
        "score_store",
        include_str!("../../migrations/sqlite/0006_score_store.sql"),
        include_str!("../../migrations/postgres/0006_score_store.sql"),
    ),
    (
        7,
        "object_id",
        include_str!("../../migrations/sqlite/0007_object_id.sql"),
        include_str!("../../migrations/postgres/0007_object_id.sql"),
    ),
    (
        8,
        "reminded",
        include_str!("../../migrations/sqlite/0008_reminded.sql"),
        include_str!("../../migrations/postgres/0008_reminded.sql"),
    ),
    (
        9,
        "sealed_name",
        include_str!("../../migrations/sqlite/0009_sealed_name.sql"),
        include_str!("../../migrations/postgres/0009_sealed_name.sql"),
    ),
    (
        10,
        "house_rules",
        include_str!("../../migrations/sqlite/0010_house_rules.sql"),
        include_str!("../../migrations/postgres/0010_house_rules.sql"),
    ),
    (
        11,
        "engine_score",
        include_str!("../../migrations/sqlite/0011_engine_score.sql"),
        include_str!("../../migrations/postgres/0011_engine_score.sql"),
    ),
    (
        12,
        "recipient_terms",
        include_str!("../../migrations/sqlite/0012_recipient_terms.sql"),
        include_str!("../../migrations/postgres/0012_recipient_terms.sql"),
    ),
    (
        13,
        "ended_token",
        include_str!("../../migrations/sqlite/0013_ended_token.sql"),
        include_str!("../../migrations/postgres/0013_ended_token.sql"),
    ),
    (
        14,
        "public_page",
        include_str!("../../migrations/sqlite/0014_public_page.sql"),
        include_str!("../../migrations/postgres/0014_public_page.sql"),
    ),
    (
        15,
        "notice_translation",
        include_str!("../../migrations/sqlite/0015_notice_translation.sql"),
        include_str!("../../migrations/postgres/0015_notice_translation.sql"),
    ),
    (
        16,
        "notices_stay",
        include_str!("../../migrations/sqlite/0016_notices_stay.sql"),
        include_str!("../../migrations/postgres/0016_notices_stay.sql"),
    ),
    (
        17,
        "decided_by",
        include_str!("../../migrations/sqlite/0017_decided_by.sql"),
        include_str!("../../migrations/postgres/0017_decided_by.sql"),
    ),
    (
        18,
        "mail_queued",
        include_str!("../../migrations/sqlite/0018_mail_queued.sql"),
        include_str!("../../migrations/postgres/0018_mail_queued.sql"),
    ),
    (
        19,
        "week_of_actor",
        include_str!("../../migrations/sqlite/0019_week_of_actor.sql"),
        include_str!("../../migrations/postgres/0019_week_of_actor.sql"),
    ),
];

const SQLITE_COLUMNS: &str = "SELECT m.name, p.name, p.type, CAST(p.\"notnull\" AS INTEGER) \
    FROM sqlite_master m JOIN pragma_table_info(m.name) p \
    WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name <> '_sqlx_migrations' ORDER BY 1, 2";
/// From the catalogue, not from `information_schema`: that hides what the role of the service has no right to.
const POSTGRES_COLUMNS: &str = "SELECT CAST(c.relname AS TEXT), CAST(a.attname AS TEXT), format_type(a.atttypid, NULL), \
    CAST(CASE WHEN a.attnotnull THEN 1 ELSE 0 END AS BIGINT) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid \
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema() \
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0 AND NOT a.attisdropped \
    AND c.relname <> '_sqlx_migrations' ORDER BY c.relname, a.attname";

impl Store {
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
        Ok(match &mut self.begin_read().await? {
            Tx::Sqlite(t) => sqlx::query_as(SQLITE_COLUMNS).fetch_all(&mut **t).await?,
            Tx::Postgres(t) => sqlx::query_as(POSTGRES_COLUMNS).fetch_all(&mut **t).await?,
        })
    }
}

/// Brings the schema up to date. Fails when a migration does, or one that ran was changed since.
pub(super) async fn migrate_sqlite(pool: &SqlitePool) -> Result<(), StoreError> {
    migrator(|(_, _, sqlite, _)| sqlite).run(pool).await.map_err(not_migrated)
}

/// The same on PostgreSQL.
pub(super) async fn migrate_postgres(pool: &PgPool) -> Result<(), StoreError> {
    migrator(|(_, _, _, postgres)| postgres).run(pool).await.map_err(not_migrated)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn not_migrated(error: MigrateError) -> StoreError {
    StoreError::Schema(format!("the schema cannot be brought up to date: {error}"))
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
