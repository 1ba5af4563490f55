//! What a score store really holds, against what was declared of it.

use super::{Link, OutsideError, OutsideStore, each, fits, told};
use crate::policy::DeclaredTable;

/// Names are as the declaration would have them: a schema stands before those that are not in the current one.
const POSTGRES: &str = "SELECT CASE WHEN n.nspname = current_schema() THEN c.relname ELSE n.nspname || '.' || c.relname END, n.nspname || '.' || c.relname, \
    CASE WHEN c.relkind IN ('r', 'p') THEN 'table' WHEN c.relkind = 'v' THEN 'view' ELSE 'copy' END, \
    CAST(a.attname AS TEXT), format_type(a.atttypid, NULL), \
    CAST(c.oid AS BIGINT), CAST(COALESCE(pg_partition_root(c.oid), c.oid) AS BIGINT) \
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0 AND NOT a.attisdropped \
    AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_t%' \
    ORDER BY c.relpages, n.nspname, c.relname, a.attnum";
/// A view is not looked into: one that is broken would end the whole statement.
const SQLITE: &str = "SELECT m.name, m.name, CASE WHEN m.type = 'view' THEN 'view' WHEN m.sql LIKE 'CREATE VIRTUAL%' THEN 'copy' ELSE 'table' END, \
    COALESCE(p.name, ''), COALESCE(p.type, ''), m.rowid, m.rowid FROM sqlite_schema m LEFT JOIN pragma_table_xinfo(CASE m.type WHEN 'table' THEN m.name END) p \
    WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND COALESCE(p.hidden, 0) <> 1 ORDER BY m.name, p.cid";

/// A relation of the live database.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) name: String,
    /// The same with its schema before it, wherever it is.
    whole_name: String,
    /// Holds rows of its own that can be deleted.
    pub(super) is_table: bool,
    /// Shows what others hold, and nothing else.
    pub(super) is_view: bool,
    /// Each with its type.
    pub(super) columns: Vec<(String, String)>,
    id: i64,
    /// The partitioned table that it is a part of, or itself.
    root: i64,
}

impl Live {
    pub(super) fn is_part(&self) -> bool {
        self.id != self.root
    }
}

/// Name, name with its schema, kind, column, its type, number, number of the root.
type Columns = (String, String, String, String, String, i64, i64);

/// Every relation, the small ones first where the database knows.
pub(super) async fn tables(link: &mut Link) -> Result<Vec<Live>, OutsideError> {
    let sql = if matches!(link, Link::Sqlite(_)) { SQLITE } else { POSTGRES };
    let rows: Result<Vec<Columns>, _> = each!(link, c => sqlx::query_as(sql).fetch_all(c).await);
    let mut tables: Vec<Live> = Vec::new();
    for (name, whole_name, kind, column, kind_of_column, id, root) in rows.map_err(|e| told(&e, "the catalogue"))? {
        let column = (column, kind_of_column);
        if let Some(last) = tables.last_mut().filter(|last| last.id == id) {
            last.columns.push(column);
        } else {
            let (is_table, is_view) = (kind == "table", kind == "view");
            tables.push(Live { name, whole_name, is_table, is_view, columns: vec![column], id, root });
        }
    }
    Ok(tables)
}

impl OutsideStore {
    /// Whether the declaration fits these tables, and forgets none.
    pub(super) fn check(&self, there: &[Live]) -> Result<(), OutsideError> {
        for table in &self.declared.table {
            self.check_table(there, table)?;
        }
        self.exceptions_are_there(there)?;
        self.nothing_was_forgotten(there)
    }

    /// The live table of a declared one.
    pub(super) fn live<'a>(&self, there: &'a [Live], table: &DeclaredTable) -> Result<&'a Live, OutsideError> {
        let found = there.iter().find(|live| self.is_named(live, &table.name));
        found.ok_or_else(|| lie(table, "is not in the database; name the schema if it is not in the user's first one"))
    }

    fn is_named(&self, live: &Live, declared: &str) -> bool {
        self.same(&live.name, declared) || self.same(&live.whole_name, declared)
    }

    fn is_column(&self, live: &Live, column: &str, declared: &str) -> bool {
        let names = [full(live, column), format!("{}.{column}", live.whole_name)];
        names.iter().any(|name| self.same(name, declared))
    }

    /// SQLite knows no case in names.
    fn same(&self, live: &str, declared: &str) -> bool {
        let sqlite = self.declared.url.sqlite_path().is_some();
        live == declared || (sqlite && live.eq_ignore_ascii_case(declared))
    }

    fn check_table(&self, there: &[Live], table: &DeclaredTable) -> Result<(), OutsideError> {
        let live = self.live(there, table)?;
        if !live.is_table {
            return Err(lie(table, "is no table: declare the tables that hold its rows"));
        }
        let column = |name: &str| live.columns.iter().find(|(column, _)| self.same(column, name));
        let missing = |name: &str| Err(lie(table, &format!("has no column `{name}`")));
        let Some((_, kind)) = column(&table.id) else { return missing(&table.id) };
        let is_postgres = self.declared.url.sqlite_path().is_none();
        if is_postgres && !fits(kind, table.id_form) {
            let what = format!("the column `{}` is of type {kind}: ids need text, or bytea with `id_form`", table.id);
            return Err(lie(table, &what));
        }
        let named = table.left_out.keys().chain(table.canary.keys());
        named.filter(|name| column(name).is_none()).try_for_each(|name| missing(name))
    }

    fn exceptions_are_there(&self, there: &[Live]) -> Result<(), OutsideError> {
        let exists = |name: &str| {
            let of = |live: &Live| live.columns.iter().any(|(column, _)| self.is_column(live, column, name));
            there.iter().any(of)
        };
        match self.declared.not_by_person.iter().find(|name| !exists(name)) {
            Some(name) => {
                Err(OutsideError::Lies(format!("`not_by_person` names `{name}`, which is not in the database")))
            }
            None => Ok(()),
        }
    }

    /// A column with the name of an id column holds ids, until somebody says that it does not.
    fn nothing_was_forgotten(&self, there: &[Live]) -> Result<(), OutsideError> {
        for live in there.iter().filter(|live| !live.is_view) {
            for (column, _) in &live.columns {
                let is_id_name = self.declared.table.iter().any(|table| table.id.eq_ignore_ascii_case(column));
                if is_id_name && !self.is_declared(there, live, column) {
                    return Err(OutsideError::Lies(format!(
                        "the column `{}` is named like an id column and is not declared: declare its table, or name the column in \
                         `not_by_person` if it holds something else",
                        full(live, column)
                    )));
                }
            }
        }
        Ok(())
    }

    fn is_declared(&self, there: &[Live], live: &Live, column: &str) -> bool {
        let excepted = self.declared.not_by_person.iter().any(|name| self.is_column(live, column, name));
        let root = there.iter().find(|other| other.id == live.root).unwrap_or(live);
        let declares = |table: &DeclaredTable| {
            (self.is_named(live, &table.name) || self.is_named(root, &table.name)) && self.same(column, &table.id)
        };
        excepted || self.declared.table.iter().any(declares)
    }
}

pub(super) fn full(live: &Live, column: &str) -> String {
    format!("{}.{column}", live.name)
}

pub(super) fn lie(table: &DeclaredTable, what: &str) -> OutsideError {
    OutsideError::Lies(format!("table `{}` {what}", table.name))
}
