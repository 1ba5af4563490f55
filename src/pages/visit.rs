//! What pages take from a request: who looks, in which language; a form, from our own pages only; whose log-in it is.
//!
//! A form is refused unless the browser says that it comes from here (`Origin`, else `Sec-Fetch-Site`). What is compared with is the
//! configuration, never the `Host` that the request names. When a log-in has ended while a form was filled in, the form is kept in the
//! page that asks to log in again, and waits there: nothing is done by itself. A form that was shown to one person does nothing for another.

use std::collections::BTreeMap;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};

use super::cookies::{DONE, LANGUAGE, PERSON, cookie};
use super::waiting::{self, WAITED};
use super::words::Lang;
use super::{Shared, account};
use crate::config::Config;
use crate::secret::SecretText;
use crate::service::{App, Idempotency, PersonCaller, ServiceError};
use crate::web::headers::{language, media_type, only, read, says_no_sharing};
use crate::web::problem::Problem;
use crate::{limits, mutant};

/// Who looks at what.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    /// In which language.
    pub(super) lang: Lang,
    /// At which of our paths.
    pub(super) path: String,
    /// A person seems to be logged in; whether they are is looked up where it matters.
    pub(super) logged_in: bool,
    /// Their browser says that nothing may be shared.
    pub(super) no_sharing: bool,
    /// What they did a moment ago.
    pub(super) done: Option<String>,
    /// A form waits on the page.
    pub(super) form_waits: bool,
    /// Whose log-in was looked up; nobody's where it does not matter.
    pub(super) whose: String,
}

impl Visit {
    pub(super) fn of(headers: &HeaderMap, path: &str) -> Self {
        let chosen = cookie(headers, LANGUAGE).and_then(Lang::from_tag);
        Self {
            lang: chosen.unwrap_or_else(|| language(headers)),
            path: path.to_owned(),
            logged_in: cookie(headers, PERSON).is_some(),
            no_sharing: says_no_sharing(headers),
            done: cookie(headers, DONE).map(str::to_owned),
            form_waits: false,
            whose: String::new(),
        }
    }

    /// A visit of this caller.
    pub(super) fn by(self, caller: &impl ToString) -> Self {
        Self { whose: caller.to_string(), ..self }
    }

    /// A fresh key for a form of this page.
    pub(super) fn form_key(&self, app: &App) -> Result<String, Problem> {
        Ok(app.form_key(&self.whose)?)
    }
}

impl FromRequestParts<Shared> for Visit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Problem> {
        Ok(Self::of(&parts.headers, parts.uri.path()))
    }
}

/// Somebody who is logged in, for pages that only show.
pub(super) struct Member {
    pub(super) visit: Visit,
    pub(super) caller: PersonCaller,
}

impl FromRequestParts<Shared> for Member {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Response> {
        let visit = Visit::of(&parts.headers, parts.uri.path());
        match person(app, &parts.headers, &visit).await {
            Ok(Some(caller)) => Ok(Self { visit: visit.by(&caller.subject), caller }),
            Ok(None) => Err(Redirect::to(&format!("/log-in?back={}", visit.path)).into_response()),
            Err(problem) => Err(problem.into_response()),
        }
    }
}

/// Whose log-in the cookie is. What their browser says about sharing is heeded first.
pub(super) async fn person(app: &App, headers: &HeaderMap, visit: &Visit) -> Result<Option<PersonCaller>, Problem> {
    let Some(token) = cookie(headers, PERSON) else { return Ok(None) };
    let caller = match app.person_of(&SecretText::new(token.to_owned())).await {
        Err(ServiceError::Unauthenticated) => return Ok(None),
        other => other?,
    };
    if visit.no_sharing {
        app.heed_signal(&caller).await?;
    }
    Ok(Some(caller))
}

/// The fields of a form, as they were typed. It is never printed.
#[derive(Clone, Default)]
pub(super) struct Form {
    fields: BTreeMap<String, String>,
}

/// Fields that say which part of the same answer is shown, or that a form waited: with another one of them it asks for nothing else.
const PARTS: [&str; 3] = ["list", "stood", WAITED];

impl Form {
    /// Reads one. A field that comes twice is undecided (N23).
    pub(super) fn parse(raw: &str) -> Result<Self, Problem> {
        let mut fields = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(raw.as_bytes()) {
            if fields.insert(name.into_owned(), value.into_owned()).is_some() {
                let detail = "expected each field once";
                return Err(Problem::new(StatusCode::BAD_REQUEST, "malformed-body", detail));
            }
        }
        Ok(Self { fields })
    }

