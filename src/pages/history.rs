//! Everything that was decided, as a timeline; and the receipt of each event, to read, keep and print.

use axum::extract::{RawQuery, State};
use axum::http::header;
use axum::response::IntoResponse;
use maud::{Markup, html};
use tokio::try_join;

use super::paged::{self, List};
use super::parts::Drawn;
use super::visit::{Form, Member, Visit};
use super::words::Lang;
use super::{Answered, Shared, code, consents, notice, receipt_mail, states};
use crate::domain::{Act, Seq};
use crate::service::{App, HistoryEntry, PersonCaller, RecordForm, ServiceError};
use crate::web::path::Path;
use crate::web::problem::Problem;

/// Consents that are named of one event; its receipt has all.
const TRIPLES_MAX: usize = 5;
/// A receipt that is longer is not shown, in bytes.
const SHOWN_BYTES_MAX: usize = 8_000;

const LIST_BYTES: usize = 24_000;

pub(super) async fn show(
    State(app): State<Shared>,
    member: Member,
    RawQuery(query): RawQuery,
) -> Result<Drawn, Problem> {
    let Member { visit, caller } = member;
    let lang = visit.lang;
    let stretch = paged::asked(&Form::parse(query.as_deref().unwrap_or_default())?, "list", paged::seq)?;
    let found = app.history_in(&caller, stretch, paged::READ).await?;
    let title = lang.t("history.title");
    let list = List { path: "/me/history", name: "list", title, bytes: LIST_BYTES, newest_first: true };
    let shown = list.fill(&stretch, &found, |entry| entry.seq.0.to_string(), |entry| event(lang, entry, true));
    let body = html! {
        h1 { (title) }
        p { (lang.t("history.text")) }
        @if let Some(nothing) = shown.nothing(lang, "list.nothing_more") { p { (nothing) } }
        ol class="timeline" { (shown.entries) }
        (list.links(lang, &shown))
        p { a href="/me/consents" { (lang.t("consents.title")) } }
    };
    Ok(Drawn { visit, title, body })
}

fn event(lang: Lang, entry: &HistoryEntry, with_link: bool) -> Markup {
    html! {
        li {
            span class="when" { (lang.time(entry.event.at)) }
            strong { (lang.named("act", entry.event.act.kind())) }
            (details(lang, &entry.event.act))
            @if with_link { " " a href=(format!("/me/receipts/{}", entry.seq.0)) { (lang.t("history.receipt")) span class="hidden" { " " (entry.seq.0) } } }
            @if let Some(text) = notice::decided_on(lang, &entry.event.act) { p { (text) } }
        }
    }
}

pub(super) fn details(lang: Lang, act: &Act) -> Markup {
    html! {
        @let triples = act.triples();
        @for triple in triples.iter().take(TRIPLES_MAX) { br; (states::titled(lang, triple)) }
        @if triples.len() > TRIPLES_MAX {
            br; (lang.say("history.more", &[("number", &lang.number(i64::try_from(triples.len() - TRIPLES_MAX).unwrap_or(i64::MAX)))]))
        }
        @match act {
            Act::Audited { auditor, reason } => { br; (auditor) ": " bdi { (reason) } },
            Act::TopicDecided { topic, accepted } => { br; bdi { (topic) } ": " (lang.t(if *accepted { "score.accepted" } else { "score.rejected" })) },
            Act::Contested { words, .. } => { br; bdi { (words) } },
            Act::ContestAnswered { upheld, reason, .. } => { br; (lang.t(if *upheld { "score.upheld" } else { "score.not_upheld" })) " " bdi { (reason) } },
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
    let read = async { Ok(try_join!(app.entry(caller, Seq(seq)), app.receipt(caller, Seq(seq)))?) };
    let ((entry, receipt), by_mail) = try_join!(read, receipt_mail::offer(app, lang, caller, seq))?;
    let text = String::from(receipt);
    let public = app.config.public_url.trim_end_matches('/');
    let decision = matches!(entry.event.act, Act::Granted { .. } | Act::Refused { .. });
    let body = html! {
        h1 { (lang.t("receipt.title")) }
        (said)
        ol class="timeline" { (event(lang, &entry, false)) }
        p { (lang.t("receipt.own")) }
        ul {
            li { a href=(format!("/me/receipts/{seq}/tlog-proof")) { (lang.t("receipt.save")) } }
            @if decision {
                li { a href=(format!("/me/receipts/{seq}/iso-27560")) { (lang.t("receipt.iso")) } }
                li { a href=(format!("/me/receipts/{seq}/kantara")) { (lang.t("receipt.kantara")) } }
            }
        }
        p { button class="quiet script-only" type="button" data-print="" { (lang.t("receipt.print")) } }
        (by_mail)
        h2 { (lang.t("receipt.check")) }
        p { (lang.t("receipt.check_text")) }
        p { a href="/verify" { (lang.t("verify.title")) } }
        (code::svg(&format!("{public}/v1/log/proof/inclusion?seq={seq}"), lang.t("receipt.code")))
        h2 { (lang.t("receipt.text")) }
        @if text.len() <= SHOWN_BYTES_MAX { pre tabindex="0" { (text) } } @else { p { (lang.t("receipt.long")) } }
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
