//! A form that was kept over a log-in: shown with what was chosen, and done only when its button is pressed.

use maud::html;

use super::Answered;
use super::layout::page;
use super::parts::hidden;
use super::visit::{Form, Visit, own_path};

/// Fields that belong to the form and not to whoever filled it in.
const OURS: [&str; 4] = ["key", "known_seq", "notice_version", "notice_sha256"];

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

/// Shows the form `kept` for `kept_path`.
pub(super) fn show(visit: &Visit, form: &Form) -> Answered {
    let lang = visit.lang;
    let path = own_path(form.get("kept_path"));
    let kept = Form::parse(form.get("kept"))?;
    let back = if path == "/" { "/me/consents" } else { path };
    let body = html! {
        h1 { (lang.t("waiting.title")) }
        p class="lead" { (lang.t("waiting.text")) }
        @if let Some(name) = one_button(path) { p { strong { (lang.t(name)) } } }
        dl {
            @for (name, value) in kept.fields().filter(|(name, value)| !OURS.contains(name) && !value.is_empty()) {
                dt { (lang.named("field", name)) }
                dd { (value.split('|').map(|word| lang.named("value", word)).collect::<Vec<_>>().join(", ")) }
            }
        }
        form method="post" action=(path) {
            @for (name, value) in kept.fields() { (hidden(name, value)) }
            div class="pair" {
                button { (lang.t("waiting.now")) }
                a class="button quiet" href=(back) { (lang.t("waiting.leave")) }
            }
        }
    };
    Ok(page(visit, lang.t("waiting.title"), &body))
}
