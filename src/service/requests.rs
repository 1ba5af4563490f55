//! Without an account: what is held about an address, its erasure, how an earlier erasure went. A mailed code proves it.

use serde::{Deserialize, Serialize};

use super::act::Idempotency;
use super::codes::{CodeFor, Send, digest_place};
use super::mail::Quiet;
use super::outside_rows::OutsideRows;
use super::{App, ErasureStarted, ErasureView, Export, ServiceError};
use crate::crypto::Blind;
use crate::domain::{Act, Adult, Seq};
use crate::ident::Identifier;
use crate::ids::{Reference, Subject};
use crate::secret::SecretText;
use crate::store::{CodeRow, StoreError, Tx};
use crate::words::Lang;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// What is held.
    Access,
    /// That it goes.
    Erasure,
    /// How an earlier erasure went.
    Status,
}

impl What {
    fn code(self) -> CodeFor {
        match self {
            Self::Access => CodeFor::Access,
            Self::Erasure => CodeFor::Erasure,
            Self::Status => CodeFor::Status,
        }
    }
}

/// A request that waits for its code.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Requested {
    /// To confirm it by.
    pub reference: Reference,
}

/// The answer to a confirmed request.
#[derive(Debug, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Answer {
    /// What is held.
    Access {
        /// There is an account or not.
        member: bool,
        /// The address opted out: a slow keyed digest of it is kept, and nothing readable.
        opted_out: bool,
        /// Everything, when there is an account. It is long, and whoever writes this answer writes it as its last field.
        #[serde(skip)]
        export: Option<Export>,
    },
    /// It goes.
    Erasure(ErasureStarted),
    /// How earlier erasures went.
    Status {
        /// Each of them.
        erasures: Vec<ErasureView>,
    },
}

/// A code that was mailed, and what it was mailed for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// The request.
    pub reference: Reference,
    /// Its code.
    pub code: SecretText,
}

/// What one of several confirmations led to.
#[derive(Debug, Serialize)]
pub struct ConfirmedOne {
    /// The request.
    pub reference: Reference,
    /// Its answer; nothing when the reference or the code does not fit. Whoever writes this writes it as its last field.
    #[serde(skip)]
    pub answer: Option<Answer>,
}

/// Most requests that are confirmed in one step.
const CONFIRMATIONS_MAX: usize = 20;

enum Confirmed {
    Wrong,
    Access { found: Option<(Subject, Seq)>, opted_out: bool },
    Erasure { started: ErasureStarted, blind: Option<[u8; 32]> },
    Status([u8; 16]),
}

impl App {
    /// Mails a code to an address, known or not.
    ///
    /// # Errors
    /// Only for the database, and when too many wait.
    pub async fn request(
        &self,
        to: &Identifier,
        what: What,
        lang: Lang,
        idempotency: Option<&Idempotency>,
    ) -> Result<Requested, ServiceError> {
        super::accounts::address(to)?;
        let digest = self.suppression_digest(to).await?;
        let reference = Reference::new(self.entropy.bytes()?);
        let answer = self
            .act(
                idempotency,
                &(self, to, (what, lang), digest, reference),
                |tx, (app, to, asked, digest, reference)| {
                    Box::pin(async move {
                        let ((what, lang), digest, reference) = (*asked, Some(*digest), *reference);
                        let send = Send { to, what: what.code(), adult: Adult::Unknown, digest, reference, lang };
                        let kept = app.send_code(tx, send).await?;
                        Ok((Requested { reference: app.handed_out(&kept, reference.as_bytes()) }, None))
                    })
                },
            )
            .await?;
        self.hand_over().await;
        Ok(answer)
    }

    /// The reference of a code as one caller gets it. Two who ask about one address get two that lead to the same code, so
    /// that nobody sees from theirs whether anybody else asked, or used it.
    fn handed_out(&self, kept: &Reference, salt: &[u8; 16]) -> Reference {
        let (_, salt) = salt.split_at(8);
        self.masked(kept.as_bytes(), salt)
    }

    /// What [`App::handed_out`] was given. Of a reference that we never gave it is one that nothing is kept under.
    fn kept_reference(&self, given: &Reference) -> Reference {
        let (_, salt) = given.as_bytes().split_at(8);
        let mut kept = *self.masked(given.as_bytes(), salt).as_bytes();
        kept.iter_mut().skip(8).for_each(|byte| *byte = 0);
        Reference::new(kept)
    }

