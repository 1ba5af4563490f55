//! Score stores: databases of others that hold rows about people. Counted, read and cleared by the declared tables and by nothing else.
//!
//! Every step has a connection of its own and a time-out, so that what is read back was not remembered by whoever deleted, and a store
//! that hangs ends a step and no more. A SQLite file that is not there is never made. What a database says is not passed on as it is,
//! since its words may hold a row; only of the row that proves a declaration, which is about nobody.

mod live;
mod proof;

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};

use super::error::gone;
use crate::clock::Mark;
use crate::ids::Pairwise;
use crate::policy::{DeclaredStore, DeclaredTable, IdForm};

/// Longest wait for a connection, and for a lock.
const CONNECT: Duration = Duration::from_secs(5);
/// Longest time for one step: connecting, its statements, closing.
const STEP: Duration = Duration::from_secs(15);

/// Rows by table.
pub type Counts = BTreeMap<String, u64>;

/// A row of an export: the names of its columns, and each as text.
pub type TextRow<'a> = &'a [(String, Option<String>)];

/// Takes the rows of an export, one at a time.
pub type TextSink<'a, E> = dyn FnMut(TextRow<'_>) -> Result<(), E> + Send + 'a;

/// One declared store.
#[derive(Debug, Clone)]
pub struct OutsideStore {
    declared: DeclaredStore,
}

/// Why a step in a store did not happen. Nothing personal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutsideError {
    /// It may pass: nobody answers, or not in time.
    #[error("it does not answer: {0}")]
    Down(String),
    /// It may pass, and concerns these rows alone: somebody else holds them.
    #[error("somebody else is at these rows: {0}")]
    Busy(String),
    /// The store is not what was declared.
    #[error("{0}")]
    Lies(String),
}

/// A connection to either database.
enum Link {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Runs one expression on either connection.
macro_rules! each {
    ($link:expr, $c:ident => $e:expr) => {
        match $link {
            $crate::store::outside::Link::Sqlite($c) => $e,
            $crate::store::outside::Link::Postgres($c) => $e,
        }
    };
}

/// A statement with the id as a table holds it.
macro_rules! keyed {
    ($query:expr, $table:expr, $id:expr) => {
        match $table.id_form {
            $crate::policy::IdForm::Text => $query.bind($id.to_string()),
            $crate::policy::IdForm::Bytes => $query.bind($id.as_bytes().to_vec()),
        }
    };
}
use {each, keyed};

impl OutsideStore {
    /// Connects to nothing yet.
    pub fn new(declared: DeclaredStore) -> Self {
        Self { declared }
    }

    /// What was declared of it.
    pub fn declared(&self) -> &DeclaredStore {
        &self.declared
    }

    /// How many rows each declared table holds under an id, after a look whether the tables are still as declared: SQLite would take a
    /// column that is gone for a text, and find nothing.
    ///
    /// # Errors
    /// When it does not answer, or is not as declared.
    pub async fn count(&self, id: &Pairwise) -> Result<Counts, OutsideError> {
        in_time(async {
            let mut link = self.connect().await?;
            self.check(&live::tables(&mut link).await?)?;
            let mut counts = Counts::new();
            for table in &self.declared.table {
                counts.insert(table.name.clone(), count(&mut link, table, id).await?);
            }
            link.close().await;
            Ok(counts)
        })
        .await
    }

    /// Deletes every row under an id, in one transaction, after a look whether the tables are still as declared. Returns how many the
    /// database says it deleted; whether they are gone only a later count can say.
    ///
    /// # Errors
    /// As [`OutsideStore::count`]; then nothing was deleted, or all of it and the answer was lost.
    pub async fn delete(&self, id: &Pairwise) -> Result<Counts, OutsideError> {
        in_time(async {
            let mut link = self.connect().await?;
            self.check(&live::tables(&mut link).await?)?;
            link.run(link.begin()).await?;
            let mut counts = Counts::new();
            for table in &self.declared.table {
                let sql =
                    AssertSqlSafe(format!("DELETE FROM {} WHERE {} = $1", quoted(&table.name), quoted(&table.id)));
                let done = each!(&mut link, c =>
                    keyed!(sqlx::query(sql), table, id).execute(c).await.map(|done| done.rows_affected()));
                counts.insert(table.name.clone(), done.map_err(|e| refused(&e, table))?);
            }
            link.run("COMMIT").await?;
            if let Link::Sqlite(connection) = &mut link {
                // Copies of what was deleted are in the write-ahead log until it is emptied; a reader may be in the way.
                let _tried = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(connection).await;
            }
            link.close().await;
            Ok(counts)
        })
        .await
    }

