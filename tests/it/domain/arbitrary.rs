//! Any event, any sequence of events and clock moves.

use proptest::collection::vec;
use proptest::prelude::*;
use sayso::domain::{About, Act, Adult, Assurance, Day, Ended, Micros, ResponseKind, Seq, Topic, Triple, Week, Whom};
use serde_json::Value;

/// One thing that happens.
#[derive(Debug, Clone)]
pub(super) enum Move {
    /// Something is said.
    Act(Act),
    /// Time passes, in microseconds.
    Pass(i64),
    /// The clock is told of some time, earlier or later than its own.
    Told(Micros),
}

/// Few of them, so that events meet. The last is for a purpose that nothing can open.
pub(super) fn triples() -> Vec<Triple> {
    let triple = |purpose: &str, source: &str, recipient: &str| Triple {
        purpose: purpose.parse().unwrap(),
        source: source.parse().unwrap(),
        recipient: recipient.parse().unwrap(),
    };
    vec![
        triple("attention_score", "activitypub", "sayso"),
        triple("attention_score", "github", "sayso"),
        triple("public_profile", "activitypub", "acme"),
        triple("hiring", "activitypub", "acme"),
    ]
}

const MINUTE: i64 = 60_000_000;
const START: i64 = 1_000_000_000;

fn triple() -> impl Strategy<Value = Triple> {
    proptest::sample::select(triples())
}

fn ended() -> impl Strategy<Value = Vec<Ended>> {
    let one = (triple(), 0_i64..60).prop_map(|(triple, lineage)| Ended { triple, lineage: Seq(lineage) });
    vec(one, 0..3)
}

fn adult() -> impl Strategy<Value = Adult> {
    prop_oneof![4 => Just(Adult::Yes), 1 => Just(Adult::No), 2 => Just(Adult::Unknown)]
}

fn assurance() -> impl Strategy<Value = Assurance> {
    prop_oneof![Just(Assurance::None), Just(Assurance::SelfDeclared), Just(Assurance::Verified)]
}

fn whom() -> impl Strategy<Value = Whom> {
    prop_oneof![2 => Just(Whom::Oneself), 1 => Just(Whom::Child)]
}

fn topic() -> impl Strategy<Value = Topic> {
    prop_oneof![Just("music"), Just("sport")].prop_map(|name| name.parse().unwrap())
}

/// Mostly near the story's own time; sometimes any time there is.
fn micros() -> impl Strategy<Value = Micros> {
    prop_oneof![
        6 => (START..START + 120 * MINUTE).prop_map(Micros),
        1 => any::<i64>().prop_map(Micros),
        1 => prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(2_147_483_648_000_001)].prop_map(Micros),
    ]
}

fn granted() -> impl Strategy<Value = Act> {
    (triple(), 1_i64..5, micros(), micros(), any::<i64>()).prop_map(|(triple, notice_version, from, until, known)| {
        Act::Granted {
            triple,
            notice_version,
            notice_sha256: "5e".repeat(32),
            valid_from: from,
            valid_until: until,
            known_seq: Seq(known),
        }
    })
}

fn of_the_service() -> impl Strategy<Value = Act> {
    let client = || prop_oneof![Just("acme"), Just("sayso")].prop_map(|name| name.parse().unwrap());
    prop_oneof![
        (triple(), any::<i64>(), "[0-9a-f]{64}", any::<bool>(), proptest::option::of("[0-9a-f]{64}")).prop_map(
            |(triple, version, sha256, material, german)| {
                let translations = german.into_iter().map(|sha256| ("de".into(), sha256)).collect();
                let locale = material.then(|| "en".into());
                Act::NoticePublished { purpose: triple.purpose, version, sha256, material, locale, translations }
            },
        ),
        (client(), "[a-z]{1,10}", proptest::option::of("[0-9a-f]{64}"))
            .prop_map(|(client, role, terms_sha256)| { Act::ClientRegistered { client, role, terms_sha256 } }),
        client().prop_map(|client| Act::ClientDisabled { client }),
        (triple(), "[a-z:]{1,10}", "[0-9a-f]{64}").prop_map(|(triple, status, sha256)| Act::RecordImported {
            triple,
            status,
            sha256
        }),
        ("[0-9a-f]{64}", any::<bool>(), proptest::option::of("attention-[12]"))
            .prop_map(|(sha256, built_in, formula)| Act::PolicyAdopted { sha256, built_in, formula }),
        (client(), "\\PC{0,12}").prop_map(|(auditor, reason)| Act::Audited { auditor, reason }),
        (any::<i64>(), any::<u32>()).prop_map(|(started, rows)| Act::ErasureCompleted {
            reference: "00".repeat(16),
            started: Micros(started),
            removed: [(String::from("session"), rows.into())].into(),
            unlinked: [(String::from("held"), 1)].into(),
            left: [(String::from("session"), 0)].into(),
            kept: [(String::from("event"), String::from("why"))].into(),
            told: [(String::from("acme"), String::from("told"))].into(),
            unreadable_after: (rows % 2 == 0).then_some(Micros(started)),
        }),
        any::<i64>().prop_map(|epoch| Act::KeysDestroyed { epoch }),
    ]
}

