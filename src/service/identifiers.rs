//! Handles: claimed, then proved by a link or a code at their own page, or by an operator. Until then they count nowhere.

use serde::{Deserialize, Serialize};

use super::act::Idempotency;
use super::{App, Done, PersonCaller, ServiceError};
use crate::crypto::{Place, SubjectKey, open, seal};
use crate::domain::{Act, Micros, Whom};
use crate::ident::{Identifier, IdentifierKind, PROOF_PREFIX, proves};
use crate::ids::{IdentifierId, Subject};
use crate::limits;
use crate::store::{ClaimRow, IdentifierRow, StoreError, Tx};

/// How a claim is proved.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claimed {
    /// The claim.
    pub id: IdentifierId,
    /// Put a link with `rel="me"` to this address on the page..
    pub link: String,
    /// ..or this text.
    pub text: String,
    /// The page that will be read; nothing when only an operator can record the proof.
    pub page: Option<String>,
    /// Until when, in microseconds since 1970.
    pub expires_us: i64,
}

/// A proved identifier, to its owner.
#[derive(Debug, Clone, Serialize)]
pub struct IdentifierView {
    /// Its id.
    pub id: IdentifierId,
    /// `email` or `handle`.
    pub kind: String,
    /// The identifier.
    pub identifier: String,
    /// How it was proved.
    pub proof: String,
}

impl IdentifierView {
    pub(super) fn new(row: IdentifierRow, identifier: &Identifier) -> Self {
        Self { id: row.id, kind: row.kind, identifier: identifier.as_str().into(), proof: row.proof }
    }
}

/// A claim that waits for its proof, to whoever made it.
#[derive(Debug, Clone)]
pub struct OpenClaim {
    /// What was claimed.
    pub identifier: String,
    /// How to prove it.
    pub claimed: Claimed,
}

/// Stands between an identifier, in which it never occurs, and its slow digest.
const DIGEST_FOLLOWS: u8 = 0;

struct Proof<'a> {
    app: &'a App,
    claim: ClaimRow,
    identifier: Identifier,
    digest: [u8; 16],
    how: &'static str,
}

impl App {
    /// Claims a handle for a person and says how to prove it.
    ///
    /// # Errors
    /// For an address, which is proved by registering it, and for too many claims at once.
    pub async fn claim(
        &self,
        caller: &PersonCaller,
        identifier: &Identifier,
        idempotency: Option<&Idempotency>,
    ) -> Result<Claimed, ServiceError> {
        if identifier.kind() != IdentifierKind::Handle {
            return Err(ServiceError::invalid("kind", "`handle`; an address is proved by registering it"));
        }
        self.act(idempotency, &(self, caller.subject, identifier), |tx, (app, subject, identifier)| {
            Box::pin(async move {
                if tx.count_claims(subject).await? >= limits::CLAIMS_MAX {
                    return Err(ServiceError::invalid("identifier", "fewer open claims: prove those you have first"));
                }
                let key = app.key_of(tx, subject).await?;
                let id = IdentifierId::new(app.entropy.bytes()?);
                let code: [u8; 16] = app.entropy.bytes()?;
                let expires = app.now().plus_seconds(limits::CLAIM_SECONDS);
                let sealed = app.seal_identifier("claim", &key, &id, identifier)?;
                let kind = identifier.kind().as_str().into();
                tx.insert_claim(&ClaimRow { subject: *subject, id, kind, sealed, code: code.to_vec(), expires })
                    .await?;
                Ok((app.claimed(id, &code, identifier, expires), Some(*subject)))
            })
        })
        .await
    }

    fn claimed(&self, id: IdentifierId, code: &[u8], identifier: &Identifier, expires: Micros) -> Claimed {
        let code = hex::encode(code);
        Claimed {
            id,
            link: format!("{}/proof/{code}", self.config.public_url),
            text: format!("{PROOF_PREFIX}{code}"),
            page: identifier.page_url(),
            expires_us: expires.0,
        }
    }

