//! An erasure after a crash at each of its steps, and one that is not done because something is left (N15).

use sayso::clock::Clock;
use sayso::config::Config;
use sayso::secret::Entropy;
use sayso::service::{App, ErasureStarted, PersonCaller, ServiceError};
use sayso::store::{Access, Cell};

use super::members::{email, member};
use crate::on_both;
use crate::raw::Raw;
use crate::world::{Db, NOON, World};

async fn run(world: &World, sql: &str) {
    let raw = Raw::of(world).await;
    raw.run(sql, &[]).await;
    raw.close().await;
}

async fn rows(world: &World, table: &str, person: &PersonCaller) -> i64 {
    let raw = Raw::of(world).await;
    let subject = [Cell::Bytes(person.subject.as_bytes().to_vec())];
    let count = raw.number(&format!("SELECT count(*) FROM {table} WHERE subject = $1"), &subject).await;
    raw.close().await;
    count
}

async fn step(world: &World, started: &ErasureStarted) -> &'static str {
    world.app.erasure(&started.reference).await.unwrap().step
}

/// The process ends without a word, and the next one starts on what is there.
async fn crash(world: World) -> World {
    let World { app, db, operator_secret, database, data } = world;
    drop(app);
    let mut config = Config { data: data.path().into(), database: database.clone(), ..Config::default() };
    config.quantum_millis = 0;
    let boot = App::open(config, Clock::fixed(NOON), Entropy::seeded(99), Access::Serve).await.unwrap();
    assert!(boot.operator_secret.is_none(), "it took itself for a first start");
    World { app: boot.app.into(), db, operator_secret, database, data }
}

/// From now on whatever is deleted from this table comes back (`raises` false), or cannot be deleted at all.
async fn resist(world: &World, table: &str, raises: bool) {
    let (when, act) = match (raises, world.db) {
        (true, Db::Sqlite) => ("BEFORE", "SELECT RAISE(ABORT, 'no')".into()),
        (true, Db::Postgres) => ("BEFORE", "RAISE EXCEPTION 'no'".into()),
        (false, Db::Postgres) => ("AFTER", format!("INSERT INTO {table} SELECT (OLD).*")),
        (false, Db::Sqlite) => ("AFTER", format!("INSERT INTO {table} VALUES ({})", old_columns(table))),
    };
    if world.db == Db::Sqlite {
        return run(world, &format!("CREATE TRIGGER resist {when} DELETE ON {table} BEGIN {act}; END")).await;
    }
    run(
        world,
        &format!("CREATE FUNCTION resist() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {act}; RETURN OLD; END $$"),
    )
    .await;
    run(world, &format!("CREATE TRIGGER resist {when} DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION resist()")).await;
}

/// The columns of a deleted row, in the order of the table.
fn old_columns(table: &str) -> String {
    let schema = include_str!("../../../migrations/sqlite/0001_foundation.sql");
    let (_, rest) = schema.split_once(&format!("CREATE TABLE {table} (")).unwrap();
    let (columns, _) = rest.split_once(") STRICT").unwrap();
    let names = columns.lines().filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| name.chars().all(|c| c.is_lowercase() || c == '_'))
        .map(|name| format!("OLD.{name}"))
        .collect::<Vec<_>>()
        .join(", ")
}

async fn give_way(world: &World, table: &str) {
    let of = if world.db == Db::Sqlite { String::new() } else { format!(" ON {table}") };
    run(world, &format!("DROP TRIGGER resist{of}")).await;
}

/// Somebody with a stored answer, so that there is something to resist with.
async fn with_answer(world: &World) -> PersonCaller {
    let anna = member(world, "anna@example.org").await;
    let key = world.app.idempotency("anna", "hold", "key", b"");
    world.app.hold(&anna, Some(&key)).await.unwrap();
    anna
}

async fn finishes(world: &World, started: &ErasureStarted, anna: &PersonCaller) {
    world.app.run_erasures().await.unwrap();
    let view = world.app.erasure(&started.reference).await.unwrap();
    assert_eq!(view.step, "done");
    assert!(view.finished_us >= Some(view.started_us));
    assert!(view.removed["standing"] == 1 && view.removed["subject_key"] == 1 && view.removed["idempotency"] >= 1);
    for table in ["standing", "subject_key", "identifier", "idempotency", "event", "erasure_job"] {
        assert_eq!(rows(world, table, anna).await, 0, "{table}");
    }
    let report = world.app.verify_log(&[], |_| {}).await.unwrap();
    assert_eq!(report.findings, [], "the log still holds together");
}

