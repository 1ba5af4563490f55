//! The last checkpoint stands outside the database: an older or rewritten database is refused (N27), and so is an empty one.

use std::path::Path;

use sayso::clock::Clock;
use sayso::config::Config;
use sayso::secret::Entropy;
use sayso::service::{App, BootError, RolledBack};
use sayso::store::Access;

use super::*;
use crate::world::NOON;

async fn start(world: &World) -> Result<(), BootError> {
    let mut config = Config { data: world.path().into(), database: world.database.clone(), ..Config::default() };
    config.public_url = String::from("https://sayso.example");
    let boot = App::open(config, Clock::fixed(NOON), Entropy::seeded(5), Access::Serve).await?;
    assert!(boot.operator_secret.is_none(), "it took itself for a first start");
    boot.app.store.close().await;
    Ok(())
}

fn copy(from: &Path, to: &Path) {
    for name in ["sayso.db", "sayso.db-wal", "sayso.db-shm"] {
        let _ = std::fs::remove_file(to.join(name));
        if from.join(name).exists() {
            std::fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
}

/// Stops the service; what it kept stays.
async fn stop(world: &World) {
    world.app.keep_checkpoint().await.unwrap();
    world.app.store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_copy_of_the_database_is_refused_even_when_it_has_grown_since() {
    let world = World::new(Db::Sqlite).await;
    let ann = join(&world, "ann@example.org").await;
    world.app.store.empty_write_ahead_log().await.unwrap();
    let backup = tempfile::TempDir::new().unwrap();
    copy(world.path(), backup.path());
    for _ in 0..3 {
        world.app.hold(&ann.caller, None).await.unwrap();
    }
    stop(&world).await;
    let World { app, data, .. } = world;
    drop(app);
    let place = Place { data: data.path(), database: "" };
    place.start().await.unwrap();

    let newest = tempfile::TempDir::new().unwrap();
    copy(data.path(), newest.path());
    copy(backup.path(), data.path());
    assert!(matches!(place.start().await, Err(BootError::RolledBack(RolledBack::Older { .. }))));
    // Whoever hides the kept checkpoint, lets the copy grow past it, and puts it back.
    let hidden = std::fs::read(data.path().join("checkpoint")).unwrap();
    std::fs::remove_file(data.path().join("checkpoint")).unwrap();
    place.grow(9).await;
    std::fs::write(data.path().join("checkpoint"), &hidden).unwrap();
    assert!(matches!(place.start().await, Err(BootError::RolledBack(RolledBack::Rewritten(..)))));
    copy(newest.path(), data.path());
    place.start().await.unwrap();
}

/// A data folder without a running service.
struct Place<'a> {
    data: &'a Path,
    database: &'a str,
}

impl Place<'_> {
    async fn open(&self) -> Result<App, BootError> {
        let config = Config { data: self.data.into(), database: self.database.into(), ..Config::default() };
        Ok(App::open(config, Clock::fixed(NOON), Entropy::seeded(5), Access::Serve).await?.app)
    }
    async fn start(&self) -> Result<(), BootError> {
        self.open().await?.store.close().await;
        Ok(())
    }
    async fn grow(&self, events: usize) {
        let app = self.open().await.unwrap();
        for n in 0..events {
            let who = address(&format!("grow{n}@example.org"));
            app.opt_out(&who, sayso::domain::Whom::Oneself, None).await.unwrap();
        }
        app.store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_database_is_no_first_start() {
    let world = World::new(Db::Sqlite).await;
    join(&world, "ann@example.org").await;
    stop(&world).await;
    let World { app, data, .. } = world;
    drop(app);
    for name in ["sayso.db", "sayso.db-wal", "sayso.db-shm"] {
        let _ = std::fs::remove_file(data.path().join(name));
    }
    let place = Place { data: data.path(), database: "" };
    let refused = place.start().await.unwrap_err();
    assert!(matches!(refused, BootError::RolledBack(RolledBack::Older { found: 0, .. })), "{refused}");
    assert!(refused.to_string().contains("begin anew"), "it says what to do: {refused}");
}

on_both!(a_rewritten_or_cut_database_is_refused_at_the_start_and_named_by_the_verification, |world| {
    community(&world, 3).await;
    world.app.keep_checkpoint().await.unwrap();
    let size = log_size(&world).await;
    tamper(&world, &format!("UPDATE log_head SET seq = {}", size - 1)).await;
    assert_ne!(findings(&world).await, []);
    if world.db == Db::Postgres {
        assert!(start(&world).await.is_err(), "the head was cut");
    }
    tamper(&world, &format!("UPDATE log_head SET seq = {size}")).await;
    assert_eq!(findings(&world).await, []);
    // Every proof is made of these: the highest one covers most of the log.
    let changed = if world.db == Db::Sqlite { "randomblob(32)" } else { "sha256(hash)" };
    let highest: i64 = ask(&world, "SELECT CAST(max(level) AS TEXT) FROM tree_node").await[0].parse().unwrap();
    tamper(&world, &format!("UPDATE tree_node SET hash = {changed} WHERE level = {highest} AND place = 0")).await;
    if world.db == Db::Postgres {
        assert!(matches!(start(&world).await, Err(BootError::RolledBack(RolledBack::Rewritten(..)))));
    }
    let found = findings(&world).await;
    assert!(found.iter().any(|(seq, _)| *seq == Some(1 << highest)), "{found:?}");
});

on_both!(a_kept_checkpoint_that_is_not_ours_is_refused, |world| {
    community(&world, 1).await;
    std::fs::write(world.path().join("checkpoint"), "something else").unwrap();
    assert!(!findings(&world).await.is_empty());
    if world.db == Db::Postgres {
        assert!(matches!(start(&world).await, Err(BootError::RolledBack(RolledBack::Foreign(..)))));
    }
});

on_both!(the_service_itself_can_neither_change_nor_remove_a_leaf_or_a_notice, |world| {
    community(&world, 2).await;
    for statement in [
        "DELETE FROM event",
        "DELETE FROM event WHERE seq = 1",
        "UPDATE event SET kind = 'x'",
        "UPDATE event SET day = day - 1",
        "UPDATE event SET commitment = commitment",
        "UPDATE event SET seq = seq + 1000",
        "DELETE FROM tree_node",
        "UPDATE tree_node SET hash = hash",
        "UPDATE tree_node SET place = place + 1000",
        "UPDATE notice SET material = 0",
        "DELETE FROM notice",
        "UPDATE notice_translation SET locale = locale",
        "DELETE FROM notice_translation",
    ] {
        let query = sqlx::query(sqlx::AssertSqlSafe(statement));
        let refused = match &world.app.store {
            sayso::store::Store::Sqlite { writer, .. } => query.execute(writer).await.map(drop).unwrap_err(),
            sayso::store::Store::Postgres { pool, .. } => {
                sqlx::query(sqlx::AssertSqlSafe(statement)).execute(pool).await.map(drop).unwrap_err()
            }
        };
        let text = refused.to_string();
        assert!(text.contains("never") || text.contains("permission denied"), "{statement}: {text}");
    }
    if let sayso::store::Store::Postgres { pool, .. } = &world.app.store {
        for statement in
            ["TRUNCATE event", "DROP TABLE event", "DELETE FROM log_head", "ALTER TABLE event DISABLE TRIGGER ALL"]
        {
            assert!(sqlx::query(sqlx::AssertSqlSafe(statement)).execute(pool).await.is_err(), "{statement}");
        }
    }
    assert_eq!(findings(&world).await, []);
});

// On PostgreSQL the database can be replaced under a service that runs.
on_both!(a_database_that_is_replaced_under_the_service_stops_it, |world| {
    community(&world, 1).await;
    world.app.keep_checkpoint().await.unwrap();
    let kept = std::fs::read(world.path().join("checkpoint")).unwrap();
    let highest: i64 = ask(&world, "SELECT CAST(max(level) AS TEXT) FROM tree_node").await[0].parse().unwrap();
    let changed = if world.db == Db::Sqlite { "randomblob(32)" } else { "sha256(hash)" };
    tamper(&world, &format!("UPDATE tree_node SET hash = {changed} WHERE level = {highest} AND place = 0")).await;
    world.app.opt_out(&address("one-more@example.org"), Whom::Oneself, None).await.unwrap();
    assert!(world.app.keep_checkpoint().await.is_err());
    assert_eq!(std::fs::read(world.path().join("checkpoint")).unwrap(), kept, "what was kept stays");
    assert!(world.app.opt_out(&address("too-late@example.org"), Whom::Oneself, None).await.is_err(), "it went on");
});

// The file cannot be read for a moment, or is not ours: that is told, but it is no reason to stop everything.
on_both!(a_kept_checkpoint_that_cannot_be_read_stops_nobody, |world| {
    community(&world, 1).await;
    let path = world.path().join("checkpoint");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert!(world.app.keep_checkpoint().await.is_err(), "said to be kept");
    world.app.opt_out(&address("still@example.org"), Whom::Oneself, None).await.unwrap();
    std::fs::remove_dir(&path).unwrap();
    world.app.keep_checkpoint().await.unwrap();
});
