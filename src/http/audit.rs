//! The public log, and the auditor's search in it.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::Shared;
use super::anyone::identifier;
use super::extract::{Act, Auditor, Path, Query};
use super::me::{day, point};
use super::problem::Problem;
use crate::domain::{Purpose, Recipient, Seq};
use crate::service::{
    AuditPage, AuditQuery, ConsistencyProof, IdentifierKind, InclusionProof, LeafView, Look, LookView, ServiceError,
    Summary, Tile,
};

pub(super) async fn checkpoint(State(app): State<Shared>) -> Result<impl IntoResponse, Problem> {
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], app.checkpoint().await?))
}

/// The log's public key, as verifiers take it. Who got it from elsewhere before has more: then nobody can show them another log.
pub(super) async fn key(State(app): State<Shared>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], app.log_vkey() + "\n")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FromIndex {
    #[serde(default)]
    from: i64,
}

pub(super) async fn leaves(
    State(app): State<Shared>,
    Query(query): Query<FromIndex>,
) -> Result<Json<Vec<LeafView>>, Problem> {
    Ok(Json(app.leaves(query.from).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfEvent {
    seq: i64,
    size: Option<u64>,
}

pub(super) async fn inclusion(
    State(app): State<Shared>,
    Query(query): Query<OfEvent>,
) -> Result<Json<InclusionProof>, Problem> {
    Ok(Json(app.inclusion(query.seq, query.size).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FromTo {
    from: u64,
    to: Option<u64>,
}

pub(super) async fn consistency(
    State(app): State<Shared>,
    Query(query): Query<FromTo>,
) -> Result<Json<ConsistencyProof>, Problem> {
    Ok(Json(app.consistency(query.from, query.to).await?))
}

pub(super) async fn tile(State(app): State<Shared>, Path(path): Path<String>) -> Result<impl IntoResponse, Problem> {
    let tile = Tile::parse(&path).ok_or(ServiceError::NotFound("tile"))?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], app.tile(&tile).await?))
}

/// How the leaves are written.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Form {
    #[default]
    Json,
    Ndjson,
    Csv,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    kind: Option<String>,
    from: Option<String>,
    to: Option<String>,
    purpose: Option<Purpose>,
    recipient: Option<Recipient>,
    until: Option<i64>,
    after: Option<i64>,
    limit: Option<i64>,
    #[serde(default)]
    form: Form,
}

/// The header `next-after` says where to go on; without it this was the end.
pub(super) async fn events(
    State(app): State<Shared>,
    _caller: Auditor,
    Query(search): Query<Search>,
) -> Result<Response, Problem> {
    let query = AuditQuery {
        kind: search.kind,
        from: search.from.as_deref().map(|text| day("from", text)).transpose()?,
        to: search.to.as_deref().map(|text| day("to", text)).transpose()?,
        purpose: search.purpose,
        recipient: search.recipient,
        until: search.until.map(Seq),
        after: search.after.map(Seq),
        limit: search.limit,
    };
    let page = app.audit_events(&query).await?;
    let mut answer = written(&page, search.form);
    if let Some(next) = page.next {
        answer.headers_mut().insert("next-after", next.0.into());
    }
    Ok(answer)
}

fn written(page: &AuditPage, form: Form) -> Response {
    let (media_type, text) = match form {
        Form::Json => return Json(&page.leaves).into_response(),
        Form::Ndjson => ("application/x-ndjson", page.ndjson()),
        Form::Csv => ("text/csv; charset=utf-8", page.csv()),
    };
    ([(header::CONTENT_TYPE, media_type)], text).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Days {
    from: Option<String>,
    to: Option<String>,
}

pub(super) async fn summary(
    State(app): State<Shared>,
    _caller: Auditor,
    Query(days): Query<Days>,
) -> Result<Json<Summary>, Problem> {
    let from = days.from.as_deref().map(|text| day("from", text)).transpose()?;
    let to = days.to.as_deref().map(|text| day("to", text)).transpose()?;
    Ok(Json(app.audit_summary(from, to).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Access {
    kind: IdentifierKind,
    identifier: String,
    reason: String,
    as_of: Option<String>,
    known_at: Option<String>,
}

/// A look at one person. It leaves a leaf, and the person sees who looked and why.
pub(super) async fn access(
    State(app): State<Shared>,
    Auditor(auditor): Auditor,
    act: Act<Access>,
) -> Result<Json<LookView>, Problem> {
    let body = act.body;
    let look = Look {
        identifier: identifier(body.kind, &body.identifier)?,
        reason: body.reason,
        time: point(body.as_of.as_deref(), body.known_at.as_deref())?,
    };
    Ok(Json(app.look(&auditor, &look, act.idempotency.as_ref()).await?))
}
