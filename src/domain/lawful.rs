//! Whether an event may follow what a person's events said before it: an auditor asks it of the whole log. What the service refuses
//! to record is written by itself where it is refused, so that neither takes over a mistake of the other.

use std::collections::BTreeMap;

use super::{
    ATTENTION_SCORE, Act, Adult, Ended, Event, History, Micros, Purpose, SAYSO, Seq, Source, Triple, prohibited,
};

/// What held for everybody when an event was recorded, by what the service's own events before it say.
#[derive(Debug, Clone, Default)]
pub struct Rulebook {
    /// The notices, by purpose and version.
    pub notices: BTreeMap<(Purpose, i64), Notice>,
    /// The digest of the policies.
    pub policy_sha256: Option<String>,
    /// The formula of the score, where they say which.
    pub formula: Option<String>,
}

/// A notice that was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The digest of its text.
    pub sha256: String,
    /// Whether grants on older ones stopped counting.
    pub material: bool,
    /// The language of its text (BCP 47); nothing where no event says it.
    pub locale: Option<String>,
    /// The digests of its text in other languages, by language.
    pub translations: BTreeMap<String, String>,
}

impl Rulebook {
    /// One event of the service itself further.
    pub fn apply(&mut self, act: &Act) {
        match act {
            Act::NoticePublished { purpose, version, sha256, material, locale, translations } => {
                let (sha256, locale, translations) = (sha256.clone(), locale.clone(), translations.clone());
                let notice = Notice { sha256, material: *material, locale, translations };
                self.notices.insert((purpose.clone(), *version), notice);
            }
            Act::PolicyAdopted { sha256, formula, .. } => {
                self.policy_sha256 = Some(sha256.clone());
                self.formula.clone_from(formula);
            }
            _ => {}
        }
    }

    fn outdated(&self, purpose: &Purpose, version: i64) -> bool {
        let newer = self.notices.range((purpose.clone(), version.saturating_add(1))..=(purpose.clone(), i64::MAX));
        newer.into_iter().any(|(_, notice)| notice.material)
    }
}

/// No grant lasts longer, in days.
pub const GRANT_DAYS_MAX: i64 = 730;

/// Whether this event may come next.
///
/// # Errors
/// Says in words what is not right about it.
pub fn lawful(before: &History, event: &Event, seq: Seq, rulebook: &Rulebook) -> Result<(), &'static str> {
    if before.standing.erased {
        return Err("something was recorded about a person after their erasure");
    }
    if before.seq.is_none() && !matches!(event.act, Act::Registered { adult: Adult::Yes, .. }) {
        return Err("a person's first event is not the registration of an adult");
    }
    let standing = &before.standing;
    match &event.act {
        Act::Granted { triple, notice_version, notice_sha256, valid_from, valid_until, known_seq } => {
            shown(rulebook, triple, *notice_version, notice_sha256)?;
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
            shown(rulebook, triple, *notice_version, notice_sha256)
        }
        Act::Withdrawn { ended } | Act::Revoked { ended } | Act::Signalled { ended } => live(before, ended, None),
        Act::Expired { ended } => live(before, ended, Some(event.at)),
        Act::Disclosed { triple, lineage, policy_sha256, formula, .. } => {
            if rulebook.policy_sha256.as_ref() != Some(policy_sha256) {
                return Err("a score was told by other policies than were in force");
            }
            if rulebook.formula.as_ref().is_some_and(|counts| counts != formula) {
                return Err("a score was told by a formula that did not count");
            }
            may_be_told(before, triple, *lineage, event.at, rulebook)
        }
        Act::ContestAnswered { contest, .. } if !before.contests.contains_key(contest) => {
            Err("an answer to what nobody contested, or what was answered before")
        }
        Act::TopicDecided { topic, accepted: true } if before.topics.get(topic) == Some(&false) => {
            Err("a topic that was rejected for good was accepted")
        }
        _ => Ok(()),
    }
}

fn shown(rulebook: &Rulebook, triple: &Triple, version: i64, sha256: &str) -> Result<(), &'static str> {
    let notice = rulebook.notices.get(&(triple.purpose.clone(), version));
    let is_text = |notice: &Notice| notice.sha256 == sha256 || notice.translations.values().any(|one| one == sha256);
    if notice.is_some_and(is_text) { Ok(()) } else { Err("a decision on a notice that was never published") }
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

/// Whether a score made from one source could be told: by its own grant, and by the one that it was computed under.
fn may_be_told(
    before: &History,
    triple: &Triple,
    lineage: Seq,
    at: Micros,
    rulebook: &Rulebook,
) -> Result<(), &'static str> {
    let standing = &before.standing;
    if standing.held || standing.suppressed || standing.latched || standing.adult != Adult::Yes {
        return Err("a score was told of somebody who was paused, had opted out, or is not known to be an adult");
    }
    if prohibited(&triple.purpose) {
        return Err("a score was told for a prohibited purpose");
    }
    let counts = |triple: &Triple| {
        let grant = standing.grants.get(triple);
        grant.filter(|grant| at < grant.valid_until && !rulebook.outdated(&triple.purpose, grant.notice_version))
    };
    if counts(triple).is_none_or(|grant| grant.lineage != lineage) {
        return Err("a score was told without a grant in force");
    }
    let computed = scoring(&triple.source).is_some_and(|scoring| counts(&scoring).is_some());
    if computed { Ok(()) } else { Err("a score was told that nobody had allowed to be computed") }
}

/// What the built-in score of a source is computed under.
fn scoring(source: &Source) -> Option<Triple> {
    let (purpose, recipient) = (ATTENTION_SCORE.parse().ok()?, SAYSO.parse().ok()?);
    Some(Triple { purpose, source: source.clone(), recipient })
}
