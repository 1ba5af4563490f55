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
    fails(&["log", "--folder", keep, "--vkey", key], "WRONG: event 6 (leaf 5)");
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
