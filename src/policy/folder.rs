//! A folder of policies as an operator keeps it: `registry.toml`, `*.cedar`, `cases.toml`.

use std::path::{Path, PathBuf};

use super::{CaseFailed, Cases, HouseRules, Registry, RegistryError, RuleFiles, RulesError, built_in_rules};
use crate::limits;

/// What a folder holds.
#[derive(Debug)]
pub struct Policies {
    /// Its registry, or the one of this program where it has none.
    pub registry: Registry,
    /// Its rule files.
    pub files: RuleFiles,
    /// Its cases.
    pub cases: Cases,
}

/// A folder of policies that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file that cannot be read.
    #[error("`{path}`: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The cases.
    #[error("cases.toml: {0}")]
    Cases(String),
    /// Cases that do not hold.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    CasesFail(Vec<CaseFailed>),
    /// The rules.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// The service would not see it.
    #[error(
        "registry.toml is not the one that this program was built with, which decides: build the program with it, or take it out of this folder"
    )]
    OtherRegistry,
    /// Too much.
    #[error("{0}")]
    TooMuch(&'static str),
}

impl Policies {
    /// Those of this program.
    ///
    /// # Errors
    /// When they are not usable.
    pub fn built_in() -> Result<Self, FolderError> {
        let cases = Cases::parse(include_str!("../../policies/cases.toml")).map_err(FolderError::Cases)?;
        Ok(Self { registry: Registry::built_in()?, files: built_in_rules(), cases })
    }

    /// Those of a folder.
    ///
    /// # Errors
    /// When a file cannot be read or understood.
    pub fn read(folder: &Path) -> Result<Self, FolderError> {
        let file = |path: &Path, source| FolderError::File { path: path.to_owned(), source };
        let mut files = RuleFiles::new();
        for entry in std::fs::read_dir(folder).map_err(|source| file(folder, source))? {
            let path = entry.map_err(|source| file(folder, source))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
            if let Some(name) = name.filter(|name| has_ending(name)) {
                files.insert(name, std::fs::read_to_string(&path).map_err(|source| file(&path, source))?);
            }
        }
        check_size(&files).map_err(FolderError::TooMuch)?;
        let optional = |name: &str| {
            let path = folder.join(name);
            match std::fs::read_to_string(&path) {
                Ok(text) => Ok(Some(text)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(source) => Err(file(&path, source)),
            }
        };
        let registry = match optional("registry.toml")? {
            Some(text) => Registry::parse(&text)?,
            None => Registry::built_in()?,
        };
        let cases = optional("cases.toml")?.unwrap_or_default();
        Ok(Self { registry, files, cases: Cases::parse(&cases).map_err(FolderError::Cases)? })
    }

    /// The rules, checked against the registry.
    ///
    /// # Errors
    /// Whatever is wrong with them.
    pub fn rules(&self) -> Result<HouseRules, FolderError> {
        Ok(HouseRules::load(&self.registry, &self.files)?)
    }

    /// Everything that can be checked: the rules, and every case.
    ///
    /// # Errors
    /// Whatever is wrong.
    pub fn check(&self) -> Result<HouseRules, FolderError> {
        if !self.registry.is_built_in() {
            return Err(FolderError::OtherRegistry);
        }
        let rules = self.rules()?;
        let failing = self.cases.failing(&rules);
        if failing.is_empty() { Ok(rules) } else { Err(FolderError::CasesFail(failing)) }
    }
}

fn has_ending(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "cedar")
}

/// Whether rule files have plain names and are not too many or too long.
///
/// # Errors
/// Says what is allowed.
pub fn check_size(files: &RuleFiles) -> Result<(), &'static str> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    let begins = |name: &str| name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    if !files.keys().all(|name| has_ending(name) && begins(name) && name.len() <= 60 && name.chars().all(plain)) {
        return Err(
            "names of rule files begin with a small letter or a digit, hold these, `-`, `_` and `.` alone, at most 60, and end with `.cedar`",
        );
    }
    if files.len() > limits::RULE_FILES_MAX || files.values().map(String::len).sum::<usize>() > limits::RULE_BYTES_MAX {
        return Err("at most 50 rule files with 128 KiB in all");
    }
    Ok(())
}
