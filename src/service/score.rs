//! A person's own score: asked through the gate, computed from edges that both ends allow at this moment.

use std::collections::{BTreeMap, BTreeSet};

use super::ingest::collecting;
use super::score_views::{
    ExplanationView, NOT_SUITABLE_FOR, OwnScore, POPULATION, ScoreSummary, ScoreView, SourceView, TopicView,
};
use super::{App, PersonCaller, ServiceError};
use crate::domain::{Assurance, Day, Micros, Responses, Seq, Source, Standing, Topic, WINDOW_WEEKS, Week};
use crate::gate::{Action, Asker, Denial, Question, Rules, decide};
use crate::ids::Subject;
use crate::limits;
use crate::policy::SourceEntry;
use crate::score::{Amounts, Attention, Verdict, attention, explain, parts, publish, sum, value};
use crate::store::{Tx, VisibleQuery};

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

/// Whose responses count: those who stand on this notice or a later one, from where and of what age.
#[derive(Debug, PartialEq, Eq)]
struct Visible {
    oldest_notice: i64,
    allowed: Vec<(Source, Assurance)>,
}

/// A score with what it stands on.
pub(super) struct Computed {
    attention: Attention,
    responses: Responses,
    visible: Visible,
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
        let contested = self.is_contested(&caller.subject).await?;
        Ok(self.score_view(&computed, as_of.is_none(), contested))
    }

    /// All that a person sees of their own score now: the score, how it came about, and the values for the ends of so many weeks, the present
    /// one included. All from what is counted now, read once.
    ///
    /// # Errors
    /// As for the score.
    pub async fn own_score(&self, caller: &PersonCaller, weeks: i64) -> Result<OwnScore, ServiceError> {
        let (subject, until) = (caller.subject, self.now().week());
        let input = (self, subject, until, weeks);
        let read = self.store.read_tx(&input, |tx, (app, subject, until, weeks)| {
            Box::pin(async move {
                let wanted = |action| Wanted { subject: *subject, action, until: *until, source: None };
                let computed = app.compute_in(tx, wanted(Action::Score), *weeks - 1).await?;
                let explained = app.compute_again(tx, wanted(Action::Explain), &computed).await?;
                let person = app.person(tx, subject).await?;
                Ok::<_, ServiceError>((computed, explained, person.history.contests_score()))
            })
        });
        let (computed, explained, contested) = read.await?;
        let formula = self.formula();
        let from = Week(until.0 - weeks + 1);
        let parts = parts(&formula, &(first_week(from)..=until), &computed.responses);
        let value = |week| match publish(&sum(&formula, week, &parts)) {
            Verdict::Scored { value, .. } => Some(value),
            Verdict::InsufficientData => None,
        };
        Ok(OwnScore {
            values: (from.0..=until.0).map(Week).map(|week| (week, value(week))).collect(),
            score: self.score_view(&computed, true, contested),
            explanation: explained.as_ref().unwrap_or(&computed).explanation(),
        })
    }

    fn score_view(&self, computed: &Computed, present: bool, contested: bool) -> ScoreView {
        let shown = matches!(explain(&computed.attention).amounts, Amounts::Shown { .. });
        let (state, value, micro) = match publish(&computed.attention) {
            Verdict::Scored { value, micro } => ("scored", Some(value), Some(micro)),
            Verdict::InsufficientData => ("insufficient_data", None, None),
        };
        let by = |formula: &_| attention(formula, computed.until, &computed.responses);
        ScoreView {
            next: if present { self.next_score(by) } else { None },
            version: computed.attention.formula.name,
            state,
            value,
            attention_micro: micro.filter(|_| shown),
            window_from_day: first_week(computed.until).monday(),
            window_to_day: last_day(computed.until),
            topics: computed.topics(),
            sources: computed.sources.clone(),
            population: POPULATION,
            not_suitable_for: NOT_SUITABLE_FOR,
            use_by_us: computed.use_by,
            contested,
            seq: computed.seq,
        }
    }

    async fn is_contested(&self, subject: &Subject) -> Result<bool, ServiceError> {
        let person =
            self.store.read_tx(&(self, subject), |tx, (app, subject)| Box::pin(app.person(tx, subject))).await?;
        Ok(person.history.contests_score())
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
        Ok(self.computed(&caller.subject, Action::Explain, as_of).await?.explanation())
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
        self.store.read_tx(&(self, wanted), |tx, (app, wanted)| Box::pin(app.compute_in(tx, *wanted, 0))).await
    }

    /// What is counted for a score, also for those of so many weeks before.
    pub(super) async fn compute_in(
        &self,
        tx: &mut Tx,
        wanted: Wanted<'_>,
        earlier_weeks: i64,
    ) -> Result<Computed, ServiceError> {
        let Wanted { subject, until, source, .. } = wanted;
        let (visible, sources, use_by) = self.may_see(tx, wanted).await?;
        let query = VisibleQuery {
            target: subject,
            until,
            from: Week(first_week(until).0 - earlier_weeks),
            valid_after: self.now().plus_seconds(limits::EXPIRY_MARGIN_SECONDS),
            oldest_notice: visible.oldest_notice,
            source: source.cloned(),
            allowed: visible.allowed.clone(),
        };
        let responses = tx.visible_responses(&query).await?;
        let seq = tx.head().await?.seq;
        let choices = tx.topics(&subject).await?;
        let attention = attention(&self.formula(), until, &responses);
        Ok(Computed { attention, responses, visible, sources, until, use_by, seq, choices })
    }

    /// The same for another action, in the same transaction; nothing where all that it would look at is the same.
    async fn compute_again(
        &self,
        tx: &mut Tx,
        wanted: Wanted<'_>,
        before: &Computed,
    ) -> Result<Option<Computed>, ServiceError> {
        let (visible, sources, _) = self.may_see(tx, wanted).await?;
        if visible == before.visible && sources == before.sources {
            return Ok(None);
        }
        Ok(Some(self.compute_in(tx, wanted, 0).await?))
    }

    /// What may be looked at, which sources count, and until when.
    async fn may_see(
        &self,
        tx: &mut Tx,
        wanted: Wanted<'_>,
    ) -> Result<(Visible, Vec<SourceView>, Micros), ServiceError> {
        let rules = self.rules(tx).await?;
        let standing = tx.standing(&wanted.subject).await?;
        let (sources, use_by) = self.sources(standing.as_ref(), wanted, &rules, self.now())?;
        let oldest_notice = collecting_purpose(&rules)?;
        Ok((Visible { oldest_notice, allowed: self.allowed_ends(&rules, wanted.action)? }, sources, use_by))
    }

    /// Whose responses, and from where, the rules of the house let count in a score that is used for this: both ends must be allowed, and the
    /// responses of many people are read at once.
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

/// The first week of the window that ends with a week.
pub(super) fn first_week(until: Week) -> Week {
    Week(until.0 - WINDOW_WEEKS + 1)
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

    fn explanation(&self) -> ExplanationView {
        ExplanationView {
            explanation: explain(&self.attention),
            sources: self.sources.clone(),
            population: POPULATION,
            seq: self.seq,
        }
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
