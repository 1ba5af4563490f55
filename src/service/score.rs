//! A person's own score: asked through the gate, computed from edges that both ends allow at this moment.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::formulas::NextScoreView;
use super::ingest::collecting;
use super::{App, PersonCaller, ServiceError};
use crate::domain::{Assurance, Day, Edge, Micros, Seq, Source, Standing, Topic, WINDOW_WEEKS, Week};
use crate::gate::{Action, Asker, Denial, Question, Rules, decide};
use crate::ids::Subject;
use crate::limits;
use crate::policy::SourceEntry;
use crate::score::{Amounts, Attention, Explanation, Verdict, attention, explain, publish, value};
use crate::store::{Tx, VisibleQuery};

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
#[derive(Debug, Clone, Serialize)]
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

/// Which score.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) subject: Subject,
    pub(super) action: Action,
    /// The newest week of the window.
    pub(super) until: Week,
    /// Made from this source alone; from every allowed one when nothing is said.
    pub(super) source: Option<&'a Source>,
}

/// A score with what it stands on.
pub(super) struct Computed {
    attention: Attention,
    edges: Vec<Edge>,
    sources: Vec<SourceView>,
    until: Week,
    use_by: Micros,
    seq: Seq,
    choices: BTreeMap<Topic, bool>,
}

impl App {
    /// A person's own score at the end of the week that `as_of` falls in; now when nothing is said.
    ///
    /// # Errors
    /// [`ServiceError::Denied`] with the reason, when no source allows it.
    pub async fn score(&self, caller: &PersonCaller, as_of: Option<Micros>) -> Result<ScoreView, ServiceError> {
        let computed = self.computed(&caller.subject, Action::Score, as_of).await?;
        let topics = computed.topics();
        let shown = matches!(explain(&computed.attention).amounts, Amounts::Shown { .. });
        let (state, value, micro) = match publish(&computed.attention) {
            Verdict::Scored { value, micro } => ("scored", Some(value), Some(micro)),
            Verdict::InsufficientData => ("insufficient_data", None, None),
        };
        let next = match as_of {
            None => self.next_score(|formula| attention(formula, caller.subject, computed.until, &computed.edges)),
            Some(_) => None,
        };
        Ok(ScoreView {
            next,
            version: computed.attention.formula.name,
            state,
            value,
            attention_micro: micro.filter(|_| shown),
            window_from_day: first_day(computed.until),
            window_to_day: last_day(computed.until),
            topics,
            sources: computed.sources,
            population: POPULATION,
            not_suitable_for: NOT_SUITABLE_FOR,
            use_by_us: computed.use_by,
            contested: self.is_contested(&caller.subject).await?,
            seq: computed.seq,
        })
    }

    /// The values for the ends of so many weeks, the oldest first, the present one included: all from what is counted now, read once.
    ///
    /// # Errors
    /// As for the score.
    pub async fn values_back(
        &self,
        caller: &PersonCaller,
        weeks: i64,
    ) -> Result<Vec<(Week, Option<u8>)>, ServiceError> {
        let (subject, until) = (caller.subject, self.now().week());
        let wanted = Wanted { subject, action: Action::Score, until, source: None };
        let input = (self, wanted, weeks);
        let read = self.store.read_tx(&input, |tx, (app, wanted, weeks)| {
            Box::pin(async move { app.visible_in(tx, *wanted, *weeks - 1).await })
        });
        let (_, _, edges) = read.await?;
        let value = |week| match publish(&attention(&self.formula(), subject, week, &edges)) {
            Verdict::Scored { value, .. } => Some(value),
            Verdict::InsufficientData => None,
        };
        Ok((0..weeks).rev().map(|back| Week(until.0 - back)).map(|week| (week, value(week))).collect())
    }

    async fn is_contested(&self, subject: &Subject) -> Result<bool, ServiceError> {
        let person =
            self.store.read_tx(&(self, subject), |tx, (app, subject)| Box::pin(app.person(tx, subject))).await?;
        Ok(!person.history.contests.is_empty())
    }