    /// Reads the rows of one table under an id, without the columns that are left out: each column as text, bytes in hexadecimal.
    ///
    /// # Errors
    /// Those of the sink, and as [`OutsideStore::count`].
    pub async fn rows<E: From<OutsideError>>(
        &self,
        table: &DeclaredTable,
        id: &Pairwise,
        sink: &mut TextSink<'_, E>,
    ) -> Result<(), E> {
        let (mut link, names, sql) = in_time(self.reading(table)).await?;
        each!(&mut link, c => {
            let mut rows = keyed!(sqlx::query(AssertSqlSafe(sql)), table, id).fetch(c);
            while let Some(row) = in_time(async { rows.try_next().await.map_err(|e| refused(&e, table)) }).await? {
                let cell = |(place, name): (usize, &String)| {
                    Ok((name.clone(), row.try_get(place).map_err(|e| refused(&e, table))?))
                };
                sink(&names.iter().enumerate().map(cell).collect::<Result<Vec<_>, OutsideError>>()?)?;
            }
        });
        link.close().await;
        Ok(())
    }

    /// The columns that are there now, and the statement that reads them.
    async fn reading(&self, table: &DeclaredTable) -> Result<(Link, Vec<String>, String), OutsideError> {
        let mut link = self.connect().await?;
        let there = live::tables(&mut link).await?;
        let columns = self.live(&there, table)?.columns.iter().filter(|(name, _)| !table.leaves_out(name));
        let (names, texts): (Vec<_>, Vec<_>) =
            columns.map(|(name, kind)| (name.clone(), link.as_text(name, kind))).unzip();
        let list = if texts.is_empty() { "NULL".into() } else { texts.join(", ") };
        let sql = format!("SELECT {list} FROM {} WHERE {} = $1", quoted(&table.name), quoted(&table.id));
        Ok((link, names, sql))
    }

    async fn connect(&self) -> Result<Link, OutsideError> {
        match tokio::time::timeout(CONNECT, self.connection()).await {
            Ok(Ok(link)) => Ok(link),
            Ok(Err(sqlx::Error::Configuration(_))) => {
                Err(OutsideError::Lies("`url` is not one: write `postgres://user@host:5432/database`".into()))
            }
            Ok(Err(error)) => Err(OutsideError::Down(error.to_string())),
            Err(_) => Err(OutsideError::Down("no connection in time".into())),
        }
    }

    async fn connection(&self) -> Result<Link, sqlx::Error> {
        if let Some(path) = self.declared.url.sqlite_path() {
            let options = SqliteConnectOptions::new().filename(path).create_if_missing(false).busy_timeout(CONNECT);
            let options = options.pragma("secure_delete", "ON").disable_statement_logging();
            let mut connection = options.connect().await?;
            let begun = Mark::now();
            connection.lock_handle().await?.set_progress_handler(10_000, move || begun.elapsed() < STEP);
            return Ok(Link::Sqlite(connection));
        }
        let options = self.declared.url.expose().parse::<PgConnectOptions>()?.disable_statement_logging();
        let mut connection = options.connect().await?;
        // Row security would hide rows from whoever counts them: with `off` the database refuses instead.
        for setting in [
            "SET statement_timeout = '10s'",
            "SET lock_timeout = '5s'",
            "SET row_security = off",
            "SET bytea_output = hex",
            "SET standard_conforming_strings = on",
        ] {
            sqlx::query(setting).execute(&mut connection).await?;
        }
        Ok(Link::Postgres(connection))
    }
}

impl Link {
    fn begin(&self) -> &'static str {
        if matches!(self, Self::Sqlite(_)) { "BEGIN IMMEDIATE" } else { "BEGIN" }
    }

