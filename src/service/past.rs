//! The log as it was: its checkpoint, and what had been recorded by then. No personal data.
//!
//! The checkpoint is signed anew. It says nothing but size and root, and a signature depends on nothing but what is signed, so it is the
//! one that was handed out then. It is signed only when the newest checkpoint, which was signed as the log grew, proves that the log had
//! this root.

use super::{App, ServiceError};
use crate::domain::{Day, Seq};
use crate::log::{consistency_proof, parse_vkey, root_of, sign, verify, verify_consistency};
use crate::mutant;
use crate::store::{Head, StoreError, Tx};

/// Up to where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// A place, that one included; 0 is before the first.
    Place(Seq),
    /// The end of a day, in UTC.
    Day(Day),
}

/// The log as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastLog {
    /// How many entries it had, which is the place of the last.
    pub size: Seq,
    /// Its checkpoint (C2SP).
    pub checkpoint: String,
    /// How many there were of each kind.
    pub kinds: Vec<(String, i64)>,
}

impl App {
    /// The log as it was at a place or at the end of a day.
    ///
    /// # Errors
    /// For a place that the log has not reached, and a day that has not begun.
    pub async fn past_log(&self, until: Until) -> Result<PastLog, ServiceError> {
        let input = (self, until);
        self.store.read_tx(&input, |tx, (app, until)| Box::pin(app.past_log_in(tx, *until))).await
    }

    async fn past_log_in(&self, tx: &mut Tx, until: Until) -> Result<PastLog, ServiceError> {
        let head = tx.head().await?;
        let ahead = || ServiceError::invalid("at", "a day that has begun, or a place that the log has reached");
        let size = match until {
            Until::Place(place) if (Seq(0)..=head.seq).contains(&place) => place,
            Until::Day(day) if day <= self.now().day() => tx.last_until(day).await?.unwrap_or(Seq(0)),
            Until::Place(_) | Until::Day(_) => return Err(ahead()),
        };
        let checkpoint = self.past_checkpoint(tx, &head, size).await?;
        Ok(PastLog { size, checkpoint, kinds: tx.kind_counts(size).await? })
    }

    async fn past_checkpoint(&self, tx: &mut Tx, head: &Head, size: Seq) -> Result<String, ServiceError> {
        let damaged = || StoreError::Corrupt("tree_node");
        let now = verify(&head.checkpoint, &parse_vkey(&self.log_vkey())?)?;
        let size = u64::try_from(size.0).map_err(|_| damaged())?;
        let nodes = self.nodes_for(tx, |node| {
            let _root = root_of(size, node)?;
            if size == 0 { Some(()) } else { consistency_proof(size, now.size, node).map(drop) }
        });
        let nodes = nodes.await?;
        let node = |level, place| nodes.get(&(level, place)).copied();
        let root = root_of(size, node).ok_or_else(damaged)?;
        if size > 0 && !mutant::on("past_is_signed_unproved") {
            let proof = consistency_proof(size, now.size, node).ok_or_else(damaged)?;
            verify_consistency((size, &root), (now.size, &now.root), &proof).map_err(|_| damaged())?;
        }
        Ok(sign(&self.origin, size, &root, &self.log_key))
    }
}
