//! A public page: what somebody shows to everybody, with what it means. It has no picture, no frame and no way to find others.

use axum::extract::State;
use maud::{Markup, html};

use super::layout::page;
use super::visit::Visit;
use super::words::Lang;
use super::{Answered, Shared, score};
use crate::service::PublicPageView;
use crate::web::path::Path;
use crate::web::public::shown;

pub(super) async fn show(State(app): State<Shared>, visit: Visit, Path(address): Path<String>) -> Answered {
    let view = shown(&app, &address).await?;
    Ok(page(&visit, visit.lang.t("public.title"), &draw(visit.lang, &view)))
}

fn draw(lang: Lang, view: &PublicPageView) -> Markup {
    let days = [("from", lang.day(view.window_from_day)), ("to", lang.day(view.window_to_day))];
    let [from, to] = &days;
    html! {
        h1 { (lang.t("public.title")) }
        @if view.names.is_empty() { p { (lang.t("public.nameless")) } }
        @else {
            p { (lang.t("public.named")) }
            ul { @for name in &view.names { li { strong { (name) } } } }
        }
        @match view.value {
            Some(value) => { p class="big" { (value) } p { (lang.t("score.scale")) } },
            None => p class="lead" { (lang.t("score.too_little")) },
        }
        @if view.contested { p class="note" { (lang.t("public.contested")) } }
        p { (lang.say("public.source", &[("source", &lang.named("source", view.source.as_str()))])) }
        p {
            (lang.say("score.window", &[(from.0, &from.1), (to.0, &to.1)])) " "
            (lang.say("score.version", &[("version", view.version)]))
        }
        (score::meaning(lang, lang.t("public.means_text"), &view.not_suitable_for))
        h2 { (lang.t("public.why")) }
        p { (lang.t("public.why_text")) }
        dl {
            dt { (lang.t("public.seq")) } dd { (lang.number(view.seq.0)) }
            dt { (lang.t("public.policy")) } dd { code { (view.policy_sha256) } }
            dt { (lang.t("public.until")) } dd { (lang.time(view.use_by_us)) }
        }
    }
}
