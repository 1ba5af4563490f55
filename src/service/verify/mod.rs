//! Recomputes everything: the tree from the rows, the rows from what they commit to, the standings from the events.
//!
//! `facts` asks whether what the events say could have happened, and whether the rows beside the log say the same.

mod facts;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use facts::Facts;

use serde::Serialize;

use super::record::{is_unkept, open_event};
use super::{App, ServiceError};
use crate::crypto::SubjectKey;
use crate::domain::{Day, Event, History, Micros, Seq, lawful};
use crate::ids::Subject;
use crate::log::{Checkpoint, Frontier, Hash, Leaf, Node, commitment, parse_vkey, verify};
use crate::store::{Head, LeafRow, StoreError, Tx};

/// Something that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which event; nothing when it is about no single one.
    pub seq: Option<Seq>,
    /// What is wrong.
    pub what: String,
}

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many events the head counts.
    pub size: i64,
    /// Events whose body was opened and fits its leaf.
    pub opened: u64,
    /// Events that nobody can open any more, or that were never kept: of erased people, of callers without an account.
    pub sealed_off: u64,
    /// People whose standing was recomputed.
    pub people: u64,
    /// Edges, every one of which must hang on two live grants.
    pub edges: i64,
    /// Older checkpoints that the log was compared with.
    pub checkpoints: usize,
    /// Everything that is wrong; the first one is the lowest in the log.
    pub findings: Vec<Finding>,
}

const PAGE: i64 = 1_000;
/// More findings than anybody reads: the lowest are shown.
const FINDINGS_MAX: usize = 100;

#[derive(Default)]
struct Walk {
    report: Report,
    frontier: Frontier,
    keys: BTreeMap<Subject, Option<SubjectKey>>,
    people: BTreeMap<Subject, History>,
    facts: Facts,
    /// Day and time of the last event that showed them.
    latest: (Option<Day>, Option<Micros>),
    /// Older checkpoints that the walk has not reached.
    older: Vec<Checkpoint>,
    /// Subtrees above the leaves that the page completed, by level and place.
    completed: BTreeMap<(i64, i64), Hash>,
}

impl App {
    /// Verifies log, bodies, standings, edges and the rows beside them from one snapshot of the database, and that the log
    /// still begins with what each older checkpoint signed, the one that the service keeps in its data folder among them.
    ///
    /// # Errors
    /// Only when the database cannot be read; what is wrong in it is in the report.
    pub async fn verify_log(
        &self,
        older: &[Checkpoint],
        progress: impl Fn(i64) + Send + Sync,
    ) -> Result<Report, ServiceError> {
        let mut older = older.to_vec();
        let kept = self.kept_checkpoint();
        older.extend(kept.iter().flatten().cloned());
        let input = (self, older, progress);
        let report = self
            .store
            .read_tx(&input, |tx, (app, older, progress)| Box::pin(app.verify_in(tx, older.clone(), progress)));
        let mut report = report.await?;
        if let Err(error) = kept {
            report.findings.push(Finding { seq: None, what: error.to_string() });
        }
        Ok(report)
    }

