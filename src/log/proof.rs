//! A proof of inclusion as a text to keep: C2SP tlog-proof (c2sp.org/tlog-proof, version 1).

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};

use super::tree::Hash;

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";
/// No tree that is counted in 64 bits has a longer path.
const PATH_MAX: usize = 64;
/// A longer text is refused before it is read, in bytes.
const TEXT_BYTES_MAX: usize = 256 * 1024;

/// The text is no proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a `{FIRST_LINE}` text: {0}")]
pub struct BadProofText(&'static str);

/// A leaf's place, the way from it to the root, and the checkpoint that signs the root. Nothing here is checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofText {
    /// What the application adds; not authenticated by the format.
    pub extra: Option<Vec<u8>>,
    /// Place of the leaf, from 0.
    pub index: u64,
    /// From the leaf's sibling up.
    pub path: Vec<Hash>,
    /// The signed note, byte for byte.
    pub checkpoint: String,
}

impl ProofText {
    /// The text.
    pub fn encode(&self) -> String {
        let extra = self.extra.as_ref().map(|extra| format!("extra {}\n", BASE64.encode(extra))).unwrap_or_default();
        let path: String = self.path.iter().map(|hash| BASE64.encode(hash) + "\n").collect();
        format!("{FIRST_LINE}\n{extra}index {}\n{path}\n{}", self.index, self.checkpoint)
    }

    /// Reads what [`ProofText::encode`] or any other log wrote.
    ///
    /// # Errors
    /// Says which part is missing or malformed.
    pub fn parse(text: &str) -> Result<Self, BadProofText> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(BadProofText("it is longer than any proof"));
        }
        let (head, checkpoint) = text.split_once("\n\n").ok_or(BadProofText("no empty line before a checkpoint"))?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(FIRST_LINE) {
            return Err(BadProofText("the first line names another format or version"));
        }
        let extra = lines.next_if(|line| line.starts_with("extra ")).and_then(|line| line.strip_prefix("extra "));
        let extra = extra.map(|text| BASE64.decode(text).map_err(|_| BadProofText("`extra` is not in base64")));
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).and_then(decimal);
        let path: Option<Vec<Hash>> = lines.map(|line| BASE64.decode(line).ok()?.try_into().ok()).collect();
        Ok(Self {
            extra: extra.transpose()?,
            index: index.ok_or(BadProofText("no `index` with a plain decimal number"))?,
            path: path.filter(|path| path.len() <= PATH_MAX).ok_or(BadProofText("a hash is not 32 bytes in base64"))?,
            checkpoint: checkpoint.into(),
        })
    }
}

/// A number without sign or leading zeros.
fn decimal(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}
