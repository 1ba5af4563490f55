//! May this be done with this person's data, now? Pure; the one way to every score, explanation and disclosure.
//!
//! [`floor`] cannot be configured. House rules (`policies/*.cedar`) come behind it and may only narrow; until they are
//! built there are none, and [`Rules::loaded`] says whether the registry itself was read.

mod decide;
mod floor;

pub use decide::{Allow, Decision, Question, Rules, decide, facts};
pub use floor::{Action, Denial, Facts, PurposeClass, floor};
