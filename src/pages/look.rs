//! For auditors: the look at one person, at one point in time, that says why, and that this person sees.

use axum::extract::State;
use maud::{Markup, html};

use super::audit::{PAGES, done_by};
use super::layout::page;
use super::names::identifier;
use super::paged::{self, List, Shown};
use super::parts::{Drawn, Field, Wrong, again, form, hidden, summary};
use super::staff::{Auditor, SentByAuditor, navigation};
use super::visit::{Form, Visit, wrong};
use super::words::Lang;
use super::{Answered, Shared, states};
use crate::domain::{Day, Micros};
use crate::service::{App, AsOfView, InForce, Look, LookView, PointInTime, Proved};
use crate::web::problem::Problem;

pub(super) async fn ask(State(app): State<Shared>, auditor: Auditor) -> Result<Drawn, Problem> {
    draw(&app, auditor.visit, &Form::default(), None)
}

fn draw(app: &App, visit: Visit, typed: &Form, wrong: Option<&Wrong>) -> Result<Drawn, Problem> {
    let lang = visit.lang;
    let time = |name, label| Field::text(name, lang.t(label)).with_hint(lang.t("audit.time_hint"));
    let inner = html! {
        (Field::text("identifier", lang.t("opt_out.whom")).with_hint(lang.t("opt_out.whom_hint")).draw(lang, typed, wrong))
        (Field::text("reason", lang.t("audit.reason")).with_hint(lang.t("audit.reason_hint")).draw(lang, typed, wrong))
        (time("as_of", "audit.as_of").draw(lang, typed, wrong))
        (time("known_at", "audit.known_at").draw(lang, typed, wrong))
        button { (lang.t("audit.look")) }
    };
    let body = html! {
        (summary(lang, wrong))
        (navigation(&visit, &PAGES))
        h1 { (lang.t("audit.look")) }
        p { (lang.t("audit.look_text")) }
        (form("/audit/look", &visit.form_key(app)?, &inner))
    };
    Ok(Drawn { title: lang.t("audit.look"), visit, body })
}

pub(super) async fn act(State(app): State<Shared>, sent: SentByAuditor) -> Answered {
    let looked = async {
        let time = |name: &str| match sent.form.get(name) {
            "" => Ok(None),
            text => moment(text, app.clock.now()).map(Some).ok_or_else(|| wrong(name)),
        };
        let time = PointInTime { as_of: time("as_of")?, known_at: time("known_at")? };
        let look = Look {
            identifier: identifier(sent.form.get("identifier"))?,
            reason: sent.form.get("reason").to_owned(),
            time,
        };
        Ok::<_, Problem>(app.look(&sent.caller, &look, sent.idempotency(&app).as_ref()).await?)
    };
    match looked.await {
        Ok(view) => Ok(page(&sent.visit, sent.visit.lang.t("audit.look"), &seen(&sent, &view)?)),
        Err(problem) => again(problem, |wrong| draw(&app, sent.visit.clone(), &sent.form, Some(wrong))),
    }
}

/// The moment that somebody typed. A day means its end, a minute and a second theirs; nothing that is still to come is meant.
fn moment(text: &str, now: Micros) -> Option<Micros> {
    let text = text.trim();
    let plain = text.strip_suffix("UTC").unwrap_or(text).trim_end().replacen(' ', "T", 1);
    let last = |first: Micros, seconds: i64| Micros(first.plus_seconds(seconds).0 - 1);
    let day = || Day::parse(text).map(|day| last(day.start(), 24 * 3600));
    let minute = || Micros::parse(&format!("{plain}:00Z")).map(|first| last(first, 60));
    let second = || Micros::parse(&format!("{plain}Z")).map(|first| last(first, 1));
    let exact = || Micros::parse(text);
    let at = day().or_else(minute).or_else(second).or_else(exact)?;
    (at.day() <= now.day()).then(|| at.min(now))
}

/// Room for each of the two lists of a look, in bytes.
const SEEN_BYTES: usize = 10_000;

