//! Who asked about a person, who was told what, and to whom it was announced that something no longer holds: a page with three lists. The
//! page of the score begins each of them.

use axum::extract::{RawQuery, State};
use maud::{Markup, html};
use tokio::try_join;

use super::paged::{self, List};
use super::parts::Drawn;
use super::visit::{Form, Member};
use super::words::Lang;
use super::{Shared, erasure, states};
use crate::domain::Act;
use crate::service::{App, DecisionPlace, DecisionTally, HistoryEntry, PersonCaller};
use crate::web::problem::Problem;

/// Where the lists go on.
const PATH: &str = "/me/asked";
/// Room of each list on its own page, and where it only begins, in bytes.
const BYTES: usize = 9_000;
const BEGINNING_BYTES: usize = 1_200;

pub(super) async fn show(
    State(app): State<Shared>,
    member: Member,
    RawQuery(query): RawQuery,
) -> Result<Drawn, Problem> {
    let Member { visit, caller } = member;
    let lang = visit.lang;
    let query = Form::parse(query.as_deref().unwrap_or_default())?;
    let body = html! {
        h1 { (lang.t("asked.title")) }
        p { (lang.t("asked.text")) }
        (lists(&app, lang, &caller, (&query, BYTES)).await?)
        p { a href="/me/score" { (lang.t("score.title")) } }
    };
    Ok(Drawn { title: lang.t("asked.title"), visit, body })
}

/// The newest of each.
pub(super) async fn beginning(app: &App, lang: Lang, caller: &PersonCaller) -> Result<Markup, Problem> {
    let lists = lists(app, lang, caller, (&Form::default(), BEGINNING_BYTES)).await?;
    Ok(html! { (lists) p { a href=(PATH) { (lang.t("asked.all")) } } })
}

async fn lists(app: &App, lang: Lang, caller: &PersonCaller, room: (&Form, usize)) -> Result<Markup, Problem> {
    let (decisions, told, announced) = try_join!(
        decisions(app, lang, caller, room),
        told(app, lang, caller, room),
        announced(app, lang, caller, room)
    )?;
    Ok(html! { (decisions) (told) (announced) })
}

async fn decisions(
    app: &App,
    lang: Lang,
    caller: &PersonCaller,
    (query, bytes): (&Form, usize),
) -> Result<Markup, Problem> {
    let stretch = paged::asked(query, "asked", paged::decision)?;
    let found = app.decisions_in(caller, stretch, paged::READ).await?;
    let title = lang.t("score.asked");
    let list = List { path: PATH, name: "asked", title, bytes, newest_first: true };
    let place = |((day, place), _): &(DecisionPlace, DecisionTally)| format!("{}.{place}", day.0);
    let shown = list.fill(&stretch, found, place, |(_, one)| decision(lang, one));
    Ok(html! {
        h2 { (title) }
        @if let Some(nothing) = shown.nothing(lang, "score.asked_nobody") { p { (nothing) } }
        @else {
            div class="scroll" tabindex="0" role="region" aria-label=(title) {
                table {
                    thead { tr {
                        th scope="col" { (lang.t("score.day")) } th scope="col" { (lang.t("score.who")) }
                        th scope="col" { (lang.t("score.answer")) } th scope="col" class="number" { (lang.t("score.times")) }
                    } }
                    tbody { (shown.entries) }
                }
            }
        }
        (list.links(lang, &shown))
    })
}

fn decision(lang: Lang, one: &DecisionTally) -> Markup {
    let DecisionTally { counted, times } = one;
    html! {
        tr {
            td class="day" { (lang.day(counted.day)) } td { bdi { (lang.named("recipient", &counted.caller)) } ", " (lang.named("purpose", &counted.purpose)) }
            td { (lang.t(if counted.allowed { "score.allowed" } else { "score.denied" })) } td class="number" { (lang.number(*times)) }
        }
    }
}

async fn told(app: &App, lang: Lang, caller: &PersonCaller, (query, bytes): (&Form, usize)) -> Result<Markup, Problem> {
    let stretch = paged::asked(query, "told", paged::seq)?;
    let found = app.told_in(caller, stretch, paged::READ).await?;
    let title = lang.t("score.told");
    let list = List { path: PATH, name: "told", title, bytes, newest_first: true };
    let shown = list.fill(&stretch, found, |one| one.seq.0.to_string(), |one| telling(lang, one));
    Ok(html! {
        h2 { (title) }
        @if let Some(nothing) = shown.nothing(lang, "score.told_nobody") { p { (nothing) } }
        @else { ul { (shown.entries) } }
        (list.links(lang, &shown))
    })
}

fn telling(lang: Lang, one: &HistoryEntry) -> Markup {
    html! {
        @if let Act::Disclosed { triple, value, .. } = &one.event.act {
            li { (lang.time(one.event.at)) ": " (states::titled(lang, triple)) ". " (lang.say("score.told_value", &[("value", &value.to_string())])) }
        }
    }
}

async fn announced(
    app: &App,
    lang: Lang,
    caller: &PersonCaller,
    (query, bytes): (&Form, usize),
) -> Result<Markup, Problem> {
    let stretch = paged::asked(query, "announced", paged::delivery)?;
    let found = app.deliveries_in(caller, stretch, paged::READ).await?;
    let title = lang.t("asked.announced");
    let list = List { path: PATH, name: "announced", title, bytes, newest_first: true };
    let place = |one: &crate::service::DeliveryView| format!("{}.{}", one.made_us.0, one.id);
    let shown = list.fill(&stretch, found, place, |one| erasure::told(lang, one));
    Ok(erasure::all_told(lang, (&shown, "asked.announced_nobody"), &list))
}
