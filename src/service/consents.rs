//! Consent: yes and no for one purpose, source and recipient; taking back; pausing everything.

use serde::{Deserialize, Serialize};

use super::act::Idempotency;
use super::record::Person;
use super::{App, Done, PersonCaller, Receipt, ServiceError};
use crate::crypto::Role;
use crate::domain::{
    Act, Adult, EVERYBODY, Ended, Micros, Purpose, SAYSO, Seq, Standing, Topic, Triple, for_everybody, prohibited,
};
use crate::gate::Denial;
use crate::ids::{Pairwise, Subject};
use crate::limits;
use crate::mutant;
use crate::store::{Offer, Tx};

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentDecision {
    /// Yes.
    Granted,
    /// No.
    Refused,
}

/// What somebody decided, about what, after reading which notice.
#[derive(Debug, Clone)]
pub struct ConsentRequest {
    /// About what.
    pub triple: Triple,
    /// The notice that was shown.
    pub notice_version: i64,
    /// The digest of its text, in the language that was shown.
    pub notice_sha256: String,
    /// The last event that the person had seen.
    pub known_seq: Seq,
    /// Until when; twelve months when nothing is said.
    pub until: Option<Micros>,
    /// Yes or no.
    pub decision: ConsentDecision,
}

/// The answer to a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentView {
    /// The grant, for taking it back; it stays the same when the grant is renewed. Of a refusal: its place in the log.
    pub consent_id: Seq,
    /// Place in the log.
    pub seq: Seq,
    /// What the recipient will call this person; of a public page its address. Nothing for the built-in score and for a refusal.
    pub pairwise: Option<Pairwise>,
    /// The receipt.
    pub receipt: Receipt,
}

/// Which grants to take back.
#[derive(Debug)]
enum Which<'a> {
    One(Seq),
    Purpose(&'a Purpose),
}

impl App {
    /// Records a yes or a no.
    ///
    /// # Errors
    /// [`ServiceError::StaleGrant`] when the triple was restricted since `known_seq`; [`ServiceError::NoticeChanged`] when
    /// the notice is not the newest; a field that is unknown or out of bounds; [`ServiceError::Denied`] for somebody who
    /// is not known to be an adult.
    pub async fn decide_consent(
        &self,
        caller: &PersonCaller,
        request: &ConsentRequest,
        idempotency: Option<&Idempotency>,
    ) -> Result<ConsentView, ServiceError> {
        self.check_names(&request.triple)?;
        self.act_of_person(&caller.subject, idempotency, &(self, request), |tx, (head, mut person), (app, request)| {
            Box::pin(async move {
                let act = app.consent_act(tx, &person, request, head.recorded).await?;
                let done = app.record(tx, head, &mut person, act).await?;
                let lineage = person.history.standing.grants.get(&request.triple).map(|grant| grant.lineage);
                let pairwise = match lineage {
                    Some(lineage) => app.name_for(tx, &person.subject, (&request.triple, lineage)).await?,
                    None => None,
                };
                let consent_id = lineage.unwrap_or(done.seq);
                Ok(ConsentView { consent_id, seq: done.seq, pairwise, receipt: done.receipt })
            })
        })
        .await
    }

    fn check_names(&self, triple: &Triple) -> Result<(), ServiceError> {
        if prohibited(&triple.purpose) {
            return Err(ServiceError::ProhibitedPurpose);
        }
        if !self.registry.purpose.iter().any(|entry| entry.name == triple.purpose) {
            return Err(ServiceError::invalid("purpose", "a purpose that `GET /v1/notices` lists"));
        }
        if !self.registry.source.iter().any(|entry| entry.name == triple.source) {
            return Err(ServiceError::invalid("source", "a registered source"));
        }
        Ok(())
    }

