//! How long rows stay when nothing else removes them: the one table that the sweep works from. What it says in words is what the data
//! map says to people; a test compares the two. What is not here goes with a grant, with its owner, or never; the data map says which.

use super::{StoreError, Tx, on, sql};
use crate::domain::Micros;
use crate::limits;

/// One rule.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// The table.
    pub table: &'static str,
    /// For how long, in words for people.
    pub kept: &'static str,
    statement: &'static str,
    bounds: &'static [Bound],
}

/// What a statement compares with.
#[derive(Debug, Clone, Copy)]
enum Bound {
    /// The time so many seconds ago.
    Seconds(i64),
    /// The day so many days ago.
    Days(i64),
}

const HOUR_SECONDS: i64 = 3_600;
const DAY_SECONDS: i64 = 86_400;

sql! {
    OLD_CLAIMS(1) = "DELETE FROM claim WHERE expires_us <= $1";
    OLD_SESSIONS(1) = "DELETE FROM session WHERE expires_us <= $1";
    OLD_ANSWERS(1) = "DELETE FROM idempotency WHERE expires_us <= $1";
    OLD_CODES(2) = "DELETE FROM code WHERE expires_us <= $1 AND hour_from_us <= $2";
    OLD_DELIVERIES(1) = "DELETE FROM delivery WHERE made_us <= $1 AND job IS NULL";
    OLD_NAMES(1) = "UPDATE delivery SET pairwise = NULL WHERE made_us <= $1 AND next_us IS NULL AND pairwise IS NOT NULL";
    OLD_DECISIONS(1) = "DELETE FROM decision_count WHERE day <= $1";
    OLD_ASSERTIONS(1) = "DELETE FROM client_assertion WHERE expires_us <= $1";
    OLD_TOKENS(1) = "DELETE FROM ended_token WHERE expires_us <= $1";
    OLD_UNKNOWN(1) = "DELETE FROM unknown_count WHERE day <= $1";
}

const fn rule(table: &'static str, kept: &'static str, statement: &'static str, bounds: &'static [Bound]) -> Retention {
    Retention { table, kept, statement, bounds }
}

/// Every rule.
pub const RETENTION: [Retention; 10] = [
    rule("claim", "7 days", OLD_CLAIMS, &[Bound::Seconds(0)]),
    rule("session", "30 days after the last use", OLD_SESSIONS, &[Bound::Seconds(0)]),
    rule("idempotency", "24 hours", OLD_ANSWERS, &[Bound::Seconds(0)]),
    // A code ends after 30 minutes; how many were asked for in the hour is remembered until the hour is over.
    rule(
        "code",
        "30 minutes; an hour, when another may be asked for",
        OLD_CODES,
        &[Bound::Seconds(0), Bound::Seconds(HOUR_SECONDS)],
    ),
    rule(
        "delivery",
        "90 days; what was told of an erasure stays with it, without the name",
        OLD_DELIVERIES,
        &[Bound::Seconds(limits::DELIVERY_DAYS * DAY_SECONDS)],
    ),
    rule(
        "delivery",
        "90 days; what was told of an erasure stays with it, without the name",
        OLD_NAMES,
        &[Bound::Seconds(limits::DELIVERY_DAYS * DAY_SECONDS)],
    ),
    rule("decision_count", "13 months", OLD_DECISIONS, &[Bound::Days(limits::DECISION_DAYS)]),
    rule("client_assertion", "6 minutes", OLD_ASSERTIONS, &[Bound::Seconds(0)]),
    rule("ended_token", "10 minutes", OLD_TOKENS, &[Bound::Seconds(0)]),
    rule("unknown_count", "13 months", OLD_UNKNOWN, &[Bound::Days(limits::DECISION_DAYS)]),
];

impl Tx {
    /// Removes whatever is older than its rule allows.
    pub async fn sweep(&mut self, now: Micros) -> Result<(), StoreError> {
        for rule in &RETENTION {
            let bounds = rule.bounds.iter().map(|bound| match bound {
                Bound::Seconds(seconds) => now.plus_seconds(-seconds).0,
                Bound::Days(days) => now.plus_days(-days).day().0,
            });
            on!(self, c => bounds.fold(sqlx::query(rule.statement), sqlx::query::Query::bind).execute(c).await.map(drop))?;
        }
        Ok(())
    }
}
