//! Whatever somebody writes into the rule files.

use proptest::prelude::*;
use proptest::sample::select;

use super::{house_of, load, narrows};

const CLASSES: [&str; 4] = ["engine", "company", "research", "public_body"];
const ACTIONS: [&str; 5] = ["collect", "score", "explain", "disclose", "link"];
const PURPOSES: [&str; 4] = ["attention_score", "public_profile", "research_statistics", "link"];

fn scope() -> impl Strategy<Value = String> {
    let principal = prop_oneof![
        Just("principal".to_owned()),
        select(&CLASSES[..]).prop_map(|name| format!("principal == RecipientClass::\"{name}\"")),
    ];
    let action = prop_oneof![
        Just("action".to_owned()),
        select(&ACTIONS[..]).prop_map(|name| format!("action == Action::\"{name}\"")),
        (select(&ACTIONS[..]), select(&ACTIONS[..]))
            .prop_map(|(one, two)| format!("action in [Action::\"{one}\", Action::\"{two}\"]")),
    ];
    let resource = prop_oneof![
        Just("resource".to_owned()),
        select(&PURPOSES[..]).prop_map(|name| format!("resource == Purpose::\"{name}\"")),
    ];
    (principal, action, resource).prop_map(|(p, a, r)| format!("({p}, {a}, {r})"))
}

fn condition() -> impl Strategy<Value = String> {
    let atom = prop_oneof![
        select(&["activitypub", "bluesky", "x", "github", "blog", "campus"][..])
            .prop_map(|name| format!("context.source == Source::\"{name}\"")),
        select(&["gdpr", "uk", "us_ca", "other"][..]).prop_map(|name| format!("context.regime == Regime::\"{name}\"")),
        select(&["none", "self_declared", "verified"][..])
            .prop_map(|name| format!("context.assurance == Assurance::\"{name}\"")),
        select(&CLASSES[..]).prop_map(|name| format!("principal == RecipientClass::\"{name}\"")),
    ];
    atom.prop_recursive(2, 6, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(one, two)| format!("({one} && {two})")),
            (inner.clone(), inner.clone()).prop_map(|(one, two)| format!("({one} || {two})")),
            inner.prop_map(|one| format!("!({one})")),
        ]
    })
}

fn rule() -> impl Strategy<Value = String> {
    let effect = select(&["permit", "forbid"][..]);
    let clause = prop_oneof![
        Just(String::new()),
        condition().prop_map(|text| format!(" when {{ {text} }}")),
        condition().prop_map(|text| format!(" unless {{ {text} }}")),
    ];
    (effect, scope(), clause).prop_map(|(effect, scope, clause)| format!("{effect} {scope}{clause};"))
}

/// Rules that pass every check.
pub(super) fn rule_set() -> impl Strategy<Value = String> {
    let text = |rules: Vec<String>| {
        let rules = rules.iter().enumerate().map(|(number, rule)| format!("@id(\"r{number}\") {rule}\n"));
        rules.collect::<String>()
    };
    let rules = proptest::collection::vec(rule(), 1..8).prop_map(text);
    rules.prop_filter("impossible rules are refused", |text| load(text).is_ok())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn no_rules_open_what_the_floor_denies(text in rule_set()) {
        narrows(house_of(load(&text).unwrap().into_table()));
    }
}
