//! What everybody sees: health, headers, the public log, the auditor's search.

use std::net::SocketAddr;
use std::time::Duration;

use sayso::http::Access;
use sayso::log::{parse_vkey, verify};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::client::{Answer, Api};
use super::program::Program;
use super::tables::{same, tables};
use crate::on_both;
use crate::world::{Db, World};

#[track_caller]
fn has_the_house_headers(answer: &Answer, what: &str) {
    for (name, value) in [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ] {
        assert_eq!(answer.header(name), value, "{name} of {what}");
    }
    assert_eq!(answer.header("x-request-id").len(), 32, "{what}");
    assert_eq!(answer.header("server"), "", "{what}");
}

on_both!(every_answer_forbids_caching_and_guessing_and_has_a_request_id_of_ours, |world| {
    let api = Api::over(world);
    let anna = api.person("anna@example.org").await;
    let answers = [
        ("a page that is there", api.get("/v1/notices").send().await),
        ("a page of a person", api.get("/v1/me/export").bearer(&anna.access).send().await),
        ("an unknown path", api.get("/nothing").send().await),
        ("a wrong method", api.delete("/healthz").send().await),
        ("no token", api.get("/v1/me/export").send().await),
        ("bad input", api.post("/v1/opt-out").bytes("application/json", b"{".to_vec()).send().await),
        ("not built", api.get("/openapi.json").send().await),
        ("health", api.get("/healthz").send().await),
    ];
    for (what, answer) in &answers {
        has_the_house_headers(answer, what);
    }
    let given = "11111111-1111-4111-8111-111111111111";
    let answer = api.get("/healthz").header("x-request-id", given).header("x-request-id", "two").send().await;
    assert_ne!(answer.header("x-request-id"), given);
    has_the_house_headers(&answer, "a request with an id of its own");
});

on_both!(it_is_alive_and_ready_until_its_database_is_gone, |world| {
    let api = Api::over(world);
    for path in ["/healthz", "/readyz"] {
        assert!(api.get(path).send().await.expect_status(204).body.is_empty());
    }
    api.world.app.store.close().await;
    api.get("/healthz").send().await.expect_status(204);
    let answer = api.get("/readyz").send().await;
    assert_eq!((answer.status, answer.problem().as_str()), (503, "unavailable"));
    assert!(!answer.header("retry-after").is_empty());
});

on_both!(the_checkpoint_is_a_signed_note_over_all_leaves, |world| {
    let api = Api::over(world);
    api.person("anna@example.org").await;
    let note = api.get("/v1/log/checkpoint").send().await.expect_status(200);
    assert!(note.header("content-type").starts_with("text/plain"));
    let key = parse_vkey(&api.world.app.log_vkey()).unwrap();
    let checkpoint = verify(&note.text(), &key).unwrap();
    let leaves = api.get("/v1/log/leaves").send().await.expect_status(200).json();
    assert_eq!(leaves.as_array().unwrap().len() as u64, checkpoint.size);
});

on_both!(leaves_come_in_order_from_where_one_asks, |world| {
    let api = Api::over(world);
    for number in 0..5 {
        let body = json!({ "kind": "email", "identifier": format!("p{number}@example.org"), "for": "self" });
        api.post("/v1/opt-out").json(&body).send().await.expect_status(202);
    }
    let all = api.get("/v1/log/leaves").send().await.expect_status(200).json();
    let all = all.as_array().unwrap();
    for (place, leaf) in all.iter().enumerate() {
        assert_eq!(leaf["seq"], place + 1);
        assert_eq!(leaf.as_object().unwrap().len(), 5, "{leaf}");
    }
    for from in [0, 1, 3, all.len() - 1, all.len(), all.len() + 7] {
        let page = api.get(&format!("/v1/log/leaves?from={from}")).send().await.expect_status(200).json();
        assert_eq!(page.as_array().unwrap(), &all.iter().skip(from).cloned().collect::<Vec<_>>());
    }
    let far = api.get("/v1/log/leaves?from=9223372036854775807").send().await.expect_status(200).json();
    assert_eq!(far, json!([]));
    for query in ["from=-1", "from=x", "from=1&from=2", "from=9223372036854775808", "form=1", "from=1e3", "from="] {
        let answer = api.get(&format!("/v1/log/leaves?{query}")).send().await;
        assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid-field"), "{query}");
        assert!(answer.text().contains("from"), "{query}: {}", answer.text());
    }
});

