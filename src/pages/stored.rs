//! What is stored about a person and for how long: the data map, which the running database was compared with.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use axum::extract::State;
use maud::{Markup, html};

use super::layout::page;
use super::visit::Visit;
use super::words::Lang;
use super::{Answered, Shared};
use crate::service::{App, StoredView};

pub(super) async fn show(State(app): State<Shared>, visit: Visit) -> Answered {
    let lang = visit.lang;
    let body = html! {
        h1 { (lang.t("stored.title")) }
        p class="lead" { (lang.t("stored.lead")) }
        (tables(lang, &app))
        p { (lang.t("stored.programs")) " " a href="/v1/stored" { "/v1/stored" } }
    };
    Ok(page(&visit, lang.t("stored.title"), &body))
}

/// Every table that is about somebody, then the others in one line each. The data map is part of the program: it is drawn once for each language.
pub(super) fn tables(lang: Lang, app: &App) -> &'static Markup {
    static ENGLISH: OnceLock<Markup> = OnceLock::new();
    static GERMAN: OnceLock<Markup> = OnceLock::new();
    match lang {
        Lang::English => ENGLISH.get_or_init(|| drawn(lang, app)),
        Lang::German => GERMAN.get_or_init(|| drawn(lang, app)),
    }
}

fn drawn(lang: Lang, app: &App) -> Markup {
    let stored = app.stored();
    let (people, others): (Vec<_>, Vec<_>) = stored.iter().partition(|table| table.about_people);
    html! {
        @for table in people { (about_people(lang, table)) }
        h2 { (lang.t("stored.others")) }
        ul { @for table in others { li { (lang.named("table", table.table)) ": " (kept(lang, table)) } } }
    }
}

fn about_people(lang: Lang, table: &StoredView<'_>) -> Markup {
    let classes: BTreeSet<&str> = table.columns.values().map(|class| class.as_str()).collect();
    html! {
        section class="stored" {
            h2 { (lang.named("table", table.table)) }
            dl {
                dt { (lang.t("stored.kept")) } dd { (kept(lang, table)) }
                dt { (lang.t("stored.erasure")) }
                dd { (lang.named("erase", table.erase.as_str())) @if let Some(why) = &table.why { " " (lang.find(&format!("why.{}", table.table)).unwrap_or(why)) } }
                dt { (lang.t("stored.what")) }
                dd { (classes.iter().map(|class| lang.named("class", class)).collect::<Vec<_>>().join(", ")) }
            }
        }
    }
}

/// For how long: in the words of the data map, or a translation of them.
fn kept<'a>(lang: Lang, table: &StoredView<'a>) -> &'a str {
    lang.find(&format!("kept.{}", table.table)).unwrap_or(table.kept)
}
