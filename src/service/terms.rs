//! On which terms a recipient asks: for what, how often, about how many people. Whoever asks more is refused, and the operator is told.
//!
//! It is counted in memory, by each server for itself, and begins anew at a start: what was asked about whom stands in the database, this
//! only slows down somebody who goes through everybody.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{App, ClientCaller, ServiceError};
use crate::domain::{Purpose, Recipient, RecipientClass, Source};
use crate::gate::Action;
use crate::limits;
use crate::store::ClientRow;
use crate::window::Window;

const MINUTE_SECONDS: i64 = 60;
const DAY_SECONDS: i64 = 86_400;

/// What a recipient is registered for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The actions that it may ask for; as OAuth 2 has it, its scopes.
    pub scopes: BTreeSet<Action>,
    /// How often it may ask in one minute.
    pub calls_per_minute: u32,
    /// About how many people it may ask in one day.
    pub people_per_day: u32,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            scopes: SCOPES.into(),
            calls_per_minute: limits::CALLS_PER_MINUTE,
            people_per_day: limits::PEOPLE_PER_DAY,
        }
    }
}

/// What can be asked for by somebody else. Joining two personas is nobody's question but their owner's.
pub(super) const SCOPES: [Action; 4] = [Action::Collect, Action::Score, Action::Explain, Action::Disclose];

/// The scopes as OAuth 2 writes them (RFC 6749, section 3.3).
pub(super) fn scope_text(scopes: &BTreeSet<Action>) -> String {
    scopes.iter().map(|action| action.as_str()).collect::<Vec<_>>().join(" ")
}

/// Reads scopes; nothing when one of them is none.
pub(super) fn scopes_from(text: &str) -> Option<BTreeSet<Action>> {
    let scope = |word: &str| SCOPES.into_iter().find(|action| action.as_str() == word);
    text.split(' ').filter(|word| !word.is_empty()).map(scope).collect()
}

/// What each recipient asked, and was refused.
#[derive(Debug)]
pub(super) struct AskedSoFar {
    calls: Window<Recipient>,
    people: Window<Recipient>,
    refused: Window<Recipient>,
}

impl Default for AskedSoFar {
    fn default() -> Self {
        let window = |seconds| Window::new(seconds, u32::MAX, limits::RECIPIENTS_COUNTED_MAX);
        Self { calls: window(MINUTE_SECONDS), people: window(DAY_SECONDS), refused: window(DAY_SECONDS) }
    }
}

/// A recipient, to people who think about a yes.
#[derive(Debug, Clone, Serialize)]
pub struct RecipientView {
    /// Its name.
    pub recipient: Recipient,
    /// What kind of body it is.
    pub class: RecipientClass,
    /// The same in words.
    pub class_title: String,
    /// What it says that it wants data for; it cannot ask for anything else.
    pub purposes: Vec<Purpose>,
    /// From where.
    pub sources: Vec<Source>,
    /// What it may do.
    pub scopes: BTreeSet<Action>,
}

/// A registered caller, to an operator.
#[derive(Debug, Clone, Serialize)]
pub struct ClientView {
    /// Its name.
    pub client_id: String,
    /// Its role.
    pub role: String,
    /// The class of a recipient.
    pub class: String,
    /// What it may ask for.
    pub purposes: Vec<String>,
    /// From where.
    pub sources: Vec<String>,
    /// The actions that a recipient may ask for.
    pub scopes: Vec<String>,
    /// How often it may ask in one minute.
    pub calls_per_minute: u32,
    /// About how many people it may ask in one day.
    pub people_per_day: u32,
    /// Whether it signs for its tokens.
    pub signs: bool,
    /// Whether it is switched off.
    pub disabled: bool,
    /// About how many people it asked today.
    pub asked_today: u32,
    /// How often it was refused today because it asked more than it may: anything but 0 is an alarm.
    pub refused_today: u32,
}

/// What an operator says about a recipient's terms; what is left out is as [`Terms::default`] has it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTerms {
    /// The actions that it may ask for.
    pub scopes: Option<BTreeSet<Action>>,
    /// How often it may ask in one minute.
    pub calls_per_minute: Option<u32>,
    /// About how many people it may ask in one day.
    pub people_per_day: Option<u32>,
}

impl Terms {
    pub(super) fn check(&self) -> Result<(), ServiceError> {
        if self.scopes.is_empty() || self.scopes.contains(&Action::Link) {
            return Err(ServiceError::invalid("scopes", "some of `collect`, `score`, `explain`, `disclose`"));
        }
        for (field, number) in [("calls_per_minute", self.calls_per_minute), ("people_per_day", self.people_per_day)] {
            if !(1..=limits::REGISTERED_MAX).contains(&number) {
                return Err(ServiceError::invalid(field, "a whole number from 1 to 1,000,000,000"));
            }
        }
        Ok(())
    }
}

