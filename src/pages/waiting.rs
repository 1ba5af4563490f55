//! A form that was kept over a log-in: carried in the page that asks to log in, shown with what was chosen, and done only when its button is
//! pressed. Its fields are carried as fields, so that what was typed is no longer than it was. Everything that leads from one such page to
//! the next carries them on: another try, another code, another language.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, PreEscaped, html};

use super::layout::{page, page_with};
use super::parts::hidden;
use super::routes::page_of;
use super::score;
use super::visit::{Form, Visit, own_path};
use super::words::Lang;
use crate::service::App;
use crate::web::problem::Problem;

/// No form of ours is longer, in bytes as it stands in a page. What is longer is not kept, and whoever sent it is told so.
const KEPT_BYTES_MAX: usize = 32_000;
/// So much of it is shown again, in bytes.
const SHOWN_BYTES_MAX: usize = 8_000;
/// So much of a field is shown again.
const SHOWN_CHARS_MAX: usize = 500;
/// What begins the name of a field that is kept.
const KEPT: &str = "kept.";

/// The name of the form that carries it on its page: another language is chosen with that form, so that nothing is lost.
pub(super) const FORM: &str = "waiting";

/// The field of such a form, once it is shown to be done, that says where it goes.
pub(super) const WAITED: &str = "waited_for";

/// Fields that belong to the form and not to whoever filled it in.
const OURS: [&str; 7] = ["key", "known_seq", "notice_version", "notice_sha256", "over", "before", "seal"];

/// What the button of a form says that has nothing else.
fn one_button(path: &str) -> Option<&'static str> {
    match path {
        "/me/data/delete" => Some("data.delete_now"),
        "/me/data/export" => Some("data.export"),
        "/me/score" => Some("visibility.hide"),
        path if path.starts_with("/me/receipts/") => Some("receipt.mail"),
        _ => None,
    }
}

/// What a page that asks to log in carries of a form that came without a log-in; nothing where that is too long.
fn kept(visit: &Visit, form: &Form) -> Option<Form> {
    let names: Vec<_> = form.fields().map(|(name, value)| (format!("{KEPT}{name}"), value)).collect();
    let fields = names.iter().map(|(name, value)| (name.as_str(), *value));
    let kept = Form::of([("kept_path", visit.path.as_str())].into_iter().chain(fields));
    waits(&kept).then_some(kept)
}

/// What one form about a log-in hands on to the next: where to go back to, and a form that waits.
pub(super) fn carried(form: &Form) -> Markup {
    let goes_on = |name: &str| ["back", "kept_path"].contains(&name) || name.starts_with(KEPT);
    let fields = form.fields().filter(|(name, value)| goes_on(name) && !value.is_empty());
    // All of them whole, or none: what was cut would be done as if somebody had typed it so.
    let all = html! { @for (name, value) in fields { input type="hidden" name=(name) value=(value); } };
    if all.0.len() <= KEPT_BYTES_MAX {
        all
    } else {
        html! {}
    }
}

/// Whether a form waits.
pub(super) fn waits(form: &Form) -> bool {
    !form.get("kept_path").is_empty() && !carried(form).0.is_empty()
}

/// Whether the form that waits is one of auditors or operators.
pub(super) fn is_staffs(form: &Form) -> bool {
    ["/audit", "/operate"].iter().any(|start| form.get("kept_path").starts_with(start))
}

/// A visit to a page on which a form may wait: whoever chooses another language there takes it along.
pub(super) fn with(visit: Visit, form: &Form) -> Visit {
    Visit { form_waits: waits(form), ..visit }
}

/// A form to one of our paths that carries the one that waits.
pub(super) fn form(action: &str, key: &str, inner: &Markup) -> Markup {
    html! { form id=(FORM) method="post" action=(action) novalidate { (hidden("key", key)) (inner) } }
}

