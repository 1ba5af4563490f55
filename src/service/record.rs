//! Recording an event: the one place where the log grows and a standing changes.

use serde::{Deserialize, Serialize};

use super::epochs::Digests;
use super::{App, ServiceError};
use crate::crypto::{Place, SubjectKey, open, seal};
use crate::domain::{Act, Event, Grant, History, Micros, Seq, Standing, Triple};
use crate::ids::Subject;
use crate::log::{Frontier, Leaf, Node, Receipt, commitment, sign};
use crate::secret::Key;
use crate::store::{Begun, EventRow, Head, KeyAndEvents, NodeRow, Recorded, StoreError, Tx};

/// What every act answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Its place in the order of all events.
    pub seq: Seq,
    /// Its receipt.
    pub receipt: Receipt,
}

/// An event that waits for its leaf.
struct Prepared {
    row: EventRow,
    nonce: [u8; NONCE_BYTES],
    body: String,
}

/// A person within a transaction.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) subject: Subject,
    pub(super) key: SubjectKey,
    pub(super) history: History,
}

impl Person {
    pub(super) fn of(subject: Subject, key: SubjectKey, events: &[(Seq, Event)]) -> Self {
        Self { subject, key, history: History::fold(events.iter().map(|(seq, event)| (*seq, event))) }
    }
}

const NONCE_BYTES: usize = 32;
/// Stands where the opening of an event was not kept.
const UNKEPT: &[u8] = b"the opening went into the receipt alone";

impl App {
    pub(super) async fn key_of(&self, tx: &mut Tx, subject: &Subject) -> Result<SubjectKey, ServiceError> {
        match tx.key(subject).await? {
            Some(wrapped) => self.unwrap_key(subject, &wrapped),
            None => Err(keyless(tx, subject).await?),
        }
    }

    /// A person with the fold of all their events.
    pub(super) async fn person(&self, tx: &mut Tx, subject: &Subject) -> Result<Person, ServiceError> {
        let (key, events) = self.events_of(tx, subject).await?;
        Ok(Person::of(*subject, key, &events))
    }

    /// How an act of a person begins.
    pub(super) async fn begun(
        &self,
        tx: &mut Tx,
        subject: &Subject,
        (head, found): Begun,
    ) -> Result<(Head, Person), ServiceError> {
        self.clock.not_before(head.recorded);
        let (key, events) = self.opened(tx, subject, found).await?;
        Ok((head, Person::of(*subject, key, &events)))
    }

    /// A person's key, and the events that it opens.
    pub(super) async fn events_of(
        &self,
        tx: &mut Tx,
        subject: &Subject,
    ) -> Result<(SubjectKey, Vec<(Seq, Event)>), ServiceError> {
        let found = tx.key_and_events(subject).await?;
        self.opened(tx, subject, found).await
    }

    async fn opened(
        &self,
        tx: &mut Tx,
        subject: &Subject,
        found: Option<KeyAndEvents>,
    ) -> Result<(SubjectKey, Vec<(Seq, Event)>), ServiceError> {
        let Some((wrapped, sealed)) = found else { return Err(keyless(tx, subject).await?) };
        let key = self.unwrap_key(subject, &wrapped)?;
        let mut events = Vec::new();
        for (seq, sealed) in sealed {
            let (_, body) = open_event(seq, &sealed, &key.sealing)?;
            events.push((seq, serde_json::from_str(&body).map_err(|_| StoreError::Corrupt("event"))?));
        }
        Ok((key, events))
    }

    /// Takes the next place in the order. Comes first in every act that records.
    pub(super) async fn head(&self, tx: &mut Tx) -> Result<Head, ServiceError> {
        let head = tx.take_head(self.clock.now()).await?;
        self.clock.not_before(head.recorded);
        Ok(head)
    }

    /// Records an act of nobody we know: its opening goes into the receipt and is not kept. In its place stands a sealed word that
    /// says so, the same for all: a body that is missing was removed.
    pub(super) async fn record_unkept(&self, tx: &mut Tx, head: Head, act: Act) -> Result<Done, ServiceError> {
        let (mut prepared, _) = self.prepare(&head, None, None, act)?;
        let row = head.seq.0.to_be_bytes();
        prepared.row.body = Some(seal(&self.ring.service, &event_place(&row), UNKEPT, &self.entropy)?);
        self.append(tx, head, prepared, (&Standing::default(), &Standing::default())).await
    }

    /// Records an act of the service itself, of nobody in particular: its opening is kept under the key of the service.
    pub(super) async fn record_own(&self, tx: &mut Tx, head: Head, act: Act) -> Result<Done, ServiceError> {
        let (prepared, _) = self.prepare(&head, None, Some(&self.ring.service), act)?;
        self.append(tx, head, prepared, (&Standing::default(), &Standing::default())).await
    }

    /// The owner of an identifier, by its blind index. Somebody whose erasure began is nobody any more.
    pub(super) async fn living(&self, tx: &mut Tx, blinds: &Digests) -> Result<Option<Subject>, ServiceError> {
        let Some(subject) = tx.owner_of(blinds).await? else { return Ok(None) };
        let erased = tx.standing(&subject).await?.is_none_or(|standing| standing.erased);
        Ok(Some(subject).filter(|_| !erased))
    }

