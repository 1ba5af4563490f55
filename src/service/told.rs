//! What recipients were told about a person, and whether each telling was allowed when it happened: the answer to the second
//! is computed from the log alone, and comes with the receipts from which anybody can compute it again.

use serde::Serialize;

use super::as_of::{PROOFS_MAX, Proved};
use super::record::open_event;
use super::{App, PersonCaller, ServiceError};
use crate::crypto::SubjectKey;
use crate::domain::{Act, Event, History, Rulebook, Seq, lawful};
use crate::store::{StoreError, Tx};

/// Somebody was told something.
#[derive(Debug, Clone, Serialize)]
pub struct ToldView {
    /// The event that says so.
    pub seq: Seq,
    /// Who, what and when.
    #[serde(flatten)]
    pub event: Event,
}

/// Whether something was allowed when it was told, with what proves it.
#[derive(Debug, Clone, Serialize)]
pub struct ToldProof {
    /// What was told.
    pub told: Proved,
    /// Whether it was allowed then.
    pub allowed: bool,
    /// If not, why.
    pub reason: Option<&'static str>,
    /// Notices and policies, as they had been published and adopted by then.
    pub rules: Vec<Proved>,
    /// How many older events are not listed below; `GET /v1/me/receipts/{seq}` has the receipt of each.
    pub older_events: usize,
    /// What the person had said by then, with proofs. Folding it, oldest first, gives the same answer.
    pub stood_on: Vec<Proved>,
}

impl App {
    /// Everything that anybody was told about a person, oldest first.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn told(&self, caller: &PersonCaller) -> Result<Vec<ToldView>, ServiceError> {
        let input = (self, caller.subject);
        let events = self.store.read_tx(&input, |tx, (app, subject)| {
            Box::pin(async move { Ok::<_, ServiceError>(app.events_of(tx, subject).await?.1) })
        });
        let told = events.await?.into_iter().filter(|(_, event)| matches!(event.act, Act::Disclosed { .. }));
        Ok(told.map(|(seq, event)| ToldView { seq, event }).collect())
    }

    /// Was it allowed when it was told?
    ///
    /// # Errors
    /// When nobody was told anything about this person by that event.
    pub async fn was_allowed(&self, caller: &PersonCaller, seq: Seq) -> Result<ToldProof, ServiceError> {
        self.store
            .read_tx(&(self, caller.subject, seq), |tx, (app, subject, seq)| {
                Box::pin(async move {
                    let (key, events) = app.events_of(tx, subject).await?;
                    app.told_proof(tx, &key, events, *seq).await
                })
            })
            .await
    }

    async fn told_proof(
        &self,
        tx: &mut Tx,
        key: &SubjectKey,
        mut events: Vec<(Seq, Event)>,
        seq: Seq,
    ) -> Result<ToldProof, ServiceError> {
        events.retain(|(place, _)| *place <= seq);
        let told = events.pop().filter(|(place, event)| *place == seq && matches!(event.act, Act::Disclosed { .. }));
        let (_, told) = told.ok_or(ServiceError::NotFound("telling about you"))?;
        let (mut rulebook, mut rules) = (Rulebook::default(), Vec::new());
        for (place, event) in self.rules_before(tx, seq).await? {
            rulebook.apply(&event.act);
            let receipt = self.receipt_in(tx, place, |owner| owner.is_none().then_some(&self.ring.service)).await?;
            rules.push(Proved { seq: place, event, receipt });
        }
        let before = History::fold(events.iter().map(|(place, event)| (*place, event)));
        let reason = lawful(&before, &told, seq, &rulebook).err();
        events.retain(|(_, event)| !matches!(event.act, Act::Disclosed { .. }));
        let older_events = events.len().saturating_sub(PROOFS_MAX);
        let mut stood_on = Vec::new();
        for (place, event) in events.into_iter().skip(older_events) {
            stood_on.push(self.proved(tx, key, place, event).await?);
        }
        let told = self.proved(tx, key, seq, told).await?;
        Ok(ToldProof { told, allowed: reason.is_none(), reason, rules, older_events, stood_on })
    }

    /// A person's event with its receipt.
    pub(super) async fn proved(
        &self,
        tx: &mut Tx,
        key: &SubjectKey,
        seq: Seq,
        event: Event,
    ) -> Result<Proved, ServiceError> {
        let receipt = self.receipt_in(tx, seq, |_| Some(&key.sealing)).await?;
        Ok(Proved { seq, event, receipt })
    }

    /// What the service said of its own rules before an event, in order.
    async fn rules_before(&self, tx: &mut Tx, seq: Seq) -> Result<Vec<(Seq, Event)>, ServiceError> {
        let mut events = self.own_events(tx, "notice_published").await?;
        events.extend(self.own_events(tx, "policy_adopted").await?);
        events.retain(|(place, _)| *place < seq);
        events.sort_by_key(|(place, _)| *place);
        Ok(events)
    }

    /// The service's own events of one kind, opened, in order.
    pub(super) async fn own_events(&self, tx: &mut Tx, kind: &str) -> Result<Vec<(Seq, Event)>, ServiceError> {
        let mut events = Vec::new();
        for (seq, sealed) in tx.own_events(kind).await? {
            let (_, body) = open_event(seq, &sealed, &self.ring.service)?;
            events.push((seq, serde_json::from_str(&body).map_err(|_| StoreError::Corrupt("event"))?));
        }
        Ok(events)
    }
}
