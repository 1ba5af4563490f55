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
use super::score::{Wanted, first_week};
use super::score_views::{NOT_SUITABLE_FOR, POPULATION};
use super::tallies::{Asking, Regarded};
use super::{App, ClientCaller, ServiceError};
use crate::domain::{Act, Day, Micros, Purpose, Seq, Source, Triple};
use crate::gate::{Action, Allow, Asker, Decision, Question, Rules, decide};
use crate::ids::{Pairwise, Subject};
use crate::limits;
use crate::mutant;
use crate::store::{FoundBy, Known, Tx};

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
    pub version: &'static str,
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

/// Who is told something, for what, and by which name for the person.
#[derive(Debug)]
pub(super) struct Hearer<'a> {
    pub(super) name: Pairwise,
    pub(super) by: FoundBy,
    pub(super) triple: Triple,
    pub(super) asker: Asker<'a>,
}

/// What may be told now.
pub(super) struct Tellable {
    person: Person,
    lineage: Seq,
    /// Nothing where there is too little data.
    pub(super) value: Option<u8>,
    pub(super) formula: &'static str,
    /// The last day of the window.
    pub(super) until: Day,
    pub(super) use_by: Micros,
    pub(super) policy_sha256: String,
    pub(super) contested: bool,
    /// The event that says that it was told. Of too little data there is none: the last one when that was found.
    pub(super) seq: Seq,
}

impl Tellable {
    fn act(&self, triple: &Triple) -> Option<Act> {
        self.value.map(|value| Act::Disclosed {
            triple: triple.clone(),
            lineage: self.lineage,
            value,
            formula: self.formula.into(),
            until: self.until,
            policy_sha256: self.policy_sha256.clone(),
            contested: self.contested,
        })
    }

    /// The event that told the same on the same day, if the person has said nothing since.
    fn told(&self, triple: &Triple, today: Day) -> Option<Seq> {
        let last = self.person.history.told.get(triple)?;
        let same = Some(&last.event.act) == self.act(triple).as_ref() && last.event.at.day() == today;
        (same && Some(last.seq) > self.person.history.said).then_some(last.seq)
    }

    /// Whether the recipient had its share of new values today.
    fn is_too_much(&self, triple: &Triple, today: Day) -> bool {
        let today = self.person.history.told.get(triple).filter(|last| last.event.at.day() == today);
        today.is_some_and(|last| last.times >= limits::TOLD_PER_DAY_MAX)
    }

    /// Whose it is.
    pub(super) fn subject(&self) -> Subject {
        self.person.subject
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
        if !self.tells_score(&telling.purpose) {
            return Err(ServiceError::invalid("purpose", "a purpose for which the score may be told"));
        }
        self.may_ask(caller, Action::Disclose, 1)?;
        let hearer = hearer(caller, telling)?;
        let (found, tellable) = self.tell(&hearer).await?;
        let told = tellable.and_then(|tellable| Some((tellable.value?, tellable)));
        self.count_telling(&hearer, &found, told.is_some());
        told.map(|(value, tellable)| view(hearer.triple, value, tellable)).ok_or(ServiceError::NotPermitted)
    }

    /// Decides, records, and says what may be told; and who was found, for counting.
    pub(super) async fn tell(&self, hearer: &Hearer<'_>) -> Result<(Regarded, Option<Tellable>), ServiceError> {
        let input = (self, hearer);
        let (found, tellable) =
            self.store.read_tx(&input, |tx, (app, hearer)| Box::pin(app.tellable(tx, hearer))).await?;
        let Some(tellable) = tellable else { return Ok((found, None)) };
        if tellable.value.is_none() {
            return Ok((found, Some(tellable)));
        }
        if let Some(seq) = tellable.told(&hearer.triple, self.now().day()) {
            return Ok((found, Some(Tellable { seq, ..tellable })));
        }
        let told = self.store.run_tx(&input, |tx, (app, hearer)| Box::pin(app.record_telling(tx, hearer))).await?;
        Ok((found, told))
    }

