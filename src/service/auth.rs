//! Who is calling: from the token, never from the body (N13).

use std::str::FromStr;
use std::sync::Arc;

use serde::Serialize;
use subtle::ConstantTimeEq;

use super::terms::{Terms, scope_text, scopes_from};
use super::{App, ServiceError};
use crate::crypto::{Claims, Role, check_assertion, says_it_is_from, sha256};
use crate::domain::{Micros, Purpose, Recipient, RecipientClass, Source};
use crate::gate::Asker;
use crate::ids::{Session, Subject, TokenId};
use crate::secret::SecretText;
use crate::store::{ClientRow, StoreError};
use crate::{limits, mutant};

/// Somebody with an account.
#[derive(Debug, Clone, Copy)]
pub struct PersonCaller {
    /// Who.
    pub subject: Subject,
    /// By which log-in.
    pub session: Session,
}

/// A registered caller.
#[derive(Debug, Clone)]
pub struct ClientCaller {
    /// Its name.
    pub id: Recipient,
    /// What it may be.
    pub role: Role,
    /// What a recipient may ask for.
    pub purposes: Vec<Purpose>,
    /// From where a recipient may ask, or a collector may bring.
    pub sources: Vec<Source>,
    /// What kind of body a recipient is.
    pub class: Option<RecipientClass>,
    /// What a recipient may ask for, and how much.
    pub terms: Terms,
}

impl ClientCaller {
    /// As the gate sees a recipient.
    pub(super) fn asker(&self) -> Result<Asker<'_>, ServiceError> {
        self.class.as_ref().map(Asker::Recipient).ok_or(ServiceError::Forbidden)
    }
}

/// Who is calling.
#[derive(Debug, Clone)]
pub enum Caller {
    /// A person.
    Person(PersonCaller),
    /// A client.
    Client(Arc<ClientCaller>),
}

impl Caller {
    /// What it may be.
    pub fn role(&self) -> Role {
        match self {
            Self::Person(_) => Role::Person,
            Self::Client(client) => client.role,
        }
    }
}

/// An access token for a client, as OAuth 2 (RFC 6749, section 5.1) has it.
#[derive(Debug, Serialize)]
pub struct ClientToken {
    /// The token.
    pub access_token: String,
    /// `Bearer`.
    pub token_type: &'static str,
    /// For how many seconds.
    pub expires_in: i64,
    /// What a recipient may ask for with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

/// A caller with no more scopes than a token or a request for one names; nothing where it names one that the caller does not have.
fn narrowed(client: &Arc<ClientCaller>, scope: Option<&str>) -> Option<Arc<ClientCaller>> {
    let Some(scope) = scope else { return Some(client.clone()) };
    let scopes = scopes_from(scope).filter(|scopes| !scopes.is_empty() && client.role == Role::Recipient)?;
    if scopes == client.terms.scopes {
        return Some(client.clone());
    }
    let terms = Terms { scopes, ..client.terms.clone() };
    terms
        .scopes
        .is_subset(&client.terms.scopes)
        .then(|| Arc::new(ClientCaller { terms, ..ClientCaller::clone(client) }))
}

impl App {
    /// Who a bearer token is. Logging out and switching off count at once: sessions are read anew each time, clients
    /// whenever one changed.
    ///
    /// # Errors
    /// [`ServiceError::Unauthenticated`] whatever is wrong.
    pub async fn authenticate(&self, token: &str) -> Result<Caller, ServiceError> {
        let now = self.now();
        let claims = self.tokens.check(token, now)?;
        if claims.role == Role::Person {
            let id: Session = claims.sub.parse().map_err(|_| ServiceError::Unauthenticated)?;
            let session = self.store.read_one(&id, |tx, id| Box::pin(tx.session(id, now))).await?;
            let session = session.ok_or(ServiceError::Unauthenticated)?;
            return Ok(Caller::Person(PersonCaller { subject: session.subject, session: id }));
        }
        if self.has_ended(&claims).await? {
            return Err(ServiceError::Unauthenticated);
        }
        let client = self.live_client(&claims.sub).await?.ok_or(ServiceError::Unauthenticated)?;
        let client = narrowed(&client, claims.scope.as_deref()).ok_or(ServiceError::Unauthenticated)?;
        if client.role == claims.role { Ok(Caller::Client(client)) } else { Err(ServiceError::Unauthenticated) }
    }

    /// Whether an operator or auditor ended it. Looked up each time, so that it holds on every server; a token of theirs that cannot be
    /// ended is none. Programs do not log out, and what recipients ask is not made slower for it.
    async fn has_ended(&self, claims: &Claims) -> Result<bool, ServiceError> {
        if !is_staff(claims.role) {
            return Ok(false);
        }
        let Some(id) = claims.jti else { return Ok(true) };
        let ended = self.store.read_one(&id, |tx, id| Box::pin(tx.token_has_ended(id))).await?;
        Ok(ended && !mutant::on("staff_stay_logged_in"))
    }

    /// Ends the log-in of an operator or auditor at once. A token that is not theirs, or no longer counts, changes nothing.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn end_token(&self, token: &str) -> Result<(), ServiceError> {
        let Ok(claims) = self.tokens.check(token, self.now()) else { return Ok(()) };
        let Some(id) = claims.jti.filter(|_| is_staff(claims.role)) else { return Ok(()) };
        let until = Micros(claims.exp.saturating_mul(1_000_000));
        self.store
            .run_tx(&(id, until), |tx, (id, until)| {
                Box::pin(async move { Ok::<_, ServiceError>(tx.end_token(id, *until).await?) })
            })
            .await
    }

