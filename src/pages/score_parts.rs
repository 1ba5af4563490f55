//! The exact parts of a score, drawn and as tables; and how the score went, week by week.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::paged::List;
use super::score::{PATH, numbered};
use super::words::Lang;
use crate::domain::{ResponseKind, Stretch, Topic, Week};
use crate::service::{Amounts, Cell, ExplanationView, FormulaChange};

/// The end of each week: the value that there was, and how what is counted changed in it.
pub(super) type Points = Vec<(Week, Option<u8>, Change)>;

/// How what is counted changed in a week.
pub(super) struct Change {
    /// The person said something else about what may be counted.
    pub(super) consent: bool,
    /// Another formula counts since.
    pub(super) formula: Option<FormulaChange>,
}

impl Change {
    fn words(&self, lang: Lang) -> Option<String> {
        let consent = self.consent.then(|| lang.t("score.changed").to_owned());
        let formula = self.formula.as_ref();
        let formula =
            formula.map(|change| lang.say("score.formula_changed", &[("from", &change.from), ("to", &change.to)]));
        let words: Vec<String> = consent.into_iter().chain(formula).collect();
        (!words.is_empty()).then(|| words.join("; "))
    }
}

/// Room for parts that are shown one by one, in bytes; the others of a page stand together in one line.
const BYTES: usize = 6_000;
const WIDTH: i64 = 728;
const HEIGHT: i64 = 200;
const BASE: i64 = 170;

/// A part in words.
pub(super) fn name(lang: Lang, (topic, kind, week): (&Topic, ResponseKind, Week)) -> String {
    let week = lang.say("score.week_of", &[("day", &lang.day(week.monday()))]);
    format!("{topic}, {}, {week}", lang.named("response", kind.as_str()))
}

/// The chart, and under it the same as a table; and the parts that are shown one by one, the largest first.
pub(super) fn draw(lang: Lang, view: &ExplanationView, stretch: Stretch<usize>) -> (Markup, Vec<&Cell>) {
    let Amounts::Shown { numerator, cells, rest } = &view.explanation.amounts else {
        let withheld =
            html! { h2 { (lang.t("score.parts")) } p { (lang.t("score.parts_withheld")) } (weeks(lang, view)) };
        return (withheld, Vec::new());
    };
    let title = lang.t("score.parts");
    let list = List { path: PATH, name: "parts", title, bytes: BYTES, newest_first: false };
    let mut sorted: Vec<&Cell> = cells.iter().collect();
    sorted.sort_by_key(|cell| std::cmp::Reverse(cell.micro));
    let sorted = numbered(&sorted);
    let found = stretch.of(&sorted, |(number, _)| *number);
    let shown = list.fill(&stretch, found, |(number, _)| number.to_string(), |(_, cell)| part(lang, cell));
    let these: Vec<&Cell> = shown.these.iter().map(|(_, cell)| **cell).collect();
    let others: i64 =
        cells.iter().map(|cell| cell.micro).sum::<i64>() - these.iter().map(|cell| cell.micro).sum::<i64>();
    let drawn = html! {
        h2 { (title) }
        p { (lang.say("score.parts_text", &[("denominator", &view.explanation.denominator.to_string())])) }
        (chart(lang, view, cells))
        @if let Some(rest) = rest { p { (lang.say("score.chart_rest", &[("rest", &lang.number(rest.micro)), ("sum", &lang.number(*numerator))])) } }
        div class="scroll" tabindex="0" role="region" aria-label=(title) {
            table {
                thead { tr {
                    th scope="col" { (lang.t("score.part")) }
                    th scope="col" class="number" { (lang.t("score.people")) }
                    th scope="col" class="number" { (lang.t("score.micro")) }
                } }
                tbody {
                    (shown.entries)
                    @if others > 0 { tr { td { (lang.t("score.others")) } td {} td class="number" { (lang.number(others)) } } }
                    @if let Some(rest) = rest {
                        tr { td { (lang.t("score.rest")) } td class="number" { (rest.responders) } td class="number" { (lang.number(rest.micro)) } }
                    }
                }
                tfoot { tr { th scope="row" { (lang.t("score.sum")) } td {} td class="number" { (lang.number(*numerator)) } } }
            }
        }
        (list.links(lang, &shown))
        (weeks(lang, view))
    };
    (drawn, these)
}

