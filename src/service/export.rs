//! Export: everything that an erasure would remove, planned from the same list.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use super::identifiers::open_identifier;
use super::record::open_event;
use super::{App, PersonCaller, ServiceError};
use crate::crypto::{SubjectKey, sha256};
use crate::datamap;
use crate::domain::{Act, Micros, Seq};
use crate::ids::{IdentifierId, Subject};
use crate::store::{Cell, ExportedTable, StoreError, Tx};

/// Everything about a person.
#[derive(Debug, Clone, Serialize)]
pub struct Export {
    /// What is in it.
    pub manifest: Manifest,
    /// The rows, by table.
    pub tables: BTreeMap<String, Vec<Value>>,
}

/// What is in an export.
#[derive(Debug, Clone, Serialize)]
pub struct Manifest {
    /// When it was made, in microseconds since 1970.
    pub made_us: Micros,
    /// The event of the log that says so.
    pub seq: Seq,
    /// Each table.
    pub tables: Vec<TableManifest>,
}

/// One table of an export.
#[derive(Debug, Clone, Serialize)]
pub struct TableManifest {
    /// Its name.
    pub table: String,
    /// How many rows.
    pub rows: usize,
    /// SHA-256 of the rows as JSON without white space, in hexadecimal.
    pub sha256: String,
    /// For how long it is kept.
    pub kept: String,
    /// Columns that are left out, and why.
    pub left_out: BTreeMap<String, String>,
}

impl App {
    /// Everything about a person. The log says that it was handed out; if that cannot be written there is no export (N22).
    ///
    /// # Errors
    /// Only for the database.
    pub async fn export(&self, caller: &PersonCaller) -> Result<Export, ServiceError> {
        let done = self.simple(caller.subject, Act::Exported {}, None).await?;
        self.export_subject(&caller.subject, done.seq).await
    }

    pub(super) async fn export_subject(&self, subject: &Subject, seq: Seq) -> Result<Export, ServiceError> {
        self.store
            .read_tx(&(self, subject, seq), |tx, (app, subject, seq)| Box::pin(app.read_export(tx, subject, *seq)))
            .await
    }

    async fn read_export(&self, tx: &mut Tx, subject: &Subject, seq: Seq) -> Result<Export, ServiceError> {
        let key = self.key_of(tx, subject).await?;
        let mut tokens = Tokens { app: self, known: BTreeMap::new() };
        let mut tables: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for plan in self.datamap.exports() {
            let exported = tx.export_table(&plan, subject).await?;
            let rows = readable(&exported, &key, &mut tokens)?;
            tables.entry(plan.table).or_default().extend(rows);
        }
        let manifest = Manifest { made_us: self.now(), seq, tables: self.table_manifests(&tables)? };
        Ok(Export { manifest, tables })
    }

    fn table_manifests(&self, tables: &BTreeMap<String, Vec<Value>>) -> Result<Vec<TableManifest>, ServiceError> {
        let mut manifests = Vec::new();
        for table in self.datamap.table.iter().filter(|table| !table.owners.is_empty()) {
            let rows = tables.get(&table.name).map_or(&[][..], Vec::as_slice);
            let left_out = table.columns.iter().filter_map(|(name, column)| Some((name.clone(), column.why.clone()?)));
            manifests.push(TableManifest {
                table: table.name.clone(),
                rows: rows.len(),
                sha256: hex::encode(sha256(&serde_json::to_vec(rows)?)),
                kept: table.kept.clone(),
                left_out: left_out.collect(),
            });
        }
        Ok(manifests)
    }
}

/// Random names for the other people of one export.
struct Tokens<'a> {
    app: &'a App,
    known: BTreeMap<Vec<u8>, String>,
}

impl Tokens<'_> {
    fn of(&mut self, other: &[u8]) -> Result<String, ServiceError> {
        if let Some(token) = self.known.get(other) {
            return Ok(token.clone());
        }
        let bytes: [u8; 8] = self.app.entropy.bytes()?;
        let token = format!("somebody-{}", hex::encode(bytes));
        self.known.insert(other.to_vec(), token.clone());
        Ok(token)
    }
}

fn readable(table: &ExportedTable, key: &SubjectKey, tokens: &mut Tokens<'_>) -> Result<Vec<Value>, ServiceError> {
    let mut rows = Vec::with_capacity(table.rows.len());
    for cells in &table.rows {
        let mut row = Map::new();
        for (column, cell) in table.columns.iter().zip(cells) {
            let value = match (column.export, cell) {
                (datamap::Export::Oneself | datamap::Export::No, _) => continue,
                (datamap::Export::Token, Cell::Bytes(other)) => tokens.of(other)?.into(),
                (datamap::Export::Open, Cell::Bytes(sealed)) => opened(table, cells, sealed, key)?,
                (_, cell) => plain(cell),
            };
            row.insert(column.name.clone(), value);
        }
        rows.push(row.into());
    }
    Ok(rows)
}

fn plain(cell: &Cell) -> Value {
    match cell {
        Cell::Nothing => Value::Null,
        Cell::Int(number) => (*number).into(),
        Cell::Text(text) => text.clone().into(),
        Cell::Bytes(bytes) => hex::encode(bytes).into(),
    }
}

/// A sealed column, as its table seals it.
fn opened(table: &ExportedTable, cells: &[Cell], sealed: &[u8], key: &SubjectKey) -> Result<Value, ServiceError> {
    let cell =
        |name: &str| table.columns.iter().zip(cells).find(|(column, _)| column.name == name).map(|(_, cell)| cell);
    let corrupt = || StoreError::Corrupt("export");
    if table.table == "event" {
        let Some(Cell::Int(seq)) = cell("seq") else { return Err(corrupt().into()) };
        let (nonce, body) = open_event(Seq(*seq), sealed, &key.sealing)?;
        let body: Value = serde_json::from_str(&body)?;
        return Ok(serde_json::json!({ "nonce": hex::encode(nonce), "body": body }));
    }
    let (Some(Cell::Bytes(id)), Some(Cell::Text(kind))) = (cell("id"), cell("kind")) else {
        return Err(corrupt().into());
    };
    let id = IdentifierId::try_from(id.clone()).map_err(|_| corrupt())?;
    let name = if table.table == "claim" { "claim" } else { "identifier" };
    Ok(open_identifier(name, key, &id, kind, sealed)?.as_str().into())
}

/// One table, as people are told of it.
#[derive(Debug, Clone, Serialize)]
pub struct StoredView {
    /// Which.
    pub table: String,
    /// Whether its rows are about somebody.
    pub about_people: bool,
    /// For how long.
    pub kept: String,
    /// What an erasure does with it.
    pub erase: datamap::Erase,
    /// Why, where it is kept.
    pub why: Option<String>,
    /// What is in each column.
    pub columns: BTreeMap<String, datamap::Class>,
}

impl App {
    /// What is stored, about whom and for how long: the data map, which the running database was compared with.
    pub fn stored(&self) -> Vec<StoredView> {
        let view = |table: &datamap::Table| StoredView {
            table: table.name.clone(),
            about_people: !table.owners.is_empty(),
            kept: table.kept.clone(),
            erase: table.erase,
            why: table.why.clone(),
            columns: table.columns.iter().map(|(name, column)| (name.clone(), column.class)).collect(),
        };
        self.datamap.table.iter().map(view).collect()
    }
}
