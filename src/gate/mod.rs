//! May this be done with this person's data, now? Pure; the one way to every score, explanation and disclosure.
//!
//! [`floor`] cannot be configured. House rules (`policies/*.cedar`) come behind it as a table of bits and may only narrow.

mod decide;
mod floor;
mod house;

pub use decide::{Allow, Asker, Decision, House, Prepared, Projection, Question, Rules, decide, facts};
pub use floor::{Action, Denial, Facts, PurposeClass, floor};
pub use house::{Axes, Class, HouseTable, Row};
