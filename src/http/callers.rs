//! Calls that need no account, counted for each address they come from: a flood of opt-outs, codes or guesses from one place
//! is refused with 429 until the next minute.
//!
//! Behind a proxy everybody comes from the proxy's address, unless `trusted_proxies` names it: then the call came from the last
//! address in `X-Forwarded-For` that is no trusted proxy, because everything in front of that one can be made up. Of an IPv6
//! address the first half counts: the rest is the caller's to choose.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, StatusCode};

use super::Shared;
use super::problem::Problem;
use crate::limits;
use crate::window::Window;

/// How often each address called in this minute.
pub(super) struct Callers {
    app: Shared,
    minute: Window<IpAddr>,
}

impl Callers {
    pub(super) fn new(app: &Shared) -> Self {
        let minute = Window::new(60, limits::CALLS_PER_MINUTE_MAX, limits::CALLERS_COUNTED_MAX);
        Self { app: app.clone(), minute }
    }

    /// Counts a call; refuses it beyond the limit.
    pub(super) fn count(&self, request: &Request) -> Result<(), Problem> {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        let from = peer.map(|ConnectInfo(peer)| origin(peer.ip(), request.headers(), &self.app.config.trusted_proxies));
        if from.is_none_or(|from| self.minute.take(from, self.app.clock.now())) {
            return Ok(());
        }
        let detail = "too many calls from your address in this minute: wait for the next one";
        Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate-limited", detail))
    }
}

/// Where a call came from.
fn origin(peer: IpAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    let lines = headers.get_all("x-forwarded-for").iter().rev().map(|line| line.to_str().unwrap_or_default());
    let mut hops = lines.flat_map(|line| line.rsplit(',').map(str::trim));
    let mut from = peer.to_canonical();
    while trusted.contains(&from) {
        let Some(hop) = hops.next().and_then(address) else { break };
        from = hop;
    }
    network(from)
}

/// What counts as one caller: an IPv4 address, or the first half of an IPv6 address.
pub(super) fn network(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(long) => IpAddr::V6((long.to_bits() >> 64 << 64).into()),
        short @ IpAddr::V4(_) => short,
    }
}

/// An address, with a port or without.
fn address(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse::<SocketAddr>().map(|address| address.ip());
    text.parse::<IpAddr>().or_else(|_| with_port()).ok().map(|address| address.to_canonical())
}
