//! The proxy in front of an engine: whoever its answer names without consent is not in what comes out, whatever the engine does.

mod strip;

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::StreamExt;
use sayso::proxy::{Map, Proxy};
use sayso::remote::RemoteGate;
use sayso::secret::SecretText;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::api::Somebody;
use crate::api::program::{Program, ok};
use crate::doors::{DESK, NGINX, free_port, start};

const MAP: &str = include_str!("../doors/map.toml");
const STRANGER: &str = "00112233445566778899aabbccddeeff";

/// A running sayso with a recipient.
struct Stage {
    data: TempDir,
    sayso: Program,
    secret: String,
}

impl Stage {
    async fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let sayso = Program::start(data.path(), "");
        let operator = sayso.token("operator", sayso.secret.as_deref().unwrap()).await;
        let body = json!({ "id": DESK, "role": "recipient", "class": "company",
            "purposes": ["public_profile"], "sources": ["activitypub"] });
        let registered = ok(sayso.post("/v1/admin/clients").bearer_auth(&operator).json(&body), 201).await;
        let secret = registered["client_secret"].as_str().unwrap().to_owned();
        Self { data, sayso, secret }
    }

    /// Somebody who says yes: their log-in, the id that came with the grant, and the grant.
    async fn member(&self, name: &str) -> (Somebody, String, String) {
        let somebody = self.sayso.person(self.data.path(), &format!("{name}@example.org")).await;
        let notice = ok(self.sayso.get("/v1/notices/public_profile"), 200).await;
        let consents = ok(self.sayso.get("/v1/me/consents").bearer_auth(&somebody.access), 200).await;
        let body = json!({
            "purpose": "public_profile", "source": "activitypub", "recipient": DESK, "decision": "granted",
            "notice_version": notice["version"], "notice_sha256": notice["sha256"], "known_seq": consents["known_seq"],
        });
        let consent = ok(self.sayso.post("/v1/me/consents").bearer_auth(&somebody.access).json(&body), 201).await;
        (somebody, consent["pairwise"].as_str().unwrap().to_owned(), consent["consent_id"].to_string())
    }

    async fn withdraw(&self, somebody: &Somebody, consent: &str) {
        let call = self.sayso.delete(&format!("/v1/me/consents/{consent}")).bearer_auth(&somebody.access);
        assert_eq!(call.send().await.unwrap().status().as_u16(), 200);
    }

    /// The proxy, with its address, until the sender is dropped.
    async fn proxy(&self, engine: &str, map: &str) -> (String, oneshot::Sender<()>) {
        let gate = RemoteGate::new(&self.sayso.url, DESK, SecretText::new(self.secret.clone())).unwrap();
        let proxy = Proxy::new(engine, Map::read(map).unwrap(), gate).unwrap();
        let (stop, stopped) = oneshot::channel();
        let signal = async move { drop(stopped.await) };
        let (address, serving) =
            sayso::http::listen("127.0.0.1:0".parse().unwrap(), proxy.router(), signal).await.unwrap();
        tokio::spawn(serving);
        (format!("http://{address}"), stop)
    }
}

/// An engine that names these people, and lies when it is asked to.
#[derive(Clone)]
struct Engine {
    people: Arc<Vec<String>>,
    asked: Arc<AtomicU32>,
    /// Run while it works on an answer.
    meanwhile: Arc<tokio::sync::Mutex<Option<oneshot::Sender<oneshot::Sender<()>>>>>,
}

impl Engine {
    fn new(people: &[&str]) -> Self {
        let people = people.iter().map(|one| (*one).to_owned()).collect();
        Self { people: Arc::new(people), asked: Arc::default(), meanwhile: Arc::default() }
    }

    async fn start(&self) -> String {
        let router = Router::new().route("/people/{id}/score", get(score)).route("/ranking", get(ranking));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = router.with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        url
    }

    fn results(&self) -> Value {
        let one = |(place, who): (usize, &String)| json!({ "place": place + 1, "person": who, "score": 7 });
        let results: Vec<Value> = self.people.iter().enumerate().map(one).collect();
        let keyed: serde_json::Map<String, Value> = self.people.iter().map(|who| (who.clone(), json!(7))).collect();
        json!({ "total": results.len(), "results": results, "by_person": keyed })
    }
}

