//! Recipients ask the gate. One uniform denial: who is missing from the answer may be unknown, a minor, paused, withdrawn.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use serde::Serialize;

use super::{App, ClientCaller, PersonCaller, ServiceError};
use crate::domain::{Day, Micros, Purpose, Seq, Source, Triple};
use crate::gate::{Action, Asker, Question, Rules, decide};
use crate::ident::Identifier;
use crate::ids::{Pairwise, Subject};
use crate::limits;
use crate::store::{DecisionTally, FoundBy, Known, Tx};

/// How a recipient names somebody.
#[derive(Debug, Clone)]
pub enum Asked {
    /// By address or handle.
    Identifier(Identifier),
    /// By the id it was given with the grant.
    Pairwise(Pairwise),
}

/// Who wants to do what with whom.
#[derive(Debug, Clone)]
pub struct GateQuestion {
    /// What.
    pub action: Action,
    /// Why.
    pub purpose: Purpose,
    /// From where.
    pub source: Source,
    /// With whom, in order.
    pub ids: Vec<Asked>,
}

/// The answer.
#[derive(Debug, Clone, Serialize)]
pub struct Filtered {
    /// Places of those who are allowed, in the order they were asked.
    pub allowed: Vec<usize>,
    /// Ask again after this, in microseconds since 1970.
    pub use_by_us: Micros,
    /// The last event when it was decided.
    pub seq: Seq,
    /// The digest of the rules by which it was decided, in hexadecimal. Without any, nobody is allowed.
    pub policy_sha256: Option<String>,
}

/// Counts of decisions that wait to be written: for members by question, for others by caller.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    members: BTreeMap<(Subject, Key), i64>,
    unknown: BTreeMap<(String, Day), i64>,
}

