//! What an act records, in as few messages to the database as it takes: the event, its leaf, the head, and how the person then stands.
//!
//! SQLite gets all of it at once: sqlx hands each message to a thread of its own, which costs more than most statements do.

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, Executor, Postgres};

use super::grants::{DELETE_GRANT, UPSERT_GRANT};
use super::people::{UPDATE_STANDING, adult_name};
use super::{EventRow, NodeRow, StoreError, Tx, sql};
use crate::domain::{Grant, Standing, Triple};

/// An event, the subtrees that it completes, and what it changes.
#[derive(Debug)]
pub struct Recorded<'a> {
    /// The event, at the place that was taken.
    pub event: &'a EventRow,
    /// The subtrees that its leaf completes.
    pub nodes: &'a [NodeRow],
    /// The tree's frontier after it.
    pub frontier: &'a [u8],
    /// The tree's checkpoint after it.
    pub checkpoint: &'a str,
    /// How the person stands after it, where that changed.
    pub standing: Option<&'a Standing>,
    /// Grants of the person that it ends, with everything that was derived under their lineage.
    pub ended: &'a [&'a Triple],
    /// Grants that it gives or renews. A row of an earlier lineage must be among those that it ends.
    pub granted: &'a [(&'a Triple, &'a Grant)],
}

sql! {
    INSERT_EVENT(6) = "INSERT INTO event (seq, kind, day, commitment, subject, body) VALUES ($1, $2, $3, $4, $5, $6)";
    ADVANCE_HEAD(2) = "UPDATE log_head SET seq = seq + 1, frontier = $1, checkpoint = $2 WHERE id = 0";
    INSERT_NODE(3) = "INSERT INTO tree_node (level, place, hash) VALUES ($1, $2, $3)";
}

const INSERT_NODES: &str = "INSERT INTO tree_node (level, place, hash) \
    SELECT * FROM unnest(CAST($9 AS BIGINT[]), CAST($10 AS BIGINT[]), CAST($11 AS BYTEA[]))";

/// The same statement when it is not the first of its message: its parameters follow those of the others.
pub(super) fn renumbered(sql: &str, before: usize) -> String {
    let mut parts = sql.split('$');
    let first = parts.next().unwrap_or_default().to_owned();
    let numbered = parts.map(|part| {
        let (number, rest) = part.split_at(part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len()));
        format!("${}{rest}", before + number.parse::<usize>().unwrap_or_default())
    });
    std::iter::once(first).chain(numbered).collect()
}

/// Binds what [`INSERT_EVENT`] and [`ADVANCE_HEAD`] take.
macro_rules! event {
    ($query:expr, $recorded:expr) => {
        $query
            .bind($recorded.event.seq.0)
            .bind($recorded.event.kind)
            .bind($recorded.event.day.0)
            .bind($recorded.event.commitment.as_slice())
            .bind($recorded.subject())
            .bind($recorded.event.body.as_deref())
            .bind($recorded.frontier)
            .bind($recorded.checkpoint)
    };
}

/// Binds what [`UPDATE_STANDING`] takes.
macro_rules! standing {
    ($query:expr, $subject:expr, $standing:expr) => {
        $query
            .bind($subject)
            .bind($standing.epoch)
            .bind(i64::from($standing.erased))
            .bind(i64::from($standing.held))
            .bind(i64::from($standing.suppressed))
            .bind(i64::from($standing.latched))
            .bind(adult_name($standing.adult))
            .bind($standing.assurance.as_str())
            .bind($standing.erase_due.map(|due| due.0))
    };
}

/// Binds the three names of a triple.
macro_rules! triple {
    ($query:expr, $subject:expr, $triple:expr) => {
        $query
            .bind($subject)
            .bind($triple.purpose.as_str())
            .bind($triple.source.as_str())
            .bind($triple.recipient.as_str())
    };
}