    async fn verify_in(
        &self,
        tx: &mut Tx,
        older: Vec<Checkpoint>,
        progress: &(impl Fn(i64) + Send + Sync),
    ) -> Result<Report, ServiceError> {
        let head = tx.head().await?;
        let report = Report { size: head.seq.0, checkpoints: older.len(), ..Report::default() };
        let mut walk = Walk { report, older, ..Walk::default() };
        walk.compare_older();
        let mut next = 1;
        loop {
            let rows = tx.leaves_as_found(Seq(next), PAGE).await?;
            let Some(last) = rows.last() else { break };
            let Some(following) = last.seq.0.checked_add(1) else { break };
            for row in &rows {
                walk.missing(next, row.seq.0);
                next = row.seq.0.saturating_add(1);
                self.check_leaf(tx, &mut walk, row).await?;
            }
            check_nodes(tx, &mut walk).await?;
            progress(following - 1);
        }
        walk.missing(next, head.seq.0.saturating_add(1));
        for checkpoint in std::mem::take(&mut walk.older) {
            let what =
                format!("a checkpoint over {} events exists: the log was cut or is an older copy", checkpoint.size);
            walk.find(Some(Seq(head.seq.0.saturating_add(1))), &what);
        }
        self.check_root(tx, &mut walk, &head).await?;
        // What is wrong with a leaf names its place; a standing that is wrong names an event that may well be right.
        walk.report.findings.sort_by_key(|finding| finding.seq.map_or(i64::MAX, |seq| seq.0));
        let people = self.check_people(tx, &mut walk).await;
        walk.read(people)?;
        self.check_facts(tx, &mut walk).await?;
        walk.report.findings.truncate(FINDINGS_MAX);
        Ok(walk.report)
    }

    async fn check_leaf(&self, tx: &mut Tx, walk: &mut Walk, row: &LeafRow) -> Result<(), ServiceError> {
        let leaf = Leaf { kind: row.kind.clone(), day: row.day, commitment: row.commitment };
        let hash = leaf.hash();
        if hash != row.stored_hash {
            walk.find(Some(row.seq), "the row was changed: it no longer gives the leaf that the tree holds");
        }
        walk.push(hash);
        if walk.latest.0.is_some_and(|day| row.day < day) {
            walk.find(Some(row.seq), "the leaf shows an earlier day than the one before it");
        }
        walk.latest.0 = Some(row.day);
        let (subject, sealed) = match (row.subject, &row.body) {
            (Some(subject), Some(sealed)) => (subject, sealed),
            (None, Some(sealed)) if is_unkept(row.seq, sealed, &self.ring.service) => {
                walk.report.sealed_off += 1;
                walk.facts.unkept(row);
                return Ok(());
            }
            (None, Some(sealed)) => {
                match open_event(row.seq, sealed, &self.ring.service) {
                    Ok((nonce, body)) => walk.check_body(row, None, &nonce, &body),
                    Err(_) => walk.find(Some(row.seq), "the body does not open: it, its owner or its key was changed"),
                }
                return Ok(());
            }
            (owner, None) => {
                walk.report.sealed_off += 1;
                walk.facts.sealed_off(row);
                if owner.is_some() {
                    walk.find(Some(row.seq), "half of what belongs to a person was removed");
                }
                return Ok(());
            }
        };
        if let Entry::Vacant(unknown) = walk.keys.entry(subject) {
            unknown.insert(self.key_of(tx, &subject).await.ok());
        }
        let key = walk.keys.get(&subject).and_then(Option::as_ref);
        match key.and_then(|key| open_event(row.seq, sealed, &key.sealing).ok()) {
            Some((nonce, body)) => walk.check_body(row, Some(subject), &nonce, &body),
            None => walk.find(Some(row.seq), "the body does not open: it, its owner or its key was changed"),
        }
        Ok(())
    }

    async fn check_root(&self, tx: &mut Tx, walk: &mut Walk, head: &Head) -> Result<(), ServiceError> {
        let rows = tx.count_events().await?;
        if rows != head.seq.0 {
            walk.find(None, &format!("the head counts {} events but there are {rows}", head.seq.0));
        }
        let complete = 2 * rows - i64::from(rows.count_ones());
        if tx.count_nodes().await? != complete {
            walk.find(None, "the tree has other subtrees than the events complete");
        }
        if head.frontier != walk.frontier.encode() {
            walk.find(None, "the head does not hold the subtrees that the events give");
        }
        let key = parse_vkey(&self.log_vkey())?;
        match verify(&head.checkpoint, &key) {
            Err(_) => walk.find(None, "the checkpoint does not carry our signature"),
            Ok(checkpoint) if i64::try_from(checkpoint.size) != Ok(head.seq.0) => {
                walk.find(None, "the checkpoint is about another number of events than the head");
            }
            Ok(checkpoint) if checkpoint.root != walk.frontier.root() => {
                walk.find(None, "the events do not give the root that the checkpoint signs");
            }
            Ok(_) => {}
        }
        Ok(())
    }
}

