//! Acts that share a commit: on SQLite all, because one connection alone writes; on PostgreSQL those that begin with the head.
//!
//! Whoever has carried out an act does not commit, but waits for another turn, behind those that came meanwhile; each of them carries out
//! its act in the same transaction, after a savepoint. Who has a turn again first commits for all. So an act alone is committed at once, and
//! many that come together share the one slow thing, the disk. Nobody is answered before that.
//!
//! What fails is undone to its savepoint and concerns nobody else. Where the whole transaction went, because SQLite ended it or the server
//! went away, everybody in it runs again; where nobody knows how the commit went, nobody in it does.
//!
//! On PostgreSQL other nodes write too, and acts of a person alone share. An act that comes second in a commit holds what the first one
//! locked, and whoever holds what it needs may wait for that: so it waits [`PATIENCE`] and no longer. Whoever tries again comes first in
//! a commit: there it holds the head alone, which nobody waits for who holds anything of a person, and waits for seconds.

use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard, watch};
use tokio::time::timeout;

use super::open::CONNECT;
use super::tx::{BoxFuture, TRIES, commit_failed};
use super::{Begun, Store, StoreError, Transient, Tx, on};
use crate::domain::Micros;
use crate::fence::Fence;
use crate::ids::Subject;
use crate::mutant;

/// Acts of one commit.
const ACTS_MAX: usize = 64;

