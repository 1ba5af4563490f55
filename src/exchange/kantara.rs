//! Kantara Initiative Consent Receipt 1.1. It knows only consent that was given; what else was decided stands in `consentType`.

use serde_json::{Value, json};

use super::{Decision, Matter, Status};
use crate::domain::SAYSO;

/// The receipt of a decision; nothing for an event that decides about no purpose.
pub fn kantara(decision: &Decision<'_>) -> Option<Value> {
    let status = decision.status()?;
    let controller = decision.controller;
    let purposes: Vec<Value> = decision.matters.iter().map(|matter| purpose(decision, matter, status)).collect();
    let notice = decision.matters.first().map(|matter| matter.triple.purpose.as_str()).unwrap_or_default();
    Some(json!({
        "version": "KI-CR-v1.1.0",
        "jurisdiction": "EU",
        "consentTimestamp": decision.event.at.0.div_euclid(1_000_000).max(0),
        "collectionMethod": "the person's own request with their access token",
        "consentReceiptID": decision.id,
        "publicKey": decision.vkey,
        "language": decision.language,
        // The holder of the receipt: it names nobody.
        "piiPrincipalId": decision.id,
        "piiControllers": [{
            "piiController": controller.name,
            "contact": controller.name,
            "address": { "streetAddress": controller.address },
            "email": controller.email,
            "phone": controller.phone,
            "piiControllerUrl": decision.public_url,
        }],
        "policyUrl": format!("{}/v1/notices/{notice}", decision.public_url),
        "services": [{ "service": "sayso", "purposes": purposes }],
        "sensitive": false,
        "spiCat": [],
        "proof": decision.receipt,
    }))
}

fn purpose(decision: &Decision<'_>, matter: &Matter, status: Status) -> Value {
    let told = matter.triple.recipient.as_str() != SAYSO;
    let until = decision.until().map(|until| format!("until {}", until.text()));
    let mut purpose = json!({
        "purpose": matter.title,
        "purposeCategory": [matter.triple.purpose],
        "consentType": consent_type(status),
        "piiCategory": ["4 - Communications/Social"],
        "primaryPurpose": !told,
        "termination": until.unwrap_or_else(|| String::from("at once")),
        "thirdPartyDisclosure": told,
    });
    if let (true, Some(fields)) = (told, purpose.as_object_mut()) {
        fields.insert("thirdPartyName".into(), json!(matter.triple.recipient));
    }
    purpose
}

fn consent_type(status: Status) -> &'static str {
    match status {
        Status::Given => "EXPLICIT",
        Status::Refused => "REFUSED",
        Status::Withdrawn => "WITHDRAWN",
        Status::Revoked => "REVOKED",
        Status::Expired => "EXPIRED",
    }
}
