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
    clippy::too_many_lines,
    clippy::missing_panics_doc,
    reason = "a test says what went wrong by failing"
)]

mod demo;
mod ident;
mod log;
mod parsing;
mod readme;
mod score;
mod tidy;
mod world;
