//! What waits or is remembered for callers without an account: codes, mails, opt-outs, answers already given.

use super::people::adult_from;
use super::{StoreError, Tx, on, sql};
use crate::domain::{Adult, Micros, Whom};
use crate::ids::Reference;

/// A mailed code that waits.
#[derive(Debug, Clone)]
pub struct CodeRow {
    /// Blind index of the address it went to.
    pub blind: [u8; 32],
    /// What it is for.
    pub what: String,
    /// How the caller names it.
    pub reference: Reference,
    /// Keyed digest of the code.
    pub code_hash: [u8; 32],
    /// Slow digest of the address, sealed, for a request without an account.
    pub digest: Option<Vec<u8>>,
    /// What a registration said about age.
    pub adult: Adult,
    /// Wrong guesses so far.
    pub tries: i64,
    /// How many were sent since `hour_from`.
    pub sent: i64,
    /// Start of the hour that is counted.
    pub hour_from: Micros,
    /// Until when it counts.
    pub expires: Micros,
}

/// A mail on its way.
#[derive(Debug, Clone)]
pub struct MailRow {
    /// Its id.
    pub id: [u8; 16],
    /// Blind index of the address.
    pub blind: [u8; 32],
    /// Address and text, sealed by the service's key.
    pub sealed: Vec<u8>,
}

/// An answer that was given and may be asked for again.
#[derive(Debug, Clone)]
pub struct StoredAnswer {
    /// Digest of the request it answered.
    pub request_hash: [u8; 32],
    /// The answer, sealed by the service's key.
    pub sealed: Vec<u8>,
}

sql! {
    UPSERT_CODE(10) = "INSERT INTO code (blind, what, reference, code_hash, digest, adult, tries, sent, hour_from_us, expires_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (blind, what) DO UPDATE SET reference = excluded.reference, code_hash = excluded.code_hash, digest = excluded.digest, adult = excluded.adult, tries = excluded.tries, sent = excluded.sent, hour_from_us = excluded.hour_from_us, expires_us = excluded.expires_us";
    READ_CODE(3) = "SELECT blind, what, reference, code_hash, digest, adult, tries, sent, hour_from_us, expires_us FROM code WHERE blind IN ($1, $3) AND what = $2 ORDER BY expires_us DESC LIMIT 1";
    READ_CODE_BY_REFERENCE(1) = "SELECT blind, what, reference, code_hash, digest, adult, tries, sent, hour_from_us, expires_us FROM code WHERE reference = $1";
    LOCK_CODE(3) = "UPDATE code SET tries = tries WHERE blind IN ($1, $3) AND what = $2";
    LOCK_CODE_BY_REFERENCE(1) = "UPDATE code SET tries = tries WHERE reference = $1";
    COUNT_TRY(2) = "UPDATE code SET tries = tries + 1 WHERE blind = $1 AND what = $2";
    DELETE_CODE(2) = "DELETE FROM code WHERE blind = $1 AND what = $2";
    INSERT_MAIL(4) = "INSERT INTO mail (id, blind, sealed, queued_us) VALUES ($1, $2, $3, $4)";
    READ_MAILS(1) = "SELECT id, blind, sealed FROM mail ORDER BY id LIMIT $1";
    COUNT_MAILS(0) = "SELECT count(*), CASE WHEN count(*) = count(queued_us) THEN min(queued_us) END FROM mail";
    DELETE_MAIL(1) = "DELETE FROM mail WHERE id = $1";
    INSERT_SUPPRESSION(4) = "INSERT INTO suppression (digest, reason, month, due_us) VALUES ($1, $2, $3, $4) ON CONFLICT (digest) DO UPDATE SET reason = CASE WHEN suppression.reason = 'child' THEN 'child' ELSE excluded.reason END, due_us = CASE WHEN suppression.due_us IS NULL OR excluded.due_us < suppression.due_us THEN excluded.due_us ELSE suppression.due_us END";
    SUPPRESSIONS_DUE(2) = "SELECT digest FROM suppression WHERE due_us <= $1 ORDER BY due_us, digest LIMIT $2";
    SETTLE_SUPPRESSION(2) = "UPDATE suppression SET due_us = NULL WHERE digest = $1 AND due_us <= $2";
    READ_SUPPRESSION(1) = "SELECT reason FROM suppression WHERE digest = $1";
    DELETE_SUPPRESSION(1) = "DELETE FROM suppression WHERE digest = $1";
    INSERT_ANSWER(5) = "INSERT INTO idempotency (key, subject, request_hash, sealed, expires_us) VALUES ($1, $2, $3, $4, $5)";
    READ_ANSWER(2) = "SELECT request_hash, sealed FROM idempotency WHERE key = $1 AND expires_us > $2";
    EXPIRE_ANSWER(2) = "DELETE FROM idempotency WHERE key = $1 AND expires_us <= $2";
}

