//! What an act can answer instead of success. Two texts: this one is for the caller and holds nothing personal; the
//! cause is carried once, for the operator's log.

use super::proving::StoreFailure;
use crate::crypto::{SealError, SlowError, TokenError};
use crate::egress::EgressError;
use crate::gate::{Action, Denial};
use crate::ident::BadIdentifier;
use crate::ingest::InputError;
use crate::log::{BadFrontier, NoteError};
use crate::policy::RegistryError;
use crate::secret::NoEntropy;
use crate::store::{StoreError, Transient};

/// A field that was wrong: which, and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}`: expected {expected}")]
pub struct Invalid {
    /// Its name.
    pub field: String,
    /// What it should have been.
    pub expected: String,
}

/// Why an act did not happen. Nothing of it was stored.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// A field was wrong.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A document was wrong.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The caller is nobody we know.
    #[error("log in first: the access token is missing, expired or not ours")]
    Unauthenticated,
    /// Address, password or code do not fit.
    #[error("the address, the password or the code is wrong, or the code no longer counts: ask for a new code")]
    BadCredentials,
    /// The caller may not do this.
    #[error("this needs another role")]
    Forbidden,
    /// A recipient, or its token, is not for this action.
    #[error("this needs the scope `{}`", .0.as_str())]
    Scope(Action),
    /// A recipient asked more than it is registered for.
    #[error("that is more than you are registered for: ask again in {0} seconds, or ask the operator for more")]
    TooMuch(i64),
    /// So many receipts were mailed to this person today.
    #[error("enough receipts were mailed to you today: ask again in {0} seconds, or read them where you asked")]
    MailedEnough(i64),
    /// The gate denied; only the person themselves is told why.
    #[error("not permitted")]
    Denied(Denial),
    /// The gate denied, or there is nothing to tell: outside callers get this for either, whoever they asked about.
    #[error("not permitted")]
    NotPermitted,
    /// There is no account for somebody under 18.
    #[error("there are no accounts for people under 18; nothing about you is used")]
    NoAccount,
    /// There is no such thing, or it belongs to somebody else.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The triple was restricted after what the person saw.
    #[error("this was restricted since you looked: read `known_seq` again and decide anew")]
    StaleGrant,
    /// Something was restricted after an engine was allowed to compute.
    #[error(
        "something was restricted since that epoch, or a score of a later one is there: ask the gate again and compute anew"
    )]
    StaleEpoch,
    /// The browser says that nothing may be shared, and the person had not seen what that ends.
    #[error(
        "your browser says that nothing may be shared (Sec-GPC: 1), so nothing was granted: grant it again if you want it all the same"
    )]
    SignalConflict,
    /// The notice is not the newest.
    #[error("the notice changed: read it again and decide anew")]
    NoticeChanged,
    /// Another version of the notice was published after the one that this was written over.
    #[error("version {0} of this notice is the newest, not the one that this was written over: read it and write anew")]
    NewerNotice(i64),
    /// The rules in force are others than those that were compared, or these were not compared.
    #[error("the rules in force, or the ones you sent, are others than those that were compared: compare again")]
    RulesChanged,
    /// The key was used for something else.
    #[error("this `Idempotency-Key` was used for another request")]
    KeyReused,
    /// It exists.
    #[error("this {0} exists already")]
    Conflict(&'static str),
    /// The purpose is never allowed.
    #[error("this purpose is a decision about people; it can be neither registered nor consented to")]
    ProhibitedPurpose,
    /// The proof of control was not found.
    #[error("the page does not show the proof yet: add the link or the code, then try again")]
    NotProved,
    /// The page of a handle cannot be read.
    #[error(transparent)]
    Fetch(#[from] EgressError),
    /// Too much at once.
    #[error("too much at once: try again in a moment")]
    Busy,
    /// Something that changes nothing took too long.
    #[error("it took too long: try again in a moment")]
    TooSlow,
    /// A score store cannot be read, or not to its end.
    #[error("a score store that is part of this does not answer, so nothing was given out: ask again later")]
    ScoreStore(#[from] StoreFailure),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something inside is broken.
    #[error("the service is damaged; an operator must look at its log")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl ServiceError {
    /// A field that was wrong.
    pub fn invalid(field: &str, expected: &str) -> Self {
        Self::Invalid(Invalid { field: field.into(), expected: expected.into() })
    }

    /// Whether something that is stored cannot be read. Trying again does not help; whoever works through many goes on with the next.
    pub(super) fn is_damage(&self) -> bool {
        matches!(self, Self::Broken(_) | Self::Store(StoreError::Corrupt(_)))
    }
}

impl Transient for ServiceError {
    fn is_transient(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_transient())
    }
}

impl From<SlowError> for ServiceError {
    fn from(error: SlowError) -> Self {
        match error {
            SlowError::Busy => Self::Busy,
            SlowError::Failed => Self::Broken(error.into()),
        }
    }
}

impl From<BadIdentifier> for ServiceError {
    fn from(error: BadIdentifier) -> Self {
        Self::Invalid(Invalid { field: "identifier".into(), expected: error.to_string() })
    }
}

impl From<TokenError> for ServiceError {
    fn from(_: TokenError) -> Self {
        Self::Unauthenticated
    }
}

macro_rules! broken {
    ($($error:ty),*) => {$(
        impl From<$error> for ServiceError {
            fn from(error: $error) -> Self {
                Self::Broken(error.into())
            }
        }
    )*};
}
broken!(SealError, NoEntropy, BadFrontier, NoteError, RegistryError, serde_json::Error, std::io::Error);
