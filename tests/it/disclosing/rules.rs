//! What `lawful` says of a telling, whatever the service would have done: each way in which it was not allowed, by itself.

use sayso::domain::{Assurance, Day, Ended, Notice, Rulebook, Triple};

use super::*;

const POLICY: &str = "aa";

fn rulebook() -> Rulebook {
    let mut rulebook = Rulebook { policy_sha256: Some(POLICY.into()), ..Rulebook::default() };
    for purpose in ["attention_score", PROFILE] {
        let notice = Notice { sha256: "bb".into(), material: true, locale: None, translations: [].into() };
        rulebook.notices.insert((purpose.parse().unwrap(), 1), notice);
    }
    rulebook
}

fn event(at: i64, act: Act) -> Event {
    Event { at: Micros(at), act }
}

fn granted(triple: Triple, until: i64) -> Act {
    Act::Granted {
        triple,
        notice_version: 1,
        notice_sha256: "bb".into(),
        valid_from: Micros(0),
        valid_until: Micros(until),
        known_seq: Seq(0),
    }
}

/// An adult who allowed both what is computed and what is told, the latter by the third event.
fn allowed() -> Vec<Act> {
    vec![
        Act::Registered { adult: Adult::Yes, assurance: Assurance::SelfDeclared },
        granted(scoring("activitypub"), 1_000),
        granted(told_triple(), 900),
    ]
}

fn told_triple() -> Triple {
    triple(PROFILE, "activitypub", "acme")
}

fn told(lineage: i64) -> Act {
    Act::Disclosed {
        triple: told_triple(),
        lineage: Seq(lineage),
        value: 40,
        formula: "attention-1".into(),
        until: Day(1),
        policy_sha256: POLICY.into(),
        contested: false,
    }
}

fn judge(acts: Vec<Act>, last: Act, at: i64, rulebook: &Rulebook) -> Result<(), &'static str> {
    let events: Vec<_> = (1..).map(Seq).zip(acts.into_iter().map(|act| event(10, act))).collect();
    let before = History::fold(events.iter().map(|(seq, event)| (*seq, event)));
    lawful(&before, &event(at, last), Seq(99), rulebook)
}

#[test]
fn a_telling_under_live_grants_is_lawful() {
    assert_eq!(judge(allowed(), told(3), 899, &rulebook()), Ok(()));
}

#[test]
fn each_thing_that_stood_in_the_way_is_found() {
    let ended = |triple: Triple, lineage| Act::Withdrawn { ended: vec![Ended { triple, lineage: Seq(lineage) }] };
    let after: [(&str, Act); 8] = [
        ("paused", Act::Held {}),
        ("paused", Act::OptedOut { whom: Whom::Oneself }),
        ("paused", Act::OptedOut { whom: Whom::Child }),
        ("paused", Act::Registered { adult: Adult::No, assurance: Assurance::SelfDeclared }),
        ("after their erasure", Act::Erased {}),
        ("without a grant", ended(told_triple(), 3)),
        ("nobody had allowed", ended(scoring("activitypub"), 2)),
        ("without a grant", Act::Refused { triple: told_triple(), notice_version: 1, notice_sha256: "bb".into() }),
    ];
    for (what, act) in after {
        let mut acts = allowed();
        acts.push(act.clone());
        let said = judge(acts, told(3), 100, &rulebook());
        assert!(said.is_err_and(|said| said.contains(what)), "{act:?}: {said:?}");
    }
    assert!(judge(allowed(), told(3), 900, &rulebook()).is_err(), "ended by itself");
    assert!(judge(allowed(), told(2), 100, &rulebook()).is_err(), "another grant");
    let mut other_policy = rulebook();
    other_policy.apply(&Act::PolicyAdopted { sha256: "cc".into(), built_in: false, formula: None });
    assert!(judge(allowed(), told(3), 100, &other_policy).is_err());
    for (formula, lawful) in [(None, true), (Some("attention-1"), true), (Some("attention-2"), false)] {
        let mut counting = rulebook();
        let formula = formula.map(str::to_owned);
        counting.apply(&Act::PolicyAdopted { sha256: POLICY.into(), built_in: true, formula });
        assert_eq!(judge(allowed(), told(3), 100, &counting).is_ok(), lawful, "{:?}", counting.formula);
    }
    for (purpose, material) in [(PROFILE, true), (PROFILE, false), ("attention_score", true)] {
        let mut newer = rulebook();
        let purpose = purpose.parse().unwrap();
        newer.apply(&Act::NoticePublished {
            purpose,
            version: 2,
            sha256: "dd".into(),
            material,
            locale: None,
            translations: [].into(),
        });
        assert_eq!(judge(allowed(), told(3), 100, &newer).is_err(), material);
    }
}
