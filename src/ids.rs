//! Typed ids: 16 bytes each, hexadecimal in text, never an identifier of a person outside sayso.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The text was not 32 hexadecimal digits, or the bytes were not 16.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is 32 hexadecimal digits")]
pub struct BadId;

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name([u8; 16]);

        impl $name {
            /// Takes 16 bytes, from the entropy source or from the store.
            pub const fn new(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }
            /// The bytes, as the store keeps them.
            pub fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "(..)"))
            }
        }
        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                let mut bytes = [0; 16];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| BadId)?;
                Ok(Self(bytes))
            }
        }
        impl TryFrom<String> for $name {
            type Error = BadId;
            fn try_from(text: String) -> Result<Self, BadId> {
                text.parse()
            }
        }
        impl TryFrom<Vec<u8>> for $name {
            type Error = BadId;
            fn try_from(bytes: Vec<u8>) -> Result<Self, BadId> {
                bytes.try_into().map(Self).map_err(|_| BadId)
            }
        }
        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    )*};
}

id! {
    /// A person who said yes to an account, inside sayso. Random; never derived from who they are.
    Subject;
    /// One log-in of a person; what an access token names.
    Session;
    /// One token of a registered caller, so that it can be ended before its time.
    TokenId;
    /// What a caller without an account gets to ask again: an opt-out, a request, an erasure.
    Reference;
    /// An e-mail address or handle of a person, or a claim to one that is not proved yet.
    IdentifierId;
    /// One thing that a recipient is told.
    DeliveryId;
    /// What one recipient calls one person; another recipient has another.
    Pairwise;
}
