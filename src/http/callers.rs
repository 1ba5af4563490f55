//! Calls that need no account, counted for each address they come from: a flood of opt-outs, codes or guesses from one place
//! is refused with 429 until the next minute.
//!
//! Behind a proxy everybody comes from the proxy's address, so the bound is wide; the proxy has to count by itself.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Shared;
use super::layers::is_steady;
use super::problem::Problem;
use crate::domain::Micros;
use crate::limits;

/// The counts of the minute that runs.
#[derive(Debug, Default)]
struct Minute {
    number: i64,
    calls: HashMap<IpAddr, u32>,
}

/// What the layer keeps.
#[derive(Clone)]
pub(super) struct Callers {
    app: Shared,
    minute: Arc<Mutex<Minute>>,
}

impl Callers {
    pub(super) fn new(app: &Shared) -> Self {
        Self { app: app.clone(), minute: Arc::default() }
    }

    fn may_call(&self, from: IpAddr) -> bool {
        let mut minute = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
        minute.take(from, self.app.clock.now())
    }
}

impl Minute {
    /// Counts a call. Addresses that are not counted yet are refused once too many are, so that memory is bounded.
    fn take(&mut self, from: IpAddr, now: Micros) -> bool {
        let number = now.0.div_euclid(60_000_000);
        if number != self.number {
            *self = Self { number, calls: HashMap::new() };
        }
        if self.calls.len() >= limits::CALLERS_COUNTED_MAX && !self.calls.contains_key(&from) {
            return false;
        }
        let calls = self.calls.entry(from).or_default();
        *calls = calls.saturating_add(1);
        *calls <= limits::CALLS_PER_MINUTE_MAX
    }
}

pub(super) async fn counted(State(callers): State<Callers>, request: Request, next: Next) -> Response {
    let from = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(from)| from.ip());
    if !is_steady(&request) || from.is_none_or(|from| callers.may_call(from)) {
        return next.run(request).await;
    }
    let detail = "too many calls from your address in this minute: wait for the next one";
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate-limited", detail).into_response()
}
