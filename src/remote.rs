//! A sayso that runs elsewhere, for programs that ask it: the layer for Rust services, the proxy, an import.
//!
//! Whoever asks must be able to do without an answer: every failure here is a denial there.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::redirect::Policy;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::clock::Mark;
use crate::domain::{Micros, Purpose, Source};
use crate::gate::Action;
use crate::ident::{Identifier, IdentifierKind};
use crate::ids::Pairwise;
use crate::limits;
use crate::secret::SecretText;
use crate::service::Asked;

const QUESTION: Duration = Duration::from_secs(limits::GATE_SECONDS_MAX);

/// Why there is no answer. Nothing of the question is in it.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// No connection, or not in time.
    #[error("sayso could not be asked: {0}")]
    Unreachable(String),
    /// It answered something else.
    #[error("sayso answered with status {0}: look at the credentials and at what they are registered for")]
    Refused(u16),
    /// The answer is not one to the question.
    #[error("sayso gave an answer that is none to the question")]
    Garbled,
}

impl From<reqwest::Error> for RemoteError {
    fn from(error: reqwest::Error) -> Self {
        match error.status() {
            Some(status) => Self::Refused(status.as_u16()),
            None if error.is_decode() => Self::Garbled,
            None => Self::Unreachable(error.without_url().to_string()),
        }
    }
}

/// A token, since when, and for how long it counts.
#[derive(Debug)]
struct Held {
    token: SecretText,
    since: Mark,
    lifetime: Duration,
}

#[derive(Deserialize)]
struct Token {
    access_token: SecretText,
    expires_in: u64,
}

/// A caller of that sayso, logged in when it has to be.
#[derive(Debug)]
pub struct Login {
    client: reqwest::Client,
    url: String,
    name: String,
    secret: SecretText,
    held: Mutex<Option<Held>>,
}

impl Login {
    /// With the name and the secret that an operator gave.
    pub fn new(client: reqwest::Client, url: &str, name: &str, secret: SecretText) -> Self {
        let (url, name) = (url.trim_end_matches('/').to_owned(), name.to_owned());
        Self { client, url, name, secret, held: Mutex::default() }
    }

    /// A call to one of its paths.
    ///
    /// # Errors
    /// When it cannot be logged in.
    pub async fn post(&self, path: &str) -> Result<reqwest::RequestBuilder, RemoteError> {
        let token = self.token().await?;
        Ok(self.client.post(format!("{}{path}", self.url)).bearer_auth(token.expose()))
    }

    /// The token is not taken any more: the next call begins with another one.
    pub async fn forget(&self) {
        self.held.lock().await.take();
    }

    /// One that counts for some time still: a service that refuses a caller does not read the body to its end, and who is still sending
    /// it may find the connection closed instead of the refusal.
    async fn token(&self) -> Result<SecretText, RemoteError> {
        let mut held = self.held.lock().await;
        if let Some(held) = held.as_ref().filter(|held| held.since.elapsed() < held.lifetime / 2) {
            return Ok(held.token.clone());
        }
        let since = Mark::now();
        let request = self.client.post(format!("{}/v1/auth/token", self.url));
        let request = request.basic_auth(&self.name, Some(self.secret.expose()));
        let answer = request.form(&[("grant_type", "client_credentials")]).send().await?.error_for_status()?;
        let Token { access_token, expires_in } = answer.json().await?;
        *held = Some(Held { token: access_token.clone(), since, lifetime: Duration::from_secs(expires_in) });
        Ok(access_token)
    }
}

/// How somebody is named to the gate. What is no id names nobody, so it is never part of a question.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Person(Id);

impl Person {
    /// By `pairwise`, the id that came with the grant, by `email` or by `handle`; nothing for another kind, or what is no such id.
    pub fn of(kind: &str, id: &str) -> Option<Self> {
        let id = match IdentifierKind::from_name(kind) {
            Some(kind) => {
                Identifier::parse(kind, id).ok()?;
                Id { pairwise: None, kind: Some(kind), identifier: Some(id.into()) }
            }
            None if kind == "pairwise" => Id { pairwise: Some(id.parse().ok()?), kind: None, identifier: None },
            None => return None,
        };
        Some(Self(id))
    }