/// How long an act waits for a row of PostgreSQL while it holds what others in its commit locked.
const PATIENCE: &str = "SET LOCAL lock_timeout = '20ms'; SAVEPOINT act";

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
    async fn begin_next(&mut self, act: Option<(Micros, &Subject)>) -> Result<Option<Begun>, StoreError> {
        let savepoint = match (self.acts, self.has_savepoint, self.unfinished) {
            (0, ..) => "",
            (_, false, _) if matches!(self.tx, Tx::Postgres(_)) && !mutant::on("acts_wait_for_others") => PATIENCE,
            (_, false, _) => "SAVEPOINT act",
            (_, true, true) if mutant::on("refused_acts_stay") => "RELEASE act; SAVEPOINT act",
            (_, true, true) => "ROLLBACK TO act",
            (_, true, false) => "RELEASE act; SAVEPOINT act",
        };
        self.unfinished = self.acts > 0;
        let begun = match act {
            Some(act) => Some(self.tx.begin_act(savepoint, act).await?),
            None if savepoint.is_empty() => None,
            None => {
                self.run(savepoint).await?;
                None
            }
        };
        self.has_savepoint = self.acts > 0;
        Ok(begun)
    }

    async fn run(&mut self, sql: &'static str) -> Result<(), StoreError> {
        on!(&mut self.tx, c => sqlx::raw_sql(sql).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Whomever the transaction changes, the gate no longer finds before the commit, and finds as they now are after it.
    async fn commit(mut self, fence: Option<&Fence>) -> Result<(), StoreError> {
        if self.unfinished && self.run("ROLLBACK TO act").await.is_err() {
            return Err(StoreError::Fenced); // the database ended it: those in it run again
        }
        let hidden = match fence {
            Some(fence) => Some(fence.hide(self.tx.change(fence).await?)),
            None => None,
        };
        self.stage.send_replace(Stage::Committing);
        match self.tx.commit().await.map_err(commit_failed) {
            Ok(()) => {
                if let Some(hidden) = hidden {
                    hidden.install();
                }
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

fn unanswered() -> StoreError {
    StoreError::OutcomeUnknown(sqlx::Error::Protocol("the commit that this act was part of was not answered".into()))
}

impl Group {
    async fn enter(
        &self,
        (store, fence): (&Store, Option<&Arc<Fence>>),
        act: Option<(Micros, &Subject)>,
        first: bool,
    ) -> Result<(Inside, Option<Begun>), StoreError> {
        let turn = timeout(CONNECT, self.0.clone().lock_owned()).await;
        let mut turn = turn.map_err(|_| StoreError::from(sqlx::Error::PoolTimedOut))?;
        let open = turn.take();
        let mut inside = Inside { turn: Some(turn), open };
        if first && let Some(open) = inside.open.take() {
            // The turn goes along: whoever came before the commit was done to memory would have what they did overwritten there.
            let (fence, turn) = (fence.cloned(), inside.turn.take());
            let committing = tokio::spawn(async move {
                drop(open.commit(fence.as_deref()).await); // those in it are told by its stage
                turn
            });
            inside.turn = committing.await.map_err(|_| unanswered())?;
        }
        if let Some(open) = &mut inside.open {
            match open.begin_next(act).await {
                Ok(begun) => return Ok((inside, begun)),
                Err(_) => drop(inside.open.take().map(|open| open.stage)), // the database ended it: those in it run again
            }
        }
        let (tx, stage) = (store.begin_acts().await?, watch::Sender::new(Stage::Open));
        let open = inside.open.insert(Open { tx, stage, acts: 0, has_savepoint: false, unfinished: false });
        let begun = open.begin_next(act).await?;
        Ok((inside, begun))
    }

    /// The act is done: it is part of the transaction now.
    async fn leave(&self, mut inside: Inside, fence: Option<&Arc<Fence>>) -> Result<(), StoreError> {
        let (Some(mut open), Some(mut turn)) = (inside.open.take(), inside.turn.take()) else {
            return Err(StoreError::Fenced);
        };
        open.acts += 1;
        open.unfinished = false;
        let (stage, is_full) = (open.stage.subscribe(), open.acts >= ACTS_MAX);
        *turn = Some(open);
        let turn = Some(turn).filter(|_| is_full); // commits before anybody else has one
        let settling = self.settle(fence, stage, turn);
        if mutant::on("acts_are_answered_before_the_commit") {
            tokio::spawn(settling);
            return Ok(());
        }
        settling.await
    }

    /// Waits until the transaction was committed, and does so itself when it is its turn before. Whoever waits here may go away, and it is
    /// done all the same: nothing is left open, and nobody else in it is left without an answer.
    fn settle(
        &self,
        fence: Option<&Arc<Fence>>,
        stage: watch::Receiver<Stage>,
        turn: Option<Turn>,
    ) -> impl Future<Output = Result<(), StoreError>> + use<> {
        let settling = tokio::spawn(self.clone().settled(fence.cloned(), stage, turn));
        async { settling.await.unwrap_or_else(|_| Err(unanswered())) }
    }

    async fn settled(
        self,
        fence: Option<Arc<Fence>>,
        stage: watch::Receiver<Stage>,
        turn: Option<Turn>,
    ) -> Result<(), StoreError> {
        let ended = |stage: &Stage| matches!(stage, Stage::Committed | Stage::Refused { .. });
        let mut others = stage.clone();
        let turn = if turn.is_some() {
            turn
        } else {
            tokio::select! {
                biased;
                () = async { drop(others.wait_for(ended).await) } => None,
                turn = self.0.clone().lock_owned() => Some(turn),
            }
        };
        if let Some(mut turn) = turn {
            match turn.take() {
                Some(open) if open.stage.subscribe().same_channel(&stage) => {
                    return open.commit(fence.as_deref()).await;
                }
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
        (group, fence): (&Group, Option<&Arc<Fence>>),
        act: Option<(Micros, &Subject)>,
        input: &I,
        body: impl for<'t> Fn(&'t mut Tx, Option<Begun>, &'t I) -> BoxFuture<'t, Result<T, E>>,
    ) -> Result<T, E>
    where
        I: Sync + ?Sized,
        E: From<StoreError> + Transient,
    {
        for tries in 0..TRIES {
            let first = tries > 0 && !mutant::on("who_tries_again_comes_second");
            let (mut inside, begun) = match group.enter((self, fence), act, first).await {
                Ok(entered) => entered,
                Err(error) if error.is_transient() => continue,
                Err(error) => return Err(error.into()),
            };
            let Some(open) = &mut inside.open else { continue };
            let error = match body(&mut open.tx, begun, input).await {
                Ok(value) => match group.leave(inside, fence).await {
                    Ok(()) => return Ok(value),
                    Err(error) => E::from(error),
                },
                Err(error) => {
                    // It may have seen what others in the transaction did: the refusal stands once that is on the disk.
                    let others = inside.open.as_ref().filter(|open| open.acts > 0).map(|open| open.stage.subscribe());
                    drop(inside);
                    match others.filter(|_| !error.is_transient()) {
                        Some(stage) => group.settle(fence, stage, None).await.err().map_or(error, E::from),
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
