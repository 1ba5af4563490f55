//! Everyone who was given something is told when it no longer holds (GDPR article 19): queued in the transaction of what it announces,
//! sent after the commit as a webhook (Standard Webhooks), tried again for seven days, then shown as failed.
//!
//! A recipient is told its own name for the person and what to do: ask the gate again, delete, read again. Why, it is not told. The
//! name goes from the row once nothing more is to be sent. Collectors were given nothing and are not told.
//!
//! Each recipient is sent to by itself: one that answers slowly, or never, holds up no other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use tokio::task::JoinSet;

use super::{App, ClientCaller, PersonCaller, ServiceError};
use crate::crypto::{Blind, WebhookSigner};
use crate::domain::{Micros, Recipient, SAYSO, Standing, Stretch};
use crate::ids::{DeliveryId, Pairwise, Reference, Subject};
use crate::store::{DeliveryKind, DeliveryRow, DeliveryState, Hearer, NameHolder, StoreError, Tx};

/// The wait before the second try, in seconds; each later one is four times as long.
const FIRST_WAIT_SECONDS: i64 = 5;
/// The longest wait, in seconds.
const WAIT_SECONDS_MAX: i64 = 12 * 3600;
/// How often it is tried: with those waits the last try is a little more than seven days after the first.
const TRIES_MAX: i64 = 22;
/// What one recipient is sent in one go.
const BATCH: i64 = 20;
/// How many an operator is told of at once.
const SHOWN_MAX: i64 = 1_000;
/// The HTTP status that says that nobody is there any more.
const GONE: u16 = 410;

/// What a recipient was told, or is to be told.
#[derive(Debug, Clone, Serialize)]
pub struct DeliveryView {
    /// Its name on the wire.
    pub id: DeliveryId,
    /// Who.
    pub recipient: String,
    /// What: `consent.changed`, `person.erased` or `score.contested`.
    pub kind: &'static str,
    /// `waiting`, `told`, `confirmed` by the recipient itself, `failed`, `gone`, or `unreachable`: it has no address to be told at.
    pub state: &'static str,
    /// Since when, in microseconds since 1970.
    pub made_us: Micros,
    /// When it is tried next.
    pub next_us: Option<Micros>,
    /// How often it was tried.
    pub tries: i64,
    /// The last HTTP status.
    pub status: Option<i64>,
}

impl From<DeliveryRow> for DeliveryView {
    fn from(row: DeliveryRow) -> Self {
        Self {
            id: row.id,
            recipient: row.recipient,
            kind: row.kind.as_str(),
            state: row.state.as_str(),
            made_us: row.made,
            next_us: row.next,
            tries: row.tries,
            status: row.status,
        }
    }
}

/// Whom a change of a person's standing takes something from: recipients whose grant ended, or all of them when everything is
/// paused.
fn losing(before: &Standing, after: &Standing) -> BTreeSet<String> {
    let stopped = |standing: &Standing| standing.erased || standing.held || standing.suppressed || standing.latched;
    let paused = !stopped(before) && stopped(after);
    let lost = before
        .grants
        .iter()
        .filter(|(triple, old)| paused || after.grants.get(triple).is_none_or(|new| new.lineage != old.lineage));
    let names = lost.map(|(triple, _)| triple.recipient.to_string());
    names.filter(|name| name != SAYSO).collect()
}

impl App {
    /// Queues what a change of standing announces.
    pub(super) async fn announce(
        &self,
        tx: &mut Tx,
        subject: &Subject,
        (before, after): (&Standing, &Standing),
    ) -> Result<(), ServiceError> {
        let losing = losing(before, after);
        if losing.is_empty() {
            return Ok(());
        }
        let kind = DeliveryKind::ConsentChanged;
        for hearer in tx.hearers(subject, kind).await?.into_iter().filter(|one| losing.contains(&one.recipient)) {
            self.queue(tx, (subject, None), hearer, kind).await?;
        }
        Ok(())
    }

    /// Queues something for one who has a name for a person.
    pub(super) async fn announce_to(
        &self,
        tx: &mut Tx,
        subject: &Subject,
        (recipient, kind): (&Recipient, DeliveryKind),
    ) -> Result<(), ServiceError> {
        for hearer in tx.hearers(subject, kind).await?.into_iter().filter(|one| one.recipient == recipient.as_str()) {
            self.queue(tx, (subject, None), hearer, kind).await?;
        }
        Ok(())
    }

