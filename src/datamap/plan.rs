//! The statements of export, erasure and read-back. Each has one parameter: the person.

use super::{ColumnType, DataMap, Erase, Export, Owner, Table, Through};

/// A statement that removes rows of one owner, or what they hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// From which table.
    pub table: String,
    /// `$1` is the person.
    pub sql: String,
}

/// A statement that counts what a removal must have left: nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// In which table.
    pub table: String,
    /// `$1` is the person, or one blind index of theirs.
    pub sql: String,
}

/// A statement that counts what removals would find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// `$1` is the person.
    pub sql: String,
}

/// A column of an export, in the order of the statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: ColumnType,
    /// How it appears.
    pub export: Export,
}

/// A statement that reads the rows of one owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportPlan {
    /// From which table.
    pub table: String,
    /// `$1` is the person.
    pub sql: String,
    /// What it reads.
    pub columns: Vec<ExportColumn>,
}

impl DataMap {
    /// What an erasure runs, in order.
    pub fn removals(&self) -> Vec<Removal> {
        self.cleared().filter_map(|(table, owner)| table.removal(owner)).collect()
    }

    /// What an erasure reads back of the person, in order; each must count nothing.
    pub fn counts(&self) -> Vec<Count> {
        self.counted(|owner| owner.through.is_none())
    }

    /// The same of rows that were found through the person's identifiers. These are gone by then, so whoever removed them
    /// asks once for each blind index that they had.
    pub fn counts_by_blind(&self) -> Vec<Count> {
        self.counted(|owner| owner.through.is_some())
    }

    /// Which of [`DataMap::removals`], by place, would find how many rows: in each so many are counted, and no further, so that somebody
    /// with many rows costs no more than somebody with few.
    pub fn found(&self, most: u32) -> Found {
        let each = self.cleared().enumerate().map(|(place, (table, owner))| {
            let found = format!("SELECT 1 FROM {} WHERE {} LIMIT {most}", table.name, condition(owner));
            format!("SELECT CAST({place} AS BIGINT) AS place FROM ({found}) AS t{place}")
        });
        let each: Vec<String> = each.collect();
        let sql = format!("SELECT place, count(*) FROM ({}) AS found GROUP BY place", each.join(" UNION ALL "));
        Found { sql }
    }

    /// What an erasure clears: one removal each, in order.
    fn cleared(&self) -> impl Iterator<Item = (&Table, &Owner)> {
        let tables = self.table.iter().filter(|table| table.erase != Erase::Keep);
        tables.flat_map(|table| table.owners.iter().map(move |owner| (table, owner)))
    }

    fn counted(&self, which: impl Fn(&Owner) -> bool) -> Vec<Count> {
        self.cleared().filter(|(_, owner)| which(owner)).map(|(table, owner)| table.count(owner)).collect()
    }

    /// What an export reads, in order.
    pub fn exports(&self) -> Vec<ExportPlan> {
        let mut plans = Vec::new();
        for table in &self.table {
            plans.extend(table.owners.iter().filter(|owner| owner.export).map(|owner| table.export(owner)));
        }
        plans
    }
}

impl Table {
    fn removal(&self, owner: &Owner) -> Option<Removal> {
        let condition = condition(owner);
        let sql = match self.erase {
            Erase::Delete => format!("DELETE FROM {} WHERE {condition}", self.name),
            Erase::Unlink => {
                let unlinked = self.columns.iter().filter(|(_, column)| column.unlink);
                let nothing: Vec<String> = unlinked.map(|(name, _)| format!("{name} = NULL")).collect();
                format!("UPDATE {} SET {} WHERE {condition}", self.name, nothing.join(", "))
            }
            Erase::Keep => return None,
        };
        Some(Removal { table: self.name.clone(), sql })
    }

    fn count(&self, owner: &Owner) -> Count {
        let sql = format!("SELECT count(*) FROM {} WHERE {} = $1", self.name, owner.column);
        Count { table: self.name.clone(), sql }
    }

    fn export(&self, owner: &Owner) -> ExportPlan {
        let exported = self.columns.iter().filter(|(_, column)| !matches!(column.export, Export::No));
        let columns: Vec<ExportColumn> = exported
            .map(|(name, column)| ExportColumn { name: name.clone(), kind: column.kind, export: column.export })
            .collect();
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let list = names.join(", ");
        let sql = format!("SELECT {list} FROM {} WHERE {} ORDER BY {list}", self.name, condition(owner));
        ExportPlan { table: self.name.clone(), sql, columns }
    }
}

fn condition(owner: &Owner) -> String {
    match owner.through {
        Some(Through::Blind) => format!("{} IN (SELECT blind FROM identifier WHERE subject = $1)", owner.column),
        None => format!("{} = $1", owner.column),
    }
}
