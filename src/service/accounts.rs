//! Accounts: register, prove the address, log in, stay logged in, log out.
//!
//! Known and unknown addresses get the same answers after the same work. What somebody says of their age proves nothing;
//! `no`, once the address is proved, latches, and `unknown` stores nothing.

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::act::Idempotency;
use super::codes::{CodeFor, Send};
use super::epochs::Digests;
use super::letters;
use super::mail::Mail;
use super::record::Person;
use super::{App, PersonCaller, ServiceError};
use crate::crypto::{Role, SubjectKey, sha256};
use crate::domain::{Act, Adult, Assurance, History, Whom};
use crate::ident::{Identifier, IdentifierKind};
use crate::ids::{IdentifierId, Reference, Session, Subject};
use crate::limits;
use crate::secret::SecretText;
use crate::store::{CodeRow, IdentifierRow, SessionRow, Tx};
use crate::words::Lang;

/// Somebody wants an account.
#[derive(Debug)]
pub struct Registration {
    /// Their address.
    pub identifier: Identifier,
    /// What they say.
    pub adult: Adult,
    /// The language that they ask in.
    pub lang: Lang,
}

/// Somebody has the code.
#[derive(Debug)]
pub struct Verification {
    /// Their address.
    pub identifier: Identifier,
    /// The code.
    pub code: SecretText,
    /// The password they want, if any.
    pub password: Option<SecretText>,
}

/// A log-in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tokens {
    /// For the `Authorization: Bearer` header, for ten minutes.
    pub access_token: String,
    /// `Bearer`.
    pub token_type: String,
    /// For how many seconds.
    pub expires_in: i64,
    /// For one new pair of tokens.
    pub refresh_token: String,
}

enum Verified {
    Minor,
    In(Subject),
}

impl App {
    /// Mails a code. The same for known, unknown and opted-out addresses; `unknown` age gets a mail without a code and
    /// leaves nothing.
    ///
    /// # Errors
    /// Only for what cannot be an address, and for the database.
    pub async fn register(&self, r: &Registration, idempotency: Option<&Idempotency>) -> Result<(), ServiceError> {
        address(&r.identifier)?;
        let reference = Reference::new(self.entropy.bytes()?);
        let unknown = r.adult == Adult::Unknown;
        let told = unknown && self.may_tell(&self.blind(&r.identifier));
        let idempotency = idempotency.filter(|_| !unknown); // not even that somebody asked is remembered
        self.act(idempotency, &(self, r, reference, told), |tx, (app, r, reference, told)| {
            Box::pin(async move {
                if *told {
                    let mail = Mail::new(&r.identifier, &letters::age_unknown(r.lang));
                    app.queue_mail(tx, &app.blind(&r.identifier), &mail).await?;
                } else if r.adult != Adult::Unknown {
                    let what = if r.adult == Adult::Yes { CodeFor::Register } else { CodeFor::RegisterMinor };
                    let (to, adult, reference, lang) = (&r.identifier, r.adult, *reference, r.lang);
                    app.send_code(tx, Send { to, what, adult, digest: None, reference, lang }).await?;
                }
                Ok(((), None))
            })
        })
        .await?;
        self.hand_over().await;
        Ok(())
    }

