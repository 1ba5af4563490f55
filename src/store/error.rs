//! What can go wrong in the store. Nothing here carries a value of a row.

use std::borrow::Cow;

use sqlx::error::DatabaseError;
use sqlx::postgres::{PgDatabaseError, PgSeverity};

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A row with this key exists.
    #[error("a row with this key exists")]
    Duplicate,
    /// A row points at a lineage or person that ended meanwhile.
    #[error("a lineage ended meanwhile")]
    Fenced,
    /// Others were in the way, every time.
    #[error("gave up after {0} tries because of other writers: try again")]
    Contention(u32),
    /// The database cannot be reached.
    #[error("the database cannot be reached: try again, and look at the operator's log")]
    Unavailable(#[source] sqlx::Error),
    /// The disk is full.
    #[error("the disk of the database is full: nothing was written; free space and try again")]
    Full,
    /// It is not known whether the transaction was committed.
    #[error("it is not known whether the change was stored: repeat it with the same `Idempotency-Key`")]
    OutcomeUnknown(#[source] sqlx::Error),
    /// A row holds what nobody may have written.
    #[error("the row of `{0}` cannot be read: it was changed behind the service's back")]
    Corrupt(&'static str),
    /// Another server has the file.
    #[error("another sayso server uses this data folder: talk to it with `--url`, or stop it first")]
    Locked,
    /// The schema is not what this program needs.
    #[error("{0}")]
    Schema(String),
    /// Anything else.
    #[error("the database refused a statement")]
    Database(#[source] sqlx::Error),
}

impl StoreError {
    /// The stable name of what it means to a caller: `broken` needs an operator, everything else may pass.
    pub fn name(&self) -> &'static str {
        match self {
            Self::OutcomeUnknown(_) => "outcome-unknown",
            Self::Full => "storage-full",
            Self::Corrupt(_) | Self::Database(_) | Self::Schema(_) => "broken",
            _ => "unavailable",
        }
    }
}

/// Errors after which a transaction may be run again.
pub trait Transient {
    /// Whether it may.
    fn is_transient(&self) -> bool;
}

impl Transient for StoreError {
    fn is_transient(&self) -> bool {
        match self {
            Self::Fenced => true,
            Self::Database(e) | Self::OutcomeUnknown(e) => code(e).is_some_and(|code| RETRY.contains(&code.as_str())),
            _ => false,
        }
    }
}

/// SQLite's busy and locked; PostgreSQL's serialization failure, deadlock and lock that was not there in time: the transaction surely did
/// not happen.
const RETRY: [&str; 7] = ["5", "6", "261", "517", "40001", "40P01", "55P03"];
/// SQLite's and PostgreSQL's for a full disk.
const FULL: [&str; 3] = ["13", "53100", "1038"];

fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(DatabaseError::code).map(Cow::into_owned)
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(e) if e.is_unique_violation() => Self::Duplicate,
            sqlx::Error::Database(e) if e.is_foreign_key_violation() => Self::Fenced,
            sqlx::Error::Database(_) if code(&error).is_some_and(|code| FULL.contains(&code.as_str())) => Self::Full,
            sqlx::Error::Database(_) if gone(&error) => Self::Unavailable(error),
            sqlx::Error::Database(_) => Self::Database(error),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::Corrupt("a column"),
            _ => Self::Unavailable(error),
        }
    }
}

/// Whether there is nobody to talk to: PostgreSQL ended the session or refused to begin one (any fatal error, its connection
/// and shutdown classes); SQLite's I/O, cannot open, not a database.
pub(super) fn gone(error: &sqlx::Error) -> bool {
    let postgres = error.as_database_error().and_then(|e| e.try_downcast_ref::<PgDatabaseError>());
    let fatal = postgres.is_some_and(|e| matches!(e.severity(), PgSeverity::Fatal | PgSeverity::Panic));
    let unreachable = |code: String| {
        let sqlite = ["10", "14", "26", "266", "522", "778", "6410"].contains(&code.as_str());
        sqlite || code.starts_with("08") || code.starts_with("57P")
    };
    fatal || code(error).is_some_and(unreachable)
}
