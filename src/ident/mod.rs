//! Who somebody is elsewhere: e-mail addresses and handles in one form, and the proof that a handle is theirs.
//!
//! [`Identifier`] and [`proves`] are pure; [`Fetcher`] reads the page of a handle and is the only I/O here.

mod fetch;
mod normalise;
mod page;

pub use fetch::{FetchError, Fetcher, PAGE_BYTES_MAX, is_public};
pub use normalise::{BadIdentifier, Identifier, IdentifierKind};
pub use page::{PROOF_PREFIX, proves};
