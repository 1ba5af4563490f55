//! Events: immutable records of what was said and when we knew. One act = one event = one leaf.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Adult, Assurance, Day, Micros, Purpose, Recipient, ResponseKind, Seq, Topic, Triple, Week};

/// For whom somebody opts out without an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whom {
    /// For themselves.
    #[serde(rename = "self")]
    Oneself,
    /// For a child; it latches.
    Child,
}

/// What somebody contests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case", deny_unknown_fields)]
pub enum About {
    /// The score as a whole.
    Score {},
    /// That it is about a topic.
    Topic {
        /// Which.
        topic: Topic,
    },
    /// A part that the explanation shows.
    Part {
        /// For which topic.
        topic: Topic,
        /// How.
        kind: ResponseKind,
        /// When.
        week: Week,
    },
    /// What an engine of others computed.
    EngineScore {
        /// Which engine, and for what.
        triple: Triple,
    },
}

/// A grant that an event ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ended {
    /// What it was about.
    pub triple: Triple,
    /// Which grant.
    pub lineage: Seq,
}

/// What was done. The name of the variant is the kind that the public leaf shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Act {
    /// An address was proved, with the person's own word about their age. `no` latches; `yes` changes nothing for who has an account.
    Registered {
        /// What they said.
        adult: Adult,
        /// How we know.
        assurance: Assurance,
    },
    /// Yes, to exactly one triple. While a grant for it is live this renews it.
    Granted {
        /// What it is about.
        triple: Triple,
        /// Which notice was shown.
        notice_version: i64,
        /// The digest of its text, in hexadecimal.
        notice_sha256: String,
        /// From when; never in the future.
        valid_from: Micros,
        /// Until when.
        valid_until: Micros,
        /// The last event the person had seen.
        known_seq: Seq,
    },
    /// No. Kept apart from never having been asked; ends a live grant.
    Refused {
        /// What it is about.
        triple: Triple,
        /// Which notice was shown.
        notice_version: i64,
        /// The digest of its text, in hexadecimal.
        notice_sha256: String,
    },
    /// The person took grants back.
    Withdrawn {
        /// Which.
        ended: Vec<Ended>,
    },
    /// Somebody else ended grants, such as an operator who removed a recipient.
    Revoked {
        /// Which.
        ended: Vec<Ended>,
    },
    /// Time ended grants.
    Expired {
        /// Which.
        ended: Vec<Ended>,
    },
    /// The person paused everything.
    Held {},
    /// The person lifted what paused them.
    Released {},
    /// Somebody opted out without an account and without proof.
    OptedOut {
        /// For whom.
        whom: Whom,
    },
    /// An operator recorded a verified signal that the person is an adult.
    AgeVerified {},
    /// An address or handle was proved.
    IdentifierProved {
        /// `email` or `handle`.
        identifier_kind: String,
        /// `mailed_code`, `page`, or `operator`.
        proof: String,
    },
    /// The owner accepted a topic, or rejected it for good.
    TopicDecided {
        /// Which.
        topic: Topic,
        /// Whether it may leave the service.
        accepted: bool,
    },
    /// A copy of everything was handed to the person.
    Exported {},
    /// Somebody without an account asked what is held.
    AccessAnswered {},
    /// Everything about the person goes.
    Erased {},
    /// The erasure of somebody, or of nothing, is done and was read back: the certificate opens this leaf.
    ErasureCompleted {
        /// The reference that was handed out when it began.
        reference: String,
        /// When it began.
        started: Micros,
        /// Rows removed, by table; each table was read back after that and held nothing more of the person.
        removed: BTreeMap<String, u64>,
        /// Events whose leaf stays and that nobody can open any more, by kind.
        unlinked: BTreeMap<String, u64>,
        /// What the read-back found after that, by table.
        #[serde(default)]
        left: BTreeMap<String, u64>,
        /// What is kept, by table, and why.
        kept: BTreeMap<String, String>,
        /// Every recipient that had a name for the person, and whether it had been told by then; the reference says how it went on.
        #[serde(default)]
        told: BTreeMap<String, String>,
        /// When the keys of that time are destroyed, by a service that runs then, else at its next start: nothing of the person can be
        /// read from then on in any older copy of the database, nor can they be found in it by their address. An event `keys_destroyed`
        /// says that it was done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unreadable_after: Option<Micros>,
    },
    /// The keys of an epoch, and of those before it, were destroyed.
    KeysDestroyed {
        /// Which; the first is 1.
        epoch: i64,
    },
    /// A record of consent from elsewhere, brought by an operator. It is *unknown* here: it allows nothing until the person says so.
    RecordImported {
        /// What it says that it is about.
        triple: Triple,
        /// What it says was decided, such as `dpv:ConsentGiven`.
        status: String,
        /// Digest of the record as it came, in hexadecimal.
        sha256: String,
    },
    /// An auditor looked at one person's consents. It stands in that person's own history.
    Audited {
        /// Who looked.
        auditor: Recipient,
        /// Why.
        reason: String,
    },
    /// A recipient was told a person's score, as one value. Told the same again on the same day, it is the same telling.
    Disclosed {
        /// Who was told, why, and from where the activity comes.
        triple: Triple,
        /// The grant that it stood on.
        lineage: Seq,
        /// What was told: 1 to 100.
        value: u8,
        /// By which formula.
        formula: String,
        /// The last day of the window that it was computed over.
        until: Day,
        /// The digest of the policies that it was decided by, in hexadecimal.
        policy_sha256: String,
        /// Whether it was marked as contested.
        #[serde(default)]
        contested: bool,
    },
    /// The person's browser said that nothing may be shared (Global Privacy Control). It gives no consent; what was granted to
    /// recipients before ends, and what is granted later, after the person has seen that, stands.
    Signalled {
        /// Which.
        ended: Vec<Ended>,
    },
    /// The person says that something about them is wrong, or objects to it. It is marked for all who get it until a human answered.
    Contested {
        /// What.
        about: About,
        /// In the person's own words.
        words: String,
    },
    /// A human answered.
    ContestAnswered {
        /// What was contested: its place in the log.
        contest: Seq,
        /// Whether the person was right.
        upheld: bool,
        /// Why.
        reason: String,
    },
    /// From here on the service decides by these policies.
    PolicyAdopted {
        /// Their digest, in hexadecimal.
        sha256: String,
        /// Whether they came with the program: its next version replaces them by its own. An operator's stay.
        #[serde(default)]
        built_in: bool,
        /// The formula by which scores are told from here on; before this was said there was one alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        formula: Option<String>,
    },
    /// An operator published a notice.
    NoticePublished {
        /// Its purpose.
        purpose: Purpose,
        /// Its version.
        version: i64,
        /// The digest of its text, in hexadecimal.
        sha256: String,
        /// Whether older grants stop counting.
        material: bool,
        /// The language of that text (BCP 47); nothing where it was published before this was written down.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        locale: Option<String>,
        /// The digests of its text in other languages, by language (BCP 47): each is as good as the first.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        translations: BTreeMap<String, String>,
    },
    /// An operator registered a caller.
    ClientRegistered {
        /// Its name.
        client: Recipient,
        /// Its role.
        role: String,
        /// The digest of everything that it was registered with, in hexadecimal.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        terms_sha256: Option<String>,
    },
    /// An operator switched a caller off.
    ClientDisabled {
        /// Its name.
        client: Recipient,
    },
}