    /// What a token of ours names, without looking whether it still counts: the scope of an `Idempotency-Key`.
    ///
    /// # Errors
    /// [`ServiceError::Unauthenticated`] whatever is wrong.
    pub fn token_subject(&self, token: &str) -> Result<String, ServiceError> {
        Ok(self.tokens.check(token, self.now())?.sub.clone())
    }

    /// Client credentials (RFC 6749, section 4.4): name and secret for a token, for some of the scopes if any are named.
    ///
    /// # Errors
    /// [`ServiceError::BadCredentials`] for a name or secret that does not fit, one as the other; a scope that it does not have.
    pub async fn client_token(
        &self,
        id: &str,
        secret: &SecretText,
        scope: Option<&str>,
    ) -> Result<ClientToken, ServiceError> {
        let client = self.client_by_secret(id, secret).await?;
        self.token_for(&client, scope)
    }

    /// The same for what a client signed in place of sending a secret (`private_key_jwt`, RFC 7523). It counts once.
    ///
    /// # Errors
    /// As for a secret, whatever is wrong with it.
    pub async fn client_token_signed(&self, assertion: &str, scope: Option<&str>) -> Result<ClientToken, ServiceError> {
        let id = says_it_is_from(assertion).ok_or(ServiceError::BadCredentials)?;
        let id: Recipient = id.parse().map_err(|_| ServiceError::BadCredentials)?;
        let row = self.store.read_one(id.as_str(), |tx, id| Box::pin(tx.client(id))).await?;
        // Under the key of the log nobody signs for a token: an unknown client costs the same as another one.
        let key = row.as_ref().and_then(|row| row.public_key).unwrap_or(self.log_key.verifying_key().to_bytes());
        let issuer = self.config.public_url.trim_end_matches('/');
        let audiences = [issuer, &format!("{issuer}/v1/auth/token")];
        let assertion = check_assertion(assertion, &key, id.as_str(), (&audiences, self.now()));
        let assertion = assertion.map_err(|_| ServiceError::BadCredentials)?;
        let row = row.filter(|row| !row.disabled && row.public_key.is_some()).ok_or(ServiceError::BadCredentials)?;
        let token = self.token_for(&Arc::new(client_caller(&row)?), scope)?;
        let first = self.store.run_tx(&assertion, |tx, assertion| {
            Box::pin(
                async move { Ok::<_, ServiceError>(tx.use_assertion(&assertion.digest, assertion.expires).await?) },
            )
        });
        if first.await? || mutant::on("assertions_count_twice") { Ok(token) } else { Err(ServiceError::BadCredentials) }
    }

    fn token_for(&self, client: &Arc<ClientCaller>, scope: Option<&str>) -> Result<ClientToken, ServiceError> {
        let unknown = || ServiceError::invalid("scope", "some of the scopes that you are registered for");
        let role = client.role;
        let client = narrowed(client, scope).ok_or_else(unknown)?;
        let scope = (role == Role::Recipient).then(|| scope_text(&client.terms.scopes));
        let id = TokenId::new(self.entropy.bytes()?);
        let access_token = self.tokens.issue(client.id.to_string(), role, (scope.clone(), Some(id)), self.now())?;
        Ok(ClientToken { access_token, token_type: "Bearer", expires_in: limits::ACCESS_SECONDS, scope })
    }

    /// The same without a token, for callers that cannot renew one.
    ///
    /// # Errors
    /// [`ServiceError::BadCredentials`] for a name or secret that does not fit, one as the other.
    pub async fn client_by_secret(&self, id: &str, secret: &SecretText) -> Result<Arc<ClientCaller>, ServiceError> {
        let id: Recipient = id.parse().map_err(|_| ServiceError::BadCredentials)?;
        let registered = self.registered(id.as_str()).await?;
        let expected = registered.as_ref().map_or([0; 32], |registered| registered.0.secret_hash);
        let fits = bool::from(sha256(secret.expose().as_bytes()).ct_eq(&expected));
        let registered = registered.filter(|registered| fits && !registered.0.disabled);
        Ok(registered.ok_or(ServiceError::BadCredentials)?.1.clone())
    }

    async fn live_client(&self, id: &str) -> Result<Option<Arc<ClientCaller>>, ServiceError> {
        let registered = self.registered(id).await?;
        Ok(registered.filter(|registered| !registered.0.disabled).map(|registered| registered.1.clone()))
    }
}

/// Whoever works at pages of the service, and logs out of them.
fn is_staff(role: Role) -> bool {
    matches!(role, Role::Operator | Role::Auditor)
}

pub(super) fn client_caller(row: &ClientRow) -> Result<ClientCaller, StoreError> {
    fn names<T: FromStr>(text: &str) -> Result<Vec<T>, StoreError> {
        text.split_whitespace().map(|name| name.parse().map_err(|_| StoreError::Corrupt("client"))).collect()
    }
    let role = Role::from_name(&row.role).ok_or(StoreError::Corrupt("client"))?;
    Ok(ClientCaller {
        id: row.id.parse().map_err(|_| StoreError::Corrupt("client"))?,
        role,
        purposes: names(&row.purposes)?,
        sources: names(&row.sources)?,
        terms: Terms {
            scopes: scopes_from(&row.scopes).ok_or(StoreError::Corrupt("client"))?,
            calls_per_minute: row.calls_per_minute,
            people_per_day: row.people_per_day,
        },
        class: match role {
            Role::Recipient => Some(row.class.parse().map_err(|_| StoreError::Corrupt("client"))?),
            _ => None,
        },
    })
}
