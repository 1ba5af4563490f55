//! How a deletion goes: its steps, who was told, what is kept and why, the certificate.

use std::collections::BTreeMap;

use axum::extract::{RawQuery, State};
use axum::http::header;
use axum::response::IntoResponse;
use maud::{Markup, html};

use super::layout::{page, page_live};
use super::paged::{self, List, Shown};
use super::visit::{Form, Visit};
use super::words::Lang;
use super::{Answered, Shared};
use crate::domain::{Micros, Stretch};
use crate::ids::Reference;
use crate::service::{DeliveryView, ErasureView, ServiceError};
use crate::web::path::Path;

const STEPS: [&str; 3] = ["fenced", "removed", "done"];

/// A certificate that is longer is only handed out as a file, in bytes.
const SHOWN_BYTES_MAX: usize = 8_000;
/// Room of the list of those who are told, in bytes.
const LIST_BYTES: usize = 12_000;

pub(super) async fn show(
    State(app): State<Shared>,
    visit: Visit,
    Path(reference): Path<Reference>,
    RawQuery(query): RawQuery,
) -> Answered {
    let query = Form::parse(query.as_deref().unwrap_or_default())?;
    let stretch = paged::asked(&query, "list", paged::name)?;
    let erasure = app.erasure_in(&reference, stretch.clone(), paged::READ).await?;
    let (lang, path) = (visit.lang, format!("/erasures/{reference}"));
    let title = lang.t("erasure.told");
    let list = List { path: &path, name: "list", title, bytes: LIST_BYTES, newest_first: false };
    let shown = list.fill(&stretch, &erasure.told, |one| one.recipient.clone(), |one| told(lang, one));
    let goes_on = erasure.step != "done";
    // Whoever leafs through the list is left in peace, too.
    let still = !query.get("still").is_empty() || !matches!(stretch, Stretch::First);
    let body = html! {
        (draw(lang, &erasure, &all_told(lang, (&shown, "erasure.told_nobody"), &list)))
        @if goes_on { (whether_it_moves(lang, &path, still)) }
    };
    let title = lang.t("erasure.title");
    Ok(if goes_on && !still { page_live(&visit, title, &body) } else { page(&visit, title, &body) })
}

/// A page that is read again by itself can be stopped, and set going again.
fn whether_it_moves(lang: Lang, path: &str, still: bool) -> Markup {
    html! {
        @if still { p { (lang.t("erasure.still")) " " a href=(path) { (lang.t("erasure.go_on")) } } }
        @else { p { (lang.t("erasure.moves")) " " a href=(format!("{path}?still=1")) { (lang.t("erasure.stop")) } } }
    }
}

/// The certificate as a file.
pub(super) async fn certificate(State(app): State<Shared>, Path(reference): Path<Reference>) -> Answered {
    let erasure = app.erasure_in(&reference, Stretch::First, 0).await?;
    let text = erasure.certificate.ok_or(ServiceError::NotFound("certificate yet"))?;
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"sayso-certificate.tlog-proof\""),
    ];
    Ok((headers, text).into_response())
}

fn draw(lang: Lang, erasure: &ErasureView, told: &Markup) -> Markup {
    let reached = STEPS.iter().position(|step| *step == erasure.step).unwrap_or_default();
    html! {
        h1 { (lang.t("erasure.title")) }
        p role="status" { strong { (lang.named("step", erasure.step)) } }
        ol class="steps" {
            @for (number, step) in STEPS.iter().enumerate() {
                li class=(if number <= reached { "reached" } else { "open" }) {
                    (lang.named("step_text", step)) " "
                    span class="state" { (if number <= reached { lang.t("erasure.reached") } else { lang.t("erasure.not_yet") }) }
                }
            }
        }
        dl {
            dt { (lang.t("form.reference")) } dd { code { (erasure.reference) } }
            dt { (lang.t("erasure.since")) } dd { (lang.time(Micros(erasure.started_us))) }
            @if let Some(finished) = erasure.finished_us { dt { (lang.t("erasure.until")) } dd { (lang.time(Micros(finished))) } }
            @if let Some(after) = erasure.unreadable_after_us { dt { (lang.t("erasure.unreadable")) } dd { (lang.time(after)) } }
        }
        (removed(lang, &erasure.removed, &erasure.kept))
        (told)
        @if !erasure.stores.is_empty() {
            h2 { (lang.t("erasure.stores")) }
            ul { @for store in &erasure.stores { li { (store.store) ": " (lang.named("store_state", store.state)) } } }
        }
        @if let Some(certificate) = &erasure.certificate {
            h2 { (lang.t("erasure.certificate")) }
            p { (lang.t("erasure.certificate_text")) " " a href="/verify" { (lang.t("verify.title")) } }
            p { a class="button quiet" href=(format!("/erasures/{}/certificate", erasure.reference)) download { (lang.t("receipt.save")) } }
            @if certificate.len() <= SHOWN_BYTES_MAX { details { summary { (lang.t("receipt.read")) } pre tabindex="0" { (certificate) } } }
        }
    }
}

/// Rows that went, by table, and tables that are kept, with the reason.
pub(super) fn removed(lang: Lang, removed: &BTreeMap<String, u64>, kept: &BTreeMap<String, String>) -> Markup {
    html! {
        @if !removed.is_empty() {
            h2 { (lang.t("erasure.removed")) }
            table {
                thead { tr { th scope="col" { (lang.t("stored.what")) } th scope="col" class="number" { (lang.t("erasure.rows")) } } }
                tbody {
                    @for (table, rows) in removed.iter().filter(|(_, rows)| **rows > 0) {
                        tr { td { (lang.named("table", table)) } td class="number" { (lang.number(i64::try_from(*rows).unwrap_or(i64::MAX))) } }
                    }
                }
            }
        }
        @if !kept.is_empty() {
            h2 { (lang.t("erasure.kept")) }
            dl { @for (table, why) in kept { dt { (lang.named("table", table)) } dd { (lang.find(&format!("why.{table}")).unwrap_or(why)) } } }
        }
    }
}

/// Who was told that something no longer holds; the words for nobody.
pub(super) fn all_told<T>(lang: Lang, (shown, nobody): (&Shown<T>, &'static str), list: &List<'_>) -> Markup {
    html! {
        h2 { (list.title) }
        @if let Some(nothing) = shown.nothing(lang, nobody) { p { (nothing) } }
        @else {
            div class="scroll" tabindex="0" role="region" aria-label=(list.title) {
                table {
                    thead { tr {
                        th scope="col" { (lang.t("consents.recipient")) }
                        th scope="col" { (lang.t("erasure.told_what")) }
                        th scope="col" { (lang.t("erasure.state")) }
                    } }
                    tbody { (shown.entries) }
                }
            }
        }
        (list.links(lang, shown))
    }
}

/// One of them.
pub(super) fn told(lang: Lang, one: &DeliveryView) -> Markup {
    html! {
        tr {
            td { bdi { (one.recipient) } }
            td { (lang.named("delivery_kind", &one.kind.replace('.', "_"))) }
            td { (lang.named("delivery_state", one.state)) }
        }
    }
}
