//! OpenID AuthZEN Authorization API 1.0 (<https://openid.net/specs/authorization-api-1_0.html>): one decision, or many at once.
//!
//! The subject is the recipient that asks, the resource the person whom it asks about, and the context says why and with activity from
//! where. A denial is an answer (200) and never says why: not for whom nobody knows, and not for what this recipient may not ask.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Shared;
use super::extract::{Recipient, media_type, read};
use super::forward::named;
use super::problem::Problem;
use crate::domain::{Micros, Purpose, Seq, Source};
use crate::limits;
use crate::service::{Action, ClientCaller, GateQuestion, ServiceError};

/// Something with a type and an id. What else it says is not looked at.
#[derive(Debug, Clone, Deserialize)]
struct Entity {
    #[serde(rename = "type")]
    kind: String,
    id: String,
}

#[derive(Debug, Clone, Deserialize)]
struct Named {
    name: String,
}

/// One question. In a batch it may leave out what stands beside the list.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Evaluation {
    subject: Option<Entity>,
    action: Option<Named>,
    resource: Option<Entity>,
    context: Option<Map<String, Value>>,
}

/// How far a batch goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Semantic {
    #[default]
    ExecuteAll,
    DenyOnFirstDeny,
    PermitOnFirstPermit,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Options {
    evaluations_semantic: Option<Semantic>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Batch {
    subject: Option<Entity>,
    action: Option<Named>,
    resource: Option<Entity>,
    context: Option<Map<String, Value>>,
    evaluations: Option<Vec<Evaluation>>,
    options: Option<Options>,
}

/// A body that may hold more than is known here: the standard is open.
pub(super) struct OpenJson<T>(T);

impl<T: for<'de> Deserialize<'de>> FromRequest<Shared> for OpenJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _app: &Shared) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        media_type(&parts.headers, &["application/json"])?;
        let bytes: Bytes = read(body, limits::BODY_BYTES_MAX).await?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            // The message of the JSON library may repeat what it found.
            let (line, column) = (error.line(), error.column());
            let detail = format!("the body is no AuthZEN request: look at line {line}, column {column}");
            Problem::new(StatusCode::BAD_REQUEST, "malformed-request", detail)
        })
    }
}

/// The answer to one question.
#[derive(Debug, Serialize)]
pub(super) struct Decided {
    decision: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<Context>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
enum Context {
    /// On what an allow stands: ask again after `use_by_us`, in microseconds since 1970.
    Allowed { use_by_us: Micros, seq: Seq, policy_sha256: String },
    /// By which rules it was denied: the same word for everything that is denied at that moment.
    Denied { policy_sha256: String },
    /// One question of a batch could not be read.
    Error { error: Malformed },
}

#[derive(Debug, Clone, Serialize)]
struct Malformed {
    status: u16,
    message: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Answer {
    One(Decided),
    Many { evaluations: Vec<Decided> },
}

const INCOMPLETE: &str = "a question needs `subject`, `action` and `resource`";
const DENIED: Decided = Decided { decision: false, context: None };

pub(super) async fn evaluation(
    State(app): State<Shared>,
    Recipient(caller): Recipient,
    OpenJson(question): OpenJson<Evaluation>,
) -> Result<Json<Answer>, Problem> {
    one(&app, &caller, question).await
}

pub(super) async fn evaluations(
    State(app): State<Shared>,
    Recipient(caller): Recipient,
    OpenJson(batch): OpenJson<Batch>,
) -> Result<Json<Answer>, Problem> {
    let Batch { subject, action, resource, context, evaluations, options } = batch;
    let beside = Evaluation { subject, action, resource, context };
    let evaluations = evaluations.unwrap_or_default();
    if evaluations.is_empty() {
        return one(&app, &caller, beside).await;
    }
    if evaluations.len() > limits::FILTER_IDS_MAX {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "too-many", "at most 1,000 evaluations at once"));
    }
    let whole = |one: Evaluation| Evaluation {
        subject: one.subject.or_else(|| beside.subject.clone()),
        action: one.action.or_else(|| beside.action.clone()),
        resource: one.resource.or_else(|| beside.resource.clone()),
        context: one.context.or_else(|| beside.context.clone()),
    };
    let questions: Vec<Evaluation> = evaluations.into_iter().map(whole).collect();
    let mut decided = decide(&app, &caller, &questions).await?;
    let last = match options.and_then(|options| options.evaluations_semantic).unwrap_or_default() {
        Semantic::ExecuteAll => None,
        Semantic::DenyOnFirstDeny => decided.iter().position(|one| !one.decision),
        Semantic::PermitOnFirstPermit => decided.iter().position(|one| one.decision),
    };
    decided.truncate(last.map_or(decided.len(), |last| last + 1));
    Ok(Json(Answer::Many { evaluations: decided }))
}

