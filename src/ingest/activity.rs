//! What a document or a line of an edge list says that somebody did, before anybody is looked up.
//!
//! Nothing here prints what it holds: these are the words of people who may never have consented.

use std::fmt;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::domain::{Micros, ResponseKind, Source, Topic};

/// What became of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// Somebody did something that may count, if both ends consented.
    Activity(Activity),
    /// It cannot count, and nothing of it is kept.
    Dropped(Drop),
}

macro_rules! drops {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Why something was dropped. The first group is decided from the document alone, the second by the service.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Drop {
            $($(#[$doc])* $name,)*
        }

        impl Drop {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name in answers to collectors.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

drops! {
    /// It is nothing that counts, such as a follow, or it is about several actors or objects at once.
    UnsupportedType = "unsupported_type",
    /// It, or what it is about, is addressed to fewer people than everybody. It was not read any further.
    NotPublic = "not_public",
    /// It does not say who did it.
    NoActor = "no_actor",
    /// It does not say what it is about, or only names what it made without showing it.
    NoObject = "no_object",
    /// A response to one's own post.
    SelfResponse = "self_response",
    /// What it made is by somebody else.
    NotTheirs = "not_theirs",
    /// An update of a post that everybody may still see: what is kept about it stays true.
    NothingToDo = "nothing_to_do",
    /// It does not say when, and the service cannot know.
    NoTime = "no_time",
    /// One of the two ends has no live grant. The service finds out.
    NoConsent = "no_consent",
    /// It was counted before. The service finds out.
    Duplicate = "duplicate",
    /// It is ahead of our clock. The service finds out.
    Future = "future",
    /// It is from before everything that could count. The service finds out.
    TooOld = "too_old",
    /// It responds to a post that is not known, so its owner and audience are not either. The service finds out.
    UnknownObject = "unknown_object",
}

/// What somebody did.
#[derive(Clone, PartialEq, Eq)]
pub struct Activity {
    /// Who, as the input names them: a URI or a handle.
    pub actor: String,
    /// Which activity, to tell a repeat from a second one.
    pub id: ActivityKey,
    /// When, if the input says so.
    pub published: Option<Micros>,
    /// What.
    pub doing: Doing,
}

impl Activity {
    /// Whether it adds something, and takes nothing back.
    pub fn adds(&self) -> bool {
        matches!(self.doing, Doing::Respond { .. } | Doing::Post { .. })
    }
}

/// What can be done.
#[derive(Clone, PartialEq, Eq)]
pub enum Doing {
    /// A response to a post. At least one of `object` and `owner` is there.
    Respond {
        /// How.
        kind: ResponseKind,
        /// The id of the post that was responded to.
        object: Option<String>,
        /// Whose post it was, where the input shows exactly one author of it.
        owner: Option<String>,
        /// The id of the note that a reply made. A reply given both as a `Create` and as its bare note has two activity keys and
        /// this one id.
        made: Option<String>,
        /// What it is about: tags of the reply, or of the post it likes or shares where that is shown. The first one counts.
        topics: Vec<Topic>,
        /// Whether the input itself says that everybody may see this; if not, the audience is that of the known post.
        audience_said: bool,
    },
    /// A post of one's own that responds to nothing.
    Post {
        /// Its id.
        object: String,
        /// What it is about.
        topics: Vec<Topic>,
        /// Whether the input itself says that everybody may see this.
        audience_said: bool,
    },
    /// Takes back one's own activity. Whose it was is not compared here: only what the actor gave may be looked for.
    Undo {
        /// Its key, as [`ActivityKey`] makes it.
        activity: Option<String>,
        /// The like or reshare that it was, and the id of the post, where the input shows them. A reply is not found this way,
        /// because one person may reply to one post several times.
        response: Option<(ResponseKind, String)>,
    },
    /// Takes back a post or a reply. Servers send the same with the actor's own id when an account goes.
    Delete {
        /// Its id.
        object: String,
    },
    /// A post or a reply that not everybody may see any more.
    Narrow {
        /// Its id.
        object: String,
    },
}

impl fmt::Debug for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Activity({:?})", self.doing)
    }
}

impl fmt::Debug for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Respond { .. } => "Respond(..)",
            Self::Post { .. } => "Post(..)",
            Self::Undo { .. } => "Undo(..)",
            Self::Delete { .. } => "Delete(..)",
            Self::Narrow { .. } => "Narrow(..)",
        })
    }
}

/// Which activity: its id, or a digest where it has none.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActivityKey(String);

impl ActivityKey {
    /// The `id`, or `sha256:` and the hexadecimal digest of the source and the canonical JSON (sorted keys, no white space), without the
    /// `@context`, so that a copy inside an `Undo` has the same one.
    pub fn of(document: &Value, source: &Source) -> Self {
        if let Some(id) = super::value::id(document) {
            return Self(id.to_owned());
        }
        let mut document = document.clone();
        if let Some(fields) = document.as_object_mut() {
            fields.remove("@context");
        }
        let mut sorted = document.clone();
        sorted.sort_all_objects();
        Self::digest(source, &sorted.to_string())
    }
    pub(super) fn digest(source: &Source, text: &str) -> Self {
        let digest = Sha256::new().chain_update(source.as_str()).chain_update([0]).chain_update(text).finalize();
        Self(format!("sha256:{}", hex::encode(digest)))
    }
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ActivityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ActivityKey(..)")
    }
}
