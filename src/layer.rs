//! The gate in front of a Rust service: a [`tower::Layer`] that asks before a request gets through.
//!
//! Whatever stands behind it is reached only by requests about somebody who allows it. Everything else (a denial, a request that names
//! nobody, a gate that cannot be asked) gets one answer: 403, the same bytes whoever it is about.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use axum::Router;
//! use axum::http::request::Parts;
//! use axum::routing::get;
//! use sayso::layer::{Gate, GateLayer, Person, Question, Wanted};
//! use sayso::remote::RemoteGate;
//! use sayso::secret::SecretText;
//! use sayso::service::Action;
//!
//! /// `/people/3f2a../score`: the person is the second part of the path.
//! fn question(request: &Parts) -> Option<Question> {
//!     let person = Person::of("pairwise", request.uri.path().split('/').nth(2)?)?;
//!     let (purpose, source) = ("attention_score".parse().ok()?, "activitypub".parse().ok()?);
//!     Some(Question { wanted: Wanted { action: Action::Score, purpose, source }, person })
//! }
//!
//! # fn example() -> Result<Router, Box<dyn std::error::Error>> {
//! let secret = SecretText::new(std::env::var("SAYSO_CLIENT_SECRET")?);
//! let gate = Gate::remote(RemoteGate::new("https://sayso.example", "engine", secret)?);
//! let routes = Router::new().route("/people/{id}/score", get(|| async { "42" }));
//! let routes = routes.layer(GateLayer::new(Arc::new(gate), question));
//! # Ok(routes)
//! # }
//! ```
//!
//! A service that has sayso in its own process opens an [`App`] and passes [`Gate::here`]: every request is then decided on the database
//! as it is. People still need the pages and doors of sayso, which the same process can serve:
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use axum::{Router, http::request::Parts};
//! # use sayso::layer::{Gate, GateLayer, Question};
//! # use sayso::secret::{Entropy, SecretText};
//! use sayso::clock::Clock;
//! use sayso::config::Config;
//! use sayso::service::{Access, App, Boot};
//!
//! # async fn example(routes: Router, question: fn(&Parts) -> Option<Question>) -> Result<(), Box<dyn std::error::Error>> {
//! let secret = SecretText::new(std::env::var("SAYSO_CLIENT_SECRET")?);
//! // On the very first start `operator_secret` is there once: for the operator who registers the client `engine`.
//! let Boot { app, operator_secret } =
//!     App::open(Config::load(None)?, Clock::system(), Entropy::system(), Access::Serve).await?;
//! # drop(operator_secret);
//! let app = Arc::new(app);
//! let sayso = sayso::http::start(app.clone()).await?;
//! let routes = routes.layer(GateLayer::new(Arc::new(Gate::here(app, "engine", secret)), question));
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:9000").await?;
//! let stop = async { drop(tokio::signal::ctrl_c().await) };
//! tokio::select! {
//!     ended = sayso.run_until(stop) => ended?,
//!     ended = async { axum::serve(listener, routes).await } => ended?,
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A remote gate is asked over HTTP, and an allow is used again until its `use_by_us`, at most five seconds after it was asked
//! for (its lease); a denial is never kept. The two machines' clocks should agree to a second.

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::http::request::Parts;
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use tower::{Layer, Service};

use crate::clock::Clock;
use crate::domain::Micros;
use crate::limits;
use crate::remote::{Allowed, RemoteGate};
pub use crate::remote::{Person, Wanted};
use crate::secret::SecretText;
use crate::service::{App, GateQuestion};

/// The body of every denial.
const DENIED: &str =
    r#"{"type":"urn:sayso:problem:not-permitted","title":"Forbidden","status":403,"detail":"not permitted"}"#;

/// What a request wants to do, and with whose data.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    /// What, why, from where.
    pub wanted: Wanted,
    /// With whom.
    pub person: Person,
}

/// Says of a request that got through until when its allow may be used; in the extensions of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UseBy(pub Micros);

/// Where the gate is.
pub struct Gate(Place);

enum Place {
    Here { app: Arc<App>, name: String, secret: SecretText },
    Remote { gate: RemoteGate, clock: Clock, leases: Mutex<HashMap<Question, Allowed>> },
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Place::Here { .. } => "Gate(here)",
            Place::Remote { .. } => "Gate(remote)",
        })
    }
}

impl Gate {
    /// In this process, asked as a recipient with this name and secret. Who is switched off is denied from then on.
    pub fn here(app: Arc<App>, name: &str, secret: SecretText) -> Self {
        Self(Place::Here { app, name: name.to_owned(), secret })
    }

