//! Acts that share a commit, where one connection alone writes: the server of a SQLite file.
//!
//! Whoever has carried out an act does not commit, but waits for another turn, behind those that came meanwhile; each of them carries out
//! its act in the same transaction, after a savepoint. Who has a turn again first commits for all. So an act alone is committed at once, and
//! many that come together share the one slow thing, the disk. Nobody is answered before that.
//!
//! What fails is undone to its savepoint and concerns nobody else. Where the whole transaction went, because SQLite ended it, everybody in
//! it runs again; where nobody knows how the commit went, nobody in it does.

use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard, watch};
use tokio::time::timeout;

use super::open::CONNECT;
use super::tx::{BoxFuture, TRIES, commit_failed};
use super::{Store, StoreError, Transient, Tx};
use crate::fence::Fence;
use crate::mutant;

/// Acts of one commit.
const ACTS_MAX: usize = 64;

/// The transaction that is open, if one is, and the right to work in it.
#[derive(Debug, Clone, Default)]
pub struct Group(Arc<Mutex<Option<Open>>>);

type Turn = OwnedMutexGuard<Option<Open>>;

/// A transaction with acts in it.
#[derive(Debug)]
struct Open {
    tx: Tx,
    stage: watch::Sender<Stage>,
    /// Acts that were carried out in it.
    acts: usize,
    /// Whether a savepoint stands in it.
    has_savepoint: bool,
    /// Whether what came after the savepoint must be undone.
    unfinished: bool,
}

/// How far a transaction is. When it ends as open, it did not happen; while committing, nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    Committing,
    Committed,
    Refused { disk_full: bool },
}

/// Whoever carries out an act. When it goes away before the act is done, the act is undone.
struct Inside {
    turn: Option<Turn>,
    open: Option<Open>,
}

impl Drop for Inside {
    fn drop(&mut self) {
        // With nobody else in it, it is rolled back.
        let open = self.open.take().filter(|open| open.acts > 0);
        if let (Some(open), Some(turn)) = (open, &mut self.turn) {
            **turn = Some(Open { unfinished: true, ..open });
        }
    }
}

impl Open {
    /// After what others did in it.
    async fn set_savepoint(&mut self) -> Result<(), StoreError> {
        let sql = match (self.acts, self.has_savepoint, self.unfinished) {
            (0, ..) => return Ok(()),
            (_, false, _) => "SAVEPOINT act",
            (_, true, true) if mutant::on("refused_acts_stay") => "RELEASE act; SAVEPOINT act",
            (_, true, true) => "ROLLBACK TO act",
            (_, true, false) => "RELEASE act; SAVEPOINT act",
        };
        self.unfinished = true;
        self.run(sql).await?;
        self.has_savepoint = true;
        Ok(())
    }

    async fn run(&mut self, sql: &'static str) -> Result<(), StoreError> {
        if let Tx::Sqlite(t) = &mut self.tx {
            sqlx::raw_sql(sql).execute(&mut **t).await?;
        }
        Ok(())
    }

    /// Whomever the transaction changes, the gate no longer finds before the commit, and finds as they now are after it.
    async fn commit(mut self, fence: &Fence) -> Result<(), StoreError> {
        if self.unfinished && self.run("ROLLBACK TO act").await.is_err() {
            return Err(StoreError::Fenced); // SQLite ended it: those in it run again
        }
        let hidden = fence.hide(self.tx.change(fence).await?);
        self.stage.send_replace(Stage::Committing);
        match self.tx.commit().await.map_err(commit_failed) {
            Ok(()) => {
                hidden.install();
                self.stage.send_replace(Stage::Committed);
                Ok(())
            }
            Err(unknown @ StoreError::OutcomeUnknown(_)) => Err(unknown),
            Err(refused) => {
                self.stage.send_replace(Stage::Refused { disk_full: matches!(refused, StoreError::Full) });
                Err(refused)
            }
        }
    }
}

/// Commits where nobody who goes away can stop it: all others in it would not know how it went.
async fn commit(open: Open, turn: Turn, fence: &Arc<Fence>) -> Result<(), StoreError> {
    let fence = fence.clone();
    let committing = tokio::spawn(async move {
        let done = open.commit(&fence).await;
        drop(turn);
        done
    });
    committing.await.unwrap_or_else(|_| Err(unanswered()))
}

