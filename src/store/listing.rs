//! Long lists, a stretch at a time. Each is read from a place on, in either direction, along an index of its own.

use super::deliveries::{Columns as DeliveryColumns, all};
use super::identity::{ClaimColumns, IdentifierColumns, claim, identifier};
use super::{ClaimRow, Counted, DecisionTally, DeliveryRow, IdentifierRow, StoreError, Tx, on, sql};
use crate::domain::{Day, Micros, Seq, Stretch};
use crate::ids::{DeliveryId, IdentifierId, Reference, Subject};

/// Where one thing that a recipient is told stands among others.
pub type DeliveryPlace = (Micros, DeliveryId);
/// Where a count of decisions stands: its day, and its place in it, from 1.
pub type DecisionPlace = (Day, i64);
/// Where an identifier stands among those of its owner.
pub type IdentifierPlace = (String, IdentifierId);

/// Stands after every id of 16 bytes.
const AFTER_ALL: [u8; 17] = [u8::MAX; 17];

sql! {
    OLDER_EVENTS(4) = "SELECT seq, body FROM event WHERE subject = $1 AND (CAST($2 AS TEXT) IS NULL OR kind = $2) AND seq < $3 ORDER BY seq DESC LIMIT $4";
    NEWER_EVENTS(4) = "SELECT seq, body FROM event WHERE subject = $1 AND (CAST($2 AS TEXT) IS NULL OR kind = $2) AND seq > $3 ORDER BY seq LIMIT $4";
    NEXT_CONTESTED(2) = "SELECT e.seq, e.subject FROM event e WHERE e.kind = 'contested' AND e.subject IS NOT NULL AND e.seq > $1 AND (SELECT sum(CASE WHEN o.kind = 'contested' THEN 1 ELSE -1 END) FROM event o WHERE o.subject = e.subject AND o.kind IN ('contested', 'contest_answered')) > 0 ORDER BY e.seq LIMIT $2";
    EARLIER_CONTESTED(2) = "SELECT e.seq, e.subject FROM event e WHERE e.kind = 'contested' AND e.subject IS NOT NULL AND e.seq < $1 AND (SELECT sum(CASE WHEN o.kind = 'contested' THEN 1 ELSE -1 END) FROM event o WHERE o.subject = e.subject AND o.kind IN ('contested', 'contest_answered')) > 0 ORDER BY e.seq DESC LIMIT $2";
    COUNT_OPEN_CONTESTS(0) = "SELECT CAST(COALESCE(sum(CASE WHEN kind = 'contested' THEN 1 ELSE -1 END), 0) AS BIGINT) FROM event WHERE kind IN ('contested', 'contest_answered') AND subject IS NOT NULL";
    OLDER_DELIVERIES(4) = "SELECT id, recipient, pairwise, subject, job, kind, state, made_us, next_us, tries, status FROM delivery WHERE subject = $1 AND (made_us, id) < ($2, $3) ORDER BY made_us DESC, id DESC LIMIT $4";
    NEWER_DELIVERIES(4) = "SELECT id, recipient, pairwise, subject, job, kind, state, made_us, next_us, tries, status FROM delivery WHERE subject = $1 AND (made_us, id) > ($2, $3) ORDER BY made_us, id LIMIT $4";
    NEXT_OF_JOB(3) = "SELECT id, recipient, pairwise, subject, job, kind, state, made_us, next_us, tries, status FROM delivery WHERE job = $1 AND recipient > $2 ORDER BY recipient LIMIT $3";
    EARLIER_OF_JOB(3) = "SELECT id, recipient, pairwise, subject, job, kind, state, made_us, next_us, tries, status FROM delivery WHERE job = $1 AND recipient < $2 ORDER BY recipient DESC LIMIT $3";
    NEXT_OPEN(3) = "SELECT id, recipient, pairwise, subject, job, kind, state, made_us, next_us, tries, status FROM delivery WHERE state IN ('waiting', 'failed') AND tries > 0 AND (made_us, id) > ($1, $2) ORDER BY made_us, id LIMIT $3";
    EARLIER_OPEN(3) = "SELECT id, recipient, pairwise, subject, job, kind, state, made_us, next_us, tries, status FROM delivery WHERE state IN ('waiting', 'failed') AND tries > 0 AND (made_us, id) < ($1, $2) ORDER BY made_us DESC, id DESC LIMIT $3";
    FAILING_DELIVERIES(0) = "SELECT state, count(*), min(made_us) FROM delivery WHERE state IN ('waiting', 'failed') AND tries > 0 GROUP BY state ORDER BY state";
    COUNT_OPEN_DELIVERIES(0) = "SELECT count(*) FROM delivery WHERE state IN ('waiting', 'failed') AND tries > 0";
    OLDER_DECISIONS(4) = "SELECT d.day, d.caller, d.purpose, d.source, d.action, d.policy_sha256, d.allowed, d.times, d.place FROM (SELECT day, caller, purpose, source, action, policy_sha256, allowed, times, row_number() OVER (PARTITION BY day ORDER BY caller, purpose, source, action, policy_sha256, allowed) AS place FROM decision_count WHERE subject = $1 AND day <= $2 AND day >= (SELECT min(n.day) FROM (SELECT DISTINCT day FROM decision_count WHERE subject = $1 AND day <= $2 ORDER BY day DESC LIMIT CAST($4 AS BIGINT) + 1) n)) d WHERE d.day < $2 OR d.place > $3 ORDER BY d.day DESC, d.place LIMIT $4";
    NEWER_DECISIONS(4) = "SELECT d.day, d.caller, d.purpose, d.source, d.action, d.policy_sha256, d.allowed, d.times, d.place FROM (SELECT day, caller, purpose, source, action, policy_sha256, allowed, times, row_number() OVER (PARTITION BY day ORDER BY caller, purpose, source, action, policy_sha256, allowed) AS place FROM decision_count WHERE subject = $1 AND day >= $2 AND day <= (SELECT max(n.day) FROM (SELECT DISTINCT day FROM decision_count WHERE subject = $1 AND day >= $2 ORDER BY day LIMIT CAST($4 AS BIGINT) + 1) n)) d WHERE d.day > $2 OR d.place < $3 ORDER BY d.day, d.place DESC LIMIT $4";
    NEXT_IDENTIFIERS(4) = "SELECT id, kind, blind, sealed, proof FROM identifier WHERE subject = $1 AND (kind, id) > ($2, $3) ORDER BY kind, id LIMIT $4";
    EARLIER_IDENTIFIERS(4) = "SELECT id, kind, blind, sealed, proof FROM identifier WHERE subject = $1 AND (kind, id) < ($2, $3) ORDER BY kind DESC, id DESC LIMIT $4";
    OPEN_CLAIMS(3) = "SELECT subject, id, kind, sealed, code, expires_us FROM claim WHERE subject = $1 AND expires_us > $2 ORDER BY expires_us, id LIMIT $3";
}

