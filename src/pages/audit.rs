//! For auditors: the log, searched and filtered, its checkpoint and whether it goes on from an older one, and the look at one person
//! that says why, and that this person sees.

use axum::extract::{RawQuery, State};
use axum::http::header;
use axum::response::IntoResponse;
use maud::{Markup, html};

use super::layout::page;
use super::names::identifier;
use super::paged::{self, List, Shown};
use super::parts::{Drawn, Field, Wrong, again, form, hidden, summary};
use super::staff::{Auditor, SentByAuditor, navigation};
use super::visit::{Form, Visit, wrong};
use super::words::Lang;
use super::{Answered, Shared, states};
use crate::domain::{Act, Day, Micros, Seq};
use crate::service::{App, AsOfView, AuditPage, AuditQuery, InForce, Look, LookView, PointInTime, Proved};
use crate::web::problem::Problem;

/// Leaves of one page.
const SHOWN: i64 = 100;
const PAGES: [(&str, &str); 3] =
    [("/audit", "audit.title"), ("/audit/checkpoint", "audit.checkpoint"), ("/audit/look", "audit.look")];

pub(super) async fn search(
    State(app): State<Shared>,
    auditor: Auditor,
    RawQuery(query): RawQuery,
) -> Result<Drawn, Problem> {
    let (visit, query) = (auditor.visit, query.unwrap_or_default());
    let (lang, typed) = (visit.lang, Form::parse(&query)?);
    let found = app.audit_events(&read(&typed, SHOWN)?).await?;
    let body = html! {
        (navigation(&visit, &PAGES))
        h1 { (lang.t("audit.title")) }
        p { (lang.t("audit.text")) }
        (filter(lang, &typed))
        (leaves(lang, &found))
        @if let Some(next) = found.next { p { a href=(format!("/audit?{}", with(&typed, "after", &next.0.to_string()))) { (lang.t("audit.more")) } } }
        p {
            a href=(format!("/audit/export?{}", with(&typed, "form", "csv"))) { (lang.t("audit.csv")) } " "
            a href=(format!("/audit/export?{}", with(&typed, "form", "ndjson"))) { (lang.t("audit.ndjson")) }
        }
    };
    Ok(Drawn { title: lang.t("audit.title"), visit, body })
}

fn read(typed: &Form, limit: i64) -> Result<AuditQuery, Problem> {
    let day = |name: &str| match typed.get(name) {
        "" => Ok(None),
        text => Day::parse(text).map(Some).ok_or_else(|| wrong(name)),
    };
    let some = |name: &str| Some(typed.get(name)).filter(|text| !text.is_empty());
    Ok(AuditQuery {
        kind: some("kind").map(str::to_owned),
        from: day("from")?,
        to: day("to")?,
        purpose: some("purpose").map(|_| typed.read("purpose")).transpose()?,
        recipient: some("recipient").map(|_| typed.read("recipient")).transpose()?,
        after: some("after").map(|_| typed.read("after")).transpose()?.map(Seq),
        limit: Some(limit),
    })
}

/// The filter as the query of an address, with one more parameter.
fn with(typed: &Form, name: &str, value: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (other, value) in typed.fields().filter(|(other, value)| *other != name && !value.is_empty()) {
        query.append_pair(other, value);
    }
    query.append_pair(name, value).finish()
}

fn filter(lang: Lang, typed: &Form) -> Markup {
    html! {
        form method="get" action="/audit" class="filter" {
            div class="field" {
                label for="kind" { (lang.t("audit.kind")) }
                select id="kind" name="kind" {
                    option value="" { (lang.t("audit.any")) }
                    @for kind in Act::KINDS { option value=(kind) selected[typed.get("kind") == kind] { (lang.named("act", kind)) } }
                }
            }
            (Field::text("from", lang.t("audit.from")).with("date", "off").draw(lang, typed, None))
            (Field::text("to", lang.t("audit.to")).with("date", "off").draw(lang, typed, None))
            (Field::text("purpose", lang.t("audit.purpose")).draw(lang, typed, None))
            (Field::text("recipient", lang.t("consents.recipient")).draw(lang, typed, None))
            button { (lang.t("audit.search")) }
        }
    }
}

