//! For operators: callers, notices, house rules.

use axum::extract::{RawQuery, State};
use axum::response::IntoResponse;
use maud::{Markup, html};

use super::consents::done;
use super::layout::page;
use super::operate::{PAGES, after, words};
use super::parts::{self, Drawn, Field, Wrong, choice, form, hidden, summary, text_area};
use super::staff::{Operator, SentByOperator, navigation};
use super::visit::{Form, Visit, wrong};
use super::words::Lang;
use super::{Answered, Shared};
use crate::domain::Recipient;
use crate::service::{
    App, ClientView, FormulasView, Group, NewClient, NewNotice, RegisteredClient, Role, RuleFiles, Terms,
};
use crate::web::path::Path;
use crate::web::problem::Problem;

pub(super) async fn callers(
    State(app): State<Shared>,
    operator: Operator,
    RawQuery(query): RawQuery,
) -> Result<Drawn, Problem> {
    let said = done(&operator.visit, query.as_deref());
    draw_callers(&app, operator.visit, &Form::default(), (&said, None)).await
}

async fn draw_callers(
    app: &App,
    visit: Visit,
    typed: &Form,
    (said, wrong): (&Markup, Option<&Wrong>),
) -> Result<Drawn, Problem> {
    let lang = visit.lang;
    let clients = app.clients().await?;
    let roles = ["recipient", "auditor", "collector", "operator"]
        .map(|role| (role, lang.find(&format!("role.{role}")).unwrap_or(role)));
    let inner = html! {
        (Field::text("id", lang.t("operate.name")).draw(lang, typed, wrong))
        (choice(("role", lang.t("operate.role")), &roles, typed, (lang, wrong)))
        (Field::text("class", lang.t("operate.class")).with_hint(lang.t("operate.class_hint")).draw(lang, typed, wrong))
        (Field::text("purposes", lang.t("operate.purposes")).with_hint(lang.t("operate.words_hint")).draw(lang, typed, wrong))
        (Field::text("sources", lang.t("operate.sources")).with_hint(lang.t("operate.words_hint")).draw(lang, typed, wrong))
        (Field::text("webhook", lang.t("operate.webhook")).with("url", "off").draw(lang, typed, wrong))
        button { (lang.t("operate.register")) }
    };
    let body = html! {
        (navigation(&visit, &PAGES))
        (summary(lang, wrong))
        h1 { (lang.t("operate.callers")) }
        (said)
        ul class="choices" {
            @for client in &clients {
                li {
                    h2 { (client.client_id) }
                    p { (terms(lang, client)) }
                    @if client.role == "recipient" {
                        p { (lang.say("operate.asked_today", &[("asked", &client.asked_today.to_string()), ("refused", &client.refused_today.to_string())])) }
                    }
                    @if client.disabled { p { strong { (lang.t("operate.off")) } } }
                    @else { (form(&format!("/operate/callers/{}", client.client_id), &app.form_key()?, &html! { button class="quiet" { (lang.t("operate.switch_off")) span class="hidden" { " " (client.client_id) } } })) }
                }
            }
        }
        h2 { (lang.t("operate.register")) }
        (form("/operate/callers", &app.form_key()?, &inner))
    };
    Ok(Drawn { title: lang.t("operate.callers"), visit, body })
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
        let some = |name: &str| !sent.form.get(name).trim().is_empty();
        let client = NewClient {
            id: sent.form.read("id")?,
            role: role.ok_or_else(|| wrong("role"))?,
            class: some("class").then(|| sent.form.read("class")).transpose()?,
            purposes: words(&sent.form, "purposes")?,
            sources: words(&sent.form, "sources")?,
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
            let drawn = draw_callers(&app, sent.visit.clone(), &sent.form, (&html! {}, Some(&wrong))).await?;
            Ok(wrong.answer(&drawn))
        }
    }
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
    let drawn = draw_callers(&app, sent.visit.clone(), &Form::default(), (&html! {}, None)).await?;
    after(done, (("/operate/callers", "off"), drawn))
}

pub(super) async fn notices(
    State(app): State<Shared>,
    operator: Operator,
    RawQuery(query): RawQuery,
) -> Result<Drawn, Problem> {
    let said = done(&operator.visit, query.as_deref());
    draw_notices(&app, operator.visit, &said).await
}

async fn draw_notices(app: &App, visit: Visit, said: &Markup) -> Result<Drawn, Problem> {
    let lang = visit.lang;
    let mut rows = Vec::new();
    for notice in app.notices().await? {
        let grants = app.grants_for(&notice.purpose).await?;
        rows.push((notice, lang.number(grants)));
    }
    let body = html! {
        (navigation(&visit, &PAGES))
        h1 { (lang.t("operate.notices")) }
        (said)
        p { (lang.t("operate.notices_text")) }
        @for (notice, grants) in &rows {
            @let id = format!("text-{}", notice.purpose);
            section {
                h2 { (notice.purpose) ", " (lang.say("operate.version", &[("version", &notice.version.to_string())])) }
                p { (lang.say("operate.again", &[("grants", grants)])) }
                details {
                    summary { (lang.t("operate.next_version")) span class="hidden" { " " (notice.purpose) } }
                    (form("/operate/notices", &app.form_key()?, &html! {
                        (hidden("purpose", notice.purpose.as_str())) (hidden("field", &id)) (hidden("locale", &notice.locale))
                        (text_area(lang, (&id, lang.t("operate.text")), &notice.text, None))
                        div class="pair" {
                            button name="material" value="yes" { (lang.t("operate.material")) }
                            button name="material" value="no" { (lang.t("operate.not_material")) }
                        }
                    }))
                }
            }
        }
    };
    Ok(Drawn { title: lang.t("operate.notices"), visit, body })
}

