//! What surrounds every handler, from the outside in:
//!
//! 1. a request id, so that everything after can name it;
//! 2. the log line: method, route, status, duration; never the query, a header or a body;
//! 3. response headers that forbid caching and guessing;
//! 4. a problem that answers a page becomes one, in the words of whoever asked; one that answers a proxy becomes a denial;
//! 5. panics become a problem;
//! 6. calls without an account, counted by address: 429 beyond the limit;
//! 7. the body, within a time of its own: who sends slowly takes nobody's place and does not choose when the quantum begins;
//! 8. places: beyond the limit 503 at once, rather than slow answers for all;
//! 9. the time limit: 503, because the outcome is not known;
//! 10. the fixed quantum for answers whose time could tell who is known;
//! 11. what could be read in two ways, or would be ignored, is refused (N23).
//!
//! Where an answer is begun before its rest is known ([`Rest`]), 2, 5, 8 and 9 see to the rest too.
//!
//! All of it is one layer and one function after another, because a layer of axum clones and boxes whatever it surrounds for each request:
//! eleven of them cost more than a decision.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use futures_util::{FutureExt, StreamExt, stream};
use tokio::sync::Semaphore;

use super::Shared;
use super::callers::Callers;
use super::extract::{only, read};
use super::forward::{is_door, only_three};
use super::problem::Problem;
use super::routes::ROUTES;
use crate::clock::Mark;
use crate::service::ServiceError;
use crate::web::quantum::until_quantum;
use crate::web::rest::{Ending, Rest, Unfinished, Unmade, whole};
use crate::web::{Access, Pace, Reads, Route};
use crate::{limits, pages};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// For every answer that does not say otherwise: only pages and their style do.
const USUAL: [(HeaderName, HeaderValue); 4] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
];

/// What is kept from one request to the next.
struct Around {
    ids: RequestIds,
    callers: Callers,
    places: Arc<Semaphore>,
    quantum: Duration,
}

pub(super) fn around(routes: Router<Shared>, app: &Shared) -> Router<Shared> {
    let around = Around {
        ids: RequestIds::default(),
        callers: Callers::new(app),
        places: Arc::new(Semaphore::new(limits::REQUESTS_AT_ONCE_MAX)),
        quantum: Duration::from_millis(app.config.quantum_millis),
    };
    routes.layer(from_fn_with_state(Arc::new(around), surrounded))
}

async fn surrounded(State(around): State<Arc<Around>>, mut request: Request, next: Next) -> Response {
    let begun = Mark::now();
    let asked = Asked::of(&request);
    let (id, given) = (around.ids.next(), given_request_id(&mut request));
    let words = pages::words_for(&request);
    let for_proxy = is_door(request.uri().path());
    let answered = AssertUnwindSafe(around.within(&asked, request, next)).catch_unwind().await;
    let answered = answered.unwrap_or_else(|_panic| Err(panicked()));
    let mut response = answered.unwrap_or_else(IntoResponse::into_response);
    if for_proxy {
        response = only_three(response);
    }
    if let Some(visit) = words {
        response = pages::in_words(&visit, response);
    }
    let line = Line { method: known(&asked.method), route: asked.path.unwrap_or("(none)"), id: id.clone(), begun };
    if let Some(rest) = response.extensions_mut().remove::<Rest>().and_then(|rest| rest.take()) {
        response = line.followed(response, rest);
    }
    let headers = response.headers_mut();
    for (name, value) in USUAL {
        headers.entry(name).or_insert(value);
    }
    headers.insert(REQUEST_ID, given.unwrap_or(id));
    line.write(response.status().as_u16(), "request");
    response
}

/// The line of a request in the log.
#[derive(Clone)]
struct Line {
    method: &'static str,
    route: &'static str,
    id: HeaderValue,
    begun: Mark,
}

impl Line {
    fn write(&self, status: u16, what: &'static str) {
        let Self { method, route, id, begun } = self;
        let millis = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(method, route, status, millis, id = id.to_str().unwrap_or_default(), "{what}");
    }

    /// Sends what there is of an answer, and its rest when that is made.
    fn followed(&self, response: Response, rest: Unmade) -> Response {
        let Unmade { making, instead, place } = rest;
        let (begun, limit) = (self.begun, Duration::from_secs(limits::REQUEST_SECONDS_MAX));
        let mut over = RestOver { line: self.clone(), status: LEFT };
        let making = Ending::begin(async move {
            let made = match whole(making, limit.saturating_sub(begun.elapsed())).await {
                Ok(made) => made,
                Err(Unfinished::Late) => Err(ServiceError::TooSlow.into()),
                Err(Unfinished::Panicked) => Err(panicked()),
            };
            drop(place);
            over.status = made.as_ref().map_or_else(Problem::status, |_| StatusCode::OK).as_u16();
            drop(over);
            made.unwrap_or_else(|problem| instead(&problem))
        });
        let (parts, beginning) = response.into_parts();
        let rest = stream::once(making).map(|rest| rest.map(Bytes::from).map_err(axum::Error::new));
        Response::from_parts(parts, Body::from_stream(beginning.into_data_stream().chain(rest)))
    }
}

/// Writes the line of a rest when that is over, also because whoever asked for it left.
struct RestOver {
    line: Line,
    status: u16,
}

/// What web servers write down for somebody who left.
const LEFT: u16 = 499;

impl Drop for RestOver {
    fn drop(&mut self) {
        self.line.write(self.status, "rest");
    }
}

