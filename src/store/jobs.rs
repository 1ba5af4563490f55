//! Erasure jobs: where each stands, so that a crash at any moment is taken up again.

use super::{StoreError, Tx, on, sql};
use crate::domain::Micros;
use crate::ids::Reference;

/// How far an erasure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobStep {
    /// Denied everywhere; the rows are still there.
    Fenced,
    /// The rows and the key are gone; the storage still has to be swept and read back.
    Removed,
    /// Read back: nothing is left but what the data map keeps, with its reason.
    Done,
}

impl JobStep {
    /// The name on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fenced => "fenced",
            Self::Removed => "removed",
            Self::Done => "done",
        }
    }
}

/// Which of the jobs that are not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenJobs {
    /// Whose own rows are there, and what concerns no score store.
    Own,
    /// Whose own rows are gone, which concern score stores, and which wait for none any more.
    Cleared,
}

/// Where a job stands among all: since when it runs, and its reference.
pub type JobPlace = (Micros, Reference);

/// An erasure.
#[derive(Debug, Clone)]
pub struct JobRow {
    /// How it is asked for.
    pub reference: Reference,
    /// Whose, sealed; nobody's once it is done, or when nothing was held.
    pub subject: Option<Vec<u8>>,
    /// Slow digest of the address, for asking years later.
    pub digest: Option<[u8; 16]>,
    /// How far.
    pub step: JobStep,
    /// Since when.
    pub started: Micros,
    /// Until when.
    pub finished: Option<Micros>,
    /// Rows removed by table, as JSON.
    pub removed: String,
    /// Events unlinked by kind, as JSON.
    pub events: String,
    /// The receipt of its end, once it is done.
    pub certificate: Option<String>,
}

sql! {
    INSERT_JOB(8) = "INSERT INTO erasure_job (reference, subject, digest, step, started_us, finished_us, removed, events) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    UPDATE_JOB(7) = "UPDATE erasure_job SET subject = CASE WHEN $2 = 1 THEN subject END, step = $3, finished_us = $4, removed = $5, events = $6, certificate = $7 WHERE reference = $1 AND finished_us IS NULL";
    READ_JOB(1) = "SELECT reference, subject, digest, step, started_us, finished_us, removed, events, certificate FROM erasure_job WHERE reference = $1";
    OPEN_JOBS(3) = "SELECT reference, subject, digest, step, started_us, finished_us, removed, events, certificate FROM erasure_job WHERE finished_us IS NULL AND (step = 'fenced' OR NOT EXISTS (SELECT 1 FROM store_erasure s WHERE s.job = reference)) AND (started_us > $1 OR (started_us = $1 AND reference > $2)) ORDER BY started_us, reference LIMIT $3";
    CLEARED_JOBS(3) = "SELECT reference, subject, digest, step, started_us, finished_us, removed, events, certificate FROM erasure_job WHERE finished_us IS NULL AND step = 'removed' AND EXISTS (SELECT 1 FROM store_erasure s WHERE s.job = reference) AND NOT EXISTS (SELECT 1 FROM store_erasure s WHERE s.job = reference AND s.cleared_us IS NULL) AND (started_us > $1 OR (started_us = $1 AND reference > $2)) ORDER BY started_us, reference LIMIT $3";
    ALL_JOBS(0) = "SELECT reference, subject, digest, step, started_us, finished_us, removed, events, certificate FROM erasure_job ORDER BY started_us";
    COUNT_OPEN_JOBS(0) = "SELECT step, count(*), min(started_us) FROM erasure_job WHERE finished_us IS NULL GROUP BY step ORDER BY step";
    JOBS_BY_DIGEST(1) = "SELECT reference, subject, digest, step, started_us, finished_us, removed, events, certificate FROM erasure_job WHERE digest = $1 ORDER BY started_us";
}

type JobColumns = (Vec<u8>, Option<Vec<u8>>, Option<Vec<u8>>, String, i64, Option<i64>, String, String, Option<String>);

