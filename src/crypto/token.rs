//! Access tokens: JWTs signed with Ed25519 and nothing else. The provider below knows no other algorithm, so none can be confused.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use super::sha256;
use crate::domain::Micros;
use crate::ids::TokenId;
use crate::limits;
use crate::secret::Key;

const ISSUER: &str = "sayso";
const KEY_ID: &str = "1";

/// What a caller may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Somebody with an account.
    Person,
    /// Runs the service.
    Operator,
    /// Reads the log.
    Auditor,
    /// Brings activities.
    Collector,
    /// Asks the gate and is told scores.
    Recipient,
}

impl Role {
    /// The name on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
            Self::Collector => "collector",
            Self::Recipient => "recipient",
        }
    }
    /// The role with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Person, Self::Operator, Self::Auditor, Self::Collector, Self::Recipient]
            .into_iter()
            .find(|role| role.as_str() == name)
    }
}

/// What a token says: a random session or the name of a client, never who somebody is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// Session of a person, or client.
    pub sub: String,
    /// What the caller may be.
    pub role: Role,
    /// Until when, in seconds since 1970.
    pub exp: i64,
    /// Since when, in seconds since 1970.
    pub iat: i64,
    /// What a recipient may ask for with it, separated by spaces; all that it is registered for when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Which token of a registered caller this is; a person's names its session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jti: Option<TokenId>,
    iss: String,
    aud: String,
}

/// The token is not ours, or no longer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the access token is not valid here: log in again")]
pub struct TokenError;

/// Signs and checks tokens.
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    /// What tokens said whose signature was checked before, by their digest.
    checked: Mutex<HashMap<[u8; 32], Arc<Claims>>>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens(..)")
    }
}

impl Tokens {
    /// With the ring's token key.
    pub fn new(key: &Key) -> Self {
        let _already_installed = PROVIDER.install_default();
        let public = SigningKey::from_bytes(key.expose()).verifying_key();
        Self {
            encoding: EncodingKey::from_ed_der(key.expose()),
            decoding: DecodingKey::from_ed_der(public.as_bytes()),
            checked: Mutex::default(),
        }
    }

    /// A token that counts for ten minutes, for these scopes alone if any are named.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn issue(
        &self,
        subject: String,
        role: Role,
        (scope, jti): (Option<String>, Option<TokenId>),
        now: Micros,
    ) -> Result<String, TokenError> {
        let iat = now.0.div_euclid(1_000_000);
        let exp = iat + limits::ACCESS_SECONDS;
        let claims = Claims { sub: subject, role, exp, iat, scope, jti, iss: ISSUER.into(), aud: ISSUER.into() };
        let header = Header { kid: Some(KEY_ID.into()), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, &claims, &self.encoding).map_err(|_| TokenError)
    }

    /// What a token says, if it is ours and still counts at `now`. Its signature is checked once.
    ///
    /// # Errors
    /// One error for everything that can be wrong.
    pub fn check(&self, token: &str, now: Micros) -> Result<Arc<Claims>, TokenError> {
        let digest = sha256(token.as_bytes());
        let kept = self.checked.lock().unwrap_or_else(PoisonError::into_inner).get(&digest).cloned();
        let is_new = kept.is_none();
        let claims = kept.map_or_else(|| self.signed(token).map(Arc::new), Ok)?;
        if now.0.div_euclid(1_000_000) >= claims.exp && !crate::mutant::on("token_never_expires") {
            return Err(TokenError);
        }
        if is_new {
            let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
            if checked.len() >= limits::TOKENS_REMEMBERED_MAX {
                checked.clear();
            }
            checked.insert(digest, claims.clone());
        }
        Ok(claims)
    }

    fn signed(&self, token: &str) -> Result<Claims, TokenError> {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[ISSUER]);
        validation.validate_exp = false; // against the injected clock, by the caller
        let data = jsonwebtoken::decode::<Claims>(token, &self.decoding, &validation).map_err(|_| TokenError)?;
        let ours = data.header.kid.as_deref() == Some(KEY_ID);
        ours.then_some(data.claims).ok_or(TokenError)
    }
}

struct Sign(SigningKey);
struct Check(VerifyingKey);

impl signature::Signer<Vec<u8>> for Sign {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        Ok(self.0.sign(message).to_bytes().to_vec())
    }
}
impl JwtSigner for Sign {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}
impl signature::Verifier<Vec<u8>> for Check {
    fn verify(&self, message: &[u8], bytes: &Vec<u8>) -> Result<(), signature::Error> {
        let given = ed25519_dalek::Signature::from_slice(bytes).map_err(|_| signature::Error::new())?;
        self.0.verify_strict(message, &given).map_err(|_| signature::Error::new())
    }
}
impl JwtVerifier for Check {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

static PROVIDER: CryptoProvider =
    CryptoProvider { signer_factory: signer, verifier_factory: verifier, key_utils: KeyUtils::new_unimplemented() };

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the provider's signature")]
fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    let seed = <[u8; 32]>::try_from(key.as_bytes()).map_err(|_| ErrorKind::InvalidEddsaKey)?;
    only_eddsa(*algorithm)?;
    Ok(Box::new(Sign(SigningKey::from_bytes(&seed))))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the provider's signature")]
fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    let public = <[u8; 32]>::try_from(key.try_get_as_bytes()?).map_err(|_| ErrorKind::InvalidEddsaKey)?;
    only_eddsa(*algorithm)?;
    Ok(Box::new(Check(VerifyingKey::from_bytes(&public).map_err(|_| ErrorKind::InvalidEddsaKey)?)))
}

fn only_eddsa(algorithm: Algorithm) -> Result<(), Error> {
    if algorithm == Algorithm::EdDSA { Ok(()) } else { Err(ErrorKind::InvalidAlgorithm.into()) }
}
