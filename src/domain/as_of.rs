//! Looking back: what was in force at one time, as it was known at another.
//!
//! What a person said counts from when they said it (`valid_from` of a yes, otherwise the recorded time); what was known is what
//! had been recorded. The two differ when something is recorded later than it was said.

use std::collections::BTreeMap;

use super::{Act, Adult, Event, Grant, History, Micros, Purpose, Seq, Standing, Triple};

/// A material notice: which, and when it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Its purpose.
    pub purpose: Purpose,
    /// Its version: grants on an older one stopped counting.
    pub version: i64,
    /// When.
    pub at: Micros,
}

/// The standing at `at` with what had been recorded by `known`, and the grants that were in force then: not ended, not
/// expired, not on an outdated notice, and not of somebody paused or not known to be an adult.
pub fn as_of(
    events: &[(Seq, Event)],
    notices: &[Published],
    at: Micros,
    known: Micros,
) -> (Standing, BTreeMap<Triple, Grant>) {
    let counted = |event: &Event| event.at <= known && event.said() <= at;
    let history = History::fold(events.iter().filter(|(_, event)| counted(event)).map(|(seq, event)| (*seq, event)));
    let standing = history.standing;
    let stopped =
        standing.erased || standing.held || standing.suppressed || standing.latched || standing.adult != Adult::Yes;
    let outdated = |triple: &Triple, grant: &Grant| {
        let newer = |notice: &&Published| notice.purpose == triple.purpose && notice.version > grant.notice_version;
        notices.iter().filter(|notice| notice.at <= known && notice.at <= at).any(|notice| newer(&notice))
    };
    let grants = standing.grants.iter();
    let in_force = grants.filter(|(triple, grant)| !stopped && at < grant.valid_until && !outdated(triple, grant));
    let in_force = in_force.map(|(triple, grant)| (triple.clone(), grant.clone())).collect();
    (standing, in_force)
}

impl Event {
    /// From when on it holds what it says: of a grant, when the person gave it.
    pub fn said(&self) -> Micros {
        match &self.act {
            Act::Granted { valid_from, .. } => *valid_from,
            _ => self.at,
        }
    }
}
