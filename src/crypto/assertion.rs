//! What a client signs in place of sending a secret: `private_key_jwt` (RFC 7523, OpenID Connect Core section 9), with Ed25519 (RFC 8037)
//! and nothing else. Who reads such a request can neither make another one nor use it again.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::VerifyingKey;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, Serialize};

use super::sha256;
use super::token::TokenError;
use crate::domain::Micros;
use crate::limits;

/// The public key of a client, as a JSON Web Key (RFC 8037).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jwk {
    kty: String,
    crv: String,
    x: String,
}

impl Jwk {
    /// The key itself; nothing for another kind of key, or one that anybody could sign under.
    pub fn ed25519(&self) -> Option<[u8; 32]> {
        let bytes: [u8; 32] = URL_SAFE_NO_PAD.decode(&self.x).ok()?.try_into().ok()?;
        let key = VerifyingKey::from_bytes(&bytes).ok().filter(|key| !key.is_weak());
        key.filter(|_| self.kty == "OKP" && self.crv == "Ed25519").map(|_| bytes)
    }
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    exp: i64,
    iat: Option<i64>,
    nbf: Option<i64>,
    jti: String,
}

/// What was signed, and until when it is remembered so that it counts once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assertion {
    /// Of the client and what it called this assertion.
    pub digest: [u8; 32],
    /// When it ends by itself.
    pub expires: Micros,
}

/// Whom an assertion says it is from. Nothing is known about that until it is checked under that client's key.
pub fn says_it_is_from(assertion: &str) -> Option<String> {
    let claims = assertion.split('.').nth(1)?;
    let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    Some(claims.sub)
}

/// Checks what a client signed for one of these audiences.
///
/// # Errors
/// One error for everything that can be wrong: another key or algorithm, another audience, too old, ahead of its time, or made for longer
/// than [`limits::ASSERTION_SECONDS_MAX`].
pub fn check_assertion(
    assertion: &str,
    key: &[u8; 32],
    client: &str,
    (audiences, now): (&[&str], Micros),
) -> Result<Assertion, TokenError> {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(audiences);
    validation.set_required_spec_claims(&["aud", "exp", "iss", "sub"]);
    validation.validate_exp = false; // against the injected clock, below
    let data = jsonwebtoken::decode::<Claims>(assertion, &DecodingKey::from_ed_der(key), &validation);
    let Claims { iss, sub, exp, iat, nbf, jti } = data.map_err(|_| TokenError)?.claims;
    let seconds = now.0.div_euclid(1_000_000);
    let ahead = seconds + limits::ASSERTION_AHEAD_SECONDS_MAX;
    let in_time = seconds < exp && exp <= ahead + limits::ASSERTION_SECONDS_MAX;
    let begun = iat.is_none_or(|iat| iat <= ahead) && nbf.is_none_or(|nbf| nbf <= ahead);
    let named = iss == client && sub == client && (1..=limits::IDEMPOTENCY_KEY_BYTES_MAX).contains(&jti.len());
    if !(in_time && begun && named) {
        return Err(TokenError);
    }
    let digest = sha256(format!("{client} {jti}").as_bytes());
    Ok(Assertion { digest, expires: Micros::from_seconds(exp) })
}
