//! Reading consent records in the form of ISO/IEC TS 27560 (DPV), from other systems. What they say counts for nothing here but
//! as a hint: see `Act::RecordImported`.

use serde_json::Value;

use crate::domain::{Purpose, Recipient, SAYSO, Source, Triple};

/// More processes than any honest record has.
const PROCESSES_MAX: usize = 100;
/// Longest state of a record, in bytes.
const STATUS_BYTES_MAX: usize = 80;
/// What a record says whose state is missing.
const UNKNOWN: &str = "dpv:ConsentUnknown";

/// The text is no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a consent record must be {0}")]
pub struct BadRecord(&'static str);

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// What was decided, as a term of DPV.
    pub status: String,
    /// What about: each process that names a purpose and a source of ours.
    pub triples: Vec<Triple>,
    /// Processes about purposes or sources that are not ours, such as `dpv:Marketing`.
    pub others: usize,
}

/// Reads a record.
///
/// # Errors
/// For what is no `dpv:ConsentRecord`.
pub fn read_iso27560(record: &Value) -> Result<Foreign, BadRecord> {
    let is = |kind: &Value| kind.as_str().is_some_and(|kind| kind.ends_with("ConsentRecord"));
    let kind = record.get("@type").ok_or(BadRecord("JSON-LD with an `@type`"))?;
    if !one_or_more(kind).iter().any(|kind| is(kind)) {
        return Err(BadRecord("a `dpv:ConsentRecord`"));
    }
    let status = record.get("dpv:hasConsentStatus").map_or(Some(UNKNOWN), name);
    let status = status.filter(|status| status.len() <= STATUS_BYTES_MAX && !status.chars().any(char::is_control));
    let status =
        status.ok_or(BadRecord("with one `dpv:hasConsentStatus`, a term such as `dpv:ConsentGiven`"))?.to_owned();
    let processes = record.get("dpv:hasProcess").map(one_or_more).unwrap_or_default();
    if processes.len() > PROCESSES_MAX {
        return Err(BadRecord("about at most 100 processes"));
    }
    let triples: Vec<Triple> = processes.iter().filter_map(|process| triple(process)).collect();
    let others = processes.len() - triples.len();
    Ok(Foreign { status, triples, others })
}

fn triple(process: &Value) -> Option<Triple> {
    let ours = |field: &str, prefix: &str| process.get(field).and_then(name)?.strip_prefix(prefix).map(str::to_owned);
    let recipient = match process.get("dpv:hasRecipient") {
        Some(_) => ours("dpv:hasRecipient", "urn:sayso:recipient:")?,
        None => SAYSO.to_owned(),
    };
    Some(Triple {
        purpose: Purpose::try_from(ours("dpv:hasPurpose", "urn:sayso:purpose:")?).ok()?,
        source: Source::try_from(ours("dpv:hasDataSource", "urn:sayso:source:")?).ok()?,
        recipient: Recipient::try_from(recipient).ok()?,
    })
}

/// JSON-LD writes one value alone or in a list.
fn one_or_more(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |list| list.iter().collect())
}

/// What a value names: a term by itself, or the `@id` or `@type` of a node.
fn name(value: &Value) -> Option<&str> {
    let node = || value.get("@id").or_else(|| value.get("@type")).and_then(Value::as_str);
    value.as_str().or_else(node)
}
