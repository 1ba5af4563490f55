//! The fold of a person's events: what is in force, and what was.
//!
//! [`Standing`] is what the gate needs and what the store keeps beside the events; [`History`] is the whole fold.
//! `fold(prefix) then apply(rest)` equals `fold(all)`; nothing here looks at a clock.

use std::collections::BTreeMap;

use super::{About, Act, Adult, Assurance, Event, Micros, Seq, Topic, Triple, Whom};

/// A live yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The `seq` of the grant that began it; a renewal keeps it.
    pub lineage: Seq,
    /// The notice it stands on.
    pub notice_version: i64,
    /// When it stops counting.
    pub valid_until: Micros,
}

/// How a triple stopped being allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The person said no.
    Refused,
    /// The person took it back.
    Withdrawn,
    /// Somebody else ended it.
    Revoked,
    /// Time did.
    Expired,
    /// The person's browser said that nothing may be shared.
    Signalled,
}

/// What is in force about one person.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each flag restricts by itself; together they are no state machine")]
pub struct Standing {
    /// Grows with every event that restricts.
    pub epoch: i64,
    /// Everything goes, or went.
    pub erased: bool,
    /// Paused by the person.
    pub held: bool,
    /// Opted out without an account, by anybody; the person can lift it.
    pub suppressed: bool,
    /// Said to be a child; only a verified age signal lifts it.
    pub latched: bool,
    /// 18 or over.
    pub adult: Adult,
    /// How we know.
    pub assurance: Assurance,
    /// When an opt-out that nobody lifted becomes an erasure.
    pub erase_due: Option<Micros>,
    /// What is granted.
    pub grants: BTreeMap<Triple, Grant>,
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            epoch: 0,
            erased: false,
            held: false,
            suppressed: false,
            latched: false,
            adult: Adult::Unknown,
            assurance: Assurance::None,
            erase_due: None,
            grants: BTreeMap::new(),
        }
    }
}

/// What a recipient was told last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The event.
    pub seq: Seq,
    /// What, and when.
    pub event: Event,
    /// How often it was told something new on that day.
    pub times: u32,
}

/// Everything that follows from a person's events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    /// What is in force.
    pub standing: Standing,
    /// How and when triples last stopped; a later grant does not undo that they did.
    pub ended: BTreeMap<Triple, (Seq, End)>,
    /// The last hold, opt-out or latch.
    pub paused: Option<Seq>,
    /// Topics that were decided.
    pub topics: BTreeMap<Topic, bool>,
    /// When an opt-out for oneself becomes an erasure, and when one for a child does.
    pub due: (Option<Micros>, Option<Micros>),
    /// What each recipient was told last.
    pub told: BTreeMap<Triple, Told>,
    /// The last event that was no telling.
    pub said: Option<Seq>,
    /// When the person's browser last said that nothing may be shared.
    pub signalled: Option<Seq>,
    /// What is contested and not answered.
    pub contests: BTreeMap<Seq, About>,
    /// The last event.
    pub seq: Option<Seq>,
}

impl History {
    /// How long an opt-out for oneself waits for its lifting before it becomes an erasure.
    pub const ERASE_AFTER_DAYS: i64 = 90;
    /// The same for a child.
    pub const ERASE_CHILD_AFTER_DAYS: i64 = 30;

    /// Whether the score of this service is contested, or something of it.
    pub fn contests_score(&self) -> bool {
        self.contests.values().any(|about| !matches!(about, About::EngineScore { .. }))
    }

    /// Whether what an engine computed is contested: by itself, or with what this service says.
    pub fn contests_engine(&self, computed: &Triple) -> bool {
        self.contests.values().any(|about| match about {
            About::EngineScore { triple } => triple == computed,
            About::Score {} | About::Topic { .. } | About::Part { .. } => true,
        })
    }

