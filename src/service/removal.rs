//! What an erasure removes: found by the data map, removed in one message, looked for again under every index of the person.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::sync::atomic::Ordering;

use super::certificate::must_be_gone;
use super::identifiers::open_proved;
use super::mail::Quiet;
use super::{App, ServiceError};
use crate::ident::Identifier;
use crate::ids::Subject;
use crate::limits;
use crate::store::{FoundRows, IdentifierRow, JobRow, JobStep, StoreError, Transient, Tx};

/// Blind indexes of one question: it has some columns for each, and a database takes some thousand.
const OWNERS_AT_ONCE: usize = 100;

/// What leads to a person.
pub(super) struct Addresses {
    /// Each identifier that can be opened, with its slow digest where that was kept.
    pub(super) opened: Vec<(Identifier, Option<[u8; 16]>)>,
    /// Every index under which something of the person may lie.
    pub(super) blinds: BTreeSet<[u8; 32]>,
}

impl App {
    /// Everything goes in the transaction that denies the person, unless there is much of it, or a mail of theirs lies in the outbox folder.
    /// When something resists, whatever it is, the transaction runs again and leaves it to the job: nobody is less denied for it.
    pub(super) async fn remove_at_once(
        &self,
        tx: &mut Tx,
        (job, subject): (JobRow, &Subject),
        blinds: &BTreeSet<[u8; 32]>,
        quiet: Option<&Quiet<'_>>,
    ) -> Result<JobRow, ServiceError> {
        let Some(quiet) = quiet.filter(|quiet| !quiet.resisted.load(Ordering::Relaxed)) else { return Ok(job) };
        let tried = self.try_to_remove(tx, (job, subject), blinds, quiet).await;
        if let Err(error) = &tried {
            quiet.resisted.store(true, Ordering::Relaxed);
            if !error.is_transient() {
                let cause = error.source().map(ToString::to_string).unwrap_or_default();
                tracing::error!(%error, cause, "an erasure could not be carried out at once");
                return Err(StoreError::Fenced.into());
            }
        }
        tried
    }

    async fn try_to_remove(
        &self,
        tx: &mut Tx,
        (job, subject): (JobRow, &Subject),
        blinds: &BTreeSet<[u8; 32]>,
        quiet: &Quiet<'_>,
    ) -> Result<JobRow, ServiceError> {
        let most = limits::ERASED_AT_ONCE_ROWS_MAX;
        let found = tx.found(&self.datamap.found(most + 1), subject).await?;
        if found.rows.values().sum::<i64>() > i64::from(most) || self.has_mail_files(quiet, blinds)? {
            return Ok(job);
        }
        let patience = Some(limits::ERASED_AT_ONCE_WAITING_MILLIS);
        self.remove_found(tx, (job, patience), blinds, &found).await
    }

    /// Every row and the key, by those removals of the data map that find something.
    pub(super) async fn remove_found(
        &self,
        tx: &mut Tx,
        (job, patience_millis): (JobRow, Option<u32>),
        blinds: &BTreeSet<[u8; 32]>,
        found: &FoundRows,
    ) -> Result<JobRow, ServiceError> {
        let mut removed: BTreeMap<String, u64> = serde_json::from_str(&job.removed)?;
        let mut removals = Vec::new();
        for (place, removal) in self.datamap.removals().into_iter().enumerate() {
            removed.entry(removal.table.clone()).or_default();
            if found.rows.contains_key(&place)
                && !(removal.table == "topic_choice" && crate::mutant::on("erasure_forgets_a_table"))
            {
                removals.push(removal);
            }
        }
        let rows = tx.remove(&removals, found, patience_millis).await?;
        for (removal, rows) in removals.into_iter().zip(rows) {
            *removed.entry(removal.table).or_default() += rows;
        }
        let blinds: Vec<&[u8]> = blinds.iter().map(<[u8; 32]>::as_slice).collect();
        for some in blinds.chunks(OWNERS_AT_ONCE) {
            must_be_gone(tx, &self.datamap.counts_by_blind(), some).await?;
        }
        Ok(JobRow { step: JobStep::Removed, removed: serde_json::to_string(&removed)?, ..job })
    }

    /// What leads to a person. An identifier that cannot be opened, because it or the key is damaged or gone, is looked for where it is.
    pub(super) async fn addresses_of(&self, tx: &mut Tx, subject: &Subject) -> Result<Addresses, ServiceError> {
        let (wrapped, rows) = tx.key_and_identifiers(subject).await?;
        let key = match wrapped.map(|wrapped| self.unwrap_key(subject, &wrapped)) {
            Some(Err(error)) if !error.is_damage() => return Err(error),
            key => key.and_then(Result::ok),
        };
        let mut blinds: BTreeSet<_> = rows.iter().map(|row| row.blind).collect();
        let open = |row: &IdentifierRow| open_proved("identifier", key.as_ref()?, &row.id, &row.kind, &row.sealed).ok();
        let opened: Vec<_> = rows.iter().filter_map(open).collect();
        blinds.extend(opened.iter().flat_map(|(identifier, _)| self.blinds(identifier)));
        Ok(Addresses { opened, blinds })
    }
}
