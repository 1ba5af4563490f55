//! The doors for proxies: what `/gate/forward` answers, and the ready configurations under `tests/doors`, run by the real proxies.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axum::Router;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tempfile::TempDir;

use crate::api::client::{Api, Call};
use crate::api::program::{Program, ok};
use crate::on_both;

pub(crate) const NGINX: &str = include_str!("../doors/nginx.conf");
const CADDY: &str = include_str!("../doors/Caddyfile");
const ENVOY: &str = include_str!("../doors/envoy.yaml");
const TRAEFIK: &str = include_str!("../doors/traefik.yml");
pub(crate) const DESK: &str = "a-recipient";

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

/// A call as a well-configured proxy makes it.
fn asking(api: &Api, credentials: &str, more: &[(&str, &str)]) -> Call {
    let mut call = api.get("/gate/forward").header("authorization", credentials);
    for (name, value) in
        [("sayso-action", "disclose"), ("sayso-purpose", "public_profile"), ("sayso-source", "activitypub")]
    {
        if !more.iter().any(|(other, _)| *other == name) {
            call = call.header(name, value);
        }
    }
    for (name, value) in more.iter().filter(|(_, value)| !value.is_empty()) {
        call = call.header(name, value);
    }
    call
}

on_both!(a_proxy_hears_three_answers_and_no_other, |world| {
    let api = Api::over(world);
    let desk = api.recipient(DESK).await;
    let secret = basic(DESK, &desk.secret);
    for (method, path) in [
        ("post", ""),
        ("head", ""),
        ("delete", ""),
        ("options", ""),
        ("get", "/"),
        ("head", "/people/x"),
        ("trace", "/x"),
    ] {
        let call = api.call(method, &format!("/gate/forward{path}"));
        call.header("authorization", &secret).send().await.expect_status(403);
    }
    let twice = |name: &str, value: &str| asking(&api, &secret, &[(name, value), (name, value)]);
    for (name, value) in
        [("content-type", "text/plain"), ("idempotency-key", "one"), ("authorization", secret.as_str())]
    {
        twice(name, value).send().await.expect_status(403);
    }
    let large = api.post("/gate/forward/x").header("authorization", &secret);
    large.bytes("text/plain", vec![b'x'; sayso::limits::BODY_BYTES_MAX + 1]).send().await.expect_status(403);
    api.get("/gate/forward").send().await.expect_status(401);
});

