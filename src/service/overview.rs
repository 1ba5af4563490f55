//! The service as a whole, for whoever runs it: sums, and nobody in them.

use super::{App, ServiceError};
use crate::domain::{Micros, Purpose, Seq};
use crate::limits;

/// Erasures that are not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenErasures {
    /// How far.
    pub step: String,
    /// How many.
    pub count: i64,
    /// Since when the oldest of them.
    pub since: Micros,
}

/// What goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// How many events the log has.
    pub size: Seq,
    /// By step.
    pub erasures: Vec<OpenErasures>,
    /// What recipients could not be told so far.
    pub undelivered: i64,
    /// What waits for the answer of a human.
    pub contests: i64,
}

impl App {
    /// What goes on in the whole service.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn overview(&self) -> Result<Overview, ServiceError> {
        let read = self.store.read_tx(&(), |tx, ()| {
            Box::pin(async move {
                let open = tx.count_open_jobs().await?.into_iter();
                Ok(Overview {
                    size: tx.head().await?.seq,
                    erasures: open.map(|(step, count, since)| OpenErasures { step, count, since }).collect(),
                    undelivered: tx.count_open_deliveries().await?,
                    contests: tx.count_open_contests().await?,
                })
            })
        });
        read.await
    }

    /// How many grants for a purpose still count: so many decisions a material notice asks for anew.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn grants_for(&self, purpose: &Purpose) -> Result<i64, ServiceError> {
        let valid_after = self.now().plus_seconds(limits::EXPIRY_MARGIN_SECONDS);
        Ok(self
            .store
            .read_one(&(purpose, valid_after), |tx, (purpose, after)| Box::pin(tx.count_grants(purpose, *after)))
            .await?)
    }
}