    /// How a person's own score came about.
    ///
    /// # Errors
    /// As for the score.
    pub async fn explanation(
        &self,
        caller: &PersonCaller,
        as_of: Option<Micros>,
    ) -> Result<ExplanationView, ServiceError> {
        let computed = self.computed(&caller.subject, Action::Explain, as_of).await?;
        Ok(ExplanationView {
            explanation: explain(&computed.attention),
            sources: computed.sources,
            population: POPULATION,
            seq: computed.seq,
        })
    }

    /// Scores everybody, and tells only how many have one.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn score_summary(
        &self,
        as_of: Option<Micros>,
        mut progress: impl FnMut(u64),
    ) -> Result<ScoreSummary, ServiceError> {
        let mut summary = ScoreSummary::default();
        let mut after: Option<Subject> = None;
        loop {
            let page = self.store.read_tx(&after, |tx, after| Box::pin(tx.subjects_after(after.as_ref(), 500))).await?;
            let Some(last) = page.last() else { return Ok(summary) };
            after = Some(*last);
            for subject in &page {
                match self.computed(subject, Action::Score, as_of).await {
                    Ok(computed) => match publish(&computed.attention) {
                        Verdict::Scored { .. } => summary.scored += 1,
                        Verdict::InsufficientData => summary.insufficient_data += 1,
                    },
                    Err(ServiceError::Denied(_)) => summary.denied += 1,
                    Err(error) => return Err(error),
                }
                progress(1);
            }
        }
    }

    async fn computed(
        &self,
        subject: &Subject,
        action: Action,
        as_of: Option<Micros>,
    ) -> Result<Computed, ServiceError> {
        let now = self.now();
        if as_of.is_some_and(|at| at > now) {
            return Err(ServiceError::invalid("as_of", "a day that is not in the future"));
        }
        let until = as_of.unwrap_or(now).week();
        let wanted = Wanted { subject: *subject, action, until, source: None };
        self.store.read_tx(&(self, wanted), |tx, (app, wanted)| Box::pin(app.compute_in(tx, *wanted))).await
    }

    pub(super) async fn compute_in(&self, tx: &mut Tx, wanted: Wanted<'_>) -> Result<Computed, ServiceError> {
        let Wanted { subject, until, .. } = wanted;
        let (sources, use_by, edges) = self.visible_in(tx, wanted, 0).await?;
        let seq = tx.head().await?.seq;
        let choices = tx.topics(&subject).await?;
        let attention = attention(&self.formula(), subject, until, &edges);
        Ok(Computed { attention, edges, sources, until, use_by, seq, choices })
    }

    /// What is counted for a score, and for those of so many weeks before.
    async fn visible_in(
        &self,
        tx: &mut Tx,
        wanted: Wanted<'_>,
        earlier_weeks: i64,
    ) -> Result<(Vec<SourceView>, Micros, Vec<Edge>), ServiceError> {
        let Wanted { subject, until, source, .. } = wanted;
        let now = self.now();
        let rules = self.rules(tx).await?;
        let standing = tx.standing(&subject).await?;
        let (sources, use_by) = self.sources(standing.as_ref(), wanted, &rules, now)?;
        let purpose = collecting_purpose(&rules)?;
        let query = VisibleQuery {
            target: subject,
            until,
            from: Week(until.0 - WINDOW_WEEKS + 1 - earlier_weeks),
            valid_after: now.plus_seconds(limits::EXPIRY_MARGIN_SECONDS),
            oldest_notice: purpose,
            source: source.cloned(),
            allowed: self.allowed_ends(&rules, wanted.action)?,
        };
        Ok((sources, use_by, tx.visible_edges(&query).await?))
    }

    /// Whose responses, and from where, the rules of the house let count in a score that is used for this: both ends must be allowed, and the
    /// edges of many people are read at once.
    fn allowed_ends(&self, rules: &Rules, action: Action) -> Result<Vec<(Source, Assurance)>, ServiceError> {
        let house = rules.house.as_ref().ok_or(ServiceError::Denied(Denial::NoPolicy))?;
        let mut allowed = Vec::new();
        for entry in &self.registry.source {
            let triple = collecting(&entry.name)?;
            let allows = |assurance| {
                [Action::Score, action].into_iter().all(|action| {
                    let question = Question { asker: Asker::Ourselves, action, triple: &triple, other_end: true };
                    house.allows(&question, assurance)
                })
            };
            let some = Assurance::ALL.into_iter().filter(|assurance| allows(*assurance));
            allowed.extend(some.map(|assurance| (entry.name.clone(), assurance)));
        }
        Ok(allowed)
    }

    /// Every wanted source through the gate. Nothing is computed unless one allows it.
    fn sources(
        &self,
        standing: Option<&Standing>,
        wanted: Wanted<'_>,
        rules: &Rules,
        now: Micros,
    ) -> Result<(Vec<SourceView>, Micros), ServiceError> {
        let mut views = Vec::new();
        let mut use_by = None;
        let mut first_denial = None;
        let may_count = |entry: &&SourceEntry| wanted.source.is_none_or(|source| entry.name == *source);
        for entry in self.registry.source.iter().filter(may_count) {
            let triple = collecting(&entry.name)?;
            let (asker, action) = (Asker::Ourselves, wanted.action);
            let question = Question { asker, action, triple: &triple, other_end: true };
            let reason = match decide(standing, &question, rules, now) {
                Ok(allow) => {
                    use_by = Some(use_by.map_or(allow.use_by, |earlier: Micros| earlier.min(allow.use_by)));
                    None
                }
                Err(denial) => {
                    first_denial = first_denial.filter(|first| *first != Denial::NoGrant).or(Some(denial));
                    Some(denial)
                }
            };
            views.push(SourceView { source: entry.name.clone(), counted: reason.is_none(), reason });
        }
        let use_by = use_by.ok_or(ServiceError::Denied(first_denial.unwrap_or(Denial::NoGrant)))?;
        Ok((views, use_by))
    }
}

