//! The service as a whole, for whoever runs it: sums, and nobody in them.

use super::{App, ServiceError};
use crate::domain::{Micros, Purpose, Seq};

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
    pub undelivered: usize,
    /// What waits for the answer of a human.
    pub contests: usize,
}

impl App {
    /// What goes on in the whole service.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn overview(&self) -> Result<Overview, ServiceError> {
        let (undelivered, contests) = (self.undelivered().await?.len(), self.open_contests().await?.len());
        let read = self.store.read_tx(&(), |tx, ()| {
            Box::pin(async move { Ok::<_, ServiceError>((tx.head().await?.seq, tx.count_open_jobs().await?)) })
        });
        let (size, open) = read.await?;
        let erasures = open.into_iter().map(|(step, count, since)| OpenErasures { step, count, since }).collect();
        Ok(Overview { size, erasures, undelivered, contests })
    }

    /// How many grants stand on notices of a purpose: so many decisions a material new one asks for anew.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn grants_for(&self, purpose: &Purpose) -> Result<i64, ServiceError> {
        self.store
            .read_tx(purpose, |tx, purpose| {
                Box::pin(async move { Ok::<_, ServiceError>(tx.count_grants(purpose).await?) })
            })
            .await
    }
}
