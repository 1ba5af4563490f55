//! Whether a receipt or a certificate holds, for anybody who has one. It says what somebody decided, so it comes as a form and never in an
//! address, and it is neither stored nor logged.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use maud::{Markup, html};

use super::audit::done_by;
use super::layout::page_with;
use super::parts::{Drawn, Wrong, alarm, done, form, summary, text_area};
use super::visit::{Form, Sent, Visit, wrong};
use super::words::Lang;
use super::{Answered, Shared, erasure, history};
use crate::domain::Act;
use crate::service::{App, BadReceipt, NoteError, Opened, Shows};
use crate::web::problem::Problem;

/// What was recorded is shown in full unless it is longer, in bytes as it stands in the page.
const SHOWN_BYTES_MAX: usize = 12_000;

pub(super) async fn ask(State(app): State<Shared>, visit: Visit) -> Result<Drawn, Problem> {
    draw(&app, visit, (&Form::default(), None), &html! {})
}

fn draw(app: &App, visit: Visit, (typed, wrong): (&Form, Option<&Wrong>), said: &Markup) -> Result<Drawn, Problem> {
    let lang = visit.lang;
    let inner = html! {
        (text_area(lang, ("receipt", lang.t("verify.receipt")), typed.get("receipt"), wrong))
        button { (lang.t("audit.verify")) }
    };
    let body = html! {
        (summary(lang, wrong))
        h1 { (lang.t("verify.title")) }
        (said)
        p { (lang.t("verify.text")) }
        (form("/verify", &app.form_key("")?, &inner))
        p { (lang.t("verify.trust")) }
        p { (lang.t("audit.key")) " " code { (app.log_vkey()) } }
    };
    Ok(Drawn { title: lang.t("verify.title"), visit, body })
}

pub(super) async fn act(State(app): State<Shared>, sent: Sent) -> Answered {
    let lang = sent.visit.lang;
    // A form sends every end of line as two characters, and a receipt has one.
    let text = sent.form.get("receipt").replace("\r\n", "\n");
    let (status, said) = match app.shown_by(&format!("{}\n", text.trim_start_matches('\u{feff}').trim())).await? {
        Shows::Recorded(opened, now) => (StatusCode::OK, shown(lang, &opened, now)),
        Shows::Rewritten(opened, now) => {
            let places = [("from", opened.size.to_string()), ("to", now.to_string())];
            let places: Vec<_> = places.iter().map(|(name, text)| (*name, text.as_str())).collect();
            (StatusCode::CONFLICT, alarm(lang, &lang.say("verify.rewritten", &places)))
        }
        Shows::Nothing(bad) => {
            let wrong = Wrong::of(wrong("receipt"))?.of_field("receipt", (what_is_wrong(&bad), "receipt"));
            return Ok(wrong.answer(&draw(&app, sent.visit, (&sent.form, Some(&wrong)), &html! {})?));
        }
    };
    let drawn = draw(&app, sent.visit, (&Form::default(), None), &said)?;
    Ok(page_with(status, &drawn.visit, drawn.title, &drawn.body).into_response())
}

/// Which words say why it shows nothing.
fn what_is_wrong(bad: &BadReceipt) -> &'static str {
    match bad {
        BadReceipt::Text(_) => "receipt_text",
        BadReceipt::Opening => "receipt_opening",
        BadReceipt::Checkpoint(NoteError::NotSigned) => "receipt_other_key",
        BadReceipt::Checkpoint(NoteError::BadSignature) => "receipt_signature",
        BadReceipt::Checkpoint(_) => "receipt_checkpoint",
        BadReceipt::Path(_) => "receipt_path",
        BadReceipt::Commitment => "receipt_commitment",
        BadReceipt::Event => "receipt_event",
    }
}

fn shown(lang: Lang, opened: &Opened, now: u64) -> Markup {
    let number = |number: u64| lang.number(i64::try_from(number).unwrap_or(i64::MAX));
    let (place, size, now) = (number(opened.index.saturating_add(1)), number(opened.size), number(now));
    let event = &opened.event;
    let certificate = matches!(event.act, Act::ErasureCompleted { .. });
    let exact = html! { (serde_json::to_string_pretty(event).unwrap_or_default()) };
    html! {
        (done(lang.t(if certificate { "verify.certificate_holds" } else { "verify.holds" })))
        h2 { (lang.t("verify.proved")) }
        ul {
            li { (lang.say("verify.place", &[("place", &place), ("size", &size)])) }
            li { (lang.t("verify.signed")) }
            li { (lang.t("verify.opens")) }
            li { (lang.say("verify.goes_on", &[("size", &size), ("now", &now)])) }
        }
        h2 { (lang.t("verify.says")) }
        ol class="timeline" {
            li {
                span class="when" { (lang.time(event.at)) }
                strong { (done_by(lang, event.act.kind())) }
                (history::details(lang, &event.act))
            }
        }
        (certified(lang, &event.act))
        @if exact.0.len() <= SHOWN_BYTES_MAX { details { summary { (lang.t("verify.exact")) } pre tabindex="0" { (exact) } } }
        @else { p { (lang.t("verify.long")) } }
        p { (lang.t("verify.not_proved")) }
    }
}

/// What the certificate of an erasure says besides.
fn certified(lang: Lang, act: &Act) -> Markup {
    let Act::ErasureCompleted { reference, started, removed, kept, unreadable_after, .. } = act else {
        return html! {};
    };
    html! {
        dl {
            dt { (lang.t("form.reference")) } dd { code { (reference) } }
            dt { (lang.t("erasure.since")) } dd { (lang.time(*started)) }
            @if let Some(after) = unreadable_after { dt { (lang.t("erasure.unreadable")) } dd { (lang.time(*after)) } }
        }
        (erasure::removed(lang, removed, kept))
    }
}
