//! Cookies: of this host alone (`__Host-`), out of reach for scripts, sent over TLS or within one machine.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

/// A person's log-in.
pub(super) const PERSON: &str = "__Host-sayso";
/// The log-in of an auditor or operator.
pub(super) const STAFF: &str = "__Host-sayso-staff";
/// The language that was chosen.
pub(super) const LANGUAGE: &str = "__Host-sayso-language";

/// What was just done, for the page that says so.
pub(super) const DONE: &str = "__Host-sayso-done";

/// The value of a cookie. One that comes twice is none (N23).
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(found, _)| *found == name).map(|(_, value)| value);
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

/// Sets a cookie until the browser is closed.
pub(super) fn set(response: &mut Response, name: &str, value: &str) {
    put(response, &format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax"));
}

/// The same for longer: only what says nothing about anybody.
pub(super) fn keep(response: &mut Response, name: &str, value: &str) {
    put(response, &format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=31536000"));
}

/// The same for the page that follows at once.
pub(super) fn pass_on(response: &mut Response, name: &str, value: &str) {
    put(response, &format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=30"));
}

/// Takes a cookie back.
pub(super) fn remove(response: &mut Response, name: &str) {
    put(response, &format!("{name}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"));
}

fn put(response: &mut Response, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}