type CodeColumns = (Vec<u8>, String, Vec<u8>, Vec<u8>, Option<Vec<u8>>, String, i64, i64, i64, i64);

fn code(row: CodeColumns) -> Result<CodeRow, StoreError> {
    let (blind, what, reference, code_hash, digest, adult, tries, sent, hour_from, expires) = row;
    let bad = || StoreError::Corrupt("code");
    Ok(CodeRow {
        blind: blind.try_into().map_err(|_| bad())?,
        what,
        reference: reference.try_into().map_err(|_| bad())?,
        code_hash: code_hash.try_into().map_err(|_| bad())?,
        digest,
        adult: adult_from(&adult)?,
        tries,
        sent,
        hour_from: Micros(hour_from),
        expires: Micros(expires),
    })
}

fn adult_name(adult: Adult) -> &'static str {
    match adult {
        Adult::Yes => "yes",
        Adult::No => "no",
        Adult::Unknown => "unknown",
    }
}

fn whom_name(whom: Whom) -> &'static str {
    match whom {
        Whom::Oneself => "self",
        Whom::Child => "child",
    }
}

impl Tx {
    /// Stores a code; an earlier one for the same address and purpose no longer counts.
    pub async fn upsert_code(&mut self, row: &CodeRow) -> Result<(), StoreError> {
        on!(self, c => sqlx::query(UPSERT_CODE).bind(row.blind.as_slice()).bind(row.what.as_str())
            .bind(row.reference.as_bytes().as_slice()).bind(row.code_hash.as_slice())
            .bind(row.digest.as_deref()).bind(adult_name(row.adult))
            .bind(row.tries).bind(row.sent).bind(row.hour_from.0).bind(row.expires.0).execute(c).await.map(drop))?;
        Ok(())
    }

    /// The code of an address, under its blind index or its earlier one, for a purpose. Until the commit nobody else reads it, so that guesses are counted one by one
    /// and a code is used up once.
    pub async fn code(&mut self, [blind, earlier]: &[[u8; 32]; 2], what: &str) -> Result<Option<CodeRow>, StoreError> {
        on!(self, c => sqlx::query(LOCK_CODE).bind(blind.as_slice()).bind(what).bind(earlier.as_slice())
            .execute(c).await.map(drop))?;
        let row: Option<CodeColumns> = on!(self, c => sqlx::query_as(READ_CODE).bind(blind.as_slice()).bind(what)
            .bind(earlier.as_slice()).fetch_optional(c).await)?;
        row.map(code).transpose()
    }

    /// The code behind a reference, in the same way.
    pub async fn code_by_reference(&mut self, reference: &Reference) -> Result<Option<CodeRow>, StoreError> {
        on!(self, c => sqlx::query(LOCK_CODE_BY_REFERENCE).bind(reference.as_bytes().as_slice()).execute(c).await
            .map(drop))?;
        let row: Option<CodeColumns> = on!(self, c => sqlx::query_as(READ_CODE_BY_REFERENCE)
            .bind(reference.as_bytes().as_slice()).fetch_optional(c).await)?;
        row.map(code).transpose()
    }

