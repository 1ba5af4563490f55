//! Clearing a score store is ended by a power cut at every boundary: the next start takes it up, and no row is lost from the count.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::client::{Somebody, text};
use super::program::{Program, ok, verify_log};
use crate::stores::outside::{Outside, engine};
use crate::world::{Db, new_postgres};

const SOURCE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/service/stores.rs"));

fn places() -> BTreeSet<&'static str> {
    SOURCE.split("crash(\"").skip(1).filter_map(|rest| rest.split_once('"')).map(|(place, _)| place).collect()
}

/// Registers `acme`, shows somebody to it, and returns its id for them.
async fn shown(program: &Program, ann: &Somebody) -> String {
    let operator = program.token("operator", program.secret.as_ref().unwrap()).await;
    let acme = json!({
        "id": "acme", "role": "recipient", "class": "company", "purposes": ["public_profile"], "sources": ["activitypub"],
    });
    ok(program.post("/v1/admin/clients").bearer_auth(&operator).json(&acme), 201).await;
    let notice = ok(program.get("/v1/notices/public_profile"), 200).await;
    let consents = ok(program.get("/v1/me/consents").bearer_auth(&ann.access), 200).await;
    let yes = json!({
        "purpose": "public_profile", "source": "activitypub", "recipient": "acme",
        "notice_version": notice["version"], "notice_sha256": notice["sha256"],
        "known_seq": consents["known_seq"], "decision": "granted",
    });
    text(&ok(program.post("/v1/me/consents").bearer_auth(&ann.access).json(&yes), 201).await, "pairwise")
}

async fn done(program: &Program, reference: &str) -> Value {
    let path = format!("/v1/erasures/{reference}");
    for _ in 0..400 {
        let view = ok(program.get(&path), 200).await;
        if view["step"] == "done" {
            return view;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it is not done")
}

async fn ended_at(db: Db, place: &str) {
    let folder = TempDir::new().unwrap();
    let database = if db == Db::Postgres { new_postgres().await } else { String::new() };
    let data = folder.path().join("data");
    let outside = Outside::with_tables(db).await;
    let declaration = folder.path().join("stores.toml");
    std::fs::write(&declaration, engine("engine", &outside)).unwrap();
    let declared = ("SAYSO_SCORE_STORES", declaration.to_str().unwrap());
    let program = Program::with(&data, &database, &[declared, ("SAYSO_CRASH", place)]);
    let ann = program.person(&data, "ann@example.org").await;
    let id = shown(&program, &ann).await;
    outside.score(&id, "trains", 1).await;
    outside.score(&id, "ships", 2).await;
    let started = ok(program.delete("/v1/me").bearer_auth(&ann.access), 202).await;
    let (status, said) = program.ended();
    assert!(!status.success(), "it did not end at `{place}`: {said}");

    let program = Program::with(&data, &database, &[declared]);
    let view = done(&program, started["reference"].as_str().unwrap()).await;
    let went = (&view["removed"]["engine/scores"], &view["removed"]["engine/people"]);
    assert_eq!(went, (&json!(2), &json!(1)), "{place}");
    assert_eq!((&view["stores"][0]["state"], outside.rows_of(&id).await), (&json!("cleared"), 0), "{place}");
    assert!(!program.said().contains(&id), "{place}");
    program.kill();
    verify_log(&data, &database);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clearing_a_store_ended_by_a_power_cut_is_taken_up_and_every_row_is_counted() {
    assert_eq!(places().len(), 5, "{:?}", places());
    for place in places() {
        for db in [Db::Sqlite, Db::Postgres] {
            ended_at(db, place).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_says_of_each_store_whether_it_is_what_was_declared() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    Program::start(&data, "").kill();
    let outside = Outside::with_tables(Db::Sqlite).await;
    let declaration = folder.path().join("stores.toml");
    let check = |text: String| {
        std::fs::write(&declaration, text).unwrap();
        let file = declaration.to_str().unwrap();
        let output = super::program::run(&["stores", "check", "--json", "--score-stores", file], &data, "");
        let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (output.status.success(), said)
    };
    let good = engine("engine", &outside);
    assert_eq!(check(good.clone()).1[0]["state"], "proved");
    let (fine, said) = check(good.replace("name = \"scores\"", "name = \"score\""));
    assert_eq!((fine, &said[0]["state"]), (false, &json!("false")), "{said}");
    outside.stop().await;
    let (fine, said) = check(good);
    assert_eq!((fine, &said[0]["state"]), (false, &json!("down")), "{said}");
}
