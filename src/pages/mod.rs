//! The pages: HTML made here, complete without the script, every route on one page (`routes`). What they do they ask the service for, as
//! the API does; no page holds a rule of its own.
//!
//! A form carries a key that was made with it, so that sending it twice does nothing twice, and is taken only from our own pages
//! (`visit`). Nothing personal stands in an address. Every word is a message of `words`, in each language.

mod account;
mod archive;
mod asked;
mod assets;
mod audit;
mod callers;
mod code;
mod consents;
mod cookies;
mod data;
mod erasure;
mod front;
mod health;
mod history;
mod identifiers;
mod layout;
mod look;
mod names;
mod notice;
mod notices;
mod operate;
mod opt_out;
mod paged;
mod parts;
mod past;
mod public;
mod readable;
mod receipt;
mod receipt_mail;
mod requests;
mod routes;
mod rules;
mod score;
mod score_next;
mod score_parts;
mod staff;
mod states;
mod stored;
mod trouble;
mod verify;
mod visibility;
mod visit;
mod waiting;

use std::sync::Arc;

use axum::response::Response;

use crate::service::App;
use crate::web::problem::Problem;
use crate::words;

pub(crate) use routes::router;
pub(crate) use trouble::{in_words, words_for};

pub use routes::ROUTES;
pub use words::Lang;

/// What every handler shares.
type Shared = Arc<App>;
/// A page, or a problem that becomes one.
type Answered = Result<Response, Problem>;
