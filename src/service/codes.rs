//! Mailed codes: eight digits, half an hour, five guesses; six mails an hour, more only when codes were used up.

use subtle::ConstantTimeEq;

use super::letters;
use super::mail::Mail;
use super::{App, ServiceError};
use crate::crypto::{Blind, Place};
use crate::domain::Adult;
use crate::ident::Identifier;
use crate::ids::Reference;
use crate::limits;
use crate::store::{CodeRow, Tx};
use crate::words::Lang;

/// What a code is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CodeFor {
    Register,
    RegisterMinor,
    Login,
    Access,
    Erasure,
    Status,
}

impl CodeFor {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::RegisterMinor => "register_minor",
            Self::Login => "login",
            Self::Access => "access",
            Self::Erasure => "erasure",
            Self::Status => "status",
        }
    }
}

/// A code to send.
#[derive(Debug, Clone, Copy)]
pub(super) struct Send<'a> {
    pub(super) to: &'a Identifier,
    pub(super) what: CodeFor,
    pub(super) adult: Adult,
    pub(super) digest: Option<[u8; 16]>,
    pub(super) reference: Reference,
    /// In which language the mail is.
    pub(super) lang: Lang,
}

impl App {
    /// Stores and mails a code, unless the address had its share this hour, and returns the reference under which the newest
    /// mailed code counts. It stays the same while a code is open, so that nobody's request makes another's useless; and
    /// however many asked, once a code is used up by guessing or by time there is another.
    pub(super) async fn send_code(&self, tx: &mut Tx, send: Send<'_>) -> Result<Reference, ServiceError> {
        let (now, blinds) = (self.now(), self.blinds(send.to));
        let [current, _] = blinds;
        let earlier = tx.code(&blinds, send.what.as_str()).await?;
        // A code leads to its owner by the index: it lies where their identifier lies.
        let blind = tx.indexed_as(&blinds).await?.unwrap_or(current);
        let in_hour = earlier.as_ref().filter(|row| now < row.hour_from.plus_seconds(3600));
        let (already, hour_from) = in_hour.map_or((0, now), |row| (row.sent, row.hour_from));
        let open = earlier.as_ref().filter(|row| row.tries < limits::CODE_TRIES_MAX && now < row.expires);
        let mut fresh = *send.reference.as_bytes();
        fresh.iter_mut().skip(8).for_each(|byte| *byte = 0); // the other half is the caller's own, see `requests`
        let reference = open.map_or(Reference::new(fresh), |row| row.reference);
        let share = if open.is_some() { limits::CODES_PER_HOUR_MAX } else { limits::CODES_PER_HOUR_AT_MOST };
        if already >= share {
            return Ok(reference);
        }
        if let Some(moved) = earlier.as_ref().filter(|row| row.blind != blind) {
            tx.delete_code(&moved.blind, &moved.what).await?;
        }
        let code = self.new_code()?;
        let row = CodeRow {
            blind,
            what: send.what.as_str().into(),
            reference,
            code_hash: self.code_hash(&reference, send.what.as_str(), &code),
            digest: send.digest.map(|digest| self.seal_transit(&digest_place(&reference), &digest)).transpose()?,
            adult: send.adult,
            tries: 0,
            sent: already + 1,
            hour_from,
            expires: now.plus_seconds(limits::CODE_SECONDS),
        };
        tx.upsert_code(&row).await?;
        self.queue_mail(tx, &blind, &Mail::new(send.to, &letters::code(send.lang, send.what, &code))).await?;
        Ok(reference)
    }

    /// The first of these codes that fits. When none does the guess is counted against all of them, and the transaction
    /// must be committed for that.
    pub(super) async fn fitting(
        &self,
        tx: &mut Tx,
        rows: Vec<CodeRow>,
        code: &str,
    ) -> Result<Option<CodeRow>, ServiceError> {
        if let Some(row) = rows.iter().find(|row| self.fits(row, code)) {
            return Ok(Some(row.clone()));
        }
        for row in &rows {
            tx.count_try(&row.blind, &row.what).await?;
        }
        Ok(None)
    }

    pub(super) fn fits(&self, row: &CodeRow, code: &str) -> bool {
        let counts = row.tries < limits::CODE_TRIES_MAX && self.now() < row.expires;
        let same = self.code_hash(&row.reference, &row.what, code).ct_eq(&row.code_hash);
        (counts && bool::from(same)) || crate::mutant::on("any_code_fits")
    }

    fn code_hash(&self, reference: &Reference, what: &str, code: &str) -> [u8; 32] {
        Blind(&self.ring.service).code(&[reference.as_bytes().as_slice(), what.as_bytes()].concat(), code)
    }

    fn new_code(&self) -> Result<String, ServiceError> {
        let number = u64::from_be_bytes(self.entropy.bytes()?) % 100_000_000;
        Ok(format!("{number:08}"))
    }
}

/// In clear it would lead whoever has an old copy and guesses the address to its owner, by the index beside it.
pub(super) fn digest_place(reference: &Reference) -> Place<'_> {
    Place { table: "code", column: "digest", row: reference.as_bytes() }
}
