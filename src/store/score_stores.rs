//! Which score stores an erasure has still to clear, and what went from those it cleared.

use super::{StoreError, Tx, on, sql};
use crate::domain::Micros;
use crate::ids::Reference;

/// One score store in one erasure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreErasureRow {
    /// The erasure.
    pub job: Reference,
    /// The declared name of the store.
    pub store: String,
    /// What the store calls the person, sealed; nothing once the erasure is done.
    pub pairwise: Option<Vec<u8>>,
    /// Rows that were counted and not yet seen to be gone, by table, as JSON.
    pub found: String,
    /// Rows that went, by table, as JSON.
    pub removed: String,
    /// How often it was tried in vain.
    pub tries: i64,
    /// When it is tried next.
    pub next: Option<Micros>,
    /// When it was read back and nothing was found.
    pub cleared: Option<Micros>,
}

sql! {
    INSERT_STORE_ERASURE(8) = "INSERT INTO store_erasure (job, store, pairwise, found, removed, tries, next_us, cleared_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    UPDATE_STORE_ERASURE(7) = "UPDATE store_erasure SET found = $3, removed = $4, tries = $5, next_us = $6, cleared_us = $7 WHERE job = $1 AND store = $2";
    STORES_OF_JOB(1) = "SELECT job, store, pairwise, found, removed, tries, next_us, cleared_us FROM store_erasure WHERE job = $1 ORDER BY store";
    DUE_STORES(1) = "SELECT DISTINCT store FROM store_erasure WHERE next_us <= $1 ORDER BY store";
    DUE_IN_STORE(3) = "SELECT job, store, pairwise, found, removed, tries, next_us, cleared_us FROM store_erasure WHERE store = $1 AND next_us <= $2 ORDER BY next_us, job LIMIT $3";
    POSTPONE_STORE(3) = "UPDATE store_erasure SET tries = tries + 1, next_us = $3 WHERE store = $1 AND next_us <= $2";
    WAIT_FOR_STORE(3) = "UPDATE store_erasure SET tries = tries + 1, next_us = $3, cleared_us = NULL WHERE job = $1 AND store = $2";
    LET_GO(1) = "UPDATE store_erasure SET pairwise = NULL WHERE job = $1";
}

type Columns = (Vec<u8>, String, Option<Vec<u8>>, String, String, i64, Option<i64>, Option<i64>);

fn store_erasure(row: Columns) -> Result<StoreErasureRow, StoreError> {
    let bad = || StoreError::Corrupt("store_erasure");
    let (job, store, pairwise, found, removed, tries, next, cleared) = row;
    Ok(StoreErasureRow {
        job: job.try_into().map_err(|_| bad())?,
        store,
        pairwise,
        found,
        removed,
        tries,
        next: next.map(Micros),
        cleared: cleared.map(Micros),
    })
}

impl Tx {
    /// Stores that a score store is to be cleared.
    pub async fn insert_store_erasure(&mut self, row: &StoreErasureRow) -> Result<(), StoreError> {
        on!(self, c => sqlx::query(INSERT_STORE_ERASURE).bind(row.job.as_bytes().as_slice()).bind(row.store.as_str())
            .bind(row.pairwise.as_deref()).bind(row.found.as_str()).bind(row.removed.as_str()).bind(row.tries).bind(row.next.map(|next| next.0))
            .bind(row.cleared.map(|cleared| cleared.0)).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Stores how far it is. Whose it is stays.
    pub async fn update_store_erasure(&mut self, row: &StoreErasureRow) -> Result<(), StoreError> {
        on!(self, c => sqlx::query(UPDATE_STORE_ERASURE).bind(row.job.as_bytes().as_slice()).bind(row.store.as_str())
            .bind(row.found.as_str()).bind(row.removed.as_str()).bind(row.tries).bind(row.next.map(|next| next.0))
            .bind(row.cleared.map(|cleared| cleared.0)).execute(c).await.map(drop))?;
        Ok(())
    }

    /// The score stores that an erasure concerns.
    pub async fn stores_of_job(&mut self, job: &Reference) -> Result<Vec<StoreErasureRow>, StoreError> {
        let rows: Vec<Columns> = on!(self, c =>
            sqlx::query_as(STORES_OF_JOB).bind(job.as_bytes().as_slice()).fetch_all(c).await)?;
        rows.into_iter().map(store_erasure).collect()
    }

    /// Which score stores are to be tried now.
    pub async fn due_stores(&mut self, now: Micros) -> Result<Vec<String>, StoreError> {
        Ok(on!(self, c => sqlx::query_scalar(DUE_STORES).bind(now.0).fetch_all(c).await)?)
    }

    /// What is to be cleared in one of them now.
    pub async fn due_in_store(
        &mut self,
        store: &str,
        now: Micros,
        limit: i64,
    ) -> Result<Vec<StoreErasureRow>, StoreError> {
        let rows: Vec<Columns> = on!(self, c =>
            sqlx::query_as(DUE_IN_STORE).bind(store).bind(now.0).bind(limit).fetch_all(c).await)?;
        rows.into_iter().map(store_erasure).collect()
    }

    /// Everything that is due in a score store was tried in vain, and is tried again then.
    pub async fn postpone_store(&mut self, store: &str, now: Micros, next: Micros) -> Result<(), StoreError> {
        on!(self, c => sqlx::query(POSTPONE_STORE).bind(store).bind(now.0).bind(next.0).execute(c).await.map(drop))?;
        Ok(())
    }

    /// One erasure was tried in vain in a score store, or found a row after it was cleared, and is tried again then. What was counted stays.
    pub async fn wait_for_store(&mut self, job: &Reference, store: &str, next: Micros) -> Result<(), StoreError> {
        on!(self, c => sqlx::query(WAIT_FOR_STORE).bind(job.as_bytes().as_slice()).bind(store).bind(next.0)
            .execute(c).await.map(drop))?;
        Ok(())
    }

    /// The erasure is done: nothing says any more whose it was.
    pub async fn let_go_of_store_names(&mut self, job: &Reference) -> Result<(), StoreError> {
        on!(self, c => sqlx::query(LET_GO).bind(job.as_bytes().as_slice()).execute(c).await.map(drop))?;
        Ok(())
    }
}
