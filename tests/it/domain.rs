//! The fold of a person's events, against an oracle that scans the whole list for each question, and against the gate.

mod arbitrary;
mod naive;
mod time;

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use sayso::clock::Clock;
use sayso::domain::{Act, Adult, End, Event, Grant, History, Micros, Seq, Triple, Whom};
use sayso::gate::{Action, Asker, Question, Rules, decide};

use arbitrary::{Move, triples};

use crate::house::open;

/// Moves, and what the fold and the clock say after each.
struct Story {
    events: Vec<(Seq, Event)>,
    steps: Vec<Step>,
}

struct Step {
    event: Option<Event>,
    before: History,
    history: History,
    now: Micros,
    earlier: Micros,
}

fn play(moves: &[Move]) -> Story {
    let clock = Clock::fixed(Micros(1_000_000_000));
    let (mut history, mut events, mut steps) = (History::default(), Vec::new(), Vec::new());
    for (place, step) in moves.iter().enumerate() {
        let (before, earlier) = (history.clone(), clock.now());
        let event = match step {
            Move::Pass(micros) => {
                clock.not_before(Micros(clock.now().0 + micros));
                None
            }
            Move::Told(time) => {
                clock.not_before(*time);
                None
            }
            Move::Act(act) => {
                // Some places of the one order belong to other people.
                let (seq, event) =
                    (Seq(2 * i64::try_from(place).unwrap() + 1), Event { at: clock.now(), act: act.clone() });
                history.apply(seq, &event);
                events.push((seq, event.clone()));
                Some(event)
            }
        };
        steps.push(Step { event, before, history: history.clone(), now: clock.now(), earlier });
    }
    Story { events, steps }
}

static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let purposes = triples().into_iter().map(|triple| triple.purpose);
    Rules {
        house: Some(open(purposes.clone().collect(), triples().into_iter().map(|triple| triple.source).collect())),
        lease_valid: true,
        oldest_notice: purposes.clone().map(|purpose| (purpose, 2)).collect(),
        purposes: purposes.collect(),
        sources: triples().into_iter().map(|triple| triple.source).collect(),
    }
});

fn allowed(history: &History, triple: &Triple, action: Action, now: Micros) -> bool {
    let question = Question { asker: Asker::Ourselves, action, triple, other_end: true };
    decide(Some(&history.standing), &question, &RULES, now).is_ok()
}

