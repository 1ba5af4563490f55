//! What a person allows: for each purpose, source and recipient two buttons of one kind, under the notice that they decide on. Taking
//! back is at the same place and takes the same one step. Leaving the page decides nothing.

use std::collections::BTreeSet;

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use tokio::try_join;

use super::cookies::{self, pass_on};
use super::paged::{self, List};
use super::parts::{self, Drawn, Wrong, form, hidden, summary};
use super::states::{self, as_shown, last_about, titled};
use super::visit::{Form, Member, SentBy, Visit, wrong};
use super::words::Lang;
use super::{Answered, Shared, notice};
use crate::domain::{ATTENTION_SCORE, Act, EVERYBODY, Purpose, Recipient, SAYSO, Seq, Source, Triple, for_everybody};
use crate::service::{
    App, ConsentDecision, ConsentRequest, Consents, LiveConsent, NoticeView, PersonCaller, ServiceError,
};
use crate::web::path::Path;
use crate::web::problem::Problem;

/// What a page says was done; anything else in the address is not repeated.
const DONE: [&str; 15] = [
    "granted",
    "refused",
    "hidden",
    "held",
    "released",
    "accepted",
    "rejected",
    "contested",
    "proved",
    "mailed",
    "answered",
    "off",
    "published",
    "adopted",
    "retried",
];

/// What was done, as the address of the page says, and the browser knows: a link alone says nothing.
pub(super) fn done(visit: &Visit, query: Option<&str>) -> Markup {
    let word =
        query.and_then(|query| query.strip_prefix("done=")?.split('&').next()).filter(|word| DONE.contains(word));
    let word = word.filter(|word| visit.done.as_deref() == Some(word));
    let text = word.and_then(|word| visit.lang.find(&format!("done.{word}")));
    html! { @if let Some(text) = text { (parts::done(text)) } }
}

/// Goes to the page that says what was done.
pub(super) fn said(path: &str, word: &str) -> Response {
    let mut response = Redirect::to(&format!("{path}?done={word}")).into_response();
    pass_on(&mut response, cookies::DONE, word);
    response
}

/// The same at the part of the list that the form was on.
fn said_there(path: &str, word: &str, form: &Form) -> Result<Response, Problem> {
    let part = form.get("list");
    if part.is_empty() {
        return Ok(said(path, word));
    }
    paged::asked(form, "list", paged::names)?;
    let mut response = Redirect::to(&format!("{path}?done={word}&list={part}")).into_response();
    pass_on(&mut response, cookies::DONE, word);
    Ok(response)
}

pub(super) async fn overview(
    State(app): State<Shared>,
    member: Member,
    RawQuery(query): RawQuery,
) -> Result<Drawn, Problem> {
    let Member { visit, caller } = member;
    let said = done(&visit, query.as_deref());
    let stretch = paged::asked(&Form::parse(query.as_deref().unwrap_or_default())?, "list", paged::seq)?;
    let (lang, mut consents) = (visit.lang, app.consents(&caller).await?);
    consents.live.sort_by_key(|live| live.consent_id);
    let (path, title) = ("/me/consents", lang.t("consents.said_yes"));
    let list = List { path, name: "list", title, bytes: LIST_BYTES, newest_first: false };
    let found = stretch.of(&consents.live, |live| live.consent_id);
    let shown =
        list.fill(&stretch, found, |live| live.consent_id.0.to_string(), |live| said_yes(lang, &consents, live));
    let body = html! {
        h1 { (lang.t("consents.title")) }
        (said)
        (restrictions(lang, &consents, &visit.form_key(&app)?))
        h2 { (title) }
        @if let Some(nothing) = shown.nothing(lang, "consents.nothing") { p { (nothing) } }
        @else { ul class="choices" { (shown.entries) } }
        (list.links(lang, &shown))
        h2 { (lang.t("consents.purposes")) }
        p { (lang.t("consents.purposes_text")) }
        ul class="cards" {
            @for (purpose, title) in app.registered_purposes() {
                @if purpose.as_str() != LINK {
                    li { h3 { a href=(format!("/me/consents/{purpose}")) { (lang.find(&format!("purpose.{purpose}")).unwrap_or(&title)) } } }
                }
            }
        }
        @if visit.no_sharing || consents.signalled.is_some() { p class="note" { (lang.t("consents.signal")) } }
        p { a href="/me/history" { (lang.t("history.title")) } }
    };
    Ok(Drawn { title: lang.t("consents.title"), visit, body })
}

