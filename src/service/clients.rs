//! Callers that an operator registers: operators, auditors, collectors, recipients. And verified age signals.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::act::Idempotency;
use super::terms::{Terms, scope_text};
use super::{App, Done, ServiceError};
use crate::crypto::{Blind, Role, sha256};
use crate::domain::{Act, EVERYBODY, Purpose, Recipient, RecipientClass, SAYSO, Source, for_everybody, prohibited};
use crate::ident::Identifier;
use crate::secret::private_file;
use crate::store::{ClientRow, StoreError};

/// Longest address of a webhook, in bytes.
const URL_BYTES_MAX: usize = 1_000;

/// A caller to register.
#[derive(Debug, Clone)]
pub struct NewClient {
    /// Its name; for a recipient the one that grants name.
    pub id: Recipient,
    /// Its role.
    pub role: Role,
    /// The class of a recipient.
    pub class: Option<RecipientClass>,
    /// What a recipient may ask for.
    pub purposes: Vec<Purpose>,
    /// From where a recipient may ask, or a collector may bring.
    pub sources: Vec<Source>,
    /// Where a recipient is told that something no longer holds.
    pub webhook: Option<String>,
    /// The key under which it signs for its tokens; without one it gets a secret.
    pub public_key: Option<[u8; 32]>,
    /// What a recipient may ask for, and how much.
    pub terms: Terms,
}

/// A registered caller. The secret is shown once and kept nowhere.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RegisteredClient {
    /// Its name.
    pub client_id: Recipient,
    /// Its secret, for the client credentials grant; none for one that signs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// Of a recipient with a webhook: the secret under which each call is signed (Standard Webhooks).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_secret: Option<String>,
    /// The leaf of the log that says so.
    #[serde(flatten)]
    pub done: Done,
}

/// What a caller can be registered for.
#[derive(Debug)]
pub struct Choices<'a> {
    /// Classes of recipients.
    pub classes: Vec<&'a RecipientClass>,
    /// Purposes.
    pub purposes: Vec<&'a Purpose>,
    /// Sources.
    pub sources: Vec<&'a Source>,
}

impl App {
    /// Registers a caller.
    ///
    /// # Errors
    /// For a name that is taken, and purposes and sources that are not registered; a prohibited purpose never is.
    pub async fn register_client(
        &self,
        client: &NewClient,
        idempotency: Option<&Idempotency>,
    ) -> Result<RegisteredClient, ServiceError> {
        self.check_client(client)?;
        let secret: [u8; 32] = self.entropy.bytes()?;
        self.register_with(client, hex::encode(secret), idempotency).await
    }

    async fn register_with(
        &self,
        client: &NewClient,
        secret: String,
        idempotency: Option<&Idempotency>,
    ) -> Result<RegisteredClient, ServiceError> {
        self.act(idempotency, &(self, client, secret), |tx, (app, client, secret)| {
            Box::pin(async move {
                let head = app.head(tx).await?;
                let row = row(client, secret);
                match tx.insert_client(&row).await {
                    Err(StoreError::Duplicate) => return Err(ServiceError::Conflict("client")),
                    other => other?,
                }
                let act = Act::ClientRegistered {
                    client: client.id.clone(),
                    role: client.role.as_str().into(),
                    terms_sha256: Some(terms_sha256(&row)),
                };
                let done = app.record_own(tx, head, act).await?;
                let signer = client.webhook.as_ref().map(|_| app.webhook_signer(client.id.as_str()));
                let registered = RegisteredClient {
                    client_id: client.id.clone(),
                    client_secret: client.public_key.is_none().then(|| secret.clone()),
                    webhook_secret: signer.map(|signer| signer.secret()),
                    done,
                };
                Ok((registered, None))
            })
        })
        .await
    }