fn fold(events: &[(Seq, Event)]) -> History {
    History::fold(events.iter().map(|(seq, event)| (*seq, event)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_fold_can_be_cut_anywhere(moves in arbitrary::moves()) {
        let events = play(&moves).events;
        let whole = fold(&events);
        for cut in 0..=events.len() {
            let (first, rest) = events.split_at(cut);
            let mut history = fold(first);
            for (seq, event) in rest {
                history.apply(*seq, event);
            }
            prop_assert_eq!(&history, &whole, "cut at {}", cut);
        }
    }

    #[test]
    fn the_fold_says_what_a_scan_of_the_whole_list_says(moves in arbitrary::moves()) {
        let events = play(&moves).events;
        let (have, want) = (fold(&events).standing, naive::standing(&events));
        let mut same_epoch = have.clone();
        same_epoch.epoch = want.epoch;
        prop_assert_eq!(same_epoch, want);
    }

    /// Only a fresh yes, or the person's own lifting of a pause, turns a deny into an allow. Time never does.
    #[test]
    fn nothing_but_a_fresh_yes_or_a_lifted_pause_turns_a_deny_into_an_allow(moves in arbitrary::moves()) {
        let all = triples();
        for step in play(&moves).steps {
            prop_assert!(step.now >= step.earlier, "the clock went back");
            for triple in &all {
                for action in Action::ALL {
                    let was = allowed(&step.before, triple, action, step.earlier);
                    let is = allowed(&step.history, triple, action, step.now);
                    let may = match step.event.as_ref().map(|event| &event.act) {
                        Some(Act::Granted { triple: granted, .. }) => granted == triple,
                        Some(Act::Released {}) => true,
                        _ => false,
                    };
                    prop_assert!(was || !is || may, "{:?} {:?} after {:?}", action, triple, step.event);
                }
            }
        }
    }

    /// What a node holds in memory can be told apart from what came after it.
    #[test]
    fn whatever_takes_an_allow_away_grows_the_epoch(moves in arbitrary::moves()) {
        for Step { event, before, history, now, earlier } in play(&moves).steps {
            prop_assert!(history.standing.epoch >= before.standing.epoch);
            let Some(event) = event else { continue };
            if matches!(event.act, Act::Granted { .. }) {
                continue; // a renewal for a shorter time
            }
            let lost = triples().iter().any(|triple| {
                allowed(&before, triple, Action::Collect, earlier) && !allowed(&history, triple, Action::Collect, now)
            });
            prop_assert!(!lost || history.standing.epoch > before.standing.epoch, "{:?}", event.act);
        }
    }

    #[test]
    fn a_latch_is_lifted_by_a_verified_age_alone_and_leaves_nothing_granted(moves in arbitrary::moves()) {
        for Step { event, before, history, .. } in play(&moves).steps {
            let latches = |act: &Act| matches!(act,
                Act::OptedOut { whom: Whom::Child } | Act::Registered { adult: Adult::No, .. });
            if event.as_ref().is_some_and(|event| latches(&event.act)) {
                prop_assert!(history.standing.latched);
            }
            if before.standing.latched && !history.standing.latched {
                prop_assert_eq!(event.map(|event| event.act), Some(Act::AgeVerified {}));
                prop_assert!(history.standing.grants.is_empty());
            }
        }
    }

    #[test]
    fn a_renewal_keeps_the_lineage_and_a_yes_after_an_end_has_a_new_one(moves in arbitrary::moves()) {
        let mut past: Vec<(Triple, Seq)> = Vec::new();
        for Step { event, before, history, .. } in play(&moves).steps {
            if let Some(Event { at, act: Act::Granted { triple, .. } }) = &event {
                let live = |grant: &&Grant| *at < grant.valid_until;
                let kept = before.standing.grants.get(triple).filter(live).map(|grant| grant.lineage);
                let lineage = history.standing.grants[triple].lineage;
                prop_assert_eq!(lineage, kept.unwrap_or(history.seq.unwrap()));
                prop_assert!(!past.contains(&(triple.clone(), lineage)), "an ended lineage came back");
            }
            for (triple, grant) in &before.standing.grants {
                if history.standing.grants.get(triple).is_none_or(|now| now.lineage != grant.lineage) {
                    past.push((triple.clone(), grant.lineage));
                }
            }
        }
    }

    #[test]
    fn refused_withdrawn_revoked_and_expired_are_kept_apart(moves in arbitrary::moves()) {
        for Step { event, history, .. } in play(&moves).steps {
            let seq = history.seq;
            let (ended, how): (Vec<Triple>, End) = match event.map(|event| event.act) {
                Some(Act::Refused { triple, .. }) => (vec![triple], End::Refused),
                Some(Act::Withdrawn { ended }) => (ended.into_iter().map(|one| one.triple).collect(), End::Withdrawn),
                Some(Act::Revoked { ended }) => (ended.into_iter().map(|one| one.triple).collect(), End::Revoked),
                Some(Act::Signalled { ended }) => (ended.into_iter().map(|one| one.triple).collect(), End::Signalled),
                Some(Act::Expired { ended }) => (ended.into_iter().map(|one| one.triple).collect(), End::Expired),
                _ => continue,
            };
            for triple in ended {
                prop_assert_eq!(history.ended.get(&triple), Some(&(seq.unwrap(), how)));
                prop_assert!(!history.standing.grants.contains_key(&triple));
            }
        }
    }

    #[test]
    fn a_rejected_topic_never_returns(moves in arbitrary::moves()) {
        for Step { before, history, event, .. } in play(&moves).steps {
            for (topic, accepted) in &before.topics {
                prop_assert!(*accepted || history.topics.get(topic) == Some(&false));
            }
            if let Some(Event { act: Act::TopicDecided { topic, accepted: false }, .. }) = event {
                prop_assert_eq!(history.topics.get(&topic), Some(&false));
            }
        }
    }

    /// An older yes must not undo a younger no, whatever was said since (N18).
    #[test]
    fn an_older_yes_is_known_by_what_restricted_since(moves in arbitrary::moves(), known in 0_i64..130) {
        let story = play(&moves);
        let history = fold(&story.events);
        for triple in triples() {
            let want = naive::restricted_since(&story.events, &triple, Seq(known));
            prop_assert_eq!(history.restricted_since(&triple, Seq(known)), want, "{:?} since {}", triple, known);
        }
    }

    #[test]
    fn an_event_has_one_canonical_text_and_comes_back_from_it(act in arbitrary::act(), at in any::<i64>()) {
        let event = Event { at: Micros(at), act };
        let text = event.canonical().unwrap();
        prop_assert_eq!(&serde_json::from_str::<Event>(&text).unwrap(), &event);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        prop_assert!(arbitrary::integers_only(&value), "{}", text);
        prop_assert_eq!(arbitrary::sorted(&value), text);
        prop_assert_eq!(value["act"]["kind"].as_str(), Some(event.act.kind()));
    }
}

#[test]
fn every_kind_of_event_is_tried() {
    let source = include_str!("../../src/domain/event.rs");
    let (_, body) = source.split_once("pub fn kind(&self)").unwrap();
    let kinds = body.lines().take_while(|line| *line != "    }").filter(|line| line.contains("=> \"")).count();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let drawn: std::collections::BTreeSet<_> =
        (0..2_000).map(|_| arbitrary::act().new_tree(&mut runner).unwrap().current().kind()).collect();
    assert_eq!(drawn.len(), kinds, "{drawn:?}");
    assert_eq!(drawn, std::collections::BTreeSet::from(sayso::domain::Act::KINDS), "the list of kinds");
}

#[test]
fn an_unknown_field_or_kind_is_no_event() {
    for text in [
        r#"{"act":{"kind":"held"},"at":1,"more":1}"#,
        r#"{"act":{"kind":"held","more":1},"at":1}"#,
        r#"{"act":{"kind":"hold"},"at":1}"#,
        r#"{"act":{"kind":"held"},"at":1.5}"#,
        r#"{"act":{"kind":"held"}}"#,
    ] {
        assert!(serde_json::from_str::<Event>(text).is_err(), "{text}");
    }
}

#[test]
fn an_opt_out_for_a_child_is_erased_sooner_and_a_release_does_not_stop_that() {
    let at = Micros(0);
    let event = |act| Event { at, act };
    let own = event(Act::OptedOut { whom: Whom::Oneself });
    let child = event(Act::OptedOut { whom: Whom::Child });
    let release = event(Act::Released {});
    let due = |events: &[&Event]| History::fold((1..).map(Seq).zip(events.iter().copied())).standing.erase_due;
    assert_eq!(due(&[&own]), Some(at.plus_days(90)));
    assert_eq!(due(&[&own, &release]), None);
    assert_eq!(due(&[&child]), Some(at.plus_days(30)));
    assert_eq!(due(&[&own, &child, &release]), Some(at.plus_days(30)));
}