    /// Mails a log-in code to a member; anybody else gets a mail that says there is no account.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn send_login_code(&self, to: &Identifier, lang: Lang) -> Result<(), ServiceError> {
        address(to)?;
        let reference = Reference::new(self.entropy.bytes()?);
        let told = self.may_tell(&self.blind(to));
        self.store
            .run_tx(&(self, to, reference, (told, lang)), |tx, (app, to, reference, (told, lang))| {
                Box::pin(async move {
                    let lang = *lang;
                    if tx.owner_of(&app.blinds(to)).await?.is_some() {
                        let (what, adult) = (CodeFor::Login, Adult::Unknown);
                        let send = Send { to, what, adult, digest: None, reference: *reference, lang };
                        return app.send_code(tx, send).await.map(drop);
                    }
                    if !told {
                        return Ok(());
                    }
                    app.queue_mail(tx, &app.blind(to), &Mail::new(to, &letters::no_account(lang))).await
                })
            })
            .await?;
        self.hand_over().await;
        Ok(())
    }

    /// Takes a code: makes the account, or logs in to the one there is, and sets the password if one is given.
    ///
    /// # Errors
    /// [`ServiceError::BadCredentials`] for a code that does not fit; [`ServiceError::NoAccount`] for somebody under 18.
    pub async fn verify(&self, v: &Verification) -> Result<Tokens, ServiceError> {
        let digest = self.suppression_digest(&v.identifier).await?;
        let hash = match &v.password {
            Some(password) => Some(self.slow.hash(checked(password)?.clone(), self.entropy.bytes()?).await?),
            None => None,
        };
        let fits = self
            .store
            .run_tx(&(self, v), |tx, (app, v)| {
                Box::pin(async move { Ok::<_, ServiceError>(app.account_code(tx, v).await?.is_some()) })
            })
            .await?;
        if !fits {
            return Err(ServiceError::BadCredentials);
        }
        let verified = self
            .store
            .run_tx(&(self, v, digest), |tx, (app, v, digest)| Box::pin(app.verify_code(tx, v, digest)))
            .await?;
        let subject = match verified {
            Verified::Minor => return Err(ServiceError::NoAccount),
            Verified::In(subject) => subject,
        };
        if let Some(hash) = hash {
            self.store
                .run_tx(&(subject, hash), |tx, (subject, hash)| {
                    Box::pin(async move {
                        tx.upsert_password(subject, hash).await?;
                        Ok::<_, ServiceError>(tx.delete_sessions(subject).await?) // whoever had the old one is out
                    })
                })
                .await?;
        }
        self.new_session(subject).await
    }

    /// In the second transaction: the code was right a moment ago, and is used up here.
    async fn verify_code(&self, tx: &mut Tx, v: &Verification, digest: &[u8; 16]) -> Result<Verified, ServiceError> {
        let blinds = self.blinds(&v.identifier);
        let row = self.account_code(tx, v).await?.ok_or(ServiceError::BadCredentials)?;
        if row.what == CodeFor::Login.as_str() {
            tx.delete_code(&row.blind, &row.what).await?;
            return Ok(Verified::In(tx.owner_of(&blinds).await?.ok_or(ServiceError::BadCredentials)?));
        }
        let head = self.head(tx).await?;
        let row = self.account_code(tx, v).await?.ok_or(ServiceError::BadCredentials)?;
        tx.delete_code(&row.blind, &row.what).await?;
        let owner = self.living(tx, &blinds).await?;
        if row.adult == Adult::Yes && owner.is_none() && tx.owner_of(&blinds).await?.is_some() {
            return Err(ServiceError::BadCredentials); // being erased: the address is free again in a moment
        }
        let said = Act::Registered { adult: row.adult, assurance: Assurance::SelfDeclared };
        let latched = tx.suppression(digest).await? == Some(Whom::Child) && !crate::mutant::on("latch_forgets");
        if row.adult != Adult::Yes {
            tx.insert_suppression(digest, Whom::Child, month(self), None).await?;
        }
        let mut person = match owner {
            Some(subject) => self.person(tx, &subject).await?,
            None if row.adult != Adult::Yes || latched => {
                self.record_unkept(tx, head, said).await?;
                return Ok(Verified::Minor);
            }
            None => {
                tx.delete_suppression(digest).await?;
                self.new_person(tx, (&v.identifier, digest), &blinds).await?
            }
        };
        self.record(tx, head, &mut person, said).await?;
        if row.adult == Adult::Yes {
            return Ok(Verified::In(person.subject));
        }
        tx.delete_sessions(&person.subject).await?;
        Ok(Verified::Minor)
    }

    async fn new_person(
        &self,
        tx: &mut Tx,
        (identifier, digest): (&Identifier, &[u8; 16]),
        [blind, earlier]: &Digests,
    ) -> Result<Person, ServiceError> {
        let subject = Subject::new(self.entropy.bytes()?);
        let key = SubjectKey::generate(&self.entropy)?;
        let regime = self.registry.regime.first().ok_or(ServiceError::NotFound("regime"))?;
        tx.insert_standing(&subject, &regime.name).await?;
        tx.insert_key(&subject, &self.wrap_new(&subject, &key)?).await?;
        let id = IdentifierId::new(self.entropy.bytes()?);
        let sealed = self.seal_proved(&key, &id, (identifier, digest))?;
        let row = IdentifierRow {
            id,
            kind: identifier.kind().as_str().into(),
            blind: *blind,
            sealed,
            proof: "mailed_code".into(),
        };
        tx.insert_identifier(&subject, &row, earlier).await?;
        Ok(Person { subject, key, history: History::default() })
    }

    /// The code of this address that fits, for registering or for logging in.
    async fn account_code(&self, tx: &mut Tx, v: &Verification) -> Result<Option<CodeRow>, ServiceError> {
        let blinds = self.blinds(&v.identifier);
        let mut rows = Vec::new();
        for what in [CodeFor::Register, CodeFor::RegisterMinor, CodeFor::Login] {
            rows.extend(tx.code(&blinds, what.as_str()).await?);
        }
        self.fitting(tx, rows, v.code.expose()).await
    }

    /// Address and password for a log-in. An unknown address costs the same slow hash.
    ///
    /// # Errors
    /// [`ServiceError::BadCredentials`] whatever does not fit.
    pub async fn login(&self, identifier: &Identifier, password: &SecretText) -> Result<Tokens, ServiceError> {
        let blinds = self.blinds(identifier);
        let (subject, hash) = self
            .store
            .read_tx(&blinds, |tx, blinds| {
                Box::pin(async move {
                    let Some(subject) = tx.owner_of(blinds).await? else { return Ok::<_, ServiceError>((None, None)) };
                    Ok((Some(subject), tx.password(&subject).await?))
                })
            })
            .await?;
        let fits = self.slow.verify(password.clone(), hash).await?;
        self.new_session(subject.filter(|_| fits).ok_or(ServiceError::BadCredentials)?).await
    }

    async fn new_session(&self, subject: Subject) -> Result<Tokens, ServiceError> {
        let id = Session::new(self.entropy.bytes()?);
        let secret: [u8; 32] = self.entropy.bytes()?;
        let expires = self.now().plus_seconds(limits::SESSION_SECONDS);
        let row = SessionRow { subject, id, refresh_hash: sha256(&secret), expires };
        self.store
            .run_tx(&row, |tx, row| {
                Box::pin(async move {
                    let standing = tx.standing(&row.subject).await?;
                    let gone = standing.is_none_or(|standing| standing.erased);
                    if gone { Err(ServiceError::BadCredentials) } else { Ok(tx.insert_session(row).await?) }
                })
            })
            .await?;
        self.tokens_of(id, &secret)
    }

    fn tokens_of(&self, id: Session, secret: &[u8; 32]) -> Result<Tokens, ServiceError> {
        Ok(Tokens {
            access_token: self.tokens.issue(id.to_string(), Role::Person, (None, None), self.now())?,
            token_type: "Bearer".into(),
            expires_in: limits::ACCESS_SECONDS,
            refresh_token: format!("{id}.{}", hex::encode(secret)),
        })
    }

    /// A refresh token for a new pair. One that was used before ends the log-in: somebody has a copy.
    ///
    /// # Errors
    /// [`ServiceError::Unauthenticated`] whatever is wrong with it.
    pub async fn refresh(&self, token: &SecretText) -> Result<Tokens, ServiceError> {
        let (id, old) = log_in(token)?;
        let new: [u8; 32] = self.entropy.bytes()?;
        let now = self.now();
        let hashes = (old, sha256(&new));
        let rotated = self
            .store
            .run_tx(&(id, hashes, now), |tx, (id, (old, new), now)| {
                Box::pin(async move {
                    if tx.session(id, *now).await?.is_none() {
                        return Ok::<_, ServiceError>(false);
                    }
                    let expires = now.plus_seconds(limits::SESSION_SECONDS);
                    let rotated = tx.rotate_session(id, (old, new), expires).await?;
                    if !rotated {
                        tx.delete_session(id).await?;
                    }
                    Ok(rotated)
                })
            })
            .await?;
        if rotated { self.tokens_of(id, &new) } else { Err(ServiceError::Unauthenticated) }
    }

    /// Whose log-in a refresh token is, without using it up: a browser keeps it in a cookie, and two tabs ask at once.
    ///
    /// # Errors
    /// [`ServiceError::Unauthenticated`] whatever is wrong with it.
    pub async fn person_of(&self, token: &SecretText) -> Result<PersonCaller, ServiceError> {
        let (id, hash) = log_in(token)?;
        let now = self.now();
        let row = self.store.read_one(&id, |tx, id| Box::pin(tx.session(id, now))).await?;
        let row = row.filter(|row| row.refresh_hash.ct_eq(&hash).into());
        let row = row.ok_or(ServiceError::Unauthenticated)?;
        Ok(PersonCaller { subject: row.subject, session: id })
    }

    /// Looks once more whether somebody is logged in.
    ///
    /// # Errors
    /// [`ServiceError::Unauthenticated`] when this log-in has ended.
    pub async fn still_logged_in(&self, caller: &PersonCaller) -> Result<(), ServiceError> {
        let input = (caller.session, self.now());
        let row = self.store.read_one(&input, |tx, (id, now)| Box::pin(tx.session(id, *now))).await?;
        row.map(drop).ok_or(ServiceError::Unauthenticated)
    }

    /// Ends this log-in at once.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn logout(&self, caller: &PersonCaller) -> Result<(), ServiceError> {
        self.store
            .run_tx(&caller.session, |tx, id| {
                Box::pin(async move { Ok::<_, ServiceError>(tx.delete_session(id).await?) })
            })
            .await
    }

    /// The slow keyed digest under which an identifier opts out.
    pub(super) async fn suppression_digest(&self, identifier: &Identifier) -> Result<[u8; 16], ServiceError> {
        let pepper = &self.ring.suppression_pepper;
        Ok(self.slow.digest(pepper, identifier.kind().as_str(), identifier.as_str()).await?)
    }
}