/// The first day of the window that ends with a week.
pub(super) fn first_day(until: Week) -> Day {
    Week(until.0 - WINDOW_WEEKS + 1).monday()
}

fn last_day(until: Week) -> Day {
    Day(Week(until.0 + 1).monday().0 - 1)
}

fn collecting_purpose(rules: &Rules) -> Result<i64, ServiceError> {
    let oldest = rules.oldest_notice.iter().find(|(purpose, _)| purpose.as_str() == crate::domain::ATTENTION_SCORE);
    oldest.map(|(_, version)| *version).ok_or(ServiceError::Denied(Denial::NoPolicy))
}

impl Computed {
    /// The score as one value, nothing where there is too little data; the last day of its window; the last event when it was computed.
    pub(super) fn told(&self) -> (Option<u8>, Day, Seq) {
        let value = match publish(&self.attention) {
            Verdict::Scored { value, .. } => Some(value),
            Verdict::InsufficientData => None,
        };
        (value, last_day(self.until), self.seq)
    }

    /// By which formula.
    pub(super) fn formula(&self) -> &'static str {
        self.attention.formula.name
    }

    pub(super) fn use_by(&self) -> Micros {
        self.use_by
    }

    /// A topic has a value of its own only when enough people responded about it.
    fn topics(&self) -> Vec<TopicView> {
        let mut people: BTreeMap<&Topic, (BTreeSet<Subject>, BTreeSet<Week>)> = BTreeMap::new();
        for part in &self.attention.parts {
            let (responders, weeks) = people.entry(&part.topic).or_default();
            responders.insert(part.responder);
            weeks.insert(part.week);
        }
        let view = |(topic, (responders, weeks)): (&Topic, (BTreeSet<Subject>, BTreeSet<Week>))| {
            let enough = responders.len() >= crate::score::RESPONDERS_MIN && weeks.len() >= crate::score::WEEKS_MIN;
            let sum = self.attention.topics.get(topic).copied().unwrap_or_default();
            let micro = sum / crate::score::DENOMINATOR;
            TopicView {
                topic: topic.clone(),
                value: enough.then(|| value(micro)),
                accepted: self.choices.get(topic).copied(),
            }
        };
        people.into_iter().map(view).collect()
    }
}