    /// Records an act of a person: event, standing, grants and what hangs on them. Nothing is recorded about somebody whose
    /// erasure began, whoever was let in a moment before.
    pub(super) async fn record(
        &self,
        tx: &mut Tx,
        head: Head,
        person: &mut Person,
        act: Act,
    ) -> Result<Done, ServiceError> {
        if person.history.standing.erased {
            return Err(ServiceError::Unauthenticated);
        }
        let (prepared, event) = self.prepare(&head, Some(person.subject), Some(&person.key.sealing), act)?;
        let before = person.history.standing.clone();
        person.history.apply(prepared.row.seq, &event);
        let after = &person.history.standing;
        let done = self.append(tx, head, prepared, (&before, after)).await?;
        if !after.erased {
            self.announce(tx, &person.subject, (&before, after)).await?;
        }
        Ok(done)
    }

    fn prepare(
        &self,
        head: &Head,
        subject: Option<Subject>,
        key: Option<&Key>,
        act: Act,
    ) -> Result<(Prepared, Event), ServiceError> {
        let kind = act.kind();
        let event = Event { at: head.recorded, act };
        let body = event.canonical()?;
        let nonce: [u8; NONCE_BYTES] = self.entropy.bytes()?;
        let commitment = commitment(&nonce, &body);
        let sealed = match key {
            Some(key) => {
                let plain = [nonce.as_slice(), body.as_bytes()].concat();
                let row = head.seq.0.to_be_bytes();
                Some(seal(key, &event_place(&row), &plain, &self.entropy)?)
            }
            None => None,
        };
        let row = EventRow { seq: head.seq, kind, day: head.recorded.day(), commitment, subject, body: sealed };
        Ok((Prepared { row, nonce, body }, event))
    }

    /// Stores the event, and what it changes of how its person stands.
    async fn append(
        &self,
        tx: &mut Tx,
        head: Head,
        prepared: Prepared,
        (before, after): (&Standing, &Standing),
    ) -> Result<Done, ServiceError> {
        let Prepared { row, nonce, body } = prepared;
        let index = u64::try_from(head.seq.0 - 1).map_err(|_| StoreError::Corrupt("log_head"))?;
        let mut frontier = Frontier::decode(index, &head.frontier)?;
        let leaf = Leaf { kind: row.kind.into(), day: row.day, commitment: row.commitment };
        let path = frontier.path_of_next();
        let nodes = frontier.push(leaf.hash());
        let checkpoint = sign(&self.origin, frontier.size(), &frontier.root(), &self.log_key);
        let node = |node: Node| {
            let place = i64::try_from(node.index).map_err(|_| StoreError::Corrupt("log_head"))?;
            Ok(NodeRow { level: i64::from(node.level), place, hash: node.hash })
        };
        let nodes: Vec<NodeRow> = nodes.into_iter().map(node).collect::<Result<_, StoreError>>()?;
        let (ended, granted) = changed_grants(before, after);
        let recorded = Recorded {
            event: &row,
            nodes: &nodes,
            frontier: &frontier.encode(),
            checkpoint: &checkpoint,
            standing: Some(after).filter(|after| *after != before),
            ended: &ended,
            granted: &granted,
        };
        tx.append(&recorded).await?;
        Ok(Done { seq: row.seq, receipt: Receipt { index, leaf, nonce, body, path, checkpoint } })
    }

    pub(super) fn now(&self) -> Micros {
        self.clock.now()
    }
}

/// Erased since the caller was looked up; only somebody whose row is still there should have a key.
async fn keyless(tx: &mut Tx, subject: &Subject) -> Result<ServiceError, StoreError> {
    let gone = tx.standing(subject).await?.is_none();
    Ok(if gone { ServiceError::Unauthenticated } else { StoreError::Corrupt("subject_key").into() })
}

/// Grants that ended, and those that are new or were renewed. For an erasure the flag alone denies from here on, however much there is,
/// and the erasure removes the rows.
fn changed_grants<'a>(before: &'a Standing, after: &'a Standing) -> (Vec<&'a Triple>, Vec<(&'a Triple, &'a Grant)>) {
    if after.erased {
        return (Vec::new(), Vec::new());
    }
    let goes_on = |triple: &Triple, old: &Grant| after.grants.get(triple).is_some_and(|new| new.lineage == old.lineage);
    let ended = before.grants.iter().filter(|(triple, old)| !goes_on(triple, old)).map(|(triple, _)| triple);
    let ended = ended.filter(|_| !crate::mutant::on("withdrawal_keeps_grant")).collect();
    (ended, after.grants.iter().filter(|(triple, new)| before.grants.get(*triple) != Some(*new)).collect())
}

fn event_place(row: &[u8]) -> Place<'_> {
    Place { table: "event", column: "body", row }
}

/// Whether this is the word that stands where an opening was not kept.
pub(super) fn is_unkept(seq: Seq, sealed: &[u8], key: &Key) -> bool {
    let row = seq.0.to_be_bytes();
    open(key, &event_place(&row), sealed).is_ok_and(|plain| plain.as_slice() == UNKEPT)
}

/// Nonce and body of a sealed event.
pub(super) fn open_event(seq: Seq, sealed: &[u8], key: &Key) -> Result<([u8; NONCE_BYTES], String), ServiceError> {
    let row = seq.0.to_be_bytes();
    let plain = open(key, &event_place(&row), sealed)?;
    let (nonce, body) = plain.split_first_chunk::<NONCE_BYTES>().ok_or(StoreError::Corrupt("event"))?;
    let body = String::from_utf8(body.to_vec()).map_err(|_| StoreError::Corrupt("event"))?;
    Ok((*nonce, body))
}
