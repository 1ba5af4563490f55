//! Opening a database: the right settings, one server for a file, the schema as the data map says.

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, PgPool, SqlitePool};

use super::fenced::TRIGGERS;
use super::group::Group;
use super::schema::{migrate_postgres, migrate_sqlite};
use super::tx::Opened;
use super::{StoreError, Tx, on};
use crate::datamap::DataMap;
use crate::fence::Fence;
use crate::secret::{Entropy, Key, private_file, private_folder};

const BUSY: Duration = Duration::from_secs(10);
pub(super) const CONNECT: Duration = Duration::from_secs(10);
/// Connections to PostgreSQL.
pub(super) const CONNECTIONS: u32 = 16;
const FRESH: Duration = Duration::from_secs(1);
/// Statements that each connection to SQLite keeps prepared: all of ours, and the forms that an act takes.
const STATEMENTS: usize = 512;
/// What of the file is read through the memory of the system when everybody is read: as much as SQLite takes.
const MAPPED_BYTES: u32 = 0x7fff_0000;

/// One database.
#[derive(Debug, Clone)]
pub enum Store {
    /// A file and its folder.
    Sqlite {
        /// The one connection that writes.
        writer: SqlitePool,
        /// The connections that read.
        reader: SqlitePool,
        /// Held while a server has the file.
        lock: Option<Arc<File>>,
        /// What the gate looks at, in memory, while a server has the file.
        fence: Option<Arc<Fence>>,
        /// The acts of the next commit.
        group: Group,
    },
    /// A server.
    Postgres {
        /// Its connections.
        pool: PgPool,
        /// The acts of the next commit of this node.
        group: Group,
    },
}

/// What a program wants of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// To be its server: makes it when it is not there, and has a SQLite file alone.
    Serve,
    /// To read beside a running server.
    Inspect,
}

impl Store {
    /// Opens SQLite in a data folder, or PostgreSQL when a URL is given. Brings the schema up to date and compares it
    /// with the data map.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another server has the file; [`StoreError::Schema`] for a column nobody mapped.
    pub async fn open(data: &Path, database: &str, access: Access, map: &DataMap) -> Result<Self, StoreError> {
        let store = if database.is_empty() {
            Self::sqlite(data, access).await?
        } else {
            Self::postgres(database, access).await?
        };
        let live = store.columns().await?;
        map.check(&live).map_err(|mismatch| StoreError::Schema(mismatch.to_string()))?;
        Ok(store)
    }

    async fn sqlite(data: &Path, access: Access) -> Result<Self, StoreError> {
        let file = Self::sqlite_file(data);
        let lock = match access {
            Access::Serve => Some(Arc::new(lock(data)?)),
            Access::Inspect => None,
        };
        if access == Access::Serve {
            // SQLite would make it readable for everybody; its companions take their mode from it.
            let made = private_file().create(true).truncate(false).open(&file);
            made.and_then(|file| file.set_permissions(Permissions::from_mode(0o600)))
                .map_err(|e| StoreError::Unavailable(e.into()))?;
        }
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .create_if_missing(false) // a connection made later must not begin an empty database where the file went
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .pragma("secure_delete", "ON")
            .pragma("temp_store", "MEMORY") // what a savepoint keeps for its undoing is personal, and writing it costs time
            .statement_cache_capacity(STATEMENTS)
            .busy_timeout(BUSY)
            .disable_statement_logging();
        let writer = SqlitePoolOptions::new().max_connections(1).acquire_timeout(CONNECT);
        // On a full disk SQLite itself rolls back, sqlx's own rollback then fails, and the connection would refuse every
        // later transaction: it is replaced. The ping carries out what is queued.
        let writer = writer.after_release(|connection, _| {
            Box::pin(async move {
                connection.ping().await?;
                Ok(!connection.is_in_transaction())
            })
        });
        if access == Access::Serve {
            let first = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
            migrate_sqlite(&first).await?;
            first.close().await;
        }
        let writer = writer.after_connect(move |connection, _| {
            Box::pin(async move {
                match access {
                    Access::Serve => sqlx::raw_sql(TRIGGERS).execute(connection).await.map(drop),
                    Access::Inspect => Ok(()),
                }
            })
        });
        let writer = writer.connect_with(options.clone()).await?;
        // A file does not go away between two requests: to ask first whether it is there would take as long as reading.
        let reader = SqlitePoolOptions::new().max_connections(4).acquire_timeout(CONNECT).test_before_acquire(false);
        let options = options.pragma("query_only", "ON");
        let reader = reader.connect_with(options.clone()).await?;
        let fence = match access {
            Access::Serve => {
                let secret = Entropy::system()
                    .bytes()
                    .map_err(|e| StoreError::Unavailable(sqlx::Error::Io(std::io::Error::other(e))))?;
                Some(Arc::new(Fence::new(Key::new(secret))))
            }
            Access::Inspect => None,
        };
        let store = Self::Sqlite { writer, reader, lock, fence, group: Group::default() };
        if let Some(fence) = store.fence() {
            // Whoever is read stands in no order in most tables: from a small cache each page would be read many times.
            let options = options.pragma("mmap_size", MAPPED_BYTES.to_string());
            let once = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
            Tx::Sqlite(Opened::Transaction(once.begin().await?)).fill(fence).await?;
            once.close().await;
        }
        Ok(store)
    }