fn seen(sent: &SentByAuditor, view: &LookView) -> Result<Markup, Problem> {
    let (visit, lang) = (&sent.visit, sent.visit.lang);
    let found = match &view.found {
        None => html! { p class="lead" { (lang.t("audit.unknown")) } },
        Some(found) => html! {
            p { (lang.say("audit.then", &[("as_of", &lang.time(found.as_of_us)), ("known_at", &lang.time(found.known_at_us))])) }
            ul {
                @for (stands, words) in [(!found.adult, "audit.not_adult"), (found.held, "act.held"), (found.suppressed, "act.opted_out"), (found.latched, "denied.latched"), (found.erased, "denied.erased")] {
                    @if stands { li { (lang.t(words)) } }
                }
            }
            (in_force(lang, &sent.form, found)?)
            (stood_on(lang, &sent.form, found)?)
        },
    };
    Ok(html! {
        (navigation(visit, &PAGES))
        h1 { (lang.t("audit.look")) }
        p { (lang.t("audit.looked")) }
        (found)
        (super::receipt::kept(lang, &String::from(view.receipt.clone()), "look"))
    })
}

fn in_force(lang: Lang, form: &Form, found: &AsOfView) -> Result<Markup, Problem> {
    let (stretch, title) = (paged::asked(form, "list", paged::seq)?, lang.t("audit.in_force"));
    let list = List { path: "/audit/look", name: "list", title, bytes: SEEN_BYTES, newest_first: false };
    let mut grants: Vec<_> = found.in_force.iter().collect();
    grants.sort_by_key(|grant| grant.consent_id);
    let draw = |grant: &&&InForce| html! { li { (states::titled(lang, &grant.triple)) ", " (lang.say("audit.until", &[("day", &lang.day(grant.valid_until_us.day()))])) } };
    let place = |grant: &&&InForce| grant.consent_id.0.to_string();
    let shown = list.fill(&stretch, stretch.of(&grants, |grant| grant.consent_id), place, draw);
    Ok(html! {
        h2 { (title) }
        @if let Some(nothing) = shown.nothing(lang, "audit.none_in_force") { p { (nothing) } }
        ul { (shown.entries) }
        (look_on(lang, form, (&list, &shown)))
    })
}

fn stood_on(lang: Lang, form: &Form, found: &AsOfView) -> Result<Markup, Problem> {
    let (stretch, title) = (paged::asked(form, "stood", paged::seq)?, lang.t("audit.stood_on"));
    let list = List { path: "/audit/look", name: "stood", title, bytes: SEEN_BYTES, newest_first: false };
    let draw = |event: &&&Proved| html! { li { (event.seq.0) ": " (done_by(lang, event.event.act.kind())) ", " (lang.time(event.event.at)) } };
    let by_then: Vec<_> = found.stood_on.iter().filter(|event| event.event.said() <= found.as_of_us).collect();
    let found_here = stretch.of(&by_then, |event| event.seq);
    let shown = list.fill(&stretch, found_here, |event| event.seq.0.to_string(), draw);
    let older = lang.number(i64::try_from(found.older_events).unwrap_or(i64::MAX));
    Ok(html! {
        h2 { (title) }
        @if found.older_events > 0 { p { (lang.say("audit.older_events", &[("number", &older)])) } }
        ul { (shown.entries) }
        (look_on(lang, form, (&list, &shown)))
    })
}

/// The fields of its form.
const ASKED: [&str; 5] = ["key", "identifier", "reason", "as_of", "known_at"];

/// More of the same look: the same form with the same key, which leaves no second leaf.
fn look_on<T>(lang: Lang, form: &Form, (list, shown): (&List<'_>, &Shown<T>)) -> Markup {
    html! {
        @if shown.before.is_some() || shown.after.is_some() {
            form method="post" action="/audit/look" class="pair" {
                @for (name, value) in form.fields().filter(|(name, _)| ASKED.contains(name)) { (hidden(name, value)) }
                (list.buttons(lang, shown))
            }
        }
    }
}
