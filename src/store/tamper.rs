//! What somebody can do who got hold of the SQLite file but not of the keys beside it: count rows, and change one.
//!
//! Only the demonstration uses it, to show that the first tells nothing about strangers and that the second is noticed.
//! It opens the file by itself and knows nothing of [`super::Store`], as an intruder would.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use super::{Store, StoreError};

const BUSY: Duration = Duration::from_secs(10);

/// How many rows each table of a data folder's SQLite file has, beside a running service.
///
/// # Errors
/// When the file cannot be read.
pub async fn rows(data: &Path) -> Result<BTreeMap<String, i64>, StoreError> {
    let mut connection = intrude(data).await?;
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type = 'table'").fetch_all(&mut connection).await?;
    let mut rows = BTreeMap::new();
    for table in tables {
        let count = AssertSqlSafe(format!("SELECT count(*) FROM \"{table}\""));
        let count: i64 = sqlx::query_scalar(count).fetch_one(&mut connection).await?;
        rows.insert(table, count);
    }
    connection.close().await?;
    Ok(rows)
}

/// Moves the day of one event by `days`, behind the service's back: who could do this unnoticed could make a yes older
/// or younger than it is. The guard of the table is in the file too, so it holds up nobody who has that.
///
/// # Errors
/// When the file cannot be written.
pub async fn tamper(data: &Path, seq: i64, days: i64) -> Result<(), StoreError> {
    let mut connection = intrude(data).await?;
    let guard: String = sqlx::query_scalar("SELECT sql FROM sqlite_schema WHERE name = 'event_leaf_stays'")
        .fetch_one(&mut connection)
        .await?;
    sqlx::query("DROP TRIGGER event_leaf_stays").execute(&mut connection).await?;
    let statement = "UPDATE event SET day = day + $1 WHERE seq = $2";
    sqlx::query(statement).bind(days).bind(seq).execute(&mut connection).await?;
    sqlx::query(AssertSqlSafe(guard)).execute(&mut connection).await?;
    Ok(connection.close().await?)
}

async fn intrude(data: &Path) -> Result<SqliteConnection, StoreError> {
    let options = SqliteConnectOptions::new().filename(Store::sqlite_file(data)).busy_timeout(BUSY);
    Ok(options.disable_statement_logging().connect().await?)
}