    /// Counts a question of somebody who would be told.
    pub(super) fn count_telling(&self, hearer: &Hearer<'_>, found: &Regarded, allowed: bool) {
        let Hearer { asker, triple, .. } = hearer;
        let asking = Asking { asker: *asker, triple, action: Action::Disclose, now: self.now() };
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner).add(
            &asking,
            (found.somebody.as_ref(), &found.policy_sha256),
            allowed,
        );
    }

    /// Decides once more, right before an answer that had to wait is sent: the same look-ups whoever it is about.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn may_still_be_told(&self, caller: &ClientCaller, telling: &Telling) -> Result<bool, ServiceError> {
        self.still(&hearer(caller, telling)?).await
    }

    /// The same for whoever is told.
    pub(super) async fn still(&self, hearer: &Hearer<'_>) -> Result<bool, ServiceError> {
        let input = (self, hearer, collecting(&hearer.triple.source)?);
        self.store
            .read_tx(&input, |tx, (app, hearer, scored)| {
                Box::pin(async move {
                    let (now, rules) = (app.now(), app.rules(tx).await?);
                    let name = [hearer.name.as_bytes().to_vec()];
                    let known = tx.known(&name, hearer.by, &hearer.triple, false).await?.pop();
                    let subject = known.as_ref().map_or(Subject::new([0; 16]), |known| known.subject);
                    let subject = [subject.as_bytes().to_vec()];
                    let scoring = tx.known(&subject, FoundBy::Subject, scored, false).await?.pop();
                    let allows = |known: Option<&Known>, asker, action, triple| {
                        let question = Question { asker, action, triple, other_end: true };
                        ask_the_gate(known, &question, &rules, now).is_ok()
                    };
                    let told = allows(known.as_ref(), hearer.asker, Action::Disclose, &hearer.triple)
                        || mutant::on("told_after_the_wait");
                    let scored = allows(scoring.as_ref(), Asker::Ourselves, Action::Score, scored);
                    Ok(told && (scored || mutant::on("told_after_the_wait")))
                })
            })
            .await
    }

    /// Decides again with the head taken, so that no withdrawal comes in between, and records it.
    async fn record_telling(&self, tx: &mut Tx, hearer: &Hearer<'_>) -> Result<Option<Tellable>, ServiceError> {
        let head = self.head(tx).await?;
        let (_, tellable) = self.tellable(tx, hearer).await?;
        let tellable = tellable.filter(|tellable| !tellable.is_too_much(&hearer.triple, head.recorded.day()));
        let Some(mut tellable) = tellable else { return Ok(None) };
        if let Some(act) = tellable.act(&hearer.triple) {
            tellable.seq = self.record(tx, head, &mut tellable.person, act).await?.seq;
        }
        Ok(Some(tellable))
    }

    /// The person, as far as the gate sees them, and what may be told: by the recipient's grant, and by the one that the score
    /// is computed under.
    async fn tellable(
        &self,
        tx: &mut Tx,
        Hearer { name, by, triple, asker }: &Hearer<'_>,
    ) -> Result<(Regarded, Option<Tellable>), ServiceError> {
        let (now, rules) = (self.now(), self.rules(tx).await?);
        let somebody = tx.known(&[name.as_bytes().to_vec()], *by, triple, false).await?.pop();
        let found = Regarded { somebody, policy_sha256: rules.policy_sha256().unwrap_or_default().to_owned() };
        let question = Question { asker: *asker, action: Action::Disclose, triple, other_end: true };
        let allow = ask_the_gate(found.somebody.as_ref(), &question, &rules, now);
        let (Some(somebody), Ok(allow)) = (&found.somebody, allow) else { return Ok((found, None)) };
        let wanted = Wanted {
            subject: somebody.subject,
            action: Action::Score,
            until: now.week(),
            source: Some(&triple.source).filter(|_| !mutant::on("told_from_every_source")),
        };
        let computed = match self.compute_in(tx, wanted, 0).await {
            Err(ServiceError::Denied(_)) => return Ok((found, None)),
            other => other?,
        };
        let (value, until, seq) = computed.told();
        let person = self.person(tx, &somebody.subject).await?;
        let tellable = Tellable {
            lineage: allow.lineage,
            value,
            formula: computed.formula(),
            until,
            use_by: allow.use_by.min(computed.use_by()),
            policy_sha256: found.policy_sha256.clone(),
            contested: person.history.contests_score(),
            seq,
            person,
        };
        Ok((found, Some(tellable)))
    }
}

fn ask_the_gate(known: Option<&Known>, question: &Question<'_>, rules: &Rules, now: Micros) -> Decision {
    let standing = known.map(|known| &known.standing);
    let granted = standing.and_then(|standing| standing.grants.get(question.triple));
    match granted.filter(|_| mutant::on("tellings_ignore_the_gate")) {
        Some(grant) => Ok(Allow { lineage: grant.lineage, use_by: grant.valid_until }),
        None => decide(standing, question, rules, now),
    }
}

fn hearer<'a>(caller: &'a ClientCaller, telling: &Telling) -> Result<Hearer<'a>, ServiceError> {
    let (purpose, source) = (telling.purpose.clone(), telling.source.clone());
    let triple = Triple { purpose, source, recipient: caller.id.clone() };
    Ok(Hearer { name: telling.pairwise, by: FoundBy::Pairwise, triple, asker: caller.asker()? })
}

fn view(triple: Triple, value: u8, tellable: Tellable) -> DisclosureView {
    DisclosureView {
        value,
        version: tellable.formula,
        purpose: triple.purpose,
        source: triple.source,
        window_from_day: first_week(tellable.until.start().week()).monday(),
        window_to_day: tellable.until,
        population: POPULATION,
        not_suitable_for: NOT_SUITABLE_FOR,
        use_by_us: tellable.use_by,
        seq: tellable.seq,
        policy_sha256: tellable.policy_sha256,
        contested: tellable.contested,
    }
}
