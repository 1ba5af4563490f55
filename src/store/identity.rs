//! Identifiers and claims, passwords, log-ins.

use super::{StoreError, Tx, WrappedKey, on, sql};
use crate::domain::Micros;
use crate::ids::{IdentifierId, Session, Subject};

/// An identifier that was proved.
#[derive(Debug, Clone)]
pub struct IdentifierRow {
    /// Its id.
    pub id: IdentifierId,
    /// `email` or `handle`.
    pub kind: String,
    /// Its blind index.
    pub blind: [u8; 32],
    /// The normal form, sealed.
    pub sealed: Vec<u8>,
    /// How it was proved.
    pub proof: String,
}

/// An identifier that waits for its proof.
#[derive(Debug, Clone)]
pub struct ClaimRow {
    /// Whose claim.
    pub subject: Subject,
    /// Its id; the identifier's once proved.
    pub id: IdentifierId,
    /// `handle`.
    pub kind: String,
    /// The normal form, sealed.
    pub sealed: Vec<u8>,
    /// What must be posted.
    pub code: Vec<u8>,
    /// Until when.
    pub expires: Micros,
}

/// A log-in.
#[derive(Debug, Clone)]
pub struct SessionRow {
    /// Whose.
    pub subject: Subject,
    /// Its id.
    pub id: Session,
    /// SHA-256 of the refresh token that counts.
    pub refresh_hash: [u8; 32],
    /// Until when.
    pub expires: Micros,
}

sql! {
    INSERT_IDENTIFIER(6) = "INSERT INTO identifier (subject, id, kind, blind, sealed, proof) VALUES ($1, $2, $3, $4, $5, $6)";
    DELETE_BLIND(2) = "DELETE FROM identifier WHERE blind IN ($1, $2)";
    OWNER_OF(2) = "SELECT i.subject FROM identifier i JOIN standing s ON s.subject = i.subject AND s.erased = 0 WHERE i.blind IN ($1, $2)";
    INDEXED_AS(2) = "SELECT blind FROM identifier WHERE blind IN ($1, $2)";
    READ_IDENTIFIERS(1) = "SELECT id, kind, blind, sealed, proof FROM identifier WHERE subject = $1 ORDER BY kind, id";
    KEY_AND_IDENTIFIERS(1) = "SELECT i.id, i.kind, i.blind, i.sealed, i.proof, k.ring_epoch, k.wrapped FROM identifier i LEFT JOIN subject_key k ON k.subject = i.subject WHERE i.subject = $1 ORDER BY i.kind, i.id";
    INSERT_CLAIM(6) = "INSERT INTO claim (subject, id, kind, sealed, code, expires_us) VALUES ($1, $2, $3, $4, $5, $6)";
    READ_CLAIM(2) = "SELECT subject, id, kind, sealed, code, expires_us FROM claim WHERE id = $1 AND expires_us > $2";
    COUNT_CLAIMS(1) = "SELECT count(*) FROM claim WHERE subject = $1";
    DELETE_CLAIM(2) = "DELETE FROM claim WHERE subject = $1 AND id = $2";
    UPSERT_PASSWORD(2) = "INSERT INTO credential (subject, password_hash) VALUES ($1, $2) ON CONFLICT (subject) DO UPDATE SET password_hash = excluded.password_hash";
    READ_PASSWORD(1) = "SELECT password_hash FROM credential WHERE subject = $1";
    INSERT_SESSION(4) = "INSERT INTO session (subject, id, refresh_hash, expires_us) VALUES ($1, $2, $3, $4)";
    READ_SESSION(2) = "SELECT l.subject, l.id, l.refresh_hash, l.expires_us FROM session l JOIN standing s ON s.subject = l.subject AND s.erased = 0 WHERE l.id = $1 AND l.expires_us > $2";
    ROTATE_SESSION(4) = "UPDATE session SET refresh_hash = $3, expires_us = $4 WHERE id = $1 AND refresh_hash = $2";
    DELETE_SESSION(1) = "DELETE FROM session WHERE id = $1";
    DELETE_SESSIONS(1) = "DELETE FROM session WHERE subject = $1";
}

pub(super) type IdentifierColumns = (Vec<u8>, String, Vec<u8>, Vec<u8>, String);
type KeyAndIdentifierColumns = (Vec<u8>, String, Vec<u8>, Vec<u8>, String, Option<i64>, Option<Vec<u8>>);
pub(super) type ClaimColumns = (Vec<u8>, Vec<u8>, String, Vec<u8>, Vec<u8>, i64);
type SessionColumns = (Vec<u8>, Vec<u8>, Vec<u8>, i64);

