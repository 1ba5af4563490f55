//! Score stores in exports and erasures: databases of others, cleared before an erasure has its certificate.
//!
//! An erasure that concerns a store has a row for it from the transaction that fences on. Each store is worked on by itself: one that
//! is down or hangs holds up no other store and no erasure that does not concern it. What is found is written down before it is deleted,
//! so that a crash in between loses no number. A failure is tried again after 5 seconds up to an hour, for ever.
//!
//! Nothing is read for an export and nothing is deleted in a store before its declaration was proved in this process. One that proves
//! to be false stops a start; when the store was down at the start, and only then, the service runs and the store waits.
//!
//! Those erasures are certified here and not with the others: directly before the certificate every store is read back once more, and
//! a store that hangs then must not hold up the worker. An erasure without stores never waits for this.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use tokio::task::JoinSet;

use super::proving::{ScoreStore, StoreFailure};
use super::{App, ServiceError};
use crate::domain::Micros;
use crate::ids::{Pairwise, Reference};
use crate::mutant::{self, crash};
use crate::store::outside::{Counts, OutsideError};
use crate::store::{JobRow, NameHolder, OpenJobs, StoreErasureRow, StoreError, Tx};

/// The longest wait between two tries, in seconds.
const WAIT_SECONDS_MAX: i64 = 3_600;
/// What is cleared in one store, or certified, in one go.
const BATCH: i64 = 50;

/// How far an erasure is in one score store.
#[derive(Debug, Clone, Serialize)]
pub struct StoreView {
    /// Its declared name.
    pub store: String,
    /// `waiting`, or `cleared`: rows deleted and read back.
    pub state: &'static str,
    /// How often it was tried in vain.
    pub tries: i64,
    /// When it is tried next, in microseconds since 1970.
    pub next_us: Option<Micros>,
}

impl From<StoreErasureRow> for StoreView {
    fn from(row: StoreErasureRow) -> Self {
        let state = if row.cleared.is_some() { "cleared" } else { "waiting" };
        Self { store: row.store, state, tries: row.tries, next_us: row.next }
    }
}

impl App {
    /// Queues the clearing of every store whose recipient has a name for the person. Says whether there is any.
    pub(super) async fn queue_stores(
        &self,
        tx: &mut Tx,
        names: &[(String, Pairwise)],
        job: Reference,
    ) -> Result<bool, ServiceError> {
        let mut concerns_any = false;
        for store in self.score_stores.all() {
            let Some(pairwise) = store.name_for(names) else { continue };
            let row = StoreErasureRow {
                job,
                store: store.name().into(),
                pairwise: Some(self.seal_name(NameHolder::ScoreStore, job.as_bytes(), pairwise.as_bytes())?),
                found: "{}".into(),
                removed: "{}".into(),
                tries: 0,
                next: Some(self.now()),
                cleared: None,
            };
            tx.insert_store_erasure(&row).await?;
            concerns_any = true;
        }
        Ok(concerns_any)
    }

    /// Clears what is due in all stores at once, then certifies what waits for none any more.
    ///
    /// # Errors
    /// For the database, and for what could not be certified; a store that does not answer is no error.
    pub async fn run_stores(self: &Arc<Self>) -> Result<(), ServiceError> {
        let mut tending = JoinSet::new();
        for store in self.stores_due().await? {
            let app = Arc::clone(self);
            tending.spawn(async move { app.tend_store(&store).await });
        }
        let outcome = all(tending).await;
        outcome.and(self.certify_cleared().await)
    }