/// More than goes in the act that denies them.
async fn with_many_rows(world: &World) -> PersonCaller {
    let anna = with_answer(world).await;
    let raw = Raw::of(world).await;
    let most = sayso::limits::ERASED_AT_ONCE_ROWS_MAX;
    let rows = format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {most}) \
         INSERT INTO topic_choice SELECT $1, 'topic-' || i, 1 FROM n"
    );
    raw.run(&rows, &[Cell::Bytes(anna.subject.as_bytes().to_vec())]).await;
    raw.close().await;
    anna
}

on_both!(whoever_has_few_rows_is_gone_when_the_answer_comes, |world| {
    let anna = with_answer(&world).await;
    let ben = member(&world, "ben@example.org").await;
    let started = world.app.erase(&anna, None).await.unwrap();
    assert_eq!(step(&world, &started).await, "removed");
    for table in ["standing", "subject_key", "identifier", "idempotency", "event", "session", "credential"] {
        assert_eq!(rows(&world, table, &anna).await, 0, "{table}");
    }
    assert!(rows(&world, "standing", &ben).await + rows(&world, "subject_key", &ben).await == 2, "somebody else's");
    let world = crash(world).await;
    finishes(&world, &started, &anna).await;
    let certificate = world.app.erasure(&started.reference).await.unwrap().certificate.unwrap();
    let key = sayso::log::parse_vkey(&world.app.log_vkey()).unwrap();
    let opened = sayso::log::Receipt::parse(&certificate).unwrap().check(&key).unwrap();
    let sayso::domain::Act::ErasureCompleted { removed, unlinked, .. } = opened.event.act else {
        panic!("another act")
    };
    assert_eq!((removed["identifier"], removed["event"], removed["edge"]), (1, 3, 0));
    let kinds: Vec<(&str, u64)> = unlinked.iter().map(|(kind, times)| (kind.as_str(), *times)).collect();
    assert_eq!(kinds, [("erased", 1), ("held", 1), ("registered", 1)]);
});

on_both!(a_mail_in_the_outbox_goes_with_the_rest_of_its_owner, |world| {
    let anna = with_answer(&world).await;
    world.app.send_login_code(&email("anna@example.org"), sayso::words::Lang::English).await.unwrap();
    let files = || std::fs::read_dir(world.path().join("outbox")).unwrap().count();
    assert_eq!(files(), 1);
    let started = world.app.erase(&anna, None).await.unwrap();
    assert_eq!(step(&world, &started).await, "fenced", "the file is looked for while the rows say whose it is");
    assert_eq!(files(), 1);
    finishes(&world, &started, &anna).await;
    assert_eq!(files(), 0);
});

on_both!(an_outbox_that_cannot_be_read_keeps_nobody_from_being_denied, |world| {
    let anna = with_answer(&world).await;
    let outbox = world.path().join("outbox");
    std::fs::remove_dir(&outbox).unwrap();
    std::fs::write(&outbox, "a file").unwrap();
    let started = world.app.erase(&anna, None).await.unwrap();
    assert_eq!(step(&world, &started).await, "fenced");
    assert!(world.app.run_erasures().await.is_err());
    std::fs::remove_file(&outbox).unwrap();
    finishes(&world, &started, &anna).await;
});

