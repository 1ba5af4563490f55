//! For operators: the notice of each purpose, and a form on a page of its own that writes the next version.

use axum::extract::{RawQuery, State};
use maud::html;

use super::consents::{done, notice_of, said};
use super::operate::PAGES;
use super::parts::{Drawn, Wrong, form, hidden, summary, text_area};
use super::staff::{Operator, SentByOperator, navigation};
use super::visit::{Form, Visit, wrong};
use super::{Answered, Shared};
use crate::service::{App, NewNotice};
use crate::web::path::Path;
use crate::web::problem::Problem;

pub(super) async fn list(
    State(app): State<Shared>,
    operator: Operator,
    RawQuery(query): RawQuery,
) -> Result<Drawn, Problem> {
    let visit = operator.visit;
    let (lang, said) = (visit.lang, done(&visit, query.as_deref()));
    let notices = app.notices().await?;
    let body = html! {
        (navigation(&visit, &PAGES))
        h1 { (lang.t("operate.notices")) }
        (said)
        p { (lang.t("operate.notices_text")) }
        ul class="choices" {
            @for notice in &notices {
                li {
                    h2 { (lang.named("purpose", notice.purpose.as_str())) }
                    p { code { (notice.purpose) } ", " (lang.say("operate.version", &[("version", &lang.number(notice.version))])) }
                    p { a href=(format!("/operate/notices/{}", notice.purpose)) { (lang.t("operate.next_version")) span class="hidden" { ": " (notice.purpose) } } }
                }
            }
        }
    };
    Ok(Drawn { title: lang.t("operate.notices"), visit, body })
}

pub(super) async fn ask(
    State(app): State<Shared>,
    operator: Operator,
    Path(purpose): Path<String>,
) -> Result<Drawn, Problem> {
    let notice = notice_of(&app, &purpose).await?;
    let typed = Form::of([("text", notice.text.as_str())]);
    draw(&app, operator.visit, (&purpose, &typed), None).await
}

async fn draw(
    app: &App,
    visit: Visit,
    (purpose, typed): (&str, &Form),
    wrong: Option<&Wrong>,
) -> Result<Drawn, Problem> {
    let lang = visit.lang;
    let notice = notice_of(app, purpose).await?;
    let grants = lang.number(app.grants_for(&notice.purpose).await?);
    let inner = html! {
        (hidden("purpose", purpose)) (hidden("locale", &notice.locale))
        (text_area(lang, ("text", lang.t("operate.text")), typed.get("text"), wrong))
        div class="pair" {
            button name="material" value="yes" { (lang.t("operate.material")) }
            button name="material" value="no" { (lang.t("operate.not_material")) }
        }
    };
    let body = html! {
        (navigation(&visit, &PAGES))
        (summary(lang, wrong))
        h1 { (lang.t("operate.next_version")) }
        p { (lang.named("purpose", purpose)) ", " (lang.say("operate.version", &[("version", &lang.number(notice.version))])) }
        p { (lang.say("operate.again", &[("grants", &grants)])) }
        (form("/operate/notices", &app.form_key()?, &inner))
        p { a href="/operate/notices" { (lang.t("operate.notices")) } }
    };
    Ok(Drawn { title: lang.t("operate.next_version"), visit, body })
}

pub(super) async fn publish(State(app): State<Shared>, sent: SentByOperator) -> Answered {
    let published = async {
        let material = match sent.form.get("material") {
            "yes" => true,
            "no" => false,
            _ => return Err(wrong("material")),
        };
        let notice = NewNotice {
            purpose: sent.form.read("purpose")?,
            text: sent.form.get("text").replace("\r\n", "\n"),
            locale: sent.form.get("locale").to_owned(),
            material,
        };
        Ok::<_, Problem>(app.publish_notice(&notice, sent.idempotency(&app).as_ref()).await?)
    };
    match published.await {
        Ok(_) => Ok(said("/operate/notices", "published")),
        Err(problem) => {
            let (wrong, purpose) = (Wrong::of(problem)?, sent.form.get("purpose"));
            Ok(wrong.answer(&draw(&app, sent.visit.clone(), (purpose, &sent.form), Some(&wrong)).await?))
        }
    }
}
