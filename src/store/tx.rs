//! Transactions on either database.

use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;

use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Postgres, Sqlite, SqliteConnection, SqlitePool, Transaction};

use super::error::gone;
use super::open::CONNECTIONS;
use super::{Begun, Store, StoreError, Transient};
use crate::domain::Micros;
use crate::fence::Lost;
use crate::ids::Subject;
use crate::mutant;

/// How often a transaction that met another writer is run again.
pub(super) const TRIES: u32 = 12;

/// A transaction on one of the two databases.
pub enum Tx {
    /// SQLite.
    Sqlite(Opened),
    /// PostgreSQL.
    Postgres(Transaction<'static, Postgres>),
}

/// What statements run on.
pub enum Opened {
    /// Several, as one.
    Transaction(Transaction<'static, Sqlite>),
    /// One, which is a snapshot by itself.
    Alone(PoolConnection<Sqlite>),
}

impl Deref for Opened {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        match self {
            Self::Transaction(transaction) => transaction,
            Self::Alone(connection) => connection,
        }
    }
}

impl DerefMut for Opened {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        match self {
            Self::Transaction(transaction) => transaction,
            Self::Alone(connection) => connection,
        }
    }
}

impl Opened {
    async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Transaction(transaction) => transaction.commit().await,
            Self::Alone(_) => Ok(()),
        }
    }
}

/// What a transaction's body returns.
pub type BoxFuture<'t, T> = Pin<Box<dyn Future<Output = T> + Send + 't>>;

impl std::fmt::Debug for Tx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tx")
    }
}

impl Tx {
    pub(super) async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(t) => t.commit().await,
            Self::Postgres(t) => t.commit().await,
        }
    }
}

impl Store {
    /// One act: everything in `body` or nothing. **The body may run more than once**, when it met another writer, so it
    /// must have no effect but through the transaction, beside what tells it how the try before went, and **it waits for nothing that another
    /// act may hold**. READ COMMITTED on PostgreSQL, where the head row orders acts; `BEGIN IMMEDIATE` on SQLite, where acts that come
    /// together share a commit.
    ///
    /// # Errors
    /// Those of the body; [`StoreError::OutcomeUnknown`] when the commit was not answered.
    pub async fn run_tx<I, T, E>(
        &self,
        input: &I,
        body: impl for<'t> Fn(&'t mut Tx, &'t I) -> BoxFuture<'t, Result<T, E>>,
    ) -> Result<T, E>
    where
        I: Sync + ?Sized,
        E: From<StoreError> + Transient,
    {
        self.run(None, input, |tx, _, input| body(tx, input)).await
    }

    /// The same for an act of a person, which begins with [`Begun`] at this time. It locks nothing before: on PostgreSQL too it may share a
    /// commit.
    ///
    /// # Errors
    /// Those of the body; [`StoreError::OutcomeUnknown`] when the commit was not answered.
    pub async fn run_act<I, T, E>(
        &self,
        (now, subject): (Micros, &Subject),
        input: &I,
        body: impl for<'t> Fn(&'t mut Tx, Begun, &'t I) -> BoxFuture<'t, Result<T, E>> + Sync,
    ) -> Result<T, E>
    where
        I: Sync + ?Sized,
        T: Send,
        E: From<StoreError> + Transient + Send,
    {
        let act = (now, subject);
        self.run(Some(act), &(input, &body, act), |tx, begun, (input, body, act)| {
            Box::pin(async move {
                let begun = match begun {
                    Some(begun) => begun,
                    None => tx.begin_act("", *act).await?,
                };
                body(tx, begun, input).await
            })
        })
        .await
    }

    async fn run<I, T, E>(
        &self,
        act: Option<(Micros, &Subject)>,
        input: &I,
        body: impl for<'t> Fn(&'t mut Tx, Option<Begun>, &'t I) -> BoxFuture<'t, Result<T, E>>,
    ) -> Result<T, E>
    where
        I: Sync + ?Sized,
        E: From<StoreError> + Transient,
    {
        let shared = match self {
            Self::Sqlite { group, fence: Some(fence), writer, .. } if !writer.is_closed() => Some((group, Some(fence))),
            Self::Postgres { group, .. } if act.is_some() => Some((group, None)),
            Self::Sqlite { .. } | Self::Postgres { .. } => None,
        };
        if let Some(shared) = shared {
            return self.run_in_group(shared, act, input, body).await;
        }
        for _ in 0..TRIES {
            let mut tx = self.begin_write().await.map_err(E::from)?;
            let error = match body(&mut tx, None, input).await {
                Ok(value) => match tx.commit().await {
                    Ok(()) => return Ok(value),
                    Err(e) => E::from(commit_failed(e)),
                },
                Err(error) => error,
            };
            if !error.is_transient() {
                return Err(error);
            }
        }
        Err(E::from(StoreError::Contention(TRIES)))
    }

