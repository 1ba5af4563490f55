//! Handles: claimed here, proved by a link or a text on their own page.

use axum::extract::State;
use maud::html;

use super::consents::{done, said};
use super::layout::page;
use super::names::identifier;
use super::parts::{Drawn, Field, Wrong, again, form, hidden, summary};
use super::visit::{Form, Member, SentBy, Visit};
use super::{Answered, Shared};
use crate::domain::Micros;
use crate::ids::IdentifierId;
use crate::service::{App, Claimed};
use crate::web::problem::Problem;

pub(super) async fn show(
    State(app): State<Shared>,
    member: Member,
    axum::extract::RawQuery(query): axum::extract::RawQuery,
) -> Result<Drawn, Problem> {
    let said = done(&member.visit, query.as_deref());
    let drawn = draw(&app, member.visit, &Form::default(), None)?;
    Ok(Drawn { body: html! { (said) (drawn.body) }, ..drawn })
}

fn draw(app: &App, visit: Visit, typed: &Form, wrong: Option<&Wrong>) -> Result<Drawn, Problem> {
    let lang = visit.lang;
    let field = Field::text("identifier", lang.t("identifiers.which")).with_hint(lang.t("identifiers.which_hint"));
    let inner = html! { (field.draw(lang, typed, wrong)) button { (lang.t("identifiers.claim")) } };
    let body = html! {
        (summary(lang, wrong))
        h1 { (lang.t("identifiers.title")) }
        p { (lang.t("identifiers.text")) }
        (form("/me/identifiers", &app.form_key()?, &inner))
        p { a href="/me/data" { (lang.t("data.title")) } }
    };
    Ok(Drawn { title: lang.t("identifiers.title"), visit, body })
}

pub(super) async fn claim(State(app): State<Shared>, sent: SentBy) -> Answered {
    let claimed = async {
        let identifier = identifier(sent.form.get("identifier"))?;
        Ok::<_, Problem>(app.claim(&sent.caller, &identifier, sent.idempotency(&app).as_ref()).await?)
    };
    match claimed.await {
        Ok(claimed) => how_to_prove(&app, &sent.visit, &claimed),
        Err(problem) => again(problem, |wrong| draw(&app, sent.visit.clone(), &sent.form, Some(wrong))),
    }
}

fn how_to_prove(app: &App, visit: &Visit, claimed: &Claimed) -> Answered {
    let lang = visit.lang;
    let link = format!("<a rel=\"me\" href=\"{}\">sayso</a>", claimed.link);
    let check = html! { (hidden("id", &claimed.id.to_string())) button { (lang.t("identifiers.check")) } };
    let body = html! {
        h1 { (lang.t("identifiers.prove")) }
        p { (lang.t("identifiers.prove_text")) }
        h2 { (lang.t("identifiers.by_link")) }
        pre tabindex="0" { (link) }
        h2 { (lang.t("identifiers.by_text")) }
        pre tabindex="0" { (claimed.text) }
        @match &claimed.page {
            Some(page) => p { (lang.say("identifiers.page", &[("page", page)])) },
            None => p { (lang.t("identifiers.operator")) },
        }
        p { (lang.say("identifiers.until", &[("time", &lang.time(Micros(claimed.expires_us)))])) }
        @if claimed.page.is_some() { (form("/me/identifiers/prove", &app.form_key()?, &check)) }
    };
    Ok(page(visit, lang.t("identifiers.prove"), &body))
}

pub(super) async fn prove(State(app): State<Shared>, sent: SentBy) -> Answered {
    let id: IdentifierId = sent.form.read("id")?;
    app.prove_by_page(&sent.caller, &id).await?;
    Ok(said("/me/identifiers", "proved"))
}