/// A refresh token: the log-in, and the digest of its secret.
fn log_in(token: &SecretText) -> Result<(Session, [u8; 32]), ServiceError> {
    let (id, secret) = token.expose().split_once('.').ok_or(ServiceError::Unauthenticated)?;
    let id = id.parse().map_err(|_| ServiceError::Unauthenticated)?;
    let mut bytes = [0; 32];
    hex::decode_to_slice(secret, &mut bytes).map_err(|_| ServiceError::Unauthenticated)?;
    Ok((id, sha256(&bytes)))
}

/// Months since 1970: all that is kept of when somebody opted out.
pub(super) fn month(app: &App) -> i64 {
    app.now().day().0.div_euclid(30)
}

/// Passwords: at least 10 characters, at most 256 bytes, nothing else asked (NIST SP 800-63B).
fn checked(password: &SecretText) -> Result<&SecretText, ServiceError> {
    let text = password.expose();
    let fits = text.chars().count() >= limits::PASSWORD_CHARS_MIN && text.len() <= limits::PASSWORD_BYTES_MAX;
    fits.then_some(password).ok_or_else(|| ServiceError::invalid("password", "10 characters to 256 bytes"))
}

/// A code can be mailed to addresses only; a handle is claimed from an account.
pub(super) fn address(identifier: &Identifier) -> Result<(), ServiceError> {
    match identifier.kind() {
        IdentifierKind::Email => Ok(()),
        IdentifierKind::Handle => Err(ServiceError::invalid("kind", "`email`")),
    }
}
