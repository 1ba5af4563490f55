//! The HTTP API, asked through its real router, and where sockets and processes matter through the real program.

mod activities;
mod authzen;
mod bad_input;
mod cases;
pub(crate) mod client;
mod crashes;
mod durable;
mod flood;
mod idempotency;
mod lines;
mod oracle;
pub(crate) mod program;
mod roles;
mod secrets;
mod shared;
mod store_crashes;
mod surface;
pub(crate) mod tables;
mod timing;
mod verifying;

pub(crate) use client::{Api, Somebody};