type SealedEvent = (i64, Option<Vec<u8>>);
type PlacedTallyColumns = (i64, String, String, String, String, String, i64, i64, i64);

impl Tx {
    /// A person's events, of one kind or all, sealed, the newest first.
    pub async fn events_in(
        &mut self,
        subject: &Subject,
        kind: Option<&str>,
        stretch: Stretch<Seq>,
        limit: i64,
    ) -> Result<Vec<(Seq, Vec<u8>)>, StoreError> {
        let (place, newer) = stretch.from(Seq(i64::MAX));
        let statement = if newer { NEWER_EVENTS } else { OLDER_EVENTS };
        let rows: Vec<SealedEvent> = on!(self, c => sqlx::query_as(statement).bind(subject.as_bytes().as_slice())
            .bind(kind).bind(place.0).bind(limit).fetch_all(c).await)?;
        let event = |(seq, body): SealedEvent| Ok((Seq(seq), body.ok_or(StoreError::Corrupt("event"))?));
        rows.into_iter().map(event).collect()
    }

    /// What people contested who have something that no human answered yet, the oldest first. Which of theirs it is their own events say.
    pub async fn contested_in(&mut self, stretch: Stretch<Seq>, limit: i64) -> Result<Vec<(Seq, Subject)>, StoreError> {
        let (place, earlier) = stretch.from(Seq(0));
        let statement = if earlier { EARLIER_CONTESTED } else { NEXT_CONTESTED };
        let rows: Vec<(i64, Vec<u8>)> =
            on!(self, c => sqlx::query_as(statement).bind(place.0).bind(limit).fetch_all(c).await)?;
        let contested = |(seq, subject): (i64, Vec<u8>)| {
            Ok((Seq(seq), subject.try_into().map_err(|_| StoreError::Corrupt("event"))?))
        };
        rows.into_iter().map(contested).collect()
    }

    /// How much waits for the answer of a human.
    pub async fn count_open_contests(&mut self) -> Result<i64, StoreError> {
        Ok(on!(self, c => sqlx::query_scalar(COUNT_OPEN_CONTESTS).fetch_one(c).await)?)
    }

    /// What recipients are told about a person, the newest first.
    pub async fn deliveries_in(
        &mut self,
        subject: &Subject,
        stretch: Stretch<DeliveryPlace>,
        limit: i64,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        let ((made, id), newer) = place_of(stretch, (i64::MAX, &AFTER_ALL));
        let statement = if newer { NEWER_DELIVERIES } else { OLDER_DELIVERIES };
        let rows: Vec<DeliveryColumns> = on!(self, c => sqlx::query_as(statement).bind(subject.as_bytes().as_slice())
            .bind(made).bind(id).bind(limit).fetch_all(c).await)?;
        all(rows)
    }