fn leaves(lang: Lang, found: &AuditPage) -> Markup {
    html! {
        @if found.leaves.is_empty() { p { (lang.t("audit.nothing")) } }
        @else {
            div class="scroll log" tabindex="0" role="region" aria-label=(lang.t("audit.title")) {
                table {
                    thead { tr {
                        th scope="col" class="number" { (lang.t("audit.place")) } th scope="col" { (lang.t("score.day")) }
                        th scope="col" { (lang.t("audit.kind")) } th scope="col" { (lang.t("audit.leaf")) }
                    } }
                    tbody {
                        @for leaf in &found.leaves {
                            tr { td class="number" { (leaf.seq.0) } td class="day" { (leaf.day.text()) } td { (lang.named("act", &leaf.kind)) } td { code { (leaf.leaf_hash) } } }
                        }
                    }
                }
            }
        }
    }
}

/// A thousand leaves as a file; the filter's `after` goes on.
pub(super) async fn export(State(app): State<Shared>, _auditor: Auditor, RawQuery(query): RawQuery) -> Answered {
    let typed = Form::parse(&query.unwrap_or_default())?;
    let found = app.audit_events(&read(&typed, crate::limits::AUDIT_ROWS_MAX)?).await?;
    let (media_type, ending, text) = match typed.get("form") {
        "csv" => ("text/csv; charset=utf-8", "csv", found.csv()),
        "ndjson" => ("application/x-ndjson", "ndjson", found.ndjson()),
        _ => return Err(wrong("form")),
    };
    let name = format!("attachment; filename=\"sayso-log.{ending}\"");
    let next = found.next.map_or_else(String::new, |next| next.0.to_string());
    let headers =
        [(header::CONTENT_TYPE.as_str(), media_type.to_owned()), ("content-disposition", name), ("next-after", next)];
    Ok((headers, text).into_response())
}

pub(super) async fn checkpoint(State(app): State<Shared>, auditor: Auditor) -> Result<Drawn, Problem> {
    draw_checkpoint(&app, auditor.visit, &Form::default(), (None, None)).await
}

async fn draw_checkpoint(
    app: &App,
    visit: Visit,
    typed: &Form,
    (wrong, said): (Option<&Wrong>, Option<String>),
) -> Result<Drawn, Problem> {
    let lang = visit.lang;
    let now = app.checkpoint().await?;
    let inner = html! {
        (super::parts::text_area(lang, ("checkpoint", lang.t("audit.older")), typed.get("checkpoint"), wrong))
        button { (lang.t("audit.verify")) }
    };
    let body = html! {
        (summary(lang, wrong))
        (navigation(&visit, &PAGES))
        h1 { (lang.t("audit.checkpoint")) }
        @if let Some(said) = said { (super::parts::done(&said)) }
        p { (lang.t("audit.checkpoint_text")) }
        pre tabindex="0" { (now) }
        p { (lang.t("audit.key")) " " code { (app.log_vkey()) } }
        h2 { (lang.t("audit.goes_on")) }
        p { (lang.t("audit.goes_on_text")) }
        (form("/audit/checkpoint", &app.form_key()?, &inner))
    };
    Ok(Drawn { title: lang.t("audit.checkpoint"), visit, body })
}

