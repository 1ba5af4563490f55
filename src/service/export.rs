//! Export: everything that an erasure would remove, planned from the same list.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::act::Idempotency;
use super::epochs::open_object;
use super::identifiers::open_identifier;
use super::outside_rows::OutsideRows;
use super::record::open_event;
use super::spool::Writing;
use super::{App, PersonCaller, ServiceError, Spool};
use crate::crypto::{Blind, SubjectKey};
use crate::datamap::{self, ExportPlan};
use crate::domain::{Act, Micros, Seq};
use crate::ids::{IdentifierId, Subject};
use crate::secret::Key;
use crate::store::{Cell, StoreError, Tx};

/// Everything about a person, as JSON: `{"tables": {table: [row, ..]}, "stores": {store: {table: [row, ..]}}, "manifest": ..}`.
#[derive(Debug)]
pub struct Export {
    /// What is in it.
    pub manifest: Manifest,
    /// All of it.
    pub content: Spool,
}

/// What is in an export.
#[derive(Debug, Clone, Serialize)]
pub struct Manifest {
    /// When it was made, in microseconds since 1970.
    pub made_us: Micros,
    /// The event of the log that says so.
    pub seq: Seq,
    /// Each table; those of score stores as `store/table`.
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
    /// Everything about a person. The log says that it was handed out; if that cannot be written there is no export (N22). Asked for
    /// twice by one request, it was handed out once.
    ///
    /// # Errors
    /// For the database, and [`ServiceError::ScoreStore`].
    pub async fn export(
        &self,
        caller: &PersonCaller,
        idempotency: Option<&Idempotency>,
    ) -> Result<Export, ServiceError> {
        let outside = self.outside_rows(&caller.subject).await?;
        let done = self.simple(caller.subject, Act::Exported {}, idempotency).await?;
        self.export_subject(&caller.subject, done.seq, outside).await
    }

    pub(super) async fn export_subject(
        &self,
        subject: &Subject,
        seq: Seq,
        mut outside: OutsideRows,
    ) -> Result<Export, ServiceError> {
        let input = (self, subject);
        let read = self.store.read_tx(&input, |tx, (app, subject)| Box::pin(app.read_export(tx, subject))).await;
        let (mut writing, mut tables) = read?;
        writing.write(b"},\"stores\":")?;
        while let Some(piece) = outside.content.piece()? {
            writing.write(&piece)?;
        }
        tables.extend(outside.tables);
        let manifest = Manifest { made_us: self.now(), seq, tables };
        writing.write(b",\"manifest\":")?;
        writing.write(&serde_json::to_vec(&manifest)?)?;
        writing.write(b"}")?;
        Ok(Export { manifest, content: writing.end()? })
    }

    /// One snapshot, one row in memory at a time.
    async fn read_export(&self, tx: &mut Tx, subject: &Subject) -> Result<(Writing, Vec<TableManifest>), ServiceError> {
        let (key, tokens) = (self.key_of(tx, subject).await?, Key::new(self.entropy.bytes()?));
        let mut writing = Writing::new(&self.config.data, &self.entropy)?;
        let (plans, mut tables) = (self.datamap.exports(), Vec::new());
        for table in self.datamap.table.iter().filter(|table| !table.owners.is_empty()) {
            let before = if tables.is_empty() { "{\"tables\":{" } else { "," };
            writing.write(format!("{before}\"{}\":", table.name).as_bytes())?;
            let mut array = Array::default();
            for plan in plans.iter().filter(|plan| plan.table == table.name) {
                let opening = Opening { plan, key: &key, owner: subject, tokens: &tokens };
                let mut sink = |cells: &[Cell]| array.push(&mut writing, |text| opening.row(cells, text));
                tx.export_rows(plan, subject, &mut sink).await?;
            }
            tables.push(array.end(&mut writing, described(table))?);
        }
        Ok((writing, tables))
    }
}

/// The name of a table, for how long it is kept, and what is left out of it.
type Described = (String, String, BTreeMap<String, String>);

fn described(table: &datamap::Table) -> Described {
    let left_out = table.columns.iter().filter_map(|(name, column)| Some((name.clone(), column.why.clone()?)));
    (table.name.clone(), table.kept.clone(), left_out.collect())
}

/// The rows of one table on their way, counted and digested.
#[derive(Default)]
pub(super) struct Array {
    rows: usize,
    digest: Sha256,
    text: Vec<u8>,
}

impl Array {
    pub(super) fn push(
        &mut self,
        writing: &mut Writing,
        row: impl FnOnce(&mut Vec<u8>) -> Result<(), ServiceError>,
    ) -> Result<(), ServiceError> {
        self.text.clear();
        self.text.push(if self.rows == 0 { b'[' } else { b',' });
        row(&mut self.text)?;
        self.rows += 1;
        self.digest.update(&self.text);
        writing.write(&self.text)
    }