impl Around {
    async fn within(&self, asked: &Asked, request: Request, next: Next) -> Result<Response, Problem> {
        if asked.needs_no_account() {
            self.callers.count(&request)?;
        }
        let request = with_body(asked, request).await?;
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| ServiceError::Busy)?;
        let limit = Duration::from_secs(limits::REQUEST_SECONDS_MAX);
        let answered = tokio::time::timeout(limit, self.steady(asked, request, next)).await;
        let response = answered.map_err(|_| {
            let detail = "it took too long and the outcome is not known: repeat it with the same `Idempotency-Key`";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "outcome-unknown", detail)
        })?;
        if let Some(rest) = response.extensions().get::<Rest>() {
            rest.hold(place);
        }
        Ok(response)
    }

    async fn steady(&self, asked: &Asked, request: Request, next: Next) -> Response {
        let steady = asked.route.is_some_and(|route| route.pace == Pace::Steady);
        if !steady || crate::mutant::on("answers_leave_early") {
            return decided(asked, request, next).await;
        }
        let begun = Mark::now();
        let response = decided(asked, request, next).await;
        until_quantum(begun, self.quantum).await;
        response
    }
}

/// What a request is for.
struct Asked {
    method: Method,
    /// The path of its route.
    path: Option<&'static str>,
    /// That of the API, or of the pages: a page and its form have one path. None for what a proxy passes on by any method.
    route: Option<&'static Route>,
    /// What HEAD is answered by.
    get: Option<&'static Route>,
}

impl Asked {
    fn of(request: &Request) -> Self {
        let matched = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
        let there = matched.and_then(|path| BY_PATH.get(path)).map_or(&[][..], Vec::as_slice);
        let by = |method: &str| there.iter().copied().find(|route| route.method.eq_ignore_ascii_case(method));
        Self {
            method: request.method().clone(),
            path: there.first().map(|route| route.path),
            route: by(request.method().as_str()),
            get: by("GET"),
        }
    }

    /// Whether it is answered about people to callers without an account.
    fn needs_no_account(&self) -> bool {
        self.route.is_some_and(|route| route.access == Access::Anyone && route.pace != Pace::Prompt)
    }
}

static BY_PATH: LazyLock<HashMap<&'static str, Vec<&'static Route>>> = LazyLock::new(|| {
    let mut by_path: HashMap<_, Vec<_>> = HashMap::new();
    for route in ROUTES.iter().chain(pages::ROUTES) {
        by_path.entry(route.path).or_default().push(route);
    }
    by_path
});

/// Names for requests: another one for each, that does not tell how many there were.
#[derive(Default)]
struct RequestIds {
    keys: [RandomState; 2],
    before: AtomicU64,
}

impl RequestIds {
    fn next(&self) -> HeaderValue {
        let number = self.before.fetch_add(1, Ordering::Relaxed);
        let [first, second] = self.keys.each_ref().map(|key| key.hash_one(number));
        HeaderValue::try_from(format!("{first:016x}{second:016x}")).unwrap_or(HeaderValue::from_static("none"))
    }
}

/// A caller's own request id could carry anything into the log, so it is not taken. AuthZEN wants it back, and gets it.
fn given_request_id(request: &mut Request) -> Option<HeaderValue> {
    let given = request.headers_mut().remove(REQUEST_ID)?;
    let back = given.len() <= limits::REQUEST_ID_BYTES_MAX && request.uri().path().starts_with("/access/");
    back.then_some(given)
}

/// A method can be any word, so that of a caller's own making is not written down.
fn known(method: &Method) -> &'static str {
    let all = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"];
    all.into_iter().find(|name| *name == method.as_str()).unwrap_or("other")
}

/// What may be long is read by its handler, after its caller is known.
const LONG: [&str; 2] = ["/v1/activities", "/v1/gate/filter/lines"];

/// Reads the body before anything else begins.
async fn with_body(asked: &Asked, request: Request) -> Result<Request, Problem> {
    if asked.path.is_some_and(|path| LONG.contains(&path)) {
        return Ok(request);
    }
    let (parts, body) = request.into_parts();
    let limit = Duration::from_secs(limits::BODY_SECONDS_MAX);
    let read = tokio::time::timeout(limit, read(body, limits::BODY_BYTES_MAX)).await;
    let too_slow = |_| {
        let detail = "the body did not arrive in time: send it again";
        Problem::new(StatusCode::REQUEST_TIMEOUT, "body-too-slow", detail)
    };
    Ok(Request::from_parts(parts, read.map_err(too_slow)??.into()))
}

/// Headers that must not come twice, on any route.
const ONCE: [HeaderName; 3] = [header::AUTHORIZATION, header::CONTENT_TYPE, HeaderName::from_static("idempotency-key")];

async fn decided(asked: &Asked, request: Request, next: Next) -> Response {
    match only_one_reading(asked, &request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn only_one_reading(asked: &Asked, request: &Request) -> Result<(), Problem> {
    for name in &ONCE {
        only(request.headers(), name)?;
    }
    let is_head = asked.method == Method::HEAD;
    // The router answers HEAD with the handler of GET: what it hands to one caller alone, or tells about somebody, can leave a leaf or a count.
    let is_harmless = |route: &Route| route.access == Access::Anyone && route.pace == Pace::Prompt;
    if is_head && asked.get.is_some_and(|route| !is_harmless(route)) {
        let detail = "HEAD would do what GET does here, and some answers are recorded: ask with GET";
        return Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail));
    }
    let stray = request.uri().query().is_some_and(|query| !query.is_empty());
    let route = if is_head { asked.get } else { asked.route };
    if stray && route.is_some_and(|route| route.reads == Reads::Path) {
        let detail = "expected no parameters after `?`: this does not read any";
        return Err(Problem::field(StatusCode::UNPROCESSABLE_ENTITY, "invalid-field", "query", detail));
    }
    Ok(())
}

fn panicked() -> Problem {
    tracing::error!("a handler panicked");
    let detail = "the service is damaged; an operator must look at its log";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "broken", detail)
}
