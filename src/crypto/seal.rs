//! Sealed columns: XChaCha20-Poly1305, a random nonce, and the place as associated data, so that a ciphertext cannot be moved.
//!
//! Each person has a key of their own, wrapped by the ring. The cipher does not commit to its key, so a wrapped key
//! carries a 16-byte commitment that is checked when it is unwrapped.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::ids::Subject;
use crate::secret::{Entropy, Key, NoEntropy};

const NONCE_BYTES: usize = 24;
const COMMITMENT_BYTES: usize = 16;

/// Something sealed cannot be opened, or nothing can be sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// Wrong key, wrong place, or changed bytes.
    #[error("a sealed value does not open: its key, its place or its bytes were changed")]
    DoesNotOpen,
    /// The cipher refused.
    #[error("a value cannot be sealed")]
    CannotSeal,
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
}

/// Where a sealed value lives.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Table.
    pub table: &'static str,
    /// Column.
    pub column: &'static str,
    /// What tells this row from others: a subject, an id.
    pub row: &'a [u8],
}

impl Place<'_> {
    fn associated_data(&self) -> Vec<u8> {
        let mut data = format!("sayso-seal/v1|{}|{}|", self.table, self.column).into_bytes();
        data.extend_from_slice(self.row);
        data
    }
}

/// Seals a value for one place. The same value sealed twice differs (N8).
///
/// # Errors
/// When there is no randomness.
pub fn seal(key: &Key, place: &Place<'_>, plain: &[u8], entropy: &Entropy) -> Result<Vec<u8>, SealError> {
    let nonce: [u8; NONCE_BYTES] = entropy.bytes()?;
    let payload = Payload { msg: plain, aad: &place.associated_data() };
    let sealed = cipher(key).encrypt(&XNonce::from(nonce), payload).map_err(|_| SealError::CannotSeal)?;
    Ok([nonce.as_slice(), &sealed].concat())
}

/// Opens a value sealed for this place.
///
/// # Errors
/// [`SealError::DoesNotOpen`] whatever is wrong with it.
pub fn open(key: &Key, place: &Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(SealError::DoesNotOpen)?;
    let payload = Payload { msg: sealed, aad: &place.associated_data() };
    cipher(key).decrypt(&XNonce::from(*nonce), payload).map_err(|_| SealError::DoesNotOpen)
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.expose().into())
}

/// The keys of one person: one to seal with, one for digests that only they link.
#[derive(Debug, Clone)]
pub struct SubjectKey {
    root: Key,
    /// Seals this person's columns.
    pub sealing: Key,
    /// Keys the digests of this person's activities and objects.
    pub digesting: Key,
}

impl SubjectKey {
    /// A new person's.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn generate(entropy: &Entropy) -> Result<Self, SealError> {
        Self::derive(Key::new(entropy.bytes()?))
    }

    /// Sealed by the ring's wrapping key, with the commitment in front.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn wrap(&self, wrapping: &Key, subject: &Subject, entropy: &Entropy) -> Result<Vec<u8>, SealError> {
        let sealed = seal(wrapping, &Self::place(subject), self.root.expose(), entropy)?;
        Ok([expand::<COMMITMENT_BYTES>(&self.root, "commitment")?.as_slice(), &sealed].concat())
    }

    /// The reverse.
    ///
    /// # Errors
    /// [`SealError::DoesNotOpen`] for another ring's or another person's.
    pub fn unwrap(wrapping: &Key, subject: &Subject, wrapped: &[u8]) -> Result<Self, SealError> {
        let (commitment, sealed) = wrapped.split_first_chunk::<COMMITMENT_BYTES>().ok_or(SealError::DoesNotOpen)?;
        let root = open(wrapping, &Self::place(subject), sealed)?;
        let root = Key::new(root.try_into().map_err(|_| SealError::DoesNotOpen)?);
        let expected = expand::<COMMITMENT_BYTES>(&root, "commitment")?;
        if !bool::from(expected.ct_eq(commitment)) {
            return Err(SealError::DoesNotOpen);
        }
        Self::derive(root)
    }

    fn derive(root: Key) -> Result<Self, SealError> {
        let sealing = Key::new(expand(&root, "sealing")?);
        let digesting = Key::new(expand(&root, "digesting")?);
        Ok(Self { root, sealing, digesting })
    }

    fn place(subject: &Subject) -> Place<'_> {
        Place { table: "subject_key", column: "wrapped", row: subject.as_bytes() }
    }
}

/// HKDF-SHA-256 (RFC 5869): a key for one use.
fn expand<const N: usize>(root: &Key, label: &str) -> Result<[u8; N], SealError> {
    let mut out = [0; N];
    let hkdf = Hkdf::<Sha256>::new(None, root.expose());
    hkdf.expand(format!("sayso/{label}/v1").as_bytes(), &mut out).map_err(|_| SealError::CannotSeal)?;
    Ok(out)
}
