//! An erasure that is ended by a power cut at every boundary: the next start takes it up, and the caller who asks again gets the same
//! reference (guarantees G6 and G11).

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::program::{Program, ok, verify_log};
use crate::world::{Db, new_postgres};

const ADDRESS: &str = "crashmarker@example.org";
const SOURCE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/service/erase.rs"));

/// Every place in the source where a test can end the process.
fn places() -> BTreeSet<&'static str> {
    SOURCE.split("crash(\"").skip(1).filter_map(|rest| rest.split_once('"')).map(|(place, _)| place).collect()
}

async fn erase(program: &Program, token: &str) -> Option<Value> {
    let call = program.delete("/v1/me").bearer_auth(token).header("idempotency-key", "the same request");
    let answer = call.send().await.ok()?;
    assert_eq!(answer.status().as_u16(), 202);
    answer.json().await.ok()
}

/// With a mail that nobody fetched the rows go in the job, otherwise in the act.
async fn ended_at(db: Db, place: &str, mailed: bool) {
    let folder = TempDir::new().unwrap();
    let database = if db == Db::Postgres { new_postgres().await } else { String::new() };
    let data = folder.path();
    let program = Program::with(data, &database, &[("SAYSO_CRASH", place)]);
    let ann = program.person(data, ADDRESS).await;
    program.grant(&ann).await;
    if mailed {
        let ask = serde_json::json!({ "identifier": ADDRESS });
        let asked = program.post("/v1/auth/code").json(&ask).send().await.unwrap();
        assert_eq!(asked.status().as_u16(), 202);
    }
    let first = erase(&program, &ann.access).await;
    let (status, said) = program.ended();
    assert!(!status.success(), "it did not end at `{place}`: {said}");

    let program = Program::start(data, &database);
    let again = erase(&program, &ann.access).await.unwrap();
    if let Some(first) = first {
        assert_eq!(first["reference"], again["reference"], "{place}");
    }
    let path = format!("/v1/erasures/{}", again["reference"].as_str().unwrap());
    let mut view = ok(program.get(&path), 200).await;
    for _ in 0..200 {
        if view["step"] == "done" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        view = ok(program.get(&path), 200).await;
    }
    assert_eq!(view["step"], "done", "{place}");
    assert!(view["certificate"].as_str().unwrap().starts_with("c2sp.org/tlog-proof"), "{place}");
    program.kill();
    verify_log(data, &database);
    if db == Db::Sqlite {
        let found = super::program::run(&["scan", "--marker", ADDRESS], data, "");
        assert!(found.status.success(), "{place}: {}", String::from_utf8_lossy(&found.stdout));
    }
}

#[test]
fn every_boundary_of_an_erasure_has_its_place() {
    assert_eq!(places().len(), 9, "{:?}", places());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_ended_by_a_power_cut_is_taken_up_sqlite() {
    for (place, mailed) in places().into_iter().flat_map(|place| [(place, false), (place, true)]) {
        ended_at(Db::Sqlite, place, mailed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_ended_by_a_power_cut_is_taken_up_postgres() {
    for (place, mailed) in places().into_iter().flat_map(|place| [(place, false), (place, true)]) {
        ended_at(Db::Postgres, place, mailed).await;
    }
}
