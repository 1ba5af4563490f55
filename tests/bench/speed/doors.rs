//! The doors: in this process, through a router, over sockets.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::http::request::Parts;
use axum::routing::get;
use sayso::clock::Mark;
use sayso::domain::{Micros, Triple};
use sayso::fence::Fence;
use sayso::layer::{Gate, GateLayer, Person, Question, Wanted};
use sayso::secret::{Key, SecretText};
use sayso::service::{Action, Asked};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower::ServiceExt;

use crate::acts::CEDAR;
use crate::stage::{DESK, Stage, Start, adult_until, pairwise, question, resident_bytes, triple};
use crate::table::{Table, Target, median, seconds};

const ROUNDS: usize = 5;
const CONNECTIONS: usize = 64;
/// What one id of many costs beside reading the body, when it is looked up in memory in blocks: reached in a trial.
const BLOCK_NANOS: u64 = 49;

fn asked(parts: &Parts) -> Option<Question> {
    let person = Person::of("pairwise", parts.uri.path().split('/').nth(2)?)?;
    let wanted = Wanted { action: Action::Disclose, purpose: triple().purpose, source: triple().source };
    Some(Question { wanted, person })
}

/// One request through a router with the gate in front, against the same without it.
pub async fn layer(stage: &Stage, table: &mut Table) {
    let member = stage.member("layer").await;
    let bare = Router::new().route("/people/{id}", get(async || "42"));
    let gate = Gate::here(stage.world.app.clone(), DESK, SecretText::new(stage.secret.clone()));
    let gated = bare.clone().layer(GateLayer::new(Arc::new(gate), asked));
    let path = format!("/people/{}", member.pairwise);
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (router, times) in [&bare, &gated].into_iter().zip(&mut times) {
            let begun = Mark::now();
            for _ in 0..500 {
                let request = Request::get(&path).body(Body::empty()).unwrap();
                assert_eq!(router.clone().oneshot(request).await.unwrap().status(), 200);
            }
            times.push(begun.elapsed() / 500);
        }
    }
    let (bare, gated) = (seconds(&times[0]), seconds(&times[1]));
    let note = format!("{:.0} against {:.1} microseconds", gated * 1e6, bare * 1e6);
    table.row(
        "`tower::Layer`: one request through a router",
        "the same router without it",
        gated / bare,
        &Target::AtMost(1.2, "at most 1.20"),
        note,
    );
}

/// What one id costs with so many people in memory and more, in questions of a thousand and alone, against a bare look-up of the same keys
/// among as many, and a bit test.
pub async fn by_people(stage: &Stage, people_max: usize, cedar_seconds: f64, table: &mut Table) {
    let mut bare = HashMap::new();
    for people in [10_000, 100_000, 1_000_000, 10_000_000].into_iter().filter(|people| *people <= people_max) {
        let names = stage.remember(bare.len()..people);
        bare.extend((bare.len()..people).map(|person| (*pairwise(person).as_bytes(), 0b1010_u64)));
        let mut times = [Vec::new(), Vec::new(), Vec::new()];
        for some in names.chunks_exact(2_000).take(ROUNDS * 2) {
            let (some, others) = some.split_at(1_000);
            let begun = Mark::now();
            let found = some.iter().filter(|key| bare.get(key.as_bytes()).is_some_and(|mask| mask & 2 != 0)).count();
            times[0].push(begun.elapsed() / 1_000);
            assert_eq!(found, some.len());
            let asked = question(some.iter().copied().map(Asked::Pairwise).collect());
            let begun = Mark::now();
            assert_eq!(stage.world.app.filter(&stage.desk, &asked).await.unwrap().allowed.len(), some.len());
            times[1].push(begun.elapsed() / 1_000);
            let asked: Vec<_> = others.iter().map(|name| question(vec![Asked::Pairwise(*name)])).collect();
            let begun = Mark::now();
            for one in &asked {
                assert_eq!(stage.world.app.filter(&stage.desk, one).await.unwrap().allowed, [0]);
            }
            times[2].push(begun.elapsed() / 1_000);
        }
        let [bare, of_many, alone] = times.map(|times| seconds(&times) * 1e9);
        println!("{people} people: bare {bare:.0} ns, of a thousand {of_many:.0} ns, alone {alone:.0} ns");
        table.by_people.push((people, of_many / 1e3));
        if people == 1_000_000 {
            table.row(
                CEDAR,
                "one decision in process, of a thousand, 1,000,000 people: found, decided, counted",
                cedar_seconds * 1e9 / of_many,
                &Target::AtLeast(100.0, "at least 100"),
                format!("{of_many:.0} ns against {:.1} microseconds", cedar_seconds * 1e6),
            );
        }
        for (name, cost) in
            [("of a thousand", of_many), ("asked alone", alone)].into_iter().filter(|_| people >= 1_000_000)
        {
            table.row(
                &format!("one decision in process, {name}, {people} people"),
                "a bare look-up of the same keys among as many, and a bit test",
                cost / bare,
                &Target::AtMost(1.5, "at most 1.5"),
                format!("{cost:.0} ns against {bare:.0} ns"),
            );
        }
    }
}