fn unanswered() -> StoreError {
    StoreError::OutcomeUnknown(sqlx::Error::Protocol("the commit that this act was part of was not answered".into()))
}

impl Group {
    async fn enter(&self, store: &Store) -> Result<Inside, StoreError> {
        let turn = timeout(CONNECT, self.0.clone().lock_owned()).await;
        let mut turn = turn.map_err(|_| StoreError::from(sqlx::Error::PoolTimedOut))?;
        let open = turn.take();
        let mut inside = Inside { turn: Some(turn), open };
        if let Some(open) = &mut inside.open
            && open.set_savepoint().await.is_err()
        {
            drop(inside.open.take().map(|open| open.stage)); // SQLite ended it: those in it run again
        }
        if inside.open.is_none() {
            let (tx, stage) = (store.begin_write().await?, watch::Sender::new(Stage::Open));
            inside.open = Some(Open { tx, stage, acts: 0, has_savepoint: false, unfinished: false });
        }
        Ok(inside)
    }

    /// Whether somebody went away who would have committed.
    pub(super) fn is_left_open(&self) -> bool {
        self.0.try_lock().is_ok_and(|turn| turn.is_some())
    }

    /// The act is done: it is part of the transaction now.
    async fn leave(&self, mut inside: Inside, fence: &Arc<Fence>) -> Result<(), StoreError> {
        let (Some(mut open), Some(mut turn)) = (inside.open.take(), inside.turn.take()) else {
            return Err(StoreError::Fenced);
        };
        open.acts += 1;
        open.unfinished = false;
        if open.acts >= ACTS_MAX {
            return commit(open, turn, fence).await; // before anybody else has a turn
        }
        let stage = open.stage.subscribe();
        *turn = Some(open);
        drop(turn);
        if mutant::on("acts_are_answered_before_the_commit") {
            return Ok(());
        }
        self.settle(fence, stage).await
    }

    /// Waits until the transaction was committed, and does so itself when it is its turn before.
    async fn settle(&self, fence: &Arc<Fence>, stage: watch::Receiver<Stage>) -> Result<(), StoreError> {
        let ended = |stage: &Stage| matches!(stage, Stage::Committed | Stage::Refused { .. });
        let mut others = stage.clone();
        let turn = tokio::select! {
            biased;
            () = async { drop(others.wait_for(ended).await) } => None,
            turn = self.0.clone().lock_owned() => Some(turn),
        };
        if let Some(mut turn) = turn {
            match turn.take() {
                Some(open) if open.stage.subscribe().same_channel(&stage) => return commit(open, turn, fence).await,
                another => *turn = another,
            }
        }
        let stage = *stage.borrow();
        match stage {
            Stage::Committed => Ok(()),
            Stage::Refused { disk_full: true } => Err(StoreError::Full),
            Stage::Refused { disk_full: false } | Stage::Open => Err(StoreError::Fenced),
            Stage::Committing => Err(unanswered()),
        }
    }
}

impl Store {
    /// One act, in a commit that others may share.
    pub(super) async fn run_in_group<I, T, E>(
        &self,
        (group, fence): (&Group, &Arc<Fence>),
        input: &I,
        body: impl for<'t> Fn(&'t mut Tx, &'t I) -> BoxFuture<'t, Result<T, E>>,
    ) -> Result<T, E>
    where
        I: Sync + ?Sized,
        E: From<StoreError> + Transient,
    {
        for _ in 0..TRIES {
            let mut inside = group.enter(self).await.map_err(E::from)?;
            let Some(open) = &mut inside.open else { continue };
            let error = match body(&mut open.tx, input).await {
                Ok(value) => match group.leave(inside, fence).await {
                    Ok(()) => return Ok(value),
                    Err(error) => E::from(error),
                },
                Err(error) => {
                    // It may have seen what others in the transaction did: the refusal stands once that is on the disk.
                    let others = inside.open.as_ref().filter(|open| open.acts > 0).map(|open| open.stage.subscribe());
                    drop(inside);
                    match others.filter(|_| !error.is_transient()) {
                        Some(stage) => group.settle(fence, stage).await.err().map_or(error, E::from),
                        None => error,
                    }
                }
            };
            if !error.is_transient() {
                return Err(error);
            }
        }
        Err(E::from(StoreError::Contention(TRIES)))
    }
}
