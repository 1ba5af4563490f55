//! What a person said yes to, whether it counts now, and everything that they decided. Whether a yes counts is what the gate answers, asked
//! here once for whoever says it further: nothing that is shown to a person can differ from what a recipient is answered.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{App, PersonCaller, ServiceError};
use crate::domain::{
    ATTENTION_SCORE, Act, EVERYBODY, Event, Micros, Recipient, RecipientClass, SAYSO, Seq, Standing, Triple,
};
use crate::gate::{Action, Asker, Denial, Question, Rules, decide};
use crate::mutant;
use crate::store::{StoreError, Tx};

/// A live grant, to its owner.
#[derive(Debug, Clone, Serialize)]
pub struct LiveConsent {
    /// For taking it back.
    pub consent_id: Seq,
    /// Why, from where, for whom.
    #[serde(flatten)]
    pub triple: Triple,
    /// The notice it stands on.
    pub notice_version: i64,
    /// Until when, in microseconds since 1970.
    pub valid_until_us: Micros,
    /// Why nothing is allowed under it now; nothing where it counts. Of several reasons one that outlasts a pause.
    pub denied: Option<Denial>,
}

impl LiveConsent {
    /// Whether anything is allowed under it now.
    pub fn counts(&self) -> bool {
        self.denied.is_none()
    }

    /// Whether it will never count again unless it is given anew.
    pub fn is_over(&self) -> bool {
        matches!(self.denied, Some(Denial::Expired | Denial::NoticeOutdated))
    }
}

/// One event, to its owner.
#[derive(Debug, Clone, Serialize)]
pub struct HistoryEntry {
    /// Place in the log.
    pub seq: Seq,
    /// What and when.
    #[serde(flatten)]
    pub event: Event,
}

/// Everything about a person's consents.
#[derive(Debug, Clone, Serialize)]
pub struct Consents {
    /// What a decision must name as `known_seq`.
    pub known_seq: Seq,
    /// Paused by the person.
    pub held: bool,
    /// Opted out without an account; lifted like a pause.
    pub suppressed: bool,
    /// Said to be a child; lifted only by a verified age signal.
    pub latched: bool,
    /// When your browser last said that nothing may be shared (`Sec-GPC: 1`): what you had granted to recipients before ended then;
    /// grant it again if you want it all the same.
    pub signalled: Option<Seq>,
    /// What is granted, and whether it counts.
    pub live: Vec<LiveConsent>,
    /// Everything that was decided, oldest first.
    pub history: Vec<HistoryEntry>,
}

impl Consents {
    /// Whether the score of this source is worked out, so that there is something to tell.
    pub fn works_out(&self, triple: &Triple) -> bool {
        let scoring = |other: &Triple| {
            other.purpose.as_str() == ATTENTION_SCORE
                && other.recipient.as_str() == SAYSO
                && other.source == triple.source
        };
        self.live.iter().any(|live| live.counts() && scoring(&live.triple))
    }
}

impl App {
    /// What a person decided, and when.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn consents(&self, caller: &PersonCaller) -> Result<Consents, ServiceError> {
        self.store
            .read_tx(&(self, caller.subject), |tx, (app, subject)| {
                Box::pin(async move {
                    let (_, events) = app.events_of(tx, subject).await?;
                    let standing = tx.standing(subject).await?.ok_or(ServiceError::Unauthenticated)?;
                    let live = app.live(tx, &standing).await?;
                    Ok(view(&standing, live, events))
                })
            })
            .await
    }

    async fn live(&self, tx: &mut Tx, standing: &Standing) -> Result<Vec<LiveConsent>, ServiceError> {
        let (now, rules, classes) = (self.now(), self.rules(tx).await?, classes(tx, standing).await?);
        let unpaused = Standing { held: false, suppressed: false, ..standing.clone() };
        let live = standing.grants.iter().map(|(triple, grant)| {
            let denied = |standing| denial(standing, (&classes, triple), &rules, now);
            LiveConsent {
                consent_id: grant.lineage,
                triple: triple.clone(),
                notice_version: grant.notice_version,
                valid_until_us: grant.valid_until,
                denied: denied(&unpaused).or_else(|| denied(standing)),
            }
        });
        Ok(live.collect())
    }
}

/// Why the gate allows nothing at all under a grant.
fn denial(
    standing: &Standing,
    (classes, triple): (&BTreeMap<Recipient, RecipientClass>, &Triple),
    rules: &Rules,
    now: Micros,
) -> Option<Denial> {
    let asker = match classes.get(&triple.recipient) {
        Some(class) => Asker::Recipient(class),
        None if triple.recipient.as_str() == SAYSO => Asker::Ourselves,
        None => return Some(Denial::NoRecord),
    };
    let ask = |action| {
        let question = Question { asker, action, triple, other_end: true };
        decide(Some(standing), &question, rules, now).err()
    };
    let denials: Option<Vec<Denial>> = Action::ALL.into_iter().map(ask).collect();
    denials?.into_iter().next().filter(|_| !mutant::on("every_yes_is_said_to_count"))
}

/// The classes of those who were granted something; of the built-in score there is none here.
async fn classes(tx: &mut Tx, standing: &Standing) -> Result<BTreeMap<Recipient, RecipientClass>, ServiceError> {
    let bad = |_| StoreError::Corrupt("client");
    let recipients = || standing.grants.keys().map(|triple| &triple.recipient);
    let mut classes = BTreeMap::new();
    if recipients().all(|recipient| recipient.as_str() == SAYSO) {
        return Ok(classes);
    }
    classes.insert(EVERYBODY.parse().map_err(bad)?, EVERYBODY.parse().map_err(bad)?);
    for client in tx.clients().await? {
        if let Some(recipient) = recipients().find(|recipient| recipient.as_str() == client.id) {
            classes.insert(recipient.clone(), client.class.parse().map_err(bad)?);
        }
    }
    Ok(classes)
}

fn view(standing: &Standing, live: Vec<LiveConsent>, events: Vec<(Seq, Event)>) -> Consents {
    Consents {
        known_seq: events.last().map_or(Seq(0), |(seq, _)| *seq),
        held: standing.held,
        suppressed: standing.suppressed,
        latched: standing.latched,
        signalled: events.iter().rev().find(|(_, e)| matches!(e.act, Act::Signalled { .. })).map(|(seq, _)| *seq),
        live,
        history: events.into_iter().map(|(seq, event)| HistoryEntry { seq, event }).collect(),
    }
}