/// From the first statement to ready.
pub fn start(start: &Start, table: &mut Table) {
    let Start { grants, reading, opening } = start;
    let (reading, opening) = (reading.as_secs_f64(), opening.as_secs_f64());
    table.row(
        "start to ready",
        "reading the grants once through sqlx",
        opening / reading,
        &Target::AtMost(1.5, "at most 1.5"),
        format!("{opening:.2} s against {reading:.2} s with {grants} grants"),
    );
}

/// What the gate takes for each person who said yes to four recipients, each of which has a name of its own for them.
pub fn memory(people: usize, table: &mut Table) {
    let fence = Fence::new(Key::new([7; 32]));
    let columns = ["first", "second", "third", "fourth"]
        .map(|name| fence.column(&Triple { recipient: name.parse().unwrap(), ..triple() }, true));
    let before = resident_bytes();
    for person in 0..people {
        for (place, column) in columns.iter().enumerate() {
            fence.put_at(
                column,
                pairwise(person * columns.len() + place).as_bytes(),
                &adult_until(Micros(i64::MAX / 2)),
            );
        }
    }
    let each = resident_bytes().saturating_sub(before) as f64 / people as f64;
    table.row(
        &format!("memory for each of {people} people with four grants"),
        "32 bytes: one id and a mask, at a load of 0.75",
        each / 32.0,
        &Target::AtMost(2.0, "at most 2"),
        format!("{each:.0} bytes: a name and an entry for each recipient; whoever has no grant takes none"),
    );
}

/// Very many ids as lines of text, against reading the same body to memory plus 49 ns an id.
pub async fn lines(stage: &Stage, people: usize, table: &mut Table) {
    let names: Vec<String> = (0..people).map(|person| hex::encode(pairwise(person).as_bytes())).collect();
    let body = names.join("\n");
    let router = sayso::http::router(stage.world.app.clone());
    let token = stage.world.app.client_token(DESK, &SecretText::new(stage.secret.clone()), None).await.unwrap();
    let path = "/v1/gate/filter/lines?action=disclose&purpose=public_profile&source=activitypub";
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    stage.counted().await;
    for _ in 0..3 {
        let begun = Mark::now();
        let read = to_bytes(Body::from(body.clone()), usize::MAX).await.unwrap();
        let reading = begun.elapsed();
        times[0].push(reading + Duration::from_nanos(BLOCK_NANOS * names.len() as u64));
        assert_eq!(read.len(), body.len());
        let request = Request::post(path).header("content-type", "text/plain");
        let request = request.header("authorization", format!("Bearer {}", token.access_token));
        let begun = Mark::now();
        let answer = router.clone().oneshot(request.body(Body::from(body.clone())).unwrap()).await.unwrap();
        let answer = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        times[1].push(begun.elapsed());
        assert!(answer.len() > body.len());
        times[2].push(stage.counted().await);
    }
    let [bare, own, counted] = times.map(|times| seconds(&times));
    let note = format!("{} ids: {own:.2} s; counting them, afterwards, {counted:.2} s", names.len());
    table.row(
        "filter of ids as text lines",
        "reading the same body plus 49 ns an id",
        bare / own,
        &Target::AtLeast(0.7, "at least 0.70"),
        note,
    );
}