    pub(super) fn end(
        mut self,
        writing: &mut Writing,
        (table, kept, left_out): Described,
    ) -> Result<TableManifest, ServiceError> {
        let end: &[u8] = if self.rows == 0 { b"[]" } else { b"]" };
        self.digest.update(end);
        writing.write(end)?;
        Ok(TableManifest { table, rows: self.rows, sha256: hex::encode(self.digest.finalize()), kept, left_out })
    }
}

/// How the cells of one plan become readable.
struct Opening<'a> {
    plan: &'a ExportPlan,
    key: &'a SubjectKey,
    owner: &'a Subject,
    /// Keys the random names of other people; of this export alone.
    tokens: &'a Key,
}

impl Opening<'_> {
    /// The row as a JSON object, its fields in the order of the plan.
    fn row(&self, cells: &[Cell], text: &mut Vec<u8>) -> Result<(), ServiceError> {
        let mut before = b'{';
        for (column, cell) in self.plan.columns.iter().zip(cells) {
            if matches!(column.export, datamap::Export::Oneself | datamap::Export::No) {
                continue;
            }
            text.push(before);
            before = b',';
            serde_json::to_writer(&mut *text, &column.name)?;
            text.push(b':');
            match (column.export, cell) {
                (datamap::Export::Token, Cell::Bytes(other)) => serde_json::to_writer(&mut *text, &self.token(other))?,
                (datamap::Export::Open, Cell::Bytes(sealed)) => {
                    serde_json::to_writer(&mut *text, &self.opened(cells, sealed)?)?;
                }
                (_, Cell::Nothing) => text.extend_from_slice(b"null"),
                (_, Cell::Int(number)) => serde_json::to_writer(&mut *text, number)?,
                (_, Cell::Text(plain)) => serde_json::to_writer(&mut *text, plain)?,
                (_, Cell::Bytes(bytes)) => serde_json::to_writer(&mut *text, &hex::encode(bytes))?,
            }
        }
        text.extend_from_slice(if before == b'{' { b"{}" } else { b"}" });
        Ok(())
    }

    fn token(&self, other: &[u8]) -> String {
        let digest = Blind(self.tokens).somebody(other);
        let (short, _) = digest.split_at(8);
        format!("somebody-{}", hex::encode(short))
    }

    /// A sealed column, as its table seals it.
    fn opened(&self, cells: &[Cell], sealed: &[u8]) -> Result<Value, ServiceError> {
        let cell = |name: &str| {
            self.plan.columns.iter().zip(cells).find(|(column, _)| column.name == name).map(|(_, cell)| cell)
        };
        let corrupt = || StoreError::Corrupt("export");
        if self.plan.table == "event" {
            let Some(Cell::Int(seq)) = cell("seq") else { return Err(corrupt().into()) };
            let (nonce, body) = open_event(Seq(*seq), sealed, &self.key.sealing)?;
            let body: Value = serde_json::from_str(&body)?;
            return Ok(serde_json::json!({ "nonce": hex::encode(nonce), "body": body }));
        }
        if self.plan.table == "object" {
            return Ok(open_object(self.key, self.owner, sealed)?.into());
        }
        let (Some(Cell::Bytes(id)), Some(Cell::Text(kind))) = (cell("id"), cell("kind")) else {
            return Err(corrupt().into());
        };
        let id = IdentifierId::try_from(id.clone()).map_err(|_| corrupt())?;
        let name = if self.plan.table == "claim" { "claim" } else { "identifier" };
        Ok(open_identifier(name, self.key, &id, kind, sealed)?.as_str().into())
    }
}

/// One table, as people are told of it.
#[derive(Debug, Clone, Serialize)]
pub struct StoredView<'a> {
    /// Which.
    pub table: &'a str,
    /// Whether its rows are about somebody.
    pub about_people: bool,
    /// For how long.
    pub kept: &'a str,
    /// What an erasure does with it.
    pub erase: datamap::Erase,
    /// Why, where it is kept.
    pub why: Option<&'a str>,
    /// What is in each column.
    pub columns: BTreeMap<&'a str, datamap::Class>,
}

impl App {
    /// What is stored, about whom and for how long: the data map, which the running database was compared with.
    pub fn stored(&self) -> Vec<StoredView<'_>> {
        self.datamap.table.iter().map(stored).collect()
    }
}

fn stored(table: &datamap::Table) -> StoredView<'_> {
    StoredView {
        table: &table.name,
        about_people: !table.owners.is_empty(),
        kept: &table.kept,
        erase: table.erase,
        why: table.why.as_deref(),
        columns: table.columns.iter().map(|(name, column)| (name.as_str(), column.class)).collect(),
    }
}
