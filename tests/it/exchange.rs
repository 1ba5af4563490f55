//! A decision in the forms that others read: it says the same, it carries its proof, it names nobody.

use sayso::domain::Seq;
use sayso::log::{Receipt, parse_vkey};
use sayso::service::{ConsentDecision, RecordForm, ServiceError};
use serde_json::Value;

use crate::on_both;
use crate::people::{Member, allow, decide, join, recipient, scoring, triple};
use crate::world::World;

/// A yes to the built-in score, a yes to a recipient, a no, and taking two back at once.
async fn decisions(world: &World, ann: &Member) -> Vec<(Seq, &'static str)> {
    recipient(world, "desk", &["public_profile"], &["activitypub", "github"]).await;
    let score = allow(world, ann, &scoring("github")).await.seq;
    let told = allow(world, ann, &triple("public_profile", "activitypub", "desk")).await.seq;
    allow(world, ann, &triple("public_profile", "github", "desk")).await;
    let no = decide(world, ann, &scoring("blog"), ConsentDecision::Refused).await.unwrap().seq;
    let back = world.app.withdraw_purpose(&ann.caller, &"public_profile".parse().unwrap(), None).await.unwrap().seq;
    vec![(score, "Given"), (told, "Given"), (no, "Refused"), (back, "Withdrawn")]
}

/// The keywords of JSON Schema (draft 4) that the schema of Kantara uses. Panics at any other.
fn validate(schema: &Value, value: &Value, at: &str) {
    for (keyword, rule) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "$schema" => {}
            "type" => {
                let fits = match rule.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "integer" => value.is_i64() || value.is_u64(),
                    "boolean" => value.is_boolean(),
                    other => panic!("{other}"),
                };
                assert!(fits, "{at}: {value} is no {rule}");
            }
            "properties" => {
                for (name, rule) in rule.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        validate(rule, value, &format!("{at}/{name}"));
                    }
                }
            }
            "required" => {
                for name in rule.as_array().unwrap() {
                    assert!(value.get(name.as_str().unwrap()).is_some(), "{at}: {name} is missing");
                }
            }
            "items" => value.as_array().unwrap().iter().for_each(|value| validate(rule, value, at)),
            "minimum" => assert!(value.as_i64() >= rule.as_i64(), "{at}"),
            "enum" => assert!(rule.as_array().unwrap().contains(value), "{at}"),
            "oneOf" => {
                let fits = |rule: &&Value| std::panic::catch_unwind(|| validate(rule, value, at)).is_ok();
                assert_eq!(rule.as_array().unwrap().iter().filter(fits).count(), 1, "{at}");
            }
            other => panic!("the schema says {other}"),
        }
    }
}

/// Nothing in it leads to the person, and the proof in it holds.
fn is_sound(world: &World, ann: &Member, record: &Value, proof: &str) {
    let text = record.to_string();
    assert!(!text.contains(ann.email.as_str()) && !text.contains(&ann.caller.subject.to_string()), "{text}");
    let receipt = Receipt::parse(proof).unwrap();
    receipt.check(&parse_vkey(&world.app.log_vkey()).unwrap()).unwrap();
    assert!(text.contains(&hex::encode(receipt.leaf.hash())), "its id is its leaf");
}

on_both!(a_decision_as_iso_27560_says_what_was_decided, |world| {
    let ann = join(&world, "ann@example.org").await;
    for (seq, status) in decisions(&world, &ann).await {
        let record = world.app.record_form(&ann.caller, seq, RecordForm::Iso27560).await.unwrap();
        assert_eq!(record["@type"], "dpv:ConsentRecord");
        assert_eq!(record["dct:conformsTo"], "https://w3id.org/dpv/schema/dpv-27560#record-eu-gdpr");
        assert_eq!(record["dpv:hasConsentStatus"], format!("dpv:Consent{status}"));
        assert_eq!(record.get("dpv:hasNotice").is_some(), status != "Withdrawn");
        let processes = record["dpv:hasProcess"].as_array().unwrap();
        assert_eq!(processes.len(), if status == "Withdrawn" { 2 } else { 1 });
        for process in processes {
            assert!(process["dpv:hasPurpose"]["@id"].as_str().unwrap().starts_with("urn:sayso:purpose:"));
            assert_eq!(process.get("dpv:hasDuration").is_some(), status == "Given");
        }
        is_sound(&world, &ann, &record, record["dct:provenance"]["rdf:value"].as_str().unwrap());
    }
});

on_both!(a_decision_as_kantara_receipt_fits_its_schema, |world| {
    let ann = join(&world, "ann@example.org").await;
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/consent-records/kantara/schema.json");
    let schema = std::fs::read_to_string(schema).map(|text| serde_json::from_str::<Value>(&text).unwrap());
    for (seq, status) in decisions(&world, &ann).await {
        let record = world.app.record_form(&ann.caller, seq, RecordForm::Kantara).await.unwrap();
        match &schema {
            Ok(schema) => validate(schema, &record, ""),
            Err(_) => eprintln!("SKIPPED, no shared data: the schema of Kantara"),
        }
        let purposes = record["services"][0]["purposes"].as_array().unwrap();
        let expected = if status == "Given" { "EXPLICIT".into() } else { status.to_uppercase() };
        assert!(purposes.iter().all(|purpose| purpose["consentType"] == expected), "{record}");
        for purpose in purposes {
            let told = purpose["purposeCategory"][0] == "public_profile";
            assert_eq!(
                (&purpose["thirdPartyDisclosure"], purpose.get("thirdPartyName").is_some()),
                (&told.into(), told)
            );
        }
        is_sound(&world, &ann, &record, record["proof"].as_str().unwrap());
    }
});