on_both!(nor_does_a_row_that_somebody_else_hung_on_them, |world| {
    let anna = with_answer(&world).await;
    let bytes = if world.db == Db::Sqlite { "BLOB" } else { "BYTEA" };
    run(&world, &format!("CREATE TABLE strange (subject {bytes} REFERENCES standing (subject))")).await;
    let raw = Raw::of(&world).await;
    raw.run("INSERT INTO strange VALUES ($1)", &[Cell::Bytes(anna.subject.as_bytes().to_vec())]).await;
    raw.close().await;
    let started = world.app.erase(&anna, None).await.unwrap();
    assert_eq!(step(&world, &started).await, "fenced");
    assert!(world.app.run_erasures().await.is_err());
    run(&world, "DROP TABLE strange").await;
    finishes(&world, &started, &anna).await;
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_does_a_row_that_somebody_else_is_writing() {
    let world = World::new(Db::Postgres).await;
    let anna = with_answer(&world).await;
    let raw = Raw::of(&world).await;
    let Raw::Postgres(pool) = &raw else { panic!("another database") };
    let mut other = pool.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM idempotency FOR UPDATE").fetch_all(&mut *other).await.unwrap();
    let started = world.app.erase(&anna, None).await.unwrap();
    assert_eq!(step(&world, &started).await, "fenced");
    other.rollback().await.unwrap();
    raw.close().await;
    finishes(&world, &started, &anna).await;
}

on_both!(an_erasure_denies_at_once_and_is_carried_out_after_a_crash, |world| {
    let anna = with_many_rows(&world).await;
    let started = world.app.erase(&anna, None).await.unwrap();
    assert_eq!(step(&world, &started).await, "fenced");
    assert!(matches!(world.app.erase(&anna, None).await, Err(ServiceError::Conflict(_))), "erased twice");
    let world = crash(world).await;
    assert_eq!(step(&world, &started).await, "fenced");
    assert_eq!(rows(&world, "standing", &anna).await, 1);
    let log_in = world.app.store.read_tx(&anna.session, |tx, id| Box::pin(tx.session(id, NOON))).await;
    assert!(log_in.unwrap().is_none(), "logged in while being erased");
    finishes(&world, &started, &anna).await;
});

on_both!(a_removal_that_fails_leaves_everything_and_is_tried_again, |world| {
    let anna = with_answer(&world).await;
    resist(&world, "idempotency", true).await;
    let started = world.app.erase(&anna, None).await.unwrap();
    assert!(world.app.run_erasures().await.is_err());
    assert_eq!(step(&world, &started).await, "fenced");
    for table in ["standing", "subject_key", "identifier", "idempotency"] {
        assert!(rows(&world, table, &anna).await > 0, "{table}: half of a removal was kept");
    }
    let world = crash(world).await;
    give_way(&world, "idempotency").await;
    finishes(&world, &started, &anna).await;
});

on_both!(no_erasure_is_done_while_a_row_is_left, |world| {
    let anna = with_answer(&world).await;
    resist(&world, "idempotency", false).await;
    let started = world.app.erase(&anna, None).await.unwrap();
    for _ in 0..3 {
        assert!(world.app.run_erasures().await.is_err(), "done with a row left");
        let view = world.app.erasure(&started.reference).await.unwrap();
        assert_eq!((view.step, view.finished_us), ("removed", None));
        assert!(rows(&world, "idempotency", &anna).await > 0);
    }
    let world = crash(world).await;
    assert_eq!(step(&world, &started).await, "removed");
    give_way(&world, "idempotency").await;
    finishes(&world, &started, &anna).await;
});

on_both!(nor_while_a_code_is_left_that_only_their_address_leads_to, |world| {
    let anna = with_answer(&world).await;
    world.app.send_login_code(&email("anna@example.org"), sayso::words::Lang::English).await.unwrap();
    resist(&world, "code", false).await;
    let started = world.app.erase(&anna, None).await.unwrap();
    assert!(world.app.run_erasures().await.is_err(), "a code came back and nobody noticed");
    assert_eq!(step(&world, &started).await, "fenced");
    give_way(&world, "code").await;
    finishes(&world, &started, &anna).await;
});

on_both!(one_erasure_that_cannot_finish_holds_up_no_other, |world| {
    let anna = with_answer(&world).await;
    let ben = member(&world, "ben@example.org").await;
    resist(&world, "idempotency", false).await;
    let stuck = world.app.erase(&anna, None).await.unwrap();
    let other = world.app.erase(&ben, None).await.unwrap();
    assert!(world.app.run_erasures().await.is_err(), "the failure must be told");
    assert_eq!(step(&world, &stuck).await, "removed");
    assert_eq!(step(&world, &other).await, "done");
});

on_both!(an_erased_address_starts_from_nothing, |world| {
    let anna = with_answer(&world).await;
    world.app.erase(&anna, None).await.unwrap();
    world.app.run_erasures().await.unwrap();
    let again = member(&world, "anna@example.org").await;
    assert_ne!(again.subject, anna.subject);
    let consents = world.app.consents(&again).await.unwrap();
    assert_eq!((consents.history.len(), consents.held), (1, false));
    assert!(world.app.erase(&anna, None).await.is_err());
});
