//! Keyed digests that find a row without saying what it is about: HMAC-SHA-256 under a secret, with a label for each use.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::secret::Key;

/// The digests of one secret.
#[derive(Debug, Clone, Copy)]
pub struct Blind<'a>(pub &'a Key);

impl Blind<'_> {
    /// Of an identifier of a member, in its normal form.
    pub fn identifier(self, kind: &str, normal: &str) -> [u8; 32] {
        self.digest("identifier", &[kind, normal])
    }
    /// Of a member's own post.
    pub fn object(self, source: &str, id: &str) -> [u8; 32] {
        self.digest("object", &[source, id])
    }
    /// Of an activity, under its actor's own key.
    pub fn activity(self, source: &str, id: &str) -> [u8; 32] {
        self.digest("activity", &[source, id])
    }
    /// Of a caller's `Idempotency-Key` within its scope.
    pub fn idempotency(self, caller: &str, route: &str, key: &str) -> [u8; 32] {
        self.digest("idempotency", &[caller, route, key])
    }
    /// Of the request that came under an `Idempotency-Key`. The key is part of it: without it nobody can guess what was asked.
    pub fn request(self, key: &str, body: &[u8]) -> [u8; 32] {
        self.digest("request", &[key, &hex::encode(sha256(body))])
    }
    /// Hides the first half of a reference behind its second, which is random: each caller gets another one for the same thing.
    pub fn reference(self, salt: &[u8]) -> [u8; 32] {
        self.digest("reference", &[&hex::encode(salt)])
    }
    /// The secret of the first operator: the same however often a first start is interrupted before it was shown.
    pub fn first_operator(self) -> [u8; 32] {
        self.digest("first operator", &[])
    }
    /// A secret for signing webhooks.
    pub fn webhook(self, algorithm: &str, recipient: &str) -> [u8; 32] {
        self.digest("webhook", &[algorithm, recipient])
    }
    /// The id of the row that proves the declaration of a score store.
    pub fn canary(self, store: &str) -> [u8; 32] {
        self.digest("canary", &[store])
    }
    /// Another person, in one export, under the key of that export.
    pub fn somebody(self, other: &[u8]) -> [u8; 32] {
        self.digest("somebody", &[&hex::encode(other)])
    }
    /// Of two sets of house rules whose differences were shown.
    pub fn compared(self, before: &str, after: &str) -> [u8; 32] {
        self.digest("compared rules", &[before, after])
    }
    /// Of a form that was made for one caller.
    pub fn form(self, number: &str, caller: &str) -> [u8; 32] {
        self.digest("form", &[number, caller])
    }
    /// Of a mailed code for one request.
    pub fn code(self, scope: &[u8], code: &str) -> [u8; 32] {
        self.digest("code", &[&hex::encode(scope), code])
    }

    fn digest(self, label: &str, parts: &[&str]) -> [u8; 32] {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.0.expose()) else {
            return [0; 32]; // HMAC takes keys of any length
        };
        mac.update(format!("sayso:{label}:v1").as_bytes());
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }
}

/// SHA-256, for random tokens of 256 bits, which need no slow hash.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
