//! Whether a person is an adult, and how we know.

use serde::{Deserialize, Serialize};

/// Whether a person is 18 or over. Only `Yes` is ever allowed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Adult {
    /// 18 or over.
    Yes,
    /// Under 18.
    No,
    /// Not said.
    Unknown,
}

/// How we know whether a person is an adult.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assurance {
    /// Nobody said.
    None,
    /// The person said so, which proves nothing.
    SelfDeclared,
    /// An operator recorded a verified age signal.
    Verified,
}

impl Assurance {
    /// Every way of knowing.
    pub const ALL: [Self; 3] = [Self::None, Self::SelfDeclared, Self::Verified];

    /// Its name on the wire, in the store and in house rules.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::SelfDeclared => "self_declared",
            Self::Verified => "verified",
        }
    }
}
