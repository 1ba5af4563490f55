//! What people and operators are shown of scores.

use serde::Serialize;

use super::formulas::NextScoreView;
use crate::domain::{Day, Micros, Seq, Source, Topic, Week};
use crate::gate::Denial;
use crate::score::Explanation;

/// Who was counted; stands in every answer that carries a score.
pub(super) const POPULATION: &str = "responses among people who said yes to attention_score for the same source";
/// What a score must not be used for; stands in every answer that carries one.
pub(super) const NOT_SUITABLE_FOR: [&str; 6] = [
    "decisions about people: work, credit, insurance, housing, education, benefits, admission, service",
    "comparing or ranking people",
    "judging worth, skill, honesty or opinion",
    "telling praise from argument",
    "people who are not members",
    "anything after `use_by_us`",
];

/// Whether a source counts, and if not, why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceView {
    /// Which.
    pub source: Source,
    /// It counts.
    pub counted: bool,
    /// Why it does not.
    pub reason: Option<Denial>,
}

/// What the score is about.
#[derive(Debug, Clone, Serialize)]
pub struct TopicView {
    /// Which topic.
    pub topic: Topic,
    /// 1 to 100; nothing where too few people responded about it.
    pub value: Option<u8>,
    /// It may leave the service, it may not for good, or the owner has not decided, which counts as no.
    pub accepted: Option<bool>,
}

/// A person's score.
#[derive(Debug, Clone, Serialize)]
pub struct ScoreView {
    /// The formula.
    pub version: &'static str,
    /// `scored`, or `insufficient_data`, which is no low score.
    pub state: &'static str,
    /// 1 to 100.
    pub value: Option<u8>,
    /// Micro-attention behind it; left out where it would show what fewer than five people did.
    pub attention_micro: Option<i64>,
    /// First day of the window, in days since 1970.
    pub window_from_day: Day,
    /// Last day of the window.
    pub window_to_day: Day,
    /// What it is about.
    pub topics: Vec<TopicView>,
    /// Which sources count.
    pub sources: Vec<SourceView>,
    /// Among whom.
    pub population: &'static str,
    /// What for it must not be used.
    pub not_suitable_for: [&'static str; 6],
    /// Ask again after this, in microseconds since 1970.
    pub use_by_us: Micros,
    /// The person contests it, and no human has answered yet.
    pub contested: bool,
    /// The last event when it was computed.
    pub seq: Seq,
    /// What a formula that does not count yet says, where one is announced; only of the present.
    pub next: Option<NextScoreView>,
}

/// How a score came about.
#[derive(Debug, Clone, Serialize)]
pub struct ExplanationView {
    /// The parts; they add up exactly.
    #[serde(flatten)]
    pub explanation: Explanation,
    /// Which sources count.
    pub sources: Vec<SourceView>,
    /// Among whom.
    pub population: &'static str,
    /// The last event when it was computed.
    pub seq: Seq,
}

/// How many have a score, for an operator: no person, no value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ScoreSummary {
    /// With a score.
    pub scored: u64,
    /// With too little data.
    pub insufficient_data: u64,
    /// Denied by the gate.
    pub denied: u64,
}

/// All that a person sees of their own score.
#[derive(Debug)]
pub struct OwnScore {
    /// Now.
    pub score: ScoreView,
    /// How it came about.
    pub explanation: ExplanationView,
    /// At the ends of the last weeks, the oldest first.
    pub values: Vec<(Week, Option<u8>)>,
}
