//! Who is calling: from the token, never from the body (N13).

use std::str::FromStr;

use serde::Serialize;
use subtle::ConstantTimeEq;

use super::{App, ServiceError};
use crate::crypto::{Role, sha256};
use crate::domain::{Purpose, Recipient, RecipientClass, Source};
use crate::gate::Asker;
use crate::ids::{Session, Subject};
use crate::secret::SecretText;
use crate::store::{ClientRow, StoreError};

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
    Client(ClientCaller),
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
}

impl App {
    /// Who a bearer token is. Sessions and clients are read anew each time, so that logging out and switching off
    /// count at once.
    ///
    /// # Errors
    /// [`ServiceError::Unauthenticated`] whatever is wrong.
    pub async fn authenticate(&self, token: &str) -> Result<Caller, ServiceError> {
        let now = self.now();
        let claims = self.tokens.check(token, now)?;
        if claims.role == Role::Person {
            let id: Session = claims.sub.parse().map_err(|_| ServiceError::Unauthenticated)?;
            let session = self.store.read_tx(&id, |tx, id| Box::pin(tx.session(id, now))).await?;
            let session = session.ok_or(ServiceError::Unauthenticated)?;
            return Ok(Caller::Person(PersonCaller { subject: session.subject, session: id }));
        }
        let client = self.live_client(&claims.sub).await?.ok_or(ServiceError::Unauthenticated)?;
        if client.role == claims.role { Ok(Caller::Client(client)) } else { Err(ServiceError::Unauthenticated) }
    }

    /// What a token of ours names, without looking whether it still counts: the scope of an `Idempotency-Key`.
    ///
    /// # Errors
    /// [`ServiceError::Unauthenticated`] whatever is wrong.
    pub fn token_subject(&self, token: &str) -> Result<String, ServiceError> {
        Ok(self.tokens.check(token, self.now())?.sub)
    }

    /// Client credentials (RFC 6749, section 4.4): name and secret for a token.
    ///
    /// # Errors
    /// [`ServiceError::BadCredentials`] for a name or secret that does not fit, one as the other.
    pub async fn client_token(&self, id: &str, secret: &SecretText) -> Result<ClientToken, ServiceError> {
        let client = self.client_by_secret(id, secret).await?;
        let access_token = self.tokens.issue(client.id.to_string(), client.role, self.now())?;
        Ok(ClientToken { access_token, token_type: "Bearer", expires_in: crate::limits::ACCESS_SECONDS })
    }

    /// The same without a token, for callers that cannot renew one.
    ///
    /// # Errors
    /// [`ServiceError::BadCredentials`] for a name or secret that does not fit, one as the other.
    pub async fn client_by_secret(&self, id: &str, secret: &SecretText) -> Result<ClientCaller, ServiceError> {
        let id: Recipient = id.parse().map_err(|_| ServiceError::BadCredentials)?;
        let row = self.store.read_tx(id.as_str(), |tx, id| Box::pin(tx.client(id))).await?;
        let expected = row.as_ref().map_or([0; 32], |row| row.secret_hash);
        let fits = bool::from(sha256(secret.expose().as_bytes()).ct_eq(&expected));
        let row = row.filter(|row| fits && !row.disabled).ok_or(ServiceError::BadCredentials)?;
        Ok(client_caller(&row)?)
    }

    async fn live_client(&self, id: &str) -> Result<Option<ClientCaller>, ServiceError> {
        let row = self.store.read_tx(id, |tx, id| Box::pin(tx.client(id))).await?;
        Ok(row.filter(|row| !row.disabled).as_ref().map(client_caller).transpose()?)
    }
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
        class: match role {
            Role::Recipient => Some(row.class.parse().map_err(|_| StoreError::Corrupt("client"))?),
            _ => None,
        },
    })
}
