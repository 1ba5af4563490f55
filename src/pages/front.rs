//! The front page, and the choice of a language.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect};
use maud::{Markup, html};

use super::cookies::{LANGUAGE, keep};
use super::layout::page;
use super::visit::{Sent, Visit};
use super::words::Lang;
use super::{Answered, ROUTES, Shared, account, staff, waiting};

pub(super) async fn show(State(app): State<Shared>, visit: Visit) -> Answered {
    let lang = visit.lang;
    let controller = &app.config.controller_name;
    let body = html! {
        h1 { (lang.t("front.heading")) }
        p class="lead" { (lang.t("front.lead")) }
        p { (lang.t("front.who")) }
        h2 { (lang.t("front.jobs")) }
        ul class="cards" {
            (card("/me/consents", lang.t("front.consent"), lang.t("front.consent_text")))
            (card("/me/data", lang.t("front.take"), lang.t("front.take_text")))
            (card("/requests", lang.t("front.delete"), lang.t("front.delete_text")))
            (card("/opt-out", lang.t("opt_out.title"), lang.t("front.opt_out_text")))
        }
        h2 { (lang.t("front.guarantees")) }
        (guarantees(lang))
        @if !controller.is_empty() {
            h2 { (lang.t("front.controller")) }
            p { (controller) @if !app.config.controller_email.is_empty() { br; (app.config.controller_email) } }
        }
    };
    Ok(page(&visit, lang.t("front.title"), &body))
}

fn card(path: &str, title: &str, text: &str) -> Markup {
    html! { li { h3 { a href=(path) { (title) } } p { (text) } } }
}

fn guarantees(lang: Lang) -> Markup {
    let links = [
        ("front.opt_in", "/stored", "stored.title"),
        ("front.now", "/v1/log/checkpoint", "layout.checkpoint"),
        ("front.gone", "/requests", "front.check_deletion"),
        ("front.minors", "/opt-out", "opt_out.title"),
        ("front.never", "/v1/notices", "front.notices"),
        ("front.log", "/v1/log/key", "front.log_key"),
        ("front.check", "/verify", "verify.title"),
    ];
    html! {
        ul { @for (text, path, name) in links { li { (lang.t(text)) " " a href=(path) { (lang.t(name)) } } } }
    }
}

/// Keeps the language and goes back to the page that it was chosen on; where a form waits, it goes on waiting.
pub(super) async fn language(State(app): State<Shared>, sent: Sent) -> Answered {
    let chosen = Lang::from_tag(sent.form.get("lang"));
    let visit = Visit { lang: chosen.unwrap_or(sent.visit.lang), ..sent.visit.clone() };
    let waiting = waiting::taken_along(&sent.form);
    let mut response = if !waiting::waits(&waiting) {
        Redirect::to(&shown_page(sent.form.get("back"))).into_response()
    } else if waiting::is_staffs(&waiting) {
        staff::waiting(&app, visit, (&sent.headers, &waiting)).await?
    } else {
        account::waiting(&app, visit, (&sent.headers, &waiting)).await?
    };
    if let Some(lang) = chosen {
        keep(&mut response, LANGUAGE, lang.tag());
    }
    Ok(response)
}

/// One of our pages that can be asked for again; anything else, and what only a form leads to, is the front page.
fn shown_page(path: &str) -> String {
    let parts = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
    let asked = parts(path);
    let plain = |part: &String| part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    let fits = |known: &str| {
        let known = parts(known);
        known.len() == asked.len()
            && known.iter().zip(&asked).all(|(known, part)| known == part || known.starts_with('{'))
    };
    let found = ROUTES.iter().any(|route| route.method == "get" && fits(route.path));
    let own = found && asked.iter().all(plain) && path.starts_with('/') && !path.starts_with("/assets");
    if own && !path.contains("//") { path.to_owned() } else { "/".to_owned() }
}
