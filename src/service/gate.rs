//! Recipients ask the gate. One uniform denial: who is missing from the answer may be unknown, a minor, paused, withdrawn.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use serde::Serialize;

use super::tallies::{Asking, Decided, Named, Sought};
use super::{App, ClientCaller, PersonCaller, ServiceError};
use crate::domain::{Micros, Purpose, Seq, Source, Triple};
use crate::gate::{Action, Prepared, Projection, Question, Rules};
use crate::ident::Identifier;
use crate::ids::Pairwise;
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
            return Err(self.refuse(caller, people, ServiceError::Forbidden));
        }
        if question.action == Action::Link {
            let expected = ServiceError::invalid("action", "`collect`, `score`, `explain` or `disclose`");
            return Err(self.refuse(caller, people, expected));
        }
        self.may_ask(caller, question.action, people)
    }

    /// What names nobody, or nothing that this recipient may ask for, is denied, and counted like every denial: against its terms, and in the
    /// summary for auditors as about people nobody knows. What to answer: `otherwise`, or that it asks too much.
    pub fn refuse(&self, caller: &ClientCaller, questions: usize, otherwise: ServiceError) -> ServiceError {
        let questions = questions.max(1); // about whom is not known yet
        if let Err(too_much) = self.within_terms(caller, questions) {
            return too_much;
        }
        self.count_nobody(caller, questions);
        otherwise
    }

    /// Counts so many questions that named nobody.
    pub fn count_nobody(&self, caller: &ClientCaller, times: usize) {
        if times > 0 {
            let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
            tallies.add_nobody(caller.id.as_str(), self.now().day(), times);
        }
    }

    /// Decides what [`App::may_filter`] let pass, in one snapshot.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn decide_many(&self, caller: &ClientCaller, question: &GateQuestion) -> Result<Filtered, ServiceError> {
        // Before anything is read: whatever is read later is at least as new as that moment.
        let now = self.now();
        let sought: Vec<Sought> = question.ids.iter().map(|id| self.sought(id)).collect();
        if let Some(found) = self.decide_in_memory(caller, question, (&sought, now)).await? {
            return Ok(found);
        }
        let triple =
            Triple { purpose: question.purpose.clone(), source: question.source.clone(), recipient: caller.id.clone() };
        let asking = Asking { asker: caller.asker()?, triple: &triple, action: question.action, now };
        let (known, rules, seq) = self
            .store
            .read_tx(&(self, &sought, &triple), |tx, (app, sought, triple)| {
                Box::pin(app.read_known(tx, sought, triple))
            })
            .await?;
        Ok(self.answer_filter(&asking, &rules, &sought, &known, seq))
    }

    /// The same work for everybody, as [`App::answer_filter`] does it, without the database. Nothing where the database must be asked:
    /// nobody is in memory, or what holds for everybody changes at this moment.
    async fn decide_in_memory(
        &self,
        caller: &ClientCaller,
        question: &GateQuestion,
        (sought, now): (&[Sought], Micros),
    ) -> Result<Option<Filtered>, ServiceError> {
        let Some(fence) = self.store.fence() else { return Ok(None) };
        if self.tallies.lock().unwrap_or_else(PoisonError::into_inner).is_full() {
            self.flush_decisions().await?; // nobody is decided about uncounted
        }
        let Some(generation) = fence.generation() else { return Ok(None) };
        let ready = self.ready(fence, generation, (caller, question)).await?;
        let seq = fence.seq();
        if fence.generation() != Some(generation) {
            return Ok(None);
        }
        let mut use_by = now.plus_seconds(limits::USE_BY_SECONDS);
        let mut allowed = Vec::new();
        let found = ready.find(fence, sought);
        let mut people = Vec::with_capacity(sought.len());
        for (place, (sought, person)) in sought.iter().zip(&found).enumerate() {
            let decision = ready.prepared.decide(person, now);
            if let Ok(until) = decision {
                allowed.push(place);
                use_by = use_by.min(until);
            }
            people.push(Named { sought: sought.clone(), allowed: decision.is_ok(), times: 1 });
        }
        let decided = Decided { asked: ready.asked.clone(), day: now.day(), people };
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner).wait(decided);
        Ok(Some(Filtered { allowed, use_by_us: use_by, seq, policy_sha256: ready.policy_sha256.clone() }))
    }

    /// By what kind of name somebody was asked about decides what work it is, whoever it is about.
    fn sought(&self, id: &Asked) -> Sought {
        match id {
            Asked::Identifier(identifier) => Sought::Blind(Arc::new(self.blinds(identifier))),
            Asked::Pairwise(pairwise) => Sought::Pairwise(*pairwise.as_bytes()),
        }
    }

    async fn read_known(
        &self,
        tx: &mut Tx,
        sought: &[Sought],
        triple: &Triple,
    ) -> Result<(BTreeMap<Vec<u8>, Known>, Rules, Seq), ServiceError> {
        let mut known = BTreeMap::new();
        for by in [FoundBy::Blind, FoundBy::Pairwise] {
            let of_this_kind = sought.iter().filter(|sought| sought.kind() == by);
            let all: Vec<Vec<u8>> = of_this_kind.flat_map(Sought::names).map(<[u8]>::to_vec).collect();
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
        sought: &[Sought],
        known: &BTreeMap<Vec<u8>, Known>,
        seq: Seq,
    ) -> Filtered {
        let mut use_by = asking.now.plus_seconds(limits::USE_BY_SECONDS);
        let mut allowed = Vec::new();
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        let question = Question { asker: asking.asker, action: asking.action, triple: asking.triple, other_end: true };
        let prepared = Prepared::new(&question, rules);
        for (place, sought) in sought.iter().enumerate() {
            let somebody = sought.names().find_map(|name| known.get(name));
            let person = Projection::of(somebody.map(|one| &one.standing), asking.triple);
            let decision = prepared.decide(&person, asking.now);
            if let Ok(until) = decision {
                allowed.push(place);
                use_by = use_by.min(until);
            }
            tallies.add(asking, (somebody, rules.policy_sha256().unwrap_or_default()), decision.is_ok());
        }
        let policy_sha256 = rules.policy_sha256().map(str::to_owned);
        Filtered { allowed, use_by_us: use_by, seq, policy_sha256 }
    }

    /// Who asked about a person, and was answered how.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn decisions(&self, caller: &PersonCaller) -> Result<Vec<DecisionTally>, ServiceError> {
        Ok(self.store.read_one(&caller.subject, |tx, subject| Box::pin(tx.decisions(subject))).await?)
    }
}