    /// Somewhere else.
    pub fn remote(gate: RemoteGate) -> Self {
        Self(Place::Remote { gate, clock: Clock::system(), leases: Mutex::default() })
    }

    /// Until when this is allowed; nothing for a denial, and when the gate could not be asked, which goes to the log.
    pub async fn allows(&self, question: &Question) -> Option<UseBy> {
        match &self.0 {
            Place::Here { app, name, secret } => {
                let decided = decide_here(app, (name, secret), question).await;
                decided.unwrap_or_else(|error| {
                    tracing::warn!(%error, "the gate could not be asked: denied");
                    None
                })
            }
            Place::Remote { gate, clock, leases } => {
                if let Some(allowed) = leased(leases, question, clock.now()) {
                    return Some(allowed);
                }
                let asked = gate.filter(&question.wanted, std::slice::from_ref(&question.person)).await;
                match asked {
                    Ok(answer) => keep(leases, question, answer, clock.now()),
                    Err(error) => {
                        tracing::warn!(%error, "the gate could not be asked: denied");
                        None
                    }
                }
            }
        }
    }
}

async fn decide_here(
    app: &App,
    (name, secret): (&str, &SecretText),
    question: &Question,
) -> Result<Option<UseBy>, crate::service::ServiceError> {
    let caller = app.client_by_secret(name, secret).await?;
    let Wanted { action, purpose, source } = question.wanted.clone();
    let asked = GateQuestion { action, purpose, source, ids: question.person.asked().into_iter().collect() };
    let answer = app.filter(&caller, &asked).await?;
    Ok((answer.allowed == [0]).then_some(UseBy(answer.use_by_us)))
}

fn leased(leases: &Mutex<HashMap<Question, Allowed>>, question: &Question, now: Micros) -> Option<UseBy> {
    let mut leases = leases.lock().unwrap_or_else(PoisonError::into_inner);
    let held = leases.get(question)?;
    if held.holds(now) || crate::mutant::on("leases_never_end") {
        return Some(UseBy(held.use_by));
    }
    leases.remove(question);
    None
}

fn keep(
    leases: &Mutex<HashMap<Question, Allowed>>,
    question: &Question,
    answer: Allowed,
    now: Micros,
) -> Option<UseBy> {
    let use_by = UseBy(answer.use_by);
    if answer.allowed != [true] || !answer.holds(now) {
        return None;
    }
    let mut leases = leases.lock().unwrap_or_else(PoisonError::into_inner);
    if leases.len() >= limits::LEASES_MAX {
        leases.retain(|_, held| held.holds(now));
    }
    if leases.len() < limits::LEASES_MAX {
        leases.insert(question.clone(), answer);
    }
    Some(use_by)
}

/// Puts the gate in front of a service. `F` reads from a request what it is about; nothing for a request that names nobody, which is
/// denied.
#[derive(Debug, Clone)]
pub struct GateLayer<F> {
    gate: Arc<Gate>,
    question: F,
}

impl<F: Fn(&Parts) -> Option<Question>> GateLayer<F> {
    /// This gate, asked this question.
    pub fn new(gate: Arc<Gate>, question: F) -> Self {
        Self { gate, question }
    }
}

impl<S, F: Clone> Layer<S> for GateLayer<F> {
    type Service = Gated<S, F>;

    fn layer(&self, inner: S) -> Gated<S, F> {
        Gated { inner, gate: self.gate.clone(), question: self.question.clone() }
    }
}

/// A service behind the gate.
#[derive(Debug, Clone)]
pub struct Gated<S, F> {
    inner: S,
    gate: Arc<Gate>,
    question: F,
}

impl<S, F, B, C> Service<Request<B>> for Gated<S, F>
where
    S: Service<Request<B>, Response = Response<C>> + Clone + Send + 'static,
    S::Future: Send,
    F: Fn(&Parts) -> Option<Question>,
    B: Send + 'static,
    C: From<&'static str>,
{
    type Response = Response<C>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<C>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let question = (self.question)(&parts);
        // The service that was polled ready is the one that is called.
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        let gate = self.gate.clone();
        Box::pin(async move {
            let allowed = match question {
                Some(question) => gate.allows(&question).await,
                None => None,
            };
            let Some(use_by) = allowed else { return Ok(denied()) };
            parts.extensions.insert(use_by);
            inner.call(Request::from_parts(parts, body)).await
        })
    }
}

fn denied<C: From<&'static str>>() -> Response<C> {
    let mut response = Response::new(C::from(DENIED));
    *response.status_mut() = StatusCode::FORBIDDEN;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_LENGTH, DENIED.len().into());
    response
}
