//! A receipt: the proof that a leaf is in the log, with what opens it. Anybody with the log's public key can check one.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::leaf::{Leaf, commitment};
use super::note::{NoteError, VerifierKey, verify};
use super::proof::{BadProofText, ProofText};
use super::tree::{BadProof, Hash, verify_inclusion};
use crate::domain::Event;

/// What somebody keeps of an act. On the wire it is the text of a C2SP tlog-proof whose extra data opens the leaf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Receipt {
    /// Place of the leaf, from 0.
    pub index: u64,
    /// The leaf.
    pub leaf: Leaf,
    /// Key of its commitment.
    pub nonce: [u8; 32],
    /// What was committed to: canonical JSON of the event.
    pub body: String,
    /// From the leaf's sibling up to the root.
    pub path: Vec<Hash>,
    /// The signed checkpoint over that root.
    pub checkpoint: String,
}

/// What a good receipt shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Opened {
    /// Place of the leaf, from 0.
    pub index: u64,
    /// How many leaves the log had.
    pub size: u64,
    /// What was done, and when.
    #[serde(flatten)]
    pub event: Event,
}

/// Why a receipt shows nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadReceipt {
    /// Not even the format.
    #[error(transparent)]
    Text(#[from] BadProofText),
    /// The proof carries no opening, or one that cannot be read.
    #[error("the `extra` line does not open a leaf: expected JSON with `leaf`, `nonce` and `body`")]
    Opening,
    /// The signature.
    #[error("its checkpoint: {0}")]
    Checkpoint(#[from] NoteError),
    /// The path.
    #[error("{0}")]
    Path(#[from] BadProof),
    /// The body or its key were changed.
    #[error("the body is not what the leaf commits to: it was changed")]
    Commitment,
    /// The leaf shows something else than the body.
    #[error("the body is no event of the kind and day that the leaf shows")]
    Event,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Opening {
    leaf: String,
    nonce: String,
    body: String,
}

/// Where a receipt stands in JSON: in an answer of the service, in a Kantara receipt, in a record of ISO/IEC TS 27560.
const WITHIN: [&str; 4] = ["/receipt", "/certificate", "/proof", "/dct:provenance/rdf:value"];

impl Receipt {
    /// The text of the receipt in what somebody has: itself, or JSON that carries it. None for JSON that carries none.
    pub fn text_in(text: &str) -> Option<Cow<'_, str>> {
        if !text.trim_start().starts_with('{') {
            return Some(Cow::Borrowed(text));
        }
        let value: serde_json::Value = serde_json::from_str(text).ok()?;
        WITHIN.iter().find_map(|place| value.pointer(place)?.as_str().map(|found| Cow::Owned(found.to_owned())))
    }

    /// Reads a receipt without checking it.
    ///
    /// # Errors
    /// For what is no receipt.
    pub fn parse(text: &str) -> Result<Self, BadReceipt> {
        let ProofText { extra, index, path, checkpoint } = ProofText::parse(text)?;
        let opening: Opening =
            serde_json::from_slice(&extra.ok_or(BadReceipt::Opening)?).map_err(|_| BadReceipt::Opening)?;
        let leaf = Leaf::parse(&opening.leaf).ok_or(BadReceipt::Opening)?;
        let mut nonce = [0; 32];
        hex::decode_to_slice(&opening.nonce, &mut nonce).map_err(|_| BadReceipt::Opening)?;
        Ok(Self { index, leaf, nonce, body: opening.body, path, checkpoint })
    }

    /// Checks signature, place and opening.
    ///
    /// # Errors
    /// Says which of them fails.
    pub fn check(&self, key: &VerifierKey) -> Result<Opened, BadReceipt> {
        let checkpoint = verify(&self.checkpoint, key)?;
        verify_inclusion(self.index, checkpoint.size, &self.leaf.hash(), &self.path, &checkpoint.root)?;
        if commitment(&self.nonce, &self.body) != self.leaf.commitment && !crate::mutant::on("receipt_skips_commitment")
        {
            return Err(BadReceipt::Commitment);
        }
        let event: Event = serde_json::from_str(&self.body).map_err(|_| BadReceipt::Event)?;
        let shown = event.act.kind() == self.leaf.kind && event.at.day() == self.leaf.day;
        if shown { Ok(Opened { index: self.index, size: checkpoint.size, event }) } else { Err(BadReceipt::Event) }
    }
}

impl From<Receipt> for String {
    fn from(receipt: Receipt) -> Self {
        let leaf = String::from_utf8(receipt.leaf.bytes()).unwrap_or_default();
        let opening = Opening { leaf, nonce: hex::encode(receipt.nonce), body: receipt.body };
        let extra = serde_json::to_vec(&opening).unwrap_or_default();
        let Receipt { index, path, checkpoint, .. } = receipt;
        ProofText { extra: Some(extra), index, path, checkpoint }.encode()
    }
}

impl TryFrom<String> for Receipt {
    type Error = BadReceipt;

    fn try_from(text: String) -> Result<Self, BadReceipt> {
        Self::parse(&text)
    }
}
