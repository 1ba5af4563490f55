//! Every test of sayso, in one binary. `tests/run` starts what they need.
#![cfg(test)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::pedantic,
    clippy::excessive_nesting,
    unreachable_pub,
    missing_docs,
    reason = "a test says what went wrong by failing"
)]

mod api;
mod audit;
mod config;
mod consent;
mod datamap;
mod deliveries;
mod demo;
mod disclosing;
mod domain;
mod doors;
mod egress;
mod engines;
mod exchange;
mod fencing;
mod floor;
mod formulas;
mod house;
mod ident;
mod import;
mod layer;
mod log;
mod mutants;
mod objecting;
mod opting_out;
mod pages;
mod parsing;
mod people;
mod proxy;
mod raw;
mod readme;
mod real_data;
mod recipients;
mod rotating;
mod score;
mod scores;
mod showing;
mod store;
mod stores;
mod strangers;
mod tidy;
mod world;