    async fn run(&mut self, sql: &'static str) -> Result<(), OutsideError> {
        each!(self, c => sqlx::query(sql).execute(c).await.map(drop)).map_err(|e| told(&e, "a transaction"))
    }

    fn as_text(&self, column: &str, kind: &str) -> String {
        let column = quoted_whole(column);
        match self {
            Self::Sqlite(_) => {
                format!("CASE typeof({column}) WHEN 'blob' THEN lower(hex({column})) ELSE CAST({column} AS TEXT) END")
            }
            Self::Postgres(_) if kind == "bytea" => format!("encode({column}, 'hex')"),
            Self::Postgres(_) => format!("CAST({column} AS TEXT)"),
        }
    }

    /// Nothing depends on whether the other side hears it.
    async fn close(self) {
        let _ended = each!(self, c => c.close().await);
    }
}

async fn count(link: &mut Link, table: &DeclaredTable, id: &Pairwise) -> Result<u64, OutsideError> {
    let sql = format!("SELECT count(*) FROM {} WHERE {} = $1", quoted(&table.name), quoted(&table.id));
    let sql = AssertSqlSafe(sql);
    let count: Result<i64, _> = each!(link, c => keyed!(sqlx::query_scalar(sql), table, id).fetch_one(c).await);
    count.map(i64::unsigned_abs).map_err(|e| refused(&e, table))
}

/// `a.b` as `"a"."b"`.
fn quoted(name: &str) -> String {
    name.split('.').map(quoted_whole).collect::<Vec<_>>().join(".")
}

/// A name that may hold anything.
fn quoted_whole(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

async fn in_time<T>(step: impl Future<Output = Result<T, OutsideError>>) -> Result<T, OutsideError> {
    tokio::time::timeout(STEP, step).await.unwrap_or_else(|_| Err(OutsideError::Down("no answer in time".into())))
}

fn refused(error: &sqlx::Error, table: &DeclaredTable) -> OutsideError {
    told(error, &format!("table `{}`", table.name))
}

/// By its code alone: what a database says in words may hold a row.
fn told(error: &sqlx::Error, place: &str) -> OutsideError {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code).unwrap_or_default();
    match error {
        sqlx::Error::Database(_) if HELD.contains(&code.as_ref()) => OutsideError::Busy(format!("code {code}")),
        sqlx::Error::Database(_) if gone(error) || passes(&code) => {
            OutsideError::Down(format!("the database was in the way with code {code}"))
        }
        sqlx::Error::Database(_) => {
            OutsideError::Lies(format!("{place}: the database refused a statement with code {code}"))
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
            OutsideError::Lies(format!("{place}: a value cannot be read as text"))
        }
        _ => OutsideError::Down("the connection failed".into()),
    }
}

/// PostgreSQL: a statement or a lock took too long, or another transaction was at the same rows.
const HELD: [&str; 4] = ["57014", "55P03", "40001", "40P01"];

/// SQLite, which locks whole files: busy, locked, interrupted, full. PostgreSQL: a transaction took too long, resources are short.
fn passes(code: &str) -> bool {
    let ones = ["5", "6", "9", "13", "261", "517", "25P03"];
    ones.contains(&code) || (code.len() == 5 && code.starts_with("53"))
}

impl DeclaredTable {
    fn leaves_out(&self, column: &str) -> bool {
        self.left_out.keys().any(|name| name.eq_ignore_ascii_case(column))
    }
}

/// What a declared id column may be on PostgreSQL.
fn fits(kind: &str, form: IdForm) -> bool {
    match form {
        IdForm::Text => ["text", "character varying", "character"].contains(&kind),
        IdForm::Bytes => kind == "bytea",
    }
}
