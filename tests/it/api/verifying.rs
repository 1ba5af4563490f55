//! `sayso verify` as an auditor and a person with a receipt use it: beside a running service, and with files alone.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use super::program::{Program, ok};

fn verify(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sayso")).arg("verify").args(arguments).env_remove("SAYSO_MUTANT").output().unwrap()
}

fn holds(arguments: &[&str]) -> String {
    let output = verify(arguments);
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {said}");
    said
}

fn fails(arguments: &[&str], because: &str) {
    let output = verify(arguments);
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!output.status.success() && said.contains(because), "{arguments:?}: expected `{because}`: {said}");
    assert!(!said.contains("panicked"), "{said}");
}

async fn opt_out(program: &Program, number: usize) -> Value {
    let body = json!({ "kind": "email", "identifier": format!("n{number}@example.org"), "for": "self" });
    ok(program.post("/v1/opt-out").json(&body), 202).await
}

fn write(path: &Path, text: &str) -> String {
    std::fs::write(path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_the_log_and_what_somebody_kept_are_checked_without_the_service() {
    let (data, place) = (tempfile::TempDir::new().unwrap(), tempfile::TempDir::new().unwrap());
    let program = Program::start(data.path(), "");
    let key = program.get("/v1/log/key").send().await.unwrap().text().await.unwrap();
    let (key, url) = (key.trim(), program.url.as_str());
    let first = opt_out(&program, 0).await;
    let answer = write(&place.path().join("answer.json"), &first.to_string());
    let receipt = write(&place.path().join("a.tlog-proof"), first["receipt"].as_str().unwrap());
    for number in 1..280 {
        opt_out(&program, number).await;
    }
    let keep = place.path().join("mirror");
    let keep = keep.to_str().unwrap();
    let said = holds(&["log", "--url", &format!("{url}/"), "--vkey", key, "--keep", keep, "--checkpoint", &receipt]);
    assert!(said.contains("1 older checkpoints compared") && said.ends_with("verified\n"), "{said}");
    opt_out(&program, 280).await;
    holds(&["log", "--url", url, "--vkey", key, "--keep", keep]);
    holds(&["receipt", &answer, "--vkey", key, "--url", url]);
    holds(&["receipt", &receipt, "--vkey", key, "--json"]);
    fails(&["certificate", &receipt, "--vkey", key], "something else than a completed erasure");
    program.kill();

    holds(&["log", "--folder", keep, "--vkey", key, "--checkpoint", &receipt]);
    fails(&["log", "--folder", keep], "--vkey");
    fails(&["log", "--folder", keep, "--vkey", &key.replacen("localhost", "elsewhere", 1)], "vkey");
    fails(&["log", "--folder", "/nowhere", "--vkey", key], "/nowhere");
    fails(&["receipt", "/nowhere", "--vkey", key], "/nowhere");
    let cut = write(&place.path().join("cut"), &std::fs::read_to_string(&receipt).unwrap()[..200]);
    fails(&["receipt", &cut, "--vkey", key], "does not hold");
    let other = write(&place.path().join("other.json"), "{\"something\": 1}");
    fails(&["receipt", &other, "--vkey", key], "without a `receipt`");

    let tile = format!("{keep}/tile/entries/000");
    let honest = std::fs::read(&tile).unwrap();
    let mut changed = honest.clone();
    let place_of_kind = changed.windows(9).position(|bytes| bytes == b"opted_out").unwrap();
    changed[place_of_kind] ^= 1;
    std::fs::write(&tile, &changed).unwrap();
    fails(&["log", "--folder", keep, "--vkey", key], "WRONG: event 9 (leaf 8)");
    std::fs::write(&tile, &honest[..honest.len() - 3]).unwrap();
    fails(&["log", "--folder", keep, "--vkey", key], "missing or cut");
    std::fs::write(&tile, &honest).unwrap();
    holds(&["log", "--folder", keep, "--vkey", key]);

    // Another log under the same keys: whoever kept a checkpoint or a tile sees it.
    std::fs::remove_file(data.path().join("checkpoint")).unwrap();
    for name in ["sayso.db", "sayso.db-wal", "sayso.db-shm"] {
        let _ = std::fs::remove_file(data.path().join(name));
    }
    let program = Program::start(data.path(), "");
    for number in 0..300 {
        opt_out(&program, number).await;
    }
    let url = program.url.as_str();
    fails(&["log", "--url", url, "--vkey", key, "--keep", keep], "rewritten");
    fails(&["log", "--url", url, "--vkey", key, "--checkpoint", &receipt], "rewritten");
    fails(&["receipt", &receipt, "--vkey", key, "--url", url], "rewritten");
    program.kill();
    holds(&["log", "--folder", keep, "--vkey", key]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_in_force_is_computed_from_the_receipts_alone() {
    let (data, place) = (tempfile::TempDir::new().unwrap(), tempfile::TempDir::new().unwrap());
    let program = Program::start(data.path(), "");
    let key = program.get("/v1/log/key").send().await.unwrap().text().await.unwrap();
    let (key, url) = (key.trim().to_owned(), program.url.clone());
    let ann = program.person(data.path(), "ann@example.org").await;
    let granted = program.grant(&ann).await;
    let opened = sayso::log::Receipt::parse(granted["receipt"].as_str().unwrap()).unwrap();
    let opened = opened.check(&sayso::log::parse_vkey(&key).unwrap()).unwrap();
    ok(program.delete(&format!("/v1/me/consents/{}", granted["consent_id"])).bearer_auth(&ann.access), 200).await;
    let then = opened.event.at.text();

    let asked = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sayso"));
        command.args(["consent", "as-of", "--json", "--vkey", &key]).args(arguments);
        let output = command.env("SAYSO_ACCESS_TOKEN", &ann.access).env_remove("SAYSO_MUTANT").output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let told: Value = serde_json::from_str(&said).unwrap_or(Value::Null);
        (output.status.success(), told, String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (true, told, _) = asked(&["--url", &url]) else { panic!() };
    assert_eq!(told["in_force"], json!([]), "withdrawn");
    let (true, told, _) = asked(&["--url", &url, "--as-of", &then]) else { panic!() };
    assert_eq!(told["in_force"][0]["consent_id"], granted["consent_id"]);
    assert_eq!(told["answer_agrees"], Value::Null, "another time than the answer's own: nothing to compare");

    let answer = program.get(&format!("/v1/me/consents?as_of={then}")).bearer_auth(&ann.access);
    let answer = ok(answer, 200).await;
    program.kill();
    let file = write(&place.path().join("answer.json"), &answer.to_string());
    let (true, told, _) = asked(&[&file]) else { panic!() };
    assert_eq!((told["in_force"].as_array().unwrap().len(), &told["answer_agrees"]), (1, &json!(true)));
    let (true, told, _) = asked(&[&file, "--known-at", "2020-01-01"]) else { panic!() };
    assert_eq!(told["in_force"], json!([]), "nobody had said so yet");

    let refused = |changed: &Value, because: &str| {
        let file = write(&place.path().join("changed.json"), &changed.to_string());
        let (fine, told, said) = asked(&[&file]);
        assert!(!fine && said.contains(because), "expected `{because}`: {told} {said}");
        assert!(!said.contains("panicked"), "{said}");
    };
    let mut lie = answer.clone();
    lie["in_force"] = json!([]);
    refused(&lie, "something else is in force");
    for flag in ["held", "latched", "suppressed", "erased"] {
        let mut lie = answer.clone();
        lie[flag] = json!(true);
        refused(&lie, "something else is in force");
    }
    let mut twice = answer.clone();
    twice["stood_on"][1] = answer["stood_on"][0].clone();
    refused(&twice, "not in order");
    let mut swapped = answer.clone();
    swapped["stood_on"][0]["receipt"] = answer["stood_on"][1]["receipt"].clone();
    refused(&swapped, "proves something else");
    let mut order = answer.clone();
    order["stood_on"].as_array_mut().unwrap().reverse();
    refused(&order, "not in order");
    let mut cut = answer.clone();
    cut["older_events"] = json!(3);
    refused(&cut, "leaves out 3 older events");
    refused(&json!({ "found": null }), "no answer of");
    refused(&json!({}), "no answer of");
    let (fine, _, said) = asked(&[&file, "--known-at", "2099-01-01"]);
    assert!(!fine && said.contains("ask for a later one"), "{said}");
    let (fine, _, said) = asked(&[&file, "--as-of", "yesterday"]);
    assert!(!fine && said.contains("--as-of"), "{said}");
}
