//! A receipt of one's own by mail: only on demand, only to the address that the account was proved with, never to one that is typed in.
//!
//! A certificate of an erasure is not mailed: when there is one, no address is left that it could go to. Whoever has its reference reads
//! it, and whoever proves the address by a code is told of it.

use serde::{Deserialize, Serialize};

use super::act::Idempotency;
use super::letters;
use super::mail::Mail;
use super::{App, PersonCaller, ServiceError};
use crate::domain::{Event, Micros, Seq};
use crate::ident::{Identifier, IdentifierKind};
use crate::ids::Subject;
use crate::mutant;
use crate::store::Tx;
use crate::words::Lang;

/// A receipt is on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptQueued {
    /// Of which event.
    pub seq: Seq,
    /// Since when, in microseconds since 1970. It is on disk, and tried until it is handed over.
    pub queued_us: Micros,
}

impl App {
    /// The address that mails to this person go to; nothing where there is none.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn own_address(&self, caller: &PersonCaller) -> Result<Option<String>, ServiceError> {
        let address = self.identifiers(caller).await?;
        let address = address.into_iter().find(|one| one.kind == IdentifierKind::Email.as_str());
        Ok(address.map(|one| one.identifier))
    }

    /// Mails the receipt of one's own event to one's own address.
    ///
    /// # Errors
    /// When there is no such event of this person, when they have no address, and for more than so many on one day.
    pub async fn mail_receipt(
        &self,
        caller: &PersonCaller,
        seq: Seq,
        lang: Lang,
        idempotency: Option<&Idempotency>,
    ) -> Result<ReceiptQueued, ServiceError> {
        if let Some(before) = self.answered_before(idempotency).await? {
            return Ok(before);
        }
        let receipt = self.receipt(caller, seq).await?;
        let event: Event = serde_json::from_str(&receipt.body)?;
        let now = self.now();
        if !self.receipts_mailed.take(caller.subject, now) && !mutant::on("receipts_mailed_without_end") {
            return Err(ServiceError::MailedEnough(self.receipts_mailed.rest_seconds(now)));
        }
        let file = (format!("sayso-{}.tlog-proof", seq.0), String::from(receipt));
        let input = (self, caller.subject, (seq, now), (letters::receipt(lang, &event), file));
        let queued = self
            .act(idempotency, &input, |tx, (app, subject, (seq, now), (letter, (name, text)))| {
                Box::pin(async move {
                    // An erasure waits for this or this for it: no mail is left behind by somebody who went.
                    if !tx.hold_living(subject).await? {
                        return Err(ServiceError::Unauthenticated);
                    }
                    let (blind, to) =
                        app.address_of(tx, subject).await?.ok_or(ServiceError::NotFound("address of yours"))?;
                    app.queue_mail(tx, &blind, &Mail::new(&to, letter).with_file(name, text)).await?;
                    Ok((ReceiptQueued { seq: *seq, queued_us: *now }, Some(*subject)))
                })
            })
            .await?;
        self.hand_over().await;
        Ok(queued)
    }

    /// The proved address of a person, with the index that it lies under.
    pub(super) async fn address_of(
        &self,
        tx: &mut Tx,
        subject: &Subject,
    ) -> Result<Option<([u8; 32], Identifier)>, ServiceError> {
        let identifiers = self.identifiers_of(tx, subject).await?;
        let mut addresses = identifiers.into_iter().filter(|(_, one)| one.kind() == IdentifierKind::Email);
        Ok(addresses.next().map(|(row, address)| (row.blind, address)))
    }
}