on_both!(a_proxy_hears_yes_for_whom_it_may_let_through_and_one_no_for_everything_else, |world| {
    let api = Api::over(world);
    let desk = api.recipient(DESK).await;
    let ann = api.person("ann@example.org").await;
    api.person("bea@example.org").await;
    let pairwise = api.grant(&ann, DESK).await["pairwise"].as_str().unwrap().to_owned();
    let secret = basic(DESK, &desk.secret);
    let policy = api.world.app.policies().await.unwrap().sha256;
    let by_id = format!("pairwise:{pairwise}");
    let route = |uri: &str| {
        [("sayso-route".to_owned(), "/people/{pairwise}/*".to_owned()), ("x-original-uri".into(), uri.into())]
    };
    for credentials in [secret.clone(), format!("Bearer {}", desk.token)] {
        for person in [by_id.as_str(), "email:ann@example.org"] {
            let yes = asking(&api, &credentials, &[("sayso-person", person)]).send().await.expect_status(200);
            assert!(!yes.header("sayso-policy-sha256").is_empty() && !yes.header("sayso-use-by-us").is_empty());
        }
    }
    for (uri, expected) in [
        (format!("/people/{pairwise}/score"), 200),
        (format!("/people/{pairwise}/score?as_of=1"), 200),
        (format!("/people/{pairwise}/"), 200),
        (format!("/people/{pairwise}/a/b"), 200),
        (format!("/people/{pairwise}"), 403),
        (format!("/people/{pairwise}/../00112233445566778899aabbccddeeff"), 403),
        (format!("/people/{pairwise}/%2e%2e/x"), 403),
        (format!("/people/{pairwise}/a//b"), 403),
        (format!("/people/{pairwise}/a;b"), 403),
        (format!("/people/{pairwise}/a#/../../x/a"), 403),
        (format!("/people/{pairwise}/a\\b"), 403),
        (format!("//people/{pairwise}/a"), 403),
        (format!("/People/{pairwise}/a"), 403),
        (format!("/x/../people/{pairwise}/a"), 403),
        (format!("http://other/people/{pairwise}/a"), 403),
        ("/people/00112233445566778899aabbccddeeff/score".into(), 403),
        ("/people//score".into(), 403),
        ("/".into(), 403),
    ] {
        let headers = route(&uri);
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = asking(&api, &secret, &headers).send().await;
        assert_eq!(answer.status, expected, "{uri}");
        assert_eq!(answer.header("sayso-policy-sha256"), policy, "{uri}");
    }
    let encoded = [("sayso-route", "/by-mail/{email}"), ("x-forwarded-uri", "/by-mail/ann%40example.org")];
    assert_eq!(asking(&api, &secret, &encoded).send().await.status, 200);
    let person = ("sayso-person", by_id.as_str());
    let uri = ("x-original-uri", "/people/x/y");
    let mut bodies = Vec::new();
    for more in [
        vec![("sayso-person", "email:bea@example.org")],
        vec![("sayso-person", "email:nobody@example.org")],
        vec![("sayso-person", "email:no address")],
        vec![("sayso-person", "ann@example.org")],
        vec![("sayso-person", "pairwise:")],
        vec![],
        vec![person, ("sayso-route", "/people/{pairwise}/*"), uri],
        vec![person, person],
        vec![("sayso-route", "/people/{pairwise}/*")],
        vec![("sayso-route", "/people/{pairwise}/*"), uri, ("x-forwarded-uri", "/people/x/y")],
        vec![("sayso-route", "/people/{person}/*"), uri],
        vec![("sayso-route", "/people/*"), uri],
        vec![person, ("sayso-action", "sell")],
        vec![person, ("sayso-action", "link")],
        vec![person, ("sayso-action", "")],
        vec![person, ("sayso-purpose", "hiring")],
        vec![person, ("sayso-purpose", "attention_score")],
        vec![person, ("sayso-source", "x")],
        vec![person, ("sayso-source", "disclose"), ("sayso-source", "activitypub")],
    ] {
        let no = asking(&api, &secret, &more).send().await;
        assert_eq!(no.status, 403, "{more:?}");
        bodies.push(no.text());
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    for credentials in ["", "Basic", "Basic !", "Bearer x", &basic(DESK, "wrong"), &basic("nobody", &desk.secret)] {
        assert_eq!(asking(&api, credentials, &[person]).send().await.status, 401, "{credentials}");
    }
    let operator = basic("operator", &api.world.operator_secret);
    assert_eq!(asking(&api, &operator, &[person]).send().await.status, 403);
    api.post("/v1/me/hold").bearer(&ann.access).send().await.expect_status(200);
    assert_eq!(asking(&api, &secret, &[person]).send().await.status, 403, "paused");
    api.delete("/v1/me/hold").bearer(&ann.access).send().await.expect_status(200);
    assert_eq!(asking(&api, &secret, &[person]).send().await.status, 200);
    // Whatever breaks inside is a denial, not an error that a proxy might let through.
    api.world.app.store.close().await;
    assert_eq!(asking(&api, &secret, &[person]).send().await.status, 403, "the database is gone");
});

/// A proxy that ends with its test.
pub(crate) struct Proxy {
    child: Child,
    _folder: TempDir,
    pub(crate) url: String,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // nginx has workers that end when they are asked to, not when their master is killed.
        let _asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ended = self.child.wait();
    }
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// What stands behind the proxy: it answers whatever comes through.
async fn behind() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let router = Router::new().fallback(async |_read: axum::body::Bytes| "let through");
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    port
}

/// Starts a proxy on the ready configuration, with the addresses of this test in place of its own. Somebody else may take the port first.
pub(crate) async fn start(program: &str, configuration: &str, (sayso, behind): (&str, u16), secret: &str) -> Proxy {
    let configuration = configuration
        .replace("127.0.0.1:8080", sayso.trim_start_matches("http://"))
        .replace("127.0.0.1:8082", &format!("127.0.0.1:{behind}"))
        .replace("port_value: 8080", &format!("port_value: {}", sayso.rsplit(':').next().unwrap()))
        .replace("port_value: 8082", &format!("port_value: {behind}"))
        .replace("Basic CREDENTIALS", &basic(DESK, secret));
    for _ in 0..5 {
        let port = free_port();
        let configuration = configuration.replace("127.0.0.1:8081", &format!("127.0.0.1:{port}"));
        let configuration = configuration.replace("port_value: 8081", &format!("port_value: {port}"));
        if let Some(proxy) = listening(program, &configuration, port).await {
            return proxy;
        }
    }
    panic!("{program} does not listen");
}