/// Something that the person said yes to.
fn said_yes(lang: Lang, consents: &Consents, live: &LiveConsent) -> Markup {
    html! {
        li {
            h3 { (titled(lang, &live.triple)) }
            p { (states::of_live(lang, consents, live)) }
            @if let Some(text) = as_shown(lang, consents, |triple| *triple == live.triple) { p { (text) } }
            p { a href=(format!("/me/consents/{}", live.triple.purpose)) { (lang.t(if live.is_over() { "consents.anew" } else { "consents.change" })) span class="hidden" { ": " (titled(lang, &live.triple)) } } }
        }
    }
}

/// Room for the list of what is in force, and of what can be decided about one purpose, beside its notice, in bytes.
const LIST_BYTES: usize = 20_000;
const CHOICES_BYTES: usize = 12_000;

/// Two personas are joined by nothing yet, so there is nothing to decide about it.
const LINK: &str = "link";

fn restrictions(lang: Lang, consents: &Consents, key: &str) -> Markup {
    let paused = consents.held || consents.suppressed;
    let button = html! {
        @if paused { (hidden("decision", "release")) button { (lang.t("consents.release")) } }
        @else { (hidden("decision", "hold")) button { (lang.t("consents.hold")) } }
    };
    html! {
        section class="note" {
            @if consents.latched { p { strong { (lang.t("consents.latched")) } } }
            @else if consents.suppressed { p { strong { (lang.t("consents.suppressed")) } } }
            @else if consents.held { p { strong { (lang.t("consents.held")) } } }
            @else { p { (lang.t("consents.hold_text")) } }
            @if !consents.latched { (form("/me/pause", key, &button)) }
        }
    }
}

