//! Records of consent from elsewhere, for moving to sayso. They arrive as *unknown*: the person reads in their history what was
//! said about them, and nothing is allowed until they say so themselves.

use serde::{Deserialize, Serialize};

use super::act::Idempotency;
use super::{App, Receipt, ServiceError};
use crate::crypto::sha256;
use crate::domain::{Act, Triple};
use crate::exchange::{Foreign, read_iso27560};
use crate::ident::Identifier;
use crate::ids::Subject;
use crate::store::Tx;

/// What became of a record. The same whoever it is about: an operator learns nothing about a person from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordTaken {
    /// One receipt for each purpose, source and recipient of ours that it names.
    pub receipts: Vec<Receipt>,
    /// How many it names that are about purposes or sources that this service does not have; they were dropped.
    pub not_ours: usize,
}

impl App {
    /// Takes a record in the form of ISO/IEC TS 27560. About somebody without an account nothing but a leaf is stored, which
    /// only the receipt opens.
    ///
    /// # Errors
    /// For what is no record.
    pub async fn import_record(
        &self,
        identifier: &Identifier,
        record: &serde_json::Value,
        idempotency: Option<&Idempotency>,
    ) -> Result<RecordTaken, ServiceError> {
        let foreign = read_iso27560(record).map_err(|e| ServiceError::invalid("record", &e.to_string()))?;
        let acts = self.imported(&foreign, &hex::encode(sha256(record.to_string().as_bytes())));
        let not_ours = foreign.others + foreign.triples.len() - acts.len();
        self.act(idempotency, &(self, identifier, acts, not_ours), |tx, (app, identifier, acts, not_ours)| {
            Box::pin(async move {
                let (owner, mut receipts) = (app.living(tx, &app.blinds(identifier)).await?, Vec::new());
                for act in acts {
                    receipts.push(app.record_about(tx, owner.as_ref(), act.clone()).await?);
                }
                Ok((RecordTaken { receipts, not_ours: *not_ours }, owner))
            })
        })
        .await
    }

    async fn record_about(&self, tx: &mut Tx, owner: Option<&Subject>, act: Act) -> Result<Receipt, ServiceError> {
        let head = self.head(tx).await?;
        let Some(subject) = owner else { return Ok(self.record_unkept(tx, head, act).await?.receipt) };
        let mut person = self.person(tx, subject).await?;
        Ok(self.record(tx, head, &mut person, act).await?.receipt)
    }

    fn imported(&self, foreign: &Foreign, digest: &str) -> Vec<Act> {
        let known = |triple: &&Triple| {
            self.registry.purpose.iter().any(|entry| entry.name == triple.purpose)
                && self.registry.source.iter().any(|entry| entry.name == triple.source)
        };
        let act = |triple: &Triple| Act::RecordImported {
            triple: triple.clone(),
            status: foreign.status.clone(),
            sha256: digest.to_owned(),
        };
        foreign.triples.iter().filter(known).map(act).collect()
    }
}
