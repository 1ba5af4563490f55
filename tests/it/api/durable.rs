//! What was answered with success is on disk (N3): killed right after the answer, stopped, without space, without database.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::client::{Somebody, text};
use super::program::{Program, ok, run, verify_log};
use crate::world::{Db, new_postgres};

const ROUNDS: usize = 24;

async fn place(db: Db) -> (TempDir, String) {
    let database = if db == Db::Postgres { new_postgres().await } else { String::new() };
    (TempDir::new().unwrap(), database)
}

/// What must still be so after the next start.
enum Promise {
    Granted(Somebody),
    Withdrawn(Somebody),
    Erased(Somebody, String),
    OptedOut(Value, String, Value),
}

async fn promise(program: &Program, data: &Path, round: usize) -> Promise {
    let address = format!("person{round}@example.org");
    if round % 4 == 3 {
        let body = json!({ "kind": "email", "identifier": address, "for": "self" });
        let key = format!("round-{round}");
        let answer = ok(program.post("/v1/opt-out").header("idempotency-key", &key).json(&body), 202).await;
        return Promise::OptedOut(body, key, answer);
    }
    let person = program.person(data, &address).await;
    let granted = program.grant(&person).await;
    match round % 4 {
        0 => Promise::Granted(person),
        1 => {
            let path = format!("/v1/me/consents/{}", granted["consent_id"]);
            ok(program.delete(&path).bearer_auth(&person.access), 200).await;
            Promise::Withdrawn(person)
        }
        _ => {
            let started = ok(program.delete("/v1/me").bearer_auth(&person.access), 202).await;
            Promise::Erased(person, text(&started, "reference"))
        }
    }
}

