//! One leaf: what the public sees of one event.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::tree::{Hash, hash_leaf};
use crate::domain::Day;

const FIRST_LINE: &str = "sayso-leaf/v1";
/// The block length of SHA-256 in bytes; a shorter HMAC key is padded to it with zeros (RFC 2104).
const HMAC_BLOCK_BYTES: usize = 64;

/// What the log says about one event: no person, nothing that links two leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// What was done, as `Act::kind` names it; one word.
    pub kind: String,
    /// On which day, in UTC; outside the years 0000 to 9999 it is written as the nearest day within.
    pub day: Day,
    /// What [`commitment`] gave for the event.
    pub commitment: Hash,
}

impl Leaf {
    /// The bytes that are hashed: four lines, each ended by a line feed.
    pub fn bytes(&self) -> Vec<u8> {
        let Self { kind, day, commitment } = self;
        format!("{FIRST_LINE}\n{kind}\n{}\n{}\n", day.text(), hex::encode(commitment)).into_bytes()
    }
    /// Reads what [`Leaf::bytes`] wrote; None for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let (Some(FIRST_LINE), Some(kind), Some(day), Some(hexadecimal), None) =
            (lines.next(), lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return None;
        };
        let mut commitment = [0; 32];
        hex::decode_to_slice(hexadecimal, &mut commitment).ok()?;
        let leaf = Self { kind: kind.into(), day: Day::parse(day)?, commitment };
        (leaf.bytes() == text.as_bytes()).then_some(leaf)
    }
    /// Whether a text is written as [`Leaf::bytes`] writes leaves, without reading what it says.
    pub fn is_written(text: &str) -> bool {
        let Some(rest) = text.strip_prefix(FIRST_LINE).and_then(|rest| rest.strip_prefix('\n')) else { return false };
        let Some((kind, rest)) = rest.split_once('\n') else { return false };
        let Some((day, commitment)) = rest.split_once('\n') else { return false };
        let digit = |(place, b): (usize, u8)| if [4, 7].contains(&place) { b == b'-' } else { b.is_ascii_digit() };
        let hexadecimal = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        kind.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
            && !kind.is_empty()
            && day.len() == 10
            && day.bytes().enumerate().all(digit)
            && commitment.len() == 65
            && commitment.strip_suffix('\n').is_some_and(|text| text.bytes().all(hexadecimal))
    }
    /// The leaf hash of RFC 9162.
    pub fn hash(&self) -> Hash {
        hash_leaf(&self.bytes())
    }
}

/// HMAC-SHA256 of an event's canonical JSON under its nonce: hides the event from everyone without the nonce, and
/// binds whoever has it.
pub fn commitment(nonce: &[u8; 32], body: &str) -> Hash {
    let mut key = [0; HMAC_BLOCK_BYTES];
    key.iter_mut().zip(nonce).for_each(|(to, from)| *to = *from);
    let mac = Hmac::<Sha256>::new(&key.into());
    mac.chain_update(body.as_bytes()).finalize().into_bytes().into()
}
