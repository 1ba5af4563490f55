//! The live schema against the map.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::{ColumnType, DataMap};

/// One column of the live database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveColumn {
    /// Its table.
    pub table: String,
    /// Its name.
    pub column: String,
    /// Its type; nothing where the map knows no such type.
    pub kind: Option<ColumnType>,
}

/// Where the two differ. The service must not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// The database has a column that nobody mapped: an erasure would forget it.
    #[error("the database has the column `{0}` that `policies/datamap.toml` does not map: map it before you start")]
    Unmapped(String),
    /// The map names a column that is not there.
    #[error("`policies/datamap.toml` maps the column `{0}` that the database does not have")]
    Missing(String),
    /// The types differ.
    #[error("the column `{0}` has another type than `policies/datamap.toml` says")]
    OtherType(String),
}

impl DataMap {
    /// Compares the map with the columns of a live database, both ways.
    ///
    /// # Errors
    /// The first difference.
    pub fn check(&self, live: &[LiveColumn]) -> Result<(), Mismatch> {
        let mut mapped: BTreeMap<String, ColumnType> = BTreeMap::new();
        for table in &self.table {
            mapped.extend(table.columns.iter().map(|(name, c)| (format!("{}.{name}", table.name), c.kind)));
        }
        for column in live {
            let name = format!("{}.{}", column.table, column.column);
            match mapped.entry(name) {
                Entry::Vacant(entry) => return Err(Mismatch::Unmapped(entry.into_key())),
                Entry::Occupied(entry) if Some(*entry.get()) != column.kind => {
                    return Err(Mismatch::OtherType(entry.key().clone()));
                }
                Entry::Occupied(entry) => drop(entry.remove()),
            }
        }
        mapped.into_keys().next().map_or(Ok(()), |name| Err(Mismatch::Missing(name)))
    }
}
