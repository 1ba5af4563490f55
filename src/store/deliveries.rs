//! What recipients are told, until it is told.

use super::{StoreError, Tx, on, sql};
use crate::domain::Micros;
use crate::ids::{DeliveryId, Pairwise, Reference, Subject};

/// What a recipient is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryKind {
    /// Something that was allowed about this person no longer is: ask the gate before anything is used.
    ConsentChanged,
    /// Delete everything about this person.
    PersonErased,
    /// The person contests what they are told of, or a human has answered: read it again.
    ScoreContested,
}

impl DeliveryKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::ConsentChanged, Self::PersonErased, Self::ScoreContested];

    /// The name on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConsentChanged => "consent.changed",
            Self::PersonErased => "person.erased",
            Self::ScoreContested => "score.contested",
        }
    }
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is sent, or sent again, at its time.
    Waiting,
    /// The recipient's server took it.
    Told,
    /// The recipient said itself that it did what it was told.
    Confirmed,
    /// Seven days of trying were in vain.
    Failed,
    /// The recipient's server said that there is nobody to tell any more.
    Gone,
    /// The recipient has no address to be told at; it is denied by the gate like everybody.
    Unreachable,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Waiting, Self::Told, Self::Confirmed, Self::Failed, Self::Gone, Self::Unreachable];

    /// The name on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Told => "told",
            Self::Confirmed => "confirmed",
            Self::Failed => "failed",
            Self::Gone => "gone",
            Self::Unreachable => "unreachable",
        }
    }
}

/// One thing that one recipient is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRow {
    /// Its name on the wire; the same at every try.
    pub id: DeliveryId,
    /// Who is told.
    pub recipient: String,
    /// What they call the person, sealed; nothing once nothing more is to be sent.
    pub pairwise: Option<Vec<u8>>,
    /// About whom; nothing when they are erased.
    pub subject: Option<Subject>,
    /// The erasure it belongs to.
    pub job: Option<Reference>,
    /// What.
    pub kind: DeliveryKind,
    /// How far.
    pub state: DeliveryState,
    /// Since when.
    pub made: Micros,
    /// When it is tried next.
    pub next: Option<Micros>,
    /// How often it was tried.
    pub tries: i64,
    /// The last HTTP status, when there was an answer.
    pub status: Option<i64>,
}

/// A recipient that has a name for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hearer {
    /// Who.
    pub recipient: String,
    /// What it calls the person.
    pub pairwise: Pairwise,
    /// How far something that it is told gets at once: it waits, or there is no address, or nobody there.
    pub state: DeliveryState,
    /// Whether the same about this person already waits for its first try: saying it twice would say no more.
    pub waits_already: bool,
}

sql! {
    INSERT_DELIVERY(10) = "INSERT INTO delivery (id, recipient, pairwise, subject, job, kind, state, made_us, next_us, tries, status) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, NULL)";
    UPDATE_DELIVERY(6) = "UPDATE delivery SET pairwise = CASE WHEN $2 = 1 THEN pairwise END, state = $3, next_us = $4, tries = $5, status = $6 WHERE id = $1";
    RETRY_DELIVERY(2) = "UPDATE delivery SET state = 'waiting', next_us = $2, tries = 0 WHERE id = $1 AND pairwise IS NOT NULL";
    READ_DELIVERY(1) = "SELECT id, recipient, pairwise, subject, job, kind, state, made_us, next_us, tries, status FROM delivery WHERE id = $1";
    HEARERS(2) = "SELECT p.recipient, p.pairwise, CASE WHEN c.webhook IS NULL THEN 'unreachable' WHEN c.webhook_gone = 0 THEN 'waiting' ELSE 'gone' END, (SELECT count(*) FROM delivery d WHERE d.subject = p.subject AND d.recipient = p.recipient AND d.kind = $2 AND d.state = 'waiting' AND d.tries = 0) FROM pairwise p JOIN client c ON c.id = p.recipient WHERE p.subject = $1 ORDER BY p.recipient";
    DUE_RECIPIENTS(1) = "SELECT DISTINCT recipient FROM delivery WHERE next_us <= $1 ORDER BY recipient";
    DUE_DELIVERIES(3) = "SELECT id, recipient, pairwise, subject, job, kind, state, made_us, next_us, tries, status FROM delivery WHERE recipient = $1 AND next_us <= $2 ORDER BY next_us, id LIMIT $3";
    DELIVERIES_OF(1) = "SELECT id, recipient, pairwise, subject, job, kind, state, made_us, next_us, tries, status FROM delivery WHERE subject = $1 ORDER BY made_us DESC, id";
    DELIVERIES_OF_JOB(1) = "SELECT id, recipient, pairwise, subject, job, kind, state, made_us, next_us, tries, status FROM delivery WHERE job = $1 ORDER BY recipient, id";
    PAIRWISE_OF(1) = "SELECT recipient, pairwise FROM pairwise WHERE subject = $1 ORDER BY recipient";
}

pub(super) type Columns = (
    Vec<u8>,
    String,
    Option<Vec<u8>>,
    Option<Vec<u8>>,
    Option<Vec<u8>>,
    String,
    String,
    i64,
    Option<i64>,
    i64,
    Option<i64>,
);

fn state_from(name: &str) -> Result<DeliveryState, StoreError> {
    let state = DeliveryState::ALL.into_iter().find(|one| one.as_str() == name);
    state.ok_or(StoreError::Corrupt("delivery"))
}