    async fn consent_act(
        &self,
        tx: &mut Tx,
        person: &Person,
        request: &ConsentRequest,
        now: Micros,
    ) -> Result<Act, ServiceError> {
        let triple = request.triple.clone();
        let offer = tx.offer(&triple.purpose, &triple.recipient).await?;
        let (notice_version, notice_sha256) = shown_notice(&offer, request)?;
        if request.decision == ConsentDecision::Refused {
            return Ok(Act::Refused { triple, notice_version, notice_sha256 });
        }
        check_recipient(&offer, &triple)?;
        let standing = &person.history.standing;
        if standing.erased || standing.latched || standing.adult != Adult::Yes {
            return Err(ServiceError::Denied(if standing.latched { Denial::Latched } else { Denial::NotAdult }));
        }
        if request.known_seq.0 < 0 || Some(request.known_seq) > person.history.seq {
            return Err(ServiceError::invalid("known_seq", "the `known_seq` of `GET /v1/me/consents`"));
        }
        if person.history.restricted_since(&triple, request.known_seq) && !mutant::on("stale_grants_count") {
            return Err(ServiceError::StaleGrant);
        }
        let valid_until = request.until.unwrap_or_else(|| now.plus_days(limits::GRANT_DAYS));
        if valid_until <= now || valid_until > now.plus_days(limits::GRANT_DAYS_MAX) {
            return Err(ServiceError::invalid("until_us", "a time in the future, at most 24 months ahead"));
        }
        let known_seq = request.known_seq;
        Ok(Act::Granted { triple, notice_version, notice_sha256, valid_from: now, valid_until, known_seq })
    }

    /// Takes one grant back. It counts nowhere any more when this returns.
    ///
    /// # Errors
    /// When the person has no such live grant.
    pub async fn withdraw(
        &self,
        caller: &PersonCaller,
        consent: Seq,
        idempotency: Option<&Idempotency>,
    ) -> Result<Done, ServiceError> {
        self.end_grants(caller, &Which::One(consent), idempotency).await
    }

    /// Takes back every grant for a purpose.
    ///
    /// # Errors
    /// For a purpose that does not exist.
    pub async fn withdraw_purpose(
        &self,
        caller: &PersonCaller,
        purpose: &Purpose,
        idempotency: Option<&Idempotency>,
    ) -> Result<Done, ServiceError> {
        if !self.registry.purpose.iter().any(|entry| entry.name == *purpose) {
            return Err(ServiceError::invalid("purpose", "a purpose that `GET /v1/notices` lists"));
        }
        self.end_grants(caller, &Which::Purpose(purpose), idempotency).await
    }

    async fn end_grants(
        &self,
        caller: &PersonCaller,
        which: &Which<'_>,
        idempotency: Option<&Idempotency>,
    ) -> Result<Done, ServiceError> {
        self.act_of_person(&caller.subject, idempotency, &(self, which), |tx, (head, mut person), (app, which)| {
            Box::pin(async move {
                let ended = chosen(&person.history.standing, which);
                if matches!(which, Which::One(_)) && ended.is_empty() {
                    return Err(ServiceError::NotFound("live grant of yours"));
                }
                app.record(tx, head, &mut person, Act::Withdrawn { ended }).await
            })
        })
        .await
    }

