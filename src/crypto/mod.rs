//! Keys and what is done with them: sealed columns, blind index, slow hashes, access tokens.

mod assertion;
mod blind;
mod epochs;
mod ring;
mod seal;
mod slow;
mod token;
mod webhook;

pub use assertion::{Assertion, Jwk, check_assertion, says_it_is_from};
pub use blind::{Blind, sha256};
pub use epochs::{Due, Epoch, Epochs};
pub use ring::{KeyRing, RingError};
pub use seal::{Place, SealError, SubjectKey, open, seal};
pub use slow::{Slow, SlowError};
pub use token::{Claims, Role, TokenError, Tokens};
pub use webhook::WebhookSigner;