async fn events(api: &Api, token: &str, query: &str) -> Answer {
    api.get(&format!("/v1/audit/events{query}")).bearer(token).send().await
}

on_both!(an_auditor_filters_by_kind_day_and_place, |world| {
    let api = Api::over(world);
    let auditor = api.auditor("an-auditor").await;
    api.person("anna@example.org").await;
    api.world.pass_seconds(3 * 86_400);
    api.person("ben@example.org").await;
    let token = api.token(&auditor.id, &auditor.secret).await.json();
    let token = token["access_token"].as_str().unwrap();
    let count = |found: &Value| found.as_array().unwrap().len();
    let all = events(&api, token, "").await.expect_status(200).json();
    let of = async |query: &str| events(&api, token, query).await.expect_status(200).json();
    assert_eq!(count(&of("?kind=registered").await), 2);
    assert_eq!(count(&of("?kind=registered&to=2026-11-23").await), 1);
    assert_eq!(count(&of("?kind=registered&from=2026-11-24").await), 1);
    assert_eq!(count(&of("?kind=registered&from=2026-11-26&to=2026-11-26").await), 1);
    assert_eq!(count(&of("?kind=registered&from=2026-11-27").await), 0);
    assert_eq!(count(&of("?from=2026-11-26&to=2026-11-23").await), 0);
    assert_eq!(count(&of("?kind=granted").await), 0);
    assert_eq!(count(&of("?limit=1").await), 1);
    let last = all.as_array().unwrap().last().unwrap()["seq"].as_i64().unwrap();
    assert_eq!(count(&of(&format!("?after={}", last - 1)).await), 1);
    assert_eq!(count(&of(&format!("?after={last}")).await), 0);
    for query in [
        "?limit=0",
        "?limit=1001",
        "?limit=-1",
        "?after=x",
        "?from=2026-02-30",
        "?from=yesterday",
        "?to=2026-11-23T00:00",
        "?kind=%00",
        "?kind=",
        "?kind=NO",
        "?kind=a&kind=b",
        "?kind=%ff",
        "?subject=1",
        "?from=",
        "?from=99999-01-01",
    ] {
        let answer = events(&api, token, query).await;
        assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid-field"), "{query}");
    }
    for query in ["?from=0001-01-01", "?to=9999-12-31", "?after=9223372036854775807", "?after=-5"] {
        events(&api, token, query).await.expect_status(200);
    }
});

on_both!(a_query_that_a_route_does_not_read_is_refused_rather_than_ignored, |world| {
    let api = Api::over(world);
    let anna = api.person("anna@example.org").await;
    for path in ["/v1/me/export", "/v1/me/identifiers", "/v1/me/decisions", "/v1/notices"] {
        let answer = api.get(&format!("{path}?as_of=2020-01-01")).bearer(&anna.access).send().await;
        assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid-field"), "{path}");
    }
    let answer = api.post("/v1/me/hold?dry_run=true").bearer(&anna.access).send().await;
    assert_eq!(answer.status, 422, "{}", answer.text());
    let consents = api.get("/v1/me/consents").bearer(&anna.access).send().await.expect_status(200).json();
    assert_eq!(consents["held"], json!(false));
});

