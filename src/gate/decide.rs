//! From a standing and a question to a decision.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Action, Denial, Facts, HouseTable, PurposeClass, Row, floor};
use crate::domain::{
    Adult, Assurance, Micros, Purpose, RecipientClass, Regime, Seq, Source, Standing, Triple, prohibited,
};
use crate::{limits, mutant};

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub enum Asker<'a> {
    /// The built-in score, also for the person.
    Ourselves,
    /// A recipient of this class.
    Recipient(&'a RecipientClass),
}

/// Who wants to do what, for which purpose, with activity from where. The recipient comes from the caller's token.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Who.
    pub asker: Asker<'a>,
    /// What.
    pub action: Action,
    /// Why, from where, for whom.
    pub triple: &'a Triple,
    /// Whether the other person of a score or a link is allowed; true where there is none.
    pub other_end: bool,
}

/// The house rules that were adopted.
#[derive(Debug, PartialEq, Eq)]
pub struct House {
    /// The digest of the registry and the rules, in hexadecimal: every decision stands on it.
    pub sha256: String,
    /// The law under which people register here.
    pub regime: Regime,
    /// The class of the built-in score.
    pub own_class: RecipientClass,
    /// The answers.
    pub table: HouseTable,
}

/// What holds for everybody: the registry, the house rules and the notices. Empty rules deny everything.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// The house rules. Without them, because they cannot be read, everything is denied.
    pub house: Option<Arc<House>>,
    /// What is fresh enough to answer from. Without other nodes every read is from the one database itself.
    pub lease_valid: bool,
    /// The allow-list.
    pub purposes: BTreeSet<Purpose>,
    /// Where activity may come from.
    pub sources: BTreeSet<Source>,
    /// For each purpose the oldest notice that still counts: the last material one.
    pub oldest_notice: BTreeMap<Purpose, i64>,
}

impl Rules {
    /// The digest of the house rules; nothing without any that can be read.
    pub fn policy_sha256(&self) -> Option<&str> {
        self.house.as_ref().map(|house| house.sha256.as_str())
    }

    /// What the registry says of a purpose.
    pub fn classify(&self, purpose: &Purpose) -> PurposeClass {
        if prohibited(purpose) {
            PurposeClass::Prohibited
        } else if self.purposes.contains(purpose) {
            PurposeClass::Allowed
        } else {
            PurposeClass::Unknown
        }
    }
}

impl House {
    /// Whether the rules allow it for somebody of whose age this is known.
    pub fn allows(&self, question: &Question<'_>, assurance: Assurance) -> bool {
        let recipient_class = match question.asker {
            Asker::Ourselves => &self.own_class,
            Asker::Recipient(class) => class,
        };
        let Triple { purpose, source, .. } = question.triple;
        let row = Row { recipient_class, action: question.action, purpose, source, regime: &self.regime };
        self.table.allows(&row, assurance)
    }
}

/// Yes, and on what it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allow {
    /// The grant it stands on.
    pub lineage: Seq,
    /// Ask again after this.
    pub use_by: Micros,
}

/// The answer.
pub type Decision = Result<Allow, Denial>;

/// What the gate looks at of a person, as far as one triple goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is asked about by itself")]
pub struct Projection {
    /// Everything about the person goes, or went.
    pub erased: bool,
    /// Said to be a child.
    pub latched: bool,
    /// Opted out without an account.
    pub suppressed: bool,
    /// Paused by the person.
    pub held: bool,
    /// 18 or over.
    pub adult: Adult,
    /// How we know.
    pub assurance: Assurance,
    /// The notice that the grant stands on, and when it ends.
    pub grant: Option<(i64, Micros)>,
}

impl Projection {
    /// Of a person nobody knows.
    pub const NOBODY: Self = Self {
        erased: false,
        latched: false,
        suppressed: false,
        held: false,
        adult: Adult::Unknown,
        assurance: Assurance::None,
        grant: None,
    };