on_both!(what_decides_about_no_purpose_has_a_receipt_and_no_record, |world| {
    let ann = join(&world, "ann@example.org").await;
    let ben = join(&world, "ben@example.org").await;
    let held = world.app.hold(&ann.caller, None).await.unwrap().seq;
    world.app.receipt(&ann.caller, held).await.unwrap();
    for form in [RecordForm::Iso27560, RecordForm::Kantara] {
        assert!(matches!(world.app.record_form(&ann.caller, held, form).await, Err(ServiceError::Invalid(_))));
        assert!(matches!(world.app.record_form(&ben.caller, held, form).await, Err(ServiceError::NotFound(_))));
    }
});

fn files(folder: &str) -> Vec<(String, Value)> {
    let folder = format!("{}/../shared/data/consent-records/{folder}", env!("CARGO_MANIFEST_DIR"));
    let Ok(entries) = std::fs::read_dir(folder) else {
        eprintln!("SKIPPED, no shared data: consent records of others");
        return Vec::new();
    };
    let paths =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "json"));
    paths
        .filter_map(|path| {
            Some((path.display().to_string(), serde_json::from_str(&std::fs::read_to_string(&path).ok()?).ok()?))
        })
        .collect()
}

#[test]
fn records_of_others_are_read_and_name_nothing_of_ours() {
    for (file, record) in files("iso27560") {
        let foreign = sayso::exchange::read_iso27560(&record).unwrap_or_else(|e| panic!("{file}: {e}"));
        assert_eq!((foreign.status.as_str(), foreign.triples.len()), ("dpv:ConsentUnknown", 0), "{file}");
    }
    for bad in [
        serde_json::json!({}),
        serde_json::json!([]),
        serde_json::json!({ "@type": "dpv:Process" }),
        serde_json::json!({ "@type": 7 }),
        serde_json::json!({ "@type": "dpv:ConsentRecord", "dpv:hasConsentStatus": 7 }),
        serde_json::json!({ "@type": "dpv:ConsentRecord", "dpv:hasConsentStatus": "x".repeat(81) }),
        serde_json::json!({ "@type": "dpv:ConsentRecord", "dpv:hasProcess": vec![serde_json::json!({}); 101] }),
    ] {
        assert!(sayso::exchange::read_iso27560(&bad).is_err(), "{bad}");
    }
}

// What one service wrote another reads; but a yes that was said elsewhere allows nothing here.
on_both!(a_record_that_comes_in_says_what_was_said_and_allows_nothing, |world| {
    let ann = join(&world, "ann@example.org").await;
    let ben = join(&world, "ben@example.org").await;
    for (seq, status) in decisions(&world, &ann).await {
        let record = world.app.record_form(&ann.caller, seq, RecordForm::Iso27560).await.unwrap();
        let before = world.app.consents(&ben.caller).await.unwrap();
        let taken = world.app.import_record(&ben.email, &record, None).await.unwrap();
        let after = world.app.consents(&ben.caller).await.unwrap();
        let new = &after.history[before.history.len()..];
        assert_eq!((taken.receipts.len(), taken.not_ours), (new.len(), 0));
        assert_eq!(new.len(), if status == "Withdrawn" { 2 } else { 1 });
        for entry in new {
            let sayso::domain::Act::RecordImported { triple, status: said, .. } = &entry.event.act else {
                panic!("{entry:?}")
            };
            assert_eq!(*said, format!("dpv:Consent{status}"));
            let theirs = world.app.consents(&ann.caller).await.unwrap().history;
            assert!(theirs.iter().any(|one| one.event.act.triples().contains(&triple)), "the same terms");
        }
        assert_eq!(after.live.len(), 0, "a yes from elsewhere counted");
    }
    allow(&world, &ben, &scoring("github")).await;
    assert_eq!(world.app.consents(&ben.caller).await.unwrap().live.len(), 1, "until they said so themselves");
    assert_eq!(world.app.verify_log(&[], |_| ()).await.unwrap().findings, []);
});

on_both!(a_record_about_a_stranger_leaves_a_leaf_that_nobody_here_can_open, |world| {
    let ann = join(&world, "ann@example.org").await;
    let (seq, _) = decisions(&world, &ann).await[0];
    let record = world.app.record_form(&ann.caller, seq, RecordForm::Iso27560).await.unwrap();
    let before = crate::people::dump(&world).await;
    let taken = world.app.import_record(&crate::people::address("stranger@example.org"), &record, None).await.unwrap();
    assert_eq!(taken.receipts.len(), 1);
    let log = ["event", "tree_node", "log_head"];
    for (table, rows) in crate::people::dump(&world).await.iter().filter(|(table, _)| !log.contains(&table.as_str())) {
        assert_eq!(rows, &before[table], "{table}");
    }
    assert_eq!(world.app.verify_log(&[], |_| ()).await.unwrap().findings, []);
});
