//! How a deletion goes: its steps, who was told, what is kept and why, the certificate.

use axum::extract::State;
use maud::{Markup, html};

use super::layout::{page, page_live};
use super::visit::Visit;
use super::words::Lang;
use super::{Answered, Shared, receipt};
use crate::domain::Micros;
use crate::ids::Reference;
use crate::service::{DeliveryView, ErasureView};
use crate::web::path::Path;

const STEPS: [&str; 3] = ["fenced", "removed", "done"];

pub(super) async fn show(State(app): State<Shared>, visit: Visit, Path(reference): Path<Reference>) -> Answered {
    let erasure = app.erasure(&reference).await?;
    let title = visit.lang.t("erasure.title");
    let body = draw(visit.lang, &erasure);
    Ok(if erasure.step == "done" { page(&visit, title, &body) } else { page_live(&visit, title, &body) })
}

fn draw(lang: Lang, erasure: &ErasureView) -> Markup {
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
        (removed(lang, erasure))
        (told(lang, &erasure.told))
        @if !erasure.stores.is_empty() {
            h2 { (lang.t("erasure.stores")) }
            ul { @for store in &erasure.stores { li { (store.store) ": " (lang.named("store_state", store.state)) } } }
        }
        @if let Some(certificate) = &erasure.certificate {
            h2 { (lang.t("erasure.certificate")) }
            p { (lang.t("erasure.certificate_text")) }
            (receipt::file(lang, certificate, "certificate"))
        }
    }
}

fn removed(lang: Lang, erasure: &ErasureView) -> Markup {
    html! {
        @if !erasure.removed.is_empty() {
            h2 { (lang.t("erasure.removed")) }
            table {
                thead { tr { th scope="col" { (lang.t("stored.what")) } th scope="col" class="number" { (lang.t("erasure.rows")) } } }
                tbody {
                    @for (table, rows) in erasure.removed.iter().filter(|(_, rows)| **rows > 0) {
                        tr { td { (lang.named("table", table)) } td class="number" { (lang.number(i64::try_from(*rows).unwrap_or(i64::MAX))) } }
                    }
                }
            }
        }
        @if !erasure.kept.is_empty() {
            h2 { (lang.t("erasure.kept")) }
            dl { @for (table, why) in &erasure.kept { dt { (lang.named("table", table)) } dd { (lang.find(&format!("why.{table}")).unwrap_or(why)) } } }
        }
    }
}

/// Who was told that something no longer holds.
pub(super) fn told(lang: Lang, told: &[DeliveryView]) -> Markup {
    html! {
        h2 { (lang.t("erasure.told")) }
        @if told.is_empty() { p { (lang.t("erasure.told_nobody")) } }
        @else {
            table {
                thead { tr {
                    th scope="col" { (lang.t("consents.recipient")) }
                    th scope="col" { (lang.t("erasure.told_what")) }
                    th scope="col" { (lang.t("erasure.state")) }
                } }
                tbody {
                    @for one in told {
                        tr {
                            td { (one.recipient) }
                            td { (lang.named("delivery_kind", &one.kind.replace('.', "_"))) }
                            td { (lang.named("delivery_state", one.state)) }
                        }
                    }
                }
            }
        }
    }
}
