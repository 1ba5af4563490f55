//! The formulas that there are. A score is told with the name of its formula, so what one of them says never changes: another weight is
//! another formula, with another name.
//!
//! - `attention-1`: a reshare weighs as much as two likes or two replies, because it takes a post further.
//! - `attention-2`: every response weighs the same. A reshare shows a post to more people, to praise it or to hold it up to ridicule, and
//!   nothing that is counted tells the two apart; where scores were made before, whoever made others angry was reshared most. So it says
//!   no more than that somebody paid attention, as a like or a reply does.
//!
//! All else is common to them: the cap, the window, the weeks that count, the curve, and when there is too little data.

use crate::domain::ResponseKind;

/// How attention is weighed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Formula {
    /// Its name, which stands beside every value.
    pub name: &'static str,
    like: i64,
    reply: i64,
    reshare: i64,
}

/// The first one.
pub const ATTENTION_1: Formula = Formula { name: "attention-1", like: 1, reply: 1, reshare: 2 };
/// A reshare weighs as much as anything else.
pub const ATTENTION_2: Formula = Formula { name: "attention-2", like: 1, reply: 1, reshare: 1 };

impl Formula {
    /// Every formula, oldest first.
    pub const ALL: [Self; 2] = [ATTENTION_1, ATTENTION_2];

    /// The formula with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|formula| formula.name == name)
    }

    /// How much of a responder's week one response spends.
    pub fn weight(&self, kind: ResponseKind) -> i64 {
        match kind {
            ResponseKind::Like => self.like,
            ResponseKind::Reply => self.reply,
            ResponseKind::Reshare => self.reshare,
        }
    }
}
