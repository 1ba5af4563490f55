//! Typed parts of a path.

use axum::extract::{FromRequestParts, Path as AxumPath};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// The number of a version in a path, from 1: each is written in one way, so that nothing is found under two addresses.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Version(pub(crate) i64);

impl TryFrom<String> for Version {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let number = text.parse().ok().filter(|number: &i64| *number > 0 && number.to_string() == text);
        number.map(Self).ok_or("expected the number of a version")
    }
}

/// A typed part of the path; what does not fit does not exist.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = AxumPath::from_request_parts(parts, state).await.map(|AxumPath(path)| Self(path));
        path.map_err(|_| Problem::new(StatusCode::NOT_FOUND, "not-found", "there is no such thing"))
    }
}
