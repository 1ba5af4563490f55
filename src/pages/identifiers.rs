//! Handles: claimed here, proved by a link or a text on their own page.

use axum::extract::State;
use maud::{Markup, html};
use tokio::try_join;

use super::consents::{done, said};
use super::layout::page;
use super::names::identifier;
use super::paged::{self, List, Shown};
use super::parts::{Drawn, Field, Wrong, form, hidden, summary};
use super::visit::{Form, Member, SentBy, Visit};
use super::words::Lang;
use super::{Answered, Shared};
use crate::domain::Micros;
use crate::ids::IdentifierId;
use crate::service::{App, Claimed, IdentifierView, PersonCaller};
use crate::web::problem::Problem;

pub(super) async fn show(
    State(app): State<Shared>,
    member: Member,
    axum::extract::RawQuery(query): axum::extract::RawQuery,
) -> Result<Drawn, Problem> {
    let said = done(&member.visit, query.as_deref());
    let query = Form::parse(query.as_deref().unwrap_or_default())?;
    let Member { visit, caller } = member;
    draw(&app, visit, &caller, (&said, &query, None)).await
}

const PATH: &str = "/me/identifiers";
/// Room for the list, in bytes; claims are at most twenty.
const LIST_BYTES: usize = 6_000;

/// Proved identifiers, as many as there is room for.
pub(super) async fn some(
    app: &App,
    lang: Lang,
    caller: &PersonCaller,
    (query, bytes): (&Form, usize),
) -> Result<(List<'static>, Shown<IdentifierView>), Problem> {
    let stretch = paged::asked(query, "list", paged::identifier)?;
    let found = app.identifiers_in(caller, stretch.clone(), paged::READ).await?;
    let list = List { path: PATH, name: "list", title: lang.t("data.identifiers"), bytes, newest_first: false };
    let place = |one: &IdentifierView| format!("{}.{}", one.kind, one.id);
    let draw =
        |one: &IdentifierView| html! { li { bdi { (one.identifier) } " (" (lang.named("proof", &one.proof)) ")" } };
    let shown = list.fill(&stretch, found, place, draw);
    Ok((list, shown))
}

async fn draw(
    app: &App,
    visit: Visit,
    caller: &PersonCaller,
    (said, typed, wrong): (&Markup, &Form, Option<&Wrong>),
) -> Result<Drawn, Problem> {
    let lang = visit.lang;
    let claims = async { Ok::<_, Problem>(app.open_claims(caller).await?) };
    let ((list, shown), claims) = try_join!(some(app, lang, caller, (typed, LIST_BYTES)), claims)?;
    let key = visit.form_key(app)?;
    let field = Field::text("identifier", lang.t("identifiers.which")).with_hint(lang.t("identifiers.which_hint"));
    let inner = html! { (field.draw(lang, typed, wrong)) button { (lang.t("identifiers.claim")) } };
    let body = html! {
        (summary(lang, wrong))
        h1 { (list.title) }
        (said)
        @if let Some(nothing) = shown.nothing(lang, "list.nothing_more") { p { (nothing) } }
        ul { (shown.entries) }
        (list.links(lang, &shown))
        @if !claims.is_empty() {
            h2 { (lang.t("identifiers.open")) }
            p { (lang.t("identifiers.open_text")) }
            ul class="choices" { @for one in &claims { li { h3 { bdi { (one.identifier) } } (how(lang, &one.claimed, &key)) } } }
        }
        h2 { (lang.t("identifiers.title")) }
        p { (lang.t("identifiers.text")) }
        (form(PATH, &visit.form_key(app)?, &inner))
        p { a href="/me/data" { (lang.t("data.title")) } }
    };
    Ok(Drawn { title: lang.t("data.identifiers"), visit, body })
}

pub(super) async fn claim(State(app): State<Shared>, sent: SentBy) -> Answered {
    let claimed = async {
        let identifier = identifier(sent.form.get("identifier"))?;
        Ok::<_, Problem>(app.claim(&sent.caller, &identifier, sent.idempotency(&app).as_ref()).await?)
    };
    match claimed.await {
        Ok(claimed) => how_to_prove(&app, &sent.visit, &claimed),
        Err(problem) => {
            let wrong = Wrong::of(problem)?;
            let drawn = draw(&app, sent.visit.clone(), &sent.caller, (&html! {}, &sent.form, Some(&wrong))).await?;
            Ok(wrong.answer(&drawn))
        }
    }
}

fn how_to_prove(app: &App, visit: &Visit, claimed: &Claimed) -> Answered {
    let lang = visit.lang;
    let body = html! {
        h1 { (lang.t("identifiers.prove")) }
        p { (lang.t("identifiers.prove_text")) }
        (how(lang, claimed, &visit.form_key(app)?))
        p { a href=(PATH) { (lang.t("data.identifiers")) } }
    };
    Ok(page(visit, lang.t("identifiers.prove"), &body))
}

/// What to put where, until when, and the button that looks for it.
fn how(lang: Lang, claimed: &Claimed, key: &str) -> Markup {
    let link = format!("<a rel=\"me\" href=\"{}\">sayso</a>", claimed.link);
    let check = html! { (hidden("id", &claimed.id.to_string())) button { (lang.t("identifiers.check")) } };
    html! {
        p { strong { (lang.t("identifiers.by_link")) } }
        pre tabindex="0" { (link) }
        p { strong { (lang.t("identifiers.by_text")) } }
        pre tabindex="0" { (claimed.text) }
        @match &claimed.page {
            Some(page) => p { (lang.say("identifiers.page", &[("page", page)])) },
            None => p { (lang.t("identifiers.operator")) },
        }
        p { (lang.say("identifiers.until", &[("time", &lang.time(Micros(claimed.expires_us)))])) }
        @if claimed.page.is_some() { (form("/me/identifiers/prove", key, &check)) }
    }
}

pub(super) async fn prove(State(app): State<Shared>, sent: SentBy) -> Answered {
    let id: IdentifierId = sent.form.read("id")?;
    app.prove_by_page(&sent.caller, &id).await?;
    Ok(said("/me/identifiers", "proved"))
}
