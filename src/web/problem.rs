//! Problems (RFC 9457): a stable `type`, the status, what to do, and which field was wrong. Nothing personal, no cause.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::service::ServiceError;

/// One problem. Boxed, so that an `Ok` does not pay for it.
#[derive(Debug)]
pub(crate) struct Problem(Box<Fields>);

#[derive(Debug, Serialize)]
struct Fields {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<serde_json::Value>,
    #[serde(skip)]
    retry_after_seconds: Option<i64>,
}

const KIND: &str = "urn:sayso:problem:";

/// A problem without words, for whoever puts it into the words of another language. It rides along with the answer.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    /// The end of its type.
    pub(crate) name: String,
    /// The field that was wrong.
    pub(crate) field: Option<String>,
    /// Why the gate denied.
    pub(crate) reason: Option<serde_json::Value>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, name: &str, detail: impl Into<String>) -> Self {
        Self(Box::new(Fields {
            kind: format!("{KIND}{name}"),
            title: status.canonical_reason().unwrap_or("problem"),
            status: status.as_u16(),
            detail: detail.into(),
            field: None,
            line: None,
            reason: None,
            retry_after_seconds: (status == StatusCode::SERVICE_UNAVAILABLE).then_some(1),
        }))
    }

    /// Its status.
    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// What to do, in English.
    pub(crate) fn detail(&self) -> &str {
        &self.0.detail
    }

    /// What a page says in place of it.
    pub(crate) fn told(&self) -> Told {
        let name = self.0.kind.trim_start_matches(KIND).to_owned();
        Told { name, field: self.0.field.clone(), reason: self.0.reason.clone() }
    }

    pub(crate) fn field(status: StatusCode, name: &str, field: impl Into<String>, detail: impl Into<String>) -> Self {
        let mut problem = Self::new(status, name, detail);
        problem.0.field = Some(field.into()).filter(|field| !field.is_empty());
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = (status, Json(&self.0)).into_response();
        response.extensions_mut().insert(self.told());
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"sayso\""));
        }
        if let Some(seconds) = self.0.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        use StatusCode as S;
        let detail = error.to_string();
        match error {
            ServiceError::Invalid(invalid) => Self::field(
                S::UNPROCESSABLE_ENTITY,
                "invalid-field",
                invalid.field,
                format!("expected {}", invalid.expected),
            ),
            ServiceError::Input(input) => {
                let status = if input.field.is_empty() { S::BAD_REQUEST } else { S::UNPROCESSABLE_ENTITY };
                let mut problem = Self::field(status, "invalid-document", input.field, detail);
                problem.0.line = input.line;
                problem
            }
            ServiceError::Unauthenticated => Self::new(S::UNAUTHORIZED, "unauthenticated", detail),
            ServiceError::BadCredentials => Self::new(S::UNAUTHORIZED, "bad-credentials", detail),
            ServiceError::Forbidden => Self::new(S::FORBIDDEN, "forbidden", detail),
            ServiceError::Scope(_) => Self::new(S::FORBIDDEN, "insufficient-scope", detail),
            ServiceError::TooMuch(seconds) => {
                let mut problem = Self::new(S::TOO_MANY_REQUESTS, "rate-limited", detail);
                problem.0.retry_after_seconds = Some(seconds);
                problem
            }
            ServiceError::MailedEnough(seconds) => {
                let mut problem = Self::new(S::TOO_MANY_REQUESTS, "mailed-enough", detail);
                problem.0.retry_after_seconds = Some(seconds);
                problem
            }
            ServiceError::Denied(denial) => {
                let mut problem = Self::new(S::FORBIDDEN, "not-permitted", detail);
                problem.0.reason = serde_json::to_value(denial).ok();
                problem
            }
            ServiceError::NotPermitted => Self::new(S::FORBIDDEN, "not-permitted", detail),
            ServiceError::NoAccount => Self::new(S::FORBIDDEN, "no-account", detail),
            ServiceError::NotFound(_) => Self::new(S::NOT_FOUND, "not-found", detail),
            ServiceError::StaleGrant => Self::new(S::CONFLICT, "stale-grant", detail),
            ServiceError::StaleEpoch => Self::new(S::CONFLICT, "stale-epoch", detail),
            ServiceError::SignalConflict => Self::new(S::CONFLICT, "signal-conflict", detail),
            ServiceError::NoticeChanged => Self::new(S::CONFLICT, "notice-changed", detail),
            ServiceError::NewerNotice(_) => Self::new(S::CONFLICT, "newer-notice", detail),
            ServiceError::RulesChanged => Self::new(S::CONFLICT, "rules-changed", detail),
            ServiceError::KeyReused => Self::new(S::UNPROCESSABLE_ENTITY, "idempotency-key-reused", detail),
            ServiceError::Conflict(_) => Self::new(S::CONFLICT, "conflict", detail),
            ServiceError::ProhibitedPurpose => Self::new(S::UNPROCESSABLE_ENTITY, "prohibited-purpose", detail),
            ServiceError::NotProved => Self::new(S::CONFLICT, "not-proved", detail),
            ServiceError::Fetch(_) => Self::new(S::CONFLICT, "page-not-read", detail),
            ServiceError::Busy => Self::new(S::SERVICE_UNAVAILABLE, "busy", detail),
            ServiceError::TooSlow => Self::new(S::SERVICE_UNAVAILABLE, "too-slow", detail),
            ServiceError::ScoreStore(failure) => {
                tracing::warn!(%failure, "a score store was needed for an answer");
                Self::new(S::SERVICE_UNAVAILABLE, "score-store-unavailable", detail)
            }
            ServiceError::Store(error) => store(error.name(), &error),
            ServiceError::Broken(cause) => {
                tracing::error!(%cause, "an act failed");
                Self::new(S::INTERNAL_SERVER_ERROR, "broken", detail)
            }
        }
    }
}

/// The database's failures: the only ones that answer 5xx by design. The cause goes to the operator's log.
fn store(name: &'static str, error: &dyn std::error::Error) -> Problem {
    let status = if name == "broken" { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::SERVICE_UNAVAILABLE };
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    tracing::error!(%error, cause, "the database failed");
    Problem::new(status, name, error.to_string())
}