    /// What a caller can be registered for.
    pub fn client_choices(&self) -> Choices<'_> {
        let classes = self.registry.recipient_class.iter().map(|entry| &entry.name);
        let purposes = self.registry.purpose.iter().map(|entry| &entry.name);
        Choices {
            classes: classes.filter(|name| name.as_str() != EVERYBODY).collect(),
            purposes: purposes.filter(|name| !for_everybody(name)).collect(),
            sources: self.registry.source.iter().map(|entry| &entry.name).collect(),
        }
    }

    fn check_client(&self, client: &NewClient) -> Result<(), ServiceError> {
        if [SAYSO, EVERYBODY].contains(&client.id.as_str()) {
            return Err(ServiceError::invalid(
                "id",
                "another name: `sayso` is the built-in score, `everybody` is nobody in particular",
            ));
        }
        if client.purposes.iter().any(prohibited) {
            return Err(ServiceError::ProhibitedPurpose);
        }
        let Choices { classes, purposes, sources } = self.client_choices();
        if !client.purposes.iter().all(|name| purposes.contains(&name)) {
            return Err(ServiceError::invalid("purposes", "registered purposes"));
        }
        if !client.sources.iter().all(|name| sources.contains(&name)) {
            return Err(ServiceError::invalid("sources", "registered sources"));
        }
        if let Some(url) = &client.webhook {
            let callable = url.len() <= URL_BYTES_MAX && self.egress.may_call(url).is_ok();
            if client.role != Role::Recipient || !callable {
                let expected = "of a recipient alone: a public https address, or one whose host `private_hosts` lists";
                return Err(ServiceError::invalid("webhook", expected));
            }
        }
        if client.role == Role::Recipient {
            client.terms.check()?;
        }
        let class = client.class.as_ref().is_some_and(|class| classes.contains(&class));
        match client.role {
            Role::Person => Err(ServiceError::invalid("role", "`operator`, `auditor`, `collector` or `recipient`")),
            Role::Recipient if !class => {
                let names: Vec<&str> = classes.into_iter().map(RecipientClass::as_str).collect();
                Err(ServiceError::invalid("class", &format!("one of: {}", names.join(", "))))
            }
            Role::Recipient if client.purposes.is_empty() => {
                Err(ServiceError::invalid("purposes", "at least one purpose"))
            }
            Role::Recipient | Role::Collector if client.sources.is_empty() => {
                Err(ServiceError::invalid("sources", "at least one source"))
            }
            _ => Ok(()),
        }
    }

    /// Switches a caller off, at once. Grants to a recipient that was switched off are revoked by the sweep.
    ///
    /// # Errors
    /// When there is no such caller, and for the last operator: nobody could register another one.
    pub async fn disable_client(
        &self,
        id: &Recipient,
        idempotency: Option<&Idempotency>,
    ) -> Result<Done, ServiceError> {
        let done = self
            .act(idempotency, &(self, id), |tx, (app, id)| {
                Box::pin(async move {
                    let head = app.head(tx).await?;
                    let mut operators = tx.clients().await?;
                    operators.retain(|row| row.role == Role::Operator.as_str() && !row.disabled);
                    if matches!(operators.as_slice(), [last] if last.id == id.as_str()) {
                        return Err(ServiceError::invalid("id", "another caller: this one is the last operator"));
                    }
                    if !tx.disable_client(id).await? {
                        return Err(ServiceError::NotFound("client"));
                    }
                    let act = Act::ClientDisabled { client: (*id).clone() };
                    Ok((app.record_own(tx, head, act).await?, None))
                })
            })
            .await?;
        self.work.notify_one();
        Ok(done)
    }

    /// Records a verified signal that the owner of an identifier is an adult. It lifts a latch, and everything then
    /// starts from nothing. The answer is the same whether anybody is known by it.
    ///
    /// # Errors
    /// Only for the database, and when too many wait.
    pub async fn record_age(
        &self,
        identifier: &Identifier,
        idempotency: Option<&Idempotency>,
    ) -> Result<Done, ServiceError> {
        let digest = self.suppression_digest(identifier).await?;
        self.act(idempotency, &(self, identifier, digest), |tx, (app, identifier, digest)| {
            Box::pin(async move {
                let head = app.head(tx).await?;
                if tx.suppression(digest).await? == Some(crate::domain::Whom::Child) {
                    tx.delete_suppression(digest).await?;
                }
                let done = match app.living(tx, &app.blinds(identifier)).await? {
                    Some(subject) => {
                        let mut person = app.person(tx, &subject).await?;
                        app.record(tx, head, &mut person, Act::AgeVerified {}).await?
                    }
                    None => app.record_unkept(tx, head, Act::AgeVerified {}).await?,
                };
                Ok((done, None))
            })
        })
        .await
    }
}

