//! A caller of the API: builds requests, reads answers, and gets tokens the way people and programs get them.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, request};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::world::World;

pub const PASSWORD: &str = "correct horse battery";
const PROBLEM: &str = "application/problem+json";

/// A service and its router.
pub struct Api {
    pub world: World,
    pub router: Router,
}

/// Somebody with an account, logged in.
#[derive(Clone)]
pub struct Somebody {
    pub access: String,
    pub refresh: String,
}

/// A caller that an operator registered.
#[derive(Clone)]
pub struct Client {
    pub id: String,
    pub secret: String,
    pub token: String,
}

/// A request on its way.
pub struct Call {
    router: Router,
    request: request::Builder,
    body: Vec<u8>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Api {
    pub fn over(world: World) -> Self {
        let router = sayso::http::router(world.app.clone());
        Self { world, router }
    }

    pub fn call(&self, method: &str, path: &str) -> Call {
        let method = method.to_ascii_uppercase();
        Call { router: self.router.clone(), request: Request::builder().method(&*method).uri(path), body: Vec::new() }
    }

    pub fn get(&self, path: &str) -> Call {
        self.call("GET", path)
    }

    pub fn post(&self, path: &str) -> Call {
        self.call("POST", path)
    }

    pub fn delete(&self, path: &str) -> Call {
        self.call("DELETE", path)
    }

    /// Registers, reads the mailed code and proves the address, with a password.
    pub async fn person(&self, address: &str) -> Somebody {
        self.register(address, "yes").await.expect_status(202);
        let code = code_in(self.world.path(), address);
        let body = json!({ "identifier": address, "code": code, "password": PASSWORD });
        let tokens = self.post("/v1/auth/verify").json(&body).send().await.expect_status(200).json();
        somebody(&tokens)
    }

    pub async fn register(&self, address: &str, adult: &str) -> Answer {
        let body = json!({ "kind": "email", "identifier": address, "adult": adult });
        self.post("/v1/subjects").json(&body).send().await
    }

    /// Client credentials for a token.
    pub async fn token(&self, id: &str, secret: &str) -> Answer {
        let call = self.post("/v1/auth/token").header("authorization", &basic(id, secret));
        call.bytes("application/x-www-form-urlencoded", b"grant_type=client_credentials".to_vec()).send().await
    }

    pub async fn operator(&self) -> Client {
        self.client("operator", &self.world.operator_secret).await
    }

    async fn client(&self, id: &str, secret: &str) -> Client {
        let token = text(&self.token(id, secret).await.expect_status(200).json(), "access_token");
        Client { id: id.into(), secret: secret.into(), token }
    }

    pub async fn registered(&self, body: &Value) -> Client {
        let operator = self.operator().await;
        let call = self.post("/v1/admin/clients").bearer(&operator.token).json(body);
        let secret = text(&call.send().await.expect_status(201).json(), "client_secret");
        self.client(body["id"].as_str().unwrap(), &secret).await
    }

    pub async fn auditor(&self, id: &str) -> Client {
        self.registered(&json!({ "id": id, "role": "auditor" })).await
    }

    pub async fn collector(&self, id: &str) -> Client {
        self.registered(&json!({ "id": id, "role": "collector", "sources": ["activitypub"] })).await
    }

    pub async fn recipient(&self, id: &str) -> Client {
        let (purposes, sources) = (["public_profile"], ["activitypub"]);
        let body = json!({
            "id": id, "role": "recipient", "class": "company", "purposes": purposes, "sources": sources,
        });
        self.registered(&body).await
    }

    /// The body of a decision about `public_profile`, with the notice and `known_seq` of this moment.
    pub async fn decision(&self, somebody: &Somebody, recipient: &str, decision: &str) -> Value {
        let notice = self.get("/v1/notices/public_profile").send().await.expect_status(200).json();
        let consents = self.get("/v1/me/consents").bearer(&somebody.access).send().await.expect_status(200).json();
        json!({
            "purpose": "public_profile", "source": "activitypub", "recipient": recipient,
            "notice_version": notice["version"], "notice_sha256": notice["sha256"],
            "known_seq": consents["known_seq"], "decision": decision,
        })
    }

    /// A yes; the answer has `consent_id` and `pairwise`.
    pub async fn grant(&self, somebody: &Somebody, recipient: &str) -> Value {
        let body = self.decision(somebody, recipient, "granted").await;
        let call = self.post("/v1/me/consents").bearer(&somebody.access).json(&body);
        call.send().await.expect_status(201).json()
    }
}

impl Call {
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub fn raw_header(mut self, name: &str, value: &[u8]) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    pub fn json(self, value: &Value) -> Self {
        self.bytes("application/json", value.to_string().into_bytes())
    }

    pub fn bytes(mut self, media_type: &str, body: Vec<u8>) -> Self {
        self.body = body;
        self.header("content-type", media_type)
    }

    /// The answer, of which nothing but the head was read.
    pub async fn begin(self) -> Response {
        let request = self.request.body(Body::from(self.body)).expect("a request that HTTP can carry");
        self.router.oneshot(request).await.unwrap()
    }

    pub async fn send(self) -> Answer {
        let (parts, body) = self.begin().await.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }
}

impl Answer {
    #[track_caller]
    pub fn expect_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The name of the problem this is, if it is a well-formed one.
    #[track_caller]
    pub fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), PROBLEM, "{} {}", self.status, self.text());
        let body = self.json();
        assert_eq!(body["status"], self.status, "{body}");
        assert!(body["title"].is_string() && body["detail"].is_string(), "{body}");
        let kind = body["type"].as_str().unwrap_or_default();
        kind.strip_prefix("urn:sayso:problem:").unwrap_or_else(|| panic!("not of ours: {body}")).to_owned()
    }
}

pub fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

/// A text field of an answer.
#[track_caller]
pub fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("no `{field}` in {value}")).to_owned()
}

pub fn somebody(tokens: &Value) -> Somebody {
    let (access, refresh) = (text(tokens, "access_token"), text(tokens, "refresh_token"));
    Somebody { access, refresh }
}

/// The code that was mailed to an address. Takes the mail out of the folder, so that the next one is the newest.
#[track_caller]
pub fn code_in(data: &std::path::Path, address: &str) -> String {
    let mut code = None;
    for entry in std::fs::read_dir(data.join("outbox")).into_iter().flatten() {
        let path = entry.unwrap().path();
        let mail = std::fs::read_to_string(&path).unwrap_or_default();
        let Some((_, rest)) = mail.split_once("The code is: ") else { continue };
        if mail.contains(&format!("To: {address}\r\n")) {
            code = rest.get(..8).map(str::to_owned);
            std::fs::remove_file(path).unwrap();
        }
    }
    code.expect("a mail with a code")
}