fn job(row: JobColumns) -> Result<JobRow, StoreError> {
    let (reference, subject, digest, step, started, finished, removed, events, certificate) = row;
    let bad = || StoreError::Corrupt("erasure_job");
    let all = [JobStep::Fenced, JobStep::Removed, JobStep::Done];
    Ok(JobRow {
        reference: reference.try_into().map_err(|_| bad())?,
        subject,
        digest: digest.map(<[u8; 16]>::try_from).transpose().map_err(|_| bad())?,
        step: all.into_iter().find(|one| one.as_str() == step).ok_or_else(bad)?,
        started: Micros(started),
        finished: finished.map(Micros),
        removed,
        events,
        certificate,
    })
}

impl Tx {
    /// Stores a new job.
    pub async fn insert_job(&mut self, row: &JobRow) -> Result<(), StoreError> {
        on!(self, c => sqlx::query(INSERT_JOB).bind(row.reference.as_bytes().as_slice()).bind(row.subject.as_deref())
            .bind(row.digest.as_ref().map(<[u8; 16]>::as_slice)).bind(row.step.as_str()).bind(row.started.0)
            .bind(row.finished.map(|at| at.0)).bind(row.removed.as_str()).bind(row.events.as_str())
            .execute(c).await.map(drop))?;
        Ok(())
    }

    /// Stores how far a job is. Whose it is stays as it is now, which may be under newer keys than it was read, or goes.
    pub async fn update_job(&mut self, row: &JobRow) -> Result<(), StoreError> {
        let updated = on!(self, c => sqlx::query(UPDATE_JOB).bind(row.reference.as_bytes().as_slice()).bind(i64::from(row.subject.is_some()))
            .bind(row.step.as_str()).bind(row.finished.map(|at| at.0)).bind(row.removed.as_str())
            .bind(row.events.as_str()).bind(row.certificate.as_deref()).execute(c).await.map(|done| done.rows_affected()))?;
        if updated == 1 { Ok(()) } else { Err(StoreError::Fenced) }
    }

    /// A job.
    pub async fn job(&mut self, reference: &Reference) -> Result<Option<JobRow>, StoreError> {
        let row: Option<JobColumns> = on!(self, c =>
            sqlx::query_as(READ_JOB).bind(reference.as_bytes().as_slice()).fetch_optional(c).await)?;
        row.map(job).transpose()
    }

    /// Jobs that are not done, the oldest first, from after a place on.
    pub async fn open_jobs(
        &mut self,
        which: OpenJobs,
        after: Option<&JobPlace>,
        limit: i64,
    ) -> Result<Vec<JobRow>, StoreError> {
        let statement = match which {
            OpenJobs::Own => OPEN_JOBS,
            OpenJobs::Cleared => CLEARED_JOBS,
        };
        let (started, reference) = after.map_or((i64::MIN, &[][..]), |(at, job)| (at.0, job.as_bytes().as_slice()));
        let rows: Vec<JobColumns> = on!(self, c =>
            sqlx::query_as(statement).bind(started).bind(reference).bind(limit).fetch_all(c).await)?;
        rows.into_iter().map(job).collect()
    }

    /// Erasures that are not done: at which step, how many, since when the oldest of them.
    pub async fn count_open_jobs(&mut self) -> Result<Vec<(String, i64, Micros)>, StoreError> {
        let rows: Vec<(String, i64, i64)> = on!(self, c => sqlx::query_as(COUNT_OPEN_JOBS).fetch_all(c).await)?;
        Ok(rows.into_iter().map(|(step, count, since)| (step, count, Micros(since))).collect())
    }

    /// Every job.
    pub async fn jobs(&mut self) -> Result<Vec<JobRow>, StoreError> {
        let rows: Vec<JobColumns> = on!(self, c => sqlx::query_as(ALL_JOBS).fetch_all(c).await)?;
        rows.into_iter().map(job).collect()
    }

    /// Jobs of an address.
    pub async fn jobs_by_digest(&mut self, digest: &[u8; 16]) -> Result<Vec<JobRow>, StoreError> {
        let rows: Vec<JobColumns> = on!(self, c =>
            sqlx::query_as(JOBS_BY_DIGEST).bind(digest.as_slice()).fetch_all(c).await)?;
        rows.into_iter().map(job).collect()
    }
}
