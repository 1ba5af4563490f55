//! Recipients ask the gate. One uniform denial: who is missing from the answer may be unknown, a minor, paused, withdrawn.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::{App, ClientCaller, PersonCaller, ServiceError};
use crate::domain::{Day, Micros, Purpose, Seq, Source, Triple};
use crate::gate::{Action, Asker, Prepared, Projection, Question, Rules, decide};
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
    /// Those who were asked about by name and looked up in memory: who they are is found out when it is written.
    named: BTreeMap<(Key, Names), i64>,
}

/// Counts that are being written. What was not waits again, also when whoever asked went away meanwhile: nobody asks uncounted by hanging
/// up. What was written at that very moment may then count twice.
struct Writing<'a> {
    tallies: &'a Mutex<Tallies>,
    waiting: Tallies,
    some: Tallies,
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        tallies.merge(std::mem::take(&mut self.some));
        tallies.merge(std::mem::take(&mut self.waiting));
    }
}

/// How somebody is looked for: an identifier under its index and its earlier one.
type Names = (FoundBy, Vec<Vec<u8>>);
type Key = (Day, Triple, &'static str, bool);

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
        // Before anything is read: whatever is read later is at least as new as that moment.
        let asking = Asking { asker: caller.asker()?, triple: &triple, action: question.action, now: self.now() };
        let names: Vec<Names> = question.ids.iter().map(|id| self.names(id)).collect();
        if let Some(found) = self.decide_in_memory(&asking, &names).await? {
            return Ok(found);
        }
        let (known, rules, seq) = self
            .store
            .read_tx(&(self, &names, &triple), |tx, (app, names, triple)| Box::pin(app.read_known(tx, names, triple)))
            .await?;
        Ok(self.answer_filter(&asking, &rules, &names, &known, seq))
    }

    /// The same work for everybody, as [`App::answer_filter`] does it, without the database. Nothing where the database must be asked:
    /// nobody is in memory, or what holds for everybody changes at this moment.
    async fn decide_in_memory(&self, asking: &Asking<'_>, names: &[Names]) -> Result<Option<Filtered>, ServiceError> {
        let Some(fence) = self.store.fence() else { return Ok(None) };
        let Some(generation) = fence.generation() else { return Ok(None) };
        let rules = self.rules_at(generation).await?;
        let seq = fence.seq();
        if fence.generation() != Some(generation) {
            return Ok(None);
        }
        let question = Question { asker: asking.asker, action: asking.action, triple: asking.triple, other_end: true };
        let prepared = Prepared::new(&question, &rules);
        let (blind, pairwise) = (fence.column(asking.triple, false), fence.column(asking.triple, true));
        let mut use_by = asking.now.plus_seconds(limits::USE_BY_SECONDS);
        let mut allowed = Vec::new();
        let mut waiting = Vec::with_capacity(names.len());
        for (place, (kind, all)) in names.iter().enumerate() {
            let column = if *kind == FoundBy::Pairwise { &pairwise } else { &blind };
            let found = all.iter().map(|name| fence.find(column, name));
            let person = found.fold(Projection::NOBODY, |found, next| if found.grant.is_some() { found } else { next });
            let decision = prepared.decide(&person, asking.now);
            if let Ok(until) = decision {
                allowed.push(place);
                use_by = use_by.min(until);
            }
            waiting.push((asking.key(decision.is_ok()), (*kind, all.clone())));
        }
        if self.wait_to_be_counted(waiting) {
            self.flush_decisions().await?;
        }
        let policy_sha256 = rules.house.as_ref().map(|house| house.sha256.clone());
        Ok(Some(Filtered { allowed, use_by_us: use_by, seq, policy_sha256 }))
    }

    /// Whether too many wait.
    fn wait_to_be_counted(&self, decisions: Vec<(Key, Names)>) -> bool {
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        for decision in decisions {
            *tallies.named.entry(decision).or_default() += 1;
        }
        tallies.named.len() > limits::DECISIONS_WAITING_MAX
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

    /// Writes the counts that wait, some at a time, so that no act waits long for them. What cannot be written is kept and tried again.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn flush_decisions(&self) -> Result<(), ServiceError> {
        let waiting = std::mem::take(&mut *self.tallies.lock().unwrap_or_else(PoisonError::into_inner));
        let mut turn = Writing { tallies: &self.tallies, waiting, some: Tallies::default() };
        loop {
            turn.some = turn.waiting.some(limits::DECISIONS_AT_ONCE);
            if turn.some.is_empty() {
                return Ok(());
            }
            self.store.run_tx(&turn.some, |tx, some| Box::pin(write(tx, some))).await?;
            turn.some = Tallies::default();
        }
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

impl Asking<'_> {
    fn key(&self, allowed: bool) -> Key {
        (self.now.day(), self.triple.clone(), self.action.as_str(), allowed)
    }
}

