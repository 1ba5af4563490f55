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
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Sought {
    Pairwise([u8; 16]),
    Blind(Arc<Digests>),
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
            Self::Blind(blinds) => (None, Some(&**blinds)),
        };
        pairwise.into_iter().chain(blinds.into_iter().flatten().map(<[u8; 32]>::as_slice))
    }
}

/// What was asked, and the digest of the house rules that it was decided by.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Matter {
    pub(super) triple: Triple,
    pub(super) action: Action,
    /// Empty where no rules could be read.
    pub(super) policy_sha256: String,
}

/// Whom a question was about, and by which house rules it was decided.
#[derive(Debug)]
pub(super) struct Regarded {
    pub(super) somebody: Option<Known>,
    pub(super) policy_sha256: String,
}

/// Decisions about people by name, on one question and one day.
#[derive(Debug)]
pub(super) struct Decided {
    pub(super) asked: Arc<Matter>,
    pub(super) day: Day,
    pub(super) people: Vec<Named>,
}

/// About whom, and whether it was a yes, so many times.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) sought: Sought,
    pub(super) allowed: bool,
    pub(super) times: u32,
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
    /// How many people are in those.
    named_people: usize,
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

impl Writing<'_> {
    /// Adds up what was asked about the same person several times. Lets others work in between.
    async fn gather(&mut self) {
        let mut questions: HashMap<_, HashMap<(Sought, bool), u32>> = HashMap::new();
        for Decided { asked, day, people } in &self.waiting.named {
            let same = questions.entry((asked.clone(), *day)).or_default();
            for Named { sought, allowed, times } in people {
                let so_far = same.entry((sought.clone(), *allowed)).or_default();
                *so_far = so_far.saturating_add(*times);
            }
            tokio::task::consume_budget().await;
        }
        let named = |((sought, allowed), times)| Named { sought, allowed, times };
        let gathered = questions.into_iter().map(|((asked, day), people)| {
            let people: Vec<Named> = people.into_iter().map(named).collect();
            Decided { asked, day, people }
        });
        self.waiting.named = gathered.collect();
        self.waiting.named_people = self.waiting.named.iter().map(|decided| decided.people.len()).sum();
    }
}

impl Tallies {
    /// Takes what was decided in memory.
    pub(super) fn wait(&mut self, decided: Decided) {
        self.named_people += decided.people.len();
        self.named.push(decided);
    }

    /// Whether so many wait that no more may be decided.
    pub(super) fn is_full(&self) -> bool {
        self.named_people > limits::DECISIONS_WAITING_MAX
    }

    pub(super) fn add(
        &mut self,
        asking: &Asking<'_>,
        (somebody, policy_sha256): (Option<&Known>, &str),
        allowed: bool,
    ) {
        let counted = counted((asking.triple, asking.action, policy_sha256), asking.now.day(), allowed);
        match somebody {
            Some(somebody) => self.add_member((counted, somebody.subject), 1),
            None => self.add_unknown((counted.caller, counted.day), 1),
        }
    }

    /// So many questions about nobody.
    pub(super) fn add_nobody(&mut self, caller: &str, day: Day, times: usize) {
        self.add_unknown((caller.to_owned(), day), i64::try_from(times).unwrap_or(i64::MAX));
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
        let mut taken = Self {
            members: some(&mut self.members, count),
            unknown: some(&mut self.unknown, count),
            ..Self::default()
        };
        while let Some(last) = self.named.last_mut().filter(|_| taken.named_people < count) {
            let kept = last.people.len().saturating_sub(count - taken.named_people);
            let people = last.people.split_off(kept);
            taken.wait(Decided { asked: last.asked.clone(), day: last.day, people });
            if kept == 0 {
                self.named.pop();
            }
        }
        self.named_people -= taken.named_people;
        taken
    }

    fn merge(&mut self, other: Self) {
        for (who, times) in other.members {
            self.add_member(who, times);
        }
        for (caller, times) in other.unknown {
            self.add_unknown(caller, times);
        }
        self.named_people += other.named_people;
        self.named.extend(other.named);
    }
}

fn counted((triple, action, policy_sha256): (&Triple, Action, &str), day: Day, allowed: bool) -> Counted {
    let Triple { purpose, source, recipient } = triple;
    let (purpose, source, caller) = (purpose.to_string(), source.to_string(), recipient.to_string());
    Counted {
        day,
        caller,
        purpose,
        source,
        action: action.as_str().into(),
        policy_sha256: policy_sha256.into(),
        allowed,
    }
}

impl App {
    /// Writes the counts that wait, some at a time. What cannot be written is kept and tried again.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn flush_decisions(&self) -> Result<(), ServiceError> {
        let waiting = std::mem::take(&mut *self.tallies.lock().unwrap_or_else(PoisonError::into_inner));
        let mut turn = Writing { tallies: &self.tallies, waiting, some: Tallies::default() };
        turn.gather().await;
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
    for decided in &waiting.named {
        let owners = owners(tx, decided).await?;
        for allowed in [true, false] {
            let Matter { triple, action, policy_sha256 } = &*decided.asked;
            let counted = counted((triple, *action, policy_sha256), decided.day, allowed);
            let nobody = unknown.entry((counted.caller.clone(), counted.day)).or_default();
            let people = members.entry(counted).or_default();
            for named in decided.people.iter().filter(|named| named.allowed == allowed) {
                let owner = named.sought.names().find_map(|name| owners.get(name));
                let so_far = owner.map_or(&mut *nobody, |owner| people.entry(*owner).or_default());
                *so_far += i64::from(named.times);
            }
        }
    }
    for (counted, people) in members {
        let people: Vec<(Subject, i64)> = people.into_iter().collect();
        tx.count_decisions(&counted, &people).await?;
    }
    for ((caller, day), times) in unknown.into_iter().filter(|(_, times)| *times > 0) {
        tx.count_unknown(&caller, day, times).await?;
    }
    Ok(())
}

/// Who those are that were asked about by name. A name counts for one recipient alone; those of the two kinds differ in length.
async fn owners(tx: &mut Tx, decided: &Decided) -> Result<HashMap<Vec<u8>, Subject>, ServiceError> {
    let mut owners = HashMap::new();
    for kind in [FoundBy::Blind, FoundBy::Pairwise] {
        let of_this_kind = decided.people.iter().filter(|named| named.sought.kind() == kind);
        let names: BTreeSet<&[u8]> = of_this_kind.flat_map(|named| named.sought.names()).collect();
        let names: Vec<&[u8]> = names.into_iter().collect();
        if !names.is_empty() {
            owners.extend(tx.owners(&names, kind, decided.asked.triple.recipient.as_str()).await?);
        }
    }
    Ok(owners)
}