fn disclosed() -> impl Strategy<Value = Act> {
    (triple(), any::<i64>(), any::<u8>(), any::<i64>(), "[0-9a-f]{64}").prop_map(
        |(triple, lineage, value, until, policy_sha256)| Act::Disclosed {
            triple,
            lineage: Seq(lineage),
            value,
            formula: "attention-1".into(),
            until: Day(until),
            policy_sha256,
            contested: lineage % 2 == 0,
        },
    )
}

fn contested() -> impl Strategy<Value = Act> {
    let kind = prop::sample::select(vec![ResponseKind::Like, ResponseKind::Reply, ResponseKind::Reshare]);
    let about = prop_oneof![
        Just(About::Score {}),
        topic().prop_map(|topic| About::Topic { topic }),
        (topic(), kind, any::<i64>()).prop_map(|(topic, kind, week)| About::Part { topic, kind, week: Week(week) }),
        triple().prop_map(|triple| About::EngineScore { triple }),
    ];
    prop_oneof![
        (about, "\\PC{0,12}").prop_map(|(about, words)| Act::Contested { about, words }),
        (0..120_i64, any::<bool>(), "\\PC{0,12}").prop_map(|(contest, upheld, reason)| Act::ContestAnswered {
            contest: Seq(contest),
            upheld,
            reason
        }),
    ]
}

/// Any of them, the ones that matter most often.
pub(super) fn act() -> impl Strategy<Value = Act> {
    let refused = (triple(), any::<i64>(), "[0-9a-f]{64}")
        .prop_map(|(triple, notice_version, notice_sha256)| Act::Refused { triple, notice_version, notice_sha256 });
    let proved = ("[a-z]{1,6}", "\\PC{0,12}")
        .prop_map(|(identifier_kind, proof)| Act::IdentifierProved { identifier_kind, proof });
    prop_oneof![
        24 => granted(),
        8 => (adult(), assurance()).prop_map(|(adult, assurance)| Act::Registered { adult, assurance }),
        3 => refused,
        3 => ended().prop_map(|ended| Act::Withdrawn { ended }),
        2 => ended().prop_map(|ended| Act::Revoked { ended }),
        2 => ended().prop_map(|ended| Act::Expired { ended }),
        3 => Just(Act::Held {}),
        6 => Just(Act::Released {}),
        3 => whom().prop_map(|whom| Act::OptedOut { whom }),
        6 => Just(Act::AgeVerified {}),
        2 => proved,
        3 => (topic(), any::<bool>()).prop_map(|(topic, accepted)| Act::TopicDecided { topic, accepted }),
        2 => disclosed(),
        2 => ended().prop_map(|ended| Act::Signalled { ended }),
        2 => contested(),
        1 => Just(Act::Exported {}),
        1 => Just(Act::AccessAnswered {}),
        1 => Just(Act::Erased {}),
        2 => of_the_service(),
    ]
}

/// A story of up to sixty moves; every other one begins with an adult.
pub(super) fn moves() -> impl Strategy<Value = Vec<Move>> {
    let pass = prop_oneof![0..3_000_000_i64, 0..30 * MINUTE].prop_map(Move::Pass);
    let told = (0..START + 90 * MINUTE).prop_map(|time| Move::Told(Micros(time)));
    let one = prop_oneof![8 => act().prop_map(Move::Act), 3 => pass, 1 => told];
    (any::<bool>(), vec(one, 0..60)).prop_map(|(is_adult, mut moves)| {
        let said = Act::Registered { adult: Adult::Yes, assurance: Assurance::SelfDeclared };
        if is_adult {
            moves.insert(0, Move::Act(said));
        }
        moves
    })
}

/// Whether every number in it is an integer.
pub(super) fn integers_only(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_i64(),
        Value::Array(items) => items.iter().all(integers_only),
        Value::Object(entries) => entries.values().all(integers_only),
        _ => true,
    }
}

/// The text with sorted keys and no white space, written by hand.
pub(super) fn sorted(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(sorted).collect::<Vec<_>>().join(",")),
        Value::Object(entries) => {
            let mut keys: Vec<&String> = entries.keys().collect();
            keys.sort();
            let pairs: Vec<_> = keys
                .into_iter()
                .map(|key| format!("{}:{}", Value::from(key.as_str()), sorted(&entries[key])))
                .collect();
            format!("{{{}}}", pairs.join(","))
        }
        other => other.to_string(),
    }
}
