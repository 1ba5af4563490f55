//! A whole service for one test: real database, fixed clock, seeded entropy, its own data folder.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sayso::clock::Clock;
use sayso::config::Config;
use sayso::domain::Micros;
use sayso::policy::Registry;
use sayso::secret::Entropy;
use sayso::service::{App, Export};
use sayso::store::Access;
use tempfile::TempDir;

/// 2026-11-23T12:00:00Z, a Monday.
pub const NOON: Micros = Micros(1_795_435_200_000_000);

/// Which database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Db {
    Sqlite,
    Postgres,
}

/// One service.
pub struct World {
    pub app: Arc<App>,
    pub db: Db,
    pub operator_secret: String,
    pub database: String,
    pub data: TempDir,
}

impl World {
    /// A fresh service that answers without waiting for the quantum.
    pub async fn new(db: Db) -> Self {
        Self::with(db, |_| {}).await
    }

    /// The same with other settings.
    pub async fn with(db: Db, change: impl FnOnce(&mut Config)) -> Self {
        Self::under(db, Registry::built_in().unwrap(), change).await
    }

    /// The same with another registry.
    pub async fn under(db: Db, registry: Registry, change: impl FnOnce(&mut Config)) -> Self {
        let data = TempDir::new().unwrap();
        let database = if db == Db::Postgres { new_postgres().await } else { String::new() };
        let mut config = Config { data: data.path().into(), database: database.clone(), ..Config::default() };
        config.quantum_millis = 0;
        config.public_url = String::from("https://sayso.example");
        change(&mut config);
        let (clock, entropy) = (Clock::fixed(NOON), Entropy::seeded(7));
        let boot = App::open_with(registry, config, clock, entropy, Access::Serve).await.unwrap();
        let operator_secret = boot.operator_secret.expect("a first start");
        boot.app.operator_secret_was_shown().unwrap();
        Self { app: Arc::new(boot.app), db, operator_secret, database, data }
    }

    /// The data folder.
    pub fn path(&self) -> &Path {
        self.data.path()
    }

    /// Moves the clock forward.
    pub fn pass_seconds(&self, seconds: i64) {
        self.app.clock.not_before(self.app.clock.now().plus_seconds(seconds));
    }
}

/// A whole export, as its caller reads it.
pub fn read(mut export: Export) -> serde_json::Value {
    let mut text = Vec::new();
    while let Some(piece) = export.content.piece().unwrap() {
        text.extend(piece);
    }
    assert_eq!(export.content.bytes_left(), 0);
    serde_json::from_slice(&text).unwrap()
}

/// A database of one's own on the PostgreSQL that `tests/run` started.
pub async fn new_postgres() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let server = sayso::config::variable("SAYSO_TEST_POSTGRES_URL")
        .expect("no PostgreSQL for the tests: run them with `./tests/run`, which starts one");
    let name = format!("sayso_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let (base, _) = server.rsplit_once('/').unwrap();
    let admin = sqlx::PgPool::connect(&server).await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&admin).await.unwrap();
    admin.close().await;
    format!("{base}/{name}")
}

/// One test for each database: `on_both!(the_claim, |world| { .. });`
#[macro_export]
macro_rules! on_both {
    ($name:ident, |$world:ident| $body:block) => {
        mod $name {
            #[allow(unused_imports, reason = "some claims need nothing of their file")]
            use super::*;

            async fn claim($world: $crate::world::World) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                claim($crate::world::World::new($crate::world::Db::Sqlite).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                claim($crate::world::World::new($crate::world::Db::Postgres).await).await;
            }
        }
    };
}
