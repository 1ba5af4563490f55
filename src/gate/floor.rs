//! The floor: what must hold whatever anybody configures. `tests/it/floor_table.txt` lists every combination.

use serde::{Deserialize, Serialize};

use crate::domain::Adult;
use crate::mutant;

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Take in what the person did or received.
    Collect,
    /// Compute a score.
    Score,
    /// Show how it came about.
    Explain,
    /// Tell it to a recipient.
    Disclose,
    /// Join two personas.
    Link,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 5] = [Self::Collect, Self::Score, Self::Explain, Self::Disclose, Self::Link];

    /// Its name on the wire, in the store and in house rules.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Collect => "collect",
            Self::Score => "score",
            Self::Explain => "explain",
            Self::Disclose => "disclose",
            Self::Link => "link",
        }
    }

    /// Whether a second person is part of it.
    pub fn has_two_ends(self) -> bool {
        matches!(self, Self::Score | Self::Link)
    }
}

/// What the registry says of a purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PurposeClass {
    /// On the allow-list.
    Allowed,
    /// Not on it.
    Unknown,
    /// A decision about people that nothing can open.
    Prohibited,
}

/// All that the floor looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a truth table has columns")]
pub struct Facts {
    /// The policy and the registry were read.
    pub policy_loaded: bool,
    /// What we know is fresh.
    pub lease_valid: bool,
    /// What the purpose is.
    pub purpose: PurposeClass,
    /// Everything about the person goes, or went.
    pub erased: bool,
    /// Said to be a child.
    pub latched: bool,
    /// 18 or over.
    pub adult: Adult,
    /// Opted out without an account.
    pub suppressed: bool,
    /// Paused by the person.
    pub held: bool,
    /// There is a grant for exactly this purpose, source and recipient.
    pub granted: bool,
    /// It ended, or ends within the margin.
    pub expired: bool,
    /// It stands on a notice not older than the last material one.
    pub notice_current: bool,
    /// The other end is allowed too, or there is none.
    pub other_end: bool,
}

/// Why not. The person sees it; everybody else gets one uniform denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Denial {
    /// Policy or registry is missing.
    NoPolicy,
    /// What we know may be stale.
    NoLease,
    /// The purpose is a decision about people that is never allowed.
    ProhibitedPurpose,
    /// The purpose is not on the allow-list.
    UnknownPurpose,
    /// Nothing is known of such a person.
    NoRecord,
    /// Erased.
    Erased,
    /// Said to be a child.
    Latched,
    /// Not known to be an adult.
    NotAdult,
    /// Opted out without an account.
    Suppressed,
    /// Paused.
    Held,
    /// No grant for exactly this.
    NoGrant,
    /// The grant ended.
    Expired,
    /// The notice changed; consent must be given anew.
    NoticeOutdated,
    /// The other person is not allowed.
    OtherEnd,
    /// A rule of whoever runs the service.
    HouseRule,
}

/// The floor. Everything must hold; the first thing that does not is the reason.
///
/// Everything is looked at, whatever fails first: how long a denial takes must not tell why (G12).
///
/// # Errors
/// The reason for the denial.
#[expect(clippy::needless_bitwise_bool, clippy::manual_try_fold, reason = "what stops early takes less work")]
pub fn floor(facts: &Facts, action: Action) -> Result<(), Denial> {
    let not_adult = (facts.adult != Adult::Yes) & !mutant::on("floor_ignores_age");
    let checks = [
        (!facts.policy_loaded, Denial::NoPolicy),
        (!facts.lease_valid, Denial::NoLease),
        (facts.purpose == PurposeClass::Prohibited, Denial::ProhibitedPurpose),
        (facts.purpose == PurposeClass::Unknown, Denial::UnknownPurpose),
        (facts.erased, Denial::Erased),
        (facts.latched, Denial::Latched),
        (not_adult, Denial::NotAdult),
        (facts.suppressed & !mutant::on("floor_ignores_opt_out"), Denial::Suppressed),
        (facts.held & !mutant::on("floor_ignores_hold"), Denial::Held),
        (!facts.granted, Denial::NoGrant),
        (facts.expired & !mutant::on("floor_ignores_expiry"), Denial::Expired),
        (!facts.notice_current & !mutant::on("floor_ignores_notice"), Denial::NoticeOutdated),
        (action.has_two_ends() & !facts.other_end, Denial::OtherEnd),
    ];
    checks.into_iter().rev().fold(Ok(()), |so_far, (fails, reason)| if fails { Err(reason) } else { so_far })
}
