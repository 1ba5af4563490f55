//! Live grants, the pairwise ids made with them, and topics that were decided.

use std::collections::BTreeMap;

use super::{StoreError, Tx, on, sql};
use crate::domain::{Ended, Grant, Micros, Purpose, Recipient, Seq, Topic, Triple};
use crate::ids::{Pairwise, Subject};

/// A grant whose time is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueGrant {
    /// Whose.
    pub subject: Subject,
    /// Which.
    pub ended: Ended,
}

sql! {
    UPSERT_GRANT(7) = "INSERT INTO live_grant (subject, purpose, source, recipient, lineage, notice_version, valid_until_us) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (subject, purpose, source, recipient) DO UPDATE SET notice_version = excluded.notice_version, valid_until_us = excluded.valid_until_us WHERE live_grant.lineage = excluded.lineage";
    DELETE_GRANT(4) = "DELETE FROM live_grant WHERE subject = $1 AND purpose = $2 AND source = $3 AND recipient = $4";
    READ_GRANTS(1) = "SELECT purpose, source, recipient, lineage, notice_version, valid_until_us FROM live_grant WHERE subject = $1";
    GRANTS_DUE(2) = "SELECT g.subject, g.purpose, g.source, g.recipient, g.lineage FROM live_grant g JOIN standing s ON s.subject = g.subject AND s.erased = 0 WHERE g.valid_until_us <= $1 ORDER BY g.valid_until_us LIMIT $2";
    GRANTS_TO_DISABLED(1) = "SELECT g.subject, g.purpose, g.source, g.recipient, g.lineage FROM live_grant g JOIN client c ON c.id = g.recipient AND c.disabled <> 0 JOIN standing s ON s.subject = g.subject AND s.erased = 0 ORDER BY g.subject LIMIT $1";
    COUNT_GRANTS(2) = "SELECT count(*) FROM live_grant g JOIN standing s ON s.subject = g.subject AND s.erased = 0 AND s.latched = 0 AND s.adult = 'yes' WHERE g.purpose = $1 AND g.valid_until_us > $2 AND g.notice_version >= (SELECT max(n.version) FROM notice n WHERE n.purpose = $1 AND n.material <> 0)";
    KEEP_PAIRWISE(3) = "INSERT INTO pairwise (subject, recipient, pairwise) VALUES ($1, $2, $3) ON CONFLICT (subject, recipient) DO UPDATE SET recipient = excluded.recipient RETURNING pairwise";
    UPSERT_TOPIC(3) = "INSERT INTO topic_choice (subject, topic, accepted) VALUES ($1, $2, $3) ON CONFLICT (subject, topic) DO UPDATE SET accepted = excluded.accepted";
    READ_TOPICS(1) = "SELECT topic, accepted FROM topic_choice WHERE subject = $1";
}

type GrantColumns = (String, String, String, i64, i64, i64);
type DueColumns = (Vec<u8>, String, String, String, i64);

pub(super) fn triple(purpose: String, source: String, recipient: String) -> Result<Triple, StoreError> {
    let bad = |_| StoreError::Corrupt("live_grant");
    Ok(Triple {
        purpose: purpose.try_into().map_err(bad)?,
        source: source.try_into().map_err(bad)?,
        recipient: recipient.try_into().map_err(bad)?,
    })
}

fn due((subject, purpose, source, recipient, lineage): DueColumns) -> Result<DueGrant, StoreError> {
    let subject = subject.try_into().map_err(|_| StoreError::Corrupt("live_grant"))?;
    let ended = Ended { triple: triple(purpose, source, recipient)?, lineage: Seq(lineage) };
    Ok(DueGrant { subject, ended })
}

impl Tx {
    /// How many grants for a purpose count, whoever gave them, or will again when their owner lifts a pause.
    pub async fn count_grants(&mut self, purpose: &Purpose, valid_after: Micros) -> Result<i64, StoreError> {
        Ok(on!(self, c =>
            sqlx::query_scalar(COUNT_GRANTS).bind(purpose.as_str()).bind(valid_after.0).fetch_one(c).await)?)
    }