async fn score(State(engine): State<Engine>, Path(id): Path<String>) -> Response {
    engine.asked.fetch_add(1, Ordering::SeqCst);
    if let Some(meanwhile) = engine.meanwhile.lock().await.take() {
        let (done, wait) = oneshot::channel();
        meanwhile.send(done).unwrap();
        wait.await.unwrap();
    }
    axum::Json(json!({ "person": id, "score": 7 })).into_response()
}

#[derive(serde::Deserialize)]
struct As {
    #[serde(default, rename = "as")]
    how: String,
}

async fn ranking(State(engine): State<Engine>, Query(As { how }): Query<As>) -> Response {
    engine.asked.fetch_add(1, Ordering::SeqCst);
    let good = engine.results();
    let text = good.to_string();
    let json = |body: Body| ([(header::CONTENT_TYPE, "application/json")], body).into_response();
    match how.as_str() {
        "html" => ([(header::CONTENT_TYPE, "text/html")], text).into_response(),
        "no type" => Body::from(text).into_response(),
        "broken" => json(Body::from(text[..text.len() - 3].to_owned())),
        "two" => json(Body::from(format!("{text}{text}"))),
        "not utf-8" => json(Body::from([b"{\"results\":[\"\xff\"]}", text.as_bytes()].concat())),
        "a list" => axum::Json(good["results"].clone()).into_response(),
        "moved" => axum::Json(json!({ "data": good })).into_response(),
        "null" => axum::Json(json!({ "results": null, "by_person": {} })).into_response(),
        "twice" => {
            let named = good["results"].to_string();
            json(Body::from(format!("{{\"results\":{named},\"by_person\":{{}},\"results\":[]}}")))
        }
        "packed" => {
            ([(header::CONTENT_TYPE, "application/json"), (header::CONTENT_ENCODING, "gzip")], text).into_response()
        }
        "away" => (StatusCode::FOUND, [(header::LOCATION, "/ranking")], text).into_response(),
        "error" => (StatusCode::INTERNAL_SERVER_ERROR, axum::Json(good)).into_response(),
        "refused" => (StatusCode::CONFLICT, axum::Json(good)).into_response(),
        "none" => (StatusCode::NO_CONTENT, [(header::CONTENT_TYPE, "application/json")]).into_response(),
        "huge" => json(Body::from(format!("{{\"pad\":\"{}\",{}", "x".repeat(9 << 20), &text[1..]))),
        "endless" => json(Body::from_stream(futures_util::stream::repeat_with(|| {
            Ok::<_, std::io::Error>(Bytes::from_static(b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["))
        }))),
        "stalls" => {
            let first = futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from(text))]);
            json(Body::from_stream(first.chain(futures_util::stream::pending())))
        }
        "deep" => json(Body::from("[".repeat(100_000))),
        "in headers" => {
            let names = engine.people.join(",");
            let more =
                [(header::SET_COOKIE, names.clone()), (header::ETAG, format!("\"{names}\"")), (header::LINK, names)];
            (more, axum::Json(good)).into_response()
        }
        _ => axum::Json(good).into_response(),
    }
}

