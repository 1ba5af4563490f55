//! The formula that counts and the one that is meant to follow: what a person sees of it, before it counts and after.
//!
//! Of the next formula there is the value alone. Its exact attention, taken from that of today, would leave the difference that few people
//! made, perhaps one; and parts of it would do the same. It is worked out for the person themselves and for nobody else: what recipients are
//! told, what is explained and what is contested is by the formula that counts.

use serde::{Deserialize, Serialize};

use super::{App, ServiceError};
use crate::domain::{Act, Day, Micros, ResponseKind, Seq};
use crate::mutant;
use crate::policy::{Formulas, NextFormula};
use crate::score::{ATTENTION_1, Attention, Formula, Verdict, publish};

/// Which formula counts, and which is meant to follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormulasView {
    /// The one that counts.
    pub counts: String,
    /// The one beside it.
    pub next: Option<NextFormulaView>,
}

/// A formula that does not count yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextFormulaView {
    /// Its name.
    pub version: String,
    /// From which day on the operator means it to count, in days since 1970.
    pub from_day: Day,
    /// What differs from the one that counts.
    pub changes: Vec<WeightChange>,
}

/// What one response weighs, now and then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightChange {
    /// A response of this kind.
    pub kind: ResponseKind,
    /// By the formula that counts.
    pub now: i64,
    /// By the next one.
    pub then: i64,
}

/// A person's score by a formula that does not count yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NextScoreView {
    /// Which formula.
    #[serde(flatten)]
    pub formula: NextFormulaView,
    /// It does not count, and nobody else is told it.
    pub counts: bool,
    /// `scored`, or `insufficient_data`, by the same rules as the one that counts.
    pub state: &'static str,
    /// 1 to 100.
    pub value: Option<u8>,
}

/// Another formula counts from here on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FormulaChange {
    /// Where in the log it stands.
    pub seq: Seq,
    /// Since when.
    pub at: Micros,
    /// The one that counted before.
    pub from: String,
    /// The one that counts since.
    pub to: String,
}

impl From<&Formulas> for FormulasView {
    fn from(formulas: &Formulas) -> Self {
        let next = formulas.next.as_ref().map(|next| NextFormulaView::new(&formulas.counts, next));
        Self { counts: formulas.counts.name.into(), next }
    }
}

impl NextFormulaView {
    fn new(now: &Formula, next: &NextFormula) -> Self {
        let change = |kind| WeightChange { kind, now: now.weight(kind), then: next.formula.weight(kind) };
        let changes = ResponseKind::ALL.map(change).into_iter().filter(|change| change.now != change.then);
        Self { version: next.formula.name.into(), from_day: next.from, changes: changes.collect() }
    }
}

impl App {
    /// The formula by which everything is told.
    pub(super) fn formula(&self) -> Formula {
        let Formulas { counts, next } = self.registry.formula;
        next.filter(|_| mutant::on("next_formula_counts")).map_or(counts, |next| next.formula)
    }

    /// What the next formula says of a person; nothing where none is announced.
    pub(super) fn next_score(&self, by: impl FnOnce(&Formula) -> Attention) -> Option<NextScoreView> {
        let next = self.registry.formula.next.as_ref()?;
        let (state, value) = match publish(&by(&next.formula)) {
            Verdict::Scored { value, .. } => ("scored", Some(value)),
            Verdict::InsufficientData => ("insufficient_data", None),
        };
        let formula = NextFormulaView::new(&self.registry.formula.counts, next);
        Some(NextScoreView { formula, counts: false, state, value })
    }

    /// When another formula began to count, as the log says, oldest first.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn formula_changes(&self) -> Result<Vec<FormulaChange>, ServiceError> {
        let adopted = self.store.read_tx(self, |tx, app| Box::pin(app.own_events(tx, "policy_adopted"))).await?;
        let (mut counted, mut changes) = (None, Vec::new());
        for (seq, event) in adopted {
            let Act::PolicyAdopted { formula, .. } = event.act else { continue };
            let to = formula.unwrap_or_else(|| ATTENTION_1.name.into()); // there was no other before that was said
            if let Some(from) = counted.replace(to.clone()).filter(|from| *from != to) {
                changes.push(FormulaChange { seq, at: event.at, from, to });
            }
        }
        Ok(changes)
    }
}
