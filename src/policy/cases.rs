//! Cases: what house rules are meant to do, written beside them.

use std::fmt;

use serde::Deserialize;

use super::HouseRules;
use crate::domain::{Assurance, Purpose, RecipientClass, Regime, Source};
use crate::gate::{Action, Class};

/// The file `cases.toml`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cases {
    /// The cases.
    #[serde(default)]
    pub case: Vec<Case>,
}

/// Part of all classes. What is not given stands for every value.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// What kind of body asks.
    pub recipient_class: Option<RecipientClass>,
    /// What it wants to do.
    pub action: Option<Action>,
    /// Why.
    pub purpose: Option<Purpose>,
    /// With activity from where.
    pub source: Option<Source>,
    /// Under which law.
    pub regime: Option<Regime>,
    /// How we know that the person is an adult.
    pub assurance: Option<Assurance>,
}

/// What the rules are meant to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Expected {
    Allow,
    Deny,
}

/// One case.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it is about, for people.
    pub why: String,
    /// The classes that it speaks of.
    asked: Part,
    expect: Expected,
    /// A rule that must be among those that decide, by its `@id`.
    by: Option<String>,
}

/// A case that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the case \"{why}\" does not hold: {what}")]
pub struct CaseFailed {
    /// The case.
    pub why: String,
    /// What is different.
    pub what: String,
}

impl Part {
    /// Whether a class belongs to it.
    pub fn contains(&self, class: &Class) -> bool {
        fn is<T: PartialEq>(wanted: Option<&T>, value: &T) -> bool {
            wanted.is_none_or(|wanted| wanted == value)
        }
        is(self.recipient_class.as_ref(), &class.recipient_class)
            && is(self.action.as_ref(), &class.action)
            && is(self.purpose.as_ref(), &class.purpose)
            && is(self.source.as_ref(), &class.source)
            && is(self.regime.as_ref(), &class.regime)
            && is(self.assurance.as_ref(), &class.assurance)
    }
}

impl Cases {
    /// Reads the file.
    ///
    /// # Errors
    /// Says what is not understood, and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    /// Asks every case. Returns those that do not hold: one that speaks of no class is among them.
    pub fn failing(&self, rules: &HouseRules) -> Vec<CaseFailed> {
        self.case.iter().filter_map(|case| case.failing(rules)).collect()
    }
}

impl Case {
    fn failing(&self, rules: &HouseRules) -> Option<CaseFailed> {
        let failed = |what: String| Some(CaseFailed { why: self.why.clone(), what });
        let mut classes = rules.axes().all().filter(|class| self.asked.contains(class)).peekable();
        if classes.peek().is_none() {
            return failed("it speaks of no class, so that it can never fail; look at its names".into());
        }
        for class in classes {
            let found = rules.explain(&class);
            if rules.table().allows(&class.row(), class.assurance) != found.allowed {
                return failed(format!("{class} has another answer in the table than by the rules"));
            }
            let decided = if found.rules.is_empty() { "no rule".into() } else { found.rules.join(", ") };
            if found.allowed != (self.expect == Expected::Allow) {
                let answer = if found.allowed { "allowed" } else { "denied" };
                return failed(format!("{class} is {answer}, by {decided}"));
            }
            if self.by.as_ref().is_some_and(|by| !found.rules.contains(by)) {
                return failed(format!("{class} is decided by {decided}"));
            }
        }
        None
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { recipient_class, action, purpose, source, regime, assurance } = self;
        let (action, assurance) = (action.as_str(), assurance.as_str());
        write!(f, "{recipient_class} / {action} / {purpose} / {source} / {regime} / {assurance}")
    }
}