/// What waits, from the form with which another language was chosen: one about a log-in, or that of the page that shows what waits.
pub(super) fn taken_along(sent: &Form) -> Form {
    if sent.get(WAITED).is_empty() {
        return sent.clone();
    }
    let fields = sent.fields().filter(|(name, _)| ![WAITED, "lang"].contains(name));
    let fields: Vec<_> = fields.map(|(name, value)| (format!("{KEPT}{name}"), value)).collect();
    let path = [("kept_path", sent.get(WAITED))];
    Form::of(path.into_iter().chain(fields.iter().map(|(name, value)| (name.as_str(), *value))))
}

/// A form that was shown to somebody else: nothing of it is done, and nothing of it shown.
pub(super) fn refused(visit: &Visit) -> Response {
    let (lang, path) = (visit.lang, page_of(&visit.path).filter(|page| *page != "/").unwrap_or("/me/consents"));
    let body = html! {
        h1 { (lang.t("waiting.anothers")) }
        p class="lead" { (lang.t("waiting.anothers_text")) }
        p { a class="button" href=(path) { (lang.t("waiting.open")) } }
    };
    page_with(StatusCode::CONFLICT, visit, lang.t("waiting.anothers"), &body)
}

/// Shows the form that waits, to the one to whom it was shown before.
pub(super) fn show(app: &App, visit: &Visit, form: &Form) -> Response {
    let lang = visit.lang;
    let path = own_path(form.get("kept_path"));
    if Form::of([("key", form.get(&format!("{KEPT}key")))]).is_anothers(app, visit) {
        return refused(&Visit { path: path.to_owned(), ..visit.clone() });
    }
    let fields = form.fields().filter_map(|(name, value)| Some((name.strip_prefix(KEPT)?, value)));
    let fields: Vec<_> = fields.filter(|(name, _)| *name != WAITED).collect();
    let back = page_of(path).filter(|page| *page != "/").unwrap_or("/me/consents");
    let body = html! {
        h1 { (lang.t("waiting.title")) }
        p class="lead" { (lang.t("waiting.text")) }
        @if let Some(name) = one_button(path) { p { strong { (lang.t(name)) } } }
        dl { (typed(lang, &fields)) }
        form id=(FORM) method="post" action=(path) {
            (hidden(WAITED, path))
            @for (name, value) in &fields { (hidden(name, value)) }
            div class="pair" {
                button { (lang.t("waiting.now")) }
                a class="button quiet" href=(back) { (lang.t("waiting.leave")) }
            }
        }
    };
    page(&with(visit.clone(), form), lang.t("waiting.title"), &body)
}

/// What was typed or chosen, as much as there is room for.
fn typed(lang: Lang, fields: &[(&str, &str)]) -> Markup {
    let mut shown = String::new();
    for (name, value) in fields.iter().filter(|(name, value)| !OURS.contains(name) && !value.is_empty()) {
        let words = || value.split('|').map(|word| lang.named("value", &short(word))).collect::<Vec<_>>().join(", ");
        let about = (*name == "about").then(|| score::about_in_words(lang, value)).flatten();
        // Where a page has many forms, the number of one stands in the names of its fields.
        let plain_name = name.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('-');
        let one = html! { dt { (lang.named("field", plain_name)) } dd dir="auto" { (about.unwrap_or_else(words)) } };
        if shown.len() + one.0.len() > SHOWN_BYTES_MAX {
            break;
        }
        shown.push_str(&one.0);
    }
    PreEscaped(shown)
}

fn short(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// The page that asks to log in once more, with the form that waits; or says that it could not be kept.
pub(super) fn log_in_again(
    visit: &Visit,
    kept_form: &Form,
    log_in: impl FnOnce(&Form) -> Result<Markup, Problem>,
) -> Response {
    let (lang, kept) = (visit.lang, kept(visit, kept_form));
    let text = if kept.is_some() { lang.t("account.ended_text") } else { lang.t("account.ended_lost") };
    let kept = kept.unwrap_or_default();
    let visit = &with(visit.clone(), &kept);
    match log_in(&kept) {
        Ok(log_in) => {
            let body = html! { h1 { (lang.t("account.ended")) } p class="lead" { (text) } (log_in) };
            page_with(StatusCode::UNAUTHORIZED, visit, lang.t("account.ended"), &body)
        }
        Err(problem) => problem.into_response(),
    }
}
