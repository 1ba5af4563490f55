//! Contesting a score, a topic or a part: marked at once for everyone who gets it, answered by a human with a reason (GDPR articles 16,
//! 21 and 22), and everyone who was told is told again.

use serde::Serialize;

use super::act::Idempotency;
use super::record::open_event;
use super::{App, Done, PersonCaller, ServiceError};
use crate::domain::{About, Act, Day, Event, Micros, Seq};
use crate::limits;
use crate::store::{DeliveryKind, LeafRow, StoreError, Tx};

/// Longest words of a person, and of an answer, in bytes.
const WORDS_BYTES_MAX: usize = 2_000;
/// What one person may have open at once.
const OPEN_MAX: usize = 20;

/// What somebody contests, to the operator who answers it. Who it is, it does not say.
#[derive(Debug, Clone, Serialize)]
pub struct OpenContest {
    /// To answer it by.
    pub contest: Seq,
    /// Since when.
    pub at_us: Micros,
    /// What.
    pub about: About,
    /// In the person's own words.
    pub words: String,
}

impl App {
    /// Contests something.
    ///
    /// # Errors
    /// For words that are empty or too long, an unknown topic, and more than twenty that nobody has answered.
    pub async fn contest(
        &self,
        caller: &PersonCaller,
        about: &About,
        words: &str,
        idempotency: Option<&Idempotency>,
    ) -> Result<Done, ServiceError> {
        let words = checked("words", words)?;
        if let About::Topic { topic } | About::Part { topic, .. } = about
            && !self.topics.is_known(topic)
        {
            return Err(ServiceError::invalid("topic", "a topic that your score or its explanation shows"));
        }
        let act = Act::Contested { about: about.clone(), words };
        self.act(idempotency, &(self, caller.subject, act), |tx, (app, subject, act)| {
            Box::pin(async move {
                let head = app.head(tx).await?;
                let mut person = app.person(tx, subject).await?;
                if person.history.contests.len() >= OPEN_MAX {
                    return Err(ServiceError::invalid("about", "at most 20 that wait for an answer"));
                }
                let done = app.record(tx, head, &mut person, act.clone()).await?;
                app.announce_to_all(tx, (subject, None), DeliveryKind::ScoreContested).await?;
                Ok((done, Some(*subject)))
            })
        })
        .await
    }

    /// What waits for an answer, the oldest first.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn open_contests(&self) -> Result<Vec<OpenContest>, ServiceError> {
        self.store.read_tx(self, |tx, app| Box::pin(app.contests_in(tx))).await
    }

    async fn contests_in(&self, tx: &mut Tx) -> Result<Vec<OpenContest>, ServiceError> {
        let (mut open, mut after) = (Vec::new(), Seq(0));
        loop {
            let days = (Day(i64::MIN), Day(i64::MAX));
            let rows = tx.audit_events(after, Some("contested"), days, limits::AUDIT_ROWS_MAX).await?;
            let Some(last) = rows.last() else { return Ok(open) };
            after = last.seq;
            for row in rows {
                open.extend(self.open_contest(tx, &row).await?);
            }
        }
    }

    /// Nothing for one that was answered, or whose person was erased.
    async fn open_contest(&self, tx: &mut Tx, row: &LeafRow) -> Result<Option<OpenContest>, ServiceError> {
        let (Some(subject), Some(sealed)) = (row.subject, &row.body) else { return Ok(None) };
        let person = self.person(tx, &subject).await?;
        if !person.history.contests.contains(&row.seq) {
            return Ok(None);
        }
        let (_, body) = open_event(row.seq, sealed, &person.key.sealing)?;
        let event: Event = serde_json::from_str(&body).map_err(|_| StoreError::Corrupt("event"))?;
        let Act::Contested { about, words } = event.act else { return Err(StoreError::Corrupt("event").into()) };
        Ok(Some(OpenContest { contest: row.seq, at_us: event.at, about, words }))
    }

    /// A human answers. The mark goes, and everyone who was told is told again.
    ///
    /// # Errors
    /// When nothing by that name waits for an answer.
    pub async fn answer_contest(
        &self,
        contest: Seq,
        upheld: bool,
        reason: &str,
        idempotency: Option<&Idempotency>,
    ) -> Result<Done, ServiceError> {
        let act = Act::ContestAnswered { contest, upheld, reason: checked("reason", reason)? };
        self.act(idempotency, &(self, contest, act), |tx, (app, contest, act)| {
            Box::pin(async move {
                let unknown = || ServiceError::NotFound("contest that waits for an answer");
                let head = app.head(tx).await?;
                let subject = tx.event(*contest).await?.and_then(|row| row.subject).ok_or_else(unknown)?;
                let mut person = app.person(tx, &subject).await?;
                if !person.history.contests.contains(contest) {
                    return Err(unknown());
                }
                let done = app.record(tx, head, &mut person, act.clone()).await?;
                app.announce_to_all(tx, (&subject, None), DeliveryKind::ScoreContested).await?;
                Ok((done, None))
            })
        })
        .await
    }
}

fn checked(field: &str, words: &str) -> Result<String, ServiceError> {
    let words = words.trim();
    let strange = |c: char| c.is_control() && c != '\n';
    if words.is_empty() || words.len() > WORDS_BYTES_MAX || words.contains(strange) {
        return Err(ServiceError::invalid(field, "1 to 2,000 bytes of text"));
    }
    Ok(words.to_owned())
}
