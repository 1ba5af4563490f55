//! The real program as a process of its own, asked over a real socket.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use super::client::{PASSWORD, Somebody, code_in, somebody, text};

const START: Duration = Duration::from_secs(60);

/// A running service.
pub struct Program {
    child: Child,
    pub url: String,
    pub secret: Option<String>,
    said: Said,
    pub http: Client,
}

type Said = Arc<Mutex<String>>;

/// The command `sayso` with a data folder, and a database if there is one.
pub fn sayso(arguments: &[&str], data: &Path, database: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sayso"));
    command.args(arguments).arg("--data").arg(data);
    if !database.is_empty() {
        command.args(["--database", database]);
    }
    command.env("SAYSO_QUANTUM_MILLIS", "0").env_remove("SAYSO_MUTANT").env("RUST_BACKTRACE", "0");
    command
}

fn collect(from: impl Read + Send + 'static, into: &Said) {
    let into = into.clone();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let mut said = into.lock().unwrap();
            said.push_str(&line);
            said.push('\n');
        }
    });
}

impl Program {
    pub fn start(data: &Path, database: &str) -> Self {
        Self::with(data, database, &[])
    }

    pub fn with(data: &Path, database: &str, environment: &[(&str, &str)]) -> Self {
        let mut command = sayso(&["serve", "--listen", "127.0.0.1:0"], data, database);
        command.envs(environment.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped()).stdin(Stdio::null());
        let mut child = command.spawn().unwrap();
        let said = Said::default();
        collect(child.stdout.take().unwrap(), &said);
        collect(child.stderr.take().unwrap(), &said);
        let begun = sayso::clock::Mark::now();
        let url = loop {
            let now = said.lock().unwrap().clone();
            if let Some((_, rest)) = now.split_once("sayso listens on ")
                && let Some((url, _)) = rest.split_once('\n')
            {
                break url.to_owned();
            }
            assert!(begun.elapsed() < START && child.try_wait().unwrap().is_none(), "it did not start: {now}");
            std::thread::sleep(Duration::from_millis(10));
        };
        // Without TLS no cryptography is used, but the client asks for a provider all the same.
        let _already_installed = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder().timeout(Duration::from_secs(40)).pool_max_idle_per_host(0).build().unwrap();
        let mut program = Self { child, url, secret: None, said, http };
        program.secret = program.said().split_once("shown only now:\n").and_then(|(_, rest)| {
            rest.lines().next().map(|line| line.trim().to_owned()).filter(|secret| secret.len() == 64)
        });
        program
    }

    /// Everything it said on both outputs.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// As a power cut would: nothing is finished.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it has ended by itself, and returns how, and all it said.
    pub fn ended(mut self) -> (ExitStatus, String) {
        let begun = sayso::clock::Mark::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < START, "it goes on: {}", self.said());
            std::thread::sleep(Duration::from_millis(5));
        }
        (self.child.wait().unwrap(), self.said())
    }

    /// Asks it to stop, and returns how it ended, after how long, and all it said.
    pub fn terminate(mut self) -> (ExitStatus, Duration, String) {
        let begun = sayso::clock::Mark::now();
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(told.success());
        let status = self.child.wait().unwrap();
        let took = begun.elapsed();
        std::thread::sleep(Duration::from_millis(100));
        (status, took, self.said())
    }

    pub fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.url))
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(format!("{}{path}", self.url))
    }

    pub fn delete(&self, path: &str) -> RequestBuilder {
        self.http.delete(format!("{}{path}", self.url))
    }

    /// Registers somebody and proves the address.
    pub async fn person(&self, data: &Path, address: &str) -> Somebody {
        let body = json!({ "kind": "email", "identifier": address, "adult": "yes" });
        ok(self.post("/v1/subjects").json(&body), 202).await;
        let body = json!({ "identifier": address, "code": code_in(data, address), "password": PASSWORD });
        somebody(&ok(self.post("/v1/auth/verify").json(&body), 200).await)
    }

    pub async fn grant(&self, somebody: &Somebody) -> Value {
        let notice = ok(self.get("/v1/notices/attention_score"), 200).await;
        let consents = ok(self.get("/v1/me/consents").bearer_auth(&somebody.access), 200).await;
        let body = json!({
            "purpose": "attention_score", "source": "activitypub", "recipient": "sayso",
            "notice_version": notice["version"], "notice_sha256": notice["sha256"],
            "known_seq": consents["known_seq"], "decision": "granted",
        });
        ok(self.post("/v1/me/consents").bearer_auth(&somebody.access).json(&body), 201).await
    }

    pub async fn token(&self, id: &str, secret: &str) -> String {
        let form =
            self.post("/v1/auth/token").basic_auth(id, Some(secret)).form(&[("grant_type", "client_credentials")]);
        text(&ok(form, 200).await, "access_token")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _already_gone = self.child.wait();
    }
}

/// The answer to a request, which must have this status.
pub async fn ok(request: RequestBuilder, status: u16) -> Value {
    let response = request.send().await.unwrap();
    let got = response.status().as_u16();
    let body = response.text().await.unwrap();
    assert_eq!(got, status, "{body}");
    serde_json::from_str(&body).unwrap_or(Value::Null)
}

/// Runs a command to its end.
pub fn run(arguments: &[&str], data: &Path, database: &str) -> Output {
    sayso(arguments, data, database).output().unwrap()
}

/// The log, the standings and the edges are what they must be.
#[track_caller]
pub fn verify_log(data: &Path, database: &str) -> Value {
    let output = run(&["verify", "log", "--json"], data, database);
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{report}{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["findings"], json!([]), "{report}");
    report
}
