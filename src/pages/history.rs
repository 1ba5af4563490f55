//! Everything that was decided, as a timeline; and the receipt of each event, to read, keep and print.

use axum::extract::{RawQuery, State};
use axum::http::header;
use axum::response::IntoResponse;
use maud::{Markup, html};

use super::parts::Drawn;
use super::visit::{Form, Member, Visit};
use super::words::Lang;
use super::{Answered, Shared, code, consents, receipt_mail};
use crate::domain::{Act, Seq};
use crate::service::{App, HistoryEntry, PersonCaller, RecordForm, ServiceError};
use crate::web::path::Path;
use crate::web::problem::Problem;

/// Events of one page.
const SHOWN_MAX: usize = 60;

pub(super) async fn show(
    State(app): State<Shared>,
    member: Member,
    RawQuery(query): RawQuery,
) -> Result<Drawn, Problem> {
    let Member { visit, caller } = member;
    let lang = visit.lang;
    let query = Form::parse(query.as_deref().unwrap_or_default())?;
    let before = query.get("before").parse().map_or(Seq(i64::MAX), Seq);
    let history = app.consents(&caller).await?.history;
    let mut shown: Vec<_> = history.iter().rev().filter(|entry| entry.seq < before).take(SHOWN_MAX + 1).collect();
    let older = shown.len() > SHOWN_MAX;
    shown.truncate(SHOWN_MAX);
    let body = html! {
        h1 { (lang.t("history.title")) }
        p { (lang.t("history.text")) }
        ol class="timeline" { @for entry in &shown { (event(lang, entry)) } }
        @if let (true, Some(last)) = (older, shown.last()) {
            p { a href=(format!("/me/history?before={}", last.seq.0)) { (lang.t("history.older")) } }
        }
        p { a href="/me/consents" { (lang.t("consents.title")) } }
    };
    Ok(Drawn { title: lang.t("history.title"), visit, body })
}

fn event(lang: Lang, entry: &HistoryEntry) -> Markup {
    html! {
        li {
            span class="when" { (lang.time(entry.event.at)) }
            strong { (lang.named("act", entry.event.act.kind())) }
            (details(lang, &entry.event.act))
            " " a href=(format!("/me/receipts/{}", entry.seq.0)) { (lang.t("history.receipt")) span class="hidden" { " " (entry.seq.0) } }
        }
    }
}

fn details(lang: Lang, act: &Act) -> Markup {
    html! {
        @for triple in act.triples() { br; (consents::titled(lang, triple)) }
        @match act {
            Act::Audited { auditor, reason } => { br; (auditor) ": " (reason) },
            Act::TopicDecided { topic, accepted } => { br; (topic) ": " (lang.t(if *accepted { "score.accepted" } else { "score.rejected" })) },
            Act::Contested { words, .. } => { br; (words) },
            Act::ContestAnswered { upheld, reason, .. } => { br; (lang.t(if *upheld { "score.upheld" } else { "score.not_upheld" })) " " (reason) },
            Act::Disclosed { value, .. } => { br; (lang.say("score.told_value", &[("value", &value.to_string())])) },
            _ => {},
        }
    }
}

pub(super) async fn receipt(
    State(app): State<Shared>,
    member: Member,
    Path(seq): Path<i64>,
    RawQuery(query): RawQuery,
) -> Result<Drawn, Problem> {
    let Member { visit, caller } = member;
    let said = consents::done(&visit, query.as_deref());
    draw_receipt(&app, visit, &caller, (seq, &said)).await
}

pub(super) async fn draw_receipt(
    app: &App,
    visit: Visit,
    caller: &PersonCaller,
    (seq, said): (i64, &Markup),
) -> Result<Drawn, Problem> {
    let lang = visit.lang;
    let history = app.consents(caller).await?.history;
    let entry = history.iter().find(|entry| entry.seq == Seq(seq)).ok_or(ServiceError::NotFound("event of yours"))?;
    let text = String::from(app.receipt(caller, Seq(seq)).await?);
    let public = app.config.public_url.trim_end_matches('/');
    let decision = matches!(entry.event.act, Act::Granted { .. } | Act::Refused { .. });
    let body = html! {
        h1 { (lang.t("receipt.title")) }
        (said)
        ol class="timeline" { (event(lang, entry)) }
        p { (lang.t("receipt.own")) }
        ul {
            li { a href=(format!("/me/receipts/{seq}/tlog-proof")) { (lang.t("receipt.save")) } }
            @if decision {
                li { a href=(format!("/me/receipts/{seq}/iso-27560")) { (lang.t("receipt.iso")) } }
                li { a href=(format!("/me/receipts/{seq}/kantara")) { (lang.t("receipt.kantara")) } }
            }
        }
        p { button class="quiet script-only" type="button" data-print="" { (lang.t("receipt.print")) } }
        (receipt_mail::offer(app, lang, caller, seq).await?)
        h2 { (lang.t("receipt.check")) }
        p { (lang.t("receipt.check_text")) }
        (code::svg(&format!("{public}/v1/log/proof/inclusion?seq={seq}"), lang.t("receipt.code")))
        h2 { (lang.t("receipt.text")) }
        pre tabindex="0" { (text) }
    };
    Ok(Drawn { title: lang.t("receipt.title"), visit, body })
}

pub(super) async fn file(
    State(app): State<Shared>,
    member: Member,
    Path((seq, form)): Path<(i64, String)>,
) -> Answered {
    let (caller, place) = (member.caller, Seq(seq));
    let (media_type, ending, text) = match form.as_str() {
        "tlog-proof" => ("text/plain; charset=utf-8", "tlog-proof", String::from(app.receipt(&caller, place).await?)),
        "iso-27560" => (
            "application/ld+json",
            "iso-27560.jsonld",
            app.record_form(&caller, place, RecordForm::Iso27560).await?.to_string(),
        ),
        "kantara" => (
            "application/json",
            "kantara.json",
            app.record_form(&caller, place, RecordForm::Kantara).await?.to_string(),
        ),
        _ => return Err(ServiceError::NotFound("form of a receipt").into()),
    };
    let name = format!("attachment; filename=\"sayso-{seq}.{ending}\"");
    Ok(([(header::CONTENT_TYPE, media_type.to_owned()), (header::CONTENT_DISPOSITION, name)], text).into_response())
}