    /// Puts back whomever the gate does not find because nobody knew how a commit went.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn find_what_was_lost(&self) -> Result<(), StoreError> {
        if self.fence().is_some_and(|fence| fence.lost() != Lost::default()) {
            self.run_tx(&(), |_, ()| Box::pin(async { Ok::<_, StoreError>(()) })).await?;
        }
        Ok(())
    }

    /// Reads from one snapshot. Nothing that the body writes is kept.
    ///
    /// # Errors
    /// Those of the body.
    pub async fn read_tx<I, T, E>(
        &self,
        input: &I,
        body: impl for<'t> Fn(&'t mut Tx, &'t I) -> BoxFuture<'t, Result<T, E>>,
    ) -> Result<T, E>
    where
        I: Sync + ?Sized,
        E: From<StoreError>,
    {
        let mut tx = self.begin_read().await.map_err(E::from)?;
        body(&mut tx, input).await
    }

    /// What one statement reads, without the messages that begin and end a snapshot. **The body runs one statement**: two would not see the
    /// same.
    ///
    /// # Errors
    /// Those of the body.
    pub async fn read_one<I, T, E>(
        &self,
        input: &I,
        body: impl for<'t> Fn(&'t mut Tx, &'t I) -> BoxFuture<'t, Result<T, E>>,
    ) -> Result<T, E>
    where
        I: Sync + ?Sized,
        E: From<StoreError>,
    {
        let alone = match self {
            Self::Sqlite { reader, .. } => reader.acquire().await.map(|one| Tx::Sqlite(Opened::Alone(one))),
            Self::Postgres { .. } => return self.read_tx(input, body).await,
        };
        body(&mut alone.map_err(StoreError::from)?, input).await
    }

    pub(super) async fn begin_write(&self) -> Result<Tx, StoreError> {
        match self {
            Self::Sqlite { writer, .. } => Ok(Tx::Sqlite(Opened::Transaction(begin_immediate(writer).await?))),
            Self::Postgres { pool, .. } => Ok(Tx::Postgres(begin_postgres(pool, "BEGIN").await?)),
        }
    }

    /// A transaction of acts that take the head. Nobody holds that for longer than this while they wait for something else.
    pub(super) async fn begin_acts(&self) -> Result<Tx, StoreError> {
        match self {
            Self::Sqlite { .. } => self.begin_write().await,
            Self::Postgres { pool, .. } => {
                Ok(Tx::Postgres(begin_postgres(pool, "BEGIN; SET LOCAL lock_timeout = '2s'").await?))
            }
        }
    }

    pub(super) async fn begin_read(&self) -> Result<Tx, StoreError> {
        match self {
            Self::Sqlite { reader, .. } => Ok(Tx::Sqlite(Opened::Transaction(reader.begin().await?))),
            Self::Postgres { pool, .. } => {
                let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                Ok(Tx::Postgres(begin_postgres(pool, begin).await?))
            }
        }
    }
}

/// A connection that was at work a moment ago is not asked whether it is there (see `open`): if it is not, another is taken. Nothing was
/// done on it yet.
async fn begin_postgres(pool: &PgPool, begin: &'static str) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    for _ in 0..CONNECTIONS {
        let may_be_a_dead_one = pool.num_idle() > 0;
        match begin_whole(pool, begin).await {
            Err(error) if may_be_a_dead_one && (gone(&error) || matches!(error, sqlx::Error::Io(_))) => {}
            other => return other,
        }
    }
    begin_whole(pool, begin).await
}

/// Begins also for a caller that goes away meanwhile: sqlx knows of a transaction once it has begun, and would hand out a connection that
/// was left within one, where everything is read as it was then.
async fn begin_whole(pool: &PgPool, begin: &'static str) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    if mutant::on("begins_are_given_up") {
        return pool.begin_with(begin).await;
    }
    let pool = pool.clone();
    let beginning = tokio::spawn(async move { pool.begin_with(begin).await });
    beginning.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
}

/// On a full disk SQLite ends a transaction by itself, and its connection then takes every later one for a part of that:
/// the one connection that writes is replaced.
async fn begin_immediate(writer: &SqlitePool) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
    match writer.begin_with("BEGIN IMMEDIATE").await {
        Err(sqlx::Error::InvalidSavePointStatement) => {
            writer.acquire().await?.close().await?;
            writer.begin_with("BEGIN IMMEDIATE").await
        }
        begun => begun,
    }
}

/// A commit that the database refused did not happen; one that was not answered, or whose session was ended, may have.
pub(super) fn commit_failed(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(_) if !gone(&error) => error.into(),
        other => StoreError::OutcomeUnknown(other),
    }
}
