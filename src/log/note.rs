//! Checkpoints: the size and root of the log as a C2SP signed note (c2sp.org/signed-note, c2sp.org/tlog-checkpoint), Ed25519.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use super::tree::{Frontier, Hash};

/// Ed25519 in the algorithm byte of a key.
const ED25519: u8 = 1;
/// More signature lines than any honest note has.
const SIGNATURES_MAX: usize = 100;

/// Why a note, or a key for notes, was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The name of the log cannot stand in a note.
    #[error("the origin of the log must be 1 to 200 characters without a space, a control character or `+`")]
    BadOrigin,
    /// Not a verifier key.
    #[error("the verifier key must read `name+hash+key`, with an Ed25519 key that fits the hash; copy it again")]
    BadKey,
    /// Not a signed note.
    #[error("the note must be a text, an empty line and lines of signatures; fetch it again, byte for byte")]
    BadNote,
    /// No signature by the key that was asked for.
    #[error("the note is not signed by the key that was given; ask for the key of this log")]
    NotSigned,
    /// A signature that names the key and is not its.
    #[error("a signature of the note is wrong: the note was changed after it was signed, so do not trust it")]
    BadSignature,
    /// A good note that is no checkpoint of this log.
    #[error("the note is signed but is no checkpoint of this log: expected its origin, a size and a root of 32 bytes")]
    BadCheckpoint,
}

/// The name of a log, which is also the name of its key: a host and a path without a scheme, by custom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// Checks that the text can stand in notes and keys.
    pub fn new(text: &str) -> Result<Self, NoteError> {
        let plain = |c: char| !c.is_whitespace() && !c.is_control() && c != '+';
        let good = (1..=200).contains(&text.len()) && text.chars().all(plain);
        if good { Ok(Self(text.to_owned())) } else { Err(NoteError::BadOrigin) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Of which log.
    pub origin: Origin,
    /// How many leaves it has.
    pub size: u64,
    /// Its root.
    pub root: Hash,
}

impl Checkpoint {
    /// Whether a log that has just grown to this size is another one than was signed.
    pub fn contradicts(&self, grown: &Frontier) -> bool {
        self.size == grown.size() && self.root != grown.root()
    }
}

/// A public key with the name of its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    origin: Origin,
    key: VerifyingKey,
}

impl VerifierKey {
    /// The first four bytes of the hash of name, algorithm and key, which signatures name the key by.
    fn id(&self) -> [u8; 4] {
        let hash =
            Sha256::new_with_prefix(&self.origin.0).chain_update([b'\n', ED25519]).chain_update(self.key.as_bytes());
        let [a, b, c, d, ..]: Hash = hash.finalize().into();
        [a, b, c, d]
    }
}

/// The signed checkpoint of a log.
pub fn sign(origin: &Origin, size: u64, root: &Hash, key: &SigningKey) -> String {
    let text = format!("{origin}\n{size}\n{}\n", BASE64.encode(root));
    let id = VerifierKey { origin: origin.clone(), key: key.verifying_key() }.id();
    let signature = key.sign(text.as_bytes()).to_bytes();
    format!("{text}\n\u{2014} {origin} {}\n", BASE64.encode([id.as_slice(), &signature].concat()))
}

/// The public key of a log, as its readers write it down.
pub fn vkey(origin: &Origin, key: &VerifyingKey) -> String {
    let id = VerifierKey { origin: origin.clone(), key: *key }.id();
    let bytes = [[ED25519].as_slice(), key.as_bytes()].concat();
    format!("{origin}+{}+{}", hex::encode(id), BASE64.encode(bytes))
}

/// Reads what [`vkey`] wrote.
pub fn parse_vkey(text: &str) -> Result<VerifierKey, NoteError> {
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(NoteError::BadKey);
    };
    let bytes = BASE64.decode(key).map_err(|_| NoteError::BadKey)?;
    let Some((&ED25519, key)) = bytes.split_first() else { return Err(NoteError::BadKey) };
    let key = VerifyingKey::try_from(key).map_err(|_| NoteError::BadKey)?;
    let parsed = VerifierKey { origin: Origin::new(name)?, key };
    if hex::encode(parsed.id()) == id { Ok(parsed) } else { Err(NoteError::BadKey) }
}

/// The text of a note, if the key signed it. Signatures by other keys are not looked at.
pub fn open<'a>(note: &'a str, key: &VerifierKey) -> Result<&'a str, NoteError> {
    let strange = |c: char| c.is_control() && c != '\n';
    let at =
        note.rfind("\n\n").filter(|_| note.ends_with('\n') && !note.contains(strange)).ok_or(NoteError::BadNote)?;
    let (text, lines) = note.split_at_checked(at + 1).ok_or(NoteError::BadNote)?;
    let lines = lines.strip_prefix('\n').unwrap_or_default();
    if lines.lines().count() > SIGNATURES_MAX {
        return Err(NoteError::BadNote);
    }
    let mut signed = false;
    for line in lines.lines() {
        signed |= signed_by(line, text, key)?;
    }
    if signed || crate::mutant::on("note_skips_signature") { Ok(text) } else { Err(NoteError::NotSigned) }
}

/// Whether this line is a signature by the key; a wrong one is an error.
fn signed_by(line: &str, text: &str, key: &VerifierKey) -> Result<bool, NoteError> {
    let (name, blob) =
        line.strip_prefix("\u{2014} ").and_then(|rest| rest.split_once(' ')).ok_or(NoteError::BadNote)?;
    let blob = BASE64.decode(blob).map_err(|_| NoteError::BadNote)?;
    let (id, signature) = blob.split_first_chunk::<4>().ok_or(NoteError::BadNote)?;
    if name != key.origin.0 || *id != key.id() {
        return Ok(false);
    }
    if crate::mutant::on("note_skips_signature") {
        return Ok(true);
    }
    let signature = Signature::from_slice(signature).map_err(|_| NoteError::BadSignature)?;
    key.key.verify_strict(text.as_bytes(), &signature).map(|()| true).map_err(|_| NoteError::BadSignature)
}

/// The checkpoint in a note, if its log signed it. Lines after the root are left to extensions and not looked at.
pub fn verify(note: &str, key: &VerifierKey) -> Result<Checkpoint, NoteError> {
    let mut lines = open(note, key)?.lines();
    let (Some(name), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
        return Err(NoteError::BadCheckpoint);
    };
    let number = size.parse::<u64>().ok().filter(|number| number.to_string() == size);
    let root = BASE64.decode(root).ok().and_then(|bytes| Hash::try_from(bytes).ok());
    let (Some(size), Some(root)) = (number, root) else { return Err(NoteError::BadCheckpoint) };
    let ours = name == key.origin.0 && lines.all(|extension| !extension.is_empty());
    if ours { Ok(Checkpoint { origin: key.origin.clone(), size, root }) } else { Err(NoteError::BadCheckpoint) }
}