impl Recorded<'_> {
    fn subject(&self) -> Option<&[u8]> {
        self.event.subject.as_ref().map(|subject| subject.as_bytes().as_slice())
    }

    /// Everything in one message.
    fn sqlite_text(&self) -> String {
        let mut statements = vec![(INSERT_EVENT, 6), (ADVANCE_HEAD, 2)];
        statements.extend(self.nodes.iter().map(|_| (INSERT_NODE, 3)));
        statements.extend(self.standing.iter().map(|_| (UPDATE_STANDING, 9)));
        statements.extend(self.ended.iter().map(|_| (DELETE_GRANT, 4)));
        statements.extend(self.granted.iter().map(|_| (UPSERT_GRANT, 7)));
        let mut before = 0;
        let numbered = statements.into_iter().map(|(sql, parameters)| {
            let text = renumbered(sql, before);
            before += parameters;
            text
        });
        numbered.collect::<Vec<_>>().join("; ")
    }

    /// The parts of one statement do not see each other, so that grants, which may end and begin under one key, follow by themselves.
    fn postgres_text(&self) -> String {
        let head = renumbered(ADVANCE_HEAD, 6);
        let stands = self.standing.map(|_| format!(", stands AS ({})", renumbered(UPDATE_STANDING, 11)));
        let stands = stands.unwrap_or_default();
        format!("WITH added AS ({INSERT_EVENT}), advanced AS ({head}){stands} {INSERT_NODES}")
    }
}

impl Tx {
    /// Stores it all.
    pub async fn append(&mut self, recorded: &Recorded<'_>) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(t) => append_sqlite(t, recorded).await,
            Self::Postgres(t) => {
                append_postgres(t, recorded).await?;
                let Some(subject) = &recorded.event.subject else { return Ok(()) };
                for triple in recorded.ended {
                    self.delete_grant(subject, triple).await?;
                }
                for (triple, grant) in recorded.granted {
                    self.upsert_grant(subject, triple, grant).await?;
                }
                Ok(())
            }
        }
    }
}

async fn append_sqlite(c: &mut sqlx::SqliteConnection, recorded: &Recorded<'_>) -> Result<(), StoreError> {
    let subject = recorded.subject();
    let mut query = event!(sqlx::query(AssertSqlSafe(recorded.sqlite_text())), recorded);
    for node in recorded.nodes {
        query = query.bind(node.level).bind(node.place).bind(node.hash.as_slice());
    }
    if let Some(standing) = recorded.standing {
        query = standing!(query, subject, standing);
    }
    for triple in recorded.ended {
        query = triple!(query, subject, triple);
    }
    for (triple, grant) in recorded.granted {
        query = triple!(query, subject, triple);
        query = query.bind(grant.lineage.0).bind(grant.notice_version).bind(grant.valid_until.0);
    }
    let done: Vec<u64> = c.execute_many(query).map_ok(|done| done.rows_affected()).try_collect().await?;
    // A grant of another lineage was there, or the rest did not happen.
    let granted = done.len().checked_sub(recorded.granted.len()).and_then(|first| done.get(first..));
    if granted.is_some_and(|granted| granted.iter().all(|rows| *rows == 1)) {
        Ok(())
    } else {
        Err(StoreError::Corrupt("live_grant"))
    }
}

async fn append_postgres(
    t: &mut sqlx::Transaction<'static, Postgres>,
    recorded: &Recorded<'_>,
) -> Result<(), StoreError> {
    let nodes = recorded.nodes;
    let levels: Vec<i64> = nodes.iter().map(|node| node.level).collect();
    let places: Vec<i64> = nodes.iter().map(|node| node.place).collect();
    let hashes: Vec<&[u8]> = nodes.iter().map(|node| node.hash.as_slice()).collect();
    let mut query = event!(sqlx::query(AssertSqlSafe(recorded.postgres_text())), recorded);
    query = query.bind(levels).bind(places).bind(hashes);
    if let Some(standing) = recorded.standing {
        query = standing!(query, recorded.subject(), standing);
    }
    query.execute(&mut **t).await?;
    Ok(())
}