fn part(lang: Lang, cell: &Cell) -> Markup {
    html! { tr { td { (name(lang, (&cell.topic, cell.kind, cell.week))) } td class="number" { (cell.responders) } td class="number" { (lang.number(cell.micro)) } } }
}

fn weeks(lang: Lang, view: &ExplanationView) -> Markup {
    html! {
        details {
            summary { (lang.t("score.weeks")) }
            p { (lang.t("score.weeks_text")) }
            ul {
                @for week in &view.explanation.weeks {
                    li { (lang.day(week.week.monday())) ": " (lang.t(if week.counts { "score.counted" } else { "score.left_out" })) }
                }
            }
        }
    }
}

/// One bar for each week of the window; a week that does not count has a dashed frame.
fn chart(lang: Lang, view: &ExplanationView, cells: &[Cell]) -> Markup {
    let mut sums: BTreeMap<Week, i64> = BTreeMap::new();
    for cell in cells {
        *sums.entry(cell.week).or_default() += cell.micro;
    }
    let most = sums.values().copied().max().unwrap_or_default().max(1);
    let weeks = &view.explanation.weeks;
    let step = WIDTH / i64::try_from(weeks.len().max(1)).unwrap_or(1);
    let place = |number: usize| i64::try_from(number).unwrap_or_default() * step;
    html! {
        svg class="chart" viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(lang.t("score.chart")) {
            @for (number, week) in weeks.iter().enumerate() {
                @let high = sums.get(&week.week).copied().unwrap_or_default() * (BASE - 10) / most;
                @if week.counts { rect class="bar" x=(place(number) + 2) y=(BASE - high) width=(step - 4) height=(high) {} }
                @else { rect class="out" x=(place(number) + 2) y="10" width=(step - 4) height=(BASE - 10) {} }
            }
            line class="axis" x1="0" y1=(BASE) x2=(WIDTH) y2=(BASE) {}
            @if let (Some(first), Some(last)) = (weeks.first(), weeks.last()) {
                text x="0" y=(HEIGHT - 8) { (lang.day(first.week.monday())) }
                text x=(WIDTH) y=(HEIGHT - 8) text-anchor="end" { (lang.day(last.week.monday())) }
            }
        }
    }
}

/// How the value went, with a mark where what is counted changed.
pub(super) fn history(lang: Lang, version: &str, points: &Points) -> Markup {
    let step = WIDTH / i64::try_from(points.len().max(1)).unwrap_or(1);
    let x = |number: usize| i64::try_from(number).unwrap_or_default() * step + step / 2;
    let y = |value: u8| BASE - i64::from(value) * (BASE - 10) / 100;
    html! {
        h2 { (lang.t("score.history")) }
        p { (lang.say("score.history_text", &[("version", version)])) }
        svg class="chart" viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(lang.t("score.history")) {
            line class="axis" x1="0" y1=(BASE) x2=(WIDTH) y2=(BASE) {}
            @for (number, (_, value, changed)) in points.iter().enumerate() {
                @if changed.words(lang).is_some() { line class="mark" x1=(x(number)) y1="10" x2=(x(number)) y2=(BASE) {} }
                @if let Some(value) = value {
                    circle class="dot" cx=(x(number)) cy=(y(*value)) r="5" {}
                    text x=(x(number)) y=(y(*value) - 10) text-anchor="middle" { (value) }
                }
            }
        }
        details {
            summary { (lang.t("score.as_table")) }
            table {
                thead { tr { th scope="col" { (lang.t("score.week")) } th scope="col" class="number" { (lang.t("score.value")) } th scope="col" { (lang.t("score.mark")) } } }
                tbody {
                    @for (week, value, changed) in points {
                        tr {
                            td { (lang.day(week.monday())) }
                            td class="number" { @match value { Some(value) => (value), None => (lang.t("score.no_number")) } }
                            td { (changed.words(lang).unwrap_or_default()) }
                        }
                    }
                }
            }
        }
    }
}