    /// A person's live grants.
    pub async fn grants(&mut self, subject: &Subject) -> Result<BTreeMap<Triple, Grant>, StoreError> {
        let rows: Vec<GrantColumns> = on!(self, c =>
            sqlx::query_as(READ_GRANTS).bind(subject.as_bytes().as_slice()).fetch_all(c).await)?;
        let grant = |(purpose, source, recipient, lineage, notice_version, until): GrantColumns| {
            let grant = Grant { lineage: Seq(lineage), notice_version, valid_until: Micros(until) };
            Ok((triple(purpose, source, recipient)?, grant))
        };
        rows.into_iter().map(grant).collect()
    }

    /// Stores a grant or its renewal. A row of an earlier lineage must have been deleted before.
    pub async fn upsert_grant(&mut self, subject: &Subject, t: &Triple, grant: &Grant) -> Result<(), StoreError> {
        let stored = on!(self, c => sqlx::query(UPSERT_GRANT).bind(subject.as_bytes().as_slice())
            .bind(t.purpose.as_str()).bind(t.source.as_str()).bind(t.recipient.as_str()).bind(grant.lineage.0)
            .bind(grant.notice_version).bind(grant.valid_until.0).execute(c).await.map(|done| done.rows_affected()))?;
        if stored == 1 { Ok(()) } else { Err(StoreError::Corrupt("live_grant")) }
    }

    /// Ends a grant, and with it everything that was derived under its lineage.
    pub async fn delete_grant(&mut self, subject: &Subject, t: &Triple) -> Result<(), StoreError> {
        on!(self, c => sqlx::query(DELETE_GRANT).bind(subject.as_bytes().as_slice()).bind(t.purpose.as_str())
            .bind(t.source.as_str()).bind(t.recipient.as_str()).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Grants whose time is over.
    pub async fn grants_due(&mut self, now: Micros, limit: i64) -> Result<Vec<DueGrant>, StoreError> {
        let rows: Vec<DueColumns> = on!(self, c =>
            sqlx::query_as(GRANTS_DUE).bind(now.0).bind(limit).fetch_all(c).await)?;
        rows.into_iter().map(due).collect()
    }

    /// Grants to recipients that an operator switched off.
    pub async fn grants_to_disabled(&mut self, limit: i64) -> Result<Vec<DueGrant>, StoreError> {
        let rows: Vec<DueColumns> = on!(self, c =>
            sqlx::query_as(GRANTS_TO_DISABLED).bind(limit).fetch_all(c).await)?;
        rows.into_iter().map(due).collect()
    }

    /// What a recipient calls a person; made once.
    pub async fn pairwise(&mut self, subject: &Subject, r: &Recipient, new: &Pairwise) -> Result<Pairwise, StoreError> {
        let row: Vec<u8> = on!(self, c => sqlx::query_scalar(KEEP_PAIRWISE).bind(subject.as_bytes().as_slice())
            .bind(r.as_str()).bind(new.as_bytes().as_slice()).fetch_one(c).await)?;
        row.try_into().map_err(|_| StoreError::Corrupt("pairwise"))
    }

    /// Stores what the owner decided about a topic.
    pub async fn upsert_topic(&mut self, subject: &Subject, topic: &Topic, accepted: bool) -> Result<(), StoreError> {
        on!(self, c => sqlx::query(UPSERT_TOPIC).bind(subject.as_bytes().as_slice()).bind(topic.as_str())
            .bind(i64::from(accepted)).execute(c).await.map(drop))?;
        Ok(())
    }

    /// What the owner decided about topics.
    pub async fn topics(&mut self, subject: &Subject) -> Result<BTreeMap<Topic, bool>, StoreError> {
        let rows: Vec<(String, i64)> = on!(self, c =>
            sqlx::query_as(READ_TOPICS).bind(subject.as_bytes().as_slice()).fetch_all(c).await)?;
        let choice = |(topic, accepted): (String, i64)| {
            Ok((topic.try_into().map_err(|_| StoreError::Corrupt("topic_choice"))?, accepted != 0))
        };
        rows.into_iter().map(choice).collect()
    }
}
