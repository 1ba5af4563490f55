//! For operators: the notice of each purpose, and a form on a page of its own that writes the next version.

use axum::extract::{RawQuery, State};
use maud::html;

use super::consents::{done, notice_of, said};
use super::notice::{self, language};
use super::operate::PAGES;
use super::parts::{Drawn, Wrong, form, hidden, summary, text_area};
use super::staff::{Operator, SentByOperator, navigation};
use super::visit::{Form, Visit, wrong};
use super::words::Lang;
use super::{Answered, Shared};
use crate::service::{App, NewNotice, NoticeView, Translation};
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
                    p { a href=(notice::address(&notice.purpose, notice.version)) { (lang.t("notice.all")) span class="hidden" { ": " (notice.purpose) } } }
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
    let texts = notice.translations.iter().map(|one| (field(&one.locale), one.text.as_str()));
    let texts: Vec<(String, &str)> = texts.chain([("text".to_owned(), notice.text.as_str())]).collect();
    let typed = Form::of(texts.iter().map(|(name, text)| (name.as_str(), *text)));
    draw(&app, operator.visit, (&purpose, &typed), None).await
}

/// The field for the text in a language.
fn field(locale: &str) -> String {
    format!("text-{locale}")
}

/// The languages beside the first: those of the newest version, and those that our pages are written in.
fn other_languages(notice: &NoticeView) -> Vec<String> {
    let mut locales: Vec<String> = notice.translations.iter().map(|one| one.locale.clone()).collect();
    let main = |locale: &str| Lang::from_tag(locale);
    for lang in Lang::ALL {
        if main(&notice.locale) != Some(lang) && !locales.iter().any(|locale| main(locale) == Some(lang)) {
            locales.push(lang.tag().to_owned());
        }
    }
    locales
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
        (text_area(lang, ("text", &label(lang, &notice.locale)), typed.get("text"), wrong))
        div id="translations" {
            @for locale in other_languages(&notice) {
                (text_area(lang, (&field(&locale), &label(lang, &locale)), typed.get(&field(&locale)), wrong))
            }
        }
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
        p { (lang.t("operate.languages_text")) }
        (form("/operate/notices", &app.form_key()?, &inner))
        p { a href="/operate/notices" { (lang.t("operate.notices")) } }
    };
    Ok(Drawn { title: lang.t("operate.next_version"), visit, body })
}

fn label(lang: Lang, locale: &str) -> String {
    lang.say("operate.text_in", &[("language", &language(lang, locale))])
}

pub(super) async fn publish(State(app): State<Shared>, sent: SentByOperator) -> Answered {
    let published = async {
        let material = match sent.form.get("material") {
            "yes" => true,
            "no" => false,
            _ => return Err(wrong("material")),
        };
        let text = |name: &str| sent.form.get(name).replace("\r\n", "\n");
        let locales = other_languages(&notice_of(&app, sent.form.get("purpose")).await?).into_iter();
        let others = locales.map(|locale| Translation { text: text(&field(&locale)), locale });
        let notice = NewNotice {
            purpose: sent.form.read("purpose")?,
            text: text("text"),
            locale: sent.form.get("locale").to_owned(),
            material,
            translations: others.filter(|one| !one.text.trim().is_empty()).collect(),
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
