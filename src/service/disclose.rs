//! Telling a recipient a score: decided, recorded, and only then told.
//!
//! Each telling is an event of the person, with the grant and the policies that it stood on, so that the person sees it, an
//! auditor can ask for it, and `sayso verify` asks of each whether it was allowed when it was told. A recipient that reads the
//! same value again on the same day is told nothing new and leaves no second leaf: otherwise it could lengthen somebody's
//! history at will; for the same reason it is told only so many different values of one person a day. How often it asked is counted like
//! any other decision.
//!
//! A score that there is not, that is hidden, or that nobody allowed, get one answer. The value is made from the one source
//! that the grant names.

use std::sync::PoisonError;

use serde::Serialize;

use super::ingest::collecting;
use super::record::Person;
use super::score::{NOT_SUITABLE_FOR, POPULATION, Wanted, first_day};
use super::tallies::Asking;
use super::{App, ClientCaller, ServiceError};
use crate::domain::{Act, Day, Micros, Purpose, Seq, Source, Triple};
use crate::gate::{Action, Asker, Question, decide};
use crate::ids::{Pairwise, Subject};
use crate::limits;
use crate::mutant;
use crate::store::{FoundBy, Known, StoreError, Tx};

/// Whose score a recipient wants to be told, and why.
#[derive(Debug, Clone)]
pub struct Telling {
    /// Of whom: the id that came with the grant.
    pub pairwise: Pairwise,
    /// Why.
    pub purpose: Purpose,
    /// Made from activity from where.
    pub source: Source,
}

/// What a recipient is told.
#[derive(Debug, Clone, Serialize)]
pub struct DisclosureView {
    /// 1 to 100.
    pub value: u8,
    /// The formula.
    pub version: String,
    /// For which purpose it was told, and for no other.
    pub purpose: Purpose,
    /// Made from activity from here alone.
    pub source: Source,
    /// First day of the window, in days since 1970.
    pub window_from_day: Day,
    /// Last day of the window.
    pub window_to_day: Day,
    /// Among whom.
    pub population: &'static str,
    /// What for it must not be used.
    pub not_suitable_for: [&'static str; 6],
    /// Ask again after this, in microseconds since 1970.
    pub use_by_us: Micros,
    /// The event that says that this was told.
    pub seq: Seq,
    /// The digest of the policies that it was decided by.
    pub policy_sha256: String,
    /// The person contests it, and no human has answered yet.
    pub contested: bool,
}

/// A score that may be told now.
struct Tellable {
    person: Person,
    act: Act,
    use_by: Micros,
}

impl Tellable {
    /// The event that told the same on the same day, if the person has said nothing since.
    fn told(&self, triple: &Triple, today: Day) -> Option<Seq> {
        let last = self.person.history.told.get(triple)?;
        let same = last.event.act == self.act && last.event.at.day() == today;
        (same && Some(last.seq) > self.person.history.said).then_some(last.seq)
    }

