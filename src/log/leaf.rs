//! One leaf: what the public sees of one event.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::tree::{Hash, hash_leaf};
use crate::domain::Day;

const FIRST_LINE: &str = "sayso-leaf/v1";
/// A day, written as `YYYY-MM-DD`, in bytes.
const DAY_BYTES: usize = 10;
/// What follows the kind: a line feed, the day, a line feed, 32 bytes in hexadecimal, a line feed.
const TAIL_BYTES: usize = 1 + DAY_BYTES + 1 + 64 + 1;
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
    /// Whether bytes are written as [`Leaf::bytes`] writes leaves, without reading what they say. It is asked of every leaf of
    /// a copy, so it looks at each byte once, at the place where it must stand.
    pub fn is_written(bytes: &[u8]) -> bool {
        let Some(rest) = bytes.strip_prefix(FIRST_LINE.as_bytes()).and_then(|rest| rest.strip_prefix(b"\n")) else {
            return false;
        };
        let Some((kind, [b'\n', rest @ ..])) = rest.split_last_chunk::<TAIL_BYTES>() else { return false };
        let Some((day, [b'\n', commitment @ .., b'\n'])) = rest.split_first_chunk::<DAY_BYTES>() else { return false };
        let [year @ .., b'-', month_1, month_2, b'-', day_1, day_2] = day else { return false };
        !kind.is_empty()
            && kind.iter().all(|b| b.is_ascii_lowercase() || *b == b'_')
            && year.iter().chain([month_1, month_2, day_1, day_2]).all(u8::is_ascii_digit)
            && commitment.iter().fold(true, |all, b| all & is_hexadecimal(*b))
    }
    /// The leaf hash of RFC 9162.
    pub fn hash(&self) -> Hash {
        hash_leaf(&self.bytes())
    }
}

/// Without a branch, because it is asked sixty-four times for each leaf.
fn is_hexadecimal(b: u8) -> bool {
    (b.wrapping_sub(b'0') < 10) | (b.wrapping_sub(b'a') < 6)
}

/// HMAC-SHA256 of an event's canonical JSON under its nonce: hides the event from everyone without the nonce, and
/// binds whoever has it.
pub fn commitment(nonce: &[u8; 32], body: &str) -> Hash {
    let mut key = [0; HMAC_BLOCK_BYTES];
    key.iter_mut().zip(nonce).for_each(|(to, from)| *to = *from);
    let mac = Hmac::<Sha256>::new(&key.into());
    mac.chain_update(body.as_bytes()).finalize().into_bytes().into()
}
