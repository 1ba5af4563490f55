//! The head row, the events and the tree: the one order of everything.

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, Executor, FromRow};

use super::append::renumbered;
use super::{StoreError, Tx, WrappedKey, on, sql};
use crate::domain::{Day, Micros, Seq};
use crate::ids::Subject;

/// The head: how many events there are, the tree's frontier, its signed checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The last event.
    pub seq: Seq,
    /// Encoded compact range of the tree.
    pub frontier: Vec<u8>,
    /// Signed note over it.
    pub checkpoint: String,
    /// When the last event was recorded.
    pub recorded: Micros,
}

/// An event to store.
#[derive(Debug, Clone)]
pub struct EventRow {
    /// Its place.
    pub seq: Seq,
    /// The kind that the leaf shows.
    pub kind: &'static str,
    /// The day that the leaf shows.
    pub day: Day,
    /// What the leaf commits to.
    pub commitment: [u8; 32],
    /// Whose it is; nobody's for a caller without an account.
    pub subject: Option<Subject>,
    /// Nonce and body, sealed.
    pub body: Option<Vec<u8>>,
}

/// The public part of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafRow {
    /// Its place.
    pub seq: Seq,
    /// The kind.
    pub kind: String,
    /// The day.
    pub day: Day,
    /// The commitment.
    pub commitment: [u8; 32],
    /// The leaf's hash as it was stored in the tree.
    pub stored_hash: [u8; 32],
    /// Whose it is, for those who may know.
    pub subject: Option<Subject>,
    /// Nonce and body, sealed.
    pub body: Option<Vec<u8>>,
}

/// A complete subtree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRow {
    /// 0 for a leaf.
    pub level: i64,
    /// Which of its level.
    pub place: i64,
    /// Its hash.
    pub hash: [u8; 32],
}

sql! {
    INSERT_HEAD(2) = "INSERT INTO log_head (id, seq, frontier, checkpoint, recorded_us) VALUES (0, 0, $1, $2, 0) ON CONFLICT (id) DO NOTHING";
    READ_HEAD(0) = "SELECT seq, frontier, checkpoint, recorded_us FROM log_head WHERE id = 0";
    TAKE_HEAD(1) = "UPDATE log_head SET recorded_us = CASE WHEN recorded_us < $1 THEN $1 ELSE recorded_us END WHERE id = 0 RETURNING seq + 1, frontier, checkpoint, recorded_us";
    KEY_AND_EVENTS(1) = "SELECT k.ring_epoch, k.wrapped, e.seq, e.body FROM subject_key k LEFT JOIN event e ON e.subject = k.subject WHERE k.subject = $1 ORDER BY e.seq";
    EVENT(1) = "SELECT e.seq, e.kind, e.day, e.commitment, n.hash, e.subject, e.body FROM event e JOIN tree_node n ON n.level = 0 AND n.place = e.seq - 1 WHERE e.seq = $1";
    LEAVES(2) = "SELECT e.seq, e.kind, e.day, e.commitment, n.hash, e.subject, e.body FROM event e JOIN tree_node n ON n.level = 0 AND n.place = e.seq - 1 WHERE e.seq >= $1 ORDER BY e.seq LIMIT $2";
    AUDIT_EVENTS(5) = "SELECT e.seq, e.kind, e.day, e.commitment, n.hash, e.subject, e.body FROM event e JOIN tree_node n ON n.level = 0 AND n.place = e.seq - 1 WHERE e.seq > $1 AND (CAST($2 AS TEXT) IS NULL OR e.kind = $2) AND e.day >= $3 AND e.day <= $4 ORDER BY e.seq LIMIT $5";
    OWN_EVENTS(1) = "SELECT seq, body FROM event WHERE kind = $1 AND subject IS NULL AND body IS NOT NULL ORDER BY seq";
    OWN_WITHOUT_BODY(0) = "SELECT count(*) FROM event WHERE kind = 'notice_published' AND body IS NULL";
    EVENT_COUNTS(2) = "SELECT day, kind, count(*) FROM event WHERE day >= $1 AND day <= $2 GROUP BY day, kind ORDER BY day, kind";
    KIND_COUNTS(1) = "SELECT kind, count(*) FROM event WHERE seq <= $1 GROUP BY kind ORDER BY kind";
    LAST_UNTIL(1) = "SELECT seq FROM event WHERE day <= $1 ORDER BY seq DESC LIMIT 1";
    NODES(3) = "SELECT level, place, hash FROM tree_node WHERE level = $1 AND place >= $2 AND place <= $3 ORDER BY place";
    COUNT_NODES(0) = "SELECT count(*) FROM tree_node";
    COUNT_EVENTS(0) = "SELECT count(*) FROM event";
}

