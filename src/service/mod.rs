//! One file for each act. An act is one transaction: head row, event, standing, derived rows, leaf, checkpoint.
//!
//! Nothing here knows of HTTP. What an act needs that is slow (a password hash, a fetched page) is done before its
//! transaction begins; what it announces (a mail, an erasure to carry out) is done after it is on disk.

mod accounts;
mod act;
mod app;
mod as_of;
mod audit;
mod auth;
mod certificate;
mod clients;
mod codes;
mod consents;
mod contests;
mod deliveries;
mod disclose;
mod engine_scores;
mod epochs;
mod erase;
mod error;
mod export;
mod gate;
mod house;
mod identifiers;
mod ingest;
mod kept;
mod mail;
mod notices;
mod opt_out;
mod outside_rows;
mod proofs;
mod proving;
mod record;
mod records;
mod removal;
mod requests;
mod score;
mod signal;
mod spool;
mod stores;
mod sweep;
mod terms;
mod told;
mod verify;

pub use accounts::{Registration, Tokens, Verification};
pub use act::Idempotency;
pub use app::{App, Boot, BootError};
pub use as_of::{AsOfView, InForce, Look, LookView, PointInTime, Proved};
pub use audit::{AskedCount, AuditPage, AuditQuery, DayCount, LeafView, Summary};
pub use auth::{Caller, ClientCaller, ClientToken, PersonCaller};
pub use clients::{NewClient, RegisteredClient};
pub use consents::{ConsentDecision, ConsentRequest, ConsentView, Consents, HistoryEntry, LiveConsent};
pub use contests::OpenContest;
pub use deliveries::DeliveryView;
pub use disclose::{DisclosureView, Telling};
pub use engine_scores::{EngineScore, EngineScoreView, NewScore, OwnEngineScore, Scored};
pub use erase::{ErasureStarted, ErasureView};
pub use error::{Invalid, ServiceError};
pub use export::{Export, Manifest, StoredView, TableManifest};
pub use gate::{Asked, Filtered, GateQuestion};
pub use house::{Adopted, PoliciesView};
pub use identifiers::{Claimed, IdentifierView};
pub use ingest::Ingested;
pub use kept::RolledBack;
pub use notices::{NewNotice, NoticeView};
pub use opt_out::OptedOut;
pub use proofs::{ConsistencyProof, InclusionProof, RecordForm};
pub use proving::{StoreCheck, StoreFailure, StoresError};
pub use record::Done;
pub use records::RecordTaken;
pub use requests::{Answer, Confirmation, ConfirmedOne, Requested, What};
pub use score::{ExplanationView, ScoreSummary, ScoreView, SourceView, TopicView};
pub use spool::Spool;
pub use stores::StoreView;
pub use terms::{ClientView, NewTerms, RecipientView, Terms};
pub use told::{ToldProof, ToldView};
pub use verify::{Finding, Report};

/// The words of the rooms below that the doors need, so that a door asks the service and nobody else.
pub use crate::crypto::{Jwk, Role};
pub use crate::gate::{Action, Class};
pub use crate::ident::{Identifier, IdentifierKind, InAddress, in_address};
pub use crate::ingest::Format;
pub use crate::log::{Receipt, Tile};
pub use crate::policy::{Change, FolderError, Part, Policies, RuleFiles, changes, groups, schema};
pub use crate::store::Access;
