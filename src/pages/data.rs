//! A person's data: what is stored, an export, deletion with one confirmation and no persuasion.

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

use super::cookies::{PERSON, remove};
use super::layout::page;
use super::parts::{Drawn, form};
use super::requests::begun;
use super::visit::{Form, Member, Sent, SentBy, Visit, person};
use super::words::Lang;
use super::{Answered, Shared, account, archive, identifiers, waiting};
use crate::service::ErasureStarted;
use crate::web::problem::Problem;

/// Room for the first of the identifiers, in bytes.
const BEGINNING_BYTES: usize = 2_000;

pub(super) async fn show(State(app): State<Shared>, member: Member) -> Result<Drawn, Problem> {
    let Member { visit, caller } = member;
    let lang = visit.lang;
    let (list, shown) = identifiers::some(&app, lang, &caller, (&Form::default(), BEGINNING_BYTES)).await?;
    let export = html! { button { (lang.t("data.export")) } (progress(lang)) };
    let body = html! {
        h1 { (lang.t("data.title")) }
        h2 { (lang.t("data.identifiers")) }
        ul { (shown.entries) }
        (list.links(lang, &shown))
        p { a href="/me/identifiers" { (lang.t("data.claim")) } }
        h2 { (lang.t("data.export_title")) }
        p { (lang.t("data.export_text")) }
        (form("/me/data/export", &visit.form_key(&app)?, &export))
        h2 { (lang.t("data.delete_title")) }
        p { (lang.t("data.delete_text")) }
        p { a class="button quiet" href="/me/data/delete" { (lang.t("data.delete_title")) } }
        p { a href="/stored" { (lang.t("stored.title")) } }
    };
    Ok(Drawn { title: lang.t("data.title"), visit, body })
}

/// What is beside the button that exports: with the script it shows how far the file is; without, the browser does.
fn progress(lang: Lang) -> Markup {
    html! {
        progress aria-label=(lang.t("data.progress")) hidden {}
        p role="status" data-saves=(archive::NAME) data-making=(lang.t("data.making")) data-arriving=(lang.t("data.arriving"))
            data-saved=(lang.t("data.saved")) data-cut=(lang.t("data.cut")) {}
    }
}

/// The log says that it was handed out, so it is a form and no link.
pub(super) async fn export(State(app): State<Shared>, sent: SentBy) -> Answered {
    let export = app.export(&sent.caller, sent.idempotency(&app).as_ref()).await?;
    Ok(archive::answer(sent.visit.lang, export).await?)
}

pub(super) async fn ask_to_delete(State(app): State<Shared>, member: Member) -> Result<Drawn, Problem> {
    let visit = member.visit;
    let lang = visit.lang;
    let (first, delete) = (
        html! { button class="quiet" { (lang.t("data.export_first")) } },
        html! { button { (lang.t("data.delete_now")) } },
    );
    let body = html! {
        h1 { (lang.t("data.delete_ask")) }
        p { (lang.t("data.delete_what")) }
        // The browser's own: a file that this page waits for would be lost with the page when the other button is pressed.
        (form("/me/data/export", &visit.form_key(&app)?, &first))
        (form("/me/data/delete", &visit.form_key(&app)?, &delete))
        p { a href="/me/data" { (lang.t("data.back")) } }
    };
    Ok(Drawn { title: lang.t("data.delete_ask"), visit, body })
}

/// Its own success ends the log-in, so a form that is sent twice gets its answer without one: its key is known to whoever was given the
/// page and to nobody else.
pub(super) async fn delete(State(app): State<Shared>, sent: Sent) -> Answered {
    let idempotency = sent.form.idempotency(&app, "erase", &sent.visit.path);
    let Some(caller) = person(&app, &sent.headers, &sent.visit).await? else {
        let before = match &idempotency {
            Some(idempotency) => app.erased_before(idempotency).await?,
            None => None,
        };
        let again = || account::log_in_again(&app, &sent.visit, &sent.form);
        return Ok(before.map_or_else(again, |before| deleted(&sent.visit, &before)));
    };
    let visit = sent.visit.by(&caller.subject);
    if sent.form.is_anothers(&app, &visit) {
        return Ok(waiting::refused(&visit));
    }
    let started = app.erase(&caller, idempotency.as_ref()).await?;
    Ok(deleted(&visit, &started))
}

fn deleted(visit: &Visit, started: &ErasureStarted) -> Response {
    let visit = Visit { logged_in: false, ..visit.clone() };
    let mut response = page(&visit, visit.lang.t("erasure.started"), &begun(&visit, started));
    remove(&mut response, PERSON);
    response
}
