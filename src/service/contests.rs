//! Contesting a score, a topic, a part, or what an engine computed: marked at once for everyone who gets it, answered by a human with a
//! reason (GDPR articles 16, 21 and 22), and everyone who was told is told again.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde::Serialize;

use super::act::Idempotency;
use super::record::Person;
use super::{App, Done, PersonCaller, ServiceError};
use crate::domain::{About, Act, Event, History, Micros, Seq, Stretch};
use crate::ids::Subject;
use crate::limits;
use crate::store::{DeliveryKind, Tx};
use crate::words::is_hidden;

/// Longest words of a person, and of an answer, in characters.
const WORDS_CHARS_MAX: usize = 2_000;
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

/// What of one person's waits for an answer, by its place.
type Contests = BTreeMap<Seq, OpenContest>;

impl App {
    /// Contests something.
    ///
    /// # Errors
    /// For words that are empty or too long, an unknown topic, a score that no engine computed, and more than twenty that nobody has
    /// answered.
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
        let input = (self, about, act);
        self.act_of_person(&caller.subject, idempotency, &input, |tx, (head, mut person), (app, about, act)| {
            Box::pin(async move {
                app.may_contest(tx, &person, about).await?;
                let done = app.record(tx, head, &mut person, act.clone()).await?;
                app.announce_contest(tx, &person.subject, about).await?;
                Ok(done)
            })
        })
        .await
    }

    /// Of what an engine computed one contest waits, so that there is room for others.
    async fn may_contest(&self, tx: &mut Tx, person: &Person, about: &About) -> Result<(), ServiceError> {
        let open = &person.history.contests;
        if open.len() >= OPEN_MAX {
            return Err(ServiceError::invalid("about", "at most 20 that wait for an answer"));
        }
        let About::EngineScore { triple } = about else { return Ok(()) };
        if open.values().any(|one| one == about) {
            return Err(ServiceError::Conflict("contest of this score"));
        }
        if self.has_engine_score(tx, &person.subject, triple).await? {
            Ok(())
        } else {
            Err(ServiceError::invalid("about", "a score that an engine computed about you"))
        }
    }

    /// Tells those who were given what is contested, or was: of a score that an engine computed that engine, of all else everybody.
    async fn announce_contest(&self, tx: &mut Tx, subject: &Subject, about: &About) -> Result<(), ServiceError> {
        match about {
            About::EngineScore { triple } => {
                self.announce_to(tx, subject, (&triple.recipient, DeliveryKind::ScoreContested)).await
            }
            About::Score {} | About::Topic { .. } | About::Part { .. } => {
                self.announce_to_all(tx, (subject, None), DeliveryKind::ScoreContested).await
            }
        }
    }

    /// Whether something that was contested still waits for its answer.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn waits_for_an_answer(&self, caller: &PersonCaller, contest: Seq) -> Result<bool, ServiceError> {
        let input = (self, caller.subject);
        let person = self.store.read_tx(&input, |tx, (app, subject)| Box::pin(app.person(tx, subject))).await?;
        Ok(person.history.contests.contains_key(&contest))
    }

    /// What waits for an answer, the oldest first.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn open_contests(&self) -> Result<Vec<OpenContest>, ServiceError> {
        let (mut open, mut stretch) = (Vec::new(), Stretch::First);
        loop {
            let some = self.open_contests_in(stretch, limits::AUDIT_ROWS_MAX).await?;
            let Some(last) = some.last() else { return Ok(open) };
            stretch = Stretch::After(last.contest);
            open.extend(some);
        }
    }

    /// Some of it. Only people with something open are looked at.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn open_contests_in(&self, stretch: Stretch<Seq>, limit: i64) -> Result<Vec<OpenContest>, ServiceError> {
        let input = (self, stretch, limit);
        self.store.read_tx(&input, |tx, (app, stretch, limit)| Box::pin(app.contests_in(tx, *stretch, *limit))).await
    }

    async fn contests_in(
        &self,
        tx: &mut Tx,
        mut stretch: Stretch<Seq>,
        limit: i64,
    ) -> Result<Vec<OpenContest>, ServiceError> {
        let wanted = usize::try_from(limit).unwrap_or_default();
        let (mut open, mut people): (Vec<OpenContest>, BTreeMap<Subject, Contests>) = (Vec::new(), BTreeMap::new());
        while open.len() < wanted {
            let rows = tx.contested_in(stretch, limit).await?;
            let Some((last, _)) = rows.last() else { break };
            stretch = if stretch.is_backwards() { Stretch::Before(*last) } else { Stretch::After(*last) };
            for (seq, subject) in rows {
                let theirs = match people.entry(subject) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(unknown) => unknown.insert(self.contests_of(tx, &subject).await?),
                };
                open.extend(theirs.get(&seq).cloned());
            }
        }
        open.truncate(wanted);
        Ok(open)
    }

    /// What of a person's waits for an answer.
    async fn contests_of(&self, tx: &mut Tx, subject: &Subject) -> Result<Contests, ServiceError> {
        let (_, events) = self.events_of(tx, subject).await?;
        let open = History::fold(events.iter().map(|(seq, event)| (*seq, event))).contests;
        let contest = |(seq, event): (Seq, Event)| match event.act {
            Act::Contested { about, words } => Some((seq, OpenContest { contest: seq, at_us: event.at, about, words })),
            _ => None,
        };
        Ok(events.into_iter().filter(|(seq, _)| open.contains_key(seq)).filter_map(contest).collect())
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
                let about = person.history.contests.get(contest).cloned().ok_or_else(unknown)?;
                let done = app.record(tx, head, &mut person, act.clone()).await?;
                app.announce_contest(tx, &subject, &about).await?;
                Ok((done, None))
            })
        })
        .await
    }
}

fn checked(field: &str, words: &str) -> Result<String, ServiceError> {
    // A form sends every end of line as two characters.
    let words = words.trim().replace("\r\n", "\n");
    let strange = |c: char| is_hidden(c) && c != '\n';
    if words.is_empty() || words.chars().count() > WORDS_CHARS_MAX || words.contains(strange) {
        return Err(ServiceError::invalid(field, "1 to 2,000 characters of text"));
    }
    Ok(words)
}