pub(super) fn identifier((id, kind, blind, sealed, proof): IdentifierColumns) -> Result<IdentifierRow, StoreError> {
    let bad = || StoreError::Corrupt("identifier");
    Ok(IdentifierRow {
        id: id.try_into().map_err(|_| bad())?,
        blind: blind.try_into().map_err(|_| bad())?,
        kind,
        sealed,
        proof,
    })
}

pub(super) fn claim((subject, id, kind, sealed, code, expires): ClaimColumns) -> Result<ClaimRow, StoreError> {
    let bad = |_| StoreError::Corrupt("claim");
    let (subject, id) = (subject.try_into().map_err(bad)?, id.try_into().map_err(bad)?);
    Ok(ClaimRow { subject, id, kind, sealed, code, expires: Micros(expires) })
}

fn session((subject, id, hash, expires): SessionColumns) -> Result<SessionRow, StoreError> {
    let bad = || StoreError::Corrupt("session");
    Ok(SessionRow {
        subject: subject.try_into().map_err(|_| bad())?,
        id: id.try_into().map_err(|_| bad())?,
        refresh_hash: hash.try_into().map_err(|_| bad())?,
        expires: Micros(expires),
    })
}

impl Tx {
    /// Stores a proved identifier. Whoever had it before, under its index or under its earlier one, loses it: it changed hands.
    pub async fn insert_identifier(
        &mut self,
        subject: &Subject,
        row: &IdentifierRow,
        earlier: &[u8; 32],
    ) -> Result<(), StoreError> {
        on!(self, c => sqlx::query(DELETE_BLIND).bind(row.blind.as_slice()).bind(earlier.as_slice())
            .execute(c).await.map(drop))?;
        on!(self, c => sqlx::query(INSERT_IDENTIFIER).bind(subject.as_bytes().as_slice())
            .bind(row.id.as_bytes().as_slice()).bind(row.kind.as_str()).bind(row.blind.as_slice())
            .bind(row.sealed.as_slice()).bind(row.proof.as_str()).execute(c).await.map(drop))?;
        // A code that waits leads to its owner by the index.
        self.move_waiting(earlier, &row.blind).await
    }

    /// Who proved an identifier, by its index or its earlier one; nobody whose erasure has begun.
    pub async fn owner_of(&mut self, [blind, earlier]: &[[u8; 32]; 2]) -> Result<Option<Subject>, StoreError> {
        let row: Option<Vec<u8>> = on!(self, c => sqlx::query_scalar(OWNER_OF).bind(blind.as_slice())
            .bind(earlier.as_slice()).fetch_optional(c).await)?;
        row.map(Subject::try_from).transpose().map_err(|_| StoreError::Corrupt("identifier"))
    }

    /// Under which of two indexes an identifier is stored.
    pub async fn indexed_as(&mut self, [blind, earlier]: &[[u8; 32]; 2]) -> Result<Option<[u8; 32]>, StoreError> {
        let row: Option<Vec<u8>> = on!(self, c => sqlx::query_scalar(INDEXED_AS).bind(blind.as_slice())
            .bind(earlier.as_slice()).fetch_optional(c).await)?;
        row.map(<[u8; 32]>::try_from).transpose().map_err(|_| StoreError::Corrupt("identifier"))
    }

    /// A person's identifiers.
    pub async fn identifiers(&mut self, subject: &Subject) -> Result<Vec<IdentifierRow>, StoreError> {
        let rows: Vec<IdentifierColumns> = on!(self, c =>
            sqlx::query_as(READ_IDENTIFIERS).bind(subject.as_bytes().as_slice()).fetch_all(c).await)?;
        rows.into_iter().map(identifier).collect()
    }

    /// The same without those that are damaged, with the person's key, for whoever must do for the others what can be done.
    pub async fn key_and_identifiers(
        &mut self,
        subject: &Subject,
    ) -> Result<(Option<WrappedKey>, Vec<IdentifierRow>), StoreError> {
        let rows: Vec<KeyAndIdentifierColumns> = on!(self, c =>
            sqlx::query_as(KEY_AND_IDENTIFIERS).bind(subject.as_bytes().as_slice()).fetch_all(c).await)?;
        let key = rows.first().and_then(|row| Some(WrappedKey { epoch: row.5?, bytes: row.6.clone()? }));
        let row = |(id, kind, blind, sealed, proof, ..): KeyAndIdentifierColumns| {
            identifier((id, kind, blind, sealed, proof)).ok()
        };
        Ok((key, rows.into_iter().filter_map(row).collect()))
    }