    /// What a person claimed and did not prove yet, the first to end first.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn open_claims(&self, caller: &PersonCaller) -> Result<Vec<OpenClaim>, ServiceError> {
        self.store
            .read_tx(&(self, caller.subject), |tx, (app, subject)| {
                Box::pin(async move {
                    let key = app.key_of(tx, subject).await?;
                    let mut claims = Vec::new();
                    for row in tx.open_claims(subject, app.now(), limits::CLAIMS_MAX).await? {
                        let identifier = open_identifier("claim", &key, &row.id, &row.kind, &row.sealed)?;
                        let claimed = app.claimed(row.id, &row.code, &identifier, row.expires);
                        claims.push(OpenClaim { identifier: identifier.as_str().into(), claimed });
                    }
                    Ok(claims)
                })
            })
            .await
    }

    /// Reads the page of a claimed handle and, if it shows the proof, makes the handle the person's.
    ///
    /// # Errors
    /// [`ServiceError::NotProved`] and [`ServiceError::Fetch`] say what to do.
    pub async fn prove_by_page(&self, caller: &PersonCaller, id: &IdentifierId) -> Result<Done, ServiceError> {
        let claim = self.open_claim(id).await?.filter(|(claim, _)| claim.subject == caller.subject);
        let (claim, identifier) = claim.ok_or(ServiceError::NotFound("claim"))?;
        let url = identifier.page_url().ok_or(crate::egress::EgressError::NoPage)?;
        let page = self.egress.page(&url).await?;
        if !proves(&page, &hex::encode(&claim.code)) {
            return Err(ServiceError::NotProved);
        }
        self.prove(claim, identifier, "page", None).await
    }

    /// Records that an operator saw the proof, for pages that cannot be read from here.
    ///
    /// # Errors
    /// When there is no such claim.
    pub async fn prove_by_operator(
        &self,
        id: &IdentifierId,
        idempotency: Option<&Idempotency>,
    ) -> Result<Done, ServiceError> {
        let Some((claim, identifier)) = self.open_claim(id).await? else {
            // Its own success ended the claim.
            return self.answered_before(idempotency).await?.ok_or(ServiceError::NotFound("claim"));
        };
        self.prove(claim, identifier, "operator", idempotency).await
    }

    async fn prove(
        &self,
        claim: ClaimRow,
        identifier: Identifier,
        how: &'static str,
        idempotency: Option<&Idempotency>,
    ) -> Result<Done, ServiceError> {
        let digest = self.suppression_digest(&identifier).await?;
        let proof = Proof { app: self, claim, identifier, digest, how };
        self.act(idempotency, &proof, |tx, proof| Box::pin(prove_in(tx, proof))).await
    }

    /// A claim that still waits, opened.
    async fn open_claim(&self, id: &IdentifierId) -> Result<Option<(ClaimRow, Identifier)>, ServiceError> {
        self.store
            .read_tx(&(self, id), |tx, (app, id)| {
                Box::pin(async move {
                    let Some(claim) = tx.claim(id, app.now()).await? else { return Ok(None) };
                    let key = app.key_of(tx, &claim.subject).await?;
                    let identifier = open_identifier("claim", &key, id, &claim.kind, &claim.sealed)?;
                    Ok(Some((claim, identifier)))
                })
            })
            .await
    }

    /// A person's proved identifiers.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn identifiers(&self, caller: &PersonCaller) -> Result<Vec<IdentifierView>, ServiceError> {
        self.store
            .read_tx(&(self, caller.subject), |tx, (app, subject)| {
                Box::pin(async move {
                    let view = |(row, identifier): (IdentifierRow, Identifier)| IdentifierView::new(row, &identifier);
                    Ok(app.identifiers_of(tx, subject).await?.into_iter().map(view).collect())
                })
            })
            .await
    }

    pub(super) async fn identifiers_of(
        &self,
        tx: &mut Tx,
        subject: &Subject,
    ) -> Result<Vec<(IdentifierRow, Identifier)>, ServiceError> {
        let key = self.key_of(tx, subject).await?;
        let open = |row: IdentifierRow| {
            let identifier = open_identifier("identifier", &key, &row.id, &row.kind, &row.sealed)?;
            Ok((row, identifier))
        };
        tx.identifiers(subject).await?.into_iter().map(open).collect()
    }

    pub(super) fn seal_identifier(
        &self,
        table: &'static str,
        key: &SubjectKey,
        id: &IdentifierId,
        identifier: &Identifier,
    ) -> Result<Vec<u8>, ServiceError> {
        let place = Place { table, column: "sealed", row: id.as_bytes() };
        Ok(seal(&key.sealing, &place, identifier.as_str().as_bytes(), &self.entropy)?)
    }

    /// The same with its slow digest behind it, which costs twenty milliseconds and is needed when its owner goes.
    pub(super) fn seal_proved(
        &self,
        key: &SubjectKey,
        id: &IdentifierId,
        (identifier, digest): (&Identifier, &[u8; 16]),
    ) -> Result<Vec<u8>, ServiceError> {
        let place = Place { table: "identifier", column: "sealed", row: id.as_bytes() };
        let plain = [identifier.as_str().as_bytes(), &[DIGEST_FOLLOWS], digest].concat();
        Ok(seal(&key.sealing, &place, &plain, &self.entropy)?)
    }

    /// The slow digests of a person's identifiers.
    pub(super) async fn digests_of(&self, subject: &Subject) -> Result<Vec<[u8; 16]>, ServiceError> {
        let kept = self
            .store
            .read_tx(&(self, subject), |tx, (app, subject)| {
                Box::pin(async move {
                    let (key, rows) = (app.key_of(tx, subject).await?, tx.identifiers(subject).await?);
                    let open = |row: IdentifierRow| open_proved("identifier", &key, &row.id, &row.kind, &row.sealed);
                    rows.into_iter().map(open).collect::<Result<Vec<_>, ServiceError>>()
                })
            })
            .await?;
        let mut digests = Vec::with_capacity(kept.len());
        for (identifier, digest) in &kept {
            digests.push(match digest {
                Some(digest) => *digest,
                None => self.suppression_digest(identifier).await?,
            });
        }
        Ok(digests)
    }
}

