//! Every row of every table as text, to see whether anything changed.

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};

use crate::world::{Db, World};

/// The rows by table.
pub type Tables = BTreeMap<String, Vec<String>>;

pub async fn tables(world: &World) -> Tables {
    match world.db {
        Db::Sqlite => sqlite(&world.path().join("sayso.db")).await,
        Db::Postgres => postgres(&world.database).await,
    }
}

async fn sqlite(file: &std::path::Path) -> Tables {
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    let mut connection = options.connect().await.unwrap();
    let columns: Vec<(String, String)> = sqlx::query_as(
        "SELECT m.name, group_concat('quote(\"' || c.name || '\")', ' || '','' || ') \
         FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' GROUP BY m.name",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let mut tables = Tables::new();
    for (table, columns) in columns {
        let query = AssertSqlSafe(format!("SELECT {columns} FROM \"{table}\" ORDER BY 1"));
        let rows: Vec<(String,)> = sqlx::query_as(query).fetch_all(&mut connection).await.unwrap();
        tables.insert(table, rows.into_iter().map(|(row,)| row).collect());
    }
    connection.close().await.unwrap();
    tables
}

async fn postgres(url: &str) -> Tables {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let names: Vec<(String,)> = sqlx::query_as("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    let mut tables = Tables::new();
    for (table,) in names {
        let query = AssertSqlSafe(format!("SELECT t::text FROM \"{table}\" t ORDER BY 1"));
        let rows: Vec<(String,)> = sqlx::query_as(query).fetch_all(&mut connection).await.unwrap();
        tables.insert(table, rows.into_iter().map(|(row,)| row).collect());
    }
    connection.close().await.unwrap();
    tables
}

/// Fails naming the tables that are not as they were; never shows a row.
#[track_caller]
pub fn same(before: &Tables, after: &Tables, what: &str) {
    let changed: Vec<_> = before.keys().filter(|table| before.get(*table) != after.get(*table)).collect();
    assert!(!before.is_empty(), "no tables");
    assert!(changed.is_empty(), "{what} changed {changed:?}");
}
