//! Scores that engines wrote back. Each hangs on the grant under which its engine may score, and goes with it.

use super::{StoreError, Tx, on, sql};
use crate::domain::{Day, Micros, Seq};
use crate::ids::Subject;

/// What an engine computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineScoreRow {
    /// 1 to 100.
    pub value: u8,
    /// The engine's name for its formula.
    pub version: String,
    /// First and last day of what it was computed from.
    pub window: (Day, Day),
    /// Among whom.
    pub population: String,
    /// The place in the log on which the gate had allowed the computing.
    pub epoch: Seq,
    /// When it was written.
    pub written: Micros,
}

sql! {
    WRITE_SCORE(9) = "INSERT INTO engine_score (subject, lineage, value, version, window_from_day, window_to_day, population, epoch, written_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (subject, lineage) DO UPDATE SET value = excluded.value, version = excluded.version, window_from_day = excluded.window_from_day, window_to_day = excluded.window_to_day, population = excluded.population, epoch = excluded.epoch, written_us = excluded.written_us WHERE excluded.epoch >= engine_score.epoch";
    READ_SCORES(1) = "SELECT lineage, value, version, window_from_day, window_to_day, population, epoch, written_us FROM engine_score WHERE subject = $1 ORDER BY lineage";
    STRAY_SCORES(0) = "SELECT count(*) FROM engine_score s WHERE NOT EXISTS (SELECT 1 FROM live_grant g WHERE g.subject = s.subject AND g.lineage = s.lineage)";
}

type Columns = (i64, i64, String, i64, i64, String, i64, i64);

impl Tx {
    /// Stores a score under the lineage of a grant, in place of the one before; false when that stands on a later epoch.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] when the grant ended meanwhile.
    pub async fn write_score(
        &mut self,
        subject: &Subject,
        lineage: Seq,
        row: &EngineScoreRow,
    ) -> Result<bool, StoreError> {
        let written = on!(self, c => sqlx::query(WRITE_SCORE).bind(subject.as_bytes().as_slice()).bind(lineage.0)
            .bind(i64::from(row.value)).bind(row.version.as_str()).bind(row.window.0.0).bind(row.window.1.0)
            .bind(row.population.as_str()).bind(row.epoch.0).bind(row.written.0)
            .execute(c).await.map(|done| done.rows_affected()))?;
        Ok(written == 1)
    }

    /// What engines wrote about a person, with the lineage that each hangs on.
    pub async fn engine_scores(&mut self, subject: &Subject) -> Result<Vec<(Seq, EngineScoreRow)>, StoreError> {
        let rows: Vec<Columns> = on!(self, c =>
            sqlx::query_as(READ_SCORES).bind(subject.as_bytes().as_slice()).fetch_all(c).await)?;
        let row = |(lineage, value, version, from, to, population, epoch, written): Columns| {
            let value = value.try_into().map_err(|_| StoreError::Corrupt("engine_score"))?;
            let (window, epoch, written) = ((Day(from), Day(to)), Seq(epoch), Micros(written));
            Ok((Seq(lineage), EngineScoreRow { value, version, window, population, epoch, written }))
        };
        rows.into_iter().map(row).collect()
    }

    /// How many hang on no live grant: none, unless somebody changed the database.
    pub async fn stray_scores(&mut self) -> Result<i64, StoreError> {
        Ok(on!(self, c => sqlx::query_scalar(STRAY_SCORES).fetch_one(c).await)?)
    }
}
