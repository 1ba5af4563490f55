//! What handlers take from a request: strict JSON, a strict query, the caller by role, the `Idempotency-Key`.

use std::fmt;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query as AxumQuery, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use serde::de::{DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use super::Shared;
use super::problem::Problem;
use crate::limits;
use crate::service::Role;
use crate::service::{Caller, ClientCaller, Idempotency, PersonCaller, ServiceError};
pub(super) use crate::web::headers::{language, media_type, only, read, says_no_sharing};
pub(super) use crate::web::path::{Path, Version};

/// A body that must be empty or `{}`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// A strict JSON body, and the caller's `Idempotency-Key` within its scope.
pub(super) struct Act<T> {
    pub(super) body: T,
    pub(super) idempotency: Option<Idempotency>,
}

impl<T: DeserializeOwned> FromRequest<Shared> for Act<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Shared) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read(body, limits::BODY_BYTES_MAX).await?;
        if !bytes.is_empty() {
            media_type(&parts.headers, &["application/json"])?;
        }
        let key = only(&parts.headers, &HeaderName::from_static("idempotency-key"))?;
        let idempotency = match key {
            Some(key) => Some(scoped(app, &parts, key, &bytes)?),
            None => None,
        };
        Ok(Self { body: parse(&bytes)?, idempotency })
    }
}

/// The key counts for one caller, one route with its ids, and one body.
fn scoped(app: &Shared, parts: &Parts, key: &str, bytes: &Bytes) -> Result<Idempotency, Problem> {
    if key.is_empty() || key.len() > limits::IDEMPOTENCY_KEY_BYTES_MAX {
        let expected = "expected 1 to 255 bytes, such as a random UUID";
        return Err(Problem::field(StatusCode::BAD_REQUEST, "invalid-header", "Idempotency-Key", expected));
    }
    let caller = match bearer(&parts.headers)? {
        Some(token) => app.token_subject(token)?,
        None => String::from("anyone"),
    };
    Ok(app.idempotency(&caller, &format!("{} {}", parts.method, parts.uri), key, bytes))
}

/// What is no JSON is told apart from JSON that does not fit; a list in place of an object never fits, although serde takes it.
fn parse<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, Problem> {
    let no_text =
        |_| Problem::new(StatusCode::BAD_REQUEST, "malformed-json", "the body is no JSON: it is not in UTF-8");
    let text = std::str::from_utf8(if bytes.is_empty() { b"{}" } else { bytes }).map_err(no_text)?;
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| {
        let detail = format!("the body is no JSON: look at line {}, column {}", error.line(), error.column());
        Problem::new(StatusCode::BAD_REQUEST, "malformed-json", detail)
    })?;
    read_named::<Plain>(text)?;
    if !text.trim_start().starts_with('{') {
        let detail = "expected a JSON object as the whole body";
        return Err(Problem::field(StatusCode::UNPROCESSABLE_ENTITY, "invalid-field", "", detail));
    }
    read_named(text)
}

/// Reads JSON that is well-formed; what does not fit is told with its field.
fn read_named<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let field = error.path().to_string();
        let text = error.inner().to_string();
        wrong_field(text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text), &field)
    })
}

/// JSON without what serde reads in two ways: `null` for a word's emptiness, a list for an object in a list.
struct Plain;

struct PlainVisitor {
    in_list: bool,
}

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        PlainVisitor { in_list: false }.deserialize(deserializer)
    }
}