    /// One with these fields.
    pub(super) fn of<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self { fields: fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect() }
    }

    /// A field; empty where there is none.
    pub(super) fn get(&self, name: &str) -> &str {
        self.fields.get(name).map(String::as_str).unwrap_or_default()
    }

    /// What was typed in a field for codes and passwords.
    pub(super) fn secret(&self, name: &str) -> SecretText {
        SecretText::new(self.get(name).to_owned())
    }

    /// A field with a value from a list of ours, or the field that was wrong.
    pub(super) fn read<T: std::str::FromStr>(&self, name: &str) -> Result<T, Problem> {
        self.get(name).trim().parse().map_err(|_| wrong(name))
    }

    /// Whether it was shown to somebody else: who was logged in here before, or in another tab. Without a key it was shown to nobody.
    pub(super) fn is_anothers(&self, app: &App, visit: &Visit) -> bool {
        let key = self.get("key");
        !key.is_empty() && !app.was_shown_to(key, &visit.whose) && !mutant::on("forms_are_anybodys")
    }

    /// Every field, in order of their names.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The key that the form was rendered with, for exactly what it says now: sent twice it is done once, and somebody who went back and
    /// changed it asks for something else.
    pub(super) fn idempotency(&self, app: &App, caller: &str, path: &str) -> Option<Idempotency> {
        let key = self.get("key");
        let usable = !key.is_empty() && key.len() <= limits::IDEMPOTENCY_KEY_BYTES_MAX;
        let usable = usable && !mutant::on("forms_count_twice");
        let said = self.said();
        usable.then(|| app.idempotency(caller, &format!("page {path} {said}"), key, said.as_bytes()))
    }

    /// What it asks for, as one text.
    fn said(&self) -> String {
        let fields = self.fields().filter(|(name, _)| !PARTS.contains(name));
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
    }
}

/// A field of a form was wrong.
pub(super) fn wrong(field: &str) -> Problem {
    Problem::field(StatusCode::UNPROCESSABLE_ENTITY, "invalid-field", field, "expected another value")
}

/// A form that anybody may send.
pub(super) struct Sent {
    pub(super) visit: Visit,
    pub(super) form: Form,
    pub(super) headers: HeaderMap,
}

impl FromRequest<Shared> for Sent {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Shared) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        if !comes_from_here(&parts.headers, &app.config) && !mutant::on("any_site_may_post") {
            let detail = "this form was not sent from a page of this service";
            return Err(Problem::new(StatusCode::FORBIDDEN, "other-site", detail));
        }
        let bytes = read(body, limits::BODY_BYTES_MAX).await?;
        if !bytes.is_empty() {
            media_type(&parts.headers, &["application/x-www-form-urlencoded"])?;
        }
        let not_text = |_| Problem::new(StatusCode::BAD_REQUEST, "malformed-body", "the form is not in UTF-8");
        let form = Form::parse(std::str::from_utf8(&bytes).map_err(not_text)?)?;
        Ok(Self { visit: Visit::of(&parts.headers, parts.uri.path()), form, headers: parts.headers })
    }
}

/// A form of somebody who is logged in.
pub(super) struct SentBy {
    pub(super) visit: Visit,
    pub(super) caller: PersonCaller,
    pub(super) form: Form,
}

impl FromRequest<Shared> for SentBy {
    type Rejection = Response;

    async fn from_request(request: Request, app: &Shared) -> Result<Self, Response> {
        let sent = Sent::from_request(request, app).await.map_err(IntoResponse::into_response)?;
        let Sent { visit, form, headers } = sent;
        match person(app, &headers, &visit).await {
            Ok(Some(caller)) => {
                let visit = visit.by(&caller.subject);
                if form.is_anothers(app, &visit) {
                    Err(waiting::refused(&visit))
                } else {
                    Ok(Self { visit, caller, form })
                }
            }
            Ok(None) => Err(account::log_in_again(app, &visit, &form)),
            Err(problem) => Err(problem.into_response()),
        }
    }
}

impl SentBy {
    /// The key of the form, for this person.
    pub(super) fn idempotency(&self, app: &App) -> Option<Idempotency> {
        self.form.idempotency(app, &self.caller.subject.to_string(), &self.visit.path)
    }
}

/// Whether a browser says that a request was made by a page of ours.
pub(super) fn comes_from_here(headers: &HeaderMap, config: &Config) -> bool {
    match only(headers, &header::ORIGIN) {
        Ok(Some(origin)) => own_origins(config).iter().any(|own| own == origin),
        Ok(None) => matches!(only(headers, &HeaderName::from_static("sec-fetch-site")), Ok(Some("same-origin"))),
        Err(_) => false,
    }
}

/// Where our pages can be read: at the public address; where that is on the machine itself, by any name of it.
fn own_origins(config: &Config) -> Vec<String> {
    let Ok(public) = url::Url::parse(&config.public_url) else { return Vec::new() };
    let mut origins: Vec<String> =
        Some(public.origin()).filter(url::Origin::is_tuple).iter().map(url::Origin::ascii_serialization).collect();
    let at_home = match public.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if at_home && config.listen.ip().is_loopback() {
        origins.push(format!("http://{}", config.listen));
        origins.push(format!("http://localhost:{}", config.listen.port()));
    }
    origins
}

/// One of our own paths to go back to; anything else is the front page.
pub(super) fn own_path(text: &str) -> &str {
    let known = ["/me/", "/audit", "/operate"].iter().any(|start| text.starts_with(start));
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-_.".contains(&b);
    if known && text.len() <= 200 && text.bytes().all(plain) && !text.contains("//") && !text.contains("..") {
        text
    } else {
        "/"
    }
}
