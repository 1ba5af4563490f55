//! A database that is taken, missing, damaged or gone: an error that says so, never a panic and never a new database.

use std::time::Duration;

use sayso::clock::Clock;
use sayso::config::Config;
use sayso::datamap::DataMap;
use sayso::secret::Entropy;
use sayso::service::{App, BootError};
use sayso::store::{Access, Store, StoreError};
use sqlx::{AssertSqlSafe, PgPool};

use crate::on_both;
use crate::world::{Db, NOON, World};

async fn open(world: &World, access: Access) -> Result<Store, StoreError> {
    Store::open(world.path(), &world.database, access, &DataMap::built_in().unwrap()).await
}

#[tokio::test]
async fn a_second_server_on_one_file_is_refused_and_a_reader_beside_it_is_not() {
    let world = World::new(Db::Sqlite).await;
    assert!(matches!(open(&world, Access::Serve).await, Err(StoreError::Locked)));
    let reader = open(&world, Access::Inspect).await.unwrap();
    let head = reader.read_tx(&(), |tx, ()| Box::pin(tx.head())).await.unwrap();
    let size = world.app.verify_log(&[], |_| {}).await.unwrap().size;
    assert_eq!(head.seq.0, size);

    let config = Config { data: world.path().into(), ..Config::default() };
    let second = App::open(config, Clock::fixed(NOON), Entropy::seeded(8), Access::Serve).await;
    assert!(matches!(second, Err(BootError::Store(StoreError::Locked))));
    drop(reader);
    let World { app, data, .. } = world;
    drop(app);
    let again = Store::open(data.path(), "", Access::Serve, &DataMap::built_in().unwrap()).await;
    assert!(again.is_ok(), "the lock outlived its server: {:?}", again.err());
}

#[tokio::test]
async fn looking_at_nothing_makes_no_database() {
    let folder = tempfile::TempDir::new().unwrap();
    let looked = Store::open(folder.path(), "", Access::Inspect, &DataMap::built_in().unwrap()).await;
    assert!(matches!(looked, Err(StoreError::Unavailable(_))), "{looked:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// N10: what cannot be read refuses to start.
#[tokio::test]
async fn a_damaged_or_missing_file_refuses_to_start() {
    let World { app, data, .. } = World::new(Db::Sqlite).await;
    app.store.close().await;
    drop(app);
    let start = || {
        let config = Config { data: data.path().into(), ..Config::default() };
        App::open(config, Clock::fixed(NOON), Entropy::seeded(8), Access::Serve)
    };
    let file = Store::sqlite_file(data.path());
    let good = std::fs::read(&file).unwrap();
    for bad in [b"this is no database, whatever its name says".repeat(200), good[..good.len() / 2].to_vec()] {
        std::fs::write(&file, bad).unwrap();
        let started = start().await;
        assert!(matches!(started, Err(BootError::Store(_))), "{started:?}");
    }
    std::fs::write(&file, &good).unwrap();
    assert!(start().await.is_ok());
}

#[tokio::test]
async fn a_file_that_goes_while_the_server_runs_is_an_error_and_no_panic() {
    let world = World::new(Db::Sqlite).await;
    let file = Store::sqlite_file(world.path());
    std::fs::rename(&file, file.with_extension("gone")).unwrap();
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", file.display()));
    }
    // Connections that are open go on with the file they have; new ones fail. Neither makes an empty database.
    let _ = world.app.verify_log(&[], |_| {}).await;
    let looked = open(&world, Access::Inspect).await;
    assert!(matches!(looked, Err(StoreError::Unavailable(_))), "{looked:?}");
    assert!(!file.exists());
}

async fn admin(world: &World) -> (PgPool, String) {
    let (base, name) = world.database.rsplit_once('/').unwrap();
    (PgPool::connect(&format!("{base}/postgres")).await.unwrap(), name.to_owned())
}

async fn run(pool: &PgPool, sql: String) {
    sqlx::query(AssertSqlSafe(sql)).execute(pool).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_goes_is_unavailable_and_comes_back() {
    let world = World::new(Db::Postgres).await;
    let before = world.app.verify_log(&[], |_| {}).await.unwrap();
    let (admin, name) = admin(&world).await;
    run(&admin, format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")).await;
    run(&admin, format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")).await;
    for _ in 0..3 {
        let ping = tokio::time::timeout(Duration::from_secs(20), world.app.store.ping()).await.expect("it hangs");
        assert!(matches!(ping, Err(StoreError::Unavailable(_))), "{ping:?}");
        let read = world.app.store.read_tx(&(), |tx, ()| Box::pin(tx.head())).await;
        assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
        let write = world.app.store.run_tx(&(), |tx, ()| Box::pin(tx.take_head(NOON))).await;
        assert!(matches!(write, Err(StoreError::Unavailable(_))), "{write:?}");
    }
    assert!(matches!(open(&world, Access::Serve).await, Err(StoreError::Unavailable(_))));
    run(&admin, format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true")).await;
    assert_eq!(world.app.verify_log(&[], |_| {}).await.unwrap(), before);
}

/// A connection that dies under a transaction: nothing of it is there, and the next one works.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_dies_in_a_transaction_leaves_nothing_of_it() {
    let world = World::new(Db::Postgres).await;
    let before = crate::raw::everything(&world).await;
    let (admin, name) = admin(&world).await;
    let died = world
        .app
        .store
        .run_tx(&(admin, name), |tx, (admin, name)| {
            Box::pin(async move {
                tx.take_head(NOON).await?;
                run(admin, format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"))
                    .await;
                tx.head().await
            })
        })
        .await;
    assert!(matches!(died, Err(StoreError::Unavailable(_))), "{died:?}");
    assert_eq!(crate::raw::everything(&world).await, before);
}

on_both!(keys_of_another_service_do_not_start_on_this_database, |world| {
    let other = World::with(world.db, |config| config.log_origin = "other.example/log".into()).await;
    let ring = std::fs::read(other.path().join("keys/ring.json")).unwrap();
    let World { app, database, data, .. } = world;
    app.store.close().await;
    drop(app);
    std::fs::write(data.path().join("keys/ring.json"), ring).unwrap();
    let config =
        Config { data: data.path().into(), database, log_origin: "other.example/log".into(), ..Config::default() };
    let started = App::open(config, Clock::fixed(NOON), Entropy::seeded(8), Access::Serve).await;
    assert!(matches!(started, Err(BootError::ForeignRing)), "{started:?}");
});

on_both!(the_operators_secret_is_said_again_until_somebody_was_shown_it, |world| {
    let World { app, operator_secret, database, data, .. } = world;
    app.store.close().await;
    drop(app);
    let start = async || {
        let config = Config { data: data.path().into(), database: database.clone(), ..Config::default() };
        let boot = App::open(config, Clock::fixed(NOON), Entropy::seeded(9), Access::Serve).await.unwrap();
        boot.app.store.close().await;
        boot
    };
    assert_eq!(start().await.operator_secret, None);
    std::fs::remove_file(data.path().join("keys/operator-secret-was-shown")).unwrap();
    assert_eq!(start().await.operator_secret, Some(operator_secret.clone()), "killed before it could say it");
    let boot = start().await;
    assert_eq!(boot.operator_secret, Some(operator_secret));
    boot.app.operator_secret_was_shown().unwrap();
    drop(boot);
    assert_eq!(start().await.operator_secret, None);
});
