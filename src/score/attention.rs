//! The parts of other people's weeks that went to one person, and their sum.
//!
//! In one calendar week a responder spent the weight x, as the formula has it, over everybody they responded to, w of it on the person. The
//! part is `min(CAP, floor(WHOLE * w / x))`, once for each responder and week, split over topics and kinds by largest
//! remainder. All weeks of the window are ranked, the empty ones too; those ranked 2 to 13 count. What the person did
//! is never read, and what is too little for one micro-attention is no part.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use super::Formula;
use crate::domain::{Edge, ResponseKind, Responses, Topic, WINDOW_WEEKS, Week};
use crate::ids::Subject;
use crate::mutant;

/// All attention that one person has to give in one week, in micro-attentions.
pub const WHOLE: i64 = 1_000_000;
/// The most that one responder gives one person in one week, in micro-attentions.
pub const CAP: i64 = 250_000;
/// How many weeks count, whether or not anything happened in them.
pub const DENOMINATOR: i64 = 12;

/// What one responder gave in one week for one topic in one way. Names a person: never leaves the service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    /// Who gave it.
    pub responder: Subject,
    /// When.
    pub week: Week,
    /// About what.
    pub topic: Topic,
    /// How.
    pub kind: ResponseKind,
    /// How much, in micro-attentions; at least 1.
    pub micro: i64,
}

/// Everything that one person's score consists of.
///
/// To show amounts, use an explanation: `parts` names people, and `topics` less the groups an explanation shows is
/// what it hides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attention {
    /// By which formula.
    pub formula: Formula,
    /// The sum over the weeks that count, in micro-attentions; the score is a twelfth of it.
    pub numerator: i64,
    /// How many people gave a part anywhere in the window.
    pub responders: usize,
    /// In how many weeks of the window there was a part.
    pub weeks: usize,
    /// All parts of the window, ordered by responder, week, topic and kind.
    pub parts: Vec<Part>,
    /// The whole window, oldest first, and whether each week counts.
    pub window: BTreeMap<Week, bool>,
    /// The numerator by topic; adds up to it exactly.
    pub topics: BTreeMap<Topic, i64>,
}

impl Attention {
    /// The attention itself in micro-attentions a week, rounded down.
    pub fn micro(&self) -> i64 {
        self.numerator / DENOMINATOR
    }
    /// The parts in weeks that count; they add up to the numerator exactly.
    pub fn counted(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(|part| self.window.get(&part.week).is_some_and(|counts| *counts))
    }
}

/// Computes somebody's attention by a formula, in the window of weeks that ends with `until`: what [`parts`] and [`sum`] do together.
pub fn attention(formula: &Formula, until: Week, responses: &Responses) -> Attention {
    sum(formula, until, &parts(formula, &window(until), responses))
}

/// The window that ends with a week.
fn window(until: Week) -> RangeInclusive<Week> {
    Week(until.0.saturating_sub(WINDOW_WEEKS - 1))..=until
}

/// What somebody received in these weeks, ordered by responder, week, topic and kind. What went in one week hangs on no other week.
///
/// `responses` must hold everything visible that the person was given in those weeks, and that whoever gave it gave others in the same
/// week: that is how it is known what they spent in all. Order, several rows with one key, and what else people did make no difference.
pub fn parts(formula: &Formula, weeks: &RangeInclusive<Week>, responses: &Responses) -> Vec<Part> {
    let spent = spent(formula, weeks, responses);
    let mut parts: Vec<Part> = spent.iter().flat_map(|(&(who, week), spent)| spent.parts(who, week)).collect();
    parts.sort();
    parts
}