async fn kept(program: &Program, promise: &Promise) {
    let live = async |person: &Somebody| {
        let consents = ok(program.get("/v1/me/consents").bearer_auth(&person.access), 200).await;
        consents["live"].as_array().unwrap().len()
    };
    match promise {
        Promise::Granted(person) => assert_eq!(live(person).await, 1),
        Promise::Withdrawn(person) => assert_eq!(live(person).await, 0),
        Promise::Erased(person, reference) => {
            ok(program.get("/v1/me/consents").bearer_auth(&person.access), 401).await;
            let mut step = Value::Null;
            for _ in 0..200 {
                step = ok(program.get(&format!("/v1/erasures/{reference}")), 200).await["step"].clone();
                if step == "done" {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            assert_eq!(step, "done");
        }
        Promise::OptedOut(body, key, answer) => {
            let again = ok(program.post("/v1/opt-out").header("idempotency-key", key).json(body), 202).await;
            assert_eq!(&again, answer);
        }
    }
}

async fn survives_kills(db: Db, rounds: usize) {
    let (folder, database) = place(db).await;
    let data = folder.path();
    let mut last = None;
    for round in 0..rounds {
        let program = Program::start(data, &database);
        if let Some(last) = &last {
            kept(&program, last).await;
        }
        last = Some(promise(&program, data, round).await);
        program.kill();
    }
    let report = verify_log(data, &database);
    println!("{db:?}: {rounds} kills, {report}");
    let program = Program::start(data, &database);
    kept(&program, &last.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_right_after_success_it_is_still_there_sqlite() {
    survives_kills(Db::Sqlite, ROUNDS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_right_after_success_it_is_still_there_postgres() {
    survives_kills(Db::Postgres, ROUNDS).await;
}

/// The same for longer; it takes minutes: `./tests/run -- --ignored --nocapture killed_two_hundred_times`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes"]
async fn killed_two_hundred_times_it_is_still_there_sqlite() {
    survives_kills(Db::Sqlite, 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes"]
async fn killed_two_hundred_times_it_is_still_there_postgres() {
    survives_kills(Db::Postgres, 200).await;
}

/// Many at once, killed in the middle: whoever has a receipt is in the log.
async fn survives_kills_under_load(db: Db) {
    let (folder, database) = place(db).await;
    let data = folder.path();
    let mut receipts = Vec::new();
    for round in 0..6 {
        let program = Program::start(data, &database);
        let count = Arc::new(AtomicUsize::new(0));
        let sending: Vec<_> = (0..8)
            .map(|lane| {
                let (http, url) = (program.http.clone(), format!("{}/v1/opt-out", program.url));
                let count = count.clone();
                tokio::spawn(async move {
                    let mut answered = Vec::new();
                    for number in 0.. {
                        let address = format!("r{round}l{lane}n{number}@example.org");
                        let body = json!({ "kind": "email", "identifier": address, "for": "self" });
                        let Ok(response) = http.post(&url).json(&body).send().await else { break };
                        if response.status().as_u16() != 202 {
                            break;
                        }
                        let Ok(answer) = response.json::<Value>().await else { break };
                        answered.push(answer["receipt"].clone());
                        count.fetch_add(1, Ordering::SeqCst);
                    }
                    answered
                })
            })
            .collect();
        while count.load(Ordering::SeqCst) < 5 + round {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        program.kill();
        for lane in sending {
            receipts.extend(lane.await.unwrap());
        }
    }
    verify_log(data, &database);
    let program = Program::start(data, &database);
    for receipt in &receipts {
        let receipt = sayso::log::Receipt::parse(receipt.as_str().unwrap()).unwrap();
        let leaves = ok(program.get(&format!("/v1/log/leaves?from={}", receipt.index)), 200).await;
        assert_eq!(leaves[0]["leaf_hash"], hex::encode(receipt.leaf.hash()), "leaf {}", receipt.index);
    }
    println!("{db:?}: {} receipts, all in the log", receipts.len());
    assert!(receipts.len() >= 40, "{}", receipts.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_under_load_every_receipt_is_in_the_log_sqlite() {
    survives_kills_under_load(Db::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_under_load_every_receipt_is_in_the_log_postgres() {
    survives_kills_under_load(Db::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_during_its_first_start_it_comes_up_and_has_an_operator() {
    for millis in [0, 20, 40, 60, 80, 100, 130, 160, 200, 250, 300] {
        let folder = TempDir::new().unwrap();
        let arguments = ["serve", "--listen", "127.0.0.1:0"];
        let mut command = super::program::sayso(&arguments, folder.path(), "");
        let shown = folder.path().with_extension("out");
        let mut child = command.stdout(std::fs::File::create(&shown).unwrap()).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(millis)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        let before = std::fs::read_to_string(&shown).unwrap();
        std::fs::remove_file(&shown).unwrap();
        let program = Program::start(folder.path(), "");
        assert!(
            program.secret.is_some() || before.contains("shown only now"),
            "after {millis} ms nobody has the secret"
        );
        ok(program.get("/v1/notices/link"), 200).await;
        program.kill();
        verify_log(folder.path(), "");
    }
}

#[test]
fn a_first_start_on_a_taken_address_does_not_lose_the_operators_secret() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = TempDir::new().unwrap();
    let output = run(&["serve", "--listen", &address], folder.path(), "");
    assert!(!output.status.success());
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(complaint.contains(&address) && complaint.contains("--listen"), "{complaint}");
    let first = String::from_utf8_lossy(&output.stdout).contains("shown only now");
    assert!(first || Program::start(folder.path(), "").secret.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asked_to_stop_it_ends_within_five_seconds_and_loses_no_counts() {
    for db in [Db::Sqlite, Db::Postgres] {
        let (folder, database) = place(db).await;
        let data = folder.path();
        let program = Program::start(data, &database);
        let secret = program.secret.clone().unwrap();
        let operator = program.token("operator", &secret).await;
        let body = json!({
            "id": "a-recipient", "role": "recipient", "class": "company", "purposes": ["public_profile"],
            "sources": ["activitypub"],
        });
        let registered = ok(program.post("/v1/admin/clients").bearer_auth(&operator).json(&body), 201).await;
        let recipient = program.token("a-recipient", &text(&registered, "client_secret")).await;
        let person = program.person(data, "anna@example.org").await;
        let ids = json!([{ "kind": "email", "identifier": "anna@example.org" }]);
        let body = json!({ "action": "disclose", "purpose": "public_profile", "source": "activitypub", "ids": ids });
        // Connections that say nothing, or stop in the middle of a request, must not hold it up.
        let address = program.url.trim_start_matches("http://").to_owned();
        let _silent = TcpStream::connect(&address).await.unwrap();
        let mut half = TcpStream::connect(&address).await.unwrap();
        half.write_all(b"POST /v1/opt-out HTTP/1.1\r\nhost: a\r\ncontent-le").await.unwrap();
        let mut body_half = TcpStream::connect(&address).await.unwrap();
        let head =
            b"POST /v1/opt-out HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{";
        body_half.write_all(head).await.unwrap();
        for _ in 0..7 {
            ok(program.post("/v1/gate/filter").bearer_auth(&recipient).json(&body), 200).await;
        }
        let (status, took, said) = program.terminate();
        assert_eq!(status.code(), Some(0), "{said}");
        assert!(took < Duration::from_secs(5), "{db:?}: it took {took:?}");
        let program = Program::start(data, &database);
        let decisions = ok(program.get("/v1/me/decisions").bearer_auth(&person.access), 200).await;
        assert_eq!(decisions[0]["times"], 7, "{decisions}");
    }
}

#[test]
fn a_second_server_on_the_same_folder_is_told_what_to_do() {
    let folder = TempDir::new().unwrap();
    let _first = Program::start(folder.path(), "");
    let second = run(&["serve", "--listen", "127.0.0.1:0"], folder.path(), "");
    let complaint = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(!second.status.success() && complaint.contains("--url"), "{complaint}");
    verify_log(folder.path(), "");
}

/// A file system of three megabytes, gone with the value. Only the superuser can make one.
struct Small(TempDir);

impl Small {
    fn new() -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=3m", "tmpfs"]).arg(folder.path()).output();
        let mounted = mount.is_ok_and(|output| output.status.success());
        mounted.then_some(Self(folder))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _best_effort = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_a_problem_without_half_writes_and_passes() {
    let Some(small) = Small::new() else {
        eprintln!("SKIPPED, a small file system cannot be mounted here");
        return;
    };
    let data = small.0.path();
    let program = Program::start(data, "");
    let person = program.person(data, "anna@example.org").await;
    program.grant(&person).await;
    let filler = data.join("filler");
    let fill = || drop(std::fs::write(&filler, vec![0; 4 << 20]));
    let mut refused = 0;
    let mut answered = Vec::new();
    for number in 0..60 {
        fill();
        let body = json!({ "kind": "email", "identifier": format!("p{number}@example.org"), "for": "self" });
        let response = program.post("/v1/opt-out").json(&body).send().await.unwrap();
        let (status, told) = (response.status().as_u16(), response.json::<Value>().await.unwrap());
        if status == 202 {
            answered.push(told);
            continue;
        }
        assert_eq!(status, 503, "{told}");
        assert_eq!(told["type"], "urn:sayso:problem:storage-full", "{told} {}", program.said());
        refused += 1;
        if refused > 5 {
            break;
        }
    }
    assert!(refused > 5, "the disk never filled up");
    let register = json!({ "kind": "email", "identifier": "new@example.org", "adult": "yes" });
    let status = program.post("/v1/subjects").json(&register).send().await.unwrap().status().as_u16();
    assert!([202, 503].contains(&status), "{status}");
    ok(program.get("/v1/me/consents").bearer_auth(&person.access), 200).await;
    std::fs::remove_file(&filler).unwrap();
    let body = json!({ "kind": "email", "identifier": "again@example.org", "for": "self" });
    ok(program.post("/v1/opt-out").json(&body), 202).await;
    program.kill();
    let report = verify_log(data, "");
    let program = Program::start(data, "");
    let leaves = ok(program.get("/v1/log/leaves"), 200).await;
    let opted_out = leaves.as_array().unwrap().iter().filter(|leaf| leaf["kind"] == "opted_out").count();
    assert_eq!(opted_out, answered.len() + 1, "{report}");
}

/// Stands between the service and its database, and can be cut.
struct Wire {
    address: std::net::SocketAddr,
    open: Arc<AtomicBool>,
}

impl Wire {
    async fn to(target: String) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let open = Arc::new(AtomicBool::new(true));
        let is_open = open.clone();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (target, is_open) = (target.clone(), is_open.clone());
                tokio::spawn(async move {
                    let Ok(mut far) = TcpStream::connect(target).await else { return };
                    let cut = async {
                        while is_open.load(Ordering::SeqCst) {
                            tokio::time::sleep(Duration::from_millis(5)).await;
                        }
                    };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        () = cut => {}
                    }
                });
            }
        });
        Self { address, open }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_gone_is_503_and_comes_back() {
    let (folder, database) = place(Db::Postgres).await;
    let data = folder.path();
    let (_, rest) = database.split_once('@').unwrap();
    let (host, name) = rest.split_once('/').unwrap();
    let wire = Wire::to(host.to_owned()).await;
    let program = Program::start(data, &format!("postgres://postgres@{}/{name}", wire.address));
    let person = program.person(data, "anna@example.org").await;
    let body = json!({ "kind": "email", "identifier": "p@example.org", "for": "self" });
    let leaves = async || ok(program.get("/v1/log/leaves"), 200).await.as_array().unwrap().len();
    let before = leaves().await;
    wire.open.store(false, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(50)).await;
    for _ in 0..2 {
        for request in [
            program.post("/v1/opt-out").json(&body),
            program.get("/v1/me/consents").bearer_auth(&person.access),
            program.get("/readyz"),
        ] {
            let response = request.send().await.unwrap();
            let (status, told) = (response.status().as_u16(), response.json::<Value>().await.unwrap());
            assert_eq!(status, 503, "{told}");
        }
    }
    ok(program.get("/healthz"), 204).await;
    wire.open.store(true, Ordering::SeqCst);
    ok(program.get("/readyz"), 204).await;
    assert_eq!(leaves().await, before, "a refusal left something");
    ok(program.post("/v1/opt-out").json(&body), 202).await;
    program.kill();
    verify_log(data, &database);
}

/// A first start that was killed while it wrote its keys left a piece of them, or nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_start_that_was_killed_among_its_keys_is_taken_up() {
    let folder = tempfile::TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("keys")).unwrap();
    std::fs::write(folder.path().join("keys/ring.part"), b"{\"version\":1,").unwrap();
    let program = Program::start(folder.path(), "");
    ok(program.get("/readyz"), 204).await;
    assert!(program.secret.is_some(), "the first start");
    assert!(!folder.path().join("keys/ring.part").exists());
    program.kill();
}
