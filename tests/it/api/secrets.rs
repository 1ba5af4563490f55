//! Nothing personal and nothing secret in logs and complaints, in the data folder, or anywhere after an erasure.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::client::{Somebody, code_in, text};
use super::program::{Program, ok, run};
use crate::world::{Db, new_postgres};

const MARK: &str = "mrk7f3a9";

/// What must be nowhere: everything typed in carries the mark, and these were given out.
async fn live_a_life(program: &Program, data: &Path, secret: &str) -> (Somebody, Vec<String>) {
    let address = format!("{MARK}@example.org");
    let password = format!("{MARK} pass phrase");
    let register = json!({ "kind": "email", "identifier": address, "adult": "yes" });
    ok(program.post("/v1/subjects").json(&register), 202).await;
    let code = code_in(data, &address);
    let verify = json!({ "identifier": address, "code": code, "password": password });
    let tokens = ok(program.post("/v1/auth/verify").json(&verify), 200).await;
    let login = json!({ "identifier": address, "password": password });
    let again = ok(program.post("/v1/auth/login").json(&login), 200).await;
    let refreshed =
        ok(program.post("/v1/auth/refresh").json(&json!({ "refresh_token": tokens["refresh_token"] })), 200).await;
    let person = super::client::somebody(&again);
    let claim = json!({ "kind": "handle", "identifier": format!("activitypub:https://127.0.0.1:9/users/{MARK}") });
    let claimed = ok(program.post("/v1/me/identifiers").bearer_auth(&person.access).json(&claim), 201).await;
    assert!(!text(&claimed, "link").contains(MARK));
    let path = format!("/v1/me/identifiers/{}/verify", text(&claimed, "id"));
    ok(program.post(&path).bearer_auth(&person.access), 409).await;
    let operator = program.token("operator", secret).await;
    let proof = format!("/v1/admin/claims/{}/proof", text(&claimed, "id"));
    ok(program.post(&proof).bearer_auth(&operator), 200).await;
    let granted = program.grant(&person).await;
    ok(program.delete(&format!("/v1/me/consents/{}", granted["consent_id"])).bearer_auth(&person.access), 200).await;
    program.grant(&person).await;
    for (kind, identifier) in [("email", address.clone()), ("handle", format!("github:{MARK}"))] {
        let body = json!({ "kind": kind, "identifier": identifier, "for": "self" });
        ok(program.post("/v1/opt-out").header("idempotency-key", format!("{MARK}{kind}")).json(&body), 202).await;
    }
    ok(program.delete("/v1/me/hold").bearer_auth(&person.access), 200).await;
    ok(program.get("/v1/me/export").bearer_auth(&person.access), 200).await;
    let given = [&tokens, &again, &refreshed]
        .map(|tokens| [text(tokens, "access_token"), text(tokens, "refresh_token")])
        .concat();
    let all = [given, vec![code, text(&claimed, "text"), operator]].concat();
    (person, all)
}

/// Requests that are wrong in every way, each with the mark.
async fn be_wrong(program: &Program, person: &Somebody) {
    let bodies = [
        format!("{{\"{MARK}\": 1}}"),
        format!("{{\"kind\": \"{MARK}\", \"identifier\": \"{MARK}\"}}"),
        format!("{{\"kind\": \"email\", \"identifier\": \"{MARK} {MARK}@@\", \"for\": \"{MARK}\"}}"),
        format!("{MARK}{{"),
        format!("[\"{MARK}\"]"),
        format!("{{\"identifier\": \"{MARK}@example.org\", \"password\": \"{MARK} wrong\"}}"),
        format!("{{\"identifier\": \"{MARK}@example.org\", \"code\": \"{MARK}\"}}"),
        format!("{{\"refresh_token\": \"{MARK}\"}}"),
    ];
    let paths =
        ["/v1/opt-out", "/v1/subjects", "/v1/auth/login", "/v1/auth/verify", "/v1/auth/refresh", "/v1/me/consents"];
    for path in paths {
        for body in &bodies {
            let request = program.post(&format!("{path}?{MARK}={MARK}")).header("content-type", "application/json");
            quiet(request.body(body.clone())).await;
            let request = program.post(path).header("content-type", "application/json").header("x-request-id", MARK);
            quiet(request.bearer_auth(&person.access).header("user-agent", MARK).body(body.clone())).await;
        }
    }
    for path in [format!("/{MARK}"), format!("/v1/erasures/{MARK}"), format!("/v1/notices/{MARK}?a={MARK}")] {
        quiet(program.get(&path).bearer_auth(MARK).header("idempotency-key", MARK)).await;
    }
    quiet(program.post("/v1/auth/token").basic_auth(MARK, Some(MARK)).form(&[(MARK, MARK)])).await;
    let typed = program.post("/verify").header("sec-fetch-site", "same-origin").form(&[("receipt", MARK)]);
    assert_eq!(typed.send().await.unwrap().status(), 422, "what was typed comes back to whoever typed it");
    let method = reqwest::Method::from_bytes(b"MRK7F3A9").unwrap();
    quiet(program.http.request(method, format!("{}/v1/me", program.url))).await;
}