    /// Stores a claim.
    pub async fn insert_claim(&mut self, row: &ClaimRow) -> Result<(), StoreError> {
        on!(self, c => sqlx::query(INSERT_CLAIM).bind(row.subject.as_bytes().as_slice())
            .bind(row.id.as_bytes().as_slice()).bind(row.kind.as_str()).bind(row.sealed.as_slice())
            .bind(row.code.as_slice()).bind(row.expires.0).execute(c).await.map(drop))?;
        Ok(())
    }

    /// A claim that still waits.
    pub async fn claim(&mut self, id: &IdentifierId, now: Micros) -> Result<Option<ClaimRow>, StoreError> {
        let row: Option<ClaimColumns> = on!(self, c => sqlx::query_as(READ_CLAIM).bind(id.as_bytes().as_slice())
            .bind(now.0).fetch_optional(c).await)?;
        row.map(claim).transpose()
    }

    /// How many claims a person has open.
    pub async fn count_claims(&mut self, subject: &Subject) -> Result<i64, StoreError> {
        Ok(on!(self, c => sqlx::query_scalar(COUNT_CLAIMS).bind(subject.as_bytes().as_slice()).fetch_one(c).await)?)
    }

    /// Removes a claim.
    pub async fn delete_claim(&mut self, subject: &Subject, id: &IdentifierId) -> Result<(), StoreError> {
        on!(self, c => sqlx::query(DELETE_CLAIM).bind(subject.as_bytes().as_slice()).bind(id.as_bytes().as_slice())
            .execute(c).await.map(drop))?;
        Ok(())
    }

    /// Stores a password's hash.
    pub async fn upsert_password(&mut self, subject: &Subject, hash: &str) -> Result<(), StoreError> {
        on!(self, c => sqlx::query(UPSERT_PASSWORD).bind(subject.as_bytes().as_slice()).bind(hash)
            .execute(c).await.map(drop))?;
        Ok(())
    }

    /// A password's hash.
    pub async fn password(&mut self, subject: &Subject) -> Result<Option<String>, StoreError> {
        Ok(on!(self, c => sqlx::query_scalar(READ_PASSWORD).bind(subject.as_bytes().as_slice())
            .fetch_optional(c).await)?)
    }

    /// Stores a log-in.
    pub async fn insert_session(&mut self, row: &SessionRow) -> Result<(), StoreError> {
        on!(self, c => sqlx::query(INSERT_SESSION).bind(row.subject.as_bytes().as_slice())
            .bind(row.id.as_bytes().as_slice()).bind(row.refresh_hash.as_slice()).bind(row.expires.0)
            .execute(c).await.map(drop))?;
        Ok(())
    }

    /// A log-in that still counts. None does of somebody whose erasure began, although its row is there until the job removes it.
    pub async fn session(&mut self, id: &Session, now: Micros) -> Result<Option<SessionRow>, StoreError> {
        let row: Option<SessionColumns> = on!(self, c => sqlx::query_as(READ_SESSION).bind(id.as_bytes().as_slice())
            .bind(now.0).fetch_optional(c).await)?;
        row.map(session).transpose()
    }

    /// Replaces the refresh token that counts; false when another one counted.
    pub async fn rotate_session(
        &mut self,
        id: &Session,
        (old, new): (&[u8; 32], &[u8; 32]),
        expires: Micros,
    ) -> Result<bool, StoreError> {
        let rows = on!(self, c => sqlx::query(ROTATE_SESSION).bind(id.as_bytes().as_slice()).bind(old.as_slice())
            .bind(new.as_slice()).bind(expires.0).execute(c).await.map(|done| done.rows_affected()))?;
        Ok(rows == 1)
    }

    /// Ends a log-in.
    pub async fn delete_session(&mut self, id: &Session) -> Result<(), StoreError> {
        on!(self, c => sqlx::query(DELETE_SESSION).bind(id.as_bytes().as_slice()).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Ends all log-ins of a person.
    pub async fn delete_sessions(&mut self, subject: &Subject) -> Result<(), StoreError> {
        on!(self, c => sqlx::query(DELETE_SESSIONS).bind(subject.as_bytes().as_slice()).execute(c).await.map(drop))?;
        Ok(())
    }
}
