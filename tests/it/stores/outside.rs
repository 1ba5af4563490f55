//! A database of somebody else: made, filled, stopped and started by hand.

use std::path::PathBuf;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tempfile::TempDir;

use crate::world::{Db, new_postgres};

pub(crate) struct Outside {
    pub(crate) kind: Db,
    pub(crate) url: String,
    file: PathBuf,
    _folder: TempDir,
}

impl Outside {
    /// An empty one.
    pub(crate) async fn new(kind: Db) -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("outside.db");
        if kind == Db::Postgres {
            return Self { kind, url: new_postgres().await, file, _folder: folder };
        }
        let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
        SqliteConnection::connect_with(&options).await.unwrap().close().await.unwrap();
        Self { kind, url: format!("sqlite://{}", file.display()), file, _folder: folder }
    }

    /// With people, and scores that point at them.
    pub(crate) async fn with_tables(kind: Db) -> Self {
        let outside = Self::new(kind).await;
        let bytes = if kind == Db::Sqlite { "BLOB" } else { "BYTEA" };
        outside.run(&format!("CREATE TABLE people (person TEXT PRIMARY KEY, seal {bytes})")).await;
        let scores = "CREATE TABLE scores (person TEXT NOT NULL REFERENCES people (person), topic TEXT NOT NULL, \
            value INTEGER, model TEXT)";
        outside.run(scores).await;
        outside.run("CREATE INDEX scores_person ON scores (person)").await;
        outside
    }

    pub(crate) async fn score(&self, id: &str, topic: &str, value: i64) {
        let seal = if self.kind == Db::Sqlite { "x'0aff'" } else { "'\\x0aff'" };
        let (id, topic) = (id.replace('\'', "''"), topic.replace('\'', "''"));
        self.run(&format!("INSERT INTO people VALUES ('{id}', {seal}) ON CONFLICT DO NOTHING")).await;
        self.run(&format!("INSERT INTO scores VALUES ('{id}', '{topic}', {value}, 'm')")).await;
    }

    pub(crate) async fn rows_of(&self, id: &str) -> i64 {
        let [scores, people] =
            ["scores", "people"].map(|table| format!("SELECT count(*) FROM {table} WHERE person = '{id}'"));
        self.number(&scores).await + self.number(&people).await
    }

    pub(crate) async fn run(&self, sql: &str) {
        let statement = AssertSqlSafe(sql.to_owned());
        match self.kind {
            Db::Sqlite => {
                let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
                sqlx::raw_sql(statement).execute(&mut connection).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
                connection.close().await.unwrap();
            }
            Db::Postgres => {
                let mut connection = PgConnection::connect(&self.url).await.unwrap();
                sqlx::raw_sql(statement).execute(&mut connection).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
                connection.close().await.unwrap();
            }
        }
    }

    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let statement = AssertSqlSafe(sql.to_owned());
        match self.kind {
            Db::Sqlite => {
                let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
                sqlx::query_scalar(statement).fetch_one(&mut connection).await.unwrap()
            }
            Db::Postgres => {
                let mut connection = PgConnection::connect(&self.url).await.unwrap();
                sqlx::query_scalar(statement).fetch_one(&mut connection).await.unwrap()
            }
        }
    }

    /// Nobody can connect.
    pub(crate) async fn stop(&self) {
        match self.kind {
            Db::Sqlite => std::fs::rename(&self.file, self.file.with_extension("away")).unwrap(),
            Db::Postgres => self.allow_connections(false).await,
        }
    }

    pub(crate) async fn start(&self) {
        match self.kind {
            Db::Sqlite => {
                assert!(!self.file.exists(), "a file that was away was made anew");
                std::fs::rename(self.file.with_extension("away"), &self.file).unwrap();
            }
            Db::Postgres => self.allow_connections(true).await,
        }
    }

    async fn allow_connections(&self, yes: bool) {
        let server = sayso::config::variable("SAYSO_TEST_POSTGRES_URL").unwrap();
        let (_, name) = self.url.rsplit_once('/').unwrap();
        let sql = format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS {yes}");
        let mut connection = PgConnection::connect(&server).await.unwrap();
        sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

/// The declaration of [`Outside::with_tables`].
pub(crate) fn engine(name: &str, outside: &Outside) -> String {
    format!(
        "[[store]]\nname = \"{name}\"\nrecipient = \"acme\"\nurl = \"{}\"\n\
         [[store.table]]\nname = \"scores\"\nid = \"person\"\nleft_out = {{ model = \"says nothing\" }}\n\
         canary = {{ topic = \"it's\", value = 1 }}\n\
         [[store.table]]\nname = \"people\"\nid = \"person\"\n",
        outside.url
    )
}
