//! The parts of a score as the person sees them: exact, and nobody in it.
//!
//! Amounts are shown by kind, topic and week. What fewer than five people gave goes into the rest, and if the rest is
//! then still fewer than five people, the smallest group goes with it; so nothing shown, and nothing left over when the
//! shown is subtracted from the sum, is a group under five. A week says only whether it counts.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Attention, DENOMINATOR, Verdict, publish};
use crate::domain::{ResponseKind, Topic, Week};
use crate::ids::Subject;
use crate::mutant;

/// The fewest people whose sum is shown.
pub const GROUP_MIN: usize = 5;

/// Why a score is what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The name of the formula.
    pub version: &'static str,
    /// What the numerator is divided by: the number of weeks that count.
    pub denominator: i64,
    /// The whole window, oldest week first.
    pub weeks: Vec<WeekShown>,
    /// What it consists of.
    pub amounts: Amounts,
}

/// One week of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct WeekShown {
    /// Which.
    pub week: Week,
    /// Whether it is among the twelve that count; an empty one can be.
    pub counts: bool,
}

/// What a score consists of, or that it cannot be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Amounts {
    /// `cells` and `rest` add up to `numerator` exactly.
    Shown {
        /// The sum over the weeks that count, in micro-attentions.
        numerator: i64,
        /// Groups of five people or more, by kind, topic and week.
        cells: Vec<Cell>,
        /// All others, if any.
        rest: Option<Rest>,
    },
    /// There is no score, or fewer than five people gave all that counts: any amount would be about somebody.
    Withheld,
}

/// What five people or more gave in one way, for one topic, in one week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// How.
    pub kind: ResponseKind,
    /// About what.
    pub topic: Topic,
    /// When.
    pub week: Week,
    /// How much, in micro-attentions.
    pub micro: i64,
    /// How many people; at least five.
    pub responders: usize,
}

/// What was given in groups too small to show, together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Rest {
    /// How much, in micro-attentions.
    pub micro: i64,
    /// How many people; at least five.
    pub responders: usize,
}

/// Explains a score to the person it is about.
pub fn explain(attention: &Attention) -> Explanation {
    let weeks = attention.window.iter().map(|(&week, &counts)| WeekShown { week, counts }).collect();
    let amounts = match publish(attention) {
        Verdict::Scored { .. } => amounts(attention),
        Verdict::InsufficientData => Amounts::Withheld,
    };
    Explanation { version: attention.formula.name, denominator: DENOMINATOR, weeks, amounts }
}

type Key<'a> = (ResponseKind, &'a Topic, Week);

#[derive(Default)]
struct Group {
    micro: i64,
    responders: BTreeSet<Subject>,
}

impl Group {
    fn absorb(&mut self, other: Self) {
        self.micro += other.micro;
        self.responders.extend(other.responders);
    }
    fn is_small(&self) -> bool {
        let fewest = if mutant::on("explanation_shows_small_groups") { 1 } else { GROUP_MIN };
        self.responders.len() < fewest
    }
}

fn amounts(attention: &Attention) -> Amounts {
    let (mut large, small): (BTreeMap<_, _>, BTreeMap<_, _>) =
        groups(attention).into_iter().partition(|(_, group)| !group.is_small());
    if small.is_empty() {
        return Amounts::Shown { numerator: attention.numerator, cells: cells(large), rest: None };
    }
    let mut rest = Group::default();
    for group in small.into_values() {
        rest.absorb(group);
    }
    while rest.is_small() {
        match take_smallest(&mut large) {
            Some(group) => rest.absorb(group),
            None => return Amounts::Withheld,
        }
    }
    let rest = Rest { micro: rest.micro, responders: rest.responders.len() };
    Amounts::Shown { numerator: attention.numerator, cells: cells(large), rest: Some(rest) }
}

fn groups(attention: &Attention) -> BTreeMap<Key<'_>, Group> {
    let mut groups: BTreeMap<_, Group> = BTreeMap::new();
    for part in attention.counted() {
        let group = groups.entry((part.kind, &part.topic, part.week)).or_default();
        group.micro += part.micro;
        group.responders.insert(part.responder);
    }
    groups
}

/// The one with the least in it; of two equal ones the first by kind, topic and week.
fn take_smallest(groups: &mut BTreeMap<Key<'_>, Group>) -> Option<Group> {
    let (&key, _) = groups.iter().min_by_key(|&(key, group)| (group.micro, *key))?;
    groups.remove(&key)
}

fn cells(groups: BTreeMap<Key<'_>, Group>) -> Vec<Cell> {
    let cell = |((kind, topic, week), group): (Key<'_>, Group)| Cell {
        kind,
        topic: topic.clone(),
        week,
        micro: group.micro,
        responders: group.responders.len(),
    };
    groups.into_iter().map(cell).collect()
}