    /// The same, as a gate in this process is asked.
    pub(crate) fn asked(&self) -> Option<Asked> {
        match &self.0 {
            Id { pairwise: Some(pairwise), .. } => Some(Asked::Pairwise(*pairwise)),
            Id { kind: Some(kind), identifier: Some(text), .. } => {
                Identifier::parse(*kind, text).ok().map(Asked::Identifier)
            }
            Id { .. } => None,
        }
    }
}

/// What somebody wants to do with people's data, and why.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// What.
    pub action: Action,
    /// Why.
    pub purpose: Purpose,
    /// With activity from where.
    pub source: Source,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Id {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pairwise: Option<Pairwise>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<IdentifierKind>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    identifier: Option<String>,
}

#[derive(Serialize)]
struct Question<'a> {
    action: Action,
    purpose: &'a Purpose,
    source: &'a Source,
    ids: Vec<Id>,
}

#[derive(Deserialize)]
struct Answer {
    allowed: Vec<Id>,
    use_by_us: Micros,
}

/// Who may be used, and until when.
#[derive(Debug, Clone)]
pub struct Allowed {
    /// For each who was asked about, in order.
    pub allowed: Vec<bool>,
    /// Ask again after this; in the time of that sayso.
    pub use_by: Micros,
    asked: Mark,
}

impl Allowed {
    /// Whether it may still be used. The time since it was asked for is measured, so that a clock which goes wrong or back, here or
    /// there, makes it no longer.
    pub fn holds(&self, now: Micros) -> bool {
        let seconds = u64::try_from(limits::USE_BY_SECONDS).unwrap_or_default();
        self.asked.elapsed() < Duration::from_secs(seconds) && now < self.use_by
    }
}

/// The gate of that sayso.
#[derive(Debug)]
pub struct RemoteGate(Login);

impl RemoteGate {
    /// Asked as a recipient with this name and secret.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(url: &str, name: &str, secret: SecretText) -> Result<Self, RemoteError> {
        let _already_installed = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(QUESTION).redirect(Policy::none()).build()?;
        Ok(Self(Login::new(client, url, name, secret)))
    }

    /// Which of these people may be used so: of any number, asked about a thousand at a time.
    ///
    /// # Errors
    /// When one question got no answer: then nobody may be.
    pub async fn filter(&self, wanted: &Wanted, people: &[Person]) -> Result<Allowed, RemoteError> {
        let mut all = Allowed { allowed: Vec::new(), use_by: Micros(i64::MAX), asked: Mark::now() };
        for some in people.chunks(limits::FILTER_IDS_MAX) {
            let ids: Vec<Id> = some.iter().map(|Person(id)| id.clone()).collect();
            let answer = self.ask(wanted, ids.clone()).await?;
            all.allowed.extend(in_order(&ids, answer.allowed)?);
            all.use_by = all.use_by.min(answer.use_by_us);
        }
        Ok(all)
    }

    async fn ask(&self, wanted: &Wanted, ids: Vec<Id>) -> Result<Answer, RemoteError> {
        let Wanted { action, purpose, source } = wanted;
        let question = Question { action: *action, purpose, source, ids };
        let mut answer = self.0.post("/v1/gate/filter").await?.json(&question).send().await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            self.0.forget().await;
            answer = self.0.post("/v1/gate/filter").await?.json(&question).send().await?;
        }
        if answer.status() != StatusCode::OK {
            return Err(RemoteError::Refused(answer.status().as_u16()));
        }
        Ok(answer.json().await?)
    }
}

/// Which of those who were asked about are in the answer, which keeps their order.
fn in_order(asked: &[Id], allowed: Vec<Id>) -> Result<Vec<bool>, RemoteError> {
    let mut rest = allowed.into_iter().peekable();
    let found = asked.iter().map(|id| rest.next_if(|next| next == id).is_some()).collect();
    if rest.next().is_some() { Err(RemoteError::Garbled) } else { Ok(found) }
}