/// A person's key, and their events by place, sealed.
pub type KeyAndEvents = (WrappedKey, Vec<(Seq, Vec<u8>)>);

/// How an act of a person begins: with the place in the order that it takes, and what they said so far. Nothing for somebody unknown.
pub type Begun = (Head, Option<KeyAndEvents>);

type KeyAndEventColumns = (i64, Vec<u8>, Option<i64>, Option<Vec<u8>>);
type HeadColumns = (i64, Vec<u8>, String, i64);
type LeafColumns = (i64, String, i64, Vec<u8>, Vec<u8>, Option<Vec<u8>>, Option<Vec<u8>>);

fn head((seq, frontier, checkpoint, recorded): HeadColumns) -> Head {
    Head { seq: Seq(seq), frontier, checkpoint, recorded: Micros(recorded) }
}

fn leaf((seq, kind, day, commitment, hash, subject, body): LeafColumns) -> Result<LeafRow, StoreError> {
    Ok(LeafRow {
        seq: Seq(seq),
        kind,
        day: Day(day),
        commitment: commitment.try_into().map_err(|_| StoreError::Corrupt("event"))?,
        stored_hash: hash.try_into().map_err(|_| StoreError::Corrupt("tree_node"))?,
        subject: subject.map(Subject::try_from).transpose().map_err(|_| StoreError::Corrupt("event"))?,
        body,
    })
}

fn key_and_events(rows: Vec<KeyAndEventColumns>) -> Result<Option<KeyAndEvents>, StoreError> {
    let Some((epoch, bytes, ..)) = rows.first() else { return Ok(None) };
    let key = WrappedKey { epoch: *epoch, bytes: bytes.clone() };
    let mut events = Vec::with_capacity(rows.len());
    for (_, _, seq, body) in rows {
        let Some(seq) = seq else { continue }; // a key without any event
        events.push((Seq(seq), body.ok_or(StoreError::Corrupt("event"))?));
    }
    Ok(Some((key, events)))
}

type NodeColumns = (i64, i64, Vec<u8>);

fn node((level, place, hash): NodeColumns) -> Option<NodeRow> {
    Some(NodeRow { level, place, hash: hash.try_into().ok()? })
}

/// Followed by a list of pairs.
const NODES_AT: &str = "SELECT level, place, hash FROM tree_node WHERE (level, place) IN";

impl Tx {
    /// Makes the head of an empty log, unless there is one.
    pub async fn insert_head(&mut self, frontier: &[u8], checkpoint: &str) -> Result<(), StoreError> {
        on!(self, c => sqlx::query(INSERT_HEAD).bind(frontier).bind(checkpoint).execute(c).await.map(drop))?;
        Ok(())
    }

    /// The head as it is; nothing in a database that was never started.
    pub async fn first_head(&mut self) -> Result<Option<Head>, StoreError> {
        let row: Option<HeadColumns> = on!(self, c => sqlx::query_as(READ_HEAD).fetch_optional(c).await)?;
        Ok(row.map(head))
    }

    /// The head as it is.
    pub async fn head(&mut self) -> Result<Head, StoreError> {
        self.first_head().await?.ok_or(StoreError::Corrupt("log_head"))
    }