    /// Who is told of an erasure, in the order of their names.
    pub async fn deliveries_of_job_in(
        &mut self,
        job: &Reference,
        stretch: Stretch<String>,
        limit: i64,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        let (recipient, earlier) = stretch.from(String::new());
        let statement = if earlier { EARLIER_OF_JOB } else { NEXT_OF_JOB };
        let rows: Vec<DeliveryColumns> = on!(self, c => sqlx::query_as(statement).bind(job.as_bytes().as_slice())
            .bind(recipient).bind(limit).fetch_all(c).await)?;
        all(rows)
    }

    /// What could not be told so far, the oldest first.
    pub async fn open_deliveries(
        &mut self,
        stretch: Stretch<DeliveryPlace>,
        limit: i64,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        let ((made, id), earlier) = place_of(stretch, (i64::MIN, &[]));
        let statement = if earlier { EARLIER_OPEN } else { NEXT_OPEN };
        let rows: Vec<DeliveryColumns> =
            on!(self, c => sqlx::query_as(statement).bind(made).bind(id).bind(limit).fetch_all(c).await)?;
        all(rows)
    }

    /// What could not be told so far, by state: how much, and since when the oldest.
    pub async fn failing_deliveries(&mut self) -> Result<Vec<(String, i64, Micros)>, StoreError> {
        let rows: Vec<(String, i64, i64)> = on!(self, c => sqlx::query_as(FAILING_DELIVERIES).fetch_all(c).await)?;
        Ok(rows.into_iter().map(|(state, count, since)| (state, count, Micros(since))).collect())
    }

    /// How much could not be told so far.
    pub async fn count_open_deliveries(&mut self) -> Result<i64, StoreError> {
        Ok(on!(self, c => sqlx::query_scalar(COUNT_OPEN_DELIVERIES).fetch_one(c).await)?)
    }

    /// Who asked about a person and was answered how, the newest day first, each with its place. Only days that can be shown are looked at, and the one
    /// that the place is in, which may have nothing more.
    pub async fn decisions_in(
        &mut self,
        subject: &Subject,
        stretch: Stretch<DecisionPlace>,
        limit: i64,
    ) -> Result<Vec<(DecisionPlace, DecisionTally)>, StoreError> {
        let ((day, place), newer) = stretch.from((Day(i64::MAX), 0));
        let statement = if newer { NEWER_DECISIONS } else { OLDER_DECISIONS };
        let rows: Vec<PlacedTallyColumns> = on!(self, c => sqlx::query_as(statement)
            .bind(subject.as_bytes().as_slice()).bind(day.0).bind(place).bind(limit).fetch_all(c).await)?;
        let tally =
            |(day, caller, purpose, source, action, policy_sha256, allowed, times, place): PlacedTallyColumns| {
                let (day, allowed) = (Day(day), allowed != 0);
                let counted = Counted { day, caller, purpose, source, action, policy_sha256, allowed };
                ((day, place), DecisionTally { counted, times })
            };
        Ok(rows.into_iter().map(tally).collect())
    }

    /// A person's identifiers, addresses before handles.
    pub async fn identifiers_in(
        &mut self,
        subject: &Subject,
        stretch: Stretch<IdentifierPlace>,
        limit: i64,
    ) -> Result<Vec<IdentifierRow>, StoreError> {
        let start = (String::new(), IdentifierId::new([0; 16]));
        let ((kind, id), earlier) = stretch.from(start);
        let statement = if earlier { EARLIER_IDENTIFIERS } else { NEXT_IDENTIFIERS };
        let rows: Vec<IdentifierColumns> = on!(self, c => sqlx::query_as(statement)
            .bind(subject.as_bytes().as_slice()).bind(kind).bind(id.as_bytes().as_slice()).bind(limit)
            .fetch_all(c).await)?;
        rows.into_iter().map(identifier).collect()
    }

    /// A person's claims that still wait, the first to end first.
    pub async fn open_claims(
        &mut self,
        subject: &Subject,
        now: Micros,
        limit: i64,
    ) -> Result<Vec<ClaimRow>, StoreError> {
        let rows: Vec<ClaimColumns> = on!(self, c => sqlx::query_as(OPEN_CLAIMS).bind(subject.as_bytes().as_slice())
            .bind(now.0).bind(limit).fetch_all(c).await)?;
        rows.into_iter().map(claim).collect()
    }
}

/// The time and the bytes of the id to read from.
fn place_of(stretch: Stretch<DeliveryPlace>, (made, id): (i64, &[u8])) -> ((i64, Vec<u8>), bool) {
    match stretch {
        Stretch::First => ((made, id.to_vec()), false),
        Stretch::After((made, id)) => ((made.0, id.as_bytes().to_vec()), false),
        Stretch::Before((made, id)) => ((made.0, id.as_bytes().to_vec()), true),
    }
}
