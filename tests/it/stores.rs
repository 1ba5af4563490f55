//! Score stores of others, real databases beside the service: exported, cleared, read back, waited for, and proved before anything.

mod lying;
pub(crate) mod outside;
mod waiting;

use std::sync::Arc;

use sayso::domain::Whom;
use sayso::service::{App, Confirmation, ErasureStarted, ServiceError, What};
use serde_json::Value;

use crate::people::{Member, allow, another_code, code_for, dump, join, recipient, secret, triple};
use crate::world::{Db, World, read};
use outside::{Outside, engine};

/// The service on one database, a store on the other, and both on the same.
const PAIRS: [(Db, Db); 4] =
    [(Db::Sqlite, Db::Sqlite), (Db::Sqlite, Db::Postgres), (Db::Postgres, Db::Sqlite), (Db::Postgres, Db::Postgres)];

/// A service with these stores declared.
pub(crate) async fn world(db: Db, declaration: &str) -> World {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("stores.toml");
    std::fs::write(&path, declaration).unwrap();
    let world = World::with(db, |config| config.score_stores = path).await;
    drop(folder);
    world
}

/// A member who is shown to `acme`, and what acme calls her.
pub(crate) async fn shown(world: &World) -> (Member, String) {
    recipient(world, "acme", &["public_profile"], &["activitypub"]).await;
    let ann = join(world, "ann@example.org").await;
    let grant = allow(world, &ann, &triple("public_profile", "activitypub", "acme")).await;
    let id = grant.pairwise.unwrap().to_string();
    (ann, id)
}

pub(crate) async fn state(app: &App, started: &ErasureStarted) -> (&'static str, Vec<(String, &'static str)>) {
    let view = app.erasure(&started.reference).await.unwrap();
    assert_eq!(view.step == "done", view.certificate.is_some());
    (view.step, view.stores.into_iter().map(|store| (store.store, store.state)).collect())
}

/// One round of the worker.
pub(crate) async fn work(app: &Arc<App>) {
    app.run_erasures().await.unwrap();
    let _what_failed_is_tried_again = app.run_stores().await;
}

