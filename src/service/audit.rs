//! The public log and the auditor's view of it. No personal data: kinds, days, commitments, sums.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde::Serialize;

use super::record::open_event;
use super::{App, ServiceError};
use crate::crypto::SubjectKey;
use crate::domain::{Act, Day, Event, Purpose, Recipient, Seq};
use crate::ids::Subject;
use crate::limits;
use crate::store::{LeafRow, Tx};

/// One leaf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeafView {
    /// Its place in the order, from 1; the leaf index is one less.
    pub seq: Seq,
    /// What kind of act.
    pub kind: String,
    /// UTC day, in days since 1970.
    pub day: Day,
    /// HMAC-SHA-256 of the act, in hexadecimal.
    pub commitment: String,
    /// The leaf's hash as the tree has it (RFC 6962), in hexadecimal.
    pub leaf_hash: String,
}

/// What an auditor looks for.
#[derive(Debug, Clone, Default)]
pub struct AuditQuery {
    /// One kind, or all.
    pub kind: Option<String>,
    /// First day.
    pub from: Option<Day>,
    /// Last day.
    pub to: Option<Day>,
    /// Only what decides about this purpose. What was erased cannot be opened, so it is never found.
    pub purpose: Option<Purpose>,
    /// Only what decides about this recipient; the same holds.
    pub recipient: Option<Recipient>,
    /// Up to this place, that one included.
    pub until: Option<Seq>,
    /// After this place.
    pub after: Option<Seq>,
    /// At most so many.
    pub limit: Option<i64>,
}

/// A page of what was found.
#[derive(Debug, Clone)]
pub struct AuditPage {
    /// The leaves.
    pub leaves: Vec<LeafView>,
    /// Where to go on with `after`; nothing at the end of the log.
    pub next: Option<Seq>,
}

impl AuditPage {
    /// One line of JSON for each leaf.
    pub fn ndjson(&self) -> String {
        self.leaves.iter().map(|leaf| serde_json::to_string(leaf).unwrap_or_default() + "\n").collect()
    }

    /// A table with a head (RFC 4180).
    pub fn csv(&self) -> String {
        let row = |leaf: &LeafView| {
            let LeafView { seq, kind, day, commitment, leaf_hash } = leaf;
            format!("{},{kind},{},{},{commitment},{leaf_hash}\r\n", seq.0, day.0, day.text())
        };
        let head = String::from("seq,kind,day,date,commitment,leaf_hash\r\n");
        head + &self.leaves.iter().map(row).collect::<String>()
    }
}

/// How often something was recorded on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DayCount {
    /// The day.
    pub day: Day,
    /// The kind.
    pub kind: String,
    /// How often.
    pub times: i64,
}

/// How often a recipient asked on a day. Denials about people who are not known are a number and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AskedCount {
    /// The day.
    pub day: Day,
    /// Who asked.
    pub caller: String,
    /// Questions that were allowed.
    pub allowed: i64,
    /// Questions that were denied, whoever they were about.
    pub denied: i64,
}

/// The log in sums.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// How many events there are.
    pub size: Seq,
    /// The signed checkpoint over them (C2SP).
    pub checkpoint: String,
    /// By day and kind.
    pub events: Vec<DayCount>,
    /// Decisions of the gate, by day and caller; written in batches, so the last second may be missing.
    pub decisions: Vec<AskedCount>,
}

impl App {
    /// The signed checkpoint over the whole log (C2SP).
    ///
    /// # Errors
    /// Only for the database.
    pub async fn checkpoint(&self) -> Result<String, ServiceError> {
        Ok(self.store.read_one(&(), |tx, ()| Box::pin(tx.head())).await?.checkpoint)
    }

    /// At most a thousand leaves, from a leaf index on.
    ///
    /// # Errors
    /// For a negative index.
    pub async fn leaves(&self, from: i64) -> Result<Vec<LeafView>, ServiceError> {
        if from < 0 {
            return Err(ServiceError::invalid("from", "a leaf index, from 0"));
        }
        let first = Seq(from.saturating_add(1));
        let rows = self.store.read_one(&first, |tx, first| Box::pin(tx.leaves(*first, limits::LEAVES_MAX))).await?;
        Ok(rows.into_iter().map(view).collect())
    }

