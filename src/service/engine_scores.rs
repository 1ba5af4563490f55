//! Engines of others write back what they computed.
//!
//! An engine asks the gate, computes, and writes: between the first and the last the person may have said no. So a write names its epoch,
//! the `seq` of the answer by which it was allowed to compute, and is refused when this grant ended or everything was paused since then,
//! even if all of it is allowed again by now. The score hangs on the lineage of the grant to that engine: it goes when the grant goes, is
//! hidden while anything is in the way, and shows again when that is lifted.
//!
//! The person sees it, and the engine reads it back. No recipient is told it: what people are asked to let recipients see is the score of
//! this service, and a yes to that is no yes to what somebody else computed.

use std::sync::PoisonError;

use serde::Serialize;

use super::auth::client_caller;
use super::score_views::NOT_SUITABLE_FOR;
use super::tallies::{Asking, Regarded};
use super::{App, ClientCaller, PersonCaller, ServiceError};
use crate::domain::{Day, Micros, Purpose, Recipient, Seq, Source, Standing, Triple};
use crate::gate::{Action, Allow, Denial, Question, Rules, decide};
use crate::ids::{Pairwise, Subject};
use crate::limits;
use crate::mutant;
use crate::store::{EngineScoreRow, FoundBy, Tx};

/// Whose score, why, and from activity of where.
#[derive(Debug, Clone)]
pub struct Scored {
    /// Of whom: the id that came with the grant.
    pub pairwise: Pairwise,
    /// Why.
    pub purpose: Purpose,
    /// From where.
    pub source: Source,
}

/// What an engine computed.
#[derive(Debug, Clone)]
pub struct NewScore {
    /// The `seq` of the answer by which it was allowed to compute.
    pub epoch: Seq,
    /// 1 to 100.
    pub value: u8,
    /// The engine's name for its formula.
    pub version: String,
    /// First and last day of what it was computed from.
    pub window: (Day, Day),
    /// Among whom, in words for the person.
    pub population: String,
}

/// A score that an engine computed, with what it means.
#[derive(Debug, Clone, Serialize)]
pub struct EngineScore {
    /// 1 to 100.
    pub value: u8,
    /// The engine's name for its formula.
    pub version: String,
    /// First day of the window, in days since 1970.
    pub window_from_day: Day,
    /// Last day of the window.
    pub window_to_day: Day,
    /// Among whom.
    pub population: String,
    /// What for it must not be used.
    pub not_suitable_for: [&'static str; 6],
    /// The place in the log on which it was allowed to compute it.
    pub epoch: Seq,
    /// When it was written.
    pub written_us: Micros,
}

/// The same, to the engine that wrote it.
#[derive(Debug, Clone, Serialize)]
pub struct OwnEngineScore {
    /// What it wrote.
    #[serde(flatten)]
    pub score: EngineScore,
    /// The person contests what is said about them, and no human has answered yet.
    pub contested: bool,
    /// Ask again after this, in microseconds since 1970.
    pub use_by_us: Micros,
}

/// The same, to the person.
#[derive(Debug, Clone, Serialize)]
pub struct EngineScoreView {
    /// Who computed it.
    pub engine: Recipient,
    /// Why.
    pub purpose: Purpose,
    /// From where.
    pub source: Source,
    /// The score; left out while something is in the way.
    #[serde(flatten)]
    pub score: Option<EngineScore>,
    /// What is in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Denial>,
    /// The person contests it, and no human has answered yet.
    pub contested: bool,
}

impl App {
    /// Takes what an engine computed about somebody.
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] for a purpose or source that the engine is not registered for; [`ServiceError::NotPermitted`] whenever
    /// the gate denies, whoever it is about; [`ServiceError::StaleEpoch`] when something was restricted since the epoch, or a score of a
    /// later one is there; a field that is out of bounds.
    pub async fn write_score(
        &self,
        caller: &ClientCaller,
        scored: &Scored,
        score: &NewScore,
    ) -> Result<(), ServiceError> {
        let triple = triple_of(caller, scored)?;
        self.may_ask(caller, Action::Score, 1)?;
        check(score, self.now().day())?;
        let input = (self, (caller, scored.pairwise), &triple, score);
        let (found, written) = self
            .store
            .run_tx(&input, |tx, (app, (caller, pairwise), triple, score)| {
                Box::pin(async move {
                    tx.hold_rules().await?;
                    // Asked without a lock first: taking one takes time, and only of somebody who is there.
                    let (found, allow) = app.may_score(tx, (caller, pairwise), triple, false).await?;
                    if allow.is_none() {
                        return Ok((found, None));
                    }
                    let (found, allow) = app.may_score(tx, (caller, pairwise), triple, true).await?;
                    let (Some(somebody), Some(allow)) = (&found.somebody, allow) else { return Ok((found, None)) };
                    if score.epoch > tx.head().await?.seq {
                        return Err(ServiceError::invalid("epoch", "the `seq` of an answer of the gate"));
                    }
                    // Read after the standing was kept as it is, so that nothing can be said between this and the write.
                    let history = app.person(tx, &somebody.subject).await?.history;
                    let stale = allow.lineage > score.epoch || history.restricted_since(triple, score.epoch);
                    if stale && !mutant::on("stale_scores_count") {
                        // What the database held back until an act was done may have shown a grant that this act ended.
                        let (_, allow) = app.may_score(tx, (caller, pairwise), triple, false).await?;
                        return Ok((found, allow.map(|_| false)));
                    }
                    let row = EngineScoreRow {
                        value: score.value,
                        version: score.version.clone(),
                        window: score.window,
                        population: score.population.clone(),
                        epoch: score.epoch,
                        written: app.now(),
                    };
                    let written = tx.write_score(&somebody.subject, allow.lineage, &row).await?;
                    Ok::<_, ServiceError>((found, Some(written)))
                })
            })
            .await?;
        self.count(caller, &triple, (&found, written.is_some()))?;
        if written.ok_or(ServiceError::NotPermitted)? { Ok(()) } else { Err(ServiceError::StaleEpoch) }
    }

