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

/// What could not be told so far: how much, and since when the oldest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// `waiting` for another try, or `failed` for good.
    pub state: String,
    /// How many.
    pub count: i64,
    /// Since when the oldest of them.
    pub since: Micros,
}

/// How the service is, as far as it can tell itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Where the log ends.
    pub size: Seq,
    /// Where the checkpoint ends that is kept beside the database; nothing when there is none that can be read.
    pub kept: Option<Seq>,
    /// Mails that wait in the database.
    pub mails: i64,
    /// Since when the oldest of these, where that is known.
    pub mails_since: Option<Micros>,
    /// Mails that wait in the outbox folder to be fetched.
    pub mail_files: usize,
    /// Since when the oldest of these.
    pub mail_files_since: Option<Micros>,
    /// By state.
    pub failing: Vec<Failing>,
    /// By step.
    pub erasures: Vec<OpenErasures>,
    /// The time that the service goes by.
    pub now: Micros,
    /// How far the machine's clock is behind it, in microseconds.
    pub clock_behind: i64,
}

impl App {
    /// How the service is. That this is answered says that the database answers.
    ///
    /// # Errors
    /// For the database, and for an outbox that cannot be read.
    pub async fn health(&self) -> Result<Health, ServiceError> {
        let (mail_files, mail_files_since) = self.mail_files()?;
        let kept = self.kept_checkpoint().ok().flatten();
        let read = self.store.read_tx(&(), |tx, ()| {
            Box::pin(async move {
                let (failing, open) = (tx.failing_deliveries().await?, tx.count_open_jobs().await?);
                Ok::<_, ServiceError>((tx.head().await?.seq, tx.count_mails().await?, failing, open))
            })
        });
        let (size, (mails, mails_since), failing, open) = read.await?;
        Ok(Health {
            size,
            kept: kept.and_then(|kept| i64::try_from(kept.size).ok()).map(Seq),
            mails,
            mails_since,
            mail_files,
            mail_files_since,
            failing: failing.into_iter().map(|(state, count, since)| Failing { state, count, since }).collect(),
            erasures: open.into_iter().map(|(step, count, since)| OpenErasures { step, count, since }).collect(),
            now: self.now(),
            clock_behind: self.clock.stands_still_for(),
        })
    }

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
