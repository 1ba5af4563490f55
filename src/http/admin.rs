//! What operators do. None of it shows them anything about a person.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::Deserialize;

use super::Shared;
use super::anyone::identifier;
use super::extract::{Act, Nothing, Operator, Path};
use super::problem::Problem;
use crate::domain::{Purpose, Recipient, RecipientClass, Seq, Source};
use crate::ids::{DeliveryId, IdentifierId};
use crate::service::IdentifierKind;
use crate::service::Role;
use crate::service::{Done, Jwk, NewClient, NewNotice, NewTerms, RecordTaken, RuleFiles, ServiceError, Translation};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Client {
    id: Recipient,
    role: Role,
    class: Option<RecipientClass>,
    #[serde(default)]
    purposes: Vec<Purpose>,
    #[serde(default)]
    sources: Vec<Source>,
    webhook: Option<String>,
    public_key: Option<Jwk>,
    #[serde(default)]
    terms: NewTerms,
}

pub(super) async fn register(
    State(app): State<Shared>,
    _caller: Operator,
    act: Act<Client>,
) -> Result<impl IntoResponse, Problem> {
    let Client { id, role, class, purposes, sources, webhook, public_key, terms } = act.body;
    let expected = "an Ed25519 key as a JWK: `{\"kty\": \"OKP\", \"crv\": \"Ed25519\", \"x\": ..}`";
    let key = |jwk: Jwk| jwk.ed25519().ok_or_else(|| ServiceError::invalid("public_key", expected));
    let (public_key, terms) = (public_key.map(key).transpose()?, terms.into());
    let client = NewClient { id, role, class, purposes, sources, webhook, public_key, terms };
    Ok((StatusCode::CREATED, Json(app.register_client(&client, act.idempotency.as_ref()).await?)))
}

/// Who is registered, with what each asked today.
pub(super) async fn clients(State(app): State<Shared>, _caller: Operator) -> Result<impl IntoResponse, Problem> {
    Ok(Json(app.clients().await?))
}

pub(super) async fn disable(
    State(app): State<Shared>,
    _caller: Operator,
    Path(id): Path<Recipient>,
    act: Act<Nothing>,
) -> Result<Json<Done>, Problem> {
    Ok(Json(app.disable_client(&id, act.idempotency.as_ref()).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Notice {
    purpose: Purpose,
    text: String,
    locale: String,
    material: bool,
    #[serde(default)]
    translations: Vec<Translation>,
    #[serde(default)]
    over: Option<i64>,
}

pub(super) async fn publish(
    State(app): State<Shared>,
    _caller: Operator,
    act: Act<Notice>,
) -> Result<impl IntoResponse, Problem> {
    let Notice { purpose, text, locale, material, translations, over } = act.body;
    let notice = NewNotice { purpose, text, locale, material, translations, over };
    Ok((StatusCode::CREATED, Json(app.publish_notice(&notice, act.idempotency.as_ref()).await?)))
}

pub(super) async fn prove(
    State(app): State<Shared>,
    _caller: Operator,
    Path(id): Path<IdentifierId>,
    act: Act<Nothing>,
) -> Result<Json<Done>, Problem> {
    Ok(Json(app.prove_by_operator(&id, act.idempotency.as_ref()).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AgeSignal {
    kind: IdentifierKind,
    identifier: String,
}

pub(super) async fn age(
    State(app): State<Shared>,
    _caller: Operator,
    act: Act<AgeSignal>,
) -> Result<impl IntoResponse, Problem> {
    let identifier = identifier(act.body.kind, &act.body.identifier)?;
    app.record_age(&identifier, act.idempotency.as_ref()).await?;
    Ok((StatusCode::ACCEPTED, Json(serde_json::json!({}))))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FromElsewhere {
    kind: IdentifierKind,
    identifier: String,
    record: serde_json::Map<String, serde_json::Value>,
}

/// A consent record (ISO/IEC TS 27560, DPV) from another system. It counts for nothing until the person says so.
pub(super) async fn import_record(
    State(app): State<Shared>,
    _caller: Operator,
    act: Act<FromElsewhere>,
) -> Result<Json<RecordTaken>, Problem> {
    let identifier = identifier(act.body.kind, &act.body.identifier)?;
    let taken = app.import_record(&identifier, &act.body.record.into(), act.idempotency.as_ref()).await?;
    Ok(Json(taken))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rules {
    files: RuleFiles,
}

/// The house rules in force.
pub(super) async fn policies(State(app): State<Shared>, _caller: Operator) -> Result<impl IntoResponse, Problem> {
    Ok(Json(app.policies().await?))
}

pub(super) async fn adopt(
    State(app): State<Shared>,
    _caller: Operator,
    act: Act<Rules>,
) -> Result<impl IntoResponse, Problem> {
    Ok((StatusCode::CREATED, Json(app.adopt_rules(&act.body.files, act.idempotency.as_ref()).await?)))
}

/// What recipients could not be told so far.
pub(super) async fn deliveries(State(app): State<Shared>, _caller: Operator) -> Result<impl IntoResponse, Problem> {
    Ok(Json(app.undelivered().await?))
}

pub(super) async fn retry(
    State(app): State<Shared>,
    _caller: Operator,
    Path(id): Path<DeliveryId>,
    _act: Act<Nothing>,
) -> Result<impl IntoResponse, Problem> {
    Ok(Json(app.retry_delivery(&id).await?))
}

/// What waits for the answer of a human.
pub(super) async fn contests(State(app): State<Shared>, _caller: Operator) -> Result<impl IntoResponse, Problem> {
    Ok(Json(app.open_contests().await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    upheld: bool,
    reason: String,
}

pub(super) async fn answer(
    State(app): State<Shared>,
    _caller: Operator,
    Path(contest): Path<i64>,
    act: Act<Answer>,
) -> Result<Json<Done>, Problem> {
    let Answer { upheld, reason } = act.body;
    Ok(Json(app.answer_contest(Seq(contest), upheld, &reason, act.idempotency.as_ref()).await?))
}
