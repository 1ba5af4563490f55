//! For operators: the notice of each purpose, and a form on a page of its own that writes the next version.

use axum::extract::{RawQuery, State};
use maud::{Markup, html};

use super::consents::{done, notice_of, said};
use super::notice::{self, language};
use super::operate::PAGES;
use super::parts::{self, Drawn, Wrong, form, hidden, summary, text_area_in};
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
    let version = notice.version.to_string();
    let own = [("text".to_owned(), notice.text.as_str()), ("over".to_owned(), version.as_str())];
    let texts: Vec<(String, &str)> = texts.chain(own).collect();
    let typed = Form::of(texts.iter().map(|(name, text)| (name.as_str(), *text)));
    draw(&app, operator.visit, (&purpose, &typed), None).await
}

/// What the names of the fields for texts in other languages begin with.
const TEXT_IN: &str = "text-";

/// The field for the text in a language.
fn field(locale: &str) -> String {
    format!("{TEXT_IN}{locale}")
}

/// The box that leaves a language out.
fn left_out(locale: &str) -> String {
    format!("leave_out-{locale}")
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

/// The languages beside the first in which something was typed, with that.
fn typed_texts(form: &Form) -> impl Iterator<Item = (&str, &str)> {
    let texts = form.fields().filter_map(|(name, text)| Some((name.strip_prefix(TEXT_IN)?, text)));
    texts.filter(|(_, text)| !text.trim().is_empty())
}

/// The text in another language, and under it the choice to leave that out, where the newest version has it: an emptied field alone takes no
/// language away.
fn other_text(
    lang: Lang,
    (notice, locale): (&NoticeView, &str),
    (typed, wrong): (&Form, Option<&Wrong>),
    room: &mut usize,
) -> Markup {
    let (name, leave) = (field(locale), left_out(locale));
    let is_there = notice.translations.iter().any(|one| one.locale == locale);
    html! {
        (text_area_in(room, lang, (&name, &label(lang, locale)), typed.get(&name), wrong))
        @if is_there {
            div class="option" {
                input type="checkbox" id=(leave) name=(leave) value="yes" checked[typed.get(&leave) == "yes"];
                label for=(leave) { (lang.say("operate.leave_out", &[("language", &language(lang, locale))])) }
            }
        }
    }
}

/// Room for all texts of a form, in bytes; what a version may have fits it.
const TEXTS_BYTES: usize = 30_000;
/// Longest name of a language that a form is shown again with, in bytes, and most of them.
const LOCALE_BYTES_MAX: usize = 35;
const LANGUAGES_MAX: usize = 21;

/// The version that was published while the form was filled in, where there is room for it beside what was written.
fn newest_now(lang: Lang, notice: &NoticeView, room: usize) -> Markup {
    let texts = html! { @for text in notice.texts() { (parts::notice(text.text, text.locale)) } };
    html! {
        h2 { (lang.say("operate.newest_now", &[("version", &lang.number(notice.version))])) }
        @if texts.0.len() <= room { (texts) }
        p { a href=(notice::address(&notice.purpose, notice.version)) { (lang.t("notice.newest")) } }
    }
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
    let newer = wrong.is_some_and(|wrong| wrong.is(NEWER));
    // Whoever was shown the newest version writes over that one from then on.
    let over = if newer { notice.version.to_string() } else { typed.get("over").to_owned() };
    let mut locales = other_languages(&notice);
    let more = typed_texts(typed).map(|(locale, _)| locale.to_owned()).filter(|one| one.len() <= LOCALE_BYTES_MAX);
    let more: Vec<String> = more.filter(|locale| !locales.contains(locale)).collect();
    locales.extend(more);
    locales.truncate(LANGUAGES_MAX);
    let mut room = TEXTS_BYTES;
    let inner = html! {
        (hidden("purpose", purpose)) (hidden("locale", &notice.locale)) (hidden("over", &over))
        (text_area_in(&mut room, lang, ("text", &label(lang, &notice.locale)), typed.get("text"), wrong))
        div id="translations" {
            @for locale in &locales { (other_text(lang, (&notice, locale), (typed, wrong), &mut room)) }
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
        @if newer { (newest_now(lang, &notice, room)) }
        (form("/operate/notices", &visit.form_key(app)?, &inner))
        p { a href="/operate/notices" { (lang.t("operate.notices")) } }
    };
    Ok(Drawn { title: lang.t("operate.next_version"), visit, body })
}

fn label(lang: Lang, locale: &str) -> String {
    lang.say("operate.text_in", &[("language", &language(lang, locale))])
}

/// The problem of a form that was written over a version that is not the newest.
const NEWER: &str = "newer-notice";

/// What a form asks to publish. A language of the newest version is left out by its box and by nothing else.
fn written(form: &Form, newest: &NoticeView) -> Result<NewNotice, Problem> {
    let material = match form.get("material") {
        "yes" => true,
        "no" => false,
        _ => return Err(wrong("material")),
    };
    let over: i64 = form.read("over")?;
    let leaves = |locale: &str| form.get(&left_out(locale)) == "yes";
    let is_missing = |locale: &str| form.get(&field(locale)).trim().is_empty() && !leaves(locale);
    if form.get("text").trim().is_empty() {
        return Err(wrong("text"));
    }
    let missing = newest.translations.iter().find(|one| is_missing(&one.locale));
    // A form over an older version is refused as a whole, or was done before and is not done again.
    if let Some(missing) = missing.filter(|_| over == newest.version) {
        return Err(wrong(&field(&missing.locale)));
    }
    let plain = |text: &str| text.replace("\r\n", "\n");
    let others = typed_texts(form).filter(|(locale, _)| !leaves(locale));
    Ok(NewNotice {
        purpose: form.read("purpose")?,
        text: plain(form.get("text")),
        locale: form.get("locale").to_owned(),
        material,
        translations: others
            .map(|(locale, text)| Translation { locale: locale.to_owned(), text: plain(text) })
            .collect(),
        over: Some(over),
    })
}

pub(super) async fn publish(State(app): State<Shared>, sent: SentByOperator) -> Answered {
    let newest = notice_of(&app, sent.form.get("purpose")).await?;
    let published = async {
        let notice = written(&sent.form, &newest)?;
        Ok::<_, Problem>(app.publish_notice(&notice, sent.idempotency(&app).as_ref()).await?)
    };
    match published.await {
        Ok(_) => Ok(said("/operate/notices", "published")),
        Err(problem) => {
            let fields = newest.translations.iter().map(|one| field(&one.locale));
            let wrong = Wrong::of(problem)?.of_field("texts", ("texts", "translations"));
            let wrong = fields.fold(wrong, |wrong, name| wrong.of_field(&name, ("missing_text", &name)));
            let form = (sent.form.get("purpose"), &sent.form);
            Ok(wrong.answer(&draw(&app, sent.visit.clone(), form, Some(&wrong)).await?))
        }
    }
}
