//! A form that was kept over a log-in: carried in the page that asks to log in, shown with what was chosen, and done only when its button is
//! pressed. Its fields are carried as fields, so that what was typed is no longer than it was.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::layout::{page, page_with};
use super::parts::hidden;
use super::routes::page_of;
use super::visit::{Form, Visit, own_path};
use crate::web::problem::Problem;

/// No form of ours is longer, in bytes. What is longer is not kept, and whoever sent it is told so.
const KEPT_BYTES_MAX: usize = 24 << 10;
/// So much of a field is shown again.
const SHOWN_CHARS_MAX: usize = 500;
/// What begins the name of a field that is kept.
const KEPT: &str = "kept.";

/// Fields that belong to the form and not to whoever filled it in.
const OURS: [&str; 6] = ["key", "known_seq", "notice_version", "notice_sha256", "before", "seal"];

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
    let bytes: usize = form.fields().map(|(name, value)| name.len() + value.len()).sum();
    let kept = Form::of([("kept_path", visit.path.as_str())].into_iter().chain(fields));
    (bytes <= KEPT_BYTES_MAX).then_some(kept)
}

/// What one form about a log-in hands on to the next: where to go back to, and a form that waits.
pub(super) fn carried(form: &Form) -> Markup {
    let goes_on = |name: &str| ["back", "kept_path"].contains(&name) || name.starts_with(KEPT);
    html! { @for (name, value) in form.fields().filter(|(name, value)| goes_on(name) && !value.is_empty()) { (hidden(name, value)) } }
}

/// Whether a form waits.
pub(super) fn waits(form: &Form) -> bool {
    !form.get("kept_path").is_empty()
}

/// Shows the form that waits.
pub(super) fn show(visit: &Visit, form: &Form) -> Response {
    let lang = visit.lang;
    let path = own_path(form.get("kept_path"));
    let fields: Vec<_> = form.fields().filter_map(|(name, value)| Some((name.strip_prefix(KEPT)?, value))).collect();
    let typed = fields.iter().filter(|(name, value)| !OURS.contains(name) && !value.is_empty());
    let back = page_of(path).filter(|page| *page != "/").unwrap_or("/me/consents");
    let body = html! {
        h1 { (lang.t("waiting.title")) }
        p class="lead" { (lang.t("waiting.text")) }
        @if let Some(name) = one_button(path) { p { strong { (lang.t(name)) } } }
        dl {
            @for (name, value) in typed {
                dt { (lang.named("field", name)) }
                dd dir="auto" { (value.split('|').map(|word| lang.named("value", &short(word))).collect::<Vec<_>>().join(", ")) }
            }
        }
        form method="post" action=(path) {
            @for (name, value) in &fields { (hidden(name, value)) }
            div class="pair" {
                button { (lang.t("waiting.now")) }
                a class="button quiet" href=(back) { (lang.t("waiting.leave")) }
            }
        }
    };
    page(visit, lang.t("waiting.title"), &body)
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
    match log_in(&kept.unwrap_or_default()) {
        Ok(log_in) => {
            let body = html! { h1 { (lang.t("account.ended")) } p class="lead" { (text) } (log_in) };
            page_with(StatusCode::UNAUTHORIZED, visit, lang.t("account.ended"), &body)
        }
        Err(problem) => problem.into_response(),
    }
}