pub(super) async fn publish(State(app): State<Shared>, sent: SentByOperator) -> Answered {
    let published = async {
        let material = match sent.form.get("material") {
            "yes" => true,
            "no" => false,
            _ => return Err(wrong("material")),
        };
        let text = sent.form.get(sent.form.get("field")).replace("\r\n", "\n");
        let notice = NewNotice {
            purpose: sent.form.read("purpose")?,
            text,
            locale: sent.form.get("locale").to_owned(),
            material,
        };
        Ok::<_, Problem>(app.publish_notice(&notice, sent.idempotency(&app).as_ref()).await?)
    };
    let published = published.await;
    let drawn = draw_notices(&app, sent.visit.clone(), &html! {}).await?;
    after(published, (("/operate/notices", "published"), drawn))
}

pub(super) async fn rules(
    State(app): State<Shared>,
    operator: Operator,
    RawQuery(query): RawQuery,
) -> Result<Drawn, Problem> {
    let said = done(&operator.visit, query.as_deref());
    let in_force = app.policies().await?;
    let said = html! { (said) (formula(operator.visit.lang, &in_force.formula)) };
    draw_rules(&app, operator.visit, &in_force.files, &said)
}

/// By which formula scores are told, and which is beside it. Another comes with another registry, when the program starts.
fn formula(lang: Lang, view: &FormulasView) -> Markup {
    html! {
        p { (lang.say("operate.formula", &[("version", &view.counts)])) }
        @if let Some(next) = &view.next {
            p { (lang.say("operate.formula_next", &[("version", &next.version), ("day", &lang.day(next.from_day))])) }
        }
    }
}

fn draw_rules(app: &App, visit: Visit, files: &RuleFiles, said: &Markup) -> Result<Drawn, Problem> {
    let lang = visit.lang;
    let inner = html! {
        @for (name, text) in files { (text_area(lang, (&format!("file-{name}"), name), text, None)) }
        button { (lang.t("operate.compare")) }
    };
    let body = html! {
        (navigation(&visit, &PAGES))
        h1 { (lang.t("operate.rules")) }
        (said)
        p { (lang.t("operate.rules_text")) }
        (form("/operate/rules", &app.form_key()?, &inner))
    };
    Ok(Drawn { title: lang.t("operate.rules"), visit, body })
}

fn files(form: &Form) -> RuleFiles {
    let files = form
        .fields()
        .filter_map(|(name, text)| Some((name.strip_prefix("file-")?.to_owned(), text.replace("\r\n", "\n"))));
    files.collect()
}

/// Shows what would change, and adopts only what was shown.
pub(super) async fn compare(State(app): State<Shared>, sent: SentByOperator) -> Answered {
    let (lang, files) = (sent.visit.lang, files(&sent.form));
    let drawn = draw_rules(&app, sent.visit.clone(), &files, &html! {})?;
    let (allowed, denied) = match app.compare_rules(&files).await.map_err(Problem::from) {
        Ok(compared) => compared,
        Err(problem) => {
            // File and line, as the language of the rules names what is wrong.
            let body = html! { pre tabindex="0" { (problem.detail()) } (drawn.body) };
            return after(Err::<(), _>(problem), (("/operate/rules", ""), Drawn { body, ..drawn }));
        }
    };
    let inner = html! { @for (name, text) in &files { (hidden(&format!("file-{name}"), text)) } button { (lang.t("operate.adopt")) } };
    let body = html! {
        (navigation(&sent.visit, &PAGES))
        h1 { (lang.t("operate.change")) }
        @if allowed.is_empty() && denied.is_empty() { p { (lang.t("operate.no_change")) } }
        (classes(lang, "operate.then_allowed", &allowed))
        (classes(lang, "operate.then_denied", &denied))
        (form("/operate/rules/adopt", &app.form_key()?, &inner))
        p { a href="/operate/rules" { (lang.t("operate.rules")) } }
    };
    Ok(page(&sent.visit, lang.t("operate.change"), &body))
}

fn classes(lang: Lang, title: &'static str, groups: &[Group]) -> Markup {
    html! {
        @if !groups.is_empty() {
            h2 { (lang.t(title)) }
            ul { @for group in groups { li { (group.parts.each_ref().map(|part| part.join("|")).join(" / ")) " (" (group.classes) ")" } } }
        }
    }
}

pub(super) async fn adopt(State(app): State<Shared>, sent: SentByOperator) -> Answered {
    let files = files(&sent.form);
    let adopted = app.adopt_rules(&files, sent.idempotency(&app).as_ref()).await.map_err(Problem::from);
    let drawn = draw_rules(&app, sent.visit.clone(), &files, &parts::done(""))?;
    Ok(after(adopted, (("/operate/rules", "adopted"), drawn))?.into_response())
}
