//! For auditors: the log as it was at a place or at the end of a day.

use axum::extract::{RawQuery, State};
use axum::response::IntoResponse;
use maud::{Markup, html};

use super::audit::{PAGES, done_by};
use super::parts::{Drawn, Field, Wrong, again, summary};
use super::staff::{Auditor, navigation};
use super::visit::{Form, Visit, wrong};
use super::words::Lang;
use super::{Answered, Shared};
use crate::domain::{Day, Seq};
use crate::service::{PastLog, Until};
use crate::web::problem::Problem;

pub(super) async fn show(State(app): State<Shared>, auditor: Auditor, RawQuery(query): RawQuery) -> Answered {
    let (visit, typed) = (auditor.visit, Form::parse(&query.unwrap_or_default())?);
    let found = async {
        match typed.get("at").trim() {
            "" => Ok::<_, Problem>(None),
            text => Ok(Some(app.past_log(until(text).ok_or_else(|| wrong("at"))?).await?)),
        }
    };
    match found.await {
        Ok(found) => Ok(draw(visit, &typed, found.as_ref(), None).into_response()),
        Err(problem) => again(problem, |wrong| Ok(draw(visit, &typed, None, Some(wrong)))),
    }
}

fn until(text: &str) -> Option<Until> {
    let day = || Day::parse(text).map(Until::Day);
    text.parse().map(|place| Until::Place(Seq(place))).ok().or_else(day)
}

fn draw(visit: Visit, typed: &Form, found: Option<&PastLog>, wrong: Option<&Wrong>) -> Drawn {
    let lang = visit.lang;
    let at = Field::text("at", lang.t("audit.past_at")).with_hint(lang.t("audit.past_hint"));
    let body = html! {
        (summary(lang, wrong))
        (navigation(&visit, &PAGES))
        h1 { (lang.t("audit.past")) }
        p { (lang.t("audit.past_text")) }
        form method="get" action="/audit/past" class="filter" {
            (at.draw(lang, typed, wrong))
            button { (lang.t("audit.past_show")) }
        }
        @if let Some(found) = found { (past(lang, found)) }
    };
    Drawn { title: lang.t("audit.past"), visit, body }
}

fn past(lang: Lang, found: &PastLog) -> Markup {
    let size = lang.number(found.size.0);
    html! {
        h2 { (lang.t("audit.checkpoint")) }
        p role="status" { (lang.say("audit.past_size", &[("size", &size)])) }
        pre tabindex="0" { (found.checkpoint) }
        p { (lang.t("audit.past_checkpoint")) }
        @if !found.kinds.is_empty() {
            h2 { (lang.t("audit.past_kinds")) }
            table {
                thead { tr { th scope="col" { (lang.t("audit.kind")) } th scope="col" class="number" { (lang.t("audit.times")) } } }
                tbody {
                    @for (kind, times) in &found.kinds {
                        tr { td { (done_by(lang, kind)) } td class="number" { (lang.number(*times)) } }
                    }
                }
            }
            h2 { (lang.t("audit.title")) }
            ul {
                li { a href=(format!("/audit?until={}", found.size.0)) { (lang.t("audit.past_list")) } }
                @for form in ["csv", "ndjson"] {
                    li { a href=(format!("/audit/export?until={}&form={form}", found.size.0)) { (lang.named("audit", form)) } }
                }
            }
        }
    }
}
