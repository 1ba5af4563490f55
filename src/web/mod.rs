//! What the API and the pages share of HTTP: what a route says of itself, problems, how headers and bodies are read,
//! when an answer leaves, and what everybody is shown.

pub(crate) mod headers;
pub(crate) mod path;
pub(crate) mod problem;
pub(crate) mod public;
pub(crate) mod quantum;
pub mod rest;
mod route;

pub use route::{Access, Pace, Reads, Route};