    /// Takes the next place in the order, and with it the right to write until the commit. Comes first in every act. The place is
    /// used up by [`Tx::append`], so that an act which finds that it has nothing to record leaves no gap.
    pub async fn take_head(&mut self, now: Micros) -> Result<Head, StoreError> {
        let row: Option<HeadColumns> = on!(self, c => sqlx::query_as(TAKE_HEAD).bind(now.0).fetch_optional(c).await)?;
        row.map(head).ok_or(StoreError::Corrupt("log_head"))
    }

    /// [`Tx::take_head`] and what [`Tx::key_and_events`] reads after it. On SQLite in one message, with the statements that come `before`.
    pub(super) async fn begin_act(
        &mut self,
        before: &'static str,
        (now, subject): (Micros, &Subject),
    ) -> Result<Begun, StoreError> {
        let Self::Sqlite(t) = self else {
            if !before.is_empty() {
                on!(self, c => sqlx::raw_sql(before).execute(c).await.map(drop))?;
            }
            return Ok((self.take_head(now).await?, self.key_and_events(subject).await?));
        };
        let all = format!("{before}; {TAKE_HEAD}; {}", renumbered(KEY_AND_EVENTS, 1));
        let all = sqlx::query(AssertSqlSafe(all)).bind(now.0).bind(subject.as_bytes().as_slice());
        let (mut taken, mut events, mut answers) = (None, Vec::new(), t.fetch_many(all));
        while let Some(answer) = answers.try_next().await? {
            match answer.right() {
                Some(row) if taken.is_none() => taken = Some(head(FromRow::from_row(&row)?)),
                Some(row) => events.push(FromRow::from_row(&row)?),
                None => {}
            }
        }
        Ok((taken.ok_or(StoreError::Corrupt("log_head"))?, key_and_events(events)?))
    }

    /// A person's key, and their events in order, sealed; nothing for an unknown person.
    pub async fn key_and_events(&mut self, subject: &Subject) -> Result<Option<KeyAndEvents>, StoreError> {
        key_and_events(on!(self, c =>
            sqlx::query_as(KEY_AND_EVENTS).bind(subject.as_bytes().as_slice()).fetch_all(c).await)?)
    }

    /// One event.
    pub async fn event(&mut self, seq: Seq) -> Result<Option<LeafRow>, StoreError> {
        let row: Option<LeafColumns> = on!(self, c => sqlx::query_as(EVENT).bind(seq.0).fetch_optional(c).await)?;
        row.map(leaf).transpose()
    }

    /// Leaves from a place on.
    pub async fn leaves(&mut self, from: Seq, limit: i64) -> Result<Vec<LeafRow>, StoreError> {
        let rows: Vec<LeafColumns> = on!(self, c =>
            sqlx::query_as(LEAVES).bind(from.0).bind(limit).fetch_all(c).await)?;
        rows.into_iter().map(leaf).collect()
    }

    /// The same for verification. What has not its length is shown as zeros, which no row of the service has, so that it is found
    /// and does not end the search.
    pub async fn leaves_as_found(&mut self, from: Seq, limit: i64) -> Result<Vec<LeafRow>, StoreError> {
        let rows: Vec<LeafColumns> = on!(self, c =>
            sqlx::query_as(LEAVES).bind(from.0).bind(limit).fetch_all(c).await)?;
        let as_found = |(seq, kind, day, commitment, hash, subject, body): LeafColumns| LeafRow {
            seq: Seq(seq),
            kind,
            day: Day(day),
            commitment: commitment.try_into().unwrap_or_default(),
            stored_hash: hash.try_into().unwrap_or_default(),
            subject: subject.map(|subject| Subject::try_from(subject).unwrap_or(Subject::new([0; 16]))),
            body,
        };
        Ok(rows.into_iter().map(as_found).collect())
    }