fn delivery(row: Columns) -> Result<DeliveryRow, StoreError> {
    let bad = || StoreError::Corrupt("delivery");
    let (id, recipient, pairwise, subject, job, kind, state, made, next, tries, status) = row;
    Ok(DeliveryRow {
        id: id.try_into().map_err(|_| bad())?,
        recipient,
        pairwise,
        subject: subject.map(Subject::try_from).transpose().map_err(|_| bad())?,
        job: job.map(Reference::try_from).transpose().map_err(|_| bad())?,
        kind: DeliveryKind::ALL.into_iter().find(|one| one.as_str() == kind).ok_or_else(bad)?,
        state: state_from(&state)?,
        made: Micros(made),
        next: next.map(Micros),
        tries,
        status,
    })
}

pub(super) fn all(rows: Vec<Columns>) -> Result<Vec<DeliveryRow>, StoreError> {
    rows.into_iter().map(delivery).collect()
}

impl Tx {
    /// Stores what is to be told.
    pub async fn insert_delivery(&mut self, row: &DeliveryRow) -> Result<(), StoreError> {
        on!(self, c => sqlx::query(INSERT_DELIVERY).bind(row.id.as_bytes().as_slice()).bind(row.recipient.as_str())
            .bind(row.pairwise.as_deref())
            .bind(row.subject.as_ref().map(|subject| subject.as_bytes().as_slice()))
            .bind(row.job.as_ref().map(|job| job.as_bytes().as_slice())).bind(row.kind.as_str())
            .bind(row.state.as_str()).bind(row.made.0).bind(row.next.map(|next| next.0)).bind(row.tries)
            .execute(c).await.map(drop))?;
        Ok(())
    }

    /// Stores how far it is. The name stays as it is now, which may be under newer keys than it was read, or goes.
    pub async fn update_delivery(&mut self, row: &DeliveryRow) -> Result<(), StoreError> {
        on!(self, c => sqlx::query(UPDATE_DELIVERY).bind(row.id.as_bytes().as_slice())
            .bind(i64::from(row.pairwise.is_some())).bind(row.state.as_str())
            .bind(row.next.map(|next| next.0)).bind(row.tries).bind(row.status).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Has it tried anew from now on. False when its name went meanwhile: then there is nothing to send.
    pub async fn retry_delivery(&mut self, id: &DeliveryId, now: Micros) -> Result<bool, StoreError> {
        let retried = on!(self, c => sqlx::query(RETRY_DELIVERY).bind(id.as_bytes().as_slice()).bind(now.0)
            .execute(c).await.map(|done| done.rows_affected()))?;
        Ok(retried == 1)
    }

    /// One of them.
    pub async fn delivery(&mut self, id: &DeliveryId) -> Result<Option<DeliveryRow>, StoreError> {
        let row: Option<Columns> = on!(self, c =>
            sqlx::query_as(READ_DELIVERY).bind(id.as_bytes().as_slice()).fetch_optional(c).await)?;
        row.map(delivery).transpose()
    }

    /// Every recipient that has a name for a person, as it can be told something. What is no name was never told to anybody.
    pub async fn hearers(&mut self, subject: &Subject, kind: DeliveryKind) -> Result<Vec<Hearer>, StoreError> {
        let rows: Vec<(String, Vec<u8>, String, i64)> = on!(self, c =>
            sqlx::query_as(HEARERS).bind(subject.as_bytes().as_slice()).bind(kind.as_str()).fetch_all(c).await)?;
        let mut hearers = Vec::new();
        for (recipient, pairwise, state, waiting) in rows {
            let Ok(pairwise) = pairwise.try_into() else { continue };
            hearers.push(Hearer { recipient, pairwise, state: state_from(&state)?, waits_already: waiting > 0 });
        }
        Ok(hearers)
    }

    /// Who is to be told something now.
    pub async fn due_recipients(&mut self, now: Micros) -> Result<Vec<String>, StoreError> {
        Ok(on!(self, c => sqlx::query_scalar(DUE_RECIPIENTS).bind(now.0).fetch_all(c).await)?)
    }

    /// What one of them is to be told now.
    pub async fn due_deliveries(
        &mut self,
        recipient: &str,
        now: Micros,
        limit: i64,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        all(on!(self, c => sqlx::query_as(DUE_DELIVERIES).bind(recipient).bind(now.0).bind(limit).fetch_all(c).await)?)
    }

    /// Who was, or is to be, told what about a person; the newest first.
    pub async fn deliveries_of(&mut self, subject: &Subject) -> Result<Vec<DeliveryRow>, StoreError> {
        all(on!(self, c => sqlx::query_as(DELIVERIES_OF).bind(subject.as_bytes().as_slice()).fetch_all(c).await)?)
    }

    /// Who was, or is to be, told of an erasure.
    pub async fn deliveries_of_job(&mut self, job: &Reference) -> Result<Vec<DeliveryRow>, StoreError> {
        all(on!(self, c => sqlx::query_as(DELIVERIES_OF_JOB).bind(job.as_bytes().as_slice()).fetch_all(c).await)?)
    }

    /// Every recipient that has a name for a person, with that name. What is no name was never told to anybody.
    pub async fn names_of(&mut self, subject: &Subject) -> Result<Vec<(String, Pairwise)>, StoreError> {
        let rows: Vec<(String, Vec<u8>)> = on!(self, c =>
            sqlx::query_as(PAIRWISE_OF).bind(subject.as_bytes().as_slice()).fetch_all(c).await)?;
        let name = |(recipient, pairwise): (String, Vec<u8>)| Some((recipient, pairwise.try_into().ok()?));
        Ok(rows.into_iter().filter_map(name).collect())
    }
}