    /// The first half under a mask made of the salt, and the salt.
    fn masked(&self, from: &[u8; 16], salt: &[u8]) -> Reference {
        let mask = Blind(&self.ring.service).reference(salt);
        let half = from.iter().zip(mask).take(8).map(|(byte, mask)| byte ^ mask);
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(half.chain(salt.iter().copied())).for_each(|(to, from)| *to = from);
        Reference::new(bytes)
    }

    /// Takes the code and answers.
    ///
    /// # Errors
    /// [`ServiceError::BadCredentials`] for a reference or code that does not fit, one as the other.
    pub async fn confirm(
        &self,
        reference: &Reference,
        code: &SecretText,
        idempotency: Option<&Idempotency>,
    ) -> Result<Answer, ServiceError> {
        let outside = self.outside_rows_for(reference, code).await?;
        self.confirm_with(reference, code, idempotency, outside).await
    }

    /// What score stores hold of whoever this code gives access to, read before the code is used up: a store that does not answer must
    /// not cost them the code. Nothing is read, and no guess is counted here, for a code that does not fit.
    async fn outside_rows_for(
        &self,
        reference: &Reference,
        code: &SecretText,
    ) -> Result<Option<OutsideRows>, ServiceError> {
        if self.score_stores.is_empty() {
            return Ok(None);
        }
        let input = (self, self.kept_reference(reference), code);
        let subject = self
            .store
            .run_tx(&input, |tx, (app, kept, code)| {
                Box::pin(async move {
                    let row = tx.code_by_reference(kept).await?;
                    let row = row.filter(|row| row.what == CodeFor::Access.as_str() && app.fits(row, code.expose()));
                    match row {
                        Some(row) => app.living(tx, &[row.blind; 2]).await,
                        None => Ok(None),
                    }
                })
            })
            .await?;
        match subject {
            Some(subject) => self.outside_rows(&subject).await.map(Some),
            None => Ok(None),
        }
    }

    async fn confirm_with(
        &self,
        reference: &Reference,
        code: &SecretText,
        idempotency: Option<&Idempotency>,
        outside: Option<OutsideRows>,
    ) -> Result<Answer, ServiceError> {
        let quiet = self.quiet();
        let confirmed = self
            .store
            .run_tx(&(self, reference, code, idempotency, &quiet), |tx, (app, reference, code, idempotency, quiet)| {
                Box::pin(app.confirm_once(tx, (reference, code), *idempotency, quiet.as_ref()))
            })
            .await?;
        drop(quiet);
        self.work.notify_one();
        match confirmed {
            Confirmed::Wrong => Err(ServiceError::BadCredentials),
            Confirmed::Erasure { started, blind } => {
                let _no_mail_meanwhile = self.outbox.lock().await;
                if let Err(error) = self.remove_mail_files(&blind) {
                    tracing::error!(%error, "a mail with a used code stays until it is a day old");
                }
                Ok(Answer::Erasure(started))
            }
            Confirmed::Access { found, opted_out } => {
                let export = match found {
                    Some((subject, seq)) => {
                        // The address may have changed hands since.
                        let outside = match outside.filter(|outside| outside.subject == subject) {
                            Some(outside) => outside,
                            None => self.outside_rows(&subject).await?,
                        };
                        Some(self.export_subject(&subject, seq, outside).await?)
                    }
                    None => None,
                };
                Ok(Answer::Access { member: export.is_some(), opted_out, export })
            }
            Confirmed::Status(digest) => {
                let erasures = self
                    .store
                    .read_tx(&(self, digest), |tx, (app, digest)| Box::pin(app.erasures_of(tx, digest)))
                    .await?;
                Ok(Answer::Status { erasures })
            }
        }
    }

