//! The data map (`policies/datamap.toml`): what is stored, whose it is, and what happens to it.
//!
//! Export, erasure and its read-back are planned from this one list, and the live schema is compared with it at every
//! start: an unknown column refuses to start (guarantees G6 and G7). Pure; the store runs what is planned here.

mod check;
mod plan;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use check::{LiveColumn, Mismatch};
pub use plan::{Count, ExportColumn, ExportPlan, Found, Removal};

/// The whole list, in the order in which an erasure clears the tables.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataMap {
    /// Every table.
    pub table: Vec<Table>,
}

/// One table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// The columns that say whose row it is; none for what is about nobody.
    pub owners: Vec<Owner>,
    /// What an erasure does.
    pub erase: Erase,
    /// Why it is kept; required for `keep`.
    pub why: Option<String>,
    /// For how long, in words for people.
    pub kept: String,
    /// Every column.
    pub columns: BTreeMap<String, Column>,
}

/// A column that says whose row it is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// The column.
    pub column: String,
    /// How the person is found, when this row does not hold them.
    pub through: Option<Through>,
    /// Whether this owner gets the row in an export.
    pub export: bool,
    /// Why not.
    pub why: Option<String>,
}

/// How a row leads to its owner without holding them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Through {
    /// It holds the blind index of an identifier of theirs.
    #[serde(rename = "identifier.blind")]
    Blind,
}

/// What an erasure does with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Erase {
    /// It goes.
    Delete,
    /// It stays without the columns marked `unlink`.
    Unlink,
    /// It stays.
    Keep,
}

impl Erase {
    /// Its name in the data map.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::Unlink => "unlink",
            Self::Keep => "keep",
        }
    }
}

/// One column.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// What it holds.
    pub class: Class,
    /// Its type, the same in both databases.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Whether an export holds it.
    pub export: Export,
    /// Why not; required for `no`.
    pub why: Option<String>,
    /// Set to nothing by an erasure that keeps the row.
    #[serde(default)]
    pub unlink: bool,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// An address or handle, sealed.
    Identifier,
    /// Something about the person.
    Content,
    /// The person's random name inside sayso.
    Pseudonym,
    /// A digest that nobody can open without a key.
    Commitment,
    /// A key or the digest of a secret.
    Key,
    /// Needed to run; says nothing about the person.
    Operational,
}

impl Class {
    /// Its name in the data map.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identifier => "identifier",
            Self::Content => "content",
            Self::Pseudonym => "pseudonym",
            Self::Commitment => "commitment",
            Self::Key => "key",
            Self::Operational => "operational",
        }
    }
}

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// 64-bit integer.
    Int,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
}

/// How a column appears in an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Export {
    /// As it is; bytes in hexadecimal.
    Plain,
    /// Sealed; given in clear.
    Open,
    /// The person; the same in every row, so left out.
    #[serde(rename = "self")]
    Oneself,
    /// Another person; a random token of this export stands in.
    Token,
    /// Not at all, for the reason given.
    No,
}

/// The data map cannot be used; the service must not start.
#[derive(Debug, thiserror::Error)]
#[error("policies/datamap.toml: {0}")]
pub struct DataMapError(String);

impl DataMap {
    /// The map that this program was built with.
    ///
    /// # Errors
    /// When it is not usable.
    pub fn built_in() -> Result<Self, DataMapError> {
        Self::parse(include_str!("../../policies/datamap.toml"))
    }

    /// Reads a map.
    ///
    /// # Errors
    /// Names the table and what it lacks.
    pub fn parse(text: &str) -> Result<Self, DataMapError> {
        let map: Self = toml::from_str(text).map_err(|e| DataMapError(e.message().to_owned()))?;
        map.table.iter().try_for_each(Table::validate)?;
        Ok(map)
    }
}

impl Table {
    fn validate(&self) -> Result<(), DataMapError> {
        let fail = |what: &str| Err(DataMapError(format!("table `{}`: {what}", self.name)));
        if self.erase == Erase::Keep && self.why.is_none() {
            return fail("`keep` needs a reason");
        }
        if (self.erase == Erase::Unlink) != self.columns.values().any(|column| column.unlink) {
            return fail("`unlink` needs columns marked so, and only it may have them");
        }
        if self.owners.iter().any(|owner| !self.columns.contains_key(&owner.column)) {
            return fail("an owner must be one of its columns");
        }
        if self.owners.iter().any(|owner| !owner.export && owner.why.is_none()) {
            return fail("an owner who does not get the row needs a reason");
        }
        if self.columns.values().any(|column| column.export == Export::No && column.why.is_none()) {
            return fail("a column that is not exported needs a reason");
        }
        Ok(())
    }
}
