//! Who can see a score: nobody, everybody without a name, those whom the person chose, everybody by name. Each is what the person's
//! decisions say, and nothing else; here is only said which hold, with the way to each. Hiding is one of them, and takes no more steps.

use axum::extract::State;
use maud::{Markup, html};

use super::consents::said;
use super::paged::List;
use super::parts::form;
use super::states::titled;
use super::visit::SentBy;
use super::words::Lang;
use super::{Answered, Shared, score};
use crate::domain::{EVERYBODY, PUBLIC_NAME, PUBLIC_PAGE, Seq, Stretch};
use crate::service::{App, Consents, LiveConsent, OwnPage, PersonCaller};
use crate::web::problem::Problem;

/// Room for the list of those whom the person chose, in bytes.
const BYTES: usize = 2_000;
/// The purpose of telling one recipient.
const PROFILE: &str = "public_profile";

/// Which hold now, and the way to each.
pub(super) async fn draw(
    app: &App,
    lang: Lang,
    (caller, consents): (&PersonCaller, &Consents),
    stretch: Stretch<Seq>,
) -> Result<Markup, Problem> {
    let list =
        List { path: score::PATH, name: "seen", title: lang.t("visibility.chosen"), bytes: BYTES, newest_first: false };
    let pages = app.public_pages(caller).await?;
    let paused = consents.held || consents.suppressed || consents.latched;
    let is_chosen = |live: &&LiveConsent| {
        live.counts() && live.triple.recipient.as_str() != EVERYBODY && app.tells_score(&live.triple.purpose)
    };
    let mut chosen: Vec<&LiveConsent> = consents.live.iter().filter(is_chosen).collect();
    let told = chosen.iter().any(|live| consents.works_out(&live.triple));
    chosen.sort_by_key(|live| live.consent_id);
    let found = stretch.of(&chosen, |live| live.consent_id);
    let draw = |live: &&&LiveConsent| html! { li { (titled(lang, &live.triple)) } };
    let shown = list.fill(&stretch, found, |live| live.consent_id.0.to_string(), draw);
    let anonymous = pages.iter().any(|page| page.shown && !page.named);
    let public = pages.iter().any(|page| page.named);
    let hidden = !told && !anonymous && !public;
    let decide = |purpose: &str, key: &'static str| {
        html! { a class="button" href=(format!("/me/consents/{purpose}")) { (lang.t(key)) } }
    };
    let hide = form(
        "/me/score",
        &app.form_key(&caller.subject.to_string())?,
        &html! { button { (lang.t("visibility.hide")) } },
    );
    Ok(html! {
        h2 id="visibility" { (lang.t("score.visibility")) }
        @if paused { p class="note" { (lang.t("visibility.paused")) } }
        ul class="choices" {
            (choice(lang, ("visibility.hidden", "visibility.hidden_text"), hidden, &hide))
            (choice(lang, ("visibility.anonymous", "visibility.anonymous_text"), anonymous, &decide(PUBLIC_PAGE, "visibility.decide_anonymous")))
            (choice(lang, ("visibility.chosen", "visibility.chosen_text"), told, &html! {
                @if !chosen.is_empty() { ul { (shown.entries) } (list.links(lang, &shown)) }
                (decide(PROFILE, "visibility.decide_chosen"))
            }))
            (choice(lang, ("visibility.public", "visibility.public_text"), public, &html! {
                div class="pair" {
                    @if pages.is_empty() { (decide(PUBLIC_PAGE, "visibility.decide_anonymous")) }
                    (decide(PUBLIC_NAME, "visibility.decide_public"))
                }
            }))
        }
        (addresses(lang, &pages))
    })
}

/// One of the four: what it is, whether it holds, and the way to it, which looks the same for all.
fn choice(lang: Lang, (title, text): (&'static str, &'static str), holds: bool, way: &Markup) -> Markup {
    html! {
        li {
            h3 { (lang.t(title)) }
            p { (lang.t(text)) }
            p class="state" { (lang.t(if holds { "visibility.holds" } else { "visibility.holds_not" })) }
            (way)
        }
    }
}

fn addresses(lang: Lang, pages: &[OwnPage]) -> Markup {
    html! {
        @if !pages.is_empty() {
            h3 { (lang.t("visibility.pages")) }
            p { (lang.t("visibility.pages_text")) }
            dl {
                @for page in pages {
                    dt { (lang.named("source", page.source.as_str())) }
                    dd {
                        a href=(format!("/public/{}", page.page)) { code { (page.address) } } " "
                        (lang.t(match (page.shown, page.named) {
                            (false, _) => "visibility.page_off",
                            (true, false) => "visibility.page_nameless",
                            (true, true) => "visibility.page_named",
                        }))
                    }
                }
            }
        }
    }
}

/// Takes back whatever shows the score to anybody.
pub(super) async fn hide(State(app): State<Shared>, sent: SentBy) -> Answered {
    app.hide_score(&sent.caller).await?;
    Ok(said("/me/score", "hidden"))
}
