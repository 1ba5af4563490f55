//! The API: JSON over HTTP, problems (RFC 9457), every route on one page (`routes`). The pages stand beside it, in the same layers.

mod accounts;
mod activities;
mod admin;
mod anyone;
mod audit;
mod authzen;
mod callers;
mod engine_scores;
mod extract;
mod forward;
mod gate;
mod health;
mod layers;
mod lines;
mod long;
mod me;
mod public;
mod routes;
mod serve;

use std::sync::Arc;

use crate::service::App;
use crate::web::problem;

pub use crate::web::{Access, Pace, Reads, Route};
pub use routes::{ROUTES, router};
pub use serve::{Running, ServeError, listen, start};

/// What every handler shares.
type Shared = Arc<App>;