    /// Stores in which something is to be cleared now, and those whose declaration is to be proved now.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn stores_due(&self) -> Result<BTreeSet<String>, ServiceError> {
        let now = self.now();
        let mut due = self.score_stores.to_prove(now);
        due.extend(self.store.read_tx(&now, |tx, now| Box::pin(tx.due_stores(*now))).await?);
        Ok(due)
    }

    /// Proves one store's declaration if it was not yet, and clears what is due in it.
    ///
    /// # Errors
    /// Only for the database; what a store does not do is logged and tried again.
    pub async fn tend_store(&self, name: &str) -> Result<(), ServiceError> {
        let now = self.now();
        let due =
            self.store.read_tx(&(name, now), |tx, (name, now)| Box::pin(tx.due_in_store(name, *now, BATCH))).await?;
        let store = match self.score_store_to_prove(name).await {
            Err(ServiceError::ScoreStore(failure)) => return self.postpone(&failure, &due, now).await,
            other => other?,
        };
        for row in due {
            match self.clear(&store, row.clone()).await {
                Err(ServiceError::ScoreStore(failure)) if failure.is_down() => {
                    return self.postpone(&failure, &[row], now).await;
                }
                Err(error) if matches!(error, ServiceError::ScoreStore(_)) || error.is_damage() => {
                    self.wait_again(&error, &row).await?;
                }
                other => other?,
            }
        }
        Ok(())
    }

    /// Whatever is due in the store waits, as long as what was tried least.
    async fn postpone(&self, failure: &StoreFailure, due: &[StoreErasureRow], now: Micros) -> Result<(), ServiceError> {
        tracing::warn!(%failure, waiting = due.len(), "a score store waits; it is tried again");
        let Some(tries) = due.iter().map(|row| row.tries).min() else { return Ok(()) };
        let next = self.now().plus_seconds(super::deliveries::wait_seconds(tries + 1, WAIT_SECONDS_MAX));
        let input = (&failure.store, now, next);
        Ok(self.store.run_tx(&input, |tx, (store, now, next)| Box::pin(tx.postpone_store(store, *now, *next))).await?)
    }

    /// One erasure waits for the store, also one that had been cleared. What was written down since `row` was read stays.
    async fn wait_again(&self, error: &ServiceError, row: &StoreErasureRow) -> Result<(), ServiceError> {
        let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
        tracing::warn!(store = row.store, %error, cause, "an erasure waits for a score store; it is tried again");
        let next = self.now().plus_seconds(super::deliveries::wait_seconds(row.tries + 1, WAIT_SECONDS_MAX));
        let input = (&row.job, &row.store, next);
        Ok(self.store.run_tx(&input, |tx, (job, store, next)| Box::pin(tx.wait_for_store(job, store, *next))).await?)
    }

    fn name_in_store(&self, row: &StoreErasureRow) -> Result<Pairwise, ServiceError> {
        let sealed = row.pairwise.as_deref().ok_or(StoreError::Corrupt("store_erasure"))?;
        Ok(Pairwise::new(self.open_name(NameHolder::ScoreStore, row.job.as_bytes(), sealed)?))
    }

    async fn keep_store_row(&self, row: &StoreErasureRow) -> Result<(), ServiceError> {
        Ok(self.store.run_tx(row, |tx, row| Box::pin(tx.update_store_erasure(row))).await?)
    }

    /// Counted, written down, deleted, read back, written down.
    async fn clear(&self, store: &ScoreStore, row: StoreErasureRow) -> Result<(), ServiceError> {
        let id = self.name_in_store(&row)?;
        let failed = |why| StoreFailure::new(store.name(), why);
        let (found, removed) = tally(&row)?;
        let (found, removed) = counted(&found, removed, store.outside.count(&id).await.map_err(failed)?);
        let row = noted(row, &found, &removed)?;
        self.keep_store_row(&row).await?;
        crash("store_counted");
        let deleted = store.outside.delete(&id).await.map_err(failed)?;
        crash("store_deleted");
        must_be_empty(store, &id).await?;
        crash("store_read_back");
        // As it stands now: rows that could not be deleted before count once.
        let row = noted(row, &Counts::new(), &gone(&found, removed, &deleted))?;
        self.keep_store_row(&StoreErasureRow { next: None, cleared: Some(self.now()), ..row }).await?;
        crash("store_cleared");
        Ok(())
    }

    /// Certifies erasures that concern stores and wait for none any more, all at once.
    ///
    /// # Errors
    /// The first failure; what was not certified is, at a later try.
    pub async fn certify_cleared(self: &Arc<Self>) -> Result<(), ServiceError> {
        let (removed, mut outcome) = self.remove_in_turn(OpenJobs::Cleared).await?;
        if removed.is_empty() {
            return outcome;
        }
        self.store.storage_pass().await?;
        let mut finishing = JoinSet::new();
        for job in removed {
            let app = Arc::clone(self);
            finishing.spawn(async move { app.finish(job).await });
        }
        outcome = outcome.and(all(finishing).await);
        self.store.empty_write_ahead_log().await?;
        outcome
    }

    /// Reads every store of an erasure back once more. The first that is not empty, or not to be read, waits again, and the error says so.
    pub(super) async fn read_stores_back(&self, job: &JobRow) -> Result<Counts, ServiceError> {
        let rows = self.store.read_tx(&job.reference, |tx, job| Box::pin(stores_of(tx, job))).await?;
        let mut left = Counts::new();
        for row in rows {
            match self.read_store_back(&row).await {
                Ok(counts) => left.extend(counts),
                Err(error) => {
                    if matches!(error, ServiceError::ScoreStore(_)) {
                        self.wait_again(&error, &row).await?;
                    }
                    return Err(error);
                }
            }
        }
        crash("store_read_back_again");
        Ok(left)
    }

    async fn read_store_back(&self, row: &StoreErasureRow) -> Result<Counts, ServiceError> {
        let store = self.score_store(&row.store)?;
        must_be_empty(&store, &self.name_in_store(row)?).await?;
        let tables = &store.outside.declared().table;
        Ok(tables.iter().map(|table| (format!("{}/{}", row.store, table.name), 0)).collect())
    }
}