pub(super) async fn verify(State(app): State<Shared>, sent: SentByAuditor) -> Answered {
    let lang = sent.visit.lang;
    // A form sends every end of line as two characters, and a note has one.
    let older = sent.form.get("checkpoint").replace("\r\n", "\n");
    match app.goes_on_from(&format!("{}\n", older.trim_end())).await.map_err(Problem::from) {
        Ok((holds, from, to)) => {
            let sizes = [("from", from.to_string()), ("to", to.to_string())];
            let places = [("from", sizes[0].1.as_str()), ("to", sizes[1].1.as_str())];
            let said = if holds { lang.say("audit.holds", &places) } else { lang.say("audit.broken", &places) };
            Ok(draw_checkpoint(&app, sent.visit.clone(), &sent.form, (None, Some(said))).await?.into_response())
        }
        Err(problem) => {
            let wrong = Wrong::of(problem)?;
            Ok(wrong.answer(&draw_checkpoint(&app, sent.visit.clone(), &sent.form, (Some(&wrong), None)).await?))
        }
    }
}

pub(super) async fn ask_to_look(State(app): State<Shared>, auditor: Auditor) -> Result<Drawn, Problem> {
    draw_look(&app, auditor.visit, &Form::default(), None)
}

fn draw_look(app: &App, visit: Visit, typed: &Form, wrong: Option<&Wrong>) -> Result<Drawn, Problem> {
    let lang = visit.lang;
    let inner = html! {
        (Field::text("identifier", lang.t("opt_out.whom")).with_hint(lang.t("opt_out.whom_hint")).draw(lang, typed, wrong))
        (Field::text("reason", lang.t("audit.reason")).with_hint(lang.t("audit.reason_hint")).draw(lang, typed, wrong))
        (Field::text("as_of", lang.t("audit.as_of")).with("date", "off").draw(lang, typed, wrong))
        (Field::text("known_at", lang.t("audit.known_at")).with("date", "off").draw(lang, typed, wrong))
        button { (lang.t("audit.look")) }
    };
    let body = html! {
        (summary(lang, wrong))
        (navigation(&visit, &PAGES))
        h1 { (lang.t("audit.look")) }
        p { (lang.t("audit.look_text")) }
        (form("/audit/look", &app.form_key()?, &inner))
    };
    Ok(Drawn { title: lang.t("audit.look"), visit, body })
}

pub(super) async fn look(State(app): State<Shared>, sent: SentByAuditor) -> Answered {
    let looked = async {
        let time = |name: &str| match sent.form.get(name) {
            "" => Ok(None),
            text => Micros::parse(text).map(Some).ok_or_else(|| wrong(name)),
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
        Err(problem) => again(problem, |wrong| draw_look(&app, sent.visit.clone(), &sent.form, Some(wrong))),
    }
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
                @for (stands, key) in [(!found.adult, "denied.not_adult"), (found.held, "act.held"), (found.suppressed, "act.opted_out"), (found.latched, "denied.latched"), (found.erased, "denied.erased")] {
                    @if stands { li { (lang.t(key)) } }
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
    let draw = |event: &&Proved| html! { li { (event.seq.0) ": " (lang.named("act", event.event.act.kind())) ", " (lang.time(event.event.at)) } };
    let found_here = stretch.of(&found.stood_on, |event| event.seq);
    let shown = list.fill(&stretch, found_here, |event| event.seq.0.to_string(), draw);
    let older = lang.number(i64::try_from(found.older_events).unwrap_or(i64::MAX));
    Ok(html! {
        h2 { (title) }
        @if found.older_events > 0 { p { (lang.say("audit.older_events", &[("number", &older)])) } }
        ul { (shown.entries) }
        (look_on(lang, form, (&list, &shown)))
    })
}

/// More of the same look: the same form with the same key, which leaves no second leaf.
fn look_on<T>(lang: Lang, form: &Form, (list, shown): (&List<'_>, &Shown<T>)) -> Markup {
    html! {
        @if shown.before.is_some() || shown.after.is_some() {
            form method="post" action="/audit/look" class="pair" {
                @for (name, value) in form.fields().filter(|(name, _)| !["list", "stood"].contains(name)) { (hidden(name, value)) }
                (list.buttons(lang, shown))
            }
        }
    }
}
