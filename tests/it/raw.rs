//! A hand in the database behind the service's back: any statement, any cell of any table.

use sayso::datamap::ColumnType;
use sayso::store::{Cell, Store};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, PgPool, Row, SqlitePool};

use crate::world::{Db, World};

/// Connections of its own.
pub(crate) enum Raw {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

macro_rules! both {
    ($raw:expr, $c:ident => $e:expr) => {
        match $raw {
            Raw::Sqlite($c) => $e,
            Raw::Postgres($c) => $e,
        }
    };
}

macro_rules! bound {
    ($sql:expr, $values:expr) => {{
        let mut query = sqlx::query(AssertSqlSafe($sql.to_owned()));
        for value in $values {
            query = match value {
                Cell::Nothing => query.bind(None::<String>),
                Cell::Int(number) => query.bind(*number),
                Cell::Text(text) => query.bind(text.clone()),
                Cell::Bytes(bytes) => query.bind(bytes.clone()),
            };
        }
        query
    }};
}

impl Raw {
    pub(crate) async fn of(world: &World) -> Self {
        Self::open(world.db, world.path(), &world.database).await
    }

    pub(crate) async fn open(db: Db, data: &std::path::Path, database: &str) -> Self {
        match db {
            Db::Sqlite => {
                let options = SqliteConnectOptions::new().filename(Store::sqlite_file(data)).foreign_keys(true);
                // As the service has it: what this hand deletes must not be what is found later.
                Self::Sqlite(SqlitePool::connect_with(options.pragma("secure_delete", "ON")).await.unwrap())
            }
            Db::Postgres => Self::Postgres(PgPool::connect(database).await.unwrap()),
        }
    }

    /// Runs a statement. Returns how many rows it touched.
    pub(crate) async fn run(&self, sql: &str, values: &[Cell]) -> u64 {
        both!(self, c => bound!(sql, values).execute(c).await.map(|done| done.rows_affected()))
            .unwrap_or_else(|e| panic!("{sql}: {e}"))
    }

    /// Reads columns of these types.
    pub(crate) async fn rows(&self, sql: &str, values: &[Cell], kinds: &[ColumnType]) -> Vec<Vec<Cell>> {
        both!(self, c => {
            let rows = bound!(sql, values).fetch_all(c).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
            rows.iter().map(|row| kinds.iter().enumerate().map(|(place, kind)| match kind {
                ColumnType::Int => row.get::<Option<i64>, _>(place).map_or(Cell::Nothing, Cell::Int),
                ColumnType::Text => row.get::<Option<String>, _>(place).map_or(Cell::Nothing, Cell::Text),
                ColumnType::Bytes => row.get::<Option<Vec<u8>>, _>(place).map_or(Cell::Nothing, Cell::Bytes),
            }).collect()).collect()
        })
    }

    pub(crate) async fn number(&self, sql: &str, values: &[Cell]) -> i64 {
        match self.rows(sql, values, &[ColumnType::Int]).await[0][0] {
            Cell::Int(number) => number,
            _ => panic!("{sql}: no number"),
        }
    }

    pub(crate) async fn close(self) {
        both!(&self, c => c.close().await);
    }
}

/// Every row of every table, each cell with its place, `table.column`.
pub(crate) async fn everything(world: &World) -> Vec<(String, Vec<(String, Cell)>)> {
    let raw = Raw::of(world).await;
    let columns = world.app.store.columns().await.unwrap();
    let tables: std::collections::BTreeSet<&str> = columns.iter().map(|column| column.table.as_str()).collect();
    let mut all = Vec::new();
    for table in tables {
        let of: Vec<_> = columns.iter().filter(|column| column.table == table).collect();
        let names: Vec<&str> = of.iter().map(|column| column.column.as_str()).collect();
        let kinds: Vec<ColumnType> = of.iter().map(|column| column.kind.unwrap()).collect();
        for row in raw.rows(&format!("SELECT {} FROM {table}", names.join(", ")), &[], &kinds).await {
            let cells = names.iter().map(|name| (*name).to_owned()).zip(row);
            all.push((table.to_owned(), cells.collect()));
        }
    }
    raw.close().await;
    all
}
