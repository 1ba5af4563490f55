//! Whether an event may follow what a person's events said before it: an auditor asks it of the whole log. What the service refuses
//! to record is written by itself where it is refused, so that neither takes over a mistake of the other.

use std::collections::BTreeMap;

use super::{Act, Adult, Ended, Event, History, Micros, Purpose, Seq, Triple, prohibited};

/// The notices that were published before an event: digest of the text, by purpose and version.
pub type Published = BTreeMap<(Purpose, i64), String>;

/// No grant lasts longer, in days.
pub const GRANT_DAYS_MAX: i64 = 730;

/// Whether this event may come next.
///
/// # Errors
/// Says in words what is not right about it.
pub fn lawful(before: &History, event: &Event, seq: Seq, published: &Published) -> Result<(), &'static str> {
    if before.standing.erased {
        return Err("something was recorded about a person after their erasure");
    }
    if before.seq.is_none() && !matches!(event.act, Act::Registered { adult: Adult::Yes, .. }) {
        return Err("a person's first event is not the registration of an adult");
    }
    let standing = &before.standing;
    match &event.act {
        Act::Granted { triple, notice_version, notice_sha256, valid_from, valid_until, known_seq } => {
            shown(published, triple, *notice_version, notice_sha256)?;
            if standing.latched || standing.adult != Adult::Yes {
                return Err("a yes of somebody who is not known to be an adult");
            }
            if before.restricted_since(triple, *known_seq) || *known_seq >= seq {
                return Err("a yes that was given before the last restriction of the same");
            }
            if prohibited(&triple.purpose) {
                return Err("a yes to a prohibited purpose");
            }
            let limit = event.at.plus_days(GRANT_DAYS_MAX);
            if *valid_from > event.at || valid_until <= valid_from || *valid_until > limit {
                return Err("a yes for a time that no grant may have");
            }
            Ok(())
        }
        Act::Refused { triple, notice_version, notice_sha256 } => {
            shown(published, triple, *notice_version, notice_sha256)
        }
        Act::Withdrawn { ended } | Act::Revoked { ended } => live(before, ended, None),
        Act::Expired { ended } => live(before, ended, Some(event.at)),
        Act::TopicDecided { topic, accepted: true } if before.topics.get(topic) == Some(&false) => {
            Err("a topic that was rejected for good was accepted")
        }
        _ => Ok(()),
    }
}

fn shown(published: &Published, triple: &Triple, version: i64, sha256: &str) -> Result<(), &'static str> {
    let text = published.get(&(triple.purpose.clone(), version));
    if text.is_some_and(|text| text == sha256) {
        Ok(())
    } else {
        Err("a decision on a notice that was never published")
    }
}

fn live(before: &History, ended: &[Ended], at: Option<Micros>) -> Result<(), &'static str> {
    for one in ended {
        let grant = before.standing.grants.get(&one.triple).filter(|grant| grant.lineage == one.lineage);
        let Some(grant) = grant else { return Err("the end of a grant that was not live") };
        if at.is_some_and(|at| at < grant.valid_until) {
            return Err("a grant expired before its time");
        }
    }
    Ok(())
}
