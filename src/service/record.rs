//! Recording an event: the one place where the log grows and a standing changes.

use serde::{Deserialize, Serialize};

use super::{App, ServiceError};
use crate::crypto::{Place, SubjectKey, open, seal};
use crate::domain::{Act, Event, History, Micros, Seq, Standing};
use crate::ids::Subject;
use crate::log::{Frontier, Leaf, commitment, sign};
use crate::store::{EventRow, Head, NodeRow, StoreError, Tx};

/// Opens the leaf of one's own event: whoever has it can show what was said, and when, against the checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Place of the leaf in the log, from 0.
    pub leaf_index: i64,
    /// Kind, as the leaf shows it.
    pub kind: String,
    /// UTC day, in days since 1970, as the leaf shows it.
    pub day: i64,
    /// Key of the commitment, in hexadecimal.
    pub nonce: String,
    /// What was committed to, as canonical JSON. The leaf holds HMAC-SHA-256(nonce, body).
    pub body: String,
    /// The signed checkpoint (C2SP) that includes the leaf.
    pub checkpoint: String,
}

/// What every act answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Its place in the order of all events.
    pub seq: Seq,
    /// Its receipt.
    pub receipt: Receipt,
}

/// A person within a transaction.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) subject: Subject,
    pub(super) key: SubjectKey,
    pub(super) history: History,
}

const NONCE_BYTES: usize = 32;

impl App {
    pub(super) async fn key_of(&self, tx: &mut Tx, subject: &Subject) -> Result<SubjectKey, ServiceError> {
        let wrapped = tx.key(subject).await?;
        Ok(SubjectKey::unwrap(&self.ring.wrapping, subject, &wrapped)?)
    }

    /// A person with the fold of all their events.
    pub(super) async fn person(&self, tx: &mut Tx, subject: &Subject) -> Result<Person, ServiceError> {
        let key = self.key_of(tx, subject).await?;
        let events = self.events_of(tx, subject, &key).await?;
        let history = History::fold(events.iter().map(|(seq, event)| (*seq, event)));
        Ok(Person { subject: *subject, key, history })
    }

    /// A person's events, opened.
    pub(super) async fn events_of(
        &self,
        tx: &mut Tx,
        subject: &Subject,
        key: &SubjectKey,
    ) -> Result<Vec<(Seq, Event)>, ServiceError> {
        let mut events = Vec::new();
        for (seq, sealed) in tx.events_of(subject).await? {
            let (_, body) = open_event(seq, &sealed, key)?;
            events.push((seq, serde_json::from_str(&body).map_err(|_| StoreError::Corrupt("event"))?));
        }
        Ok(events)
    }

    /// Takes the next place in the order. Comes first in every act that records.
    pub(super) async fn head(&self, tx: &mut Tx) -> Result<Head, ServiceError> {
        let head = tx.take_head(self.clock.now()).await?;
        self.clock.not_before(head.recorded);
        Ok(head)
    }

    /// Records an act of nobody we know, or of the service: its opening goes into the receipt and is not kept.
    pub(super) async fn record_public(&self, tx: &mut Tx, head: Head, act: Act) -> Result<Done, ServiceError> {
        let (done, row, _) = self.prepare(&head, None, act)?;
        self.append(tx, head, row, done).await
    }

    /// Records an act of a person: event, standing, grants and what hangs on them.
    pub(super) async fn record(
        &self,
        tx: &mut Tx,
        head: Head,
        person: &mut Person,
        act: Act,
    ) -> Result<Done, ServiceError> {
        let (done, row, event) = self.prepare(&head, Some(person), act)?;
        let before = person.history.standing.clone();
        person.history.apply(row.seq, &event);
        let done = self.append(tx, head, row, done).await?;
        write_standing(tx, &person.subject, &before, &person.history.standing).await?;
        Ok(done)
    }

    fn prepare(
        &self,
        head: &Head,
        person: Option<&Person>,
        act: Act,
    ) -> Result<(Receipt, EventRow, Event), ServiceError> {
        let kind = act.kind();
        let event = Event { at: head.recorded, act };
        let body = event.canonical()?;
        let nonce: [u8; NONCE_BYTES] = self.entropy.bytes()?;
        let commitment = commitment(&nonce, &body);
        let day = head.recorded.day();
        let sealed = match person {
            Some(person) => {
                let plain = [nonce.as_slice(), body.as_bytes()].concat();
                let row = head.seq.0.to_be_bytes();
                Some(seal(&person.key.sealing, &event_place(&row), &plain, &self.entropy)?)
            }
            None => None,
        };
        let receipt = Receipt {
            leaf_index: head.seq.0 - 1,
            kind: kind.into(),
            day: day.0,
            nonce: hex::encode(nonce),
            body,
            checkpoint: String::new(),
        };
        let subject = person.map(|person| person.subject);
        Ok((receipt, EventRow { seq: head.seq, kind, day, commitment, subject, body: sealed }, event))
    }

    async fn append(&self, tx: &mut Tx, head: Head, row: EventRow, receipt: Receipt) -> Result<Done, ServiceError> {
        let size = u64::try_from(head.seq.0 - 1).map_err(|_| StoreError::Corrupt("log_head"))?;
        let mut frontier = Frontier::decode(size, &head.frontier)?;
        let leaf = Leaf { kind: row.kind.into(), day: row.day, commitment: row.commitment };
        let nodes = frontier.push(leaf.hash());
        let checkpoint = sign(&self.origin, frontier.size(), &frontier.root(), &self.log_key);
        tx.insert_event(&row).await?;
        for node in nodes {
            let place = i64::try_from(node.index).map_err(|_| StoreError::Corrupt("log_head"))?;
            tx.insert_node(&NodeRow { level: i64::from(node.level), place, hash: node.hash }).await?;
        }
        tx.advance_head(&frontier.encode(), &checkpoint).await?;
        Ok(Done { seq: row.seq, receipt: Receipt { checkpoint, ..receipt } })
    }

    pub(super) fn now(&self) -> Micros {
        self.clock.now()
    }
}

/// Stores what changed. A grant that ended goes with everything that hangs on its lineage.
async fn write_standing(
    tx: &mut Tx,
    subject: &Subject,
    before: &Standing,
    after: &Standing,
) -> Result<(), ServiceError> {
    if before == after {
        return Ok(());
    }
    tx.update_standing(subject, after).await?;
    for (triple, old) in &before.grants {
        let goes_on = after.grants.get(triple).is_some_and(|new| new.lineage == old.lineage);
        if !goes_on && !crate::mutant::on("withdrawal_keeps_grant") {
            tx.delete_grant(subject, triple).await?;
        }
    }
    for (triple, new) in &after.grants {
        if before.grants.get(triple) != Some(new) {
            tx.upsert_grant(subject, triple, new).await?;
        }
    }
    Ok(())
}

fn event_place(row: &[u8]) -> Place<'_> {
    Place { table: "event", column: "body", row }
}

/// Nonce and body of a sealed event.
pub(super) fn open_event(
    seq: Seq,
    sealed: &[u8],
    key: &SubjectKey,
) -> Result<([u8; NONCE_BYTES], String), ServiceError> {
    let row = seq.0.to_be_bytes();
    let plain = open(&key.sealing, &event_place(&row), sealed)?;
    let (nonce, body) = plain.split_first_chunk::<NONCE_BYTES>().ok_or(StoreError::Corrupt("event"))?;
    let body = String::from_utf8(body.to_vec()).map_err(|_| StoreError::Corrupt("event"))?;
    Ok((*nonce, body))
}
