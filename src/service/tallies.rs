//! Who was asked about, counted in memory for a moment and written some at a time, so that no act waits long for it.
//!
//! Whoever was looked up in memory is counted by name: who that is is found out when it is written, and takes no time of whoever asks. What
//! is on its way when the process is killed is lost; nothing that was decided stands on it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use super::epochs::Digests;
use super::{App, ServiceError};
use crate::domain::{Day, Micros, Triple};
use crate::gate::{Action, Asker};
use crate::ids::Subject;
use crate::limits;
use crate::store::{Counted, FoundBy, Known, Tx};

/// How somebody is looked for: by the id that a recipient was given, or by the index of an identifier and its earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sought {
    Pairwise([u8; 16]),
    Blind(Digests),
}

impl Sought {
    pub(super) fn kind(&self) -> FoundBy {
        match self {
            Self::Pairwise(_) => FoundBy::Pairwise,
            Self::Blind(_) => FoundBy::Blind,
        }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &[u8]> {
        let (pairwise, blinds) = match self {
            Self::Pairwise(name) => (Some(name.as_slice()), None),
            Self::Blind(blinds) => (None, Some(blinds)),
        };
        pairwise.into_iter().chain(blinds.into_iter().flatten().map(<[u8; 32]>::as_slice))
    }
}

/// A decision that was made in memory.
#[derive(Debug)]
pub(super) struct Decided {
    pub(super) asked: Arc<(Triple, Action)>,
    pub(super) day: Day,
    pub(super) allowed: bool,
    pub(super) sought: Sought,
}

/// One question that was decided on the database, as it is counted.
pub(super) struct Asking<'a> {
    pub(super) asker: Asker<'a>,
    pub(super) triple: &'a Triple,
    pub(super) action: Action,
    pub(super) now: Micros,
}

/// Counts that wait to be written: of people by question, of nobody known by caller.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    members: BTreeMap<(Counted, Subject), i64>,
    unknown: BTreeMap<(String, Day), i64>,
    named: Vec<Decided>,
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

impl Tallies {
    /// Takes what was decided in memory.
    pub(super) fn wait(&mut self, decided: Vec<Decided>) {
        self.named.extend(decided);
    }

    /// Whether so many wait that no more may be decided.
    pub(super) fn is_full(&self) -> bool {
        self.named.len() > limits::DECISIONS_WAITING_MAX
    }

    pub(super) fn add(&mut self, asking: &Asking<'_>, somebody: Option<&Known>, allowed: bool) {
        let counted = counted(asking.triple, asking.action, asking.now.day(), allowed);
        match somebody {
            Some(somebody) => self.add_member((counted, somebody.subject), 1),
            None => self.add_unknown((counted.caller, counted.day), 1),
        }
    }

    fn add_member(&mut self, who: (Counted, Subject), times: i64) {
        *self.members.entry(who).or_default() += times;
    }

    fn add_unknown(&mut self, caller: (String, Day), times: i64) {
        *self.unknown.entry(caller).or_default() += times;
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
            named: self.named.split_off(self.named.len().saturating_sub(count)),
        }
    }

    fn merge(&mut self, other: Self) {
        for (who, times) in other.members {
            self.add_member(who, times);
        }
        for (caller, times) in other.unknown {
            self.add_unknown(caller, times);
        }
        self.named.extend(other.named);
    }
}

fn counted(triple: &Triple, action: Action, day: Day, allowed: bool) -> Counted {
    let Triple { purpose, source, recipient } = triple;
    let (purpose, source, caller) = (purpose.to_string(), source.to_string(), recipient.to_string());
    Counted { day, caller, purpose, source, action: action.as_str().into(), allowed }
}

impl App {
    /// Writes the counts that wait, some at a time. What cannot be written is kept and tried again.
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
}

async fn write(tx: &mut Tx, waiting: &Tallies) -> Result<(), ServiceError> {
    let mut unknown = waiting.unknown.clone();
    let mut members: BTreeMap<Counted, BTreeMap<Subject, i64>> = BTreeMap::new();
    for ((counted, subject), times) in &waiting.members {
        *members.entry(counted.clone()).or_default().entry(*subject).or_default() += times;
    }
    let owners = owners(tx, &waiting.named).await?;
    for (place, decided) in waiting.named.iter().enumerate() {
        let (triple, action) = &*decided.asked;
        let counted = counted(triple, *action, decided.day, decided.allowed);
        match owners.get(&place) {
            Some(subject) => *members.entry(counted).or_default().entry(*subject).or_default() += 1,
            None => *unknown.entry((counted.caller, counted.day)).or_default() += 1,
        }
    }
    for (counted, people) in members {
        let people: Vec<(Subject, i64)> = people.into_iter().collect();
        tx.count_decisions(&counted, &people).await?;
    }
    for ((caller, day), times) in unknown {
        tx.count_unknown(&caller, day, times).await?;
    }
    Ok(())
}

/// Who those are that were asked about by name, by their place. A name counts for one recipient alone.
async fn owners(tx: &mut Tx, named: &[Decided]) -> Result<HashMap<usize, Subject>, ServiceError> {
    let mut groups: BTreeMap<(&str, FoundBy), Vec<usize>> = BTreeMap::new();
    for (place, decided) in named.iter().enumerate() {
        groups.entry((decided.asked.0.recipient.as_str(), decided.sought.kind())).or_default().push(place);
    }
    let mut found = HashMap::new();
    for ((recipient, kind), places) in groups {
        let of = |place: &usize| named.get(*place).into_iter().flat_map(|decided| decided.sought.names());
        let different: BTreeSet<&[u8]> = places.iter().flat_map(of).collect();
        let owners = tx.owners(&different.into_iter().collect::<Vec<_>>(), kind, recipient).await?;
        for place in places {
            if let Some(owner) = of(&place).find_map(|name| owners.get(name)) {
                found.insert(place, *owner);
            }
        }
    }
    Ok(found)
}
