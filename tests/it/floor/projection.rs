//! From standing, question and rules to facts: what is missing, unreadable or elsewhere denies (N10, N12).

use std::collections::{BTreeMap, BTreeSet};

use sayso::domain::{Adult, Assurance, Grant, Micros, PROHIBITED, Purpose, Seq, Source, Standing, Triple};
use sayso::gate::{Action, Asker, Decision, Denial, Question, Rules, decide, facts};

use crate::house::open;

const NOW: Micros = Micros(1_795_435_200_000_000);
const LINEAGE: Seq = Seq(7);

fn triple(purpose: &str, source: &str, recipient: &str) -> Triple {
    Triple { purpose: purpose.parse().unwrap(), source: source.parse().unwrap(), recipient: recipient.parse().unwrap() }
}

fn asked() -> Triple {
    triple("attention_score", "activitypub", "sayso")
}

fn rules() -> Rules {
    let purposes: BTreeSet<Purpose> =
        ["attention_score", "public_profile"].into_iter().map(|name| name.parse().unwrap()).collect();
    let sources: BTreeSet<Source> = ["activitypub", "github"].into_iter().map(|name| name.parse().unwrap()).collect();
    Rules {
        house: Some(open(purposes.iter().cloned().collect(), sources.iter().cloned().collect())),
        lease_valid: true,
        sources,
        oldest_notice: purposes.iter().map(|purpose| (purpose.clone(), 3)).collect(),
        purposes,
    }
}

fn adult(triple: &Triple, notice_version: i64, valid_until: Micros) -> Standing {
    let grant = Grant { lineage: LINEAGE, notice_version, valid_until };
    Standing {
        adult: Adult::Yes,
        assurance: Assurance::SelfDeclared,
        grants: BTreeMap::from([(triple.clone(), grant)]),
        ..Standing::default()
    }
}

fn ask(standing: Option<&Standing>, triple: &Triple, rules: &Rules, now: Micros) -> Decision {
    let decisions = Action::ALL.map(|action| {
        decide(standing, &Question { asker: Asker::Ourselves, action, triple, other_end: true }, rules, now)
    });
    assert!(decisions.iter().all(|decision| *decision == decisions[0]), "{decisions:?}");
    decisions[0]
}

#[test]
fn an_allow_says_on_what_it_stands_and_ends_in_five_seconds() {
    let allow = ask(Some(&adult(&asked(), 3, NOW.plus_days(1))), &asked(), &rules(), NOW).unwrap();
    assert_eq!((allow.lineage, allow.use_by), (LINEAGE, NOW.plus_seconds(5)));
    let soon = ask(Some(&adult(&asked(), 3, NOW.plus_seconds(3))), &asked(), &rules(), NOW).unwrap();
    assert_eq!(soon.use_by, NOW.plus_seconds(3), "no allow outlives its grant");
}

#[test]
fn nobody_we_know_is_denied() {
    assert!(ask(None, &asked(), &rules(), NOW).is_err());
    let question = Question { asker: Asker::Ourselves, action: Action::Collect, triple: &asked(), other_end: true };
    let facts = facts(None, &question, &rules(), NOW);
    assert!(!facts.granted && facts.adult == Adult::Unknown);
}

#[test]
fn somebody_with_a_standing_but_no_grant_is_denied() {
    assert!(ask(Some(&Standing::default()), &asked(), &rules(), NOW).is_err());
    let refused = Standing { grants: BTreeMap::new(), ..adult(&asked(), 3, NOW.plus_days(1)) };
    assert_eq!(ask(Some(&refused), &asked(), &rules(), NOW), Err(Denial::NoGrant));
}

#[test]
fn a_grant_is_for_exactly_one_purpose_source_and_recipient() {
    let standing = adult(&asked(), 3, NOW.plus_days(1));
    for other in [
        triple("public_profile", "activitypub", "sayso"),
        triple("attention_score", "github", "sayso"),
        triple("attention_score", "activitypub", "acme"),
    ] {
        assert_eq!(ask(Some(&standing), &other, &rules(), NOW), Err(Denial::NoGrant), "{other:?}");
    }
}

#[test]
fn a_grant_stops_counting_two_seconds_before_its_end() {
    let until = NOW.plus_days(1);
    let standing = adult(&asked(), 3, until);
    let at = |micros: i64| ask(Some(&standing), &asked(), &rules(), Micros(until.0 + micros));
    assert!(at(-2_000_001).is_ok());
    for micros in [-2_000_000, -1_999_999, -1, 0, 1, 1_000_000_000] {
        assert_eq!(at(micros), Err(Denial::Expired), "{micros}");
    }
    let end_of_time = ask(Some(&standing), &asked(), &rules(), Micros(i64::MAX));
    assert_eq!(end_of_time, Err(Denial::Expired));
    let forever = adult(&asked(), 3, Micros(i64::MAX));
    assert_eq!(ask(Some(&forever), &asked(), &rules(), Micros(i64::MAX)), Err(Denial::Expired));
}

