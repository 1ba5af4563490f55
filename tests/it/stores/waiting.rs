//! A store that is down, hangs, or has a row again: the erasure waits, nothing else does.

use std::net::Ipv4Addr;

use sayso::crypto::{KeyRing, Place, open};
use sayso::datamap::ColumnType;
use sayso::service::ServiceError;
use sayso::store::Cell;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::outside::{Outside, engine};
use super::{names, shown, state, work, world};
use crate::on_both;
use crate::people::{allow, dump, join, triple};
use crate::raw::Raw;
use crate::world::{Db, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_down_keeps_the_erasure_open_while_another_is_cleared() {
    for (db, down, up) in [(Db::Sqlite, Db::Postgres, Db::Sqlite), (Db::Postgres, Db::Sqlite, Db::Postgres)] {
        let (engine_db, archive_db) = (Outside::with_tables(down).await, Outside::with_tables(up).await);
        let world = world(db, &(engine("engine", &engine_db) + &engine("archive", &archive_db))).await;
        let (ann, id) = shown(&world).await;
        engine_db.score(&id, "trains", 1).await;
        archive_db.score(&id, "trains", 2).await;
        engine_db.stop().await;
        let started = world.app.erase(&ann.caller, None).await.unwrap();
        let half = ("removed", names(&[("archive", "cleared"), ("engine", "waiting")]));
        let mut tries = 0;
        for _ in 0..3 {
            work(&world.app).await;
            assert_eq!(state(&world.app, &started).await, half, "{db:?}");
            let view = world.app.erasure(&started.reference).await.unwrap();
            let waits = &view.stores[1];
            assert!(waits.tries > tries && waits.next_us.unwrap() > world.app.clock.now(), "{waits:?}");
            tries = waits.tries;
            work(&world.app).await;
            assert_eq!(
                world.app.erasure(&started.reference).await.unwrap().stores[1].tries,
                tries,
                "not before its time"
            );
            world.app.clock.not_before(waits.next_us.unwrap());
        }
        assert_eq!(archive_db.rows_of(&id).await, 0);
        // Whoever has nothing there is done meanwhile.
        let ben = join(&world, "ben@example.org").await;
        let other = world.app.erase(&ben.caller, None).await.unwrap();
        world.app.run_erasures().await.unwrap();
        assert_eq!(state(&world.app, &other).await, ("done", names(&[])));

        engine_db.start().await;
        work(&world.app).await;
        assert_eq!(
            state(&world.app, &started).await,
            ("done", names(&[("archive", "cleared"), ("engine", "cleared")]))
        );
        assert_eq!(engine_db.rows_of(&id).await, 0);
        let view = world.app.erasure(&started.reference).await.unwrap();
        assert_eq!((view.removed["archive/scores"], view.removed["engine/scores"]), (1, 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_hangs_holds_up_no_other() {
    let silent = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let archive_db = Outside::with_tables(Db::Sqlite).await;
    let url = format!("postgres://nobody@{}/x?sslmode=disable", silent.local_addr().unwrap());
    let hanging = engine("engine", &archive_db).replace(&archive_db.url, &url);
    let world = world(Db::Sqlite, &(hanging + &engine("archive", &archive_db))).await;
    world.pass_seconds(5);
    let (ann, id) = shown(&world).await;
    archive_db.score(&id, "trains", 1).await;
    let started = world.app.erase(&ann.caller, None).await.unwrap();
    let begun = sayso::clock::Mark::now();
    let app = world.app.clone();
    let hangs = tokio::spawn(async move { app.tend_store("engine").await });
    world.app.tend_store("archive").await.unwrap();
    assert!(begun.elapsed().as_secs() < 4 && !hangs.is_finished());
    assert_eq!(archive_db.rows_of(&id).await, 0);
    hangs.await.unwrap().unwrap();
    assert!(begun.elapsed().as_secs() < 15, "it is given up for now");
    world.app.run_erasures().await.unwrap();
    assert_eq!(state(&world.app, &started).await, ("removed", names(&[("archive", "cleared"), ("engine", "waiting")])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_comes_back_before_the_certificate_is_found_and_goes_too() {
    for (db, kind) in [(Db::Sqlite, Db::Sqlite), (Db::Postgres, Db::Postgres)] {
        let outside = Outside::with_tables(kind).await;
        let world = world(db, &engine("engine", &outside)).await;
        let (ann, id) = shown(&world).await;
        outside.score(&id, "trains", 1).await;
        let started = world.app.erase(&ann.caller, None).await.unwrap();
        world.app.run_erasures().await.unwrap();
        world.app.tend_store("engine").await.unwrap();
        assert_eq!(state(&world.app, &started).await, ("removed", names(&[("engine", "cleared")])));
        outside.score(&id, "ships", 2).await;
        let refused = world.app.certify_cleared().await;
        assert!(matches!(refused, Err(ServiceError::ScoreStore(_))), "{refused:?}");
        assert_eq!(state(&world.app, &started).await, ("removed", names(&[("engine", "waiting")])));
        world.pass_seconds(5);
        work(&world.app).await;
        assert_eq!(state(&world.app, &started).await, ("done", names(&[("engine", "cleared")])));
        assert_eq!(outside.rows_of(&id).await, 0);
        assert_eq!(
            world.app.erasure(&started.reference).await.unwrap().removed["engine/scores"],
            2,
            "every row counts once"
        );
    }
}

/// A copy of the database in which the erasure stands beside the slow digest of an address: `table`, `row`, `sealed`.
async fn sealed_names(world: &World) -> Vec<(&'static str, &'static str, Vec<u8>, Vec<u8>)> {
    let raw = Raw::of(world).await;
    let mut names = Vec::new();
    for (table, key, column) in
        [("erasure_job", "reference", "subject"), ("store_erasure", "job", "pairwise"), ("delivery", "id", "pairwise")]
    {
        let sql = format!("SELECT {key}, {column} FROM {table} WHERE {column} IS NOT NULL");
        for row in raw.rows(&sql, &[], &[ColumnType::Bytes, ColumnType::Bytes]).await {
            let [Cell::Bytes(row), Cell::Bytes(sealed)] = <[Cell; 2]>::try_from(row).unwrap() else {
                panic!("no bytes")
            };
            names.push((table, column, row, sealed));
        }
    }
    raw.close().await;
    names
}

fn opened(world: &World, names: &[(&'static str, &'static str, Vec<u8>, Vec<u8>)]) -> usize {
    let (_, epochs) = KeyRing::load(world.path()).unwrap();
    let opens = |(table, column, row, sealed): &&(&'static str, &'static str, Vec<u8>, Vec<u8>)| {
        epochs.all().any(|epoch| open(&epoch.transit, &Place { table, column, row }, sealed).is_ok())
    };
    names.iter().filter(opens).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_that_waits_for_weeks_leads_to_nobody_in_a_copy_and_still_finds_its_rows() {
    for (db, kind) in [(Db::Sqlite, Db::Sqlite), (Db::Postgres, Db::Postgres)] {
        let outside = Outside::with_tables(kind).await;
        let world = world(db, &engine("engine", &outside)).await;
        world.app.keep_keys().await.unwrap();
        let (ann, id) = shown(&world).await;
        outside.score(&id, "trains", 1).await;
        outside.stop().await;
        let started = world.app.erase(&ann.caller, None).await.unwrap();
        work(&world.app).await;
        let copy = sealed_names(&world).await;
        assert_eq!((copy.len(), opened(&world, &copy)), (2, 2), "{db:?}: the job and the store");
        let text = format!("{:?}", dump(&world).await).to_lowercase();
        assert!(!text.contains(&id) && !text.contains(&ann.caller.subject.to_string()), "{db:?}: a name stands open");
        for _ in 0..30 * 4 {
            world.pass_seconds(86_400 / 4);
            world.app.keep_keys().await.unwrap();
            work(&world.app).await;
        }
        assert_eq!(opened(&world, &copy), 0, "{db:?}: an old copy can be read for ever");
        assert_eq!(state(&world.app, &started).await, ("removed", names(&[("engine", "waiting")])));
        outside.start().await;
        world.pass_seconds(3_600);
        work(&world.app).await;
        assert_eq!(state(&world.app, &started).await, ("done", names(&[("engine", "cleared")])), "{db:?}");
        assert_eq!(outside.rows_of(&id).await, 0);
    }
}

on_both!(an_erasure_that_was_open_before_names_were_sealed_ends, |world| {
    let ann = join(&world, "ann@example.org").await;
    let started = world.app.erase(&ann.caller, None).await.unwrap();
    let raw = Raw::of(&world).await;
    let subject = Cell::Bytes(ann.caller.subject.as_bytes().to_vec());
    assert_eq!(raw.run("UPDATE erasure_job SET subject = $1", &[subject]).await, 1);
    raw.close().await;
    world.app.run_erasures().await.unwrap();
    assert_eq!(state(&world.app, &started).await, ("done", names(&[])));
    let text = format!("{:?}", dump(&world).await).to_lowercase();
    assert!(!text.contains(&ann.caller.subject.to_string()), "her name stayed");
});

on_both!(erasures_that_fail_each_time_keep_nobody_from_theirs, |world| {
    // The oldest ones, more than are worked on at once; whose they are cannot be read any more.
    let raw = Raw::of(&world).await;
    let (reference, subject) = match world.db {
        Db::Sqlite => ("randomblob(16)", "randomblob(64)"),
        Db::Postgres => ("decode(md5(CAST(i AS TEXT)), 'hex')", "decode(repeat(md5(CAST(i AS TEXT)), 4), 'hex')"),
    };
    let sql = format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120) \
         INSERT INTO erasure_job (reference, subject, step, started_us, removed) \
         SELECT {reference}, {subject}, 'fenced', i, '{{}}' FROM n"
    );
    assert_eq!(raw.run(&sql, &[]).await, 120);
    raw.close().await;
    let ann = join(&world, "ann@example.org").await;
    let started = world.app.erase(&ann.caller, None).await.unwrap();
    for _ in 0..3 {
        assert!(world.app.run_erasures().await.is_err(), "they are not passed over in silence");
    }
    assert_eq!(state(&world.app, &started).await, ("done", names(&[])));
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_cannot_be_read_holds_up_nobody_else_in_its_store() {
    let outside = Outside::with_tables(Db::Sqlite).await;
    let world = world(Db::Sqlite, &engine("engine", &outside)).await;
    let (ann, _) = shown(&world).await;
    let damaged = world.app.erase(&ann.caller, None).await.unwrap();
    let raw = Raw::of(&world).await;
    assert_eq!(raw.run("UPDATE store_erasure SET pairwise = $1, next_us = 1", &[Cell::Bytes(vec![1; 56])]).await, 1);
    raw.close().await;
    let ben = join(&world, "ben@example.org").await;
    let grant = allow(&world, &ben, &triple("public_profile", "activitypub", "acme")).await;
    outside.score(&grant.pairwise.unwrap().to_string(), "trains", 1).await;
    let started = world.app.erase(&ben.caller, None).await.unwrap();
    work(&world.app).await;
    assert_eq!(state(&world.app, &started).await, ("done", names(&[("engine", "cleared")])));
    assert_eq!(state(&world.app, &damaged).await, ("removed", names(&[("engine", "waiting")])), "never called done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_column_that_went_before_the_certificate_is_not_taken_for_rows_that_went() {
    for kind in [Db::Sqlite, Db::Postgres] {
        let outside = Outside::with_tables(kind).await;
        let world = world(Db::Sqlite, &engine("engine", &outside)).await;
        let (ann, id) = shown(&world).await;
        outside.score(&id, "trains", 1).await;
        let started = world.app.erase(&ann.caller, None).await.unwrap();
        world.app.run_erasures().await.unwrap();
        world.app.tend_store("engine").await.unwrap();
        outside.score(&id, "ships", 2).await;
        outside.run("ALTER TABLE scores RENAME COLUMN person TO human").await;
        let refused = world.app.certify_cleared().await;
        assert!(matches!(refused, Err(ServiceError::ScoreStore(_))), "{kind:?}: {refused:?}");
        assert_eq!(state(&world.app, &started).await, ("removed", names(&[("engine", "waiting")])));
        outside.run("ALTER TABLE scores RENAME COLUMN human TO person").await;
        world.pass_seconds(5);
        work(&world.app).await;
        assert_eq!(state(&world.app, &started).await.0, "done");
        assert_eq!(outside.rows_of(&id).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_is_written_again_whenever_it_is_deleted_is_never_certified_as_gone() {
    for kind in [Db::Sqlite, Db::Postgres] {
        let outside = Outside::with_tables(kind).await;
        let world = world(Db::Sqlite, &engine("engine", &outside)).await;
        let (ann, id) = shown(&world).await;
        outside.score(&id, "trains", 1).await;
        // After it was proved.
        super::lying::write_again(&outside).await;
        let started = world.app.erase(&ann.caller, None).await.unwrap();
        for _ in 0..3 {
            work(&world.app).await;
            assert_eq!(state(&world.app, &started).await, ("removed", names(&[("engine", "waiting")])));
            world.pass_seconds(4_000);
        }
        super::lying::give_way(&outside, "people").await;
        work(&world.app).await;
        assert_eq!(state(&world.app, &started).await.0, "done");
        assert_eq!(world.app.erasure(&started.reference).await.unwrap().removed["engine/people"], 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_down_at_the_start_stops_no_withdrawal_and_is_proved_later() {
    for (db, kind) in [(Db::Sqlite, Db::Postgres), (Db::Postgres, Db::Sqlite)] {
        let outside = Outside::with_tables(kind).await;
        outside.stop().await;
        let world = world(db, &engine("engine", &outside)).await;
        let (ann, id) = shown(&world).await;
        let grants = world.app.consents(&ann.caller).await.unwrap();
        let grant =
            grants.live.iter().find(|one| one.triple == triple("public_profile", "activitypub", "acme")).unwrap();
        world.app.withdraw(&ann.caller, grant.consent_id, None).await.unwrap();
        assert!(matches!(world.app.export(&ann.caller, None).await, Err(ServiceError::ScoreStore(_))));
        let started = world.app.erase(&ann.caller, None).await.unwrap();
        work(&world.app).await;
        assert_eq!(state(&world.app, &started).await, ("removed", names(&[("engine", "waiting")])));

        // It comes up, and is not what was declared: nothing is deleted in it.
        outside.start().await;
        outside.score(&id, "trains", 1).await;
        outside.run("CREATE TABLE history (person TEXT)").await;
        world.pass_seconds(3_600);
        work(&world.app).await;
        assert_eq!(state(&world.app, &started).await, ("removed", names(&[("engine", "waiting")])));
        assert_eq!(outside.rows_of(&id).await, 2, "nothing is deleted in a store that was not proved");
        outside.run("DROP TABLE history").await;
        world.pass_seconds(3_600);
        work(&world.app).await;
        assert_eq!(state(&world.app, &started).await, ("done", names(&[("engine", "cleared")])));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_went_before_another_table_resisted_is_in_the_certificate() {
    for (db, kind) in [(Db::Sqlite, Db::Sqlite), (Db::Postgres, Db::Postgres)] {
        let outside = Outside::with_tables(kind).await;
        let world = world(db, &engine("engine", &outside)).await;
        let (ann, id) = shown(&world).await;
        for topic in ["trains", "ships", "planes"] {
            outside.score(&id, topic, 1).await;
        }
        super::lying::write_again(&outside).await;
        let started = world.app.erase(&ann.caller, None).await.unwrap();
        work(&world.app).await;
        assert_eq!(outside.number("SELECT count(*) FROM scores").await, 0);
        super::lying::give_way(&outside, "people").await;
        world.pass_seconds(4_000);
        work(&world.app).await;
        assert_eq!(state(&world.app, &started).await, ("done", names(&[("engine", "cleared")])));
        let removed = world.app.erasure(&started.reference).await.unwrap().removed;
        assert_eq!((removed["engine/scores"], removed["engine/people"]), (3, 1), "{db:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_somebody_else_holds_hold_up_nobody_else() {
    let outside = Outside::with_tables(Db::Postgres).await;
    let world = world(Db::Sqlite, &engine("engine", &outside)).await;
    let (ann, id) = shown(&world).await;
    let mut erasures = vec![(world.app.erase(&ann.caller, None).await.unwrap(), id)];
    for number in 0..3 {
        let other = join(&world, &format!("other{number}@example.org")).await;
        let grant = allow(&world, &other, &triple("public_profile", "activitypub", "acme")).await;
        let started = world.app.erase(&other.caller, None).await.unwrap();
        erasures.push((started, grant.pairwise.unwrap().to_string()));
    }
    for (_, id) in &erasures {
        outside.score(id, "trains", 1).await;
    }
    // They are worked on in the order of their references, so that the first one's rows are in everybody's way.
    erasures.sort_by_key(|(started, _)| started.reference.to_string());
    let (held, others) = erasures.split_first().unwrap();
    let mut holder = PgConnection::connect(&outside.url).await.unwrap();
    let hold = format!("BEGIN; SELECT * FROM scores WHERE person = '{}' FOR UPDATE", held.1);
    sqlx::raw_sql(AssertSqlSafe(hold)).execute(&mut holder).await.unwrap();
    work(&world.app).await;
    assert_eq!(state(&world.app, &held.0).await, ("removed", names(&[("engine", "waiting")])));
    for (other, _) in others {
        assert_eq!(state(&world.app, other).await, ("done", names(&[("engine", "cleared")])));
    }
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.unwrap();
    world.pass_seconds(5);
    work(&world.app).await;
    assert_eq!(state(&world.app, &held.0).await.0, "done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_while_a_store_comes_back_leave_its_proof_alone() {
    for kind in [Db::Sqlite, Db::Postgres] {
        let outside = Outside::with_tables(kind).await;
        outside.stop().await;
        let world = world(Db::Sqlite, &engine("engine", &outside)).await;
        let (ann, _) = shown(&world).await;
        outside.start().await;
        world.pass_seconds(60);
        for _ in 0..4 {
            let refused = world.app.export(&ann.caller, None).await;
            assert!(
                matches!(&refused, Err(ServiceError::ScoreStore(failure)) if failure.to_string().contains("not proved"))
            );
        }
        let proving = tokio::spawn({
            let app = world.app.clone();
            async move { app.tend_store("engine").await }
        });
        while !proving.is_finished() {
            match world.app.export(&ann.caller, None).await {
                Ok(_) => {}
                Err(ServiceError::ScoreStore(failure)) => {
                    assert!(failure.to_string().contains("not proved"), "{failure}")
                }
                other => panic!("{other:?}"),
            }
        }
        proving.await.unwrap().unwrap();
        world.app.export(&ann.caller, None).await.unwrap();
    }
}
