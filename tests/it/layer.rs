//! The gate in front of a Rust service: who is allowed gets through, and nobody else, whatever goes wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{Request, Response};
use axum::routing::get;
use axum::{Extension, Router};
use sayso::layer::{Gate, GateLayer, Person, Question, UseBy, Wanted};
use sayso::remote::RemoteGate;
use sayso::secret::SecretText;
use sayso::service::Action;
use serde_json::json;
use tower::ServiceExt;

use crate::api::client::Api;
use crate::api::program::{Program, ok};
use crate::on_both;

const DESK: &str = "a-recipient";

fn question(request: &Parts) -> Option<Question> {
    let person = Person::of("pairwise", request.uri.path().split('/').nth(2)?)?;
    let (purpose, source) = ("public_profile".parse().ok()?, "activitypub".parse().ok()?);
    Some(Question { wanted: Wanted { action: Action::Disclose, purpose, source }, person })
}

/// A service behind the gate, and how often it was reached.
fn behind(gate: Gate) -> (Router, Arc<AtomicU32>) {
    let reached = Arc::new(AtomicU32::new(0));
    let counted = reached.clone();
    let handler = async move |Extension(use_by): Extension<UseBy>| {
        counted.fetch_add(1, Ordering::SeqCst);
        use_by.0.0.to_string()
    };
    let router = Router::new().route("/people/{id}", get(handler)).route("/about", get(async || "about"));
    (router.layer(GateLayer::new(Arc::new(gate), question)), reached)
}

async fn ask(router: &Router, path: &str) -> Response<Body> {
    router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap()
}

/// Everything of a denial that can be seen.
async fn denial(router: &Router, path: &str) -> String {
    let (parts, body) = ask(router, path).await.into_parts();
    let body = axum::body::to_bytes(body, 10_000).await.unwrap();
    format!("{} {:?} {}", parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

const STRANGER: &str = "/people/00112233445566778899aabbccddeeff";

on_both!(in_one_process_each_request_is_decided_as_it_comes_and_every_denial_is_the_same, |world| {
    let api = Api::over(world);
    let desk = api.recipient(DESK).await;
    let ann = api.person("ann@example.org").await;
    let pairwise = api.grant(&ann, DESK).await["pairwise"].as_str().unwrap().to_owned();
    let gate = Gate::here(api.world.app.clone(), DESK, SecretText::new(desk.secret.clone()));
    let (router, reached) = behind(gate);
    let known = format!("/people/{pairwise}");
    assert_eq!(ask(&router, &known).await.status(), 200);
    let no = denial(&router, STRANGER).await;
    assert!(no.starts_with("403") && no.contains("urn:sayso:problem:not-permitted"), "{no}");
    for path in ["/people/x", "/people/", "/about", "/"] {
        assert_eq!(denial(&router, path).await, no, "{path}");
    }
    api.post("/v1/me/hold").bearer(&ann.access).send().await.expect_status(200);
    assert_eq!(denial(&router, &known).await, no, "paused");
    api.delete("/v1/me/hold").bearer(&ann.access).send().await.expect_status(200);
    assert_eq!(ask(&router, &known).await.status(), 200);
    let wrong = behind(Gate::here(api.world.app.clone(), DESK, SecretText::new("wrong".into()))).0;
    assert_eq!(denial(&wrong, &known).await, no, "another secret");
    let operator = api.operator().await.token;
    api.delete(&format!("/v1/admin/clients/{DESK}")).bearer(&operator).send().await.expect_status(200);
    assert_eq!(denial(&router, &known).await, no, "switched off");
    api.world.app.store.close().await;
    assert_eq!(denial(&router, &known).await, no, "the database is gone");
    assert_eq!(reached.load(Ordering::SeqCst), 2);
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_allow_from_elsewhere_is_used_until_its_lease_ends_and_a_denial_never() {
    let data = tempfile::tempdir().unwrap();
    let sayso = Program::start(data.path(), "");
    let operator = sayso.token("operator", sayso.secret.as_deref().unwrap()).await;
    let body = json!({ "id": DESK, "role": "recipient", "class": "company",
        "purposes": ["public_profile"], "sources": ["activitypub"] });
    let registered = ok(sayso.post("/v1/admin/clients").bearer_auth(&operator).json(&body), 201).await;
    let ann = sayso.person(data.path(), "ann@example.org").await;
    let notice = ok(sayso.get("/v1/notices/public_profile"), 200).await;
    let grant = async || {
        let consents = ok(sayso.get("/v1/me/consents").bearer_auth(&ann.access), 200).await;
        let body = json!({
            "purpose": "public_profile", "source": "activitypub", "recipient": DESK, "decision": "granted",
            "notice_version": notice["version"], "notice_sha256": notice["sha256"], "known_seq": consents["known_seq"],
        });
        ok(sayso.post("/v1/me/consents").bearer_auth(&ann.access).json(&body), 201).await
    };
    let secret = registered["client_secret"].as_str().unwrap();
    let gate = RemoteGate::new(&sayso.url, DESK, SecretText::new(secret.into())).unwrap();
    let (router, _) = behind(Gate::remote(gate));
    let consent = grant().await;
    let known = format!("/people/{}", consent["pairwise"].as_str().unwrap());
    assert_eq!(ask(&router, STRANGER).await.status(), 403);
    let first = ask(&router, &known).await;
    assert_eq!(first.status(), 200);
    let use_by = axum::body::to_bytes(first.into_body(), 100).await.unwrap();
    let again = axum::body::to_bytes(ask(&router, &known).await.into_body(), 100).await.unwrap();
    assert_eq!(use_by, again, "the same answer, used again");
    // Taken back: what was allowed before ends at its time, and what was not is asked for each time.
    let withdrawn = sayso.delete(&format!("/v1/me/consents/{}", consent["consent_id"])).bearer_auth(&ann.access);
    assert_eq!(withdrawn.send().await.unwrap().status().as_u16(), 200);
    tokio::time::sleep(Duration::from_millis(5_100)).await;
    assert_eq!(ask(&router, &known).await.status(), 403);
    grant().await;
    assert_eq!(ask(&router, &known).await.status(), 200, "a denial is not kept");
    sayso.kill();
    assert_eq!(ask(&router, &known).await.status(), 200, "its lease has not ended");
    assert_eq!(ask(&router, STRANGER).await.status(), 403);
    tokio::time::sleep(Duration::from_millis(5_100)).await;
    assert_eq!(ask(&router, &known).await.status(), 403, "nobody can be asked");
}
