//! What recipients ask: the allowed ones among many, in order; and one person's score.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};

use super::Shared;
use super::anyone::identifier;
use super::extract::{Act, Nothing, Path, Query, Recipient};
use super::problem::Problem;
use crate::clock::Mark;
use crate::domain::{Micros, Purpose, Seq, Source};
use crate::ids::{DeliveryId, Pairwise};
use crate::service::Action;
use crate::service::IdentifierKind;
use crate::service::{Asked, DeliveryView, DisclosureView, GateQuestion, ServiceError, Telling};
use crate::web::quantum::until_quantum;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    action: Action,
    purpose: Purpose,
    source: Source,
    ids: Vec<Id>,
}

/// Either `pairwise`, or `kind` and `identifier`.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Id {
    #[serde(skip_serializing_if = "Option::is_none")]
    pairwise: Option<Pairwise>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<IdentifierKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identifier: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Answer {
    allowed: Vec<Id>,
    use_by_us: Micros,
    seq: Seq,
    policy_sha256: Option<String>,
}

pub(super) async fn filter(
    State(app): State<Shared>,
    Recipient(caller): Recipient,
    act: Act<Question>,
) -> Result<Json<Answer>, Problem> {
    let Question { action, purpose, source, ids } = act.body;
    if ids.len() > crate::limits::FILTER_IDS_MAX {
        return Err(ServiceError::invalid("ids", "at most 1,000 ids").into());
    }
    let asked = ids.iter().map(asked).collect::<Result<Vec<_>, _>>()?;
    let answer = app.filter(&caller, &GateQuestion { action, purpose, source, ids: asked }).await?;
    let allowed = answer.allowed.iter().filter_map(|place| ids.get(*place).cloned()).collect();
    Ok(Json(Answer { allowed, use_by_us: answer.use_by_us, seq: answer.seq, policy_sha256: answer.policy_sha256 }))
}

fn asked(id: &Id) -> Result<Asked, Problem> {
    match (id.pairwise, id.kind, id.identifier.as_deref()) {
        (Some(pairwise), None, None) => Ok(Asked::Pairwise(pairwise)),
        (None, Some(kind), Some(text)) => Ok(Asked::Identifier(identifier(kind, text)?)),
        _ => Err(ServiceError::invalid("ids", "each with `pairwise`, or with `kind` and `identifier`").into()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ToldFor {
    pub(super) purpose: Purpose,
    pub(super) source: Source,
}

pub(super) async fn disclose(
    State(app): State<Shared>,
    Recipient(caller): Recipient,
    Path(pairwise): Path<Pairwise>,
    Query(ToldFor { purpose, source }): Query<ToldFor>,
) -> Result<Json<DisclosureView>, Problem> {
    let (begun, telling) = (Mark::now(), Telling { pairwise, purpose, source });
    let told = app.disclose(&caller, &telling).await;
    until_quantum(begun, Duration::from_millis(app.config.quantum_millis)).await;
    // What was taken back while this waited is not told any more (guarantee G5).
    let still = app.may_still_be_told(&caller, &telling).await?;
    Ok(Json(told.and_then(|view| if still { Ok(view) } else { Err(ServiceError::NotPermitted) })?))
}

/// Says that what a webhook asked for was done.
pub(super) async fn confirm(
    State(app): State<Shared>,
    Recipient(caller): Recipient,
    Path(id): Path<DeliveryId>,
    _act: Act<Nothing>,
) -> Result<Json<DeliveryView>, Problem> {
    Ok(Json(app.confirm_delivery(&caller, &id).await?))
}

/// The public key under which webhooks are signed.
pub(super) async fn webhook_key(State(app): State<Shared>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], app.webhook_key() + "\n")
}