    /// The fold of events in order.
    pub fn fold<'a>(events: impl IntoIterator<Item = (Seq, &'a Event)>) -> Self {
        let mut history = Self::default();
        for (seq, event) in events {
            history.apply(seq, event);
        }
        history
    }

    /// Whether this triple, or the person as a whole, was restricted after `known`: then an older yes no longer counts (N18).
    pub fn restricted_since(&self, triple: &Triple, known: Seq) -> bool {
        let ended = self.ended.get(triple).is_some_and(|(seq, _)| *seq > known);
        ended || self.paused.is_some_and(|seq| seq > known)
    }

    /// One event further.
    pub fn apply(&mut self, seq: Seq, event: &Event) {
        self.seq = Some(seq);
        if !matches!(event.act, Act::Disclosed { .. }) {
            self.said = Some(seq);
        }
        match &event.act {
            Act::Registered { adult: Adult::No, .. } => {
                self.register(Adult::No, Assurance::SelfDeclared);
                self.opt_out(seq, Whom::Child, event.at);
            }
            Act::Registered { adult, assurance } if self.standing.adult == Adult::Unknown => {
                self.end_all(seq); // a yes from before it was known who says it is none
                self.register(*adult, *assurance);
            }
            Act::Granted { triple, notice_version, valid_until, .. } => {
                let standing = Grant { lineage: seq, notice_version: *notice_version, valid_until: *valid_until };
                self.grant(triple, &standing, event.at);
            }
            Act::Refused { triple, .. } => self.end(triple, seq, End::Refused),
            Act::Withdrawn { ended } => ended.iter().for_each(|e| self.end(&e.triple, seq, End::Withdrawn)),
            Act::Revoked { ended } => ended.iter().for_each(|e| self.end(&e.triple, seq, End::Revoked)),
            Act::Expired { ended } => ended.iter().for_each(|e| self.end(&e.triple, seq, End::Expired)),
            Act::Signalled { ended } => {
                for one in ended {
                    self.end(&one.triple, seq, End::Signalled);
                }
                self.signalled = Some(seq);
            }
            Act::Contested { about, .. } => drop(self.contests.insert(seq, about.clone())),
            Act::ContestAnswered { contest, .. } => drop(self.contests.remove(contest)),
            Act::Held {} => {
                self.standing.held = true;
                self.pause(seq);
            }
            Act::Released {} => {
                self.standing.held = false;
                self.standing.suppressed = false;
                self.due.0 = None;
                self.fall_due();
            }
            Act::OptedOut { whom } => self.opt_out(seq, *whom, event.at),
            Act::AgeVerified {} => self.verify_age(seq),
            Act::TopicDecided { topic, accepted } => self.decide_topic(topic, *accepted),
            Act::Disclosed { triple, .. } => {
                let before = self.told.get(triple).filter(|last| last.event.at.day() == event.at.day());
                let times = before.map_or(0, |last| last.times) + 1;
                self.told.insert(triple.clone(), Told { seq, event: event.clone(), times });
            }
            Act::Erased {} => {
                self.standing.erased = true;
                self.pause(seq);
                self.end_all(seq);
            }
            Act::Registered { .. }
            | Act::IdentifierProved { .. }
            | Act::Exported {}
            | Act::AccessAnswered {}
            | Act::ErasureCompleted { .. }
            | Act::KeysDestroyed { .. }
            | Act::Audited { .. }
            | Act::RecordImported { .. }
            | Act::PolicyAdopted { .. }
            | Act::NoticePublished { .. }
            | Act::ClientRegistered { .. }
            | Act::ClientDisabled { .. } => {}
        }
    }

    fn register(&mut self, adult: Adult, assurance: Assurance) {
        self.standing.adult = adult;
        self.standing.assurance = assurance;
    }

    fn grant(&mut self, triple: &Triple, fresh: &Grant, at: Micros) {
        let live = self.standing.grants.get(triple).filter(|old| at < old.valid_until);
        let lineage = live.map_or(fresh.lineage, |old| old.lineage);
        self.standing.grants.insert(triple.clone(), Grant { lineage, ..fresh.clone() });
    }

    fn end(&mut self, triple: &Triple, seq: Seq, end: End) {
        self.standing.grants.remove(triple);
        self.ended.insert(triple.clone(), (seq, end));
        self.standing.epoch += 1;
    }

    fn end_all(&mut self, seq: Seq) {
        let grants = std::mem::take(&mut self.standing.grants);
        self.ended.extend(grants.into_keys().map(|triple| (triple, (seq, End::Revoked))));
    }

    fn pause(&mut self, seq: Seq) {
        self.paused = Some(seq);
        self.standing.epoch += 1;
    }

    fn opt_out(&mut self, seq: Seq, whom: Whom, at: Micros) {
        let (flag, due) = match whom {
            Whom::Oneself => (&mut self.standing.suppressed, &mut self.due.0),
            Whom::Child => (&mut self.standing.latched, &mut self.due.1),
        };
        let new = Self::erase_due(whom, at);
        *flag = true;
        *due = Some(due.map_or(new, |earlier| earlier.min(new)));
        self.fall_due();
        self.pause(seq);
    }

    /// The earlier of the two; lifting one leaves the other.
    fn fall_due(&mut self) {
        self.standing.erase_due = self.due.0.into_iter().chain(self.due.1).min();
    }

    /// When an opt-out that nobody lifts becomes an erasure.
    pub fn erase_due(whom: Whom, at: Micros) -> Micros {
        at.plus_days(match whom {
            Whom::Oneself => Self::ERASE_AFTER_DAYS,
            Whom::Child => Self::ERASE_CHILD_AFTER_DAYS,
        })
    }

    /// After a latch everything starts from nothing; without one only the assurance grows.
    fn verify_age(&mut self, seq: Seq) {
        if self.standing.latched || self.standing.adult != Adult::Yes {
            self.end_all(seq);
            self.standing.epoch += 1;
        }
        self.standing.latched = false;
        self.due.1 = None;
        self.fall_due();
        self.register(Adult::Yes, Assurance::Verified);
    }

    /// A rejected topic never returns.
    fn decide_topic(&mut self, topic: &Topic, accepted: bool) {
        let decision = self.topics.entry(topic.clone()).or_insert(accepted);
        *decision = *decision && accepted;
    }
}
