//! Proofs and tiles from the stored subtrees, in O(log n) reads, and receipts for what was recorded before.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::num::TryFromIntError;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde::Serialize;

use super::record::open_event;
use super::{App, PersonCaller, ServiceError};
use crate::domain::{Act, Event, Seq, Triple};
use crate::exchange::{Controller, Decision, Matter, iso27560, kantara};
use crate::log::{
    BadReceipt, Hash, Leaf, Opened, Receipt, Tile, TileKind, consistency_proof, inclusion_proof, parse_vkey, verify,
    verify_consistency,
};
use crate::store::{StoreError, Tx};

/// In which form a decision is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordForm {
    /// ISO/IEC TS 27560 with the Data Privacy Vocabulary, JSON-LD.
    Iso27560,
    /// Kantara Consent Receipt 1.1.
    Kantara,
}

/// Subtrees by level and place.
pub(super) type Nodes = BTreeMap<(u32, u64), Hash>;

/// That a leaf is in the tree of a size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InclusionProof {
    /// Place of the leaf, from 0.
    pub leaf_index: u64,
    /// Of how many leaves.
    pub tree_size: u64,
    /// From the leaf's sibling up (RFC 9162, 2.1.3), in base64.
    pub hashes: Vec<String>,
}

/// That the tree of one size begins with that of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConsistencyProof {
    /// The smaller size.
    pub from: u64,
    /// The larger size.
    pub to: u64,
    /// As RFC 9162 (2.1.4) has it, in base64.
    pub hashes: Vec<String>,
}

/// What a receipt or a certificate that somebody has shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shows {
    /// That this was recorded, and the log of now, of so many entries, goes on from the log that it signs.
    Recorded(Opened, u64),
    /// That this was recorded, in a log that is not the beginning of the log of now, of so many entries: it was rewritten.
    Rewritten(Opened, u64),
    /// Nothing.
    Nothing(BadReceipt),
}

