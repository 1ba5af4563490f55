//! The certificate of an erasure. There is no way to write one but from the counts of a read-back that found nothing left.

use std::collections::BTreeMap;

use super::{App, ServiceError};
use crate::datamap::Count;
use crate::domain::{Act, Micros};
use crate::store::{JobRow, StoreError, Tx};

/// Every table, of the service and of the score stores concerned, was looked at after the removal, and nothing was found. Only
/// [`App::read_back`] makes one.
#[derive(Debug)]
pub(super) struct ReadBack(BTreeMap<String, u64>);

/// What a certificate says.
#[derive(Debug)]
pub(super) struct Certificate(Act);

impl Certificate {
    pub(super) fn new(
        job: &JobRow,
        read_back: &ReadBack,
        told: BTreeMap<String, String>,
        kept: BTreeMap<String, String>,
        unreadable_after: Micros,
    ) -> Result<Self, ServiceError> {
        Ok(Self(Act::ErasureCompleted {
            reference: job.reference.to_string(),
            started: job.started,
            removed: serde_json::from_str(&job.removed)?,
            unlinked: serde_json::from_str(&job.events)?,
            left: read_back.0.clone(),
            kept,
            told,
            unreadable_after: Some(unreadable_after),
        }))
    }

    pub(super) fn into_act(self) -> Act {
        self.0
    }
}

impl App {
    /// Fails while anything is left, so that the job stays open. Of somebody who was nobody there is nothing to look for.
    pub(super) async fn read_back(&self, job: &JobRow) -> Result<ReadBack, ServiceError> {
        let Some(subject) = self.whose(job)? else { return Ok(ReadBack(BTreeMap::new())) };
        let mut left = self.read_stores_back(job).await?;
        let counts = self.datamap.counts();
        self.store
            .read_tx(&(&counts, subject), |tx, (counts, subject)| {
                Box::pin(async move { must_be_gone(tx, counts, &[subject.as_bytes()]).await })
            })
            .await?;
        left.extend(counts.into_iter().map(|count| (count.table, 0)));
        Ok(ReadBack(left))
    }
}

/// Fails when a row is still there.
pub(super) async fn must_be_gone(tx: &mut Tx, counts: &[Count], owners: &[&[u8]]) -> Result<(), ServiceError> {
    let left = tx.count(counts, owners).await?;
    if left.len() == counts.len() * owners.len() && left.iter().all(|rows| *rows == 0) {
        Ok(())
    } else {
        Err(StoreError::Corrupt("erasure: the read-back found a row").into())
    }
}