impl From<NewTerms> for Terms {
    fn from(new: NewTerms) -> Self {
        let usual = Self::default();
        Self {
            scopes: new.scopes.unwrap_or(usual.scopes),
            calls_per_minute: new.calls_per_minute.unwrap_or(usual.calls_per_minute),
            people_per_day: new.people_per_day.unwrap_or(usual.people_per_day),
        }
    }
}

impl App {
    /// Whether a recipient may ask this now. Counts what it may.
    ///
    /// # Errors
    /// [`ServiceError::Scope`] for an action that it, or its token, is not for; [`ServiceError::TooMuch`] beyond its numbers.
    pub(super) fn may_ask(&self, caller: &ClientCaller, action: Action, people: usize) -> Result<(), ServiceError> {
        if !caller.terms.scopes.contains(&action) {
            return Err(self.refuse(caller, people, ServiceError::Scope(action)));
        }
        self.within_terms(caller, people)
    }

    /// Counts one call about so many people, or refuses it.
    pub(super) fn within_terms(&self, caller: &ClientCaller, people: usize) -> Result<(), ServiceError> {
        let (now, calls) = (self.now(), &self.asked.calls);
        if !calls.take_of(caller.id.clone(), 1, caller.terms.calls_per_minute, now) {
            return Err(self.too_much(caller, calls.rest_seconds(now)));
        }
        self.may_ask_about(caller, people)
    }

    /// Counts so many people, of a call that was counted before they were known.
    ///
    /// # Errors
    /// [`ServiceError::TooMuch`] beyond its numbers.
    pub fn may_ask_about(&self, caller: &ClientCaller, people: usize) -> Result<(), ServiceError> {
        let (now, asked) = (self.now(), &self.asked.people);
        let people = u32::try_from(people).unwrap_or(u32::MAX);
        if !asked.take_of(caller.id.clone(), people, caller.terms.people_per_day, now) {
            return Err(self.too_much(caller, asked.rest_seconds(now)));
        }
        Ok(())
    }

    fn too_much(&self, caller: &ClientCaller, wait_seconds: i64) -> ServiceError {
        let now = self.now();
        if self.asked.refused.seen(&caller.id, now) == 0 {
            tracing::warn!(recipient = %caller.id, "a recipient asks more than it is registered for: it is refused");
        }
        self.asked.refused.take(caller.id.clone(), now);
        ServiceError::TooMuch(wait_seconds)
    }

    /// Who could be said yes to, for people who think about it.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn recipients(&self) -> Result<Vec<RecipientView>, ServiceError> {
        let rows = self.store.read_one(&(), |tx, ()| Box::pin(tx.clients())).await?;
        let mut views = Vec::new();
        for row in rows.iter().filter(|row| !row.disabled) {
            let ClientCaller { id, purposes, sources, class, terms, .. } = super::auth::client_caller(row)?;
            let Some(class) = class else { continue };
            let title = self.registry.recipient_class.iter().find(|entry| entry.name == class);
            let class_title = title.map_or_else(|| class.to_string(), |entry| entry.title.clone());
            views.push(RecipientView { recipient: id, class, class_title, purposes, sources, scopes: terms.scopes });
        }
        Ok(views)
    }

    /// Every registered caller, with what it asked today. About whom is not in it.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn clients(&self) -> Result<Vec<ClientView>, ServiceError> {
        let rows = self.store.read_one(&(), |tx, ()| Box::pin(tx.clients())).await?;
        Ok(rows.into_iter().map(|row| self.client_view(row)).collect())
    }

    pub(super) fn client_view(&self, row: ClientRow) -> ClientView {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        let id = row.id.parse::<Recipient>().ok();
        let today = |window: &Window<Recipient>| id.as_ref().map_or(0, |id| window.seen(id, self.now()));
        ClientView {
            asked_today: today(&self.asked.people),
            refused_today: today(&self.asked.refused),
            purposes: words(&row.purposes),
            sources: words(&row.sources),
            scopes: words(&row.scopes),
            client_id: row.id,
            role: row.role,
            class: row.class,
            calls_per_minute: row.calls_per_minute,
            people_per_day: row.people_per_day,
            signs: row.public_key.is_some(),
            disabled: row.disabled,
        }
    }
}