    /// What an engine wrote about somebody.
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] for a purpose or source that the engine is not registered for; [`ServiceError::NotPermitted`] when
    /// there is none, or the gate denies.
    pub async fn own_engine_score(
        &self,
        caller: &ClientCaller,
        scored: &Scored,
    ) -> Result<OwnEngineScore, ServiceError> {
        let triple = triple_of(caller, scored)?;
        self.may_ask(caller, Action::Score, 1)?;
        let input = (self, (caller, scored.pairwise), &triple);
        let (found, allowed, own) = self
            .store
            .read_tx(&input, |tx, (app, (caller, pairwise), triple)| {
                Box::pin(async move {
                    let (found, allow) = app.may_score(tx, (caller, pairwise), triple, false).await?;
                    let (Some(somebody), Some(allow)) = (&found.somebody, allow) else {
                        return Ok((found, false, None));
                    };
                    let written = tx.engine_scores(&somebody.subject).await?;
                    let own = written.into_iter().find(|(lineage, _)| *lineage == allow.lineage);
                    let contested = app.person(tx, &somebody.subject).await?.history.contests_engine(triple);
                    let view = |(_, row)| OwnEngineScore { score: view(row), contested, use_by_us: allow.use_by };
                    Ok::<_, ServiceError>((found, true, own.map(view)))
                })
            })
            .await?;
        self.count(caller, &triple, (&found, allowed))?;
        own.ok_or(ServiceError::NotPermitted)
    }

    /// What engines computed about a person.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn engine_scores(&self, caller: &PersonCaller) -> Result<Vec<EngineScoreView>, ServiceError> {
        self.store
            .read_tx(&(self, caller.subject), |tx, (app, subject)| Box::pin(app.engine_scores_of(tx, subject)))
            .await
    }

    /// Whether there is a score that an engine computed for what a grant to it is about.
    pub(super) async fn has_engine_score(
        &self,
        tx: &mut Tx,
        subject: &Subject,
        triple: &Triple,
    ) -> Result<bool, ServiceError> {
        let standing = tx.standing(subject).await?.ok_or(ServiceError::Unauthenticated)?;
        let Some(grant) = standing.grants.get(triple) else { return Ok(false) };
        Ok(tx.engine_scores(subject).await?.iter().any(|(lineage, _)| *lineage == grant.lineage))
    }

    async fn engine_scores_of(&self, tx: &mut Tx, subject: &Subject) -> Result<Vec<EngineScoreView>, ServiceError> {
        let (now, rules) = (self.now(), self.rules(tx).await?);
        let standing = tx.standing(subject).await?.ok_or(ServiceError::Unauthenticated)?;
        let history = self.person(tx, subject).await?.history;
        let mut views = Vec::new();
        for (lineage, row) in tx.engine_scores(subject).await? {
            let grant = standing.grants.iter().find(|(_, grant)| grant.lineage == lineage);
            let Some((triple, _)) = grant else { continue };
            let decision = decide_for(tx, &standing, triple, &rules, now).await?;
            let Triple { purpose, source, recipient: engine } = triple.clone();
            let (score, contested) = (decision.is_ok().then(|| view(row)), history.contests_engine(triple));
            views.push(EngineScoreView { engine, purpose, source, score, reason: decision.err(), contested });
        }
        Ok(views)
    }

    /// Who is meant, and whether the engine may score them now. With `keep` their standing stays as it is until the transaction ends.
    async fn may_score(
        &self,
        tx: &mut Tx,
        (caller, pairwise): (&ClientCaller, &Pairwise),
        triple: &Triple,
        keep: bool,
    ) -> Result<(Regarded, Option<Allow>), ServiceError> {
        let (now, rules) = (self.now(), self.rules(tx).await?);
        let known = tx.known(&[pairwise.as_bytes().to_vec()], FoundBy::Pairwise, triple, keep).await?.pop();
        let question = Question { asker: caller.asker()?, action: Action::Score, triple, other_end: true };
        let allow = decide(known.as_ref().map(|known| &known.standing), &question, &rules, now).ok();
        let policy_sha256 = rules.policy_sha256().unwrap_or_default().to_owned();
        Ok((Regarded { somebody: known, policy_sha256 }, allow))
    }

    fn count(
        &self,
        caller: &ClientCaller,
        triple: &Triple,
        (found, allowed): (&Regarded, bool),
    ) -> Result<(), ServiceError> {
        let asking = Asking { asker: caller.asker()?, triple, action: Action::Score, now: self.now() };
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner).add(
            &asking,
            (found.somebody.as_ref(), &found.policy_sha256),
            allowed,
        );
        Ok(())
    }
}

