//! What needs no account: opting out, asking, deleting, reading notices.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::Shared;
use super::extract::{Act, Path, Version, language};
use super::long::Long;
use super::problem::Problem;
use crate::domain::{Purpose, Whom};
use crate::ids::Reference;
use crate::secret::SecretText;
use crate::service::{Confirmation, NoticeView, ServiceError, What};
use crate::service::{Identifier, IdentifierKind};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OptOut {
    kind: IdentifierKind,
    identifier: String,
    #[serde(rename = "for")]
    whom: Whom,
}

pub(super) async fn opt_out(State(app): State<Shared>, act: Act<OptOut>) -> Result<impl IntoResponse, Problem> {
    let identifier = identifier(act.body.kind, &act.body.identifier)?;
    let done = app.opt_out(&identifier, act.body.whom, act.idempotency.as_ref()).await?;
    Ok((StatusCode::ACCEPTED, Json(done)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ask {
    kind: IdentifierKind,
    identifier: String,
    what: What,
}

pub(super) async fn request(
    State(app): State<Shared>,
    headers: HeaderMap,
    act: Act<Ask>,
) -> Result<impl IntoResponse, Problem> {
    let identifier = identifier(act.body.kind, &act.body.identifier)?;
    let requested = app.request(&identifier, act.body.what, language(&headers), act.idempotency.as_ref()).await?;
    Ok((StatusCode::ACCEPTED, Json(requested)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Confirm {
    code: SecretText,
}

pub(super) async fn confirm(
    State(app): State<Shared>,
    Path(reference): Path<Reference>,
    act: Act<Confirm>,
) -> Result<impl IntoResponse, Problem> {
    Long::of_answer(app.confirm(&reference, &act.body.code, act.idempotency.as_ref()).await?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfirmAll {
    confirmations: Vec<Confirmation>,
}

/// Several addresses in one step.
pub(super) async fn confirm_all(State(app): State<Shared>, act: Act<ConfirmAll>) -> Result<impl IntoResponse, Problem> {
    Long::of_answers(app.confirm_all(&act.body.confirmations, act.idempotency.as_ref()).await?)
}

pub(super) async fn erasure(
    State(app): State<Shared>,
    Path(reference): Path<Reference>,
) -> Result<impl IntoResponse, Problem> {
    Ok(Json(app.erasure(&reference).await?))
}

/// Who could be said yes to.
pub(super) async fn recipients(State(app): State<Shared>) -> Result<impl IntoResponse, Problem> {
    Ok(Json(app.recipients().await?))
}

pub(super) async fn notices(State(app): State<Shared>) -> Result<Json<Vec<NoticeView>>, Problem> {
    Ok(Json(app.notices().await?))
}

pub(super) async fn notice(
    State(app): State<Shared>,
    Path(purpose): Path<Purpose>,
) -> Result<Json<NoticeView>, Problem> {
    let found = app.notices().await?.into_iter().find(|notice| notice.purpose == purpose);
    Ok(Json(found.ok_or(ServiceError::NotFound("purpose"))?))
}

/// A version, in each of its languages: what somebody decided on can be read for good.
pub(super) async fn notice_version(
    State(app): State<Shared>,
    Path((purpose, Version(version))): Path<(Purpose, Version)>,
) -> Result<Json<NoticeView>, Problem> {
    Ok(Json(app.notice(&purpose, version).await?))
}

pub(super) fn identifier(kind: IdentifierKind, text: &str) -> Result<Identifier, Problem> {
    Ok(Identifier::parse(kind, text).map_err(ServiceError::from)?)
}

/// That this service heeds Global Privacy Control, and since when (<https://w3c.github.io/gpc>).
pub(super) async fn gpc() -> impl IntoResponse {
    Json(serde_json::json!({ "gpc": true, "lastUpdate": "2026-11-23" }))
}

/// What is stored about people, and for how long.
pub(super) async fn stored(State(app): State<Shared>) -> Response {
    Json(app.stored()).into_response()
}
