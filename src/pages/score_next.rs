//! The value by a formula that does not count yet, beside the one that does: what changes, why, and from when.
//!
//! Which of the two is higher is not said in words: a value is no achievement, and a lower one no loss.

use maud::{Markup, html};

use super::words::Lang;
use crate::service::{NextScoreView, ScoreView};

/// Nothing, where no other formula is announced.
pub(super) fn draw(lang: Lang, score: &ScoreView) -> Markup {
    html! { @if let Some(next) = &score.next { (beside(lang, score, next)) } }
}

fn beside(lang: Lang, score: &ScoreView, next: &NextScoreView) -> Markup {
    let (version, day) = (next.formula.version.as_str(), lang.day(next.formula.from_day));
    let names = [("now", score.version), ("next", version), ("day", day.as_str())];
    html! {
        section {
            h2 { (lang.t("score.next")) }
            p { (lang.say("score.next_text", &names)) }
            table {
                thead { tr {
                    th scope="col" { (lang.t("score.formula")) }
                    th scope="col" class="number" { (lang.t("score.value")) }
                    th scope="col" { (lang.t("score.counts")) }
                } }
                tbody {
                    tr { td { (score.version) } td class="number" { (value(lang, score.value)) } td { (lang.t("score.counted")) } }
                    tr { td { (version) } td class="number" { (value(lang, next.value)) } td { (lang.t("score.next_not_yet")) } }
                }
            }
            h3 { (lang.t("score.next_changes")) }
            ul {
                @for change in &next.formula.changes {
                    @let kind = lang.named("response", change.kind.as_str());
                    @let places = [("kind", kind.as_str()), ("weight", &change.now.to_string()), ("then", &change.then.to_string())];
                    li { (lang.say("score.next_weight", &places)) }
                }
            }
            @if let Some(why) = lang.find(&format!("formula.{version}")) { p { (why) } }
        }
    }
}

fn value(lang: Lang, value: Option<u8>) -> String {
    value.map_or_else(|| lang.t("score.no_number").to_owned(), |value| value.to_string())
}
