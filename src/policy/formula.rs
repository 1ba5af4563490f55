//! Which formula of the score counts, and which is meant to follow it: part of the registry, so that a change is an event of the log like
//! any other change of the rules.

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::domain::Day;
use crate::score::Formula;

/// What the registry says about formulas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Formulas {
    /// The one that counts: whatever is told is told by it.
    #[serde(deserialize_with = "formula")]
    pub counts: Formula,
    /// The one whose value people see beside it, before it counts.
    pub next: Option<NextFormula>,
}

/// A formula that is meant to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NextFormula {
    /// Which.
    #[serde(rename = "name", deserialize_with = "formula")]
    pub formula: Formula,
    /// From which day on. Nothing happens by itself on that day: the operator has to let it count.
    #[serde(deserialize_with = "day")]
    pub from: Day,
}

impl Formulas {
    /// In one line, to compare with another.
    pub fn text(&self) -> String {
        let next = self.next.map(|next| format!(", beside it {} from {} on", next.formula.name, next.from.text()));
        format!("{} counts{}", self.counts.name, next.unwrap_or_default())
    }
}

fn formula<'de, D: Deserializer<'de>>(from: D) -> Result<Formula, D::Error> {
    let name = String::deserialize(from)?;
    let known = || Formula::ALL.map(|formula| formula.name).join("`, `");
    Formula::named(&name)
        .ok_or_else(|| D::Error::custom(format!("there is no formula `{name}`: there are `{}`", known())))
}

fn day<'de, D: Deserializer<'de>>(from: D) -> Result<Day, D::Error> {
    let text = String::deserialize(from)?;
    Day::parse(&text).ok_or_else(|| D::Error::custom(format!("`{text}` is no day such as `2027-03-01`")))
}