    /// Leaves after a place, of one kind or all, between two days, both included.
    pub async fn audit_events(
        &mut self,
        after: Seq,
        kind: Option<&str>,
        days: (Day, Day),
        limit: i64,
    ) -> Result<Vec<LeafRow>, StoreError> {
        let rows: Vec<LeafColumns> = on!(self, c => sqlx::query_as(AUDIT_EVENTS).bind(after.0).bind(kind)
            .bind(days.0.0).bind(days.1.0).bind(limit).fetch_all(c).await)?;
        rows.into_iter().map(leaf).collect()
    }

    /// What the service itself did of one kind, sealed, in order.
    pub async fn own_events(&mut self, kind: &str) -> Result<Vec<(Seq, Vec<u8>)>, StoreError> {
        let rows: Vec<(i64, Vec<u8>)> = on!(self, c => sqlx::query_as(OWN_EVENTS).bind(kind).fetch_all(c).await)?;
        Ok(rows.into_iter().map(|(seq, body)| (Seq(seq), body)).collect())
    }

    /// How many notices were published whose event cannot be opened.
    pub async fn own_events_without_body(&mut self) -> Result<i64, StoreError> {
        Ok(on!(self, c => sqlx::query_scalar(OWN_WITHOUT_BODY).fetch_one(c).await)?)
    }

    /// How many events of each kind there are on each day between two, both included.
    pub async fn event_counts(&mut self, days: (Day, Day)) -> Result<Vec<(Day, String, i64)>, StoreError> {
        let rows: Vec<(i64, String, i64)> = on!(self, c =>
            sqlx::query_as(EVENT_COUNTS).bind(days.0.0).bind(days.1.0).fetch_all(c).await)?;
        Ok(rows.into_iter().map(|(day, kind, times)| (Day(day), kind, times)).collect())
    }

    /// How many events of each kind there are up to a place.
    pub async fn kind_counts(&mut self, until: Seq) -> Result<Vec<(String, i64)>, StoreError> {
        Ok(on!(self, c => sqlx::query_as(KIND_COUNTS).bind(until.0).fetch_all(c).await)?)
    }

    /// The last event that its leaf shows on a day or before it; none before the first.
    pub async fn last_until(&mut self, day: Day) -> Result<Option<Seq>, StoreError> {
        let seq: Option<i64> = on!(self, c => sqlx::query_scalar(LAST_UNTIL).bind(day.0).fetch_optional(c).await)?;
        Ok(seq.map(Seq))
    }

    /// The complete subtrees of one level, from one place to another, both included. One that is no hash is not there.
    pub async fn nodes(&mut self, level: i64, first: i64, last: i64) -> Result<Vec<NodeRow>, StoreError> {
        let rows: Vec<NodeColumns> = on!(self, c =>
            sqlx::query_as(NODES).bind(level).bind(first).bind(last).fetch_all(c).await)?;
        Ok(rows.into_iter().filter_map(node).collect())
    }

    /// Complete subtrees by their levels and places, however far apart; those that are stored, in no order. In one statement: a proof has as
    /// many as the log has doublings.
    pub async fn nodes_at(&mut self, places: &[(i64, i64)]) -> Result<Vec<NodeRow>, StoreError> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        // Numbers alone, so that they can stand in the text. It is another text for each proof, so it is not kept prepared.
        let listed: Vec<String> = places.iter().map(|(level, place)| format!("({level}, {place})")).collect();
        let text = format!("{NODES_AT} (VALUES {})", listed.join(", "));
        let rows: Vec<NodeColumns> = on!(self, c =>
            sqlx::query_as(AssertSqlSafe(text)).persistent(false).fetch_all(c).await)?;
        Ok(rows.into_iter().filter_map(node).collect())
    }

    /// How many complete subtrees are stored.
    pub async fn count_nodes(&mut self) -> Result<i64, StoreError> {
        Ok(on!(self, c => sqlx::query_scalar(COUNT_NODES).fetch_one(c).await)?)
    }

    /// How many events there are; the head says how many there must be.
    pub async fn count_events(&mut self) -> Result<i64, StoreError> {
        Ok(on!(self, c => sqlx::query_scalar(COUNT_EVENTS).fetch_one(c).await)?)
    }
}
