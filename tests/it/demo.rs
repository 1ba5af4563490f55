//! The demonstration as somebody runs it: the program itself, over real HTTP, with its own made-up community.

use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// The steps, in the order of the story.
const STEPS: [&str; 15] = [
    "start",
    "accounts",
    "minor",
    "no_grant_no_score",
    "grants",
    "stranger",
    "gate",
    "opt_out",
    "friend_withdraws",
    "own_withdrawal",
    "export",
    "erasure",
    "byte_scan",
    "audit",
    "tampering",
];

/// Runs it with a folder of its own for temporary files.
fn demo(mutant: &str) -> (Output, Vec<Value>, TempDir) {
    let folder = TempDir::new().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_sayso"))
        .args(["demo", "--people", "60", "--json"])
        .env("SAYSO_MUTANT", mutant)
        .env("TMPDIR", folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let lines = String::from_utf8(output.stdout.clone()).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (output, lines, folder)
}

fn names(lines: &[Value]) -> Vec<&str> {
    lines.iter().filter_map(|line| line["name"].as_str()).collect()
}

#[test]
fn the_demonstration_shows_and_checks_every_step() {
    let (output, lines, folder) = demo("");
    assert!(output.status.success(), "{lines:#?}\n{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(names(&lines), STEPS);
    for (line, number) in lines.iter().take(STEPS.len()).zip(1..) {
        assert_eq!(line["step"], number);
        assert_eq!(line["holds"], true, "{line:#}");
        let claims = line["claims"].as_array().unwrap();
        assert!(!claims.is_empty() && claims.iter().all(|claim| claim["holds"] == true), "{line:#}");
        assert!(!line["proves"].as_str().unwrap().is_empty());
    }
    assert_eq!(lines.last().unwrap()["steps"], STEPS.len());
    assert_eq!(folder.path().read_dir().unwrap().count(), 0, "it left something behind");
}

#[cfg(feature = "mutants")]
#[test]
fn the_demonstration_fails_when_a_withdrawal_takes_nothing_back() {
    let (output, lines, folder) = demo("withdrawal_keeps_grant");
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let last = lines.last().unwrap();
    assert_eq!((last["name"].as_str(), &last["holds"]), (Some("friend_withdraws"), &Value::Bool(false)), "{last:#}");
    assert_eq!(folder.path().read_dir().unwrap().count(), 0, "it left something behind");
}