    /// Queues the same for everybody who has a name for a person.
    pub(super) async fn announce_to_all(
        &self,
        tx: &mut Tx,
        about: (&Subject, Option<Reference>),
        kind: DeliveryKind,
    ) -> Result<(), ServiceError> {
        for hearer in tx.hearers(about.0, kind).await? {
            self.queue(tx, about, hearer, kind).await?;
        }
        Ok(())
    }

    async fn queue(
        &self,
        tx: &mut Tx,
        (subject, job): (&Subject, Option<Reference>),
        Hearer { recipient, pairwise, state, waits_already }: Hearer,
        kind: DeliveryKind,
    ) -> Result<(), ServiceError> {
        if job.is_none() && waits_already {
            return Ok(());
        }
        let (now, waits) = (self.now(), state == DeliveryState::Waiting);
        let id = DeliveryId::new(self.entropy.bytes()?);
        let name = self.seal_name(NameHolder::Delivery, id.as_bytes(), pairwise.as_bytes())?;
        let row = DeliveryRow {
            id,
            recipient,
            pairwise: Some(name).filter(|_| waits),
            subject: Some(*subject).filter(|_| job.is_none()),
            job,
            kind,
            state,
            made: now,
            next: Some(now).filter(|_| waits),
            tries: 0,
            status: None,
        };
        Ok(tx.insert_delivery(&row).await?)
    }

    /// Sends what is due, to all recipients at once, each one's in order. Returns when all have answered or been given up for now.
    ///
    /// # Errors
    /// Only for the database; a recipient that does not answer is no error.
    pub async fn deliver_webhooks(self: &Arc<Self>) -> Result<(), ServiceError> {
        let mut sending = JoinSet::new();
        for recipient in self.recipients_due().await? {
            let app = Arc::clone(self);
            sending.spawn(async move { app.deliver_to(&recipient).await });
        }
        let mut outcome = Ok(());
        while let Some(sent) = sending.join_next().await {
            let sent = sent.map_err(|e| ServiceError::Broken(e.into())).and_then(|sent| sent);
            outcome = outcome.and(sent);
        }
        outcome
    }