    /// The owner of the schema brings it up to date; from then on every connection works as the role that cannot touch the
    /// log.
    async fn postgres(url: &str, access: Access) -> Result<Self, StoreError> {
        let options = url.parse::<PgConnectOptions>()?.disable_statement_logging();
        if access == Access::Serve {
            let owner = PgPoolOptions::new().max_connections(1).acquire_timeout(CONNECT);
            let owner = owner.connect_with(options.clone()).await?;
            migrate_postgres(&owner).await?;
            owner.close().await;
        }
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(CONNECT);
        // A connection that was at work a moment ago is not asked first whether it is there: that would cost every act a round trip.
        let pool = pool.test_before_acquire(false).before_acquire(|connection, metadata| {
            Box::pin(async move {
                if metadata.idle_for > FRESH {
                    connection.ping().await?;
                }
                Ok(true)
            })
        });
        // What is asked is always found by its key, so a statement is planned once: planning the search of an erasure takes longer than it.
        let pool = pool.after_connect(|connection, _| {
            let prepare = "SET ROLE sayso_service; SET plan_cache_mode = force_generic_plan";
            Box::pin(async move { sqlx::raw_sql(prepare).execute(connection).await.map(drop) })
        });
        Ok(Self::Postgres { pool: pool.connect_with(options).await?, group: Group::default() })
    }

    /// What the gate looks at, where this process has it in memory, and its database is open.
    pub fn fence(&self) -> Option<&Fence> {
        match self {
            Self::Sqlite { fence, writer, .. } => fence.as_deref().filter(|_| !writer.is_closed()),
            Self::Postgres { .. } => None,
        }
    }

    /// Where the SQLite file of a data folder is.
    pub fn sqlite_file(data: &Path) -> PathBuf {
        data.join("sayso.db")
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let mut tx = self.begin_read().await?;
        Ok(on!(&mut tx, c => sqlx::query("SELECT 1").execute(c).await.map(drop))?)
    }

    /// Ends every connection, so that nothing is left unwritten.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { writer, reader, .. } => {
                reader.close().await;
                writer.close().await;
            }
            Self::Postgres { pool, .. } => pool.close().await,
        }
    }

    /// Makes what was deleted unreadable on the disk. SQLite overwrites deleted rows (`secure_delete`) but not the copies
    /// that moving rows between pages leaves behind, so the file is written anew, once for a batch of erasures. On
    /// PostgreSQL the destroyed key does that: what is left in its files cannot be opened.
    ///
    /// # Errors
    /// When the disk is full, or readers were in the way all the time.
    pub async fn storage_pass(&self) -> Result<(), StoreError> {
        if let Self::Sqlite { writer, .. } = self {
            sqlx::query("VACUUM").execute(writer).await?;
        }
        self.empty_write_ahead_log().await
    }

    /// Empties the write-ahead log of SQLite, where copies of what was deleted or changed remain.
    ///
    /// # Errors
    /// When readers were in the way all the time.
    pub async fn empty_write_ahead_log(&self) -> Result<(), StoreError> {
        let Self::Sqlite { writer, .. } = self else { return Ok(()) };
        for _ in 0..50 {
            if checkpointed(writer).await? {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(StoreError::Contention(50))
    }
}

/// Tries once, without waiting for readers: while it waited no other act could be written.
async fn checkpointed(writer: &SqlitePool) -> Result<bool, StoreError> {
    let mut connection = writer.acquire().await?;
    sqlx::query("PRAGMA busy_timeout = 0").execute(&mut *connection).await?;
    let tried: Result<(i64, i64, i64), sqlx::Error> =
        sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut *connection).await;
    let restore = sqlx::AssertSqlSafe(format!("PRAGMA busy_timeout = {}", BUSY.as_millis()));
    sqlx::query(restore).execute(&mut *connection).await?;
    Ok(tried?.0 == 0)
}

fn lock(data: &Path) -> Result<File, StoreError> {
    let path = data.join("server.lock");
    private_folder(data).map_err(|e| StoreError::Unavailable(e.into()))?;
    let file = File::options().create(true).truncate(false).write(true).open(path);
    let file = file.map_err(|e| StoreError::Unavailable(e.into()))?;
    file.try_lock().map_err(|_| StoreError::Locked)?;
    Ok(file)
}