/// The attention that parts add up to, in the window of weeks that ends with `until`; parts of other weeks make no difference. They stand in
/// the order of [`parts`].
pub fn sum(formula: &Formula, until: Week, parts: &[Part]) -> Attention {
    let window = window(until);
    let parts: Vec<Part> = parts.iter().filter(|part| window.contains(&part.week)).cloned().collect();
    let mut attention = Attention {
        formula: *formula,
        numerator: 0,
        responders: parts.iter().map(|part| part.responder).collect::<BTreeSet<_>>().len(),
        weeks: parts.iter().map(|part| part.week).collect::<BTreeSet<_>>().len(),
        window: rank(&window, &parts),
        parts,
        topics: BTreeMap::new(),
    };
    let mut topics = BTreeMap::new();
    for part in attention.counted() {
        *topics.entry(part.topic.clone()).or_default() += part.micro;
    }
    attention.numerator = topics.values().sum();
    attention.topics = topics;
    attention
}

/// What one responder spent in one week. Wider integers than the counts have, so that no count overflows.
#[derive(Default)]
struct Spent<'a> {
    everywhere: i128,
    here: BTreeMap<(&'a Topic, ResponseKind), i128>,
}

fn spent<'a>(
    formula: &Formula,
    weeks: &RangeInclusive<Week>,
    responses: &'a Responses,
) -> BTreeMap<(Subject, Week), Spent<'a>> {
    let mut spent: BTreeMap<_, Spent<'a>> = BTreeMap::new();
    let weight = |count: i64, kind| i128::from(count.max(0)) * i128::from(formula.weight(kind));
    for edge in responses.received.iter().filter(|edge| weeks.contains(&edge.week) && is_response(edge)) {
        let (week, weight) = (spent.entry((edge.actor, edge.week)).or_default(), weight(edge.count, edge.kind));
        week.everywhere += weight;
        *week.here.entry((&edge.topic, edge.kind)).or_default() += weight;
    }
    for other in &responses.elsewhere {
        if let Some(week) = spent.get_mut(&(other.actor, other.week)) {
            week.everywhere += weight(other.count, other.kind);
        }
    }
    spent
}

/// Nobody responds to themselves; with that, nothing that the target does gives the target anything.
fn is_response(edge: &Edge) -> bool {
    edge.actor != edge.target || mutant::on("score_counts_own_actions")
}

impl Spent<'_> {
    /// The part that went to the target, split by largest remainder; a tie goes to the first topic, then kind.
    fn parts(&self, responder: Subject, week: Week) -> Vec<Part> {
        let here: i128 = self.here.values().sum();
        if here == 0 {
            return Vec::new();
        }
        let cap = if mutant::on("score_no_cap") { WHOLE } else { CAP };
        let whole = (i128::from(WHOLE) * here / self.everywhere).min(i128::from(cap));
        let share = |(&key, weight)| (key, whole * weight / here, whole * weight % here);
        let mut shares: Vec<_> = self.here.iter().map(share).collect();
        let left = whole - shares.iter().map(|(_, floor, _)| floor).sum::<i128>();
        shares.sort_by_key(|&(_, _, remainder)| Reverse(remainder));
        let micros =
            shares.into_iter().zip(0..).map(|((key, floor, _), place)| (key, floor + i128::from(place < left)));
        micros
            .filter(|&(_, micro)| micro > 0)
            .map(|((topic, kind), micro)| Part {
                responder,
                week,
                topic: topic.clone(),
                kind,
                micro: i64::try_from(micro).unwrap_or(CAP),
            })
            .collect()
    }
}

/// The weeks ranked 2 to 13 by their sums count; of two equal weeks the newer one ranks first.
fn rank(window: &RangeInclusive<Week>, parts: &[Part]) -> BTreeMap<Week, bool> {
    let mut sums: BTreeMap<Week, i64> = (window.start().0..=window.end().0).map(|week| (Week(week), 0)).collect();
    for part in parts {
        *sums.entry(part.week).or_default() += part.micro;
    }
    let mut ranked: Vec<_> = sums.into_iter().collect();
    ranked.sort_by_key(|&(week, sum)| Reverse((sum, week)));
    let left_out = i64::from(!mutant::on("score_keeps_best_week"));
    let counts = left_out..left_out + DENOMINATOR;
    ranked.into_iter().zip(0..).map(|((week, _), place)| (week, counts.contains(&place))).collect()
}
