//! One leaf: what the public sees of one event.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use time::Date;

use super::tree::{Hash, hash_leaf};
use crate::domain::Day;

/// The block length of SHA-256 in bytes; a shorter HMAC key is padded to it with zeros (RFC 2104).
const HMAC_BLOCK_BYTES: usize = 64;
/// 0000-01-01 and 9999-12-31 as days since 1970-01-01: what fits into four digits.
const DAYS: std::ops::RangeInclusive<i64> = -719_528..=2_932_896;
/// The Julian day number of 1970-01-01.
const JULIAN_1970: i64 = 2_440_588;

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
        format!("sayso-leaf/v1\n{kind}\n{}\n{}\n", iso_date(*day), hex::encode(commitment)).into_bytes()
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

fn iso_date(day: Day) -> String {
    let julian = day.0.clamp(*DAYS.start(), *DAYS.end()) + JULIAN_1970;
    let date = i32::try_from(julian).ok().and_then(|julian| Date::from_julian_day(julian).ok()).unwrap_or(Date::MAX);
    format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
}
