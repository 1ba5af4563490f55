//! Auditors and operators: how they log in, and what their pages take from a request. Their log-in lasts as long as an access token.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, RawQuery, Request, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::cookies::{STAFF, cookie, remove, set};
use super::parts::{Drawn, Field, Wrong, again, summary};
use super::visit::{Form, Sent, Visit, own_path};
use super::words::Lang;
use super::{Answered, Shared, waiting};
use crate::service::{App, Caller, ClientCaller, Idempotency, Role, ServiceError};
use crate::web::problem::Problem;

macro_rules! staff {
    ($($page:ident $sent:ident $role:expr;)*) => {$(
        /// Somebody of this role, for pages that only show.
        pub(super) struct $page {
            pub(super) visit: Visit,
        }

        /// A form of theirs.
        pub(super) struct $sent {
            pub(super) visit: Visit,
            pub(super) caller: Arc<ClientCaller>,
            pub(super) form: Form,
        }

        impl FromRequestParts<Shared> for $page {
            type Rejection = Response;

            async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Response> {
                let visit = Visit::of(&parts.headers, parts.uri.path());
                match caller(app, &parts.headers, $role).await {
                    Ok(Some(caller)) => Ok(Self { visit: visit.by(&caller.id) }),
                    Ok(None) => Err(Redirect::to(&format!("/staff?back={}", visit.path)).into_response()),
                    Err(problem) => Err(problem.into_response()),
                }
            }
        }

        impl FromRequest<Shared> for $sent {
            type Rejection = Response;

            async fn from_request(request: Request, app: &Shared) -> Result<Self, Response> {
                let Sent { visit, form, headers } = Sent::from_request(request, app).await.map_err(IntoResponse::into_response)?;
                match caller(app, &headers, $role).await {
                    Ok(Some(caller)) => {
                        let visit = visit.by(&caller.id);
                        if form.is_anothers(app, &visit) { Err(waiting::refused(&visit)) } else { Ok(Self { visit, caller, form }) }
                    }
                    Ok(None) => Err(log_in_again(app, &visit, &form)),
                    Err(problem) => Err(problem.into_response()),
                }
            }
        }

        impl $sent {
            /// The key of the form, for this caller.
            pub(super) fn idempotency(&self, app: &App) -> Option<Idempotency> {
                self.form.idempotency(app, self.caller.id.as_str(), &self.visit.path)
            }
        }
    )*};
}

staff! {
    Auditor SentByAuditor Role::Auditor;
    Operator SentByOperator Role::Operator;
}

async fn caller(app: &App, headers: &HeaderMap, role: Role) -> Result<Option<Arc<ClientCaller>>, Problem> {
    let Some(token) = cookie(headers, STAFF) else { return Ok(None) };
    match app.authenticate(token).await {
        Ok(Caller::Client(client)) if client.role == role => Ok(Some(client)),
        Ok(_) | Err(ServiceError::Unauthenticated) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn ask(State(app): State<Shared>, visit: Visit, RawQuery(query): RawQuery) -> Result<Drawn, Problem> {
    let query = Form::parse(query.as_deref().unwrap_or_default())?;
    let typed = Form::parse(&format!("back={}", own_path(query.get("back"))))?;
    draw(&app, visit, &typed, None)
}

fn draw(app: &App, visit: Visit, typed: &Form, wrong: Option<&Wrong>) -> Result<Drawn, Problem> {
    let lang = visit.lang;
    let body = html! {
        (summary(lang, wrong))
        h1 { (lang.t("staff.title")) }
        p { (lang.t("staff.text")) }
        (log_in_form(app, lang, typed, wrong)?)
    };
    Ok(Drawn { title: lang.t("staff.title"), visit: waiting::with(visit, typed), body })
}

fn log_in_form(app: &App, lang: Lang, typed: &Form, wrong: Option<&Wrong>) -> Result<Markup, Problem> {
    let secret = Field::text("secret", lang.t("staff.secret")).with("password", "current-password");
    let inner = html! {
        (waiting::carried(typed))
        (Field::text("client", lang.t("staff.client")).with("text", "username").draw(lang, typed, wrong))
        (secret.draw(lang, typed, wrong))
        button { (lang.t("account.log_in")) }
    };
    Ok(waiting::form("/staff", &app.form_key("")?, &inner))
}

/// A form that waits, in another language.
pub(super) async fn waiting(app: &App, visit: Visit, (headers, form): (&HeaderMap, &Form)) -> Answered {
    let role = if form.get("kept_path").starts_with("/audit") { Role::Auditor } else { Role::Operator };
    if let Some(caller) = caller(app, headers, role).await? {
        return Ok(waiting::show(app, &visit.by(&caller.id), form));
    }
    Ok(draw(app, visit, form, None)?.into_response())
}

/// The same as for a person: the form waits in the page that asks to log in.
fn log_in_again(app: &App, visit: &Visit, kept: &Form) -> Response {
    waiting::log_in_again(visit, kept, |typed| log_in_form(app, visit.lang, typed, None))
}

pub(super) async fn log_in(State(app): State<Shared>, sent: Sent) -> Answered {
    let entered = async {
        let token = app.client_token(sent.form.get("client").trim(), &sent.form.secret("secret"), None).await?;
        let (front, client) = match app.authenticate(&token.access_token).await? {
            Caller::Client(client) if client.role == Role::Auditor => ("/audit", client),
            Caller::Client(client) if client.role == Role::Operator => ("/operate", client),
            _ => return Err(ServiceError::Forbidden.into()),
        };
        let back = Some(own_path(sent.form.get("back"))).filter(|back| back.starts_with(front)).unwrap_or(front);
        end(&app, &sent.headers).await?;
        let mut response = if waiting::waits(&sent.form) {
            waiting::show(&app, &sent.visit.clone().by(&client.id), &sent.form)
        } else {
            Redirect::to(back).into_response()
        };
        set(&mut response, STAFF, &token.access_token);
        Ok(response)
    };
    match entered.await {
        Err(problem) => again(problem, |wrong| draw(&app, sent.visit.clone(), &sent.form, Some(wrong))),
        done => done,
    }
}

/// What the browser brought counts nowhere any more, whoever has a copy of it.
async fn end(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
    match cookie(headers, STAFF) {
        Some(token) => Ok(app.end_token(token).await?),
        None => Ok(()),
    }
}

pub(super) async fn log_out(State(app): State<Shared>, sent: Sent) -> Answered {
    end(&app, &sent.headers).await?;
    let mut response = Redirect::to("/staff").into_response();
    remove(&mut response, STAFF);
    Ok(response)
}

/// The pages of a role, above each of them.
pub(super) fn navigation(visit: &Visit, pages: &[(&str, &'static str)]) -> Markup {
    let lang = visit.lang;
    html! {
        nav class="staff" aria-label=(lang.t("staff.navigation")) {
            ul {
                @for (path, name) in pages {
                    li { a href=(path) aria-current=[(visit.path == *path).then_some("page")] { (lang.t(name)) } }
                }
                li { form method="post" action="/staff/log-out" { button class="link" { (lang.t("account.log_out")) } } }
            }
        }
    }
}