    /// Proves several addresses in one step, and does for each what was asked. Each is an act of its own: nothing is stored that
    /// would join them.
    ///
    /// # Errors
    /// For none, and for more than twenty; when one cannot be carried out the ones before it are done, and the same call with the same
    /// `Idempotency-Key` goes on.
    pub async fn confirm_all(
        &self,
        confirmations: &[Confirmation],
        idempotency: Option<&Idempotency>,
    ) -> Result<Vec<ConfirmedOne>, ServiceError> {
        if !(1..=CONFIRMATIONS_MAX).contains(&confirmations.len()) {
            return Err(ServiceError::invalid("confirmations", "1 to 20, each with `reference` and `code`"));
        }
        let mut outside = Vec::with_capacity(confirmations.len());
        for Confirmation { reference, code } in confirmations {
            match self.outside_rows_for(reference, code).await {
                Err(failure @ ServiceError::ScoreStore(_)) => {
                    self.count_guesses(confirmations).await?;
                    return Err(failure);
                }
                rows => outside.push(rows?),
            }
        }
        let mut all = Vec::with_capacity(confirmations.len());
        for (number, (Confirmation { reference, code }, outside)) in confirmations.iter().zip(outside).enumerate() {
            let part = idempotency.map(|idempotency| idempotency.part(number));
            let answer = match self.confirm_with(reference, code, part.as_ref(), outside).await {
                Err(ServiceError::BadCredentials) => None,
                other => Some(other?),
            };
            all.push(ConfirmedOne { reference: *reference, answer });
        }
        Ok(all)
    }

    /// Nothing is carried out; codes that do not fit are counted all the same, or a store that is down would make guessing free.
    async fn count_guesses(&self, confirmations: &[Confirmation]) -> Result<(), ServiceError> {
        for Confirmation { reference, code } in confirmations {
            let input = (self, self.kept_reference(reference), code);
            self.store
                .run_tx(&input, |tx, (app, kept, code)| {
                    Box::pin(async move {
                        let rows = tx.code_by_reference(kept).await?.into_iter().collect();
                        app.fitting(tx, rows, code.expose()).await.map(drop)
                    })
                })
                .await?;
        }
        Ok(())
    }

    /// An erasure has no second code, so its answer is kept; access and status are simply asked for anew.
    async fn confirm_once(
        &self,
        tx: &mut Tx,
        (reference, code): (&Reference, &SecretText),
        idempotency: Option<&Idempotency>,
        quiet: Option<&Quiet<'_>>,
    ) -> Result<Confirmed, ServiceError> {
        let Some(idempotency) = idempotency else { return self.confirm_in(tx, reference, code, quiet).await };
        if let Some(started) = self.answered(tx, idempotency).await? {
            return Ok(Confirmed::Erasure { started, blind: None });
        }
        let confirmed = self.confirm_in(tx, reference, code, quiet).await?;
        if let Confirmed::Erasure { started, .. } = &confirmed {
            self.remember(tx, idempotency, started, None).await?;
        }
        Ok(confirmed)
    }

    async fn confirm_in(
        &self,
        tx: &mut Tx,
        reference: &Reference,
        code: &SecretText,
        quiet: Option<&Quiet<'_>>,
    ) -> Result<Confirmed, ServiceError> {
        let kept = self.kept_reference(reference);
        let rows: Vec<CodeRow> = tx.code_by_reference(&kept).await?.into_iter().collect();
        let Some(row) = self.fitting(tx, rows, code.expose()).await? else { return Ok(Confirmed::Wrong) };
        let Some(sealed) = &row.digest else { return Ok(Confirmed::Wrong) };
        let digest = self.open_transit(&digest_place(&row.reference), sealed)?;
        let digest: [u8; 16] = digest.try_into().map_err(|_| StoreError::Corrupt("code"))?;
        tx.delete_code(&row.blind, &row.what).await?;
        match row.what.as_str() {
            "status" => Ok(Confirmed::Status(digest)),
            "access" => {
                let opted_out = tx.suppression(&digest).await?.is_some();
                let head = self.head(tx).await?;
                let Some(subject) = self.living(tx, &[row.blind; 2]).await? else {
                    self.record_unkept(tx, head, Act::AccessAnswered {}).await?;
                    return Ok(Confirmed::Access { found: None, opted_out });
                };
                let mut person = self.person(tx, &subject).await?;
                let done = self.record(tx, head, &mut person, Act::AccessAnswered {}).await?;
                Ok(Confirmed::Access { found: Some((subject, done.seq)), opted_out })
            }
            _ => {
                let started = match tx.owner_of(&[row.blind; 2]).await? {
                    Some(subject) => self.begin_erasure(tx, &subject, Some(digest), quiet).await?,
                    None => self.erase_nothing(tx, Some(digest)).await?,
                };
                Ok(Confirmed::Erasure { started, blind: Some(row.blind) })
            }
        }
    }
}
