//! Register, log in with a password or a mailed code, recover, log out.
//!
//! Every log-in is a new one: the cookie that the browser came with is never taken over, and what it stood for ends. Known and unknown
//! addresses get the same pages, at the same quantum of time.

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::cookies::{PERSON, cookie, remove, set};
use super::names::address;
use super::parts::{Drawn, Field, Wrong, again, choice, fits, form, hidden, summary};
use super::requests::code_typed;
use super::visit::{Form, Sent, Visit, own_path, person, wrong};
use super::{Answered, Shared, waiting};
use crate::domain::Adult;
use crate::mutant;
use crate::secret::SecretText;
use crate::service::{App, Registration, ServiceError, Tokens, Verification};
use crate::web::problem::Problem;

pub(super) async fn ask_to_log_in(
    State(app): State<Shared>,
    visit: Visit,
    RawQuery(query): RawQuery,
) -> Result<Drawn, Problem> {
    let query = Form::parse(query.as_deref().unwrap_or_default())?;
    let back = format!("back={}", own_path(query.get("back")));
    draw_log_in(&app, visit, &Form::parse(&back)?, None)
}

fn draw_log_in(app: &App, visit: Visit, typed: &Form, wrong: Option<&Wrong>) -> Result<Drawn, Problem> {
    let lang = visit.lang;
    let body = html! {
        (summary(lang, wrong))
        h1 { (lang.t("account.log_in")) }
        (log_in_form(app, &visit, typed, wrong)?)
        p { (lang.t("account.no_account")) " " a href="/register" { (lang.t("account.register")) } }
        p { (lang.t("account.forgotten")) " " a href="/log-in/code" { (lang.t("account.recover")) } }
    };
    Ok(Drawn { title: lang.t("account.log_in"), visit: waiting::with(visit, typed), body })
}

fn log_in_form(app: &App, visit: &Visit, typed: &Form, wrong: Option<&Wrong>) -> Result<Markup, Problem> {
    let lang = visit.lang;
    let password = Field::text("password", lang.t("form.password")).with("password", "current-password");
    let inner = html! {
        (waiting::carried(typed))
        (Field::address(lang).draw(lang, typed, wrong))
        (password.draw(lang, typed, wrong))
        div class="pair" {
            button { (lang.t("account.log_in")) }
            button class="quiet" formaction="/log-in/code" { (lang.t("account.mail_code")) }
        }
    };
    Ok(waiting::form("/log-in", &app.form_key("")?, &inner))
}

/// A form that waits, in another language: before the log-in in the page that asks for one, after it to be done.
pub(super) async fn waiting(app: &App, visit: Visit, (headers, form): (&HeaderMap, &Form)) -> Answered {
    if let Some(caller) = person(app, headers, &visit).await? {
        return Ok(waiting::show(app, &visit.by(&caller.subject), form));
    }
    Ok(draw_log_in(app, visit, form, None)?.into_response())
}

/// The log-in ended while a form was filled in: the form waits in the page that asks to log in.
pub(super) fn log_in_again(app: &App, visit: &Visit, kept: &Form) -> Response {
    waiting::log_in_again(visit, kept, |typed| log_in_form(app, visit, typed, None))
}

pub(super) async fn log_in(State(app): State<Shared>, sent: Sent) -> Answered {
    let entered = async {
        let identifier = address(sent.form.get("identifier"))?;
        let tokens = app.login(&identifier, &sent.form.secret("password")).await?;
        enter(&app, &sent, &tokens).await
    };
    match entered.await {
        Err(problem) => again(problem, |wrong| draw_log_in(&app, sent.visit.clone(), &sent.form, Some(wrong))),
        done => done,
    }
}

/// The browser gets a log-in that nobody had before; what it had ends.
async fn enter(app: &App, sent: &Sent, tokens: &Tokens) -> Answered {
    if mutant::on("log_in_keeps_the_session") && cookie(&sent.headers, PERSON).is_some() {
        return Ok(Redirect::to("/me/consents").into_response());
    }
    end(app, &sent.headers).await?;
    let mut response = if waiting::waits(&sent.form) {
        let caller = app.person_of(&SecretText::new(tokens.refresh_token.clone())).await?;
        let visit = Visit { logged_in: true, ..sent.visit.clone() }.by(&caller.subject);
        waiting::show(app, &visit, &sent.form)
    } else {
        let back = own_path(sent.form.get("back"));
        Redirect::to(if back == "/" { "/me/consents" } else { back }).into_response()
    };
    set(&mut response, PERSON, &tokens.refresh_token);
    Ok(response)
}