    /// Pauses everything, without ending anything.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn hold(&self, caller: &PersonCaller, idempotency: Option<&Idempotency>) -> Result<Done, ServiceError> {
        self.simple(caller.subject, Act::Held {}, idempotency).await
    }

    /// Lifts what paused the person, their own pause or an opt-out that anybody made. A latch stays.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn release(
        &self,
        caller: &PersonCaller,
        idempotency: Option<&Idempotency>,
    ) -> Result<Done, ServiceError> {
        let digests = self.digests_of(&caller.subject).await?;
        self.act_of_person(&caller.subject, idempotency, &(self, digests), |tx, (head, mut person), (app, digests)| {
            Box::pin(async move {
                for digest in digests {
                    if tx.suppression(digest).await? == Some(crate::domain::Whom::Oneself) {
                        tx.delete_suppression(digest).await?;
                    }
                }
                app.record(tx, head, &mut person, Act::Released {}).await
            })
        })
        .await
    }

    /// Accepts a topic, which may then leave the service, or rejects it for good.
    ///
    /// # Errors
    /// For a topic that was rejected before.
    pub async fn decide_topic(
        &self,
        caller: &PersonCaller,
        topic: &Topic,
        accepted: bool,
        idempotency: Option<&Idempotency>,
    ) -> Result<Done, ServiceError> {
        self.act_of_person(&caller.subject, idempotency, &(self, topic), |tx, (head, mut person), (app, topic)| {
            Box::pin(async move {
                if accepted && person.history.topics.get(*topic) == Some(&false) {
                    return Err(ServiceError::Conflict("topic was rejected for good and"));
                }
                tx.upsert_topic(&person.subject, topic, accepted).await?;
                let act = Act::TopicDecided { topic: (*topic).clone(), accepted };
                app.record(tx, head, &mut person, act).await
            })
        })
        .await
    }

    /// What a person decided about a topic.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn topic_choice(&self, caller: &PersonCaller, topic: &Topic) -> Result<Option<bool>, ServiceError> {
        let topics = self.store.read_one(&caller.subject, |tx, subject| Box::pin(tx.topics(subject))).await?;
        Ok(topics.get(topic).copied())
    }

    pub(super) async fn simple(
        &self,
        subject: Subject,
        act: Act,
        idempotency: Option<&Idempotency>,
    ) -> Result<Done, ServiceError> {
        self.act_of_person(&subject, idempotency, &(self, act), |tx, (head, mut person), (app, act)| {
            Box::pin(async move { app.record(tx, head, &mut person, act.clone()).await })
        })
        .await
    }
}

/// The version and the digest that a decision names: of the newest notice, in whichever of its languages.
fn shown_notice(offer: &Offer, request: &ConsentRequest) -> Result<(i64, String), ServiceError> {
    if offer.newest.is_empty() {
        return Err(ServiceError::invalid("purpose", "a purpose with a notice"));
    }
    let is_shown = |(version, sha256): &(i64, String)| {
        *version == request.notice_version && (*sha256 == request.notice_sha256 || mutant::on("any_text_counts"))
    };
    offer.newest.iter().find(|newest| is_shown(newest)).cloned().ok_or(ServiceError::NoticeChanged)
}

/// A recipient cannot be granted more than it registered for.
fn check_recipient(offer: &Offer, triple: &Triple) -> Result<(), ServiceError> {
    if triple.recipient.as_str() == SAYSO {
        return Ok(());
    }
    let to_everybody = triple.recipient.as_str() == EVERYBODY;
    if to_everybody != for_everybody(&triple.purpose) {
        let expected = "`everybody` for `public_page` and `public_name`, and for nothing else";
        return Err(ServiceError::invalid("recipient", expected));
    }
    if to_everybody {
        return Ok(());
    }
    let client = offer.recipient.as_ref().filter(|client| client.role == Role::Recipient.as_str() && !client.disabled);
    let client = client.ok_or_else(|| ServiceError::invalid("recipient", "`sayso` or a registered recipient"))?;
    let has = |list: &str, name: &str| list.split_whitespace().any(|one| one == name);
    if has(&client.purposes, triple.purpose.as_str()) && has(&client.sources, triple.source.as_str()) {
        Ok(())
    } else {
        Err(ServiceError::invalid("recipient", "a recipient registered for this purpose and source"))
    }
}

fn chosen(standing: &Standing, which: &Which<'_>) -> Vec<Ended> {
    let grants = standing.grants.iter().filter(|(triple, grant)| match which {
        Which::One(lineage) => grant.lineage == *lineage,
        Which::Purpose(purpose) => triple.purpose == **purpose,
    });
    grants.map(|(triple, grant)| Ended { triple: triple.clone(), lineage: grant.lineage }).collect()
}