/// A server in a process of its own.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(arguments).env("SAYSO_LOG", "error").stdout(Stdio::piped()).stdin(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { child, address: address.trim().into() }
    }

    /// Time that it has used of all processors.
    fn cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
    }

    /// A Redis with one key in it, where one is installed: a home-made cache of consents.
    async fn redis() -> Option<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let arguments = ["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
        let mut command = Command::new("redis-server");
        let child = command.args(arguments).stdout(Stdio::null()).stdin(Stdio::null()).spawn().ok()?;
        let server = Self { child, address: format!("127.0.0.1:{port}") };
        for _ in 0..100 {
            if let Ok(mut stream) = TcpStream::connect(&server.address).await {
                stream.write_all(b"*3\r\n$3\r\nSET\r\n$3\r\nann\r\n$1\r\n1\r\n").await.unwrap();
                let mut answer = [0; 5];
                stream.read_exact(&mut answer).await.unwrap();
                return Some(server);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        None
    }

    /// Requests a second on 64 connections that stay open, and the server's time for one.
    async fn load(&self, request: &str, good: &str, seconds: f64) -> (f64, f64) {
        let (cpu, begun) = (self.cpu(), Mark::now());
        let one = async || {
            let mut stream = TcpStream::connect(&self.address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let (mut answer, mut times) = (vec![0; 4_096], 0_u64);
            while begun.elapsed().as_secs_f64() < seconds {
                stream.write_all(request.as_bytes()).await.unwrap();
                let read = stream.read(&mut answer).await.unwrap();
                assert!(answer[..read].starts_with(good.as_bytes()), "{}", String::from_utf8_lossy(&answer[..read]));
                times += 1;
            }
            times
        };
        let times: u64 = futures_util::future::join_all((0..CONNECTIONS).map(|_| one())).await.iter().sum();
        (times as f64 / begun.elapsed().as_secs_f64(), (self.cpu() - cpu) / times as f64)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _killed = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// AuthZEN over sockets, with everything on, against a handler that answers a constant of the same size.
pub async fn evaluation(stage: Stage, table: &mut Table) {
    let name = stage.names(1).await.remove(0);
    let Stage { world, raw, secret, .. } = stage;
    raw.close().await;
    let data = world.data;
    world.app.store.close().await;
    drop(world.app);
    let (constant, own) = (Server::start(&["constant"]), Server::start(&["serve", data.path().to_str().unwrap()]));
    let http = reqwest::Client::new();
    let token = http.post(format!("http://{}/v1/auth/token", own.address)).basic_auth(DESK, Some(secret));
    let token: Value = token.form(&[("grant_type", "client_credentials")]).send().await.unwrap().json().await.unwrap();
    let body = json!({
        "subject": { "type": "recipient", "id": DESK }, "action": { "name": "disclose" },
        "resource": { "type": "pairwise", "id": name },
        "context": { "purpose": "public_profile", "source": "activitypub" },
    })
    .to_string();
    let request = format!(
        "POST /access/v1/evaluation HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        token["access_token"].as_str().unwrap(),
        body.len()
    );
    let redis = Server::redis().await;
    let (mut rates, mut costs, mut of_redis, mut notes) =
        (Vec::new(), Vec::new(), Vec::new(), [String::new(), String::new()]);
    for round in 0..=ROUNDS {
        let good = "HTTP/1.1 200";
        let (bare, own) = (constant.load(&request, good, 2.0).await, own.load(&request, good, 2.0).await);
        if round > 0 {
            rates.push(own.0 / bare.0);
            costs.push(own.1 / bare.1);
            notes[0] = format!("{:.0} a second against {:.0}", own.0, bare.0);
        }
        if let Some(redis) = redis.as_ref().filter(|_| round > 0) {
            let got = redis.load("*2\r\n$3\r\nGET\r\n$3\r\nann\r\n", "$1", 2.0).await;
            of_redis.push(own.0 / got.0);
            notes[1] = format!("{:.0} a second against {:.0}", own.0, got.0);
        }
    }
    let [note, redis_note] = notes;
    let (what, by) = ("`POST /access/v1/evaluation`, 64 connections", "an axum handler answering a constant");
    table.row(what, by, median(rates), &Target::AtLeast(0.75, "at least 0.75"), note);
    let cpu = "the same: server CPU a request";
    table.row(cpu, by, median(costs), &Target::AtMost(1.35, "at most 1.35"), String::new());
    if of_redis.is_empty() {
        println!("Redis is not installed: no comparison with it");
    } else {
        let by = "Redis `GET` without pipelining";
        table.row("the same: requests", by, median(of_redis), &Target::AtLeast(0.9, "at least 0.90"), redis_note);
    }
}
