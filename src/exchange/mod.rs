//! A decision in the forms that others read: ISO/IEC TS 27560 in its DPV form (JSON-LD), and Kantara Consent Receipt 1.1. Pure.
//!
//! Both are descriptions: what proves them is the receipt (C2SP tlog-proof) that each carries.

mod iso27560;
mod kantara;
mod read;

use crate::domain::{Act, Event, Micros, Triple};

pub use iso27560::iso27560;
pub use kantara::kantara;
pub use read::{BadRecord, Foreign, read_iso27560};

/// Who runs the service, as the operator's settings say; empty where they do not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Controller {
    /// Name of the organisation or person.
    pub name: String,
    /// Postal address.
    pub address: String,
    /// E-mail address for questions about data.
    pub email: String,
    /// Telephone number.
    pub phone: String,
}

/// What a decision did to consent (DPV's states).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Yes, explicitly.
    Given,
    /// No.
    Refused,
    /// Taken back by the person.
    Withdrawn,
    /// Ended by somebody else.
    Revoked,
    /// Ended by time.
    Expired,
}

/// One purpose, source and recipient of a decision.
#[derive(Debug, Clone)]
pub struct Matter {
    /// What it is about.
    pub triple: Triple,
    /// The purpose in words.
    pub title: String,
}

/// A decision and where it comes from.
#[derive(Debug, Clone)]
pub struct Decision<'a> {
    /// Hash of its leaf, in hexadecimal: names the decision and nobody else.
    pub id: String,
    /// What was recorded.
    pub event: &'a Event,
    /// What it is about, one for each grant.
    pub matters: Vec<Matter>,
    /// Language of the notice (BCP 47).
    pub language: String,
    /// The address people reach the service at.
    pub public_url: &'a str,
    /// The log's public key.
    pub vkey: &'a str,
    /// Who runs the service.
    pub controller: &'a Controller,
    /// The receipt (C2SP tlog-proof).
    pub receipt: String,
}

impl Decision<'_> {
    /// What it did; nothing for an event that decides about no purpose.
    pub fn status(&self) -> Option<Status> {
        match self.event.act {
            Act::Granted { .. } => Some(Status::Given),
            Act::Refused { .. } => Some(Status::Refused),
            Act::Withdrawn { .. } => Some(Status::Withdrawn),
            Act::Revoked { .. } => Some(Status::Revoked),
            Act::Expired { .. } => Some(Status::Expired),
            _ => None,
        }
    }

    /// Until when a yes counts.
    fn until(&self) -> Option<Micros> {
        match self.event.act {
            Act::Granted { valid_until, .. } => Some(valid_until),
            _ => None,
        }
    }

    /// Version and digest of the notice that was shown.
    fn notice(&self) -> Option<(i64, &str)> {
        match &self.event.act {
            Act::Granted { notice_version, notice_sha256, .. } | Act::Refused { notice_version, notice_sha256, .. } => {
                Some((*notice_version, notice_sha256))
            }
            _ => None,
        }
    }
}
