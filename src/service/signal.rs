//! Global Privacy Control: a browser says with `Sec-GPC: 1` that nothing may be shared (<https://w3c.github.io/gpc>).
//!
//! It ends every grant to a recipient that was made before the person was shown so, never the built-in score, which is told to the
//! person alone; and it never gives consent. Once it was heard, a grant that the person makes all the same stands.

use super::record::Person;
use super::{App, ConsentDecision, PersonCaller, ServiceError};
use crate::domain::{Act, Ended, SAYSO, Triple};

/// What the signal ends: grants to recipients, until it was heard for the first time.
fn ended(person: &Person) -> Vec<Ended> {
    let heard = person.history.signalled;
    let shared = person.history.standing.grants.iter().filter(|(triple, grant)| {
        triple.recipient.as_str() != SAYSO && heard.is_none_or(|heard| grant.lineage < heard)
    });
    let shared = shared.filter(|_| !crate::mutant::on("signal_unheard"));
    shared.map(|(triple, grant)| Ended { triple: triple.clone(), lineage: grant.lineage }).collect()
}

impl App {
    /// A request of a person came with the signal.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn heed_signal(&self, caller: &PersonCaller) -> Result<(), ServiceError> {
        let input = (self, caller.subject);
        let person = self.store.read_tx(&input, |tx, (app, subject)| Box::pin(app.person(tx, subject))).await?;
        if ended(&person).is_empty() {
            return Ok(());
        }
        self.act_of_person(&caller.subject, None, &self, |tx, (head, mut person), app| {
            Box::pin(async move {
                let ended = ended(&person);
                if !ended.is_empty() {
                    app.record(tx, head, &mut person, Act::Signalled { ended }).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// A yes to a recipient came with the signal. The first one only makes the conflict known.
    ///
    /// # Errors
    /// [`ServiceError::SignalConflict`] when the person was not shown before what the signal means.
    pub async fn heed_grant(
        &self,
        caller: &PersonCaller,
        triple: &Triple,
        decision: ConsentDecision,
    ) -> Result<(), ServiceError> {
        if triple.recipient.as_str() == SAYSO || decision == ConsentDecision::Refused {
            return Ok(());
        }
        let shown_before = self.act_of_person(&caller.subject, None, &self, |tx, (head, mut person), app| {
            Box::pin(async move {
                let shown_before = person.history.signalled.is_some();
                if !shown_before {
                    let act = Act::Signalled { ended: ended(&person) };
                    app.record(tx, head, &mut person, act).await?;
                }
                Ok(shown_before)
            })
        });
        if shown_before.await? { Ok(()) } else { Err(ServiceError::SignalConflict) }
    }
}
