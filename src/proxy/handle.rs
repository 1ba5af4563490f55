//! One request through the proxy.

use std::collections::HashSet;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use reqwest::redirect::Policy;
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use url::Url;

use super::map::{Map, Matched, Named};
use super::strip::{named, remove, strip};
use crate::clock::{Clock, Mark};
use crate::limits;
use crate::remote::{Allowed, Person, RemoteGate, Wanted};

/// What the engine is told of a request, beside its path.
const PASSED_ON: [HeaderName; 2] = [header::AUTHORIZATION, header::CONTENT_TYPE];

/// Why there is no proxy.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The address of the engine is none.
    #[error("`--upstream`: expected an address such as `http://127.0.0.1:9000`, without a query")]
    Upstream,
    /// No HTTP client.
    #[error("no HTTP client could be made: {0}")]
    Client(#[from] reqwest::Error),
}

/// A proxy in front of an engine.
#[derive(Debug)]
pub struct Proxy {
    engine: reqwest::Client,
    upstream: String,
    map: Map,
    gate: RemoteGate,
    clock: Clock,
    places: Semaphore,
}

/// Why a request gets no answer of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// Not in the map.
    Unknown,
    /// One person is asked about, and may not be, or the gate did not say so.
    Denied,
    /// Many are asked about, and the gate did not answer.
    NoGate,
    /// What the caller sent is too long.
    TooLarge,
    /// There is too much at once.
    Busy,
    /// The engine refused it with this status.
    Engine(StatusCode),
    /// The engine cannot be reached, or what it says is no answer that the map knows.
    Garbled(&'static str),
    /// The engine takes too long.
    Slow,
}

impl Proxy {
    /// In front of the engine at this address.
    ///
    /// # Errors
    /// For an address that is none.
    pub fn new(upstream: &str, map: Map, gate: RemoteGate) -> Result<Self, ProxyError> {
        let url = Url::parse(upstream).map_err(|_| ProxyError::Upstream)?;
        let plain = url.query().is_none() && url.fragment().is_none() && url.has_host();
        if !plain || !matches!(url.scheme(), "http" | "https") {
            return Err(ProxyError::Upstream);
        }
        let _already_installed = rustls::crypto::ring::default_provider().install_default();
        let engine = reqwest::Client::builder().redirect(Policy::none()).no_proxy().referer(false);
        Ok(Self {
            engine: engine.connect_timeout(Duration::from_secs(limits::GATE_SECONDS_MAX)).build()?,
            upstream: upstream.trim_end_matches('/').to_owned(),
            map,
            gate,
            clock: Clock::system(),
            places: Semaphore::new(limits::REQUESTS_AT_ONCE_MAX),
        })
    }

    /// As a service for connections.
    pub fn router(self) -> Router {
        Router::new().fallback(handle).with_state(Arc::new(self))
    }
}

async fn handle(State(proxy): State<Arc<Proxy>>, request: Request) -> Response {
    let begun = Mark::now();
    let (parts, body) = request.into_parts();
    let matched = proxy.map.find(parts.method.as_str(), parts.uri.path());
    let route = matched.as_ref().map_or("(none)", |matched| matched.route.path.as_str()).to_owned();
    let answered = match (matched, proxy.places.try_acquire()) {
        (_, Err(_)) => Err(Refusal::Busy),
        (None, _) => Err(Refusal::Unknown),
        (Some(matched), Ok(_place)) => {
            let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
            proxy.answer(matched, path, &parts.headers, body).await
        }
    };
    if let Err(Refusal::Garbled(why)) = answered {
        tracing::error!(route, why, "nothing of an answer of the engine was let through");
    }
    let response = match answered {
        Ok((status, answer)) => answer_of(status, &answer),
        Err(refusal) => refusal.into_response(),
    };
    tracing::info!(route, status = response.status().as_u16(), millis = begun.elapsed().as_millis(), "request");
    response
}

