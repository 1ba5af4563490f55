//! Keys that change: whoever keeps an old copy of the database cannot read the erased in it once the keys of its time are destroyed.
//!
//! A new epoch begins every so many days. It is made one period before it begins, so that a copy of the ring is good for what is stored
//! in the period after it; and it is destroyed one period after the next one began, so that a copy of the database can be read for at
//! least one period. In between the keys of the living are wrapped anew and their identifiers indexed anew. So an erased person
//! is in no copy that anybody can open, or find them in by their address, at most two periods later.

use std::sync::Arc;

use crate::domain::Micros;
use crate::secret::{Entropy, Key, NoEntropy};

/// So long after an epoch began everybody is moved to it: no act that looked somebody up under the keys of before is under way then (see
/// [`crate::limits::REQUEST_SECONDS_MAX`]).
const SETTLED_SECONDS: i64 = 60;
/// How much later than due a service that runs has destroyed keys at the latest.
const SLACK_SECONDS: i64 = 3_600;

/// The keys of one epoch.
#[derive(Debug)]
pub struct Epoch {
    /// Which; the first is 1.
    pub number: i64,
    /// From when on it is used.
    pub from: Micros,
    /// Wraps every person's key.
    pub wrapping: Key,
    /// Blind index of identifiers and objects of members.
    pub pepper: Key,
    /// Seals what is about people and stays for a day at most: mails on their way, stored answers.
    pub transit: Key,
}

impl Epoch {
    /// New keys.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn generate(number: i64, from: Micros, entropy: &Entropy) -> Result<Self, NoEntropy> {
        let key = || entropy.bytes().map(Key::new);
        Ok(Self { number, from, wrapping: key()?, pepper: key()?, transit: key()? })
    }
}

/// The epochs whose keys there are, oldest first; never none.
#[derive(Debug, Clone)]
pub struct Epochs {
    first: Arc<Epoch>,
    rest: Vec<Arc<Epoch>>,
}

/// What is to be done with the epochs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nothing yet.
    Nothing,
    /// The next one must be made; it begins then.
    Next(Micros),
    /// The oldest must be destroyed, after everybody was wrapped anew.
    Destroy(i64),
}

impl Epochs {
    /// The first epoch of a service.
    pub fn begin(first: Epoch) -> Self {
        Self { first: Arc::new(first), rest: Vec::new() }
    }

    /// From a list, oldest first, numbered without a gap, each beginning after the one before; nothing otherwise.
    pub fn from_list(list: Vec<Epoch>) -> Option<Self> {
        let follows = |pair: &[Epoch]| match pair {
            [one, next] => next.number == one.number + 1 && next.from > one.from,
            _ => true,
        };
        if !list.windows(2).all(follows) {
            return None;
        }
        let mut list = list.into_iter().map(Arc::new);
        Some(Self { first: list.next()?, rest: list.collect() })
    }

    /// All of them, oldest first.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = &Arc<Epoch>> {
        std::iter::once(&self.first).chain(&self.rest)
    }

    /// The one that is used.
    pub fn current(&self, now: Micros) -> &Arc<Epoch> {
        self.all().rev().find(|epoch| epoch.from <= now).unwrap_or(&self.first)
    }

    /// The one that everybody can be moved to.
    pub fn settled(&self, now: Micros) -> &Arc<Epoch> {
        self.current(now.plus_seconds(-SETTLED_SECONDS))
    }

    /// The one that is used, and the one before it, whose keys some rows may still be under; the same twice when there is none. Always
    /// two, so that looking under both is the same work for everybody.
    pub fn both(&self, now: Micros) -> [&Arc<Epoch>; 2] {
        let current = self.current(now);
        [current, self.of(current.number - 1).unwrap_or(current)]
    }

    /// The one with this number.
    pub fn of(&self, number: i64) -> Option<&Arc<Epoch>> {
        self.all().find(|epoch| epoch.number == number)
    }

    /// The oldest one's number: every one before it was destroyed.
    pub fn oldest(&self) -> i64 {
        self.first.number
    }

    /// When the keys that are used now are destroyed, by a service that runs.
    pub fn destroyed(&self, now: Micros, days: i64) -> Micros {
        let current = self.current(now);
        let next = self.of(current.number + 1).map_or_else(|| current.from.plus_days(days).max(now), |next| next.from);
        next.plus_days(days).plus_seconds(SLACK_SECONDS)
    }

    /// What is to be done now, with a new epoch every `days`. Nothing is destroyed before everybody can be moved.
    pub fn due(&self, now: Micros, days: i64) -> Due {
        if self.rest.first().is_some_and(|second| settled_at(second, days) <= now) {
            return Due::Destroy(self.first.number);
        }
        let current = self.current(now);
        match self.of(current.number + 1) {
            Some(_) => Due::Nothing,
            // Never in the past, so that a ring that was copied meanwhile has it.
            None => Due::Next(current.from.plus_days(days).max(now.plus_seconds(1))),
        }
    }

    /// With one more behind.
    #[must_use]
    pub fn with(&self, next: Epoch) -> Self {
        let mut longer = self.clone();
        longer.rest.push(Arc::new(next));
        longer
    }

    /// Without the oldest; the last one stays.
    #[must_use]
    pub fn without_oldest(&self) -> Self {
        let mut rest = self.rest.iter().cloned();
        rest.next().map_or_else(|| self.clone(), |first| Self { first, rest: rest.collect() })
    }
}

/// When the epoch before one can be destroyed.
fn settled_at(second: &Epoch, days: i64) -> Micros {
    second.from.plus_days(days).plus_seconds(SETTLED_SECONDS)
}
