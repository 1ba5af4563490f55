//! The rows of score stores in an export. They are read before anything is recorded and outside of any snapshot, so that a slow store
//! holds up no database, and one that does not answer leaves no half of an export, no event that says there was one, and no used code.

use std::time::Duration;

use super::export::Array;
use super::proving::StoreFailure;
use super::spool::Writing;
use super::{App, ServiceError, Spool, TableManifest};
use crate::ids::{Pairwise, Subject};
use crate::policy::DeclaredTable;
use crate::store::outside::{OutsideError, TextRow};

/// Longest time for the rows of all stores; a request has thirty seconds.
const READ: Duration = Duration::from_secs(20);

/// `{store: {table: [row, ..]}}`, and what is in it.
#[derive(Debug)]
pub(super) struct OutsideRows {
    pub(super) subject: Subject,
    pub(super) content: Spool,
    pub(super) tables: Vec<TableManifest>,
}

impl App {
    /// What every declared store holds of a person. A store whose recipient has no name for them is not asked.
    ///
    /// # Errors
    /// [`ServiceError::ScoreStore`] when one that is needed cannot be read whole and in time.
    pub(super) async fn outside_rows(&self, subject: &Subject) -> Result<OutsideRows, ServiceError> {
        let names = self.store.read_tx(subject, |tx, subject| Box::pin(tx.names_of(subject))).await?;
        let late = || OutsideError::Down("an export was not read in time".into());
        let read = tokio::time::timeout(READ, self.read_outside(subject, &names)).await;
        read.unwrap_or_else(|_| Err(StoreFailure::new("any", late()).into()))
    }

    async fn read_outside(&self, subject: &Subject, names: &[(String, Pairwise)]) -> Result<OutsideRows, ServiceError> {
        let mut writing = Writing::new(&self.config.data, &self.entropy)?;
        let mut tables = Vec::new();
        writing.write(b"{")?;
        for (number, store) in self.score_stores.all().enumerate() {
            let before = if number == 0 { "" } else { "," };
            writing.write(format!("{before}\"{}\":{{", store.name()).as_bytes())?;
            let id = store.name_for(names);
            for (number, table) in store.outside.declared().table.iter().enumerate() {
                let before = if number == 0 { "" } else { "," };
                writing.write(format!("{before}\"{}\":", table.name).as_bytes())?;
                let mut array = Array::default();
                if let Some(id) = &id {
                    self.read_table((store.name(), table), id, &mut writing, &mut array).await?;
                }
                let name = format!("{}/{}", store.name(), table.name);
                let kept = "as long as whoever runs the score store keeps it, at most until an erasure".into();
                tables.push(array.end(&mut writing, (name, kept, table.left_out.clone()))?);
            }
            writing.write(b"}")?;
        }
        writing.write(b"}")?;
        Ok(OutsideRows { subject: *subject, content: writing.end()?, tables })
    }

    async fn read_table(
        &self,
        (name, table): (&str, &DeclaredTable),
        id: &Pairwise,
        writing: &mut Writing,
        array: &mut Array,
    ) -> Result<(), ServiceError> {
        let store = self.score_store(name)?;
        let mut sink = |row: TextRow<'_>| array.push(writing, |text| object(row, text)).map_err(Stopped::Sink);
        let read = store.outside.rows(table, id, &mut sink).await;
        read.map_err(|stopped| match stopped {
            Stopped::Sink(error) => error,
            Stopped::Store(why) => StoreFailure::new(name, why).into(),
        })
    }
}

/// Why a table was not read to its end.
enum Stopped {
    Sink(ServiceError),
    Store(OutsideError),
}

impl From<OutsideError> for Stopped {
    fn from(why: OutsideError) -> Self {
        Self::Store(why)
    }
}

fn object(row: TextRow<'_>, text: &mut Vec<u8>) -> Result<(), ServiceError> {
    let mut before = b'{';
    for (column, cell) in row {
        text.push(before);
        before = b',';
        serde_json::to_writer(&mut *text, column)?;
        text.push(b':');
        serde_json::to_writer(&mut *text, cell)?;
    }
    text.extend_from_slice(if before == b'{' { b"{}" } else { b"}" });
    Ok(())
}
