//! sayso stands in front of social scoring: nobody is scored, profiled, linked or shown unless they said so.
//!
//! # The house
//!
//! Data flows one way: `cli, http, pages, layer, proxy, worker -> service -> {domain, gate, policy, score, log, exchange, ident, egress, crypto, datamap,
//! ingest, words, store}`. The pure rooms (`domain`, `gate`, `score`, `log`, `exchange`, `ident`, `ingest`, `datamap`, `words`) do no I/O and take `now`
//! as an argument. Only `store` runs SQL, only `http` and `pages` (and what they share, `web`) know axum, only `egress` calls addresses that somebody else chose. A test
//! reads the sources and enforces this.
//!
//! # One request, walked through: taking a grant back
//!
//! 1. `DELETE /v1/me/consents/8` meets the layers of [`http`] (request id, log line, places, time limit) and its line in
//!    [`http::ROUTES`], which says: a person, for themselves.
//! 2. The extractors read the bearer token, look its session up, and scope the `Idempotency-Key`.
//! 3. [`service::App::withdraw`] begins one transaction. It takes the head row, so that commit order = `seq` = leaf index;
//!    opens the person's events with their key; folds them ([`domain::History`]).
//! 4. It records `withdrawn`: seals the event, adds the leaf ([`log::Leaf`]) to the tree, signs the checkpoint, folds the event
//!    into the standing, deletes the grant. Every edge under the grant's lineage goes with it, by foreign key. What the
//!    recipient must be told is queued in the same transaction; the worker sends it.
//! 5. The commit is on disk before the answer, with its receipt, leaves. Whoever asks [`gate::decide`] from now on is denied.
//!
//! From a page it is the same act: `POST /me/consents/attention_score` meets the same layers, is taken only from a page of ours, and carries
//! the key that its form was made with, for that person and nobody else ([`pages`]).
//!
//! # Where to find things
//!
//! What must hold whatever anybody configures is [`gate::floor`]; house rules come behind it ([`policy::HouseRules`], [`gate::HouseTable`]). What is stored is `policies/datamap.toml`. Every bound is in
//! [`limits`]. Time, randomness and the environment are read in [`clock`], [`secret`] and [`config`] and nowhere else.
//! What pages and mails say, in each language, is [`words`]. Decisions that were taken stand in the head of the module that lives by them.
//!
//! # What differs from a usual service, on purpose
//!
//! - Where one process alone writes (SQLite), the gate decides from memory ([`fence`]): whomever an act changes is taken away there
//!   before it is committed. On PostgreSQL each decision reads the one database in one snapshot, so a withdrawal needs no invalidation.
//! - There, too, acts that come together share a commit ([`store`]): each behind a savepoint of its own, nobody answered before the disk.
//! - Expiry, holds and outdated notices are checked when something is read, never only by a sweep.
//! - The write fence is the schema: derived rows point at a live lineage and cannot exist without it.
//! - The last checkpoint stands beside the database, not in it: an older copy of the database is refused at the start.
//! - A certificate of an erasure is a receipt: of the leaf that says what went, written from the counts of the read-back.
//! - Databases of others that keep scores ([`store::outside`]) are proved by a row that is nobody's before anything is read or deleted
//!   there, and no erasure that concerns one is certified before it was read back.
//! - Whoever asks a sayso elsewhere ([`remote`]: the [`layer`] for Rust services, the [`proxy`]) takes every failure for a denial.
//! - A score that is told to a recipient is an event of the person, on disk before the recipient has its answer.
//! - A page whose making takes long is begun before it is whole ([`web::rest`]); nothing personal stands in what is sent first.
//! - Everybody is a recipient, too: a public page hangs on a grant of its own, at an address that goes with it.

pub mod cli;
pub mod clock;
pub mod config;
pub mod crypto;
pub mod datamap;
pub mod domain;
pub mod egress;
pub mod exchange;
pub mod fence;
pub mod gate;
pub mod http;
pub mod ident;
pub mod ids;
pub mod ingest;
pub mod layer;
pub mod limits;
pub mod log;
pub mod mutant;
pub mod pages;
pub mod policy;
pub mod proxy;
pub mod remote;
pub mod score;
pub mod secret;
pub mod service;
pub mod store;
pub mod telemetry;
pub mod web;
pub mod window;
pub mod words;
pub mod worker;