/// The first operator, where the log knows of no caller yet. Returns the secret as long as nobody was shown it: a start that was killed before it could say it leaves it
/// to the next one.
pub(super) async fn first_operator(app: &App) -> Result<Option<String>, ServiceError> {
    let id: Recipient = "operator".parse().map_err(|_| ServiceError::NotFound("client"))?;
    let secret = hex::encode(Blind(&app.ring.service).first_operator());
    if let Some(row) = app.store.read_tx(id.as_str(), |tx, id| Box::pin(tx.client(id))).await? {
        let waits = row.secret_hash == sha256(secret.as_bytes()) && !shown_mark(&app.config.data).exists();
        return Ok(Some(secret).filter(|_| waits));
    }
    let registered = app.store.read_tx(app, |tx, app| Box::pin(app.own_events(tx, "client_registered"))).await?;
    if !registered.is_empty() {
        tracing::error!(
            "callers were registered, and the first of them is gone from the database: it is not made again; see `verify log`"
        );
        return Ok(None);
    }
    let client = NewClient {
        id,
        role: Role::Operator,
        class: None,
        purposes: Vec::new(),
        sources: Vec::new(),
        webhook: None,
        public_key: None,
        terms: Terms::default(),
    };
    Ok(app.register_with(&client, secret, None).await?.client_secret)
}

impl App {
    /// The operator's secret was shown; it is not shown again.
    ///
    /// # Errors
    /// When that cannot be kept on the disk.
    pub fn operator_secret_was_shown(&self) -> Result<(), ServiceError> {
        let file = private_file().create(true).truncate(true).open(shown_mark(&self.config.data))?;
        Ok(file.sync_all()?)
    }
}

fn shown_mark(data: &Path) -> PathBuf {
    data.join("keys").join("operator-secret-was-shown")
}

fn row(client: &NewClient, secret: &str) -> ClientRow {
    let list = |names: Vec<&str>| names.join(" ");
    ClientRow {
        id: client.id.to_string(),
        role: client.role.as_str().into(),
        secret_hash: sha256(secret.as_bytes()),
        class: client.class.as_ref().map(ToString::to_string).unwrap_or_default(),
        purposes: list(client.purposes.iter().map(Purpose::as_str).collect()),
        sources: list(client.sources.iter().map(Source::as_str).collect()),
        disabled: false,
        webhook: client.webhook.clone(),
        webhook_gone: false,
        scopes: if client.role == Role::Recipient { scope_text(&client.terms.scopes) } else { String::new() },
        calls_per_minute: client.terms.calls_per_minute,
        people_per_day: client.terms.people_per_day,
        public_key: client.public_key,
    }
}

/// Everything that an operator registered of a caller, in one digest: what is in the database must be what the log says.
pub(super) fn terms_sha256(row: &ClientRow) -> String {
    let secret = hex::encode(row.secret_hash);
    let numbers = [row.calls_per_minute.to_string(), row.people_per_day.to_string()];
    let key = row.public_key.map(hex::encode).unwrap_or_default();
    let webhook = row.webhook.as_deref().unwrap_or_default();
    let [calls, people] = &numbers;
    let parts = [secret.as_str(), &row.class, &row.purposes, &row.sources, webhook, &row.scopes, calls, people, &key];
    hex::encode(sha256(parts.join("\n").as_bytes()))
}
