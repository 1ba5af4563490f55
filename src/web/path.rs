//! Typed parts of a path.

use axum::extract::{FromRequestParts, Path as AxumPath};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// A typed part of the path; what does not fit does not exist.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = AxumPath::from_request_parts(parts, state).await.map(|AxumPath(path)| Self(path));
        path.map_err(|_| Problem::new(StatusCode::NOT_FOUND, "not-found", "there is no such thing"))
    }
}