impl Act {
    /// Every kind.
    pub const KINDS: [&str; 27] = [
        "access_answered",
        "age_verified",
        "audited",
        "client_disabled",
        "client_registered",
        "contest_answered",
        "contested",
        "disclosed",
        "erased",
        "erasure_completed",
        "expired",
        "exported",
        "granted",
        "held",
        "identifier_proved",
        "keys_destroyed",
        "notice_published",
        "opted_out",
        "policy_adopted",
        "record_imported",
        "refused",
        "registered",
        "released",
        "revoked",
        "signalled",
        "topic_decided",
        "withdrawn",
    ];

    /// The triples that it is about.
    pub fn triples(&self) -> Vec<&Triple> {
        match self {
            Self::Granted { triple, .. }
            | Self::Refused { triple, .. }
            | Self::RecordImported { triple, .. }
            | Self::Disclosed { triple, .. } => vec![triple],
            Self::Withdrawn { ended }
            | Self::Revoked { ended }
            | Self::Expired { ended }
            | Self::Signalled { ended } => ended.iter().map(|ended| &ended.triple).collect(),
            _ => Vec::new(),
        }
    }

    /// The name that the public leaf shows.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Registered { .. } => "registered",
            Self::Granted { .. } => "granted",
            Self::Refused { .. } => "refused",
            Self::Withdrawn { .. } => "withdrawn",
            Self::Revoked { .. } => "revoked",
            Self::Expired { .. } => "expired",
            Self::Held {} => "held",
            Self::Released {} => "released",
            Self::OptedOut { .. } => "opted_out",
            Self::AgeVerified {} => "age_verified",
            Self::IdentifierProved { .. } => "identifier_proved",
            Self::TopicDecided { .. } => "topic_decided",
            Self::Exported {} => "exported",
            Self::AccessAnswered {} => "access_answered",
            Self::Erased {} => "erased",
            Self::ErasureCompleted { .. } => "erasure_completed",
            Self::KeysDestroyed { .. } => "keys_destroyed",
            Self::Audited { .. } => "audited",
            Self::RecordImported { .. } => "record_imported",
            Self::Disclosed { .. } => "disclosed",
            Self::Signalled { .. } => "signalled",
            Self::Contested { .. } => "contested",
            Self::ContestAnswered { .. } => "contest_answered",
            Self::PolicyAdopted { .. } => "policy_adopted",
            Self::NoticePublished { .. } => "notice_published",
            Self::ClientRegistered { .. } => "client_registered",
            Self::ClientDisabled { .. } => "client_disabled",
        }
    }
}

/// What was done, and when we knew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// The recorded time.
    pub at: Micros,
    /// What was done.
    pub act: Act,
}

impl Event {
    /// The canonical JSON that the leaf commits to: sorted keys, integers only, no white space.
    ///
    /// # Errors
    /// Never for the variants above; the serialiser's signature allows one.
    pub fn canonical(&self) -> Result<String, serde_json::Error> {
        let mut value = serde_json::to_value(self)?;
        value.sort_all_objects(); // whatever order the JSON library keeps
        Ok(value.to_string())
    }
}