async fn listening(program: &str, configuration: &str, port: u16) -> Option<Proxy> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("configuration.yaml"); // Envoy goes by the ending
    std::fs::write(&file, configuration).unwrap();
    let mut command = Command::new(program);
    match program {
        "nginx" => command.arg("-p").arg(folder.path()).arg("-e").arg("stderr").arg("-c").arg(&file),
        "envoy" => command.args(["--base-id", &port.to_string(), "--log-level", "error", "-c"]).arg(&file),
        "traefik" => command
            .arg(format!("--entryPoints.web.address=127.0.0.1:{port}"))
            .arg(format!("--providers.file.filename={}", file.display()))
            .args(["--global.sendAnonymousUsage=false", "--global.checkNewVersion=false"]),
        _ => command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&file).env("HOME", folder.path()),
    };
    let said = folder.path().join("said"); // a pipe that nobody reads would stop the proxy when it is full
    let output = std::fs::File::create(&said).unwrap();
    command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
    let child = command.spawn().unwrap_or_else(|error| panic!("{program}: {error}; `tests/run` provides it"));
    let mut proxy = Proxy { child, _folder: folder, url: format!("http://127.0.0.1:{port}") };
    for _ in 0..500 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if proxy.child.try_wait().unwrap().is_some() {
            println!("{}", std::fs::read_to_string(said).unwrap());
            return None;
        }
        // Traefik listens before it has read where requests go.
        let answer = reqwest::get(&proxy.url).await;
        if answer.is_ok_and(|answer| answer.status() != reqwest::StatusCode::NOT_FOUND) {
            return Some(proxy);
        }
    }
    None
}

