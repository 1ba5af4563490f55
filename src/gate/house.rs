//! House rules as a table: for each class of question one bit. Whoever wrote the rules, the table can only narrow what the floor allows.
//!
//! A class is what is left of a question behind the floor, where everybody is an adult with a live grant. There are few (some thousand), so
//! that all are worked out when the rules are loaded, and a decision is one bit.

use crate::domain::{Assurance, Purpose, RecipientClass, Regime, Source};
use crate::gate::Action;

/// One class of questions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Class {
    /// What kind of body asks.
    pub recipient_class: RecipientClass,
    /// What it wants to do.
    pub action: Action,
    /// Why.
    pub purpose: Purpose,
    /// With activity from where.
    pub source: Source,
    /// Under which law.
    pub regime: Regime,
    /// How we know that the person is an adult.
    pub assurance: Assurance,
}

/// Every value that each part of a class can have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Axes {
    /// Kinds of recipients.
    pub recipient_classes: Vec<RecipientClass>,
    /// Purposes.
    pub purposes: Vec<Purpose>,
    /// Sources.
    pub sources: Vec<Source>,
    /// Laws.
    pub regimes: Vec<Regime>,
}

/// A question without the person: one row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// What kind of body asks.
    pub recipient_class: &'a RecipientClass,
    /// What it wants to do.
    pub action: Action,
    /// Why.
    pub purpose: &'a Purpose,
    /// With activity from where.
    pub source: &'a Source,
    /// Under which law.
    pub regime: &'a Regime,
}

impl Axes {
    /// How many classes there are; nothing when they cannot be counted.
    pub fn classes(&self) -> Option<usize> {
        let sizes = self.sizes();
        sizes.iter().try_fold(1_usize, |product, (_, size)| product.checked_mul(*size))
    }

    /// The axes by name, with how many values each has.
    pub fn sizes(&self) -> [(&'static str, usize); 6] {
        [
            ("recipient_class", self.recipient_classes.len()),
            ("action", Action::ALL.len()),
            ("purpose", self.purposes.len()),
            ("source", self.sources.len()),
            ("regime", self.regimes.len()),
            ("assurance", Assurance::ALL.len()),
        ]
    }

    /// Every class, in the order of the table.
    pub fn all(&self) -> impl Iterator<Item = Class> + '_ {
        (0..self.classes().unwrap_or_default()).map_while(|place| self.class(place))
    }

    fn class(&self, mut place: usize) -> Option<Class> {
        let mut digit = |size: usize| {
            let digit = place.checked_rem(size)?;
            place /= size;
            Some(digit)
        };
        let assurance = *Assurance::ALL.get(digit(Assurance::ALL.len())?)?;
        let regime = self.regimes.get(digit(self.regimes.len())?)?;
        let source = self.sources.get(digit(self.sources.len())?)?;
        let purpose = self.purposes.get(digit(self.purposes.len())?)?;
        let action = *Action::ALL.get(digit(Action::ALL.len())?)?;
        let recipient_class = self.recipient_classes.get(digit(self.recipient_classes.len())?)?;
        Some(Row { recipient_class, action, purpose, source, regime }.with(assurance))
    }

    /// Where the bits of a row begin.
    fn place(&self, row: &Row<'_>) -> Option<usize> {
        let action = Action::ALL.iter().position(|one| *one == row.action)?;
        let recipient_class = self.recipient_classes.iter().position(|one| one == row.recipient_class)?;
        let purpose = self.purposes.iter().position(|one| one == row.purpose)?;
        let source = self.sources.iter().position(|one| one == row.source)?;
        let regime = self.regimes.iter().position(|one| one == row.regime)?;
        let row = [
            (action, Action::ALL.len()),
            (purpose, self.purposes.len()),
            (source, self.sources.len()),
            (regime, self.regimes.len()),
        ];
        let row = row.into_iter().fold(recipient_class, |place, (value, size)| place * size + value);
        Some(row * Assurance::ALL.len())
    }
}

impl Row<'_> {
    /// The class of somebody of whom this is asked.
    pub fn with(&self, assurance: Assurance) -> Class {
        Class {
            recipient_class: self.recipient_class.clone(),
            action: self.action,
            purpose: self.purpose.clone(),
            source: self.source.clone(),
            regime: self.regime.clone(),
            assurance,
        }
    }
}

impl Class {
    /// Its row.
    pub fn row(&self) -> Row<'_> {
        Row {
            recipient_class: &self.recipient_class,
            action: self.action,
            purpose: &self.purpose,
            source: &self.source,
            regime: &self.regime,
        }
    }
}

/// One bit for each class. The empty table allows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HouseTable {
    /// What the bits are about.
    pub axes: Axes,
    bits: Vec<u64>,
}

impl HouseTable {
    /// Asks once about each class.
    pub fn new(axes: Axes, mut allows: impl FnMut(&Class) -> bool) -> Self {
        let mut bits = Vec::new();
        for (place, class) in axes.all().enumerate() {
            if place % 64 == 0 {
                bits.push(0_u64);
            }
            if allows(&class)
                && let Some(word) = bits.last_mut()
            {
                *word |= 1 << (place % 64);
            }
        }
        Self { axes, bits }
    }

    /// Whether the rules allow it. A name that is on no axis is denied, and so is a bit that is not there.
    pub fn allows(&self, row: &Row<'_>, assurance: Assurance) -> bool {
        let assurance = Assurance::ALL.iter().position(|one| *one == assurance);
        let bit = self.axes.place(row).zip(assurance).and_then(|(row, assurance)| {
            let place = row + assurance;
            self.bits.get(place / 64).map(|word| word >> (place % 64) & 1 == 1)
        });
        bit.unwrap_or(false)
    }
}