impl Tallies {
    pub(super) fn add(&mut self, asking: &Asking<'_>, somebody: Option<&Known>, allowed: bool) {
        match somebody {
            Some(somebody) => self.add_member((somebody.subject, asking.key(allowed)), 1),
            None => self.add_unknown(&asking.key(allowed), 1),
        }
    }

    fn add_member(&mut self, key: (Subject, Key), times: i64) {
        *self.members.entry(key).or_default() += times;
    }

    fn add_unknown(&mut self, (day, triple, ..): &Key, times: i64) {
        *self.unknown.entry((triple.recipient.to_string(), *day)).or_default() += times;
    }

    fn is_empty(&self) -> bool {
        self.members.is_empty() && self.unknown.is_empty() && self.named.is_empty()
    }

    /// Takes out so many of each kind.
    fn some(&mut self, count: usize) -> Self {
        fn some<K: Ord, V>(map: &mut BTreeMap<K, V>, count: usize) -> BTreeMap<K, V> {
            std::iter::from_fn(|| map.pop_first()).take(count).collect()
        }
        Self {
            members: some(&mut self.members, count),
            unknown: some(&mut self.unknown, count),
            named: some(&mut self.named, count),
        }
    }

    fn merge(&mut self, other: Self) {
        for (key, times) in other.members {
            self.add_member(key, times);
        }
        for (key, times) in other.unknown {
            *self.unknown.entry(key).or_default() += times;
        }
        for (key, times) in other.named {
            *self.named.entry(key).or_default() += times;
        }
    }
}

async fn write(tx: &mut Tx, waiting: &Tallies) -> Result<(), ServiceError> {
    let found = find(tx, &waiting.named).await?;
    let members = waiting.members.iter().chain(&found.members);
    for ((subject, (day, triple, action, allowed)), times) in members {
        let tally = DecisionTally {
            day: *day,
            caller: triple.recipient.to_string(),
            purpose: triple.purpose.to_string(),
            source: triple.source.to_string(),
            action: (*action).into(),
            allowed: *allowed,
            times: *times,
        };
        tx.count_decision(subject, &tally).await?;
    }
    for ((caller, day), times) in waiting.unknown.iter().chain(&found.unknown) {
        tx.count_unknown(caller, *day, *times).await?;
    }
    Ok(())
}

/// Who those are that were asked about by name.
async fn find(tx: &mut Tx, named: &BTreeMap<(Key, Names), i64>) -> Result<Tallies, ServiceError> {
    let mut groups: BTreeMap<(&Triple, FoundBy), Vec<Vec<u8>>> = BTreeMap::new();
    for ((_, triple, ..), (kind, names)) in named.keys() {
        groups.entry((triple, *kind)).or_default().extend(names.iter().cloned());
    }
    let mut owners = BTreeMap::new();
    for ((triple, kind), names) in groups {
        for one in tx.known(&names, kind, triple, false).await? {
            owners.insert((triple, kind, one.name), one.subject);
        }
    }
    let mut found = Tallies::default();
    for ((key, (kind, names)), times) in named {
        match names.iter().find_map(|name| owners.get(&(&key.1, *kind, name.clone()))) {
            Some(subject) => found.add_member((*subject, key.clone()), *times),
            None => found.add_unknown(key, *times),
        }
    }
    Ok(found)
}