impl<'de> DeserializeSeed<'de> for PlainVisitor {
    type Value = Plain;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Plain, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for PlainVisitor {
    type Value = Plain;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value: leave out what you do not want to say; and no list directly in a list")
    }
    fn visit_bool<E>(self, _: bool) -> Result<Plain, E> {
        Ok(Plain)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Plain, E> {
        Ok(Plain)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Plain, E> {
        Ok(Plain)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Plain, E> {
        Ok(Plain)
    }
    fn visit_str<E>(self, _: &str) -> Result<Plain, E> {
        Ok(Plain)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Plain, A::Error> {
        if self.in_list {
            return Err(serde::de::Error::invalid_type(Unexpected::Seq, &self));
        }
        while list.next_element_seed(Self { in_list: true })?.is_some() {}
        Ok(Plain)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Plain, A::Error> {
        while map.next_key::<IgnoredAny>()?.is_some() {
            map.next_value_seed(Self { in_list: false })?;
        }
        Ok(Plain)
    }
}

/// Says what serde expected, never what it found: that may be personal.
///
/// What was found stands in front of what was expected and may hold the same words, so both are cut at their last.
fn wrong_field(text: &str, field: &str) -> Problem {
    let own_name = text.split('`').nth(1).unwrap_or_default();
    let (field, detail) = match text.rsplit_once("expected ") {
        _ if text.starts_with("missing field") || text.starts_with("duplicate field") => {
            (own_name, format!("{text}: each field must be there, once"))
        }
        _ if text.starts_with("unknown field") => {
            let known = text.rsplit_once(", expected ").filter(|_| !text.ends_with("there are no fields"));
            let known = known.map_or("no field at all", |(_, known)| known);
            ("", format!("a field is not known here: expected {known}"))
        }
        Some((_, "value")) => (field, String::from("expected one of the words that stand for it, as a text")),
        Some((_, expected)) => (field, format!("expected {expected}")),
        None if text.starts_with("invalid digit")
            || text.contains("parse integer")
            || text.starts_with("number too") =>
        {
            (field, String::from("expected a whole number"))
        }
        None => (field, format!("the value does not fit: {}", rule(text))),
    };
    Problem::field(StatusCode::UNPROCESSABLE_ENTITY, "invalid-field", if field == "." { "" } else { field }, detail)
}

/// Messages of our own types carry no input; anything else is not repeated.
fn rule(text: &str) -> &str {
    if text.starts_with("a name is") || text.starts_with("an id is") { text } else { "look at the documentation" }
}

/// A strict query.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Shared> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let query = AxumQuery::from_request_parts(parts, app).await.map(|AxumQuery(query)| Self(query));
        query.map_err(|refused| {
            // Made by serde_path_to_error: the parameter, unless the message itself names it, and what is wrong with it.
            let text = refused.to_string();
            let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
            let (field, text) = text.split_once(": ").filter(|(field, _)| is_name(field)).unwrap_or(("query", text));
            wrong_field(text, field)
        })
    }
}

fn is_name(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

/// The bearer token, if there is one.
pub(super) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = only(headers, &header::AUTHORIZATION)? else { return Ok(None) };
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(ServiceError::Unauthenticated.into());
    }
    Ok(Some(token.trim()))
}

async fn caller(parts: &Parts, app: &Shared) -> Result<Caller, Problem> {
    let token = bearer(&parts.headers)?.ok_or(ServiceError::Unauthenticated)?;
    Ok(app.authenticate(token).await?)
}

/// The caller, who must be a person. What their browser says about sharing is heeded first.
pub(super) struct Person(pub(super) PersonCaller);

impl FromRequestParts<Shared> for Person {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        match caller(parts, app).await? {
            Caller::Person(person) => {
                if says_no_sharing(&parts.headers) {
                    app.heed_signal(&person).await?;
                }
                Ok(Self(person))
            }
            Caller::Client(_) => Err(ServiceError::Forbidden.into()),
        }
    }
}

/// The caller, who must be an operator.
pub(super) struct Operator;
/// The caller, who must be an auditor.
pub(super) struct Auditor(pub(super) Arc<ClientCaller>);
/// The caller, who must be a collector.
pub(super) struct Collector(pub(super) Arc<ClientCaller>);
/// The caller, who must be a recipient.
pub(super) struct Recipient(pub(super) Arc<ClientCaller>);

macro_rules! roles {
    ($($name:ident => $make:expr;)*) => {$(
        impl FromRequestParts<Shared> for $name {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
                match caller(parts, app).await? {
                    Caller::Client(client) if client.role == Role::$name => Ok($make(client)),
                    _ => Err(ServiceError::Forbidden.into()),
                }
            }
        }
    )*};
}

roles! {
    Operator => |_| Operator;
    Auditor => Auditor;
    Collector => Collector;
    Recipient => Recipient;
}
