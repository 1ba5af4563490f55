//! What one person did with another person's post.

use serde::{Deserialize, Serialize};

use super::{Topic, Week};
use crate::ids::Subject;

/// How somebody responded. It cannot tell praise from argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseKind {
    /// A like or favourite.
    Like,
    /// An answer in words.
    Reply,
    /// A boost or repost.
    Reshare,
}

impl ResponseKind {
    /// Every kind, in the order of their names on the wire.
    pub const ALL: [Self; 3] = [Self::Like, Self::Reply, Self::Reshare];

    /// The name on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Like => "like",
            Self::Reply => "reply",
            Self::Reshare => "reshare",
        }
    }
    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// All responses of one kind about one topic that one person gave another in one calendar week.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edge {
    /// Who responded.
    pub actor: Subject,
    /// Whose post it was.
    pub target: Subject,
    /// When.
    pub week: Week,
    /// About what.
    pub topic: Topic,
    /// How.
    pub kind: ResponseKind,
    /// How often; at least 1.
    pub count: i64,
}

/// All responses of one kind that one person gave in one calendar week to others than the person whose attention is asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Elsewhere {
    /// Who responded.
    pub actor: Subject,
    /// When.
    pub week: Week,
    /// How.
    pub kind: ResponseKind,
    /// How often; at least 1.
    pub count: i64,
}

/// What one person's attention is worked out from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Responses {
    /// What others gave the person.
    pub received: Vec<Edge>,
    /// What the same people gave others in the same weeks; nothing else is needed.
    pub elsewhere: Vec<Elsewhere>,
}
