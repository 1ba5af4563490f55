//! The built-in score: how much of other people's attention reached somebody, by their own consent on both ends.
//!
//! Pure and in integers. A `Formula` says what each response weighs; `attention` adds up `parts` of one responder's week each, `publish` turns the sum into the
//! familiar 1 to 100 or into "not enough data", `explain` shows the parts without showing anybody. Every part of a
//! score belongs to exactly one responder, so whoever leaves takes exactly their own parts along.

mod attention;
mod curve;
mod explanation;
mod formula;

pub use attention::{Attention, CAP, DENOMINATOR, Part, WHOLE, attention, parts, sum};
pub use curve::{RESPONDERS_MIN, THRESHOLDS, Verdict, WEEKS_MIN, publish, value};
pub use explanation::{Amounts, Cell, Explanation, GROUP_MIN, Rest, WeekShown, explain};
pub use formula::{ATTENTION_1, ATTENTION_2, Formula};