pub(super) async fn purpose(
    State(app): State<Shared>,
    member: Member,
    Path(purpose): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Drawn, Problem> {
    let Member { visit, caller } = member;
    let said = done(&visit, query.as_deref());
    let query = Form::parse(query.as_deref().unwrap_or_default())?;
    draw(&app, visit, &caller, (&purpose, &said, &query, None)).await
}

/// What a row can be about: what is offered now, and whatever is in force.
fn choices(consents: &Consents, purpose: &Purpose, offered: &[(Recipient, Vec<Source>)]) -> BTreeSet<(String, String)> {
    let live = consents.live.iter().filter(|live| live.triple.purpose == *purpose);
    let live = live.map(|live| (live.triple.recipient.to_string(), live.triple.source.to_string()));
    let offered = offered
        .iter()
        .flat_map(|(recipient, sources)| sources.iter().map(|source| (recipient.to_string(), source.to_string())));
    live.chain(offered).collect()
}

/// Who may be allowed what for a purpose: the built-in score, everybody, and recipients that registered for it.
async fn offered(app: &App, purpose: &Purpose) -> Result<Vec<(Recipient, Vec<Source>)>, Problem> {
    let recipients = app.recipients().await?.into_iter().filter(|one| one.purposes.contains(purpose));
    let mut offered: Vec<_> = recipients.map(|one| (one.recipient, one.sources)).collect();
    let built_in = match purpose.as_str() {
        ATTENTION_SCORE => Some(SAYSO),
        _ if for_everybody(purpose) => Some(EVERYBODY),
        _ => None,
    };
    if let Some(name) = built_in {
        let built_in: Recipient = name.parse().map_err(|_| ServiceError::NotFound("recipient"))?;
        offered.push((built_in, app.registered_sources()));
    }
    Ok(offered)
}

async fn draw(
    app: &App,
    visit: Visit,
    caller: &PersonCaller,
    (name, said, asked, wrong): (&str, &Markup, &Form, Option<&Wrong>),
) -> Result<Drawn, Problem> {
    let (lang, path) = (visit.lang, format!("/me/consents/{name}"));
    let stretch = paged::asked(asked, "list", paged::names)?;
    let purpose: Purpose = name.parse().map_err(|_| ServiceError::NotFound("purpose"))?;
    let consents = async { Ok(app.consents(caller).await?) };
    let (notice, consents, offered) = try_join!(notice_of(app, name), consents, offered(app, &purpose))?;
    let text = notice.in_language(lang.tag());
    let rows: Vec<_> = choices(&consents, &notice.purpose, &offered).into_iter().collect();
    let list =
        List { path: &path, name: "list", title: lang.t("consents.decide"), bytes: CHOICES_BYTES, newest_first: false };
    let place = |(recipient, source): &&(String, String)| format!("{recipient}.{source}");
    let found = stretch.of(&rows, Clone::clone);
    let shown =
        list.fill(&stretch, found, place, |(recipient, source)| row(lang, &consents, &notice, (recipient, source)));
    let inner = html! {
        (hidden("notice_version", &notice.version.to_string()))
        (hidden("notice_sha256", text.sha256))
        (hidden("known_seq", &consents.known_seq.0.to_string()))
        @if !asked.get("list").is_empty() { (hidden("list", asked.get("list"))) }
        ul class="choices" { (shown.entries) }
    };
    let body = html! {
        (summary(lang, wrong))
        h1 { (lang.named("purpose", name)) }
        (said)
        @if consents.latched { p class="note" { (lang.t("consents.latched")) } }
        @else if consents.held || consents.suppressed { p class="note" { (lang.t("consents.held")) " " a href="/me/consents" { (lang.t("consents.release")) } } }
        (parts::notice(text.text, text.locale))
        p { (lang.say("consents.notice", &[("version", &notice.version.to_string())])) " " a href=(notice::address(&notice.purpose, notice.version)) { (lang.t("notice.others")) } }
        @if rows.is_empty() { p { (lang.t("consents.no_recipient")) } }
        @else {
            h2 { (lang.t("consents.decide")) }
            @if let Some(nothing) = shown.nothing(lang, "list.nothing_more") { p { (nothing) } }
            (form(&path, &visit.form_key(app)?, &inner))
            (list.links(lang, &shown))
        }
        p { (lang.t("consents.leave")) }
        @if for_everybody(&notice.purpose) { p { a href="/me/score#visibility" { (lang.t("visibility.pages_link")) } } }
        p { a href="/me/consents" { (lang.t("consents.title")) } }
    };
    let title = lang.find(&format!("purpose.{name}")).unwrap_or_else(|| lang.t("consents.title"));
    Ok(Drawn { visit, title, body })
}

/// The newest notice of a purpose.
pub(super) async fn notice_of(app: &App, purpose: &str) -> Result<NoticeView, Problem> {
    let found = app.notices().await?.into_iter().find(|notice| notice.purpose.as_str() == purpose);
    Ok(found.ok_or(ServiceError::NotFound("purpose"))?)
}

/// One question: the state in words, and two buttons that differ in nothing but what they say.
fn row(lang: Lang, consents: &Consents, notice: &NoticeView, (recipient, source): (&str, &str)) -> Markup {
    let fits = |triple: &Triple| {
        triple.purpose == notice.purpose && triple.source.as_str() == source && triple.recipient.as_str() == recipient
    };
    let live = consents.live.iter().find(|live| fits(&live.triple));
    let shown = lang.say(
        "consents.between",
        &[("source", &lang.named("source", source)), ("recipient", &lang.named("recipient", recipient))],
    );
    let last = last_about(consents, fits);
    html! {
        li {
            h3 { (shown) }
            p class="state" { (states::of(lang, consents, live, last)) }
            @if let Some(text) = as_shown(lang, consents, fits) { p { (text) } }
            div class="equal" {
                button name="decision" value=(format!("granted|{source}|{recipient}")) { (lang.t("consents.allow")) " " span class="hidden" { (shown) } }
                button name="decision" value=(format!("refused|{source}|{recipient}")) { (lang.t("consents.refuse")) " " span class="hidden" { (shown) } }
            }
        }
    }
}

pub(super) async fn decide(State(app): State<Shared>, Path(purpose): Path<String>, sent: SentBy) -> Answered {
    let decided = match decision(&purpose, &sent.form) {
        Ok((triple, decision)) => carry_out(&app, &sent, &triple, decision).await,
        Err(problem) => Err(problem),
    };
    match decided {
        Ok(done) => Ok(said_there(&format!("/me/consents/{purpose}"), done, &sent.form)?),
        Err(problem) => {
            let wrong = Wrong::of(problem)?;
            let drawn =
                draw(&app, sent.visit.clone(), &sent.caller, (&purpose, &html! {}, &sent.form, Some(&wrong))).await?;
            Ok(wrong.answer(&drawn))
        }
    }
}

fn decision(purpose: &str, form: &Form) -> Result<(Triple, ConsentDecision), Problem> {
    let mut words = form.get("decision").split('|');
    let (Some(decision), Some(source), Some(recipient), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(wrong("decision"));
    };
    let decision = match decision {
        "granted" => ConsentDecision::Granted,
        "refused" => ConsentDecision::Refused,
        _ => return Err(wrong("decision")),
    };
    let bad = |_| wrong("decision");
    let purpose = purpose.parse().map_err(|_| ServiceError::NotFound("purpose"))?;
    Ok((Triple { purpose, source: source.parse().map_err(bad)?, recipient: recipient.parse().map_err(bad)? }, decision))
}

/// A yes names the notice and what was seen. A no ends the yes that is there, whatever was seen; said twice, it stands once.
async fn carry_out(
    app: &App,
    sent: &SentBy,
    triple: &Triple,
    decision: ConsentDecision,
) -> Result<&'static str, Problem> {
    let granted = decision == ConsentDecision::Granted;
    if granted && sent.visit.no_sharing {
        app.heed_grant(&sent.caller, triple, decision).await?;
    }
    if !granted {
        let consents = app.consents(&sent.caller).await?;
        if let Some(live) = consents.live.iter().find(|live| live.triple == *triple) {
            return match app.withdraw(&sent.caller, live.consent_id, None).await {
                Ok(_) | Err(ServiceError::NotFound(_)) => Ok("refused"), // sent twice: the other one was faster
                Err(error) => Err(error.into()),
            };
        }
        let last = last_about(&consents, |other| other == triple);
        if last.is_some_and(|event| matches!(event.act, Act::Refused { .. } | Act::Withdrawn { .. })) {
            return Ok("refused");
        }
    }
    let request = ConsentRequest {
        triple: triple.clone(),
        notice_version: sent.form.read("notice_version")?,
        notice_sha256: sent.form.get("notice_sha256").to_owned(),
        known_seq: Seq(sent.form.read("known_seq")?),
        until: None,
        decision,
    };
    app.decide_consent(&sent.caller, &request, sent.idempotency(app).as_ref()).await?;
    // A form of before gets its answer of before, whatever was said or published since.
    let stands = |live: &LiveConsent| live.triple == *triple && !live.is_over();
    if granted && !app.consents(&sent.caller).await?.live.iter().any(stands) {
        return Err(ServiceError::StaleGrant.into());
    }
    Ok(if granted { "granted" } else { "refused" })
}

/// Pauses everything, or lifts that.
pub(super) async fn pause(State(app): State<Shared>, sent: SentBy) -> Answered {
    let hold = match sent.form.get("decision") {
        "hold" => true,
        "release" => false,
        _ => return Err(wrong("decision")),
    };
    // A form of before gets its answer of before: what counts is how the person stands now.
    for idempotency in [sent.idempotency(&app), None] {
        let consents = app.consents(&sent.caller).await?;
        if hold == (consents.held || (consents.suppressed && !hold)) {
            break;
        }
        if hold {
            app.hold(&sent.caller, idempotency.as_ref()).await?;
        } else {
            app.release(&sent.caller, idempotency.as_ref()).await?;
        }
    }
    Ok(said("/me/consents", if hold { "held" } else { "released" }))
}
