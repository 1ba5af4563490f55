//! The declaration of score stores: databases of others that keep rows about people under the ids that a recipient has for them.
//!
//! What is declared here is exported with a person's data and goes with their erasure. This file reads what an operator wrote and
//! refuses what cannot be meant; whether it is true is asked of the database itself (`store::outside`).
//!
//! Identifiers are held to letters, digits and `_`, so that no name can end a quotation; they are quoted all the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;

use crate::domain::Recipient;

/// Every declared store.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreStores {
    /// In the order of the file.
    #[serde(default)]
    pub store: Vec<DeclaredStore>,
}

/// One database.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredStore {
    /// Its name in exports, certificates and logs.
    pub name: String,
    /// The recipient whose ids its tables are keyed by.
    pub recipient: Recipient,
    /// Where it is.
    pub url: Url,
    /// Columns (`table.column`) that are named like an id column and hold something else.
    #[serde(default)]
    pub not_by_person: BTreeSet<String>,
    /// Its tables, in the order in which an erasure clears them.
    pub table: Vec<DeclaredTable>,
}

/// One table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredTable {
    /// `table`, on PostgreSQL also `schema.table`.
    pub name: String,
    /// The column that holds the id.
    pub id: String,
    /// How it holds it.
    #[serde(default)]
    pub id_form: IdForm,
    /// Columns that are not given in an export, and why.
    #[serde(default)]
    pub left_out: BTreeMap<String, String>,
    /// What else a row needs, for the row that proves this declaration.
    #[serde(default)]
    pub canary: BTreeMap<String, Literal>,
}

/// How a column holds an id.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdForm {
    /// 32 hexadecimal digits in lower case, as the API shows it.
    #[default]
    Text,
    /// The 16 bytes.
    Bytes,
}

/// The value of a column in the row that proves a declaration.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Literal {
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A decimal number.
    Float(f64),
    /// Text, also for dates and whatever else the database reads out of text.
    Text(String),
}

/// Where a database is. May hold a password, so it never prints itself.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Url(String);

impl Url {
    /// The text, for connecting.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The path of a SQLite file; nothing for PostgreSQL.
    pub fn sqlite_path(&self) -> Option<&str> {
        self.0.strip_prefix("sqlite://")
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Url(..)")
    }
}

/// The declaration cannot be used; the service must not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("score stores: {0}")]
pub struct BadStores(String);

const NAME_CHARS_MAX: usize = 40;
/// PostgreSQL cuts longer ones off.
const IDENTIFIER_BYTES_MAX: usize = 63;

impl ScoreStores {
    /// Reads a declaration.
    ///
    /// # Errors
    /// Names the store and table, and what is wrong with them.
    pub fn parse(text: &str) -> Result<Self, BadStores> {
        let stores: Self = toml::from_str(text).map_err(|e| BadStores(e.message().to_owned()))?;
        let mut names = BTreeSet::new();
        for store in &stores.store {
            store.validate().map_err(|what| BadStores(format!("store `{}`: {what}", printable(&store.name))))?;
            if !names.insert(&store.name) {
                return Err(BadStores(format!("store `{}` is declared twice", store.name)));
            }
        }
        Ok(stores)
    }
}

impl DeclaredStore {
    fn validate(&self) -> Result<(), String> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.name.is_empty() || self.name.len() > NAME_CHARS_MAX || !self.name.chars().all(plain) {
            return Err("`name` is 1 to 40 of `a-z`, `0-9` and `-`".into());
        }
        let path = self.url.sqlite_path();
        if path.is_some_and(|path| !path.starts_with('/') || path.contains(['?', '#', '%', '\0'])) {
            return Err("`url` of SQLite is `sqlite://` and an absolute path, without `?`, `#` and `%`".into());
        }
        let postgres = ["postgres://", "postgresql://"].iter().any(|scheme| self.url.0.starts_with(scheme));
        if path.is_none() && !postgres {
            return Err("`url` begins with `postgres://` or `sqlite://`".into());
        }
        if self.table.is_empty() {
            return Err("it needs at least one `[[store.table]]`".into());
        }
        let mut names = BTreeSet::new();
        for table in &self.table {
            table.validate(postgres).map_err(|what| format!("table `{}`: {what}", printable(&table.name)))?;
            if !names.insert(table.name.to_ascii_lowercase()) {
                return Err(format!("table `{}` is declared twice", table.name));
            }
        }
        match self.not_by_person.iter().find(|name| !name.contains('.') || !name.split('.').all(is_identifier)) {
            Some(name) => Err(format!("`not_by_person`: `{}` is not `table.column`", printable(name))),
            None => Ok(()),
        }
    }
}

impl DeclaredTable {
    fn validate(&self, postgres: bool) -> Result<(), String> {
        let parts: Vec<&str> = self.name.split('.').collect();
        if !parts.iter().all(|part| is_identifier(part)) || parts.len() > if postgres { 2 } else { 1 } {
            return Err("`name` is letters, digits and `_`, on PostgreSQL with a schema and `.` before it".into());
        }
        let columns = std::iter::once(&self.id).chain(self.left_out.keys()).chain(self.canary.keys());
        if let Some(bad) = columns.into_iter().find(|column| !is_identifier(column)) {
            return Err(format!("the column `{}` is not letters, digits and `_`", printable(bad)));
        }
        if self.canary.contains_key(&self.id) {
            return Err("`canary` holds the other columns; the id is sayso's".into());
        }
        let unusable = |value: &Literal| match value {
            Literal::Text(text) => text.contains('\0'),
            Literal::Float(number) => !number.is_finite(),
            Literal::Bool(_) | Literal::Int(_) => false,
        };
        match self.canary.iter().find(|(_, value)| unusable(value)) {
            Some((column, _)) => Err(format!("`canary`: the value of `{column}` cannot be stored")),
            None => Ok(()),
        }
    }
}

fn is_identifier(name: &str) -> bool {
    let begins = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    begins && name.len() <= IDENTIFIER_BYTES_MAX && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// What a stranger wrote, fit to be shown on a terminal.
fn printable(text: &str) -> String {
    text.chars().take(80).map(|c| if c.is_control() { '?' } else { c }).collect()
}
