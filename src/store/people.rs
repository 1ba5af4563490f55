//! Standings and keys: a person's row, and the key that opens everything of theirs.

use std::collections::BTreeMap;

use super::{StoreError, Tx, on, sql};
use crate::domain::{Adult, Assurance, Micros, Regime, Standing};
use crate::ids::Subject;

sql! {
    INSERT_STANDING(2) = "INSERT INTO standing (subject, epoch, erased, held, suppressed, latched, adult, assurance, regime, erase_due_us) VALUES ($1, 0, 0, 0, 0, 0, 'unknown', 'none', $2, NULL)";
    UPDATE_STANDING(9) = "UPDATE standing SET epoch = $2, erased = $3, held = $4, suppressed = $5, latched = $6, adult = $7, assurance = $8, erase_due_us = $9, reminded = CASE WHEN erase_due_us = $9 THEN reminded ELSE 0 END WHERE subject = $1";
    READ_STANDING(1) = "SELECT epoch, erased, held, suppressed, latched, adult, assurance, erase_due_us FROM standing WHERE subject = $1";
    ERASE_DUE(2) = "SELECT subject FROM standing WHERE erase_due_us IS NOT NULL AND erase_due_us <= $1 AND erased = 0 ORDER BY erase_due_us LIMIT $2";
    TO_REMIND(3) = "SELECT subject, erase_due_us FROM standing WHERE erase_due_us <= $1 AND reminded < $2 AND erased = 0 ORDER BY erase_due_us LIMIT $3";
    HOLD_LIVING(1) = "UPDATE standing SET reminded = reminded WHERE subject = $1 AND erased = 0";
    REMINDED(3) = "UPDATE standing SET reminded = $2 WHERE subject = $1 AND reminded < $2 AND erased = 0 AND erase_due_us = $3";
    ALL_SUBJECTS(2) = "SELECT subject FROM standing WHERE subject > $1 ORDER BY subject LIMIT $2";
}

pub(super) type StandingColumns = (i64, i64, i64, i64, i64, String, String, Option<i64>);

pub(super) fn standing(row: StandingColumns) -> Result<Standing, StoreError> {
    let (epoch, erased, held, suppressed, latched, adult, assurance, due) = row;
    Ok(Standing {
        epoch,
        erased: erased != 0,
        held: held != 0,
        suppressed: suppressed != 0,
        latched: latched != 0,
        adult: adult_from(&adult)?,
        assurance: assurance_from(&assurance)?,
        erase_due: due.map(Micros),
        ..Standing::default()
    })
}

pub(super) fn adult_name(adult: Adult) -> &'static str {
    match adult {
        Adult::Yes => "yes",
        Adult::No => "no",
        Adult::Unknown => "unknown",
    }
}

pub(super) fn adult_from(name: &str) -> Result<Adult, StoreError> {
    let found = [Adult::Yes, Adult::No, Adult::Unknown].into_iter().find(|adult| adult_name(*adult) == name);
    found.ok_or(StoreError::Corrupt("standing"))
}

pub(super) fn assurance_from(name: &str) -> Result<Assurance, StoreError> {
    Assurance::ALL.into_iter().find(|one| one.as_str() == name).ok_or(StoreError::Corrupt("standing"))
}

impl Tx {
    /// Makes a person's row. Nothing is allowed by it.
    pub async fn insert_standing(&mut self, subject: &Subject, regime: &Regime) -> Result<(), StoreError> {
        on!(self, c => sqlx::query(INSERT_STANDING).bind(subject.as_bytes().as_slice()).bind(regime.as_str())
            .execute(c).await.map(drop))?;
        Ok(())
    }

    /// A person's standing with all their live grants; nothing for an unknown person. Of somebody whose erasure began no grant is
    /// live, although its rows are still there until the job removes them.
    pub async fn standing(&mut self, subject: &Subject) -> Result<Option<Standing>, StoreError> {
        let row: Option<StandingColumns> = on!(self, c =>
            sqlx::query_as(READ_STANDING).bind(subject.as_bytes().as_slice()).fetch_optional(c).await)?;
        let Some(row) = row else { return Ok(None) };
        let standing = standing(row)?;
        let grants = if standing.erased { BTreeMap::new() } else { self.grants(subject).await? };
        Ok(Some(Standing { grants, ..standing }))
    }

    /// People whose opt-out nobody lifted in time.
    pub async fn erase_due(&mut self, now: Micros, limit: i64) -> Result<Vec<Subject>, StoreError> {
        let rows: Vec<Vec<u8>> = on!(self, c =>
            sqlx::query_scalar(ERASE_DUE).bind(now.0).bind(limit).fetch_all(c).await)?;
        subjects(rows)
    }

    /// People who are erased by then and got fewer reminders than so many, with the time of their erasure.
    pub async fn to_remind(
        &mut self,
        by: Micros,
        reminders: i64,
        limit: i64,
    ) -> Result<Vec<(Subject, Micros)>, StoreError> {
        let rows: Vec<(Vec<u8>, i64)> = on!(self, c =>
            sqlx::query_as(TO_REMIND).bind(by.0).bind(reminders).bind(limit).fetch_all(c).await)?;
        let one = |(subject, due): (Vec<u8>, i64)| {
            Ok((Subject::try_from(subject).map_err(|_| StoreError::Corrupt("standing"))?, Micros(due)))
        };
        rows.into_iter().map(one).collect()
    }

    /// Notes that a person got so many reminders of what is due then; false when it is no longer due, or was noted before.
    pub async fn reminded(&mut self, subject: &Subject, reminders: i64, due: Micros) -> Result<bool, StoreError> {
        let rows = on!(self, c => sqlx::query(REMINDED).bind(subject.as_bytes().as_slice()).bind(reminders).bind(due.0)
            .execute(c).await.map(|done| done.rows_affected()))?;
        Ok(rows == 1)
    }

    /// Keeps an erasure of this person from beginning until the commit. False when it has begun, or there is nobody.
    pub async fn hold_living(&mut self, subject: &Subject) -> Result<bool, StoreError> {
        let rows = on!(self, c => sqlx::query(HOLD_LIVING).bind(subject.as_bytes().as_slice()).execute(c).await
            .map(|done| done.rows_affected()))?;
        Ok(rows == 1)
    }

    /// Everybody after a person, in the order of the rows; for verification and sums.
    pub async fn subjects_after(&mut self, after: Option<&Subject>, limit: i64) -> Result<Vec<Subject>, StoreError> {
        let after = after.map_or(&[][..], |subject| subject.as_bytes().as_slice());
        let rows: Vec<Vec<u8>> = on!(self, c =>
            sqlx::query_scalar(ALL_SUBJECTS).bind(after).bind(limit).fetch_all(c).await)?;
        subjects(rows)
    }
}

pub(super) fn subjects(rows: Vec<Vec<u8>>) -> Result<Vec<Subject>, StoreError> {
    rows.into_iter().map(|row| Subject::try_from(row).map_err(|_| StoreError::Corrupt("subject"))).collect()
}
