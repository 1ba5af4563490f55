//! Who somebody is elsewhere: e-mail addresses and handles in one form, and the proof that a handle is theirs.
//!
//! Pure; the page of a handle is read through [`crate::egress`].

mod address;
mod normalise;
mod page;

pub use address::{InAddress, in_address};
pub use normalise::{BadIdentifier, Identifier, IdentifierKind};
pub use page::{PROOF_PREFIX, proves};