async fn prove_in(tx: &mut Tx, proof: &Proof<'_>) -> Result<(Done, Option<Subject>), ServiceError> {
    let Proof { app, claim, identifier, digest, how } = proof;
    let head = app.head(tx).await?;
    tx.claim(&claim.id, app.now()).await?.ok_or(ServiceError::NotFound("claim"))?;
    match tx.suppression(digest).await? {
        Some(Whom::Child) => return Err(ServiceError::NoAccount),
        Some(Whom::Oneself) => tx.delete_suppression(digest).await?,
        None => {}
    }
    let mut person = app.person(tx, &claim.subject).await?;
    let [blind, earlier] = app.blinds(identifier);
    let row = IdentifierRow {
        id: claim.id,
        kind: claim.kind.clone(),
        blind,
        sealed: app.seal_proved(&person.key, &claim.id, (identifier, digest))?,
        proof: (*how).into(),
    };
    tx.delete_claim(&claim.subject, &claim.id).await?;
    tx.insert_identifier(&claim.subject, &row, &earlier).await?;
    let act = Act::IdentifierProved { identifier_kind: claim.kind.clone(), proof: (*how).into() };
    let done = app.record(tx, head, &mut person, act).await?;
    Ok((done, Some(claim.subject)))
}

/// An identifier as it was sealed.
pub(super) fn open_identifier(
    table: &'static str,
    key: &SubjectKey,
    id: &IdentifierId,
    kind: &str,
    sealed: &[u8],
) -> Result<Identifier, ServiceError> {
    Ok(open_proved(table, key, id, kind, sealed)?.0)
}

/// The same with its slow digest, where that is kept.
pub(super) fn open_proved(
    table: &'static str,
    key: &SubjectKey,
    id: &IdentifierId,
    kind: &str,
    sealed: &[u8],
) -> Result<(Identifier, Option<[u8; 16]>), ServiceError> {
    let corrupt = || StoreError::Corrupt("identifier");
    let place = Place { table, column: "sealed", row: id.as_bytes() };
    let plain = open(&key.sealing, &place, sealed)?;
    let mut parts = plain.splitn(2, |byte| *byte == DIGEST_FOLLOWS);
    let text = std::str::from_utf8(parts.next().unwrap_or_default()).map_err(|_| corrupt())?;
    let digest = parts.next().map(<[u8; 16]>::try_from).transpose().map_err(|_| corrupt())?;
    let kind = IdentifierKind::from_name(kind).ok_or_else(corrupt)?;
    Ok((Identifier::parse(kind, text).map_err(|_| corrupt())?, digest))
}