    /// Whether the recipient had its share of new values today.
    fn is_too_much(&self, triple: &Triple, today: Day) -> bool {
        let today = self.person.history.told.get(triple).filter(|last| last.event.at.day() == today);
        today.is_some_and(|last| last.times >= limits::TOLD_PER_DAY_MAX)
    }
}

impl App {
    /// Tells a recipient somebody's score, as the one value that the person allowed to be told.
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] for a purpose or source that the recipient is not registered for;
    /// [`ServiceError::NotPermitted`] for everything else that stands in the way, a score with too little data included.
    pub async fn disclose(&self, caller: &ClientCaller, telling: &Telling) -> Result<DisclosureView, ServiceError> {
        if !caller.purposes.contains(&telling.purpose) || !caller.sources.contains(&telling.source) {
            return Err(ServiceError::Forbidden);
        }
        if !self.registry.purpose.iter().any(|entry| entry.name == telling.purpose && entry.tells_score) {
            return Err(ServiceError::invalid("purpose", "a purpose for which the score may be told"));
        }
        self.may_ask(caller, Action::Disclose, 1)?;
        let triple =
            Triple { purpose: telling.purpose.clone(), source: telling.source.clone(), recipient: caller.id.clone() };
        let input = (self, &telling.pairwise, (&triple, caller.asker()?));
        let (found, mut tellable) = self
            .store
            .read_tx(&input, |tx, (app, pairwise, asked)| Box::pin(app.tellable(tx, pairwise, *asked)))
            .await?;
        let today = self.now().day();
        let mut seq = tellable.as_ref().and_then(|tellable| tellable.told(&triple, today));
        if tellable.is_some() && seq.is_none() {
            (tellable, seq) = self
                .store
                .run_tx(&input, |tx, (app, pairwise, asked)| Box::pin(app.record_telling(tx, pairwise, *asked)))
                .await?;
        }
        let asking = Asking { asker: caller.asker()?, triple: &triple, action: Action::Disclose, now: self.now() };
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner).add(&asking, found.as_ref(), tellable.is_some());
        let (Some(tellable), Some(seq)) = (tellable, seq) else { return Err(ServiceError::NotPermitted) };
        view(triple, tellable, seq)
    }

    /// Decides once more, right before an answer that had to wait is sent: the same look-ups whoever it is about.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn may_still_be_told(&self, caller: &ClientCaller, telling: &Telling) -> Result<bool, ServiceError> {
        let (purpose, source) = (telling.purpose.clone(), telling.source.clone());
        let told = Triple { purpose, source, recipient: caller.id.clone() };
        let scored = collecting(&telling.source)?;
        let input = (self, telling.pairwise, (told, caller.asker()?), scored);
        self.store
            .read_tx(&input, |tx, (app, pairwise, (told, asker), scored)| {
                Box::pin(async move {
                    let (now, rules) = (app.now(), app.rules(tx).await?);
                    let name = [pairwise.as_bytes().to_vec()];
                    let known = tx.known(&name, FoundBy::Pairwise, told, false).await?.pop();
                    let subject = known.as_ref().map_or(Subject::new([0; 16]), |known| known.subject);
                    let subject = [subject.as_bytes().to_vec()];
                    let scoring = tx.known(&subject, FoundBy::Subject, scored, false).await?.pop();
                    let allows = |known: Option<&Known>, asker, action, triple| {
                        let question = Question { asker, action, triple, other_end: true };
                        decide(known.map(|known| &known.standing), &question, &rules, now).is_ok()
                    };
                    let told =
                        allows(known.as_ref(), *asker, Action::Disclose, told) || mutant::on("told_after_the_wait");
                    let scored = allows(scoring.as_ref(), Asker::Ourselves, Action::Score, scored);
                    Ok(told && (scored || mutant::on("told_after_the_wait")))
                })
            })
            .await
    }

    /// Decides again with the head taken, so that no withdrawal comes in between, and records it.
    async fn record_telling(
        &self,
        tx: &mut Tx,
        pairwise: &Pairwise,
        (triple, asker): (&Triple, Asker<'_>),
    ) -> Result<(Option<Tellable>, Option<Seq>), ServiceError> {
        let head = self.head(tx).await?;
        let (_, tellable) = self.tellable(tx, pairwise, (triple, asker)).await?;
        let tellable = tellable.filter(|tellable| !tellable.is_too_much(triple, head.recorded.day()));
        let Some(mut tellable) = tellable else { return Ok((None, None)) };
        let done = self.record(tx, head, &mut tellable.person, tellable.act.clone()).await?;
        Ok((Some(tellable), Some(done.seq)))
    }

    /// The person, as far as the gate sees them, and what may be told: by the recipient's grant, and by the one that the score
    /// is computed under.
    async fn tellable(
        &self,
        tx: &mut Tx,
        pairwise: &Pairwise,
        (triple, asker): (&Triple, Asker<'_>),
    ) -> Result<(Option<Known>, Option<Tellable>), ServiceError> {
        let (now, rules) = (self.now(), self.rules(tx).await?);
        let names = [pairwise.as_bytes().to_vec()];
        let known = tx.known(&names, FoundBy::Pairwise, triple, false).await?.pop();
        let question = Question { asker, action: Action::Disclose, triple, other_end: true };
        let allow = decide(known.as_ref().map(|known| &known.standing), &question, &rules, now);
        let (Some(somebody), Ok(allow)) = (&known, allow) else { return Ok((known, None)) };
        let wanted = Wanted {
            subject: somebody.subject,
            action: Action::Score,
            until: now.week(),
            source: Some(&triple.source).filter(|_| !mutant::on("told_from_every_source")),
        };
        let computed = match self.compute_in(tx, wanted).await {
            Err(ServiceError::Denied(_)) => return Ok((known, None)),
            other => other?,
        };
        let Some((value, until)) = computed.told() else { return Ok((known, None)) };
        let person = self.person(tx, &somebody.subject).await?;
        let act = Act::Disclosed {
            triple: triple.clone(),
            lineage: allow.lineage,
            value,
            formula: computed.formula().into(),
            until,
            policy_sha256: rules.house.as_ref().map(|house| house.sha256.clone()).ok_or(ServiceError::NotPermitted)?,
            contested: !person.history.contests.is_empty(),
        };
        let use_by = allow.use_by.min(computed.use_by());
        Ok((known, Some(Tellable { person, act, use_by })))
    }
}

fn view(triple: Triple, tellable: Tellable, seq: Seq) -> Result<DisclosureView, ServiceError> {
    let Act::Disclosed { value, formula, until, policy_sha256, contested, .. } = tellable.act else {
        return Err(StoreError::Corrupt("event").into());
    };
    Ok(DisclosureView {
        value,
        version: formula,
        purpose: triple.purpose,
        source: triple.source,
        window_from_day: first_day(until.start().week()),
        window_to_day: until,
        population: POPULATION,
        not_suitable_for: NOT_SUITABLE_FOR,
        use_by_us: tellable.use_by,
        seq,
        policy_sha256,
        contested,
    })
}