/// An answer to a stranger never repeats what was sent.
async fn quiet(request: reqwest::RequestBuilder) {
    let response = request.send().await.unwrap();
    assert!(!format!("{:?}", response.headers()).to_lowercase().contains(MARK));
    let (status, url, body) = (response.status(), response.url().path().to_owned(), response.text().await.unwrap());
    assert!(!body.to_lowercase().contains(MARK), "{url} {status} {body}");
}

/// Files of a folder that hold one of the texts, as it is or in hexadecimal.
fn holding(folder: &Path, texts: &[String], skip: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = super::shared::name(&path);
        if skip.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            found.extend(holding(&path, texts, skip));
            continue;
        }
        let bytes = match std::fs::read(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue, // a ring was written meanwhile
            bytes => bytes.unwrap(),
        };
        for (place, text) in texts.iter().enumerate() {
            for form in [text.clone().into_bytes(), hex::encode(text).into_bytes(), text.to_uppercase().into_bytes()] {
                if bytes.windows(form.len()).any(|window| window == form) {
                    found.push(format!("{name} holds text {place}"));
                }
            }
        }
    }
    found
}

#[track_caller]
fn silent(said: &str, texts: &[String]) {
    for line in said.lines() {
        let lower = line.to_lowercase();
        let text = texts.iter().position(|text| lower.contains(&text.to_lowercase()));
        assert!(text.is_none(), "text {text:?} in: {line}");
    }
}

async fn nowhere(db: Db) {
    let folder = TempDir::new().unwrap();
    let data = folder.path();
    let database = if db == Db::Postgres { new_postgres().await } else { String::new() };
    let log = [("SAYSO_LOG", "trace,sqlx=debug"), ("SAYSO_PRIVATE_HOSTS", "127.0.0.1:9")];
    let program = Program::with(data, &database, &log);
    let secret = program.secret.clone().unwrap();
    let (person, given) = live_a_life(&program, data, &secret).await;
    let texts = [vec![MARK.to_owned()], given].concat();
    be_wrong(&program, &person).await;
    assert_eq!(holding(data, &texts, &["outbox"]), Vec::<String>::new());
    let started = ok(program.delete("/v1/me").bearer_auth(&person.access), 202).await;
    let path = format!("/v1/erasures/{}", text(&started, "reference"));
    let mut step = Value::Null;
    for _ in 0..200 {
        step = ok(program.get(&path), 200).await["step"].clone();
        if step == "done" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(step, "done");
    assert_eq!(holding(data, &texts, &[]), Vec::<String>::new(), "after the erasure");
    let (status, _, said) = program.terminate();
    assert!(status.success() && said.contains("status=202"), "the log says nothing");
    silent(&said, &texts);
    let shown = said.split_once("shown only now:\n").and_then(|(_, rest)| rest.split_once('\n')).unwrap();
    assert!(!shown.1.contains(&secret), "the operator's secret is shown once");
    assert_eq!(holding(data, &[secret], &[]), Vec::<String>::new());
    let scan = run(&["scan", "--marker", MARK], data, "");
    assert!(scan.status.success(), "{}", String::from_utf8_lossy(&scan.stdout));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_log_line_no_file_and_no_answer_holds_what_it_must_not_sqlite() {
    nowhere(Db::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_log_line_no_file_and_no_answer_holds_what_it_must_not_postgres() {
    nowhere(Db::Postgres).await;
}
