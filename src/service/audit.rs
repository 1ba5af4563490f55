//! The public log and the auditor's view of it. No personal data: kinds, days, commitments.

use serde::Serialize;

use super::{App, ServiceError};
use crate::domain::{Day, Seq};
use crate::limits;
use crate::store::LeafRow;

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
    /// After this place.
    pub after: Option<Seq>,
    /// At most so many.
    pub limit: Option<i64>,
}

impl App {
    /// The signed checkpoint over the whole log (C2SP).
    ///
    /// # Errors
    /// Only for the database.
    pub async fn checkpoint(&self) -> Result<String, ServiceError> {
        Ok(self.store.read_tx(&(), |tx, ()| Box::pin(tx.head())).await?.checkpoint)
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
        let rows = self.store.read_tx(&first, |tx, first| Box::pin(tx.leaves(*first, limits::LEAVES_MAX))).await?;
        Ok(rows.into_iter().map(view).collect())
    }

    /// Leaves by kind and day, for an auditor.
    ///
    /// # Errors
    /// For a limit out of bounds, and a kind that cannot be one.
    pub async fn audit_events(&self, query: &AuditQuery) -> Result<Vec<LeafView>, ServiceError> {
        let kind = query.kind.as_deref().unwrap_or("all");
        if kind.is_empty() || !kind.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
            return Err(ServiceError::invalid("kind", "the name of a kind, such as `granted`"));
        }
        let limit = query.limit.unwrap_or(limits::AUDIT_ROWS_MAX);
        if !(1..=limits::AUDIT_ROWS_MAX).contains(&limit) {
            return Err(ServiceError::invalid("limit", "1 to 1,000"));
        }
        let rows = self
            .store
            .read_tx(&(query, limit), |tx, (query, limit)| {
                let days = (query.from.unwrap_or(Day(0)), query.to.unwrap_or(Day(i64::MAX)));
                Box::pin(tx.audit_events(query.after.unwrap_or(Seq(0)), query.kind.as_deref(), days, *limit))
            })
            .await?;
        Ok(rows.into_iter().map(view).collect())
    }
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
