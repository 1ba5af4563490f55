//! What time does: grants end, opt-outs that nobody lifted become erasures, codes and log-ins lapse. Nothing here allows
//! anything, and no denial waits for it: the gate looks at the clock itself.

use std::collections::{BTreeMap, BTreeSet};

use super::letters;
use super::mail::Quiet;
use super::{App, ServiceError};
use crate::domain::{Act, Ended, Micros};
use crate::ids::Subject;
use crate::store::{DueGrant, Tx};

const BATCH: i64 = 200;
/// So many days before an opt-out becomes an erasure its owner is reminded: the first time, the second time.
const REMINDER_DAYS: [(i64, i64); 2] = [(1, 14), (2, 3)];

impl App {
    /// One round. Safe to run at any time.
    ///
    /// # Errors
    /// The first failure; what was not done is done in the next round.
    pub async fn sweep(&self) -> Result<(), ServiceError> {
        let now = self.now();
        self.expire_mail_files(now)?;
        self.store.run_tx(&now, |tx, now| Box::pin(tx.sweep(*now))).await?;
        let due = self.store.read_tx(&now, |tx, now| Box::pin(tx.grants_due(*now, BATCH))).await?;
        let expired = self.end_all(due, |ended| Act::Expired { ended }).await;
        let revoked = self.store.read_tx(&(), |tx, ()| Box::pin(tx.grants_to_disabled(BATCH))).await?;
        let revoked = self.end_all(revoked, |ended| Act::Revoked { ended }).await;
        let reminded = self.remind(now).await;
        expired.and(revoked).and(reminded).and(self.erase_the_opted_out(now).await)
    }

    /// A mail to those who are about to be erased because somebody opted them out. Nothing of it is in the log, where it would tell who
    /// is a member.
    async fn remind(&self, now: Micros) -> Result<(), ServiceError> {
        let mut outcome = Ok(());
        for (number, days) in REMINDER_DAYS {
            let by = now.plus_days(days);
            let due = self.store.read_tx(&by, |tx, by| Box::pin(tx.to_remind(*by, number, BATCH))).await?;
            for (subject, due) in due {
                let input = (self, subject, number, due);
                let reminded = self
                    .store
                    .run_tx(&input, |tx, (app, subject, number, due)| {
                        Box::pin(app.remind_one(tx, subject, (*number, *due)))
                    })
                    .await;
                outcome = outcome.and(reminded);
            }
        }
        self.hand_over().await;
        outcome
    }

    async fn remind_one(
        &self,
        tx: &mut Tx,
        subject: &Subject,
        (number, due): (i64, Micros),
    ) -> Result<(), ServiceError> {
        if !tx.reminded(subject, number, due).await? {
            return Ok(());
        }
        let latched = tx.standing(subject).await?.is_some_and(|standing| standing.latched);
        self.mail_to(tx, subject, &letters::about_to_be_erased(due, latched)).await
    }

    /// Each opt-out that is due becomes one erasure and leaves the same leaves, whoever it is about: a member, somebody whom
    /// another opt-out erased already, or a stranger, of whom there is nothing to erase. All that are due come in one round: how
    /// many of them were members does not show. One that fails holds up no other; what belongs to a member who could not be erased
    /// is not certified as an erasure of nothing. Only when it cannot be said what belongs to somebody do all strangers wait.
    async fn erase_the_opted_out(&self, now: Micros) -> Result<(), ServiceError> {
        let (mut outcome, mut failed) = (Ok(()), BTreeSet::new());
        let members = self.store.read_tx(&now, |tx, now| Box::pin(tx.erase_due(*now, i64::MAX))).await?;
        let mut whose_is_known = true;
        for subject in members {
            let digests = match self.digests_of(&subject).await {
                Ok(digests) => digests,
                Err(error) => {
                    (whose_is_known, outcome) = (false, outcome.and(Err(error)));
                    continue;
                }
            };
            let (digests, quiet) = (&digests, &self.quiet());
            let erased = self
                .store
                .run_tx(&(self, subject, digests, quiet), |tx, (app, subject, digests, quiet)| {
                    Box::pin(app.erase_if_still_due(tx, subject, digests, quiet.as_ref()))
                })
                .await;
            if erased.is_err() {
                failed.extend(digests.iter().copied());
            }
            outcome = outcome.and(erased);
        }
        let mut others = self.store.read_tx(&now, |tx, now| Box::pin(tx.suppressions_due(*now, i64::MAX))).await?;
        others.retain(|digest| whose_is_known && !failed.contains(digest));
        for digest in others {
            outcome = outcome.and(self.erase_due_stranger(digest).await);
        }
        self.work.notify_one();
        outcome
    }

    /// Whoever lifted it since they were looked up is not erased. The erasure stands for one of their opt-outs that is due: that
    /// one becomes no other.
    async fn erase_if_still_due(
        &self,
        tx: &mut Tx,
        subject: &Subject,
        digests: &[[u8; 16]],
        quiet: Option<&Quiet<'_>>,
    ) -> Result<(), ServiceError> {
        let now = self.head(tx).await?.recorded;
        let standing = tx.standing(subject).await?.unwrap_or_default();
        let lifted = standing.erase_due.is_none_or(|due| due > now) && !crate::mutant::on("erased_though_lifted");
        if standing.erased || lifted {
            return Ok(());
        }
        let mut settled = None;
        for digest in digests {
            if settled.is_none() && tx.settle_suppression(digest, now).await? {
                settled = Some(*digest);
            }
        }
        self.begin_erasure(tx, subject, settled.or(digests.first().copied()), quiet).await.map(drop)
    }

    async fn erase_due_stranger(&self, digest: [u8; 16]) -> Result<(), ServiceError> {
        self.store
            .run_tx(&(self, digest), |tx, (app, digest)| {
                Box::pin(async move {
                    let now = app.head(tx).await?.recorded;
                    if tx.settle_suppression(digest, now).await? {
                        app.erase_nothing(tx, Some(*digest)).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// One event for each person.
    async fn end_all(&self, due: Vec<DueGrant>, act: fn(Vec<Ended>) -> Act) -> Result<(), ServiceError> {
        let mut by_person: BTreeMap<Subject, Vec<Ended>> = BTreeMap::new();
        for grant in due {
            by_person.entry(grant.subject).or_default().push(grant.ended);
        }
        let mut outcome = Ok(());
        for input in by_person {
            let ended = self
                .store
                .run_tx(&(self, input, act), |tx, (app, (subject, ended), act)| {
                    Box::pin(app.end_for(tx, subject, ended, *act))
                })
                .await;
            match ended {
                Err(ServiceError::NotFound(_)) => {} // taken back or renewed meanwhile
                other => outcome = outcome.and(other),
            }
        }
        outcome
    }

    async fn end_for(
        &self,
        tx: &mut Tx,
        subject: &Subject,
        ended: &[Ended],
        act: fn(Vec<Ended>) -> Act,
    ) -> Result<(), ServiceError> {
        let head = self.head(tx).await?;
        let mut person = self.person(tx, subject).await?;
        let expiring = matches!(act(Vec::new()), Act::Expired { .. });
        let still = |one: &&Ended| {
            let live = person.history.standing.grants.get(&one.triple);
            live.is_some_and(|live| live.lineage == one.lineage && (!expiring || live.valid_until <= head.recorded))
        };
        let ended: Vec<Ended> = ended.iter().filter(still).cloned().collect();
        if ended.is_empty() {
            return Err(ServiceError::NotFound("grant to end"));
        }
        self.record(tx, head, &mut person, act(ended)).await.map(drop)
    }
}
