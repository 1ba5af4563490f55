//! `sayso import` as an operator runs it: the real program on real files.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use sayso::store::Access;
use serde_json::Value;
use tempfile::TempDir;

use crate::people::{allow, handle, join, own, scoring};
use crate::world::{Db, World};

/// A town of members of the source `campus`, and its data folder, closed again.
async fn town(names: &[&str]) -> TempDir {
    let world = World::new(Db::Sqlite).await;
    for name in names {
        let member = join(&world, &format!("{name}@campus.example")).await;
        own(&world, &member, &handle(&format!("campus:{name}"))).await;
        allow(&world, &member, &scoring("campus")).await;
    }
    let World { app, data, .. } = world;
    app.store.close().await;
    data
}

fn sayso(data: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sayso"));
    command.arg("import").args(args).arg("--data").arg(data).args(["--source", "campus", "--json"]);
    command
}

fn counts(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

fn edges(lines: usize) -> String {
    let line = |n: usize| match n % 3 {
        0 => format!("ann bob {}\n", 1_700_000_000 + n),
        1 => format!("bob cid {}\n", 1_700_000_000 + n),
        _ => format!("cid stranger {}\n", 1_700_000_000 + n),
    };
    (0..lines).map(line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_list_is_taken_once_however_often_it_runs() {
    let data = town(&["ann", "bob", "cid"]).await;
    let file = data.path().join("campus.txt");
    fs::write(&file, format!("# a comment\n\n{}", edges(3_000))).unwrap();
    let path = file.to_str().unwrap();
    let first = counts(&sayso(data.path(), &[path]).output().unwrap());
    assert_eq!(first["accepted"], 2_000);
    assert_eq!(first["dropped"]["no_consent"], 1_000);
    let again = counts(&sayso(data.path(), &[path]).output().unwrap());
    assert_eq!(again["accepted"], 0);
    assert_eq!(again["dropped"]["duplicate"], 2_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_is_killed_and_run_again_counts_everything_once() {
    let data = town(&["ann", "bob", "cid"]).await;
    let file = data.path().join("campus.txt");
    fs::write(&file, edges(30_000)).unwrap();
    let path = file.to_str().unwrap();
    for millis in [150, 400, 900] {
        let mut child = sayso(data.path(), &[path]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(millis));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let last = counts(&sayso(data.path(), &[path]).output().unwrap());
    let taken = last["accepted"].as_u64().unwrap();
    let before = last["dropped"].get("duplicate").and_then(Value::as_u64).unwrap_or(0);
    assert_eq!(taken + before, 20_000, "{last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_file_says_where_and_what_came_before_is_taken() {
    let data = town(&["ann", "bob"]).await;
    let file = data.path().join("cut.txt");
    fs::write(&file, "ann bob 1700000000\nann bo").unwrap();
    let output = sayso(data.path(), &[file.to_str().unwrap()]).output().unwrap();
    assert!(!output.status.success());
    assert_eq!(counts(&output)["accepted"], 1);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("line 2") && said.contains("cut.txt") && said.contains("run it again"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_service_refuses_a_second_one_on_its_folder_and_takes_the_same_through_its_address() {
    let data = town(&["ann", "bob", "cid"]).await;
    let file = data.path().join("campus.txt");
    fs::write(&file, edges(300)).unwrap();
    let path = file.to_str().unwrap();
    let mut config = sayso::config::Config { data: data.path().into(), ..Default::default() };
    config.listen = "127.0.0.1:0".parse().unwrap();
    let boot = sayso::service::App::open(
        config,
        sayso::clock::Clock::system(),
        sayso::secret::Entropy::system(),
        Access::Serve,
    );
    let app = std::sync::Arc::new(boot.await.unwrap().app);
    let client = sayso::service::NewClient {
        id: "bringer".parse().unwrap(),
        role: sayso::crypto::Role::Collector,
        class: None,
        purposes: Vec::new(),
        sources: vec!["campus".parse().unwrap()],
        webhook: None,
        public_key: None,
        terms: Default::default(),
    };
    let secret = app.register_client(&client, None).await.unwrap().client_secret.unwrap();
    let running = sayso::http::start(app).await.unwrap();
    let url = format!("http://{}", running.address);

    let refused = sayso(data.path(), &[path]).output().unwrap();
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--url"));
    let mut through = sayso(data.path(), &[path, "--url", &url, "--client", "bringer"]);
    let sent = tokio::task::spawn_blocking(move || through.env("SAYSO_CLIENT_SECRET", secret).output().unwrap());
    let output = sent.await.unwrap();
    running.stop().await.unwrap();
    assert_eq!(counts(&output)["accepted"], 200, "{}", String::from_utf8_lossy(&output.stderr));
    let local = counts(&sayso(data.path(), &[path]).output().unwrap());
    assert_eq!(local["dropped"]["duplicate"], 200, "the same lines are the same activities either way: {local}");
}