/// How somebody is looked for: an identifier under its index and its earlier one.
type Names = (FoundBy, Vec<Vec<u8>>);
type Key = (Day, String, String, String, &'static str, bool);

impl App {
    /// The allowed ones among those a recipient names.
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] for a purpose or source that the recipient is not registered for; too many ids.
    pub async fn filter(&self, caller: &ClientCaller, question: &GateQuestion) -> Result<Filtered, ServiceError> {
        if question.ids.len() > limits::FILTER_IDS_MAX {
            return Err(ServiceError::invalid("ids", "at most 1,000 ids"));
        }
        self.may_filter(caller, question, question.ids.len())?;
        self.decide_many(caller, question).await
    }

    /// Whether a recipient may ask this about so many people, of whom none need be named yet. Counts them.
    ///
    /// # Errors
    /// As for [`App::filter`].
    pub fn may_filter(
        &self,
        caller: &ClientCaller,
        question: &GateQuestion,
        people: usize,
    ) -> Result<(), ServiceError> {
        if !caller.purposes.contains(&question.purpose) || !caller.sources.contains(&question.source) {
            return Err(ServiceError::Forbidden);
        }
        if question.action == Action::Link {
            return Err(ServiceError::invalid("action", "`collect`, `score`, `explain` or `disclose`"));
        }
        self.may_ask(caller, question.action, people)
    }

    /// Decides what [`App::may_filter`] let pass, in one snapshot.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn decide_many(&self, caller: &ClientCaller, question: &GateQuestion) -> Result<Filtered, ServiceError> {
        let triple =
            Triple { purpose: question.purpose.clone(), source: question.source.clone(), recipient: caller.id.clone() };
        let names: Vec<Names> = question.ids.iter().map(|id| self.names(id)).collect();
        let (known, rules, seq) = self
            .store
            .read_tx(&(self, &names, &triple), |tx, (app, names, triple)| Box::pin(app.read_known(tx, names, triple)))
            .await?;
        let asking = Asking { asker: caller.asker()?, triple: &triple, action: question.action, now: self.now() };
        Ok(self.answer_filter(&asking, &rules, &names, &known, seq))
    }

    /// By what kind of name somebody was asked about decides what work it is, whoever it is about.
    fn names(&self, id: &Asked) -> Names {
        match id {
            Asked::Identifier(identifier) => {
                (FoundBy::Blind, self.blinds(identifier).iter().map(|blind| blind.to_vec()).collect())
            }
            Asked::Pairwise(pairwise) => (FoundBy::Pairwise, vec![pairwise.as_bytes().to_vec()]),
        }
    }

    async fn read_known(
        &self,
        tx: &mut Tx,
        names: &[Names],
        triple: &Triple,
    ) -> Result<(BTreeMap<Vec<u8>, Known>, Rules, Seq), ServiceError> {
        let mut known = BTreeMap::new();
        for by in [FoundBy::Blind, FoundBy::Pairwise] {
            let of_this_kind = names.iter().filter(|(kind, _)| *kind == by);
            let all: Vec<Vec<u8>> = of_this_kind.flat_map(|(_, names)| names.iter().cloned()).collect();
            for some in all.chunks(500) {
                let found = tx.known(some, by, triple, false).await?;
                known.extend(found.into_iter().map(|one| (one.name.clone(), one)));
            }
        }
        Ok((known, self.rules(tx).await?, tx.head().await?.seq))
    }

    fn answer_filter(
        &self,
        asking: &Asking<'_>,
        rules: &Rules,
        names: &[Names],
        known: &BTreeMap<Vec<u8>, Known>,
        seq: Seq,
    ) -> Filtered {
        let mut use_by = asking.now.plus_seconds(limits::USE_BY_SECONDS);
        let mut allowed = Vec::new();
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        for (place, (_, names)) in names.iter().enumerate() {
            let somebody = names.iter().find_map(|name| known.get(name));
            let question =
                Question { asker: asking.asker, action: asking.action, triple: asking.triple, other_end: true };
            let decision = decide(somebody.map(|one| &one.standing), &question, rules, asking.now);
            if let Ok(allow) = &decision {
                allowed.push(place);
                use_by = use_by.min(allow.use_by);
            }
            tallies.add(asking, somebody, decision.is_ok());
        }
        let policy_sha256 = rules.house.as_ref().map(|house| house.sha256.clone());
        Filtered { allowed, use_by_us: use_by, seq, policy_sha256 }
    }

    /// Writes the counts that wait. What cannot be written is kept and tried again.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn flush_decisions(&self) -> Result<(), ServiceError> {
        let waiting = std::mem::take(&mut *self.tallies.lock().unwrap_or_else(PoisonError::into_inner));
        if waiting.members.is_empty() && waiting.unknown.is_empty() {
            return Ok(());
        }
        let written = self.store.run_tx(&waiting, |tx, waiting| Box::pin(write(tx, waiting))).await;
        if written.is_err() {
            self.tallies.lock().unwrap_or_else(PoisonError::into_inner).merge(waiting);
        }
        written
    }

    /// Who asked about a person, and was answered how.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn decisions(&self, caller: &PersonCaller) -> Result<Vec<DecisionTally>, ServiceError> {
        Ok(self.store.read_tx(&caller.subject, |tx, subject| Box::pin(tx.decisions(subject))).await?)
    }
}

/// One question, as it is counted.
pub(super) struct Asking<'a> {
    pub(super) asker: Asker<'a>,
    pub(super) triple: &'a Triple,
    pub(super) action: Action,
    pub(super) now: Micros,
}

impl Tallies {
    pub(super) fn add(&mut self, asking: &Asking<'_>, somebody: Option<&Known>, allowed: bool) {
        let (day, caller) = (asking.now.day(), asking.triple.recipient.to_string());
        let purpose = asking.triple.purpose.to_string();
        let key = (day, caller, purpose, asking.triple.source.to_string(), asking.action.as_str(), allowed);
        let Some(somebody) = somebody else {
            *self.unknown.entry((key.1, day)).or_default() += 1;
            return;
        };
        *self.members.entry((somebody.subject, key)).or_default() += 1;
    }

    fn merge(&mut self, other: Self) {
        for (key, times) in other.members {
            *self.members.entry(key).or_default() += times;
        }
        for (key, times) in other.unknown {
            *self.unknown.entry(key).or_default() += times;
        }
    }
}

async fn write(tx: &mut Tx, waiting: &Tallies) -> Result<(), ServiceError> {
    for ((subject, (day, caller, purpose, source, action, allowed)), times) in &waiting.members {
        let tally = DecisionTally {
            day: *day,
            caller: caller.clone(),
            purpose: purpose.clone(),
            source: source.clone(),
            action: (*action).into(),
            allowed: *allowed,
            times: *times,
        };
        tx.count_decision(subject, &tally).await?;
    }
    for ((caller, day), times) in &waiting.unknown {
        tx.count_unknown(caller, *day, *times).await?;
    }
    Ok(())
}