    /// Leaves by kind, day, purpose and recipient, for an auditor.
    ///
    /// # Errors
    /// For a limit out of bounds, and a kind that there is not.
    pub async fn audit_events(&self, query: &AuditQuery) -> Result<AuditPage, ServiceError> {
        if query.kind.as_deref().is_some_and(|kind| !Act::KINDS.contains(&kind)) {
            return Err(ServiceError::invalid("kind", &format!("one of `{}`", Act::KINDS.join("`, `"))));
        }
        let limit = query.limit.unwrap_or(limits::AUDIT_ROWS_MAX);
        if !(1..=limits::AUDIT_ROWS_MAX).contains(&limit) {
            return Err(ServiceError::invalid("limit", "1 to 1,000"));
        }
        self.store.read_tx(&(self, query, limit), |tx, (app, query, limit)| Box::pin(app.page(tx, query, *limit))).await
    }

    async fn page(&self, tx: &mut Tx, query: &AuditQuery, limit: i64) -> Result<AuditPage, ServiceError> {
        let days = (query.from.unwrap_or(Day(i64::MIN)), query.to.unwrap_or(Day(i64::MAX)));
        let opens = query.purpose.is_some() || query.recipient.is_some();
        let (mut keys, mut leaves, mut looked_at) = (BTreeMap::new(), Vec::new(), 0);
        let mut after = query.after.unwrap_or(Seq(0));
        loop {
            let page = if opens { limits::AUDIT_ROWS_MAX } else { limit };
            let rows = tx.audit_events(after, query.kind.as_deref(), days, page).await?;
            let full = i64::try_from(rows.len()) == Ok(page);
            looked_at += rows.len();
            for row in rows {
                if query.until.is_some_and(|until| row.seq > until) {
                    return Ok(AuditPage { leaves, next: None });
                }
                after = row.seq;
                if !opens || self.decides_about(tx, &mut keys, &row, query).await? {
                    leaves.push(view(row));
                }
                if i64::try_from(leaves.len()) == Ok(limit) {
                    return Ok(AuditPage { leaves, next: Some(after).filter(|_| query.until != Some(after)) });
                }
            }
            if !full {
                return Ok(AuditPage { leaves, next: None });
            }
            if looked_at >= limits::AUDIT_OPENED_MAX {
                return Ok(AuditPage { leaves, next: Some(after) });
            }
        }
    }

    async fn decides_about(
        &self,
        tx: &mut Tx,
        keys: &mut BTreeMap<Subject, SubjectKey>,
        row: &LeafRow,
        query: &AuditQuery,
    ) -> Result<bool, ServiceError> {
        let (Some(subject), Some(sealed)) = (row.subject, &row.body) else { return Ok(false) };
        let key = match keys.entry(subject) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(self.key_of(tx, &subject).await?),
        };
        // What does not open was tampered with: `sayso verify log` names it, and one such row must not end every search.
        let Ok((_, body)) = open_event(row.seq, sealed, &key.sealing) else { return Ok(false) };
        let Ok(event) = serde_json::from_str::<Event>(&body) else { return Ok(false) };
        let fits = |triple: &&crate::domain::Triple| {
            query.purpose.as_ref().is_none_or(|purpose| triple.purpose == *purpose)
                && query.recipient.as_ref().is_none_or(|recipient| triple.recipient == *recipient)
        };
        Ok(event.act.triples().iter().any(fits))
    }

    /// Events by day and kind, and the gate's decisions by day and caller, between two days.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn audit_summary(&self, from: Option<Day>, to: Option<Day>) -> Result<Summary, ServiceError> {
        let days = (from.unwrap_or(Day(i64::MIN)), to.unwrap_or(Day(i64::MAX)));
        self.store.read_tx(&days, |tx, days| Box::pin(summary(tx, *days))).await
    }
}

async fn summary(tx: &mut Tx, days: (Day, Day)) -> Result<Summary, ServiceError> {
    let head = tx.head().await?;
    let events = tx.event_counts(days).await?;
    let events = events.into_iter().map(|(day, kind, times)| DayCount { day, kind, times }).collect();
    let mut asked: BTreeMap<(Day, String), (i64, i64)> = BTreeMap::new();
    for (day, caller, allowed, times) in tx.asked_counts(days).await? {
        let (yes, no) = asked.entry((day, caller)).or_default();
        *(if allowed { yes } else { no }) += times;
    }
    let decisions =
        asked.into_iter().map(|((day, caller), (allowed, denied))| AskedCount { day, caller, allowed, denied });
    Ok(Summary { size: head.seq, checkpoint: head.checkpoint, events, decisions: decisions.collect() })
}

fn view(row: LeafRow) -> LeafView {
    LeafView {
        seq: row.seq,
        kind: row.kind,
        day: row.day,
        commitment: hex::encode(row.commitment),
        leaf_hash: hex::encode(row.stored_hash),
    }
}