/// The question of the engine that a grant names, asked for its person.
async fn decide_for(
    tx: &mut Tx,
    standing: &Standing,
    triple: &Triple,
    rules: &Rules,
    now: Micros,
) -> Result<Result<Allow, Denial>, ServiceError> {
    let Some(row) = tx.client(triple.recipient.as_str()).await? else { return Ok(Err(Denial::NoGrant)) };
    let engine = client_caller(&row)?;
    let question = Question { asker: engine.asker()?, action: Action::Score, triple, other_end: true };
    Ok(decide(Some(standing), &question, rules, now))
}

fn triple_of(caller: &ClientCaller, scored: &Scored) -> Result<Triple, ServiceError> {
    let Scored { purpose, source, .. } = scored.clone();
    if !caller.purposes.contains(&purpose) || !caller.sources.contains(&source) {
        return Err(ServiceError::Forbidden);
    }
    Ok(Triple { purpose, source, recipient: caller.id.clone() })
}

fn check(score: &NewScore, today: Day) -> Result<(), ServiceError> {
    if !(1..=100).contains(&score.value) {
        return Err(ServiceError::invalid("value", "a whole number from 1 to 100"));
    }
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
    if !(1..=limits::FORMULA_BYTES_MAX).contains(&score.version.len()) || !score.version.bytes().all(plain) {
        return Err(ServiceError::invalid("version", "1 to 40 of `a-z`, `0-9`, `.`, `_`, `-`"));
    }
    let (from, to) = score.window;
    if !(0..=today.0).contains(&from.0) {
        return Err(ServiceError::invalid("window_from_day", "days since 1970, not in the future"));
    }
    if !(from.0..=today.0).contains(&to.0) {
        let expected = "days since 1970, not before `window_from_day` and not in the future";
        return Err(ServiceError::invalid("window_to_day", expected));
    }
    let population = score.population.trim();
    if !(1..=limits::POPULATION_BYTES_MAX).contains(&population.len()) || population.chars().any(char::is_control) {
        return Err(ServiceError::invalid("population", "1 to 200 bytes of plain text: among whom it was computed"));
    }
    Ok(())
}

fn view(row: EngineScoreRow) -> EngineScore {
    let EngineScoreRow { value, version, window: (window_from_day, window_to_day), population, epoch, written } = row;
    let (not_suitable_for, written_us) = (NOT_SUITABLE_FOR, written);
    EngineScore { value, version, window_from_day, window_to_day, population, not_suitable_for, epoch, written_us }
}
