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

/// Projects a standing onto one question. `None` is a person nobody knows.
pub fn facts(standing: Option<&Standing>, question: &Question<'_>, rules: &Rules, now: Micros) -> Facts {
    let nobody = Standing { adult: Adult::Unknown, ..Standing::default() };
    let standing = standing.unwrap_or(&nobody);
    let grant = standing.grants.get(question.triple);
    let margin = now.plus_seconds(limits::EXPIRY_MARGIN_SECONDS);
    Facts {
        policy_loaded: rules.house.is_some() && rules.sources.contains(&question.triple.source),
        lease_valid: rules.lease_valid,
        purpose: rules.classify(&question.triple.purpose),
        erased: standing.erased,
        latched: standing.latched,
        adult: standing.adult,
        suppressed: standing.suppressed,
        held: standing.held,
        granted: grant.is_some(),
        expired: grant.is_some_and(|grant| margin >= grant.valid_until),
        notice_current: grant.is_some_and(|grant| {
            rules.oldest_notice.get(&question.triple.purpose).is_some_and(|oldest| grant.notice_version >= *oldest)
        }),
        other_end: question.other_end,
    }
}

/// Decides: first the floor, then the house rules, which can only narrow.
///
/// # Errors
/// The reason for the denial.
pub fn decide(standing: Option<&Standing>, question: &Question<'_>, rules: &Rules, now: Micros) -> Decision {
    floor(&facts(standing, question, rules, now), question.action)?;
    let standing = standing.ok_or(Denial::NoRecord)?;
    let grant = standing.grants.get(question.triple).ok_or(Denial::NoGrant)?;
    let house = rules.house.as_ref().ok_or(Denial::NoPolicy)?;
    if !house.allows(question, standing.assurance) && !mutant::on("gate_ignores_house_rules") {
        return Err(Denial::HouseRule);
    }
    let use_by = now.plus_seconds(limits::USE_BY_SECONDS).min(grant.valid_until);
    Ok(Allow { lineage: grant.lineage, use_by })
}
