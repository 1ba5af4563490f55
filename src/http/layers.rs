//! What surrounds every handler, from the outside in:
//!
//! 1. a request id, so that everything after can name it;
//! 2. the log line: method, route, status, duration; never the query, a header or a body;
//! 3. response headers that forbid caching and guessing;
//! 4. a problem that answers a page becomes one, in the words of whoever asked;
//! 5. panics become a problem;
//! 6. calls without an account, counted by address: 429 beyond the limit;
//! 7. the body, within a time of its own: who sends slowly takes nobody's place and does not choose when the quantum begins;
//! 8. places: beyond the limit 503 at once, rather than slow answers for all;
//! 9. the time limit: 503, because the outcome is not known;
//! 10. the fixed quantum for answers whose time could tell who is known;
//! 11. what could be read in two ways, or would be ignored, is refused (N23).

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;

use super::Shared;
use super::callers::{Callers, counted};
use super::extract::{only, read};
use super::problem::Problem;
use super::routes::ROUTES;
use crate::clock::Mark;
use crate::web::{Access, Pace, Reads, Route};
use crate::{limits, pages};

pub(super) fn around(routes: Router<Shared>, app: &Shared) -> Router<Shared> {
    let places = Arc::new(Semaphore::new(limits::REQUESTS_AT_ONCE_MAX));
    let quantum = Duration::from_millis(app.config.quantum_millis);
    routes
        .layer(from_fn(decided))
        .layer(from_fn_with_state(quantum, steady))
        .layer(from_fn(in_time))
        .layer(from_fn_with_state(places, with_place))
        .layer(from_fn(with_body))
        .layer(from_fn_with_state(Callers::new(app), counted))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(pages::in_words))
        .layer(usual(header::CACHE_CONTROL, "no-store"))
        .layer(usual(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(usual(header::REFERRER_POLICY, "no-referrer"))
        .layer(usual(header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"))
        .layer(from_fn(logged))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(from_fn(own_request_id))
}

/// For every answer that does not say otherwise: only pages and their style do.
fn usual(name: header::HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

/// A caller's own request id could carry anything into the log, so it is not taken. AuthZEN wants it back, and gets it.
async fn own_request_id(mut request: Request, next: Next) -> Response {
    let given = request.headers_mut().remove("x-request-id");
    let given =
        given.filter(|id| id.len() <= limits::REQUEST_ID_BYTES_MAX && request.uri().path().starts_with("/access/"));
    let mut response = next.run(request).await;
    if let Some(given) = given {
        response.headers_mut().insert("x-request-id", given);
    }
    response
}

async fn logged(request: Request, next: Next) -> Response {
    let begun = Mark::now();
    let method = known(request.method());
    let route = matched(&request).unwrap_or("(none)").to_owned();
    let id = request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok().map(str::to_owned));
    let response = next.run(request).await;
    let millis = begun.elapsed().as_millis();
    tracing::info!(method, route, status = response.status().as_u16(), millis, id, "request");
    response
}

/// A method can be any word, so that of a caller's own making is not written down.
fn known(method: &Method) -> &'static str {
    let all = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"];
    all.into_iter().find(|name| *name == method.as_str()).unwrap_or("other")
}

/// What may be long is read by its handler, after its caller is known.
const LONG: [&str; 2] = ["/v1/activities", "/v1/gate/filter/lines"];

/// Reads the body before anything else begins.
async fn with_body(request: Request, next: Next) -> Response {
    if matched(&request).is_some_and(|path| LONG.contains(&path)) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let limit = Duration::from_secs(limits::BODY_SECONDS_MAX);
    match tokio::time::timeout(limit, read(body, limits::BODY_BYTES_MAX)).await {
        Ok(Ok(bytes)) => next.run(Request::from_parts(parts, bytes.into())).await,
        Ok(Err(problem)) => problem.into_response(),
        Err(_) => {
            let detail = "the body did not arrive in time: send it again";
            Problem::new(StatusCode::REQUEST_TIMEOUT, "body-too-slow", detail).into_response()
        }
    }
}

async fn with_place(State(places): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    match places.try_acquire() {
        Ok(_place) => next.run(request).await,
        Err(_) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "too much at once: try again in a moment")
            .into_response(),
    }
}

async fn in_time(request: Request, next: Next) -> Response {
    let limit = Duration::from_secs(limits::REQUEST_SECONDS_MAX);
    if let Ok(response) = tokio::time::timeout(limit, next.run(request)).await {
        return response;
    }
    let detail = "it took too long and the outcome is not known: repeat it with the same `Idempotency-Key`";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "outcome-unknown", detail).into_response()
}