impl Walk {
    fn find(&mut self, seq: Option<Seq>, what: &str) {
        self.report.findings.push(Finding { seq, what: what.into() });
    }

    /// A row that cannot be read is something that is wrong, not the end of the search for more.
    fn read(&mut self, outcome: Result<(), ServiceError>) -> Result<(), ServiceError> {
        let Err(ServiceError::Store(StoreError::Corrupt(table))) = outcome else { return outcome };
        self.find(None, &format!("a row of `{table}` does not have the form that the service gives it"));
        Ok(())
    }

    fn push(&mut self, leaf: Hash) {
        for Node { level, index, hash } in self.frontier.push(leaf) {
            if let (1.., Ok(place)) = (level, i64::try_from(index)) {
                self.completed.insert((level.into(), place), hash);
            }
        }
        self.compare_older();
    }

    /// Whoever kept a checkpoint sees any change to what stood before it.
    fn compare_older(&mut self) {
        if self.older.iter().any(|older| older.contradicts(&self.frontier)) {
            let what = "the log up to this event is not what an older checkpoint signed: it was rewritten";
            self.find(i64::try_from(self.frontier.size()).ok().map(Seq), what);
        }
        self.older.retain(|older| older.size > self.frontier.size());
    }

    fn missing(&mut self, expected: i64, found: i64) {
        if found > expected {
            self.find(Some(Seq(expected)), &format!("events {expected} to {} are missing", found - 1));
        }
    }

    fn check_body(&mut self, row: &LeafRow, subject: Option<Subject>, nonce: &[u8; 32], body: &str) {
        if commitment(nonce, body) != row.commitment {
            self.find(Some(row.seq), "the body is not what the leaf commits to");
            return;
        }
        let Ok(event) = serde_json::from_str::<Event>(body) else {
            self.find(Some(row.seq), "the body is no event");
            return;
        };
        if event.act.kind() != row.kind || event.at.day() != row.day {
            self.find(Some(row.seq), "the leaf shows another kind or day than the body");
        }
        if self.latest.1.is_some_and(|at| event.at < at) {
            self.find(Some(row.seq), "it says an earlier time than an event before it: it was dated back");
        }
        self.latest.1 = Some(event.at);
        self.report.opened += 1;
        let Some(subject) = subject else {
            let twice = self.facts.said(row.seq, &event);
            if let Some(what) = twice {
                self.find(Some(row.seq), what);
            }
            return;
        };
        let history = self.people.entry(subject).or_default();
        let lawful = lawful(history, &event, row.seq, &self.facts.rulebook);
        history.apply(row.seq, &event);
        if let Err(what) = lawful {
            self.find(Some(row.seq), what);
        }
    }
}

/// Proofs are made of the stored subtrees, so each must be what its leaves give.
async fn check_nodes(tx: &mut Tx, walk: &mut Walk) -> Result<(), ServiceError> {
    let mut completed = std::mem::take(&mut walk.completed);
    while let Some((&(level, first), _)) = completed.first_key_value() {
        let above = completed.split_off(&(level + 1, 0));
        let last = completed.last_key_value().map_or(first, |((_, place), _)| *place);
        let stored = tx.nodes(level, first, last).await?;
        let stored: BTreeMap<_, _> = stored.into_iter().map(|node| ((node.level, node.place), node.hash)).collect();
        for ((level, place), _) in completed.iter().filter(|(key, hash)| stored.get(key) != Some(hash)) {
            let seq = (place + 1) << level;
            walk.find(Some(Seq(seq)), "a subtree that ends with this event was changed or removed");
        }
        completed = above;
    }
    Ok(())
}
