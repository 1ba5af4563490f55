//! The only room that runs SQL, on SQLite or PostgreSQL. Each statement is written once.
//!
//! A [`Tx`] is a transaction on either database and `on!` runs one expression on whichever is open. Every act is one
//! [`Store::run_tx`]; whatever it answers with success is on disk. Statements are declared with `sql!`, so that a test
//! can prepare all of them on both databases and count their parameters.

mod append;
mod clients;
mod codes;
mod deliveries;
mod engine_scores;
mod erase;
mod error;
mod fenced;
mod grants;
mod graph;
mod group;
mod house;
mod identity;
mod jobs;
mod known;
mod listing;
mod log;
mod notices;
mod open;
pub mod outside;
mod people;
mod public_pages;
mod retention;
mod rotation;
mod schema;
mod score_stores;
pub mod tamper;
mod tx;

pub use append::Recorded;
pub use clients::{ClientRow, Counted, DecisionTally};
pub use codes::{CodeRow, MailRow, StoredAnswer};
pub use deliveries::{DeliveryKind, DeliveryRow, DeliveryState, Hearer};
pub use engine_scores::EngineScoreRow;
pub use erase::{Cell, FoundRows, RowSink};
pub use error::{StoreError, Transient};
pub use grants::DueGrant;
pub use graph::{ActivityRow, EdgeKey, ObjectRow, VisibleQuery};
pub use group::Group;
pub use house::{HouseRow, RulesInForce};
pub use identity::{ClaimRow, IdentifierRow, SessionRow};
pub use jobs::{JobPlace, JobRow, JobStep, OpenJobs};
pub use known::{FoundBy, Known};
pub use listing::{DecisionPlace, DeliveryPlace, IdentifierPlace};
pub use log::{Begun, EventRow, Head, KeyAndEvents, LeafRow, NodeRow};
pub use notices::{NoticeRow, NoticeText, Offer, Offered};
pub use open::{Access, Store};
pub use retention::{RETENTION, Retention};
pub use rotation::{NameHolder, SealedName, SealedObject, WrappedKey};
pub use score_stores::StoreErasureRow;
pub use tx::{BoxFuture, Tx};

/// Runs one expression on the open connection of either database.
macro_rules! on {
    ($tx:expr, $c:ident => $e:expr) => {
        match $tx {
            $crate::store::Tx::Sqlite(t) => {
                let $c = &mut **t;
                $e
            }
            $crate::store::Tx::Postgres(t) => {
                let $c = &mut **t;
                $e
            }
        }
    };
}

/// Declares the statements of a file and lists them, with the number of their parameters, for the test that prepares all.
macro_rules! sql {
    ($($name:ident($params:literal) = $text:expr;)*) => {
        $(pub(super) const $name: &str = $text;)*
        pub(super) const STATEMENTS: &[(&str, &str, usize)] = &[$((stringify!($name), $text, $params)),*];
    };
}

pub(crate) use {on, sql};

/// Every statement with its name and the number of its parameters.
pub fn statements() -> Vec<(&'static str, &'static str, usize)> {
    let files = [
        append::STATEMENTS,
        clients::STATEMENTS,
        codes::STATEMENTS,
        deliveries::STATEMENTS,
        engine_scores::STATEMENTS,
        graph::STATEMENTS,
        grants::STATEMENTS,
        house::STATEMENTS,
        identity::STATEMENTS,
        jobs::STATEMENTS,
        listing::STATEMENTS,
        log::STATEMENTS,
        notices::STATEMENTS,
        people::STATEMENTS,
        public_pages::STATEMENTS,
        retention::STATEMENTS,
        rotation::STATEMENTS,
        score_stores::STATEMENTS,
    ];
    files.into_iter().flatten().copied().collect()
}