/// Whether a route answers about people to callers without an account.
pub(super) fn needs_no_account(request: &Request) -> bool {
    is_steady(request, |route| route.access == Access::Anyone)
}

fn is_steady(request: &Request, which: impl Fn(&Route) -> bool) -> bool {
    of(request, request.method()).is_some_and(|one| one.pace == Pace::Steady && which(one))
}

/// The route of the API, or of the pages, that a request is for. A page and its form have one path.
fn of<'a>(request: &Request, method: &Method) -> Option<&'a Route> {
    let path = matched(request)?;
    let fits = |one: &&Route| one.path == path && one.method.eq_ignore_ascii_case(method.as_str());
    ROUTES.iter().chain(pages::ROUTES).find(fits)
}

async fn steady(State(quantum): State<Duration>, request: Request, next: Next) -> Response {
    let waits = is_steady(&request, |_| true) && !quantum.is_zero();
    if !waits || crate::mutant::on("answers_leave_early") {
        return next.run(request).await;
    }
    let begun = Mark::now();
    let response = next.run(request).await;
    until_quantum(begun, quantum).await;
    response
}

/// Waits for the next multiple of the quantum since then.
pub(super) async fn until_quantum(begun: Mark, quantum: Duration) {
    if !quantum.is_zero() {
        tokio::time::sleep(rest(begun.elapsed(), quantum)).await;
    }
}

/// Headers that must not come twice, on any route.
const ONCE: [header::HeaderName; 3] =
    [header::AUTHORIZATION, header::CONTENT_TYPE, header::HeaderName::from_static("idempotency-key")];

async fn decided(request: Request, next: Next) -> Response {
    for name in &ONCE {
        if let Err(problem) = only(request.headers(), name) {
            return problem.into_response();
        }
    }
    if request.method() == Method::HEAD && !head_is_harmless(&request) {
        let detail = "HEAD would do what GET does here, and some answers are recorded: ask with GET";
        return Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail).into_response();
    }
    let stray = request.uri().query().is_some_and(|query| !query.is_empty());
    let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
    if stray && of(&request, method).is_some_and(|route| route.reads == Reads::Path) {
        let detail = "expected no parameters after `?`: this does not read any";
        return Problem::field(StatusCode::UNPROCESSABLE_ENTITY, "invalid-field", "query", detail).into_response();
    }
    next.run(request).await
}

/// The router answers HEAD with the handler of GET: what it hands to one caller alone can leave a leaf or a count.
fn head_is_harmless(request: &Request) -> bool {
    of(request, &Method::GET).is_none_or(|route| route.access == Access::Anyone)
}

/// How long until the next multiple of the quantum.
fn rest(elapsed: Duration, quantum: Duration) -> Duration {
    let over = elapsed.as_nanos() % quantum.as_nanos();
    quantum.saturating_sub(Duration::from_nanos(u64::try_from(over).unwrap_or(0)))
}

fn matched(request: &Request) -> Option<&str> {
    request.extensions().get::<MatchedPath>().map(MatchedPath::as_str)
}

fn panicked(_payload: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("a handler panicked");
    let detail = "the service is damaged; an operator must look at its log";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "broken", detail).into_response()
}
