//! Signatures of webhooks (Standard Webhooks 1.0.0, standardwebhooks.com): HMAC-SHA-256 under a secret that the recipient has, and
//! Ed25519 under a key of the service that anybody may know. Both stand in every call; a recipient checks whichever it likes.
//!
//! The secrets are derived from a key of the service and the recipient's name, so that none is stored.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use ed25519_dalek::{Signer, SigningKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::blind::Blind;

/// Signs what is sent to one recipient.
#[derive(Debug)]
pub struct WebhookSigner {
    secret: [u8; 32],
    key: SigningKey,
}

impl WebhookSigner {
    /// For one recipient.
    pub fn new(service: Blind<'_>, recipient: &str) -> Self {
        Self {
            secret: service.webhook("hmac", recipient),
            key: SigningKey::from_bytes(&service.webhook("ed25519", "")),
        }
    }

    /// The recipient's secret, as libraries take it: `whsec_` and base64.
    pub fn secret(&self) -> String {
        format!("whsec_{}", BASE64.encode(self.secret))
    }

    /// The service's public key, the same for all: `whpk_` and base64.
    pub fn public_key(&self) -> String {
        format!("whpk_{}", BASE64.encode(self.key.verifying_key().as_bytes()))
    }

    /// The header `webhook-signature`: over id, time in seconds since 1970, and body.
    pub fn sign(&self, id: &str, seconds: i64, body: &str) -> String {
        let signed = format!("{id}.{seconds}.{body}");
        let mac =
            Hmac::<Sha256>::new_from_slice(&self.secret).map(|mac| mac.chain_update(&signed).finalize().into_bytes());
        let symmetric = mac.map(|mac| BASE64.encode(mac)).unwrap_or_default();
        let asymmetric = BASE64.encode(self.key.sign(signed.as_bytes()).to_bytes());
        format!("v1,{symmetric} v1a,{asymmetric}")
    }
}