    /// Of a standing; `None` is a person nobody knows.
    pub fn of(standing: Option<&Standing>, triple: &Triple) -> Self {
        let Some(standing) = standing else { return Self::NOBODY };
        Self {
            erased: standing.erased,
            latched: standing.latched,
            suppressed: standing.suppressed,
            held: standing.held,
            adult: standing.adult,
            assurance: standing.assurance,
            grant: standing.grants.get(triple).map(|grant| (grant.notice_version, grant.valid_until)),
        }
    }
}

/// What a question comes down to before it is asked of anybody: the same for everybody in a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prepared {
    action: Action,
    policy_loaded: bool,
    lease_valid: bool,
    purpose: PurposeClass,
    oldest_notice: Option<i64>,
    other_end: bool,
    /// What the house rules say, by [`Assurance`].
    house: [bool; Assurance::ALL.len()],
}

impl Prepared {
    /// Looks up all that does not hang on the person.
    pub fn new(question: &Question<'_>, rules: &Rules) -> Self {
        let house = rules.house.as_ref();
        Self {
            action: question.action,
            policy_loaded: house.is_some() && rules.sources.contains(&question.triple.source),
            lease_valid: rules.lease_valid,
            purpose: rules.classify(&question.triple.purpose),
            oldest_notice: rules.oldest_notice.get(&question.triple.purpose).copied(),
            other_end: question.other_end,
            house: Assurance::ALL.map(|assurance| house.is_some_and(|house| house.allows(question, assurance))),
        }
    }

    /// Projects a person onto the question: by the same work whether or not there is a grant.
    #[expect(clippy::needless_bitwise_bool, reason = "what stops early takes less work")]
    pub fn facts(&self, person: &Projection, now: Micros) -> Facts {
        let margin = now.plus_seconds(limits::EXPIRY_MARGIN_SECONDS);
        let (notice, valid_until) = person.grant.unwrap_or((i64::MIN, Micros(i64::MIN)));
        let granted = person.grant.is_some();
        Facts {
            policy_loaded: self.policy_loaded,
            lease_valid: self.lease_valid,
            purpose: self.purpose,
            erased: person.erased,
            latched: person.latched,
            adult: person.adult,
            suppressed: person.suppressed,
            held: person.held,
            granted,
            expired: granted & (margin >= valid_until),
            notice_current: granted & self.oldest_notice.is_some_and(|oldest| notice >= oldest),
            other_end: self.other_end,
        }
    }

    /// Decides: first the floor, then the house rules, which can only narrow. Until when the yes counts.
    ///
    /// # Errors
    /// The reason for the denial.
    pub fn decide(&self, person: &Projection, now: Micros) -> Result<Micros, Denial> {
        floor(&self.facts(person, now), self.action)?;
        let (_, valid_until) = person.grant.ok_or(Denial::NoGrant)?;
        let assurance = Assurance::ALL.iter().position(|one| *one == person.assurance);
        let allowed = assurance.and_then(|place| self.house.get(place)).copied().unwrap_or_default();
        if !allowed && !mutant::on("gate_ignores_house_rules") {
            return Err(Denial::HouseRule);
        }
        Ok(now.plus_seconds(limits::USE_BY_SECONDS).min(valid_until))
    }
}

/// Projects a standing onto one question. `None` is a person nobody knows.
pub fn facts(standing: Option<&Standing>, question: &Question<'_>, rules: &Rules, now: Micros) -> Facts {
    Prepared::new(question, rules).facts(&Projection::of(standing, question.triple), now)
}

/// Decides about one person.
///
/// # Errors
/// The reason for the denial.
pub fn decide(standing: Option<&Standing>, question: &Question<'_>, rules: &Rules, now: Micros) -> Decision {
    let use_by = Prepared::new(question, rules).decide(&Projection::of(standing, question.triple), now)?;
    let grant = standing.and_then(|standing| standing.grants.get(question.triple)).ok_or(Denial::NoGrant)?;
    Ok(Allow { lineage: grant.lineage, use_by })
}
