//! What was in force at one time, as known at another, with the receipts that prove it; to the person, and to an auditor who
//! says why. The auditor's look leaves a leaf and stands in the person's own history.

use serde::{Deserialize, Serialize};

use super::act::Idempotency;
use super::record::Person;
use super::{App, ClientCaller, PersonCaller, Receipt, ServiceError};
use crate::domain::{Act, Adult, Event, Grant, Micros, PublishedNotice, Seq, Triple, as_of};
use crate::ident::Identifier;
use crate::store::Tx;
use crate::words::is_hidden;

/// Longest reason of an auditor, in characters.
const REASON_CHARS_MAX: usize = 500;
/// Most events that one answer proves.
pub(super) const PROOFS_MAX: usize = 100;

/// At which time, as known at which; now, where nothing is said.
#[derive(Debug, Clone, Copy, Default)]
pub struct PointInTime {
    /// When it was in force.
    pub as_of: Option<Micros>,
    /// What had been recorded by then.
    pub known_at: Option<Micros>,
}

/// A grant that was in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InForce {
    /// The grant; the place of the event that began it.
    pub consent_id: Seq,
    /// What it was about.
    #[serde(flatten)]
    pub triple: Triple,
    /// The notice it stood on.
    pub notice_version: i64,
    /// Until when it would have counted.
    pub valid_until_us: Micros,
}

impl From<(Triple, Grant)> for InForce {
    fn from((triple, grant): (Triple, Grant)) -> Self {
        let Grant { lineage, notice_version, valid_until } = grant;
        Self { consent_id: lineage, triple, notice_version, valid_until_us: valid_until }
    }
}

/// An event and its proof.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Proved {
    /// Place in the log.
    pub seq: Seq,
    /// What and when.
    #[serde(flatten)]
    pub event: Event,
    /// C2SP tlog-proof, against the checkpoint of now.
    pub receipt: Receipt,
}

/// The answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each flag restricts by itself; together they are no state machine")]
pub struct AsOfView {
    /// Asked about this time.
    pub as_of_us: Micros,
    /// With what had been recorded by this time.
    pub known_at_us: Micros,
    /// Whether the person was known to be an adult.
    pub adult: bool,
    /// Paused by themselves.
    pub held: bool,
    /// Opted out without an account.
    pub suppressed: bool,
    /// Said to be a child.
    pub latched: bool,
    /// Erased.
    pub erased: bool,
    /// What was in force; nothing while any of these stood in the way.
    pub in_force: Vec<InForce>,
    /// How many older events are not listed below; `GET /v1/me/receipts/{seq}` has the receipt of each.
    pub older_events: usize,
    /// The newest events that had been recorded by then, with their proofs, without what recipients were told. Folding those that were said by `as_of`, oldest first
    /// and the older ones before them, gives the same.
    pub stood_on: Vec<Proved>,
    /// Every notice that had been published by then, with its proof: a material one ends what stands on an older one.
    pub notices: Vec<Proved>,
}

/// What an auditor asks about one person.
#[derive(Debug)]
pub struct Look {
    /// Whom.
    pub identifier: Identifier,
    /// Why; it is shown to the person.
    pub reason: String,
    /// About when.
    pub time: PointInTime,
}

/// What an auditor is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LookView {
    /// The receipt of the look itself.
    pub receipt: Receipt,
    /// What was in force; nothing when nothing is held about this identifier.
    pub found: Option<AsOfView>,
}

impl App {
    /// What a person had allowed at a time, as known at another.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn consents_as_of(&self, caller: &PersonCaller, time: PointInTime) -> Result<AsOfView, ServiceError> {
        self.store
            .read_tx(&(self, caller.subject, time), |tx, (app, subject, time)| {
                Box::pin(async move {
                    let person = app.person(tx, subject).await?;
                    app.view_as_of(tx, &person, *time).await
                })
            })
            .await
    }

    /// The same for an auditor, who must say why. It is on disk first: a look that cannot be recorded does not happen.
    ///
    /// # Errors
    /// For an empty or overlong reason, and for the database.
    pub async fn look(
        &self,
        auditor: &ClientCaller,
        look: &Look,
        idempotency: Option<&Idempotency>,
    ) -> Result<LookView, ServiceError> {
        let reason = look.reason.trim();
        if reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX || reason.chars().any(is_hidden) {
            return Err(ServiceError::invalid("reason", "1 to 500 characters on one line; the person will read it"));
        }
        let act = Act::Audited { auditor: auditor.id.clone(), reason: reason.to_owned() };
        let input = (self, look, act);
        let looked = self.act(idempotency, &input, |tx, (app, look, act)| {
            Box::pin(async move {
                let head = app.head(tx).await?;
                let Some(subject) = app.living(tx, &app.blinds(&look.identifier)).await? else {
                    return Ok((app.record_unkept(tx, head, act.clone()).await?, None));
                };
                let mut person = app.person(tx, &subject).await?;
                Ok((app.record(tx, head, &mut person, act.clone()).await?, Some(subject)))
            })
        });
        let receipt = looked.await?.receipt;
        let found = self.store.read_tx(&(self, look), |tx, (app, look)| Box::pin(app.find(tx, look))).await?;
        Ok(LookView { receipt, found })
    }

    async fn find(&self, tx: &mut Tx, look: &Look) -> Result<Option<AsOfView>, ServiceError> {
        let Some(subject) = self.living(tx, &self.blinds(&look.identifier)).await? else { return Ok(None) };
        let person = self.person(tx, &subject).await?;
        self.view_as_of(tx, &person, look.time).await.map(Some)
    }

    async fn view_as_of(&self, tx: &mut Tx, person: &Person, time: PointInTime) -> Result<AsOfView, ServiceError> {
        let now = self.now();
        let (at, known) = (time.as_of.unwrap_or(now), time.known_at.unwrap_or(now));
        let published = self.own_events(tx, "notice_published").await?;
        let (_, events) = self.events_of(tx, &person.subject).await?;
        let (standing, grants) = as_of(&events, &material(&published), at, known);
        let mut notices = Vec::new();
        for (seq, event) in published.into_iter().filter(|(_, event)| event.at <= known) {
            let receipt = self.receipt_in(tx, seq, |owner| owner.is_none().then_some(&self.ring.service)).await?;
            notices.push(Proved { seq, event, receipt });
        }
        let matters = |event: &Event| event.at <= known && !matches!(event.act, Act::Disclosed { .. });
        let counted: Vec<_> = events.into_iter().filter(|(_, event)| matters(event)).collect();
        let older = counted.len().saturating_sub(PROOFS_MAX);
        let mut stood_on = Vec::new();
        for (seq, event) in counted.into_iter().skip(older) {
            stood_on.push(self.proved(tx, &person.key, seq, event).await?);
        }
        Ok(AsOfView {
            as_of_us: at,
            known_at_us: known,
            adult: standing.adult == Adult::Yes,
            held: standing.held,
            suppressed: standing.suppressed,
            latched: standing.latched,
            erased: standing.erased,
            in_force: grants.into_iter().map(InForce::from).collect(),
            older_events: older,
            stood_on,
            notices,
        })
    }
}

/// The notices that ended what stood on older ones, each with the time of its publication.
fn material(published: &[(Seq, Event)]) -> Vec<PublishedNotice> {
    let mut notices = Vec::new();
    for (_, event) in published {
        if let Act::NoticePublished { purpose, version, material: true, .. } = &event.act {
            notices.push(PublishedNotice { purpose: purpose.clone(), version: *version, at: event.at });
        }
    }
    notices
}