/// Sends bytes to a listener as they are, and returns what it answers until it closes or falls silent.
async fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = vec![0; 64 * 1024];
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut answer)).await;
    let read = read.expect("an answer within ten seconds").unwrap();
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_hardly_http_is_refused_on_a_real_socket() {
    let world = World::with(Db::Sqlite, |config| config.listen = SocketAddr::from(([127, 0, 0, 1], 0))).await;
    let running = sayso::http::start(world.app.clone()).await.unwrap();
    let address = running.address;
    for (what, bytes) in [
        ("no HTTP at all", b"hello\r\n\r\n".to_vec()),
        ("a head that does not end", format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(900_000)).into_bytes()),
        (
            "two lengths",
            b"POST /v1/opt-out HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}".to_vec(),
        ),
        (
            "a length and chunks",
            b"POST /v1/opt-out HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 4\r\n\
              transfer-encoding: chunked\r\n\r\nzz\r\n"
                .to_vec(),
        ),
        ("a length that is none", b"POST /v1/opt-out HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n".to_vec()),
        ("a header with a null", b"GET /healthz HTTP/1.1\r\nhost: a\r\nx: a\0b\r\n\r\n".to_vec()),
    ] {
        let answer = raw(address, &bytes).await;
        let status = answer.split(' ').nth(1).unwrap_or("closed");
        assert!(answer.is_empty() || status.starts_with('4'), "{what}: {answer}");
    }
    let fine = raw(address, b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(fine.starts_with("HTTP/1.1 204"), "{fine}");
    running.stop().await.unwrap();
}

on_both!(to_ask_for_the_headers_alone_does_nothing_that_is_recorded, |world| {
    let api = Api::over(world);
    let anna = api.person("anna@example.org").await;
    let before = tables(&api.world).await;
    for route in sayso::http::ROUTES.iter().filter(|route| route.method == "get" && route.access != Access::Anyone) {
        let answer = api.call("HEAD", route.path).bearer(&anna.access).send().await;
        let refused = if route.path.starts_with("/gate/forward") { 403 } else { 405 };
        assert_eq!(answer.status, refused, "{}", route.path);
    }
    same(&before, &tables(&api.world).await, "HEAD");
    assert_eq!(api.call("HEAD", "/v1/log/checkpoint").send().await.status, 200);
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_sends_no_headers_is_not_waited_for() {
    let world = World::with(Db::Sqlite, |config| config.listen = SocketAddr::from(([127, 0, 0, 1], 0))).await;
    let running = sayso::http::start(world.app.clone()).await.unwrap();
    let mut silent = TcpStream::connect(running.address).await.unwrap();
    silent.write_all(b"GET /healthz HTTP/1.1\r\nhost: sayso").await.unwrap();
    let mut said = String::new();
    silent.read_to_string(&mut said).await.unwrap(); // ends only when the service hangs up
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{said}");
    running.stop().await.unwrap();
}

/// Callers who send no body take nobody's place, and one address cannot take every connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_bodies_shut_nobody_out() {
    let data = tempfile::TempDir::new().unwrap();
    let program = Program::start(data.path(), "");
    let address: SocketAddr = program.url.strip_prefix("http://").unwrap().parse().unwrap();
    let mut silent = Vec::new();
    for _ in 0..sayso::limits::CONNECTIONS_PER_ADDRESS_MAX - 2 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = b"DELETE /v1/me HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 5\r\n\r\n";
        stream.write_all(head).await.unwrap();
        silent.push(stream);
    }
    let fine = raw(address, b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    assert!(fine.starts_with("HTTP/1.1 204"), "{fine}");
    for _ in 0..8 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    let mut refused = TcpStream::connect(address).await.unwrap();
    let mut said = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(5), refused.read_to_end(&mut said)).await;
    assert!(closed.is_ok() && said.is_empty(), "beyond its share a connection is closed at once");
    drop(silent);
    program.kill();
}

/// Addresses and codes lie in files: only the owner of the process may read them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_else_on_the_machine_can_read_the_data_folder() {
    use std::os::unix::fs::PermissionsExt;
    let parent = tempfile::TempDir::new().unwrap();
    let data = parent.path().join("data");
    let world = World::with(Db::Sqlite, |config| config.data = data.clone()).await;
    world.app.send_login_code(&crate::people::address("anna@example.org"), sayso::words::Lang::English).await.unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for folder in ["", "keys", "outbox"] {
        assert_eq!(mode(&data.join(folder)), 0o700, "{folder}");
    }
    let mail = std::fs::read_dir(data.join("outbox")).unwrap().next().unwrap().unwrap().path();
    for file in [mail, data.join("keys/ring.json"), data.join("sayso.db"), data.join("sayso.db-wal")] {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}
