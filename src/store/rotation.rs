//! Wrapping keys anew, and indexing identifiers and posts anew, when an epoch of keys ends.

use super::people::subjects;
use super::{IdentifierRow, StoreError, Tx, on, sql};
use crate::domain::Micros;
use crate::ids::Subject;

/// A person's key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// The epoch whose key opens it.
    pub epoch: i64,
    /// The key, wrapped.
    pub bytes: Vec<u8>,
}

/// What holds a person's name, sealed, so that neither an erasure nor a webhook about one leads to them in an older copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameHolder {
    /// An erasure: of whom it is.
    Job,
    /// A score store in an erasure: what it calls them. The row is that of the erasure.
    ScoreStore,
    /// A webhook: what its recipient calls them.
    Delivery,
}

impl NameHolder {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Job, Self::ScoreStore, Self::Delivery];

    /// Its table.
    pub fn table(self) -> &'static str {
        match self {
            Self::Job => "erasure_job",
            Self::ScoreStore => "store_erasure",
            Self::Delivery => "delivery",
        }
    }

    /// The column of the name.
    pub fn column(self) -> &'static str {
        match self {
            Self::Job => "subject",
            Self::ScoreStore | Self::Delivery => "pairwise",
        }
    }
}

/// A sealed name as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedName {
    /// What holds it.
    pub holder: NameHolder,
    /// Of which row.
    pub row: Vec<u8>,
    /// The name.
    pub sealed: Vec<u8>,
}

impl SealedName {
    /// Whether it stands open, as names did before they were sealed: shorter than anything sealed can be.
    pub fn is_open(&self) -> bool {
        self.sealed.len() == size_of::<Subject>()
    }
}

/// A post that can be indexed anew: digest, source, id sealed.
pub type SealedObject = ([u8; 32], String, Vec<u8>);

sql! {
    INSERT_KEY(3) = "INSERT INTO subject_key (subject, ring_epoch, wrapped) VALUES ($1, $2, $3)";
    READ_KEY(1) = "SELECT ring_epoch, wrapped FROM subject_key WHERE subject = $1";
    UPDATE_KEY(3) = "UPDATE subject_key SET ring_epoch = $2, wrapped = $3 WHERE subject = $1";
    KEYS_BEFORE(3) = "SELECT subject FROM subject_key WHERE ring_epoch < $1 AND subject > $2 ORDER BY subject LIMIT $3";
    NEWEST_KEY_EPOCH(0) = "SELECT max(ring_epoch) FROM subject_key";
    MOVE_BLIND(3) = "UPDATE identifier SET blind = $3 WHERE subject = $1 AND id = $2 AND NOT EXISTS (SELECT 1 FROM identifier n WHERE n.blind = $3)";
    CODES_IN_THE_WAY(2) = "DELETE FROM code WHERE blind = $1 AND what IN (SELECT n.what FROM code n WHERE n.blind = $2)";
    MOVE_CODES(2) = "UPDATE code SET blind = $2 WHERE blind = $1";
    MOVE_MAILS(2) = "UPDATE mail SET blind = $2 WHERE blind = $1";
    SEALED_OBJECTS(1) = "SELECT digest, source, sealed FROM object WHERE owner = $1 AND sealed IS NOT NULL";
    SEALED_NAMES(1) = "SELECT 'erasure_job', reference, subject FROM erasure_job WHERE subject IS NOT NULL UNION ALL SELECT 'store_erasure', job, pairwise FROM store_erasure WHERE pairwise IS NOT NULL UNION ALL SELECT 'delivery', id, pairwise FROM delivery WHERE pairwise IS NOT NULL AND (job IS NULL OR (next_us IS NOT NULL AND made_us > $1))";
    SEAL_JOB_ANEW(3) = "UPDATE erasure_job SET subject = $3 WHERE reference = $1 AND subject = $2";
    SEAL_STORE_ANEW(3) = "UPDATE store_erasure SET pairwise = $3 WHERE job = $1 AND pairwise = $2";
    SEAL_DELIVERY_ANEW(3) = "UPDATE delivery SET pairwise = $3 WHERE id = $1 AND pairwise = $2";
    MOVE_OBJECT(3) = "UPDATE object SET digest = $3 WHERE owner = $1 AND digest = $2 AND NOT EXISTS (SELECT 1 FROM object n WHERE n.digest = $3)";
}

impl Tx {
    /// Stores a person's key.
    pub async fn insert_key(&mut self, subject: &Subject, key: &WrappedKey) -> Result<(), StoreError> {
        on!(self, c => sqlx::query(INSERT_KEY).bind(subject.as_bytes().as_slice()).bind(key.epoch)
            .bind(key.bytes.as_slice()).execute(c).await.map(drop))?;
        Ok(())
    }

    /// A person's key; nothing for an unknown person.
    pub async fn key(&mut self, subject: &Subject) -> Result<Option<WrappedKey>, StoreError> {
        let row: Option<(i64, Vec<u8>)> = on!(self, c =>
            sqlx::query_as(READ_KEY).bind(subject.as_bytes().as_slice()).fetch_optional(c).await)?;
        Ok(row.map(|(epoch, bytes)| WrappedKey { epoch, bytes }))
    }

