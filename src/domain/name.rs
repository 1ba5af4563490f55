//! Names from the registry: purposes, sources, recipients, topics. Short, lower case, safe to print anywhere.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

/// The text was not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name is 1 to 40 of `a-z`, `0-9`, `_`, `-` and starts with a letter")]
pub struct BadName;

fn check(text: &str) -> Result<(), BadName> {
    let first_is_letter = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    if first_is_letter && text.len() <= 40 && text.bytes().all(plain) { Ok(()) } else { Err(BadName) }
}

macro_rules! name {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text, as the wire and the store have it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl FromStr for $name {
            type Err = BadName;
            fn from_str(text: &str) -> Result<Self, BadName> {
                check(text)?;
                Ok(Self(text.into()))
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
        impl TryFrom<String> for $name {
            type Error = BadName;
            fn try_from(text: String) -> Result<Self, BadName> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().to_owned()
            }
        }
    )*};
}

name! {
    /// Why something is done with a person's data. Only what the registry lists exists.
    Purpose;
    /// Where activity comes from: `activitypub`, `bluesky`, `x`, `github`, `blog`.
    Source;
    /// Who is told: a registered caller, `sayso` for the built-in score, or `everybody`.
    Recipient;
    /// Which law's rules bind; house rules may ask for it.
    Regime;
    /// What kind of body a recipient is; it is shown to people before they decide, and house rules may ask for it.
    RecipientClass;
    /// What a response was about, from the topic list; `general` where the list has no word for it.
    Topic;
}

/// What a grant is about: exactly one purpose, one source, one recipient. Never bundled.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Triple {
    /// Why.
    pub purpose: Purpose,
    /// From where.
    pub source: Source,
    /// To whom.
    pub recipient: Recipient,
}
