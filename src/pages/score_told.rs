//! Who asked about a person, who was told what, and the scores that others worked out.

use maud::{Markup, html};

use super::erasure;
use super::words::Lang;
use crate::domain::{Act, Day, EVERYBODY, Triple};
use crate::service::{App, DecisionTally, EngineScoreView, PersonCaller};
use crate::web::problem::Problem;

/// Rows of each table; the export has all of them.
const SHOWN_MAX: usize = 60;

/// Scores that engines worked out.
pub(super) fn engines(lang: Lang, engines: &[EngineScoreView]) -> Markup {
    html! {
        @if !engines.is_empty() {
            h2 { (lang.t("score.engines")) }
            ul {
                @for one in engines {
                    li {
                        (one.engine) ", " (lang.named("purpose", one.purpose.as_str())) ", " (lang.named("source", one.source.as_str())) ": "
                        @match &one.score { Some(score) => (score.value), None => (lang.t("score.no_number")) }
                    }
                }
            }
        }
    }
}

/// Who asked, who was told.
pub(super) async fn asked(app: &App, lang: Lang, caller: &PersonCaller) -> Result<Markup, Problem> {
    let (mut decisions, told) = (app.decisions(caller).await?, app.told(caller).await?);
    decisions.sort_by_key(|one| std::cmp::Reverse(one.counted.day));
    Ok(html! {
        h2 { (lang.t("score.asked")) }
        @if decisions.is_empty() { p { (lang.t("score.asked_nobody")) } }
        @else {
            div class="scroll" tabindex="0" role="region" aria-label=(lang.t("score.asked")) {
                table {
                    thead { tr {
                        th scope="col" { (lang.t("score.day")) } th scope="col" { (lang.t("score.who")) }
                        th scope="col" { (lang.t("score.answer")) } th scope="col" class="number" { (lang.t("score.times")) }
                    } }
                    tbody {
                        @for one in decisions.iter().take(SHOWN_MAX) {
                            tr {
                                td { (lang.day(one.counted.day)) } td { (lang.named("recipient", &one.counted.caller)) ", " (lang.named("purpose", &one.counted.purpose)) }
                                td { (lang.t(if one.counted.allowed { "score.allowed" } else { "score.denied" })) } td class="number" { (lang.number(one.times)) }
                            }
                        }
                    }
                }
            }
        }
        h2 { (lang.t("score.told")) }
        @if told.is_empty() { p { (lang.t("score.told_nobody")) } }
        @else {
            ul {
                @for one in told.iter().rev().take(SHOWN_MAX) {
                    @if let Act::Disclosed { triple, value, .. } = &one.event.act {
                        li {
                            (lang.time(one.event.at)) ": " (super::consents::titled(lang, triple)) ". " (lang.say("score.told_value", &[("value", &value.to_string())]))
                            @if triple.recipient.as_str() == EVERYBODY { " " (looks(lang, &decisions, triple, one.event.at.day())) }
                        }
                    }
                }
            }
        }
        (erasure::told(lang, &app.deliveries(caller).await?))
    })
}

/// How often everybody was shown something on a day: a public page is looked at by nobody in particular.
fn looks(lang: Lang, decisions: &[DecisionTally], triple: &Triple, day: Day) -> String {
    let same = decisions.iter().filter(|one| {
        let counted = &one.counted;
        let of = (counted.caller.as_str(), counted.purpose.as_str(), counted.source.as_str());
        counted.allowed && counted.day == day && of == (EVERYBODY, triple.purpose.as_str(), triple.source.as_str())
    });
    lang.say("score.told_times", &[("times", &lang.number(same.map(|one| one.times).sum()))])
}
