//! What the API and the pages share of HTTP: what a route says of itself, problems, and how headers and bodies are read.

pub(crate) mod headers;
pub(crate) mod path;
pub(crate) mod problem;
mod route;

pub use route::{Access, Pace, Reads, Route};
