//! The lines of the README work when pasted, from top to bottom, beside the real program.

use std::process::{Command, Stdio};
use std::time::Duration;

/// The shell blocks that the README marks as meant to be pasted.
fn blocks() -> String {
    let readme = include_str!("../../README.md");
    let marked = readme.split("<!-- run -->\n```sh\n").skip(1);
    marked.map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn what_the_readme_says_works_when_pasted() {
    let data = tempfile::TempDir::new().unwrap();
    let folder = data.path().join("data");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let mut server = Command::new(env!("CARGO_BIN_EXE_sayso"))
        .args(["serve", "--listen", &address, "--data"])
        .arg(&folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let script = format!("set -e\n{}", blocks());
    let mut told = String::new();
    for _ in 0..100 {
        if std::net::TcpStream::connect(&address).is_ok() {
            let shell = Command::new("bash")
                .args(["-c", &script])
                .env("B", format!("http://{address}"))
                .env("S", env!("CARGO_BIN_EXE_sayso"))
                .env("D", &folder)
                .current_dir(data.path())
                .output()
                .unwrap();
            told = String::from_utf8_lossy(&shell.stdout).into_owned();
            told.push_str(&String::from_utf8_lossy(&shell.stderr));
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    server.kill().unwrap();
    server.wait().unwrap();
    for expected in [
        "\"consent_id\":",
        "\"insufficient_data\"",
        "\"reference\":",
        "ann.json",
        "\"step\":\"done\"",
        "the receipt holds",
        "the certificate holds",
        "verified",
    ] {
        assert!(told.contains(expected), "`{expected}` is missing in:\n{told}");
    }
    assert!(!told.contains("urn:sayso:problem"), "a line of the README was refused:\n{told}");
}

/// The README names tests; each of them is there.
#[test]
fn every_test_that_the_readme_names_exists() {
    let listed = Command::new(std::env::current_exe().unwrap()).arg("--list").output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let readme = include_str!("../../README.md");
    let named = readme.split('`').filter(|text| text.contains("::") && !text.contains(' '));
    let missing: Vec<&str> = named.filter(|name| !listed.contains(*name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
