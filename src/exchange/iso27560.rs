//! ISO/IEC TS 27560:2023 as the Data Privacy Vocabulary writes it (w3id.org/dpv/schema/dpv-27560), JSON-LD.

use serde_json::{Map, Value, json};

use super::{Decision, Matter, Status};
use crate::domain::SAYSO;

const CONFORMS_TO: &str = "https://w3id.org/dpv/schema/dpv-27560#record-eu-gdpr";

/// The record of a decision; nothing for an event that decides about no purpose.
pub fn iso27560(decision: &Decision<'_>) -> Option<Value> {
    let status = decision.status()?;
    let mut record = Map::new();
    let mut put = |name: &str, value: Value| drop(record.insert(name.to_owned(), value));
    put("@context", context());
    put("@id", json!(format!("urn:sayso:decision:{}", decision.id)));
    put("@type", json!("dpv:ConsentRecord"));
    put("dct:conformsTo", json!(CONFORMS_TO));
    put("dct:identifier", json!(decision.id));
    put("dct:created", date_time(&decision.event.at.text()));
    // The holder of the receipt: a record names nobody.
    put("dpv:hasDataSubject", json!({ "@type": "dpv:DataSubject", "dct:identifier": decision.id }));
    put("dpv:hasConsentStatus", json!(term(status)));
    put("dpv:hasIndicationMethod", json!("the person's own request with their access token"));
    if let Some((version, sha256)) = decision.notice() {
        put("dpv:hasNotice", notice(decision, version, sha256));
    }
    put("dpv:hasProcess", decision.matters.iter().map(|matter| process(decision, matter, status)).collect());
    put("dct:provenance", json!({ "@type": "dct:ProvenanceStatement", "rdf:value": decision.receipt }));
    Some(record.into())
}

fn context() -> Value {
    json!({
        "dpv": "https://w3id.org/dpv#",
        "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
        "dct": "http://purl.org/dc/terms/",
        "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
        "skos": "http://www.w3.org/2004/02/skos/core#",
        "xsd": "http://www.w3.org/2001/XMLSchema#",
        "foaf": "http://xmlns.com/foaf/0.1/",
    })
}

fn term(status: Status) -> &'static str {
    match status {
        Status::Given => "dpv:ConsentGiven",
        Status::Refused => "dpv:ConsentRefused",
        Status::Withdrawn => "dpv:ConsentWithdrawn",
        Status::Revoked => "dpv:ConsentRevoked",
        Status::Expired => "dpv:ConsentExpired",
    }
}

fn date_time(text: &str) -> Value {
    json!({ "@type": "xsd:dateTime", "@value": text })
}

fn notice(decision: &Decision<'_>, version: i64, sha256: &str) -> Value {
    let purpose = decision.matters.first().map(|matter| matter.triple.purpose.as_str()).unwrap_or_default();
    json!({
        "@id": format!("{}/v1/notices/{purpose}/{version}", decision.public_url),
        "@type": "dpv:ConsentNotice",
        "dct:identifier": format!("sha256:{sha256}"),
        "dct:hasVersion": version.to_string(),
        "dct:language": decision.language,
    })
}

fn process(decision: &Decision<'_>, matter: &Matter, status: Status) -> Value {
    let triple = &matter.triple;
    let mut process = json!({
        "@type": "dpv:Process",
        "dpv:hasPurpose": {
            "@id": format!("urn:sayso:purpose:{}", triple.purpose),
            "@type": "dpv:Purpose",
            "dct:description": matter.title,
        },
        "dpv:hasPersonalData": {
            "@type": "dpv:PersonalData",
            "dct:description": "public posts and the responses to them",
        },
        "dpv:hasDataSource": format!("urn:sayso:source:{}", triple.source),
        "dpv:hasDataController": {
            "@type": "dpv:DataController",
            "foaf:name": decision.controller.name,
            "dpv:hasContact": decision.controller.email,
            "dpv:hasAddress": decision.controller.address,
        },
        "dpv:hasLegalBasis": ["eu-gdpr:A6-1-a", "dpv:ExplicitlyExpressedConsent"],
        "dpv:hasConsentControl": {
            "@type": ["dpv:ProvideConsent", "dpv:WithdrawConsent"],
            "dpv:isExercisedAt": format!("{}/v1/me/consents", decision.public_url),
        },
    });
    let mut put = |name: &str, value: Value| {
        if let Some(fields) = process.as_object_mut() {
            fields.insert(name.to_owned(), value);
        }
    };
    if triple.recipient.as_str() != SAYSO {
        put("dpv:hasRecipient", json!(format!("urn:sayso:recipient:{}", triple.recipient)));
    }
    if let (Status::Given, Some(until)) = (status, decision.until()) {
        put(
            "dpv:hasDuration",
            json!({ "@type": ["dpv:UntilTimeDuration", "xsd:dateTime"], "rdf:value": until.text() }),
        );
    }
    process
}