async fn ask(url: &str) -> (u16, HeaderMap, String) {
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let answer = http.get(url).send().await.unwrap();
    (answer.status().as_u16(), answer.headers().clone(), answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_did_not_say_yes_is_not_in_the_answer_and_is_not_asked_about() {
    let stage = Stage::new().await;
    let (ann, ann_id, consent) = stage.member("ann").await;
    let (_, bea_id, _) = stage.member("bea").await;
    let engine = Engine::new(&[STRANGER, &bea_id, "no id", &ann_id]);
    let (proxy, _stop) = stage.proxy(&engine.start().await, MAP).await;
    let (status, headers, text) = ask(&format!("{proxy}/ranking?as=in%20headers")).await;
    assert_eq!((status, headers[header::CONTENT_TYPE].as_bytes()), (200, &b"application/json"[..]));
    assert_eq!(headers[header::CACHE_CONTROL], "no-store");
    let answer: Value = serde_json::from_str(&text).unwrap();
    let expected = json!({
        "results": [{ "person": bea_id, "score": 7 }, { "person": ann_id, "score": 7 }],
        "by_person": { bea_id.clone(): 7, ann_id.clone(): 7 },
    });
    assert_eq!(answer, expected);
    assert!(!format!("{headers:?}").contains(STRANGER), "{headers:?}");

    let reached = engine.asked.load(Ordering::SeqCst);
    let score = |id: &str| format!("{proxy}/people/{id}/score");
    let (status, _, text) = ask(&score(&ann_id)).await;
    assert_eq!((status, serde_json::from_str::<Value>(&text).unwrap()["score"].clone()), (200, json!(7)));
    assert_eq!(engine.asked.load(Ordering::SeqCst), reached + 1);
    let denied = ask(&score(STRANGER)).await;
    assert_eq!(denied.0, 403);
    stage.withdraw(&ann, &consent).await;
    for id in [ann_id.as_str(), "x", &ann_id[1..], "%20"] {
        let other = ask(&score(id)).await;
        let plain = |mut headers: HeaderMap| {
            headers.remove(header::DATE);
            headers
        };
        assert_eq!((other.0, &other.2), (denied.0, &denied.2), "{id}");
        assert_eq!(plain(other.1), plain(denied.1.clone()), "{id}");
    }
    assert_eq!(engine.asked.load(Ordering::SeqCst), reached + 1, "the engine is not asked about who said no");
    let (_, _, text) = ask(&format!("{proxy}/ranking")).await;
    assert!(text.contains(&bea_id) && !text.contains(&ann_id), "{text}");

    for path in ["/", "/people", &format!("/people/{bea_id}"), "/ranking/", "/ranking/x", "/asked", "//ranking"] {
        assert_eq!(ask(&format!("{proxy}{path}")).await.0, 404, "{path}");
    }
    let http = reqwest::Client::new();
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "HEAD"] {
        let method = method.parse::<reqwest::Method>().unwrap();
        let answer = http.request(method.clone(), format!("{proxy}/ranking")).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 404, "{method}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_answers_anything_else_says_nothing() {
    let stage = Stage::new().await;
    let (_, ann, _) = stage.member("ann").await;
    let engine = Engine::new(&[STRANGER, &ann]);
    let (proxy, _stop) = stage.proxy(&engine.start().await, MAP).await;
    let all = [
        ("html", 502),
        ("no type", 502),
        ("broken", 502),
        ("two", 502),
        ("not utf-8", 502),
        ("a list", 502),
        ("moved", 502),
        ("null", 502),
        ("packed", 502),
        ("away", 502),
        ("error", 502),
        ("refused", 409),
        ("none", 502),
        ("huge", 502),
        ("endless", 502),
        ("deep", 502),
        ("stalls", 504),
    ];
    for (how, expected) in all {
        let (status, headers, text) = ask(&format!("{proxy}/ranking?as={}", how.replace(' ', "%20"))).await;
        assert_eq!(status, expected, "{how}: {text}");
        assert_eq!(headers[header::CONTENT_TYPE], "application/problem+json");
        assert!(!text.contains(STRANGER) && !text.contains(&ann), "{how}: {text}");
    }
    let (status, _, text) = ask(&format!("{proxy}/ranking?as=twice")).await;
    assert_eq!(
        (status, text.as_str()),
        (200, r#"{"results":[],"by_person":{}}"#),
        "the last key is the one that is shown"
    );
    let gone = stage.proxy("http://127.0.0.1:1", MAP).await;
    assert_eq!(ask(&format!("{}/ranking", gone.0)).await.0, 502);
    let large = reqwest::Client::new().post(format!("{proxy}/ranking")).body("x".repeat(300_000)).send().await.unwrap();
    assert_eq!(large.status().as_u16(), 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_taken_back_while_the_engine_works_is_not_answered() {
    let stage = Stage::new().await;
    let (ann, ann_id, consent) = stage.member("ann").await;
    let engine = Engine::new(&[&ann_id]);
    let (meanwhile, asked) = oneshot::channel();
    *engine.meanwhile.lock().await = Some(meanwhile);
    let (proxy, _stop) = stage.proxy(&engine.start().await, MAP).await;
    let url = format!("{proxy}/people/{ann_id}/score");
    let answer = tokio::spawn(async move { ask(&url).await });
    let done = asked.await.unwrap();
    stage.withdraw(&ann, &consent).await;
    done.send(()).unwrap();
    assert_eq!(answer.await.unwrap().0, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_gate_nobody_is_named() {
    let stage = Stage::new().await;
    let (_, ann, _) = stage.member("ann").await;
    let engine = Engine::new(&[&ann]);
    let (proxy, _stop) = stage.proxy(&engine.start().await, MAP).await;
    assert_eq!(ask(&format!("{proxy}/people/{ann}/score")).await.0, 200);
    stage.sayso.kill();
    assert_eq!(ask(&format!("{proxy}/people/{ann}/score")).await.0, 403);
    let (status, _, text) = ask(&format!("{proxy}/ranking")).await;
    assert_eq!(status, 503);
    assert!(!text.contains(&ann), "{text}");
}

/// A process that ends with its test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _killed = self.0.kill();
        let _ended = self.0.wait();
    }
}

async fn until_it_listens(port: u16) {
    for _ in 0..500 {
        if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("nothing listens on {port}");
}

/// The sample community: so many said yes, and the engine knows the others all the same, by ids of its own.
const SAID_YES: usize = 7;
const SAID_NOTHING: usize = 17;

/// Who responded to whom: everybody to everybody else, each pair as often as their places say.
fn sample_responses(people: &[String]) -> Vec<Value> {
    let pairs = (0..people.len()).flat_map(|from| (0..people.len()).map(move |to| (from, to)));
    let others = pairs.filter(|(from, to)| from != to);
    others.flat_map(|(from, to)| vec![json!([people[from], people[to]]); (7 * from + 13 * to) % 5]).collect()
}

/// A scoring engine in another language that knows nothing of consent, behind nginx and behind the proxy as people start it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_in_python_behind_nginx_and_behind_the_proxy_scores_only_who_said_yes() {
    let stage = Stage::new().await;
    let mut members = Vec::new();
    for number in 0..SAID_YES {
        members.push(stage.member(&format!("member{number}")).await);
    }
    let strangers = (0..SAID_NOTHING).map(|number| format!("{number:032x}"));
    let people: Vec<String> = members.iter().map(|(_, id, _)| id.clone()).chain(strangers).collect();
    let responses = sample_responses(&people);
    let points = |who: &str| responses.iter().filter(|pair| pair[1] == who).count();
    let file = stage.data.path().join("responses.json");
    std::fs::write(&file, json!(responses).to_string()).unwrap();
    let python = crate::audit::outside::which_python();
    let (engine_port, proxy_port) = (free_port(), free_port());
    let engine = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doors/engine.py");
    let mut command = Command::new(python);
    command.arg(engine).arg(engine_port.to_string()).arg(&file).stdin(Stdio::null());
    let _engine = Process(command.spawn().unwrap());
    until_it_listens(engine_port).await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_sayso"));
    let map = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doors/map.toml");
    command.args(["proxy", "--map", map, "--client", DESK, "--gate", &stage.sayso.url]);
    command.args(["--upstream", &format!("http://127.0.0.1:{engine_port}")]);
    command.args(["--listen", &format!("127.0.0.1:{proxy_port}")]);
    command.env("SAYSO_CLIENT_SECRET", &stage.secret).env_remove("SAYSO_MUTANT");
    let log = stage.data.path().join("proxy.log");
    command.stdin(Stdio::null()).stderr(std::fs::File::create(&log).unwrap());
    let _proxy = Process(command.spawn().unwrap());
    until_it_listens(proxy_port).await;
    let nginx = start("nginx", NGINX, (&stage.sayso.url, engine_port), &stage.secret).await;

    let proxy = format!("http://127.0.0.1:{proxy_port}");
    let everybody_is_answered_about = async |allowed: &[String]| {
        for door in [&proxy, &nginx.url] {
            for who in &people {
                let (status, _, text) = ask(&format!("{door}/people/{who}/score")).await;
                if allowed.contains(who) {
                    let answer: Value = serde_json::from_str(&text).unwrap();
                    assert_eq!((status, &answer["score"]), (200, &json!(points(who))), "{door}");
                } else {
                    assert!(status == 403 && !text.contains("score"), "{door} {text}");
                }
            }
        }
        let ranking: Value = serde_json::from_str(&ask(&format!("{proxy}/ranking")).await.2).unwrap();
        let listed = ranking["results"].as_array().unwrap();
        let listed: std::collections::BTreeMap<_, _> =
            listed.iter().map(|one| (one["person"].as_str().unwrap().to_owned(), one["score"].clone())).collect();
        let expected = allowed.iter().map(|who| (who.clone(), json!(points(who)))).collect();
        assert_eq!((listed, ranking.get("total")), (expected, None));
    };
    everybody_is_answered_about(&people[..SAID_YES]).await;
    assert_eq!(ask(&format!("{}/ranking", nginx.url)).await.0, 403, "its pattern names one person");
    let (first, _, consent) = &members[0];
    stage.withdraw(first, consent).await;
    everybody_is_answered_about(&people[1..SAID_YES]).await;
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("/people/{pairwise}/score") && !people.iter().any(|who| log.contains(who)), "{log}");
}