/// The stores of an erasure, as everybody asks for them who decides whether it may be certified.
pub(super) async fn stores_of(tx: &mut Tx, job: &Reference) -> Result<Vec<StoreErasureRow>, StoreError> {
    if mutant::on("certificate_ignores_stores") {
        return Ok(Vec::new());
    }
    tx.stores_of_job(job).await
}

/// What went from the tables of the service, and from those of its stores as `store/table`.
pub(super) fn all_removed(removed: &str, stores: &[StoreErasureRow]) -> Result<String, ServiceError> {
    let mut all: Counts = serde_json::from_str(removed)?;
    for row in stores {
        let (_, removed) = tally(row)?;
        all.extend(removed.into_iter().map(|(table, rows)| (format!("{}/{table}", row.store), rows)));
    }
    Ok(serde_json::to_string(&all)?)
}

async fn must_be_empty(store: &ScoreStore, id: &Pairwise) -> Result<(), ServiceError> {
    if mutant::on("store_read_back_skipped") {
        return Ok(());
    }
    let counts = store.outside.count(id).await.map_err(|why| StoreFailure::new(store.name(), why))?;
    match counts.into_iter().find(|(_, rows)| *rows != 0) {
        Some((table, _)) => {
            let what = OutsideError::Lies(format!("table `{table}` still has a row that was deleted"));
            Err(StoreFailure::new(store.name(), what).into())
        }
        None => Ok(()),
    }
}

async fn all(mut tasks: JoinSet<Result<(), ServiceError>>) -> Result<(), ServiceError> {
    let mut outcome = Ok(());
    while let Some(done) = tasks.join_next().await {
        outcome = outcome.and(done.map_err(|e| ServiceError::Broken(e.into())).and_then(|done| done));
    }
    outcome
}

/// What was found and is not yet seen to be gone, and what went.
fn tally(row: &StoreErasureRow) -> Result<(Counts, Counts), ServiceError> {
    Ok((serde_json::from_str(&row.found)?, serde_json::from_str(&row.removed)?))
}

fn noted(row: StoreErasureRow, found: &Counts, removed: &Counts) -> Result<StoreErasureRow, ServiceError> {
    Ok(StoreErasureRow { found: serde_json::to_string(found)?, removed: serde_json::to_string(removed)?, ..row })
}

/// Before a deletion: what an earlier one that was cut off had found, and is there no more, went.
fn counted(found: &Counts, mut removed: Counts, now: Counts) -> (Counts, Counts) {
    for (table, before) in found {
        let rows = now.get(table).copied().unwrap_or_default();
        *removed.entry(table.clone()).or_default() += before.saturating_sub(rows);
    }
    (now, removed)
}

/// After a read-back that found nothing: what was found went, and what came between counting and deleting. A row that went with
/// another, by the store's own foreign keys, is in `found` alone.
fn gone(found: &Counts, mut removed: Counts, deleted: &BTreeMap<String, u64>) -> Counts {
    for (table, before) in found {
        let rows = deleted.get(table).copied().unwrap_or_default().max(*before);
        *removed.entry(table.clone()).or_default() += rows;
    }
    removed
}
