//! Whether the service runs, and whether it can answer.

use axum::extract::State;
use axum::http::StatusCode;

use super::Shared;
use super::problem::Problem;
use crate::service::ServiceError;

pub(super) async fn alive() -> StatusCode {
    StatusCode::NO_CONTENT
}

pub(super) async fn ready(State(app): State<Shared>) -> Result<StatusCode, Problem> {
    app.store.ping().await.map_err(ServiceError::from)?;
    Ok(StatusCode::NO_CONTENT)
}
