//! Opting out without an account: no proof, no log-in, the same answer in the same time for everybody.

use serde::{Deserialize, Serialize};

use super::accounts::month;
use super::act::Idempotency;
use super::letters::{self, Letter};
use super::mail::Mail;
use super::{App, Receipt, ServiceError};
use crate::domain::{Act, History, Whom};
use crate::ident::Identifier;
use crate::ids::{Reference, Subject};
use crate::store::Tx;

/// The answer to an opt-out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptedOut {
    /// To name it by.
    pub reference: Reference,
    /// Its receipt; for a stranger nobody else has what opens it.
    pub receipt: Receipt,
}

impl App {
    /// Opts an identifier out. It stores a slow keyed digest; a member is paused as well, at once, and told by mail how
    /// to lift it. Who else it was, nobody learns from here.
    ///
    /// # Errors
    /// Only for the database, and when too many wait.
    pub async fn opt_out(
        &self,
        identifier: &Identifier,
        whom: Whom,
        idempotency: Option<&Idempotency>,
    ) -> Result<OptedOut, ServiceError> {
        let digest = self.suppression_digest(identifier).await?;
        let reference = Reference::new(self.entropy.bytes()?);
        let input = (self, identifier, whom, digest, reference);
        let answer = self
            .act(idempotency, &input, |tx, (app, identifier, whom, digest, reference)| {
                Box::pin(async move {
                    let head = app.head(tx).await?;
                    let due = History::erase_due(*whom, head.recorded);
                    tx.insert_suppression(digest, *whom, month(app), Some(due)).await?;
                    let act = Act::OptedOut { whom: *whom };
                    let owner = app.not_yet_paused(tx, identifier, *whom).await?;
                    let done = match owner {
                        Some(subject) => {
                            let mut person = app.person(tx, &subject).await?;
                            app.mail_to(tx, &subject, &letters::opted_out(*whom)).await?;
                            app.record(tx, head, &mut person, act).await?
                        }
                        None => app.record_unkept(tx, head, act).await?,
                    };
                    Ok((OptedOut { reference: *reference, receipt: done.receipt }, None))
                })
            })
            .await?;
        self.hand_over().await;
        Ok(answer)
    }

    /// The member whom this opt-out pauses. One who is paused by another already learns nothing new from it, so a repeat
    /// leaves the leaf of a stranger's: nobody can make another's history longer, or slower to read, by asking again.
    async fn not_yet_paused(
        &self,
        tx: &mut Tx,
        identifier: &Identifier,
        whom: Whom,
    ) -> Result<Option<Subject>, ServiceError> {
        let Some(subject) = self.living(tx, &self.blinds(identifier)).await? else { return Ok(None) };
        let standing = tx.standing(&subject).await?.unwrap_or_default();
        let already = match whom {
            Whom::Oneself => standing.suppressed,
            Whom::Child => standing.latched,
        };
        Ok(Some(subject).filter(|_| !already))
    }

    /// A mail to the address of a person, if they have one.
    pub(super) async fn mail_to(&self, tx: &mut Tx, subject: &Subject, letter: &Letter) -> Result<(), ServiceError> {
        let Some((blind, to)) = self.address_of(tx, subject).await? else { return Ok(()) };
        self.queue_mail(tx, &blind, &Mail::new(&to, letter)).await
    }
}
