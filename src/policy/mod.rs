//! The registry: which purposes and sources exist, the first notice of each purpose, and by which formula the score is worked out; house rules; and the declaration of score
//! stores.
//!
//! The files under `policies/` are part of the program, so that a binary and its rules cannot drift apart. House rules alone can be
//! changed while the service runs: an operator sends others, and they stand in the database from then on.

mod cases;
mod diff;
mod folder;
mod formula;
mod house;
mod stores;

use std::collections::BTreeSet;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::domain::{Purpose, RecipientClass, Regime, Source, prohibited};
use crate::gate::Axes;

pub use cases::{Case, CaseFailed, Cases, Part};
pub use diff::{Change, Group, changes, groups};
pub use folder::{FolderError, Policies, check_size};
pub use formula::{Formulas, NextFormula};
pub use house::{Explained, Fault, HouseRules, RuleFiles, RulesError, built_in_rules, policy_sha256, schema};
pub use stores::{BadStores, DeclaredStore, DeclaredTable, IdForm, Literal, ScoreStores};

/// What the registry file says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    /// The allow-list of purposes.
    pub purpose: Vec<PurposeEntry>,
    /// Where activity may come from.
    pub source: Vec<SourceEntry>,
    /// Laws whose rules may bind. People register under the first.
    pub regime: Vec<RegimeEntry>,
    /// What kinds of bodies recipients are. The built-in score is of the first.
    pub recipient_class: Vec<RecipientClassEntry>,
    /// By which formula the built-in score is worked out.
    pub formula: Formulas,
    /// The digest of the file, in hexadecimal.
    #[serde(skip)]
    pub sha256: String,
}

/// One purpose.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PurposeEntry {
    /// Its name.
    pub name: Purpose,
    /// Its name for people.
    pub title: String,
    /// The file of its first notice, under `policies/notices`.
    pub notice: String,
    /// Whether a recipient may be told the built-in score for it.
    #[serde(default)]
    pub tells_score: bool,
}

/// One source.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceEntry {
    /// Its name.
    pub name: Source,
    /// Its name for people.
    pub title: String,
}

/// One law.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegimeEntry {
    /// Its name.
    pub name: Regime,
    /// Its name for people.
    pub title: String,
}

/// One kind of recipient.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipientClassEntry {
    /// Its name.
    pub name: RecipientClass,
    /// Its name for people.
    pub title: String,
}

/// The registry cannot be used; the service must not start.
#[derive(Debug, thiserror::Error)]
#[error("policies/registry.toml: {0}")]
pub struct RegistryError(String);

const BUILT_IN: &str = include_str!("../../policies/registry.toml");

/// The languages that the first notices are written in (BCP 47), the first one first.
const NOTICE_LOCALES: [&str; 2] = ["en", "de"];

/// A first notice in each of these languages.
macro_rules! first_notices {
    ($($name:literal)*) => {
        [$((
            concat!($name, ".md"),
            [
                include_str!(concat!("../../policies/notices/", $name, ".md")),
                include_str!(concat!("../../policies/notices/", $name, ".de.md")),
            ],
        ),)*]
    };
}

const NOTICES: [(&str, [&str; NOTICE_LOCALES.len()]); 6] = first_notices!(
    "attention_score" "public_profile" "public_page" "public_name" "research_statistics" "link"
);

/// The first notice of a purpose: each language (BCP 47) with its text.
pub type FirstNotice = Vec<(&'static str, &'static str)>;

impl Registry {
    /// The registry that this program was built with.
    ///
    /// # Errors
    /// When it is not usable.
    pub fn built_in() -> Result<Self, RegistryError> {
        Self::parse(BUILT_IN)
    }

    /// Whether this is it.
    pub fn is_built_in(&self) -> bool {
        self.sha256 == sha256(BUILT_IN)
    }

    /// Reads a registry.
    ///
    /// # Errors
    /// Names what is unknown, prohibited or missing.
    pub fn parse(text: &str) -> Result<Self, RegistryError> {
        let mut registry: Self = toml::from_str(text).map_err(|e| RegistryError(e.message().to_owned()))?;
        registry.sha256 = sha256(text);
        if let Some(entry) = registry.purpose.iter().find(|entry| prohibited(&entry.name)) {
            return Err(RegistryError(format!("the purpose `{}` is prohibited and cannot be registered", entry.name)));
        }
        for (what, names) in [
            ("purpose", registry.purpose.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>()),
            ("source", registry.source.iter().map(|entry| entry.name.as_str()).collect()),
            ("regime", registry.regime.iter().map(|entry| entry.name.as_str()).collect()),
            ("recipient_class", registry.recipient_class.iter().map(|entry| entry.name.as_str()).collect()),
        ] {
            let distinct = names.iter().collect::<BTreeSet<_>>().len();
            if names.is_empty() || distinct != names.len() {
                return Err(RegistryError(format!("it needs at least one `{what}`, and each name once")));
            }
        }
        if registry.formula.next.is_some_and(|next| next.formula == registry.formula.counts) {
            let name = registry.formula.counts.name;
            return Err(RegistryError(format!(
                "the formula `{name}` counts already: name another as `formula.next`, or none"
            )));
        }
        Ok(registry)
    }

    /// Every value that each part of a class of questions can have.
    pub fn axes(&self) -> Axes {
        Axes {
            recipient_classes: self.recipient_class.iter().map(|entry| entry.name.clone()).collect(),
            purposes: self.purpose.iter().map(|entry| entry.name.clone()).collect(),
            sources: self.source.iter().map(|entry| entry.name.clone()).collect(),
            regimes: self.regime.iter().map(|entry| entry.name.clone()).collect(),
        }
    }

    /// The first notice of each purpose.
    ///
    /// # Errors
    /// When a purpose names a notice that does not exist.
    pub fn first_notices(&self) -> Result<Vec<(Purpose, FirstNotice)>, RegistryError> {
        self.purpose
            .iter()
            .map(|entry| {
                let found = NOTICES.iter().find(|(file, _)| *file == entry.notice);
                let (_, texts) =
                    found.ok_or_else(|| RegistryError(format!("the notice `{}` does not exist", entry.notice)))?;
                Ok((entry.name.clone(), NOTICE_LOCALES.into_iter().zip(*texts).collect()))
            })
            .collect()
    }
}

fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}