async fn end(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(token) = cookie(headers, PERSON) else { return Ok(()) };
    match app.person_of(&SecretText::new(token.to_owned())).await {
        Ok(caller) => Ok(app.logout(&caller).await?),
        Err(ServiceError::Unauthenticated) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn log_out(State(app): State<Shared>, sent: Sent) -> Answered {
    end(&app, &sent.headers).await?;
    let mut response = Redirect::to("/").into_response();
    remove(&mut response, PERSON);
    Ok(response)
}

pub(super) async fn ask_for_code(State(app): State<Shared>, visit: Visit) -> Result<Drawn, Problem> {
    draw_ask_for_code(&app, visit, &Form::default(), None)
}

fn draw_ask_for_code(app: &App, visit: Visit, typed: &Form, wrong: Option<&Wrong>) -> Result<Drawn, Problem> {
    let lang = visit.lang;
    let inner = html! {
        (waiting::carried(typed))
        (Field::address(lang).draw(lang, typed, wrong))
        button { (lang.t("account.mail_code")) }
    };
    let body = html! {
        (summary(lang, wrong))
        h1 { (lang.t("account.by_code")) }
        p { (lang.t("account.by_code_text")) }
        (waiting::form("/log-in/code", &app.form_key("")?, &inner))
    };
    Ok(Drawn { title: lang.t("account.by_code"), visit: waiting::with(visit, typed), body })
}

pub(super) async fn send_code(State(app): State<Shared>, sent: Sent) -> Answered {
    let mailed = async {
        let identifier = address(sent.form.get("identifier"))?;
        Ok::<_, Problem>(app.send_login_code(&identifier, sent.visit.lang).await?)
    };
    match mailed.await {
        Ok(()) => Ok(draw_code(&app, sent.visit, &sent.form, None)?.into_response()),
        Err(problem) => again(problem, |wrong| draw_ask_for_code(&app, sent.visit.clone(), &sent.form, Some(wrong))),
    }
}

/// Asks for the code that was mailed, and for a new password whoever wants one. Another code is asked for as this one was.
fn draw_code(app: &App, visit: Visit, typed: &Form, wrong: Option<&Wrong>) -> Result<Drawn, Problem> {
    let lang = visit.lang;
    if !["identifier", "adult"].iter().all(|name| fits(typed.get(name))) {
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "the address is too long"));
    }
    let code =
        Field::text("code", lang.t("form.code")).with("text", "one-time-code").with_hint(lang.t("form.code_hint"));
    let registers = !typed.get("adult").is_empty();
    let again = if registers { "/register" } else { "/log-in/code" };
    let password = Field::text("password", lang.t("account.new_password"));
    let password = password.with("password", "new-password").with_hint(lang.t("account.new_password_hint"));
    let inner = html! {
        (waiting::carried(typed)) (hidden("identifier", typed.get("identifier")))
        @if registers { (hidden("adult", typed.get("adult"))) }
        (code.draw(lang, &Form::default(), wrong))
        (password.draw(lang, typed, wrong))
        div class="pair" {
            button { (lang.t("account.go_on")) }
            button class="quiet" formaction=(again) { (lang.t("form.no_code")) }
        }
    };
    let body = html! {
        (summary(lang, wrong))
        h1 { (lang.t("account.code_title")) }
        p { (lang.t("account.code_text")) }
        (waiting::form("/log-in/confirm", &app.form_key("")?, &inner))
    };
    Ok(Drawn { title: lang.t("account.code_title"), visit: waiting::with(visit, typed), body })
}

pub(super) async fn confirm(State(app): State<Shared>, sent: Sent) -> Answered {
    let entered = async {
        let identifier = address(sent.form.get("identifier"))?;
        let wanted = !sent.form.get("password").is_empty();
        let password = wanted.then(|| sent.form.secret("password"));
        let tokens = app.verify(&Verification { identifier, code: code_typed(&sent.form), password }).await?;
        enter(&app, &sent, &tokens).await
    };
    match entered.await {
        Err(problem) => again(problem, |wrong| draw_code(&app, sent.visit.clone(), &sent.form, Some(wrong))),
        done => done,
    }
}

pub(super) async fn ask_to_register(State(app): State<Shared>, visit: Visit) -> Result<Drawn, Problem> {
    draw_register(&app, visit, &Form::default(), None)
}

fn draw_register(app: &App, visit: Visit, typed: &Form, wrong: Option<&Wrong>) -> Result<Drawn, Problem> {
    let lang = visit.lang;
    let ages = [
        ("yes", lang.t("account.adult_yes").to_owned()),
        ("no", lang.t("account.adult_no").to_owned()),
        ("unknown", lang.t("account.adult_unknown").to_owned()),
    ];
    let inner = html! {
        (Field::address(lang).draw(lang, typed, wrong))
        (choice(("adult", lang.t("account.adult")), &ages, typed, (lang, wrong)))
        button { (lang.t("account.mail_code")) }
    };
    let body = html! {
        (summary(lang, wrong))
        h1 { (lang.t("account.register")) }
        p class="lead" { (lang.t("account.register_text")) }
        (form("/register", &app.form_key("")?, &inner))
    };
    Ok(Drawn { title: lang.t("account.register"), visit, body })
}

pub(super) async fn register(State(app): State<Shared>, sent: Sent) -> Answered {
    let registered = async {
        let identifier = address(sent.form.get("identifier"))?;
        let adult = match sent.form.get("adult") {
            "yes" => Adult::Yes,
            "no" => Adult::No,
            "unknown" => Adult::Unknown,
            _ => return Err(wrong("adult")),
        };
        let idempotency = sent.form.idempotency(&app, "anyone", &sent.visit.path);
        let registration = Registration { identifier, adult, lang: sent.visit.lang };
        Ok(app.register(&registration, idempotency.as_ref()).await?)
    };
    match registered.await {
        Ok(()) => Ok(draw_code(&app, sent.visit, &sent.form, None)?.into_response()),
        Err(problem) => again(problem, |wrong| draw_register(&app, sent.visit.clone(), &sent.form, Some(wrong))),
    }
}
