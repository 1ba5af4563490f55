//! A person's own things: identifiers, consents, pause, export, erasure, score.

use axum::Json;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::Shared;
use super::anyone::identifier;
use super::extract::{Act, Nothing, Path, Person, Query, language, says_no_sharing};
use super::long::Long;
use super::problem::Problem;
use crate::domain::{About, Day, Micros, Purpose, Recipient, ResponseKind, Seq, Source, Topic, Triple, Week};
use crate::ids::IdentifierId;
use crate::service::IdentifierKind;
use crate::service::{
    ConsentDecision, ConsentRequest, Done, ErasureStarted, IdentifierView, PointInTime, RecordForm, ServiceError,
};

pub(super) async fn identifiers(
    State(app): State<Shared>,
    Person(caller): Person,
) -> Result<Json<Vec<IdentifierView>>, Problem> {
    Ok(Json(app.identifiers(&caller).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Claim {
    kind: IdentifierKind,
    identifier: String,
}

pub(super) async fn claim(
    State(app): State<Shared>,
    Person(caller): Person,
    act: Act<Claim>,
) -> Result<impl IntoResponse, Problem> {
    let identifier = identifier(act.body.kind, &act.body.identifier)?;
    Ok((StatusCode::CREATED, Json(app.claim(&caller, &identifier, act.idempotency.as_ref()).await?)))
}

pub(super) async fn prove(
    State(app): State<Shared>,
    Person(caller): Person,
    Path(id): Path<IdentifierId>,
    _act: Act<Nothing>,
) -> Result<Json<Done>, Problem> {
    Ok(Json(app.prove_by_page(&caller, &id).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Then {
    as_of: Option<String>,
    known_at: Option<String>,
}

/// What is in force; or, with `as_of` or `known_at`, what was.
pub(super) async fn consents(
    State(app): State<Shared>,
    Person(caller): Person,
    Query(then): Query<Then>,
) -> Result<Response, Problem> {
    if then.as_of.is_none() && then.known_at.is_none() {
        return Ok(Json(app.consents(&caller).await?).into_response());
    }
    let time = point(then.as_of.as_deref(), then.known_at.as_deref())?;
    Ok(Json(app.consents_as_of(&caller, time).await?).into_response())
}

pub(super) fn point(as_of: Option<&str>, known_at: Option<&str>) -> Result<PointInTime, Problem> {
    let read = |name: &str, text: Option<&str>| -> Result<Option<Micros>, Problem> {
        let Some(text) = text else { return Ok(None) };
        let expected = "a time such as `2026-11-22T12:00:00Z`, or a day for its beginning";
        Ok(Some(Micros::parse(text).ok_or_else(|| ServiceError::invalid(name, expected))?))
    };
    Ok(PointInTime { as_of: read("as_of", as_of)?, known_at: read("known_at", known_at)? })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Decide {
    purpose: Purpose,
    source: Source,
    recipient: Recipient,
    notice_version: i64,
    notice_sha256: String,
    known_seq: i64,
    until_us: Option<i64>,
    decision: ConsentDecision,
}

pub(super) async fn decide(
    State(app): State<Shared>,
    Person(caller): Person,
    headers: HeaderMap,
    act: Act<Decide>,
) -> Result<impl IntoResponse, Problem> {
    let body = act.body;
    let request = ConsentRequest {
        triple: Triple { purpose: body.purpose, source: body.source, recipient: body.recipient },
        notice_version: body.notice_version,
        notice_sha256: body.notice_sha256,
        known_seq: Seq(body.known_seq),
        until: body.until_us.map(Micros),
        decision: body.decision,
    };
    if says_no_sharing(&headers) {
        app.heed_grant(&caller, &request.triple, request.decision).await?;
    }
    let consent = app.decide_consent(&caller, &request, act.idempotency.as_ref()).await?;
    Ok((StatusCode::CREATED, Json(consent)))
}

pub(super) async fn withdraw(
    State(app): State<Shared>,
    Person(caller): Person,
    Path(id): Path<i64>,
    act: Act<Nothing>,
) -> Result<Json<Done>, Problem> {
    Ok(Json(app.withdraw(&caller, Seq(id), act.idempotency.as_ref()).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ByPurpose {
    purpose: Purpose,
}

pub(super) async fn withdraw_purpose(
    State(app): State<Shared>,
    Person(caller): Person,
    Query(query): Query<ByPurpose>,
    act: Act<Nothing>,
) -> Result<Json<Done>, Problem> {
    Ok(Json(app.withdraw_purpose(&caller, &query.purpose, act.idempotency.as_ref()).await?))
}

/// How a receipt is written.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ReceiptForm {
    #[default]
    TlogProof,
    #[serde(rename = "iso-27560")]
    Iso27560,
    Kantara,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InForm {
    #[serde(default)]
    form: ReceiptForm,
}

/// The receipt of an event of one's own as a file to keep.
pub(super) async fn receipt(
    State(app): State<Shared>,
    Person(caller): Person,
    Path(seq): Path<i64>,
    Query(InForm { form }): Query<InForm>,
) -> Result<impl IntoResponse, Problem> {
    let (media_type, ending, text) = match form {
        ReceiptForm::TlogProof => {
            ("text/plain; charset=utf-8", "tlog-proof", String::from(app.receipt(&caller, Seq(seq)).await?))
        }
        ReceiptForm::Iso27560 => {
            let record = app.record_form(&caller, Seq(seq), RecordForm::Iso27560).await?;
            ("application/ld+json", "iso-27560.jsonld", record.to_string())
        }
        ReceiptForm::Kantara => {
            let record = app.record_form(&caller, Seq(seq), RecordForm::Kantara).await?;
            ("application/json", "kantara.json", record.to_string())
        }
    };
    let name = format!("attachment; filename=\"sayso-{seq}.{ending}\"");
    Ok(([(header::CONTENT_TYPE, media_type.to_owned()), (header::CONTENT_DISPOSITION, name)], text))
}

/// Mails that receipt to the address of the account, in the language that the call likes best.
pub(super) async fn mail_receipt(
    State(app): State<Shared>,
    Person(caller): Person,
    Path(seq): Path<i64>,
    headers: HeaderMap,
    act: Act<Nothing>,
) -> Result<impl IntoResponse, Problem> {
    let queued = app.mail_receipt(&caller, Seq(seq), language(&headers), act.idempotency.as_ref()).await?;
    Ok((StatusCode::ACCEPTED, Json(queued)))
}

pub(super) async fn hold(
    State(app): State<Shared>,
    Person(caller): Person,
    act: Act<Nothing>,
) -> Result<Json<Done>, Problem> {
    Ok(Json(app.hold(&caller, act.idempotency.as_ref()).await?))
}

pub(super) async fn release(
    State(app): State<Shared>,
    Person(caller): Person,
    act: Act<Nothing>,
) -> Result<Json<Done>, Problem> {
    Ok(Json(app.release(&caller, act.idempotency.as_ref()).await?))
}

pub(super) async fn export(State(app): State<Shared>, Person(caller): Person) -> Result<impl IntoResponse, Problem> {
    Ok(Long::of_export(app.export(&caller, None).await?))
}

/// Its own success ends the log-in, so a repeat with the same `Idempotency-Key` is answered before the caller is looked up.
pub(super) async fn erase(State(app): State<Shared>, request: Request) -> Result<impl IntoResponse, Problem> {
    let (mut parts, body) = request.into_parts();
    let again = Request::from_parts(parts.clone(), body);
    let act = <Act<Nothing> as axum::extract::FromRequest<Shared>>::from_request(again, &app).await?;
    if let Some(idempotency) = &act.idempotency
        && let Some(before) = app.erased_before(idempotency).await?
    {
        return Ok((StatusCode::ACCEPTED, Json(before)));
    }
    let caller = match Person::from_request_parts(&mut parts, &app).await {
        Ok(Person(caller)) => caller,
        Err(problem) => return Ok((StatusCode::ACCEPTED, Json(same_moment(&app, &act, problem).await?))),
    };
    Ok((StatusCode::ACCEPTED, Json(app.erase(&caller, act.idempotency.as_ref()).await?)))
}

/// The same request, sent twice at once, may have ended the log-in between the two questions above.
async fn same_moment(app: &Shared, act: &Act<Nothing>, problem: Problem) -> Result<ErasureStarted, Problem> {
    let Some(idempotency) = &act.idempotency else { return Err(problem) };
    app.erased_before(idempotency).await?.ok_or(problem)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AsOf {
    as_of: Option<String>,
}

impl AsOf {
    /// A calendar day, `YYYY-MM-DD`.
    fn time(&self) -> Result<Option<Micros>, Problem> {
        self.as_of.as_deref().map(|text| day("as_of", text)).transpose().map(|day| day.map(Day::start))
    }
}

/// Reads the `YYYY-MM-DD` of a parameter.
pub(super) fn day(name: &str, text: &str) -> Result<Day, Problem> {
    Ok(Day::parse(text).ok_or_else(|| ServiceError::invalid(name, "a day such as `2026-11-22`"))?)
}

pub(super) async fn score(
    State(app): State<Shared>,
    Person(caller): Person,
    Query(query): Query<AsOf>,
) -> Result<impl IntoResponse, Problem> {
    Ok(Json(app.score(&caller, query.time()?).await?))
}

pub(super) async fn explanation(
    State(app): State<Shared>,
    Person(caller): Person,
    Query(query): Query<AsOf>,
) -> Result<impl IntoResponse, Problem> {
    Ok(Json(app.explanation(&caller, query.time()?).await?))
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum TopicDecision {
    Accepted,
    Rejected,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DecideTopic {
    decision: TopicDecision,
}

pub(super) async fn topic(
    State(app): State<Shared>,
    Person(caller): Person,
    Path(topic): Path<Topic>,
    act: Act<DecideTopic>,
) -> Result<Json<Done>, Problem> {
    let accepted = matches!(act.body.decision, TopicDecision::Accepted);
    Ok(Json(app.decide_topic(&caller, &topic, accepted, act.idempotency.as_ref()).await?))
}

pub(super) async fn decisions(State(app): State<Shared>, Person(caller): Person) -> Result<impl IntoResponse, Problem> {
    Ok(Json(app.decisions(&caller).await?))
}

pub(super) async fn told(State(app): State<Shared>, Person(caller): Person) -> Result<impl IntoResponse, Problem> {
    Ok(Json(app.told(&caller).await?))
}

pub(super) async fn was_allowed(
    State(app): State<Shared>,
    Person(caller): Person,
    Path(seq): Path<i64>,
) -> Result<impl IntoResponse, Problem> {
    Ok(Json(app.was_allowed(&caller, Seq(seq)).await?))
}

pub(super) async fn deliveries(
    State(app): State<Shared>,
    Person(caller): Person,
) -> Result<impl IntoResponse, Problem> {
    Ok(Json(app.deliveries(&caller).await?))
}

/// What is contested.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Contested {
    Score,
    Topic,
    Part,
    EngineScore,
}

/// What is contested, and why; the fields of a part are those of the explanation, those of an engine's score are those of the list of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Contest {
    what: Contested,
    topic: Option<Topic>,
    kind: Option<ResponseKind>,
    week: Option<Week>,
    engine: Option<Recipient>,
    purpose: Option<Purpose>,
    source: Option<Source>,
    words: String,
}

impl Contest {
    fn about(&self) -> Result<About, ServiceError> {
        let of_score = (self.topic.clone(), self.kind, self.week);
        let of_engine = (self.engine.clone(), self.purpose.clone(), self.source.clone());
        match (self.what, of_score, of_engine) {
            (Contested::Score, (None, None, None), (None, None, None)) => Ok(About::Score {}),
            (Contested::Topic, (Some(topic), None, None), (None, None, None)) => Ok(About::Topic { topic }),
            (Contested::Part, (Some(topic), Some(kind), Some(week)), (None, None, None)) => {
                Ok(About::Part { topic, kind, week })
            }
            (Contested::EngineScore, (None, None, None), (Some(recipient), Some(purpose), Some(source))) => {
                Ok(About::EngineScore { triple: Triple { purpose, source, recipient } })
            }
            _ => {
                let expected = "`score` alone, `topic` with `topic`, `part` with `topic`, `kind` and `week`, or \
                                `engine_score` with `engine`, `purpose` and `source`";
                Err(ServiceError::invalid("what", expected))
            }
        }
    }
}

pub(super) async fn contest(
    State(app): State<Shared>,
    Person(caller): Person,
    act: Act<Contest>,
) -> Result<impl IntoResponse, Problem> {
    let (about, words) = (act.body.about()?, &act.body.words);
    Ok((StatusCode::CREATED, Json(app.contest(&caller, &about, words, act.idempotency.as_ref()).await?)))
}