impl Proxy {
    async fn answer(
        &self,
        Matched { route, person }: Matched<'_>,
        path: &str,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<(StatusCode, Value), Refusal> {
        let one = match person {
            Named::One(person) => Some(person),
            Named::NoId => return Err(Refusal::Denied),
            Named::Nobody => None,
        };
        if let Some(person) = &one {
            self.allowed(&route.wanted, std::slice::from_ref(person)).await.map_err(|_| Refusal::Denied)?.one()?;
        }
        let seconds = Duration::from_secs(limits::ENGINE_SECONDS_MAX);
        let asked = timeout(seconds, self.ask_engine(route.method_name(), path, headers, body)).await;
        let (status, mut answer) = asked.map_err(|_| Refusal::Slow)??;
        let garbled = |form: super::OtherForm| Refusal::Garbled(form.into());
        let mut asked = named(&mut answer, &route.people).map_err(garbled)?;
        asked.extend(one.clone());
        let decided = self.allowed(&route.wanted, &asked).await;
        let decided = decided.map_err(|_| if one.is_some() { Refusal::Denied } else { Refusal::NoGate })?;
        if one.is_some_and(|person| !decided.people.contains(&person)) {
            return Err(Refusal::Denied);
        }
        strip(&mut answer, &route.people, |person| decided.people.contains(person)).map_err(garbled)?;
        remove(&mut answer, &route.remove);
        // What was read of the gate a while ago is no yes any more.
        if decided.answer.holds(self.clock.now()) { Ok((status, answer)) } else { Err(Refusal::NoGate) }
    }

    async fn allowed(&self, wanted: &Wanted, people: &[Person]) -> Result<Decided, Refusal> {
        let answer = self.gate.filter(wanted, people).await.map_err(|error| {
            tracing::warn!(%error, "the gate could not be asked");
            Refusal::NoGate
        })?;
        let allowed = people.iter().zip(&answer.allowed).filter(|(_, allowed)| **allowed);
        Ok(Decided { people: allowed.map(|(person, _)| person.clone()).collect(), answer })
    }

    /// The engine's answer, if it is JSON of bounded length. Nothing of its headers goes on.
    async fn ask_engine(
        &self,
        method: &'static str,
        path: &str,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<(StatusCode, Value), Refusal> {
        let body: Bytes = to_bytes(body, limits::BODY_BYTES_MAX).await.map_err(|_| Refusal::TooLarge)?;
        let url = format!("{}{path}", self.upstream);
        let mut request = if method == "POST" { self.engine.post(url).body(body) } else { self.engine.get(url) };
        for name in &PASSED_ON {
            for value in headers.get_all(name) {
                request = request.header(name, value);
            }
        }
        request = request.header(header::ACCEPT, "application/json").header(header::ACCEPT_ENCODING, "identity");
        let mut answer = request.send().await.map_err(|_| Refusal::Garbled("the engine cannot be reached"))?;
        let status = answer.status();
        if status.is_client_error() {
            return Err(Refusal::Engine(status));
        }
        let media_type = answer.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = media_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        let is_json = media_type == "application/json"
            || (media_type.starts_with("application/") && media_type.ends_with("+json"));
        if !status.is_success() || !is_json || answer.headers().contains_key(header::CONTENT_ENCODING) {
            return Err(Refusal::Garbled("the engine answered something else than success in plain JSON"));
        }
        let mut text = Vec::new();
        while let Some(chunk) =
            answer.chunk().await.map_err(|_| Refusal::Garbled("the answer of the engine broke off"))?
        {
            if text.len() + chunk.len() > limits::ENGINE_BYTES_MAX {
                return Err(Refusal::Garbled("the answer of the engine is too long"));
            }
            text.extend_from_slice(&chunk);
        }
        let answer = serde_json::from_slice(&text).map_err(|_| Refusal::Garbled("the answer is no JSON"))?;
        Ok((status, answer))
    }
}

/// Who may be named, and until when that holds.
struct Decided {
    people: HashSet<Person>,
    answer: Allowed,
}

impl Decided {
    fn one(&self) -> Result<(), Refusal> {
        if self.people.is_empty() { Err(Refusal::Denied) } else { Ok(()) }
    }
}

fn answer_of(status: StatusCode, answer: &Value) -> Response {
    let headers =
        [(header::CONTENT_TYPE, HeaderValue::from_static("application/json")), (header::CACHE_CONTROL, NO_STORE)];
    (status, headers, answer.to_string()).into_response()
}

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

impl IntoResponse for Refusal {
    /// A problem (RFC 9457), the same whoever it is about.
    fn into_response(self) -> Response {
        let (status, name, detail) = match self {
            Self::Unknown => (StatusCode::NOT_FOUND, "not-found", "the map has no such route"),
            Self::Denied => (StatusCode::FORBIDDEN, "not-permitted", "not permitted"),
            Self::NoGate => (StatusCode::SERVICE_UNAVAILABLE, "no-gate", "nobody could be asked: try again"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "the body is too long"),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy", "too much at once: try again in a moment"),
            Self::Engine(status) => (status, "refused", "the engine refused this"),
            Self::Garbled(_) => (StatusCode::BAD_GATEWAY, "bad-answer", "the engine gave no answer that can be shown"),
            Self::Slow => (StatusCode::GATEWAY_TIMEOUT, "too-slow", "the engine gave no answer in time"),
        };
        let title = status.canonical_reason().unwrap_or("problem");
        let problem = serde_json::json!({
            "type": format!("urn:sayso:problem:{name}"), "title": title, "status": status.as_u16(), "detail": detail,
        });
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json")),
            (header::CACHE_CONTROL, NO_STORE),
        ];
        (status, headers, problem.to_string()).into_response()
    }
}