    /// Stores a person's key as it is wrapped now.
    pub async fn update_key(&mut self, subject: &Subject, key: &WrappedKey) -> Result<(), StoreError> {
        on!(self, c => sqlx::query(UPDATE_KEY).bind(subject.as_bytes().as_slice()).bind(key.epoch)
            .bind(key.bytes.as_slice()).execute(c).await.map(drop))?;
        Ok(())
    }

    /// The newest epoch that anybody's key is of.
    pub async fn newest_key_epoch(&mut self) -> Result<Option<i64>, StoreError> {
        Ok(on!(self, c => sqlx::query_scalar(NEWEST_KEY_EPOCH).fetch_one(c).await)?)
    }

    /// People after one whose keys are of an earlier epoch, in the order of the rows.
    pub async fn keys_before(
        &mut self,
        epoch: i64,
        after: Option<&Subject>,
        limit: i64,
    ) -> Result<Vec<Subject>, StoreError> {
        let after = after.map_or(&[][..], |subject| subject.as_bytes().as_slice());
        let rows: Vec<Vec<u8>> = on!(self, c =>
            sqlx::query_scalar(KEYS_BEFORE).bind(epoch).bind(after).bind(limit).fetch_all(c).await)?;
        subjects(rows)
    }

    /// Moves an identifier to another blind index, unless somebody proved it since under that one, and the codes and mails that wait
    /// under it.
    pub async fn move_blind(
        &mut self,
        subject: &Subject,
        row: &IdentifierRow,
        to: &[u8; 32],
    ) -> Result<(), StoreError> {
        if row.blind == *to {
            return Ok(());
        }
        on!(self, c => sqlx::query(MOVE_BLIND).bind(subject.as_bytes().as_slice()).bind(row.id.as_bytes().as_slice())
            .bind(to.as_slice()).execute(c).await.map(drop))?;
        self.move_waiting(&row.blind, to).await
    }

    /// Moves codes and mails that wait under one index to another.
    pub(super) async fn move_waiting(&mut self, from: &[u8; 32], to: &[u8; 32]) -> Result<(), StoreError> {
        if from == to {
            return Ok(());
        }
        for statement in [CODES_IN_THE_WAY, MOVE_CODES, MOVE_MAILS] {
            on!(self, c => sqlx::query(statement).bind(from.as_slice()).bind(to.as_slice())
                .execute(c).await.map(drop))?;
        }
        Ok(())
    }

    /// Every sealed name that is still needed: of whom an erasure is, what a score store or a recipient calls them. A webhook about an
    /// erasure needs it while it waits, if it was made after this moment.
    pub async fn sealed_names(&mut self, made_after: Micros) -> Result<Vec<SealedName>, StoreError> {
        let rows: Vec<(String, Vec<u8>, Vec<u8>)> = on!(self, c =>
            sqlx::query_as(SEALED_NAMES).bind(made_after.0).fetch_all(c).await)?;
        let name = |(table, row, sealed): (String, Vec<u8>, Vec<u8>)| {
            let holder = NameHolder::ALL.into_iter().find(|one| one.table() == table);
            Ok(SealedName { holder: holder.ok_or(StoreError::Corrupt("sealed_names"))?, row, sealed })
        };
        rows.into_iter().map(name).collect()
    }

    /// Puts a name that was sealed anew in the place of the old one, if that is still there.
    pub async fn seal_name_anew(&mut self, name: &SealedName, anew: &[u8]) -> Result<(), StoreError> {
        let statement = match name.holder {
            NameHolder::Job => SEAL_JOB_ANEW,
            NameHolder::ScoreStore => SEAL_STORE_ANEW,
            NameHolder::Delivery => SEAL_DELIVERY_ANEW,
        };
        on!(self, c => sqlx::query(statement).bind(name.row.as_slice()).bind(name.sealed.as_slice()).bind(anew)
            .execute(c).await.map(drop))?;
        Ok(())
    }

    /// A person's posts that can be indexed anew, without those whose digest is none.
    pub async fn sealed_objects(&mut self, owner: &Subject) -> Result<Vec<SealedObject>, StoreError> {
        let rows: Vec<(Vec<u8>, String, Vec<u8>)> = on!(self, c =>
            sqlx::query_as(SEALED_OBJECTS).bind(owner.as_bytes().as_slice()).fetch_all(c).await)?;
        let object =
            |(digest, source, sealed): (Vec<u8>, String, Vec<u8>)| Some((digest.try_into().ok()?, source, sealed));
        Ok(rows.into_iter().filter_map(object).collect())
    }

    /// Moves a post to another digest.
    pub async fn move_object(&mut self, owner: &Subject, from: &[u8; 32], to: &[u8; 32]) -> Result<(), StoreError> {
        if from == to {
            return Ok(());
        }
        on!(self, c => sqlx::query(MOVE_OBJECT).bind(owner.as_bytes().as_slice()).bind(from.as_slice())
            .bind(to.as_slice()).execute(c).await.map(drop))?;
        Ok(())
    }
}