/// Allowed passes, denied does not, whatever the one who asks says themselves; and when sayso is gone nobody passes.
async fn holds_the_door(program: &str, configuration: &str) {
    let data = tempfile::tempdir().unwrap();
    let sayso = Program::start(data.path(), "");
    let operator = sayso.token("operator", sayso.secret.as_deref().unwrap()).await;
    let body = json!({
        "id": DESK, "role": "recipient", "class": "company",
        "purposes": ["public_profile"], "sources": ["activitypub"],
    });
    let registered = ok(sayso.post("/v1/admin/clients").bearer_auth(&operator).json(&body), 201).await;
    let ann = sayso.person(data.path(), "ann@example.org").await;
    let notice = ok(sayso.get("/v1/notices/public_profile"), 200).await;
    let consents = ok(sayso.get("/v1/me/consents").bearer_auth(&ann.access), 200).await;
    let body = json!({
        "purpose": "public_profile", "source": "activitypub", "recipient": DESK, "decision": "granted",
        "notice_version": notice["version"], "notice_sha256": notice["sha256"], "known_seq": consents["known_seq"],
    });
    let consent = ok(sayso.post("/v1/me/consents").bearer_auth(&ann.access).json(&body), 201).await;
    let pairwise = consent["pairwise"].as_str().unwrap().to_owned();
    let secret = registered["client_secret"].as_str().unwrap();
    let proxy = start(program, configuration, (&sayso.url, behind().await), secret).await;
    let ask = async |path: &str, headers: &[(&str, &str)]| {
        let mut call = sayso.http.get(format!("{}{path}", proxy.url));
        for (name, value) in headers {
            call = call.header(*name, *value);
        }
        let answer = call.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let path = format!("/people/{pairwise}/score");
    let stranger = "/people/00112233445566778899aabbccddeeff/score";
    for asked in [path.clone(), format!("{path}?as_of=1&x=%2F..")] {
        assert_eq!(ask(&asked, &[]).await, (200, "let through".into()), "{program} {asked}");
    }
    let person = format!("pairwise:{pairwise}");
    for headers in [
        vec![],
        vec![("sayso-person", person.as_str())],
        vec![
            ("sayso-route", "/people/{pairwise}/*"),
            ("x-original-uri", path.as_str()),
            ("x-forwarded-uri", path.as_str()),
        ],
        vec![("sayso-purpose", "public_profile"), ("authorization", "Basic eDp5")],
    ] {
        let (status, text) = ask(stranger, &headers).await;
        assert_eq!(status, 403, "{program} {headers:?}");
        assert!(!text.contains("let through"));
    }
    let dotted = format!("{path}/../../00112233445566778899aabbccddeeff");
    let raw = raw_status(&proxy.url, &dotted).await;
    assert!(raw == 403 || raw == 400, "{program} {raw}");
    let post = sayso.http.post(format!("{}{path}", proxy.url)).body("x".repeat(100_000)).send().await.unwrap();
    assert_eq!(post.status().as_u16(), 200, "{program}: a body takes no part in the question");
    let withdrawn = sayso.delete(&format!("/v1/me/consents/{}", consent["consent_id"])).bearer_auth(&ann.access);
    assert_eq!(withdrawn.send().await.unwrap().status().as_u16(), 200);
    assert_eq!(ask(&path, &[]).await.0, 403, "{program}: taken back");
    sayso.kill();
    let http = reqwest::Client::new();
    let answer = http.get(format!("{}{path}", proxy.url)).send().await.unwrap();
    assert!(answer.status().is_server_error() || answer.status().as_u16() == 403, "{program}: the gate is gone");
    assert!(!answer.text().await.unwrap().contains("let through"));
}

/// The status of a path that no client library would send as it is.
async fn raw_status(url: &str, path: &str) -> u16 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let address = url.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_lets_through_whom_the_gate_allows_and_nobody_else() {
    holds_the_door("nginx", NGINX).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caddy_lets_through_whom_the_gate_allows_and_nobody_else() {
    holds_the_door("caddy", CADDY).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envoy_lets_through_whom_the_gate_allows_and_nobody_else() {
    holds_the_door("envoy", ENVOY).await;
}

on_both!(the_address_may_follow_the_path_of_the_door_whatever_the_method, |world| {
    let api = Api::over(world);
    let desk = api.recipient(DESK).await;
    let ann = api.person("ann@example.org").await;
    let pairwise = api.grant(&ann, DESK).await["pairwise"].as_str().unwrap().to_owned();
    let secret = basic(DESK, &desk.secret);
    let at = async |method: &str, path: &str, more: &[(&str, &str)]| {
        let mut call = api.call(method, &format!("/gate/forward{path}")).header("authorization", &secret);
        for (name, value) in [
            ("sayso-action", "disclose"),
            ("sayso-purpose", "public_profile"),
            ("sayso-source", "activitypub"),
            ("sayso-route", "/people/{pairwise}/*"),
        ] {
            call = call.header(name, value);
        }
        for (name, value) in more {
            call = call.header(name, value);
        }
        call.send().await.status
    };
    let (known, stranger) = (format!("/people/{pairwise}/score"), "/people/00112233445566778899aabbccddeeff/score");
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"] {
        assert_eq!(at(method, &known, &[]).await, 200, "{method}");
        assert_eq!(at(method, &format!("{known}?as_of=1"), &[]).await, 200, "{method}");
        assert_eq!(at(method, stranger, &[]).await, 403, "{method}");
    }
    for path in [
        format!("/{known}"),
        format!("/people/{pairwise}/../score"),
        format!("/people/{pairwise}/%2e%2e/x"),
        format!("/people/{pairwise}%2Fx/score"),
        format!("/gate/forward{known}"),
        "/".into(),
    ] {
        let status = at("GET", &path, &[]).await;
        assert!(status == 403 || status == 404, "{path}: {status}");
    }
    for twice in [("x-original-uri", known.as_str()), ("x-forwarded-uri", stranger), ("sayso-person", "email:a@b.org")]
    {
        assert_eq!(at("GET", &known, &[twice]).await, 403, "{twice:?}");
    }
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traefik_lets_through_whom_the_gate_allows_and_nobody_else() {
    holds_the_door("traefik", TRAEFIK).await;
}

/// It sends the headers of the request along to the gate.
#[test]
fn the_configuration_for_traefik_sets_or_removes_every_header_that_is_read() {
    let before = TRAEFIK.split("forwardAuth:").next().unwrap();
    let read = include_str!("../../src/http/forward.rs");
    for header in ["Authorization", "Sayso-Action", "Sayso-Purpose", "Sayso-Source", "Sayso-Route", "Sayso-Person"] {
        assert!(before.contains(&format!("          {header}: ")), "{header}");
    }
    assert!(before.contains("          X-Original-URI: \"\"") && TRAEFIK.contains("trustForwardHeader: false"));
    let named = read.matches("(\"sayso-").count() + read.matches("from_static(\"sayso-").count();
    assert!(named >= 5, "the headers that are read are no longer written as they were: {named}");
}