fn names(stores: &[(&str, &'static str)]) -> Vec<(String, &'static str)> {
    stores.iter().map(|(name, state)| ((*name).to_owned(), *state)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_shows_what_a_store_holds_and_an_erasure_clears_it() {
    for (db, kind) in PAIRS {
        let outside = Outside::with_tables(kind).await;
        let world = world(db, &engine("engine", &outside)).await;
        let (ann, id) = shown(&world).await;
        outside.score(&id, "trains", 7).await;
        outside.score(&id, "it's \"x\"", 8).await;
        outside.score("somebody else", "trains", 9).await;

        let export = world.app.export(&ann.caller, None).await.unwrap();
        let listed = export.manifest.tables.iter().find(|table| table.table == "engine/scores").unwrap().clone();
        let export = read(export);
        let rows = export["stores"]["engine"]["scores"].as_array().unwrap();
        assert_eq!((rows.len(), listed.rows, listed.left_out.len()), (2, 2, 1), "{db:?} {kind:?}");
        let topics: Vec<&Value> = rows.iter().map(|row| &row["topic"]).collect();
        assert!(topics.contains(&&"it's \"x\"".into()), "{rows:?}");
        assert!(rows.iter().all(|row| row["person"] == id.as_str() && row.get("model").is_none()), "{rows:?}");
        let digest = sayso::crypto::sha256(&serde_json::to_vec(rows).unwrap());
        assert_eq!(listed.sha256, hex::encode(digest));
        assert_eq!(export["stores"]["engine"]["people"][0]["seal"], "0aff", "bytes are given in hexadecimal");

        let started = world.app.erase(&ann.caller, None).await.unwrap();
        assert_eq!(state(&world.app, &started).await, ("fenced", names(&[("engine", "waiting")])));
        world.app.run_erasures().await.unwrap();
        assert_eq!(state(&world.app, &started).await, ("removed", names(&[("engine", "waiting")])));
        assert_eq!(outside.rows_of(&id).await, 3, "the service itself deletes nothing there");
        world.app.run_stores().await.unwrap();
        assert_eq!(state(&world.app, &started).await, ("done", names(&[("engine", "cleared")])), "{db:?} {kind:?}");
        assert_eq!((outside.rows_of(&id).await, outside.rows_of("somebody else").await), (0, 2));
        let view = world.app.erasure(&started.reference).await.unwrap();
        assert_eq!((view.removed["engine/scores"], view.removed["engine/people"]), (2, 1));
        let stored = format!("{:?}", dump(&world).await["store_erasure"]).to_lowercase();
        assert!(!stored.contains(&id) && !stored.contains(&ann.caller.subject.to_string()), "{stored}");
        let report = world.app.verify_log(&[], |_| {}).await.unwrap();
        assert_eq!(report.findings, [], "the log still holds together");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_names_every_table_of_a_store_and_nothing_left_in_it() {
    let outside = Outside::with_tables(Db::Sqlite).await;
    let world = world(Db::Sqlite, &engine("engine", &outside)).await;
    let (ann, id) = shown(&world).await;
    outside.score(&id, "trains", 7).await;
    let started = world.app.erase(&ann.caller, None).await.unwrap();
    work(&world.app).await;
    let certificate = world.app.erasure(&started.reference).await.unwrap().certificate.unwrap();
    let key = sayso::log::parse_vkey(&world.app.log_vkey()).unwrap();
    let opened = sayso::log::Receipt::parse(&certificate).unwrap().check(&key).unwrap();
    let sayso::domain::Act::ErasureCompleted { removed, left, .. } = opened.event.act else { panic!("another act") };
    assert_eq!((removed["engine/scores"], left["engine/scores"], left["engine/people"]), (1, 0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_without_an_account_shows_them_and_a_store_that_is_down_does_not_cost_the_code() {
    for (db, kind) in PAIRS {
        let outside = Outside::with_tables(kind).await;
        let world = world(db, &engine("engine", &outside)).await;
        let (ann, id) = shown(&world).await;
        outside.score(&id, "trains", 7).await;
        outside.stop().await;
        let before = world.app.consents(&ann.caller).await.unwrap().history.len();
        let refused = world.app.export(&ann.caller, None).await;
        assert!(matches!(refused, Err(ServiceError::ScoreStore(_))), "{refused:?}");
        assert_eq!(
            world.app.consents(&ann.caller).await.unwrap().history.len(),
            before,
            "no event says that there was one"
        );

        let requested = world.app.request(&ann.email, What::Access, sayso::words::Lang::English, None).await.unwrap();
        let code = code_for(&world, &ann.email);
        for _ in 0..6 {
            let refused = world.app.confirm(&requested.reference, &secret(&code), None).await;
            assert!(matches!(refused, Err(ServiceError::ScoreStore(_))), "{refused:?}");
        }
        let wrong = world.app.confirm(&requested.reference, &secret("00000000"), None).await;
        assert!(matches!(wrong, Err(ServiceError::BadCredentials)), "who has no code learns nothing: {wrong:?}");
        outside.start().await;
        let answer = world.app.confirm(&requested.reference, &secret(&code), None).await.unwrap();
        let sayso::service::Answer::Access { export: Some(export), .. } = answer else { panic!("{answer:?}") };
        assert_eq!(read(export)["stores"]["engine"]["scores"][0]["topic"], "trains", "{db:?} {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_no_name_there_needs_no_answer_of_the_store() {
    let outside = Outside::with_tables(Db::Postgres).await;
    let world = world(Db::Sqlite, &engine("engine", &outside)).await;
    let ben = join(&world, "ben@example.org").await;
    outside.stop().await;
    let export = read(world.app.export(&ben.caller, None).await.unwrap());
    assert_eq!(export["stores"]["engine"]["scores"], serde_json::json!([]));
    let started = world.app.erase(&ben.caller, None).await.unwrap();
    world.app.run_erasures().await.unwrap();
    assert_eq!(state(&world.app, &started).await, ("done", names(&[])));
    world.app.opt_out(&ben.email, Whom::Oneself, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guess_beside_a_code_whose_store_is_down_is_counted() {
    let outside = Outside::with_tables(Db::Sqlite).await;
    let world = world(Db::Sqlite, &engine("engine", &outside)).await;
    let (ann, _) = shown(&world).await;
    let ben = join(&world, "ben@example.org").await;
    let own = world.app.request(&ann.email, What::Access, sayso::words::Lang::English, None).await.unwrap().reference;
    let own_code = code_for(&world, &ann.email);
    let other = world.app.request(&ben.email, What::Access, sayso::words::Lang::English, None).await.unwrap().reference;
    let code = code_for(&world, &ben.email);
    outside.stop().await;
    for _ in 0..5 {
        let guess = Confirmation { reference: other, code: secret(&another_code(&code)) };
        let all = [guess, Confirmation { reference: own, code: secret(&own_code) }];
        let refused = world.app.confirm_all(&all, None).await;
        assert!(matches!(refused, Err(ServiceError::ScoreStore(_))), "{refused:?}");
    }
    let used_up = world.app.confirm(&other, &secret(&code), None).await;
    assert!(matches!(used_up, Err(ServiceError::BadCredentials)), "{used_up:?}");
    outside.start().await;
    world.app.confirm(&own, &secret(&own_code), None).await.unwrap();
}
