//! For operators: registered callers.

use std::fmt::Display;

use axum::extract::{RawQuery, State};
use maud::{Markup, html};

use super::consents::done;
use super::layout::page;
use super::operate::{PAGES, after};
use super::paged::{self, List};
use super::parts::{Drawn, Field, Wrong, choice, form, is_ticked, several, summary};
use super::staff::{Operator, SentByOperator, navigation};
use super::visit::{Form, Visit, wrong};
use super::words::Lang;
use super::{Answered, Shared};
use crate::domain::Recipient;
use crate::service::{App, Choices, ClientView, NewClient, RegisteredClient, Role, Terms};
use crate::web::path::Path;
use crate::web::problem::Problem;

const PATH: &str = "/operate/callers";
const LIST_BYTES: usize = 18_000;

pub(super) async fn callers(
    State(app): State<Shared>,
    operator: Operator,
    RawQuery(query): RawQuery,
) -> Result<Drawn, Problem> {
    let said = done(&operator.visit, query.as_deref());
    let query = Form::parse(query.as_deref().unwrap_or_default())?;
    draw(&app, operator.visit, &query, (&said, None)).await
}

async fn draw(
    app: &App,
    visit: Visit,
    typed: &Form,
    (said, wrong): (&Markup, Option<&Wrong>),
) -> Result<Drawn, Problem> {
    let (lang, stretch) = (visit.lang, paged::asked(typed, "list", paged::name)?);
    let (found, key) = (app.clients_in(stretch.clone(), paged::READ).await?, visit.form_key(app)?);
    let title = lang.t("operate.callers");
    let list = List { path: PATH, name: "list", title, bytes: LIST_BYTES, newest_first: false };
    let shown = list.fill(&stretch, &found, |client| client.client_id.clone(), |client| caller(lang, client, &key));
    let Choices { classes, purposes, sources } = app.client_choices();
    let roles = ["recipient", "auditor", "collector", "operator"].map(|role| (role, lang.named("role", role)));
    let classes: Vec<_> =
        classes.into_iter().map(|name| (name.as_str(), lang.named("recipient_class", name.as_str()))).collect();
    let purposes: Vec<_> =
        purposes.into_iter().map(|name| (name.as_str(), lang.named("purpose", name.as_str()))).collect();
    let sources: Vec<_> =
        sources.into_iter().map(|name| (name.as_str(), lang.named("source", name.as_str()))).collect();
    let inner = html! {
        (Field::text("id", lang.t("operate.name")).draw(lang, typed, wrong))
        (choice(("role", lang.t("operate.role")), &roles, typed, (lang, wrong)))
        (choice(("class", lang.t("operate.class")), &classes, typed, (lang, wrong)))
        (several(("purposes", lang.t("operate.purposes")), &purposes, typed, (lang, wrong)))
        (several(("sources", lang.t("operate.sources")), &sources, typed, (lang, wrong)))
        (Field::text("webhook", lang.t("operate.webhook")).with("url", "off").draw(lang, typed, wrong))
        button { (lang.t("operate.register")) }
    };
    let body = html! {
        (navigation(&visit, &PAGES))
        (summary(lang, wrong))
        h1 { (title) }
        (said)
        @if let Some(nothing) = shown.nothing(lang, "list.nothing_more") { p { (nothing) } }
        ul class="choices" { (shown.entries) }
        (list.links(lang, &shown))
        h2 { (lang.t("operate.register")) }
        (form(PATH, &visit.form_key(app)?, &inner))
    };
    Ok(Drawn { visit, title, body })
}

fn caller(lang: Lang, client: &ClientView, key: &str) -> Markup {
    html! {
        li {
            h2 { bdi { (client.client_id) } }
            p { (terms(lang, client)) }
            @if client.role == "recipient" {
                p { (lang.say("operate.asked_today", &[("asked", &client.asked_today.to_string()), ("refused", &client.refused_today.to_string())])) }
            }
            @if client.disabled { p { strong { (lang.t("operate.off")) } } }
            @else { (form(&format!("{PATH}/{}", client.client_id), key, &html! { button class="quiet" { (lang.t("operate.switch_off")) span class="hidden" { " " (client.client_id) } } })) }
        }
    }
}

/// What a caller is registered for, in one line.
fn terms(lang: Lang, client: &ClientView) -> String {
    let role = lang.named("role", &client.role);
    let parts = [role, client.class.clone(), client.purposes.join(", "), client.sources.join(", ")];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
}

pub(super) async fn register(State(app): State<Shared>, sent: SentByOperator) -> Answered {
    let registered = async {
        let role = sent.form.get("role");
        let role = [Role::Recipient, Role::Auditor, Role::Collector, Role::Operator]
            .into_iter()
            .find(|one| one.as_str() == role);
        let Choices { purposes, sources, .. } = app.client_choices();
        let some = |name: &str| !sent.form.get(name).trim().is_empty();
        let client = NewClient {
            id: sent.form.read("id")?,
            role: role.ok_or_else(|| wrong("role"))?,
            class: some("class").then(|| sent.form.read("class")).transpose()?,
            purposes: chosen(&sent.form, "purposes", purposes)?,
            sources: chosen(&sent.form, "sources", sources)?,
            webhook: some("webhook").then(|| sent.form.get("webhook").trim().to_owned()),
            public_key: None,
            terms: Terms::default(),
        };
        Ok(app.register_client(&client, sent.idempotency(&app).as_ref()).await?)
    };
    match registered.await {
        Ok(client) => Ok(page(&sent.visit, sent.visit.lang.t("operate.registered"), &secrets(&sent.visit, &client))),
        Err(problem) => {
            let wrong = Wrong::of(problem)?;
            let drawn = draw(&app, sent.visit.clone(), &sent.form, (&html! {}, Some(&wrong))).await?;
            Ok(wrong.answer(&drawn))
        }
    }
}

/// Those of all whose boxes were ticked. A box that there is not is no box of this page: nothing is registered for less than was meant.
fn chosen<T: Clone + Display>(form: &Form, field: &str, all: Vec<&T>) -> Result<Vec<T>, Problem> {
    let boxes = form.fields().filter(|(name, _)| name.strip_prefix(field).is_some_and(|rest| rest.starts_with('-')));
    let ticked: Vec<T> = all.into_iter().filter(|one| is_ticked(form, field, &one.to_string())).cloned().collect();
    if boxes.count() == ticked.len() { Ok(ticked) } else { Err(wrong(field)) }
}

/// Shown once.
fn secrets(visit: &Visit, client: &RegisteredClient) -> Markup {
    let lang = visit.lang;
    html! {
        (navigation(visit, &PAGES))
        h1 { (lang.t("operate.registered")) }
        p { (lang.t("operate.once")) }
        dl {
            dt { (lang.t("operate.name")) } dd { code { (client.client_id) } }
            @if let Some(secret) = &client.client_secret { dt { (lang.t("staff.secret")) } dd { code { (secret) } } }
            @if let Some(secret) = &client.webhook_secret { dt { (lang.t("operate.webhook_secret")) } dd { code { (secret) } } }
        }
    }
}

pub(super) async fn switch_off(State(app): State<Shared>, Path(id): Path<String>, sent: SentByOperator) -> Answered {
    let id: Recipient = id.parse().map_err(|_| wrong("id"))?;
    let done = app.disable_client(&id, sent.idempotency(&app).as_ref()).await.map_err(Problem::from);
    let drawn = draw(&app, sent.visit.clone(), &Form::default(), (&html! {}, None)).await?;
    after(done, ((PATH, "off"), drawn))
}