#[test]
fn a_grant_counts_from_the_oldest_notice_that_counts() {
    let on = |version| ask(Some(&adult(&asked(), version, NOW.plus_days(1))), &asked(), &rules(), NOW);
    assert_eq!(on(2), Err(Denial::NoticeOutdated));
    assert_eq!(on(i64::MIN), Err(Denial::NoticeOutdated));
    assert!(on(3).is_ok());
    assert!(on(4).is_ok());
    let unwritten = Rules { oldest_notice: BTreeMap::new(), ..rules() };
    let standing = adult(&asked(), i64::MAX, NOW.plus_days(1));
    assert_eq!(ask(Some(&standing), &asked(), &unwritten, NOW), Err(Denial::NoticeOutdated));
}

#[test]
fn an_unknown_source_or_purpose_is_denied_whatever_was_granted() {
    for (unknown, reason) in [
        (triple("attention_score", "myspace", "sayso"), Denial::NoPolicy),
        (triple("gossip", "activitypub", "sayso"), Denial::UnknownPurpose),
    ] {
        let standing = adult(&unknown, 3, NOW.plus_days(1));
        let rules = Rules { oldest_notice: BTreeMap::from([(unknown.purpose.clone(), 1)]), ..rules() };
        assert_eq!(ask(Some(&standing), &unknown, &rules, NOW), Err(reason));
    }
}

#[test]
fn a_prohibited_purpose_stays_denied_on_any_allow_list() {
    for name in PROHIBITED {
        let never = triple(name, "activitypub", "sayso");
        let mut rules = rules();
        rules.purposes.insert(never.purpose.clone());
        rules.oldest_notice.insert(never.purpose.clone(), 1);
        let standing = adult(&never, 3, NOW.plus_days(1));
        assert_eq!(ask(Some(&standing), &never, &rules, NOW), Err(Denial::ProhibitedPurpose), "{name}");
    }
}

#[test]
fn empty_and_partial_rules_deny_everybody() {
    let standing = adult(&asked(), 3, NOW.plus_days(1));
    let without = |change: fn(&mut Rules)| {
        let mut rules = rules();
        change(&mut rules);
        ask(Some(&standing), &asked(), &rules, NOW)
    };
    assert!(ask(Some(&standing), &asked(), &Rules::default(), NOW).is_err());
    assert_eq!(without(|rules| rules.house = None), Err(Denial::NoPolicy));
    assert_eq!(without(|rules| rules.lease_valid = false), Err(Denial::NoLease));
    assert_eq!(without(|rules| rules.sources.clear()), Err(Denial::NoPolicy));
    assert_eq!(without(|rules| rules.purposes.clear()), Err(Denial::UnknownPurpose));
    assert_eq!(without(|rules| rules.oldest_notice.clear()), Err(Denial::NoticeOutdated));
}

#[test]
fn each_flag_of_a_standing_reaches_the_floor() {
    type Flagged = (fn(&mut Standing), Denial);
    let flagged: [Flagged; 7] = [
        (|s| s.erased = true, Denial::Erased),
        (|s| s.latched = true, Denial::Latched),
        (|s| s.adult = Adult::No, Denial::NotAdult),
        (|s| s.adult = Adult::Unknown, Denial::NotAdult),
        (|s| s.suppressed = true, Denial::Suppressed),
        (|s| s.held = true, Denial::Held),
        (|s| s.grants.clear(), Denial::NoGrant),
    ];
    for (change, reason) in flagged {
        let mut standing = adult(&asked(), 3, NOW.plus_days(1));
        change(&mut standing);
        assert_eq!(ask(Some(&standing), &asked(), &rules(), NOW), Err(reason));
    }
}

#[test]
fn the_other_end_binds_scores_and_links_alone() {
    let standing = adult(&asked(), 3, NOW.plus_days(1));
    for action in Action::ALL {
        let question = Question { asker: Asker::Ourselves, action, triple: &asked(), other_end: false };
        let decision = decide(Some(&standing), &question, &rules(), NOW);
        assert_eq!(decision.is_ok(), !matches!(action, Action::Score | Action::Link), "{action:?}");
    }
}
