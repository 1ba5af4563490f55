//! Opting out without an account: one field, one button, for oneself or for a child.

use axum::extract::State;
use maud::{Markup, html};

use super::layout::page;
use super::names::identifier;
use super::parts::{Drawn, Field, Wrong, again, form, summary};
use super::visit::{Form, Sent, Visit, wrong};
use super::{Answered, Shared, receipt};
use crate::domain::Whom;
use crate::service::{App, OptedOut};
use crate::web::problem::Problem;

pub(super) async fn ask(State(app): State<Shared>, visit: Visit) -> Result<Drawn, Problem> {
    draw(&app, visit, &Form::default(), None)
}

fn draw(app: &App, visit: Visit, typed: &Form, wrong: Option<&Wrong>) -> Result<Drawn, Problem> {
    let lang = visit.lang;
    let field = Field::text("identifier", lang.t("opt_out.whom")).with_hint(lang.t("opt_out.whom_hint"));
    let inner = html! {
        (field.draw(lang, typed, wrong))
        div class="pair" {
            button name="for" value="self" { (lang.t("opt_out.for_me")) }
            button name="for" value="child" { (lang.t("opt_out.for_child")) }
        }
    };
    let body = html! {
        (summary(lang, wrong))
        h1 { (lang.t("opt_out.title")) }
        p class="lead" { (lang.t("opt_out.lead")) }
        (form("/opt-out", &app.form_key("")?, &inner))
        h2 { (lang.t("opt_out.what_happens")) }
        ul {
            li { (lang.t("opt_out.at_once")) }
            li { (lang.t("opt_out.stored")) }
            li { (lang.t("opt_out.member")) }
            li { (lang.t("opt_out.child")) }
        }
    };
    Ok(Drawn { title: lang.t("opt_out.title"), visit, body })
}

pub(super) async fn act(State(app): State<Shared>, sent: Sent) -> Answered {
    match opted_out(&app, &sent).await {
        Ok(done) => Ok(page(&sent.visit, sent.visit.lang.t("opt_out.done"), &told(&sent.visit, &done))),
        Err(problem) => again(problem, |wrong| draw(&app, sent.visit.clone(), &sent.form, Some(wrong))),
    }
}

async fn opted_out(app: &App, sent: &Sent) -> Result<OptedOut, Problem> {
    let identifier = identifier(sent.form.get("identifier"))?;
    let whom = match sent.form.get("for") {
        "self" => Whom::Oneself,
        "child" => Whom::Child,
        _ => return Err(wrong("for")),
    };
    let idempotency = sent.form.idempotency(app, "anyone", &sent.visit.path);
    Ok(app.opt_out(&identifier, whom, idempotency.as_ref()).await?)
}

fn told(visit: &Visit, done: &OptedOut) -> Markup {
    let lang = visit.lang;
    html! {
        h1 { (lang.t("opt_out.done")) }
        p class="lead" { (lang.t("opt_out.done_text")) }
        ul {
            li { (lang.t("opt_out.at_once")) }
            li { (lang.t("opt_out.member")) }
        }
        dl { dt { (lang.t("form.reference")) } dd { code { (done.reference) } } }
        (receipt::kept(lang, &String::from(done.receipt.clone()), "opt-out"))
    }
}