impl App {
    /// What a receipt or a certificate shows, whoever has it. Nothing of it is stored.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn shown_by(&self, text: &str) -> Result<Shows, ServiceError> {
        let key = parse_vkey(&self.log_vkey())?;
        let checked = Receipt::text_in(text).ok_or(BadReceipt::Opening).and_then(|text| {
            let receipt = Receipt::parse(&text)?;
            Ok((receipt.check(&key)?, receipt.checkpoint))
        });
        let (opened, checkpoint) = match checked {
            Ok(checked) => checked,
            Err(bad) => return Ok(Shows::Nothing(bad)),
        };
        let (goes_on, _, now) = self.goes_on_from(&checkpoint).await?;
        Ok(if goes_on { Shows::Recorded(opened, now) } else { Shows::Rewritten(opened, now) })
    }

    /// That an event's leaf is in the log of a size, which is the present one unless it is said.
    ///
    /// # Errors
    /// For an event or a size that does not exist.
    pub async fn inclusion(&self, seq: i64, size: Option<u64>) -> Result<InclusionProof, ServiceError> {
        self.store.read_tx(&(self, seq, size), |tx, (app, seq, size)| Box::pin(app.inclusion_in(tx, *seq, *size))).await
    }

    async fn inclusion_in(&self, tx: &mut Tx, seq: i64, size: Option<u64>) -> Result<InclusionProof, ServiceError> {
        let tree_size = existing(tx, "size", size).await?;
        let index = u64::try_from(seq.saturating_sub(1)).ok().filter(|index| *index < tree_size && seq > 0);
        let leaf_index =
            index.ok_or_else(|| ServiceError::invalid("seq", "the place of an event, from 1 to the size"))?;
        let path = self.path(tx, leaf_index, tree_size).await?;
        Ok(InclusionProof { leaf_index, tree_size, hashes: encoded(&path) })
    }

    /// That the log of one size begins with the log of a smaller one.
    ///
    /// # Errors
    /// For sizes that do not exist, or in the wrong order. Every log begins with the empty one; that has no proof.
    pub async fn consistency(&self, from: u64, to: Option<u64>) -> Result<ConsistencyProof, ServiceError> {
        self.store.read_tx(&(self, from, to), |tx, (app, from, to)| Box::pin(app.consistency_in(tx, *from, *to))).await
    }

    /// Whether the log of now goes on from one that somebody kept the signed checkpoint of; its size then, and now.
    ///
    /// # Errors
    /// For what is no checkpoint that this log signed.
    pub async fn goes_on_from(&self, older: &str) -> Result<(bool, u64, u64), ServiceError> {
        let key = parse_vkey(&self.log_vkey())?;
        let expected = "a checkpoint that this log signed, whole, as it was handed out";
        let older = verify(older, &key).map_err(|_| ServiceError::invalid("checkpoint", expected))?;
        let now = verify(&self.checkpoint().await?, &key)?;
        if older.size == 0 || older.size > now.size {
            return Ok((older.size == 0, older.size, now.size));
        }
        let (from, to) = (older.size, now.size);
        let input = (self, from, to);
        let proof = self.store.read_tx(&input, |tx, (app, from, to)| {
            Box::pin(async move {
                let nodes = app.nodes_for(tx, |node| consistency_proof(*from, *to, node).map(drop)).await?;
                let proof = consistency_proof(*from, *to, |level, place| nodes.get(&(level, place)).copied());
                proof.ok_or_else(|| ServiceError::from(StoreError::Corrupt("tree_node")))
            })
        });
        let holds = verify_consistency((from, &older.root), (to, &now.root), &proof.await?).is_ok();
        Ok((holds, from, to))
    }

    async fn consistency_in(&self, tx: &mut Tx, from: u64, to: Option<u64>) -> Result<ConsistencyProof, ServiceError> {
        let to = existing(tx, "to", to).await?;
        if from == 0 || from > to {
            return Err(ServiceError::invalid("from", "a size from 1 to that in `to`"));
        }
        let nodes = self.nodes_for(tx, |node| consistency_proof(from, to, node).map(drop)).await?;
        let proof = consistency_proof(from, to, |level, place| nodes.get(&(level, place)).copied());
        let proof = proof.ok_or(StoreError::Corrupt("tree_node"))?;
        Ok(ConsistencyProof { from, to, hashes: encoded(&proof) })
    }

    async fn path(&self, tx: &mut Tx, index: u64, size: u64) -> Result<Vec<Hash>, ServiceError> {
        let nodes = self.nodes_for(tx, |node| inclusion_proof(index, size, node).map(drop)).await?;
        let path = inclusion_proof(index, size, |level, place| nodes.get(&(level, place)).copied());
        Ok(path.ok_or(StoreError::Corrupt("tree_node"))?)
    }

    /// Reads the subtrees that a computation asks for: it is run once with made-up ones to learn which.
    pub(super) async fn nodes_for(
        &self,
        tx: &mut Tx,
        computation: impl Fn(&dyn Fn(u32, u64) -> Option<Hash>) -> Option<()> + Send,
    ) -> Result<Nodes, ServiceError> {
        let stored = |(level, place): (u32, u64)| Ok::<_, TryFromIntError>((level.into(), place.try_into()?));
        let asked: Result<Vec<(i64, i64)>, _> = asked_for(computation).into_iter().map(stored).collect();
        let corrupt = |_| StoreError::Corrupt("tree_node");
        let mut nodes = Nodes::new();
        for node in tx.nodes_at(&asked.map_err(corrupt)?).await? {
            let at = (node.level.try_into().map_err(corrupt)?, node.place.try_into().map_err(corrupt)?);
            nodes.insert(at, node.hash);
        }
        Ok(nodes)
    }

    /// The receipt of one's own event, against the present checkpoint.
    ///
    /// # Errors
    /// When there is no such event of this person.
    pub async fn receipt(&self, caller: &PersonCaller, seq: Seq) -> Result<Receipt, ServiceError> {
        self.store
            .read_tx(&(self, caller.subject, seq), |tx, (app, subject, seq)| {
                Box::pin(async move {
                    let key = app.key_of(tx, subject).await?;
                    app.receipt_in(tx, *seq, |owner| (owner == Some(*subject)).then_some(&key.sealing)).await
                })
            })
            .await
    }

    /// One's own decision in a form that others read.
    ///
    /// # Errors
    /// When there is no such event of this person, or it decides about no purpose.
    pub async fn record_form(
        &self,
        caller: &PersonCaller,
        seq: Seq,
        form: RecordForm,
    ) -> Result<serde_json::Value, ServiceError> {
        let receipt = self.receipt(caller, seq).await?;
        let event: Event = serde_json::from_str(&receipt.body)?;
        let title = |triple: &Triple| {
            let entry = self.registry.purpose.iter().find(|entry| entry.name == triple.purpose);
            entry.map_or_else(|| triple.purpose.to_string(), |entry| entry.title.clone())
        };
        let matters =
            event.act.triples().into_iter().map(|triple| Matter { triple: triple.clone(), title: title(triple) });
        let controller = Controller {
            name: self.config.controller_name.clone(),
            address: self.config.controller_address.clone(),
            email: self.config.controller_email.clone(),
            phone: self.config.controller_phone.clone(),
        };
        let decision = Decision {
            id: hex::encode(receipt.leaf.hash()),
            event: &event,
            matters: matters.collect(),
            language: self.notice_language(&event).await?,
            public_url: &self.config.public_url,
            vkey: &self.log_vkey(),
            controller: &controller,
            receipt: receipt.into(),
        };
        let record = match form {
            RecordForm::Iso27560 => iso27560(&decision),
            RecordForm::Kantara => kantara(&decision),
        };
        record.ok_or_else(|| ServiceError::invalid("form", "`tlog-proof`: this event decides about no purpose"))
    }

    async fn notice_language(&self, event: &Event) -> Result<String, ServiceError> {
        let (Act::Granted { triple, notice_version, notice_sha256, .. }
        | Act::Refused { triple, notice_version, notice_sha256 }) = &event.act
        else {
            return Ok(String::from("en"));
        };
        let notice = match self.notice(&triple.purpose, *notice_version).await {
            Err(ServiceError::NotFound(_)) => None,
            notice => Some(notice?),
        };
        let shown = notice.as_ref().and_then(|notice| notice.with_digest(notice_sha256));
        Ok(shown.map_or_else(|| String::from("en"), |shown| shown.locale.to_owned()))
    }

    /// Rebuilds a receipt; `key` gives the key for an owner who may be shown.
    pub(super) async fn receipt_in<'k>(
        &self,
        tx: &mut Tx,
        seq: Seq,
        key: impl Fn(Option<crate::ids::Subject>) -> Option<&'k crate::secret::Key> + Send,
    ) -> Result<Receipt, ServiceError> {
        let unknown = || ServiceError::NotFound("event of yours");
        let row = tx.event(seq).await?.ok_or_else(unknown)?;
        let key = key(row.subject).ok_or_else(unknown)?;
        let (nonce, body) = open_event(seq, row.body.as_ref().ok_or_else(unknown)?, key)?;
        let head = tx.head().await?;
        let index = u64::try_from(seq.0 - 1).map_err(|_| StoreError::Corrupt("event"))?;
        let size = u64::try_from(head.seq.0).map_err(|_| StoreError::Corrupt("log_head"))?;
        let path = self.path(tx, index, size).await?;
        let leaf = Leaf { kind: row.kind, day: row.day, commitment: row.commitment };
        Ok(Receipt { index, leaf, nonce, body, path, checkpoint: head.checkpoint })
    }

    /// A tile of the log (C2SP tlog-tiles): hashes one after another, or leaves after their length.
    ///
    /// # Errors
    /// When the log has no such tile yet.
    pub async fn tile(&self, tile: &Tile) -> Result<Vec<u8>, ServiceError> {
        self.store.read_tx(tile, |tx, tile| Box::pin(tile_in(tx, tile))).await
    }
}

