//! Published test documents: ActivityStreams, granary, fedify, the fediverse pasture, JSON.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sayso::ingest::{InputError, Item, strict};
use serde_json::{Value, json};

use super::{PUBLIC, take, told};

const SHARED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data");

fn shared(folder: &str) -> Option<PathBuf> {
    let path = Path::new(SHARED).join(folder);
    if !path.exists() {
        eprintln!("SKIPPED, no shared data: {folder}");
        return None;
    }
    Some(path)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("fail") {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "json") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The outcome of every file by name, with the count of each kind of outcome printed.
fn outcomes(folder: &Path) -> BTreeMap<String, Result<Item, InputError>> {
    let name = |path: &Path| path.strip_prefix(folder).unwrap().display().to_string();
    let all: BTreeMap<_, _> =
        files(folder).iter().map(|path| (name(path), take(&std::fs::read(path).unwrap()))).collect();
    let mut counts = BTreeMap::new();
    for outcome in all.values() {
        let kind = match outcome {
            Ok(Item::Activity(activity)) => format!("{:?}", activity.doing),
            Ok(Item::Dropped(reason)) => reason.as_str().to_owned(),
            Err(_) => "refused".to_owned(),
        };
        *counts.entry(kind).or_insert(0) += 1;
    }
    eprintln!("{}: {} files: {counts:?}", folder.file_name().unwrap().display(), all.len());
    all
}

fn refused(all: &BTreeMap<String, Result<Item, InputError>>) -> Vec<&str> {
    all.iter().filter(|(_, outcome)| outcome.is_err()).map(|(name, _)| name.as_str()).collect()
}

#[test]
fn every_w3c_document_that_must_fail_is_refused() {
    let Some(folder) = shared("activitystreams/fail") else { return };
    let all = outcomes(&folder);
    assert_eq!((all.len(), refused(&all).len()), (20, 20));
}

/// Three files of the suite are no valid documents: two use `name` as a language map, as a file that must fail does; one has a bare line
/// break inside a JSON string.
#[test]
fn every_w3c_document_that_is_valid_is_read_or_dropped_for_a_reason() {
    let Some(folder) = shared("activitystreams") else { return };
    let all = outcomes(&folder);
    assert_eq!(refused(&all), ["simple0011.json", "simple0012.json", "vocabulary-ex196-jsonld.json"]);
    assert_eq!(
        told(&all["simple0018.json"]),
        "http://example.org/sally: like http://example.org/notes/1 of - made - [] silent"
    );
    assert_eq!(told(&all["vocabulary-ex100-jsonld.json"]), "unsupported_type");
}

#[test]
fn granary_documents_in_version_2_are_read_and_those_in_version_1_count_for_nothing() {
    let Some(folder) = shared("granary") else { return };
    let (second, first): (BTreeMap<_, _>, BTreeMap<_, _>) =
        outcomes(&folder).into_iter().partition(|(name, _)| name.ends_with(".as2.json"));
    // It has a `url` that is not absolute, which ActivityStreams 2.0 does not allow.
    assert_eq!(refused(&second), ["unfollow_multiple_urls.as2.json"]);
    assert!(first.values().all(|outcome| !matches!(outcome, Ok(Item::Activity(_)))));
    let pairs = second.keys().filter(|name| first.contains_key(&name.replace(".as2.", ".as."))).count();
    eprintln!("granary: {pairs} pairs");
    assert!(pairs >= 36);
}

#[test]
fn fedify_documents_are_read_dropped_or_refused() {
    let Some(folder) = shared("fedify") else { return };
    let all = outcomes(&folder);
    assert_eq!(told(&all["example.com/announce.json"]), "no_actor");
    assert_eq!(told(&all["example.com/create.json"]), "no_object");
    assert_eq!(told(&all["example.com/key.json"]), "refused in `/@context`");
}

fn pasture_note(line: &str, audience: &str) -> Value {
    let mut note = json!({"type": "Note", "id": "https://one.example/1", "attributedTo": "https://one.example/a", "to": [audience]});
    let given: Value = serde_json::from_str(line).unwrap();
    note.as_object_mut().unwrap().extend(given["object"].as_object().unwrap().clone());
    json!({"@context": PUBLIC.trim_end_matches("#Public"), "type": "Create", "id": "https://one.example/c", "actor": "https://one.example/a", "object": note})
}

#[test]
fn notes_of_real_servers_are_read_when_public_and_never_when_not() {
    let Some(file) = shared("fediverse-pasture/inputs.ndjson") else { return };
    let text = std::fs::read_to_string(file).unwrap();
    let mut counts = BTreeMap::new();
    for line in text.lines() {
        let public = take(pasture_note(line, PUBLIC).to_string().as_bytes());
        let reason =
            if let Ok(Item::Activity(activity)) = &public { format!("{:?}", activity.doing) } else { told(&public) };
        *counts.entry(reason).or_insert(0) += 1;
        if !line.contains("public_addressing") {
            let private = take(pasture_note(line, "https://one.example/a/followers").to_string().as_bytes());
            assert_eq!(told(&private), "not_public");
        }
    }
    eprintln!("fediverse-pasture: {counts:?}");
    assert!(!counts.keys().any(|outcome| outcome.starts_with("refused")));
}

/// The suite allows a key given twice; we do not.
#[test]
fn the_json_test_suite_is_agreed_with_but_for_keys_given_twice() {
    let Some(folder) = shared("json-test-suite") else { return };
    let mut wrong = Vec::new();
    for path in files(&folder) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let parsed = strict::parse(&std::fs::read(&path).unwrap()).is_ok();
        if (name.starts_with("y_") && !parsed) || (name.starts_with("n_") && parsed) {
            wrong.push(name);
        }
    }
    assert_eq!(wrong, ["y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"]);
}