async fn one(app: &Shared, caller: &ClientCaller, question: Evaluation) -> Result<Json<Answer>, Problem> {
    if !question.is_complete() {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "malformed-request", INCOMPLETE));
    }
    let mut decided = decide(app, caller, &[question]).await?;
    Ok(Json(Answer::One(decided.pop().unwrap_or(DENIED))))
}

/// Decides in order. Questions that differ in the person alone are one question to the gate.
async fn decide(app: &Shared, caller: &ClientCaller, questions: &[Evaluation]) -> Result<Vec<Decided>, Problem> {
    let mut decided: Vec<Decided> = questions.iter().map(Evaluation::before_the_gate).collect();
    let mut groups: Vec<(GateQuestion, Vec<usize>)> = Vec::new();
    let mut unknown = 0;
    for (place, question) in questions.iter().enumerate() {
        let Some(asked) = question.asked(caller) else {
            unknown += usize::from(question.is_complete());
            continue;
        };
        let same = |(group, _): &&mut (GateQuestion, Vec<usize>)| {
            (group.action, &group.purpose, &group.source) == (asked.action, &asked.purpose, &asked.source)
        };
        match groups.iter_mut().find(same) {
            Some((group, places)) => {
                group.ids.extend(asked.ids);
                places.push(place);
            }
            None => groups.push((asked, vec![place])),
        }
    }
    if unknown > 0 {
        denied(app.refuse(caller, unknown, ServiceError::NotPermitted))?;
    }
    for (question, places) in groups {
        let found = match app.filter(caller, &question).await {
            Err(error) => {
                denied(error)?;
                continue;
            }
            Ok(found) => found,
        };
        let Some(policy_sha256) = found.policy_sha256 else { continue };
        for (number, place) in places.into_iter().enumerate() {
            let Some(decided) = decided.get_mut(place) else { continue };
            *decided = if found.allowed.binary_search(&number).is_ok() {
                Decided::allowed((found.use_by_us, found.seq), &policy_sha256)
            } else {
                Decided::denied(&policy_sha256)
            };
        }
    }
    if decided.iter().any(|decided| decided.context.is_none())
        && let Some(policy_sha256) = app.policy_in_force().await?
    {
        let refused = decided.iter_mut().filter(|decided| decided.context.is_none());
        refused.for_each(|decided| *decided = Decided::denied(&policy_sha256));
    }
    Ok(decided)
}

/// What this recipient may not ask is a denial here, and no failure.
fn denied(error: ServiceError) -> Result<(), ServiceError> {
    match error {
        ServiceError::NotPermitted | ServiceError::Forbidden | ServiceError::Scope(_) | ServiceError::Invalid(_) => {
            Ok(())
        }
        failure => Err(failure),
    }
}

impl Decided {
    fn allowed((use_by_us, seq): (Micros, Seq), policy_sha256: &str) -> Self {
        let policy_sha256 = policy_sha256.to_owned();
        Self { decision: true, context: Some(Context::Allowed { use_by_us, seq, policy_sha256 }) }
    }

    fn denied(policy_sha256: &str) -> Self {
        Self { decision: false, context: Some(Context::Denied { policy_sha256: policy_sha256.to_owned() }) }
    }
}

impl Evaluation {
    fn is_complete(&self) -> bool {
        self.subject.is_some() && self.action.is_some() && self.resource.is_some()
    }

    fn before_the_gate(&self) -> Decided {
        let error = Malformed { status: 400, message: INCOMPLETE };
        let context = (!self.is_complete()).then_some(Context::Error { error });
        Decided { decision: false, context }
    }

    /// As the gate is asked; nothing where what is named does not exist here.
    fn asked(&self, caller: &ClientCaller) -> Option<GateQuestion> {
        let (subject, resource) = (self.subject.as_ref()?, self.resource.as_ref()?);
        if subject.kind != "recipient" || subject.id != caller.id.as_str() {
            return None;
        }
        let wanted = &self.action.as_ref()?.name;
        let action = Action::ALL.into_iter().find(|action| action.as_str() == wanted)?;
        let text = |key: &str| self.context.as_ref()?.get(key)?.as_str();
        let purpose: Purpose = text("purpose")?.parse().ok()?;
        let source: Source = text("source")?.parse().ok()?;
        Some(GateQuestion { action, purpose, source, ids: vec![named(&resource.kind, &resource.id)?] })
    }
}

/// Where the doors are (AuthZEN, section 9).
pub(super) async fn configuration(State(app): State<Shared>) -> impl IntoResponse {
    let base = app.config.public_url.trim_end_matches('/');
    Json(serde_json::json!({
        "policy_decision_point": base,
        "access_evaluation_endpoint": format!("{base}/access/v1/evaluation"),
        "access_evaluations_endpoint": format!("{base}/access/v1/evaluations"),
    }))
}