async fn tile_in(tx: &mut Tx, tile: &Tile) -> Result<Vec<u8>, ServiceError> {
    let size = existing(tx, "size", None).await?;
    if !tile.is_in(size) {
        return Err(ServiceError::NotFound("tile"));
    }
    let (Ok(first), Ok(width)) = (i64::try_from(tile.start()), i64::try_from(tile.width)) else {
        return Err(ServiceError::NotFound("tile"));
    };
    match tile.kind {
        TileKind::Hashes(level) => {
            let nodes = tx.nodes(level.into(), first, first + width - 1).await?;
            Ok(nodes.into_iter().flat_map(|node| node.hash).collect())
        }
        TileKind::Entries => {
            let mut bundle = Vec::new();
            for row in tx.leaves(Seq(first + 1), width).await? {
                let leaf = Leaf { kind: row.kind, day: row.day, commitment: row.commitment }.bytes();
                let length = u16::try_from(leaf.len()).map_err(|_| StoreError::Corrupt("event"))?;
                bundle.extend(length.to_be_bytes());
                bundle.extend(leaf);
            }
            Ok(bundle)
        }
    }
}

/// A size that the log has or had; the present one when none is named.
async fn existing(tx: &mut Tx, field: &str, size: Option<u64>) -> Result<u64, ServiceError> {
    let present = u64::try_from(tx.head().await?.seq.0).map_err(|_| StoreError::Corrupt("log_head"))?;
    match size {
        None => Ok(present),
        Some(size) if size <= present => Ok(size),
        Some(_) => Err(ServiceError::invalid(field, "a size that the log has reached")),
    }
}

fn asked_for(computation: impl Fn(&dyn Fn(u32, u64) -> Option<Hash>) -> Option<()>) -> BTreeSet<(u32, u64)> {
    let asked = RefCell::new(BTreeSet::new());
    let _made_up = computation(&|level, place| {
        asked.borrow_mut().insert((level, place));
        Some(Hash::default())
    });
    asked.into_inner()
}

fn encoded(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(|hash| BASE64.encode(hash)).collect()
}