    /// Counts a wrong guess.
    pub async fn count_try(&mut self, blind: &[u8; 32], what: &str) -> Result<(), StoreError> {
        on!(self, c => sqlx::query(COUNT_TRY).bind(blind.as_slice()).bind(what).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Removes a code that was used.
    pub async fn delete_code(&mut self, blind: &[u8; 32], what: &str) -> Result<(), StoreError> {
        on!(self, c => sqlx::query(DELETE_CODE).bind(blind.as_slice()).bind(what).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Queues a mail.
    pub async fn insert_mail(&mut self, row: &MailRow, queued: Micros) -> Result<(), StoreError> {
        on!(self, c => sqlx::query(INSERT_MAIL).bind(row.id.as_slice()).bind(row.blind.as_slice())
            .bind(row.sealed.as_slice()).bind(queued.0).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Mails that wait.
    pub async fn mails(&mut self, limit: i64) -> Result<Vec<MailRow>, StoreError> {
        let rows: Vec<(Vec<u8>, Vec<u8>, Vec<u8>)> = on!(self, c =>
            sqlx::query_as(READ_MAILS).bind(limit).fetch_all(c).await)?;
        let bad = || StoreError::Corrupt("mail");
        let mail = |(id, blind, sealed): (Vec<u8>, Vec<u8>, Vec<u8>)| {
            let (id, blind) = (id.try_into().map_err(|_| bad())?, blind.try_into().map_err(|_| bad())?);
            Ok(MailRow { id, blind, sealed })
        };
        rows.into_iter().map(mail).collect()
    }

    /// How many wait, and since when the oldest; nothing when that is not known of each.
    pub async fn count_mails(&mut self) -> Result<(i64, Option<Micros>), StoreError> {
        let (count, since): (i64, Option<i64>) = on!(self, c => sqlx::query_as(COUNT_MAILS).fetch_one(c).await)?;
        Ok((count, since.map(Micros)))
    }

    /// Removes a mail that was handed over.
    pub async fn delete_mail(&mut self, id: &[u8; 16]) -> Result<(), StoreError> {
        on!(self, c => sqlx::query(DELETE_MAIL).bind(id.as_slice()).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Remembers an opt-out; one for a child is never weakened, and what is due sooner stays due sooner.
    pub async fn insert_suppression(
        &mut self,
        digest: &[u8; 16],
        whom: Whom,
        month: i64,
        due: Option<Micros>,
    ) -> Result<(), StoreError> {
        on!(self, c => sqlx::query(INSERT_SUPPRESSION).bind(digest.as_slice()).bind(whom_name(whom)).bind(month)
            .bind(due.map(|due| due.0)).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Opt-outs that become erasures now.
    pub async fn suppressions_due(&mut self, now: Micros, limit: i64) -> Result<Vec<[u8; 16]>, StoreError> {
        let rows: Vec<Vec<u8>> = on!(self, c =>
            sqlx::query_scalar(SUPPRESSIONS_DUE).bind(now.0).bind(limit).fetch_all(c).await)?;
        let digest = |row: Vec<u8>| row.try_into().map_err(|_| StoreError::Corrupt("suppression"));
        rows.into_iter().map(digest).collect()
    }

    /// An opt-out that was due became an erasure; it goes on as an opt-out. False when it was not due.
    pub async fn settle_suppression(&mut self, digest: &[u8; 16], now: Micros) -> Result<bool, StoreError> {
        let rows = on!(self, c => sqlx::query(SETTLE_SUPPRESSION).bind(digest.as_slice()).bind(now.0)
            .execute(c).await.map(|done| done.rows_affected()))?;
        Ok(rows == 1)
    }

    /// Whether a digest opted out, and for whom.
    pub async fn suppression(&mut self, digest: &[u8; 16]) -> Result<Option<Whom>, StoreError> {
        let reason: Option<String> = on!(self, c =>
            sqlx::query_scalar(READ_SUPPRESSION).bind(digest.as_slice()).fetch_optional(c).await)?;
        Ok(reason.map(|reason| if reason == "self" { Whom::Oneself } else { Whom::Child }))
    }

    /// Lifts an opt-out.
    pub async fn delete_suppression(&mut self, digest: &[u8; 16]) -> Result<(), StoreError> {
        on!(self, c => sqlx::query(DELETE_SUPPRESSION).bind(digest.as_slice()).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Remembers an answer.
    pub async fn insert_answer(
        &mut self,
        key: &[u8; 32],
        subject: Option<&crate::ids::Subject>,
        answer: &StoredAnswer,
        (now, expires): (Micros, Micros),
    ) -> Result<(), StoreError> {
        let subject = subject.map(|subject| subject.as_bytes().as_slice());
        on!(self, c => sqlx::query(EXPIRE_ANSWER).bind(key.as_slice()).bind(now.0).execute(c).await.map(drop))?;
        on!(self, c => sqlx::query(INSERT_ANSWER).bind(key.as_slice()).bind(subject)
            .bind(answer.request_hash.as_slice()).bind(answer.sealed.as_slice()).bind(expires.0)
            .execute(c).await.map(drop))?;
        Ok(())
    }

    /// An answer given before.
    pub async fn answer(&mut self, key: &[u8; 32], now: Micros) -> Result<Option<StoredAnswer>, StoreError> {
        let row: Option<(Vec<u8>, Vec<u8>)> = on!(self, c =>
            sqlx::query_as(READ_ANSWER).bind(key.as_slice()).bind(now.0).fetch_optional(c).await)?;
        let Some((request_hash, sealed)) = row else { return Ok(None) };
        let request_hash = request_hash.try_into().map_err(|_| StoreError::Corrupt("idempotency"))?;
        Ok(Some(StoredAnswer { request_hash, sealed }))
    }
}
