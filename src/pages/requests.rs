//! Without an account: what is held, deletion, how an earlier deletion went. A mailed code proves the address.

use axum::extract::State;
use axum::response::IntoResponse;
use maud::{Markup, html};

use super::layout::page;
use super::names::address;
use super::parts::{Drawn, Field, Wrong, again, form, hidden, summary};
use super::visit::{Form, Sent, Visit, wrong};
use super::{Answered, Shared, archive, receipt};
use crate::service::{Answer, App, ErasureStarted, ErasureView, What};
use crate::web::problem::Problem;

pub(super) async fn ask(State(app): State<Shared>, visit: Visit) -> Result<Drawn, Problem> {
    draw(&app, visit, &Form::default(), None)
}

fn draw(app: &App, visit: Visit, typed: &Form, wrong: Option<&Wrong>) -> Result<Drawn, Problem> {
    let lang = visit.lang;
    let inner = html! {
        (Field::address(lang).draw(lang, typed, wrong))
        div class="pair" {
            button name="what" value="access" { (lang.t("requests.access")) }
            button name="what" value="erasure" { (lang.t("requests.erasure")) }
            button name="what" value="status" { (lang.t("requests.status")) }
        }
    };
    let body = html! {
        (summary(lang, wrong))
        h1 { (lang.t("requests.title")) }
        p class="lead" { (lang.t("requests.lead")) }
        (form("/requests", &app.form_key("")?, &inner))
        h2 { (lang.t("opt_out.what_happens")) }
        dl {
            dt { (lang.t("requests.access")) } dd { (lang.t("requests.access_text")) }
            dt { (lang.t("requests.erasure")) } dd { (lang.t("requests.erasure_text")) }
            dt { (lang.t("requests.status")) } dd { (lang.t("requests.status_text")) }
        }
    };
    Ok(Drawn { title: lang.t("requests.title"), visit, body })
}

fn what(form: &Form) -> Result<What, Problem> {
    match form.get("what") {
        "access" => Ok(What::Access),
        "erasure" => Ok(What::Erasure),
        "status" => Ok(What::Status),
        _ => Err(wrong("what")),
    }
}

pub(super) async fn act(State(app): State<Shared>, sent: Sent) -> Answered {
    let asked = async {
        let (to, what) = (address(sent.form.get("identifier"))?, what(&sent.form)?);
        let idempotency = sent.form.idempotency(&app, "anyone", &sent.visit.path);
        Ok::<_, Problem>(app.request(&to, what, sent.visit.lang, idempotency.as_ref()).await?)
    };
    match asked.await {
        Ok(requested) => {
            let reference = requested.reference.to_string();
            Ok(code(&app, sent.visit, (&reference, sent.form.get("what")), None)?.into_response())
        }
        Err(problem) => again(problem, |wrong| draw(&app, sent.visit.clone(), &sent.form, Some(wrong))),
    }
}

fn code(app: &App, visit: Visit, (reference, what): (&str, &str), wrong: Option<&Wrong>) -> Result<Drawn, Problem> {
    let lang = visit.lang;
    let field =
        Field::text("code", lang.t("form.code")).with("text", "one-time-code").with_hint(lang.t("form.code_hint"));
    let confirm = match what {
        "erasure" => "requests.confirm_erasure",
        "status" => "requests.confirm_status",
        _ => "requests.confirm_access",
    };
    let inner = html! {
        (hidden("reference", reference)) (hidden("what", what))
        (field.draw(lang, &Form::default(), wrong))
        button { (lang.t(confirm)) }
    };
    let body = html! {
        (summary(lang, wrong))
        h1 { (lang.t("requests.code_title")) }
        p { (lang.t("requests.code_text")) }
        (form("/requests/confirm", &app.form_key("")?, &inner))
        p { a href="/requests" { (lang.t("form.no_code")) } }
    };
    Ok(Drawn { title: lang.t("requests.code_title"), visit, body })
}

pub(super) async fn confirm(State(app): State<Shared>, sent: Sent) -> Answered {
    let (reference, what) = (sent.form.get("reference"), sent.form.get("what"));
    let confirmed = async {
        let reference = sent.form.read("reference")?;
        let idempotency = sent.form.idempotency(&app, "anyone", &sent.visit.path);
        Ok::<_, Problem>(app.confirm(&reference, &code_typed(&sent.form), idempotency.as_ref()).await?)
    };
    match confirmed.await {
        Ok(answer) => answered(&sent.visit, answer).await,
        Err(problem) => again(problem, |wrong| code(&app, sent.visit.clone(), (reference, what), Some(wrong))),
    }
}

/// The digits of a code, however they were set apart.
pub(super) fn code_typed(form: &Form) -> crate::secret::SecretText {
    crate::secret::SecretText::new(form.get("code").chars().filter(|c| !c.is_whitespace() && *c != '-').collect())
}

async fn answered(visit: &Visit, answer: Answer) -> Answered {
    let lang = visit.lang;
    match answer {
        Answer::Access { export: Some(export), .. } => Ok(archive::answer(lang, export).await?),
        Answer::Access { opted_out, .. } => {
            let body = html! {
                h1 { (lang.t("requests.nothing")) }
                p class="lead" { (lang.t("requests.nothing_text")) }
                @if opted_out { p { (lang.t("requests.opted_out")) } }
            };
            Ok(page(visit, lang.t("requests.nothing"), &body))
        }
        Answer::Erasure(started) => Ok(page(visit, lang.t("erasure.started"), &begun(visit, &started))),
        Answer::Status { erasures } => Ok(page(visit, lang.t("requests.status"), &earlier(visit, &erasures))),
    }
}

/// A deletion that has begun.
pub(super) fn begun(visit: &Visit, started: &ErasureStarted) -> Markup {
    let lang = visit.lang;
    html! {
        h1 { (lang.t("erasure.started")) }
        p class="lead" { (lang.t("erasure.started_text")) }
        dl { dt { (lang.t("form.reference")) } dd { code { (started.reference) } } }
        p { a class="button" href=(format!("/erasures/{}", started.reference)) { (lang.t("erasure.watch")) } }
        (receipt::kept(lang, &String::from(started.receipt.clone()), "erasure"))
    }
}

/// Deletions of one address that are shown. The answer is read once with a code, so there is nothing to leaf through.
const ERASURES_MAX: usize = 50;

fn earlier(visit: &Visit, erasures: &[ErasureView]) -> Markup {
    let lang = visit.lang;
    let mut newest: Vec<_> = erasures.iter().collect();
    newest.sort_by_key(|erasure| std::cmp::Reverse(erasure.started_us));
    html! {
        h1 { (lang.t("requests.status")) }
        @if erasures.is_empty() { p { (lang.t("requests.no_erasures")) } }
        ul {
            @for erasure in newest.iter().take(ERASURES_MAX) {
                li {
                    a href=(format!("/erasures/{}", erasure.reference)) { (lang.time(crate::domain::Micros(erasure.started_us))) }
                    ": " (lang.named("step", erasure.step))
                }
            }
        }
        @if newest.len() > ERASURES_MAX { p { (lang.t("requests.only_newest")) } }
    }
}