    /// To whom something is to be sent now.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn recipients_due(&self) -> Result<Vec<String>, ServiceError> {
        let now = self.now();
        Ok(self.store.read_tx(&now, |tx, now| Box::pin(tx.due_recipients(*now))).await?)
    }

    /// Sends one recipient what is due, until it fails once.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn deliver_to(&self, recipient: &str) -> Result<(), ServiceError> {
        let input = (recipient, self.now());
        let (client, due) = self
            .store
            .read_tx(&input, |tx, (recipient, now)| {
                Box::pin(async move {
                    let client = tx.client(recipient).await?;
                    Ok::<_, StoreError>((client, tx.due_deliveries(recipient, *now, BATCH).await?))
                })
            })
            .await?;
        let url = client.filter(|client| !client.webhook_gone).and_then(|client| client.webhook);
        for row in due {
            let status = match &url {
                Some(url) => self.send(url, &row).await,
                None => Some(GONE),
            };
            let row = self.after(row, status);
            let goes_on = row.state == DeliveryState::Told;
            self.store.run_tx(&row, |tx, row| Box::pin(keep(tx, row))).await?;
            if !goes_on {
                break;
            }
        }
        Ok(())
    }

    /// The HTTP status; nothing when there was no answer.
    async fn send(&self, url: &str, row: &DeliveryRow) -> Option<u16> {
        let name = self.name_in_delivery(row)?;
        let (id, seconds) = (format!("msg_{}", row.id), self.now().0 / 1_000_000);
        let body = serde_json::json!({
            "type": row.kind.as_str(),
            "timestamp": row.made.text(),
            "data": { "id": name },
        });
        let body = body.to_string();
        let signature = self.webhook_signer(&row.recipient).sign(&id, seconds, &body);
        let headers =
            [("webhook-id", id), ("webhook-timestamp", seconds.to_string()), ("webhook-signature", signature)];
        self.egress.post(url, &headers, body).await.ok()
    }

    /// Nothing once it went, or once the keys are destroyed that it was sealed under.
    fn name_in_delivery(&self, row: &DeliveryRow) -> Option<Pairwise> {
        let name = self.open_name(NameHolder::Delivery, row.id.as_bytes(), row.pairwise.as_deref()?);
        name.inspect_err(|error| tracing::warn!(%error, "whom a webhook is about cannot be read"))
            .ok()
            .map(Pairwise::new)
    }

    /// What a try leads to.
    fn after(&self, row: DeliveryRow, status: Option<u16>) -> DeliveryRow {
        let (now, tries) = (self.now(), row.tries.saturating_add(1));
        let next = now.plus_seconds(wait_seconds(tries, WAIT_SECONDS_MAX));
        let state = match status {
            Some(200..=299) => DeliveryState::Told,
            Some(GONE) => DeliveryState::Gone,
            _ if tries >= TRIES_MAX => DeliveryState::Failed,
            _ => DeliveryState::Waiting,
        };
        let waits = state == DeliveryState::Waiting;
        // An operator may have a failed one tried again; all others have nothing more to say.
        let pairwise = row.pairwise.clone().filter(|_| waits || state == DeliveryState::Failed);
        let next = Some(next).filter(|_| waits);
        DeliveryRow { state, tries, next, pairwise, status: status.map(i64::from).or(row.status), ..row }
    }

    pub(super) fn webhook_signer(&self, recipient: &str) -> WebhookSigner {
        WebhookSigner::new(Blind(&self.ring.service), recipient)
    }

    /// The key under which every webhook is signed: `whpk_` and base64.
    pub fn webhook_key(&self) -> String {
        self.webhook_signer("").public_key()
    }

    /// A recipient says itself that it did what it was told.
    ///
    /// # Errors
    /// When it was told nothing by that name.
    pub async fn confirm_delivery(&self, caller: &ClientCaller, id: &DeliveryId) -> Result<DeliveryView, ServiceError> {
        self.store
            .run_tx(&(caller, id), |tx, (caller, id)| {
                Box::pin(async move {
                    let row = tx.delivery(id).await?.filter(|row| row.recipient == caller.id.as_str());
                    let sent = |row: &DeliveryRow| {
                        matches!(row.state, DeliveryState::Waiting | DeliveryState::Told | DeliveryState::Confirmed)
                    };
                    let row = row.filter(sent).ok_or(ServiceError::NotFound("webhook that you were told"))?;
                    let row = DeliveryRow { state: DeliveryState::Confirmed, next: None, pairwise: None, ..row };
                    tx.update_delivery(&row).await?;
                    Ok(row.into())
                })
            })
            .await
    }

    /// What was announced about a person to whom, and how far it is.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn deliveries(&self, caller: &PersonCaller) -> Result<Vec<DeliveryView>, ServiceError> {
        let rows = self.store.read_one(&caller.subject, |tx, subject| Box::pin(tx.deliveries_of(subject))).await?;
        Ok(rows.into_iter().map(DeliveryView::from).collect())
    }

    /// What could not be told so far, for an operator: no person, no name for one.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn undelivered(&self) -> Result<Vec<DeliveryView>, ServiceError> {
        self.undelivered_in(Stretch::First, SHOWN_MAX).await
    }

    /// Has what failed, or waits, tried again now, and as often as if it were new.
    ///
    /// # Errors
    /// When there is nothing by that name that could be sent.
    pub async fn retry_delivery(&self, id: &DeliveryId) -> Result<DeliveryView, ServiceError> {
        let row = self
            .store
            .run_tx(&(self, id), |tx, (app, id)| {
                Box::pin(async move {
                    let nothing = || ServiceError::NotFound("webhook that could be sent");
                    let row = tx.delivery(id).await?.ok_or_else(nothing)?;
                    app.name_in_delivery(&row).ok_or_else(nothing)?;
                    if !tx.retry_delivery(id, app.now()).await? {
                        return Err(nothing());
                    }
                    tx.delivery(id).await?.ok_or_else(nothing)
                })
            })
            .await?;
        self.work.notify_one();
        Ok(row.into())
    }
}

/// How long to wait after so many tries, in seconds.
pub(super) fn wait_seconds(tries: i64, longest: i64) -> i64 {
    let longer = |wait: i64, _| wait.saturating_mul(4).min(longest);
    (1..tries).fold(FIRST_WAIT_SECONDS, longer)
}

/// Who of an erasure was told, by recipient, as far as it is.
pub(super) async fn told_of(tx: &mut Tx, job: &Reference) -> Result<BTreeMap<String, String>, StoreError> {
    let rows = tx.deliveries_of_job(job).await?;
    Ok(rows.into_iter().map(|row| (row.recipient, row.state.as_str().to_owned())).collect())
}

/// The recipient may have confirmed it before its answer arrived.
async fn keep(tx: &mut Tx, row: &DeliveryRow) -> Result<(), StoreError> {
    if row.state == DeliveryState::Gone {
        tx.webhook_is_gone(&row.recipient).await?;
    }
    let confirmed = tx.delivery(&row.id).await?.is_some_and(|now| now.state == DeliveryState::Confirmed);
    if confirmed { Ok(()) } else { tx.update_delivery(row).await }
}
