//! Explanations: exact to the last micro-attention, and about nobody.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use sayso::domain::{Edge, ResponseKind, Week};
use sayso::ids::Subject;
use sayso::score::{Amounts, CAP, DENOMINATOR, GROUP_MIN, Rest, Verdict, explain, publish};

use super::{ME, edge, join, mine, steady, who, worlds};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_explanation_is_exact_and_shows_no_group_under_five(world in worlds()) {
        let (found, explanation) = (mine(&world), explain(&mine(&world)));
        prop_assert_eq!((explanation.version, explanation.denominator), ("attention-1", DENOMINATOR));
        let weeks: BTreeMap<Week, bool> = explanation.weeks.iter().map(|shown| (shown.week, shown.counts)).collect();
        prop_assert_eq!(&weeks, &found.window);
        let givers: BTreeSet<Subject> = found.counted().map(|part| part.responder).collect();
        let Amounts::Shown { numerator, cells, rest } = explanation.amounts else {
            prop_assert!(givers.len() < GROUP_MIN || publish(&found) == Verdict::InsufficientData);
            return Ok(());
        };
        prop_assert_ne!(publish(&found), Verdict::InsufficientData);
        let mut hidden: BTreeMap<_, (i64, BTreeSet<Subject>)> = BTreeMap::new();
        for part in found.counted() {
            let cell = hidden.entry((part.kind, part.topic.clone(), part.week)).or_default();
            cell.0 += part.micro;
            cell.1.insert(part.responder);
        }
        for cell in &cells {
            let (micro, people) = hidden.remove(&(cell.kind, cell.topic.clone(), cell.week)).unwrap();
            prop_assert_eq!((micro, people.len()), (cell.micro, cell.responders));
            prop_assert!(cell.responders >= GROUP_MIN && weeks[&cell.week]);
        }
        let rest_micro = rest.map_or(0, |rest| rest.micro);
        prop_assert_eq!(numerator, found.numerator);
        prop_assert_eq!(cells.iter().map(|cell| cell.micro).sum::<i64>() + rest_micro, numerator);
        let people: BTreeSet<Subject> = hidden.values().flat_map(|cell| cell.1.clone()).collect();
        prop_assert_eq!(rest.map_or(0, |rest| rest.responders), people.len());
        prop_assert!(rest.is_none_or(|rest| rest.responders >= GROUP_MIN));
        let large = hidden.values().filter(|cell| cell.1.len() >= GROUP_MIN);
        let large: Vec<i64> = large.map(|cell| cell.0).collect();
        prop_assert!(large.len() <= 1, "no more is hidden than the rest needs");
        prop_assert!(large.iter().all(|least| cells.iter().all(|cell| *least <= cell.micro)));
    }

    #[test]
    fn nobody_is_in_an_explanation(world in worlds()) {
        let text = serde_json::to_string(&explain(&mine(&world))).unwrap();
        prop_assert!((0..15).all(|number| !text.contains(&who(number).to_string())));
    }
}

/// Five people in four weeks; three more make the last week the best one, which is left out.
fn five_people_and_a_best_week() -> Vec<Edge> {
    join(&steady(1..=5, 97..=100), &steady(11..=13, 100..=100))
}

fn reply(person: u8, week: i64) -> Edge {
    Edge { kind: ResponseKind::Reply, ..edge(person, ME, week, 1) }
}

#[test]
fn a_single_reply_hides_behind_the_smallest_group() {
    let found = mine(&join(&five_people_and_a_best_week(), &[reply(6, 97), edge(7, ME, 97, 1)]));
    let Amounts::Shown { numerator, cells, rest } = explain(&found).amounts else { panic!("there is a score") };
    let shown: Vec<(Week, i64, usize)> = cells.iter().map(|cell| (cell.week, cell.micro, cell.responders)).collect();
    assert_eq!(shown, [(Week(97), 6 * CAP, 6), (Week(99), 5 * CAP, 5)]);
    assert_eq!(rest, Some(Rest { micro: 6 * CAP, responders: 6 }));
    assert_eq!(numerator, 17 * CAP);
}

#[test]
fn small_groups_that_are_five_people_together_hide_nothing_else() {
    let replies = [reply(6, 97), reply(7, 97), reply(8, 98), reply(9, 98), reply(10, 99)];
    let found = mine(&join(&five_people_and_a_best_week(), &replies));
    let Amounts::Shown { cells, rest, .. } = explain(&found).amounts else { panic!("there is a score") };
    assert_eq!((cells.len(), rest), (3, Some(Rest { micro: 5 * CAP, responders: 5 })));
}

#[test]
fn without_small_groups_there_is_no_rest() {
    let found = mine(&five_people_and_a_best_week());
    let Amounts::Shown { cells, rest, .. } = explain(&found).amounts else { panic!("there is a score") };
    assert_eq!((cells.len(), rest), (3, None));
}

#[test]
fn amounts_that_fewer_than_five_people_gave_are_withheld() {
    // Five people in one week, which is the best and left out; in all others it was one.
    let found = mine(&join(&steady(1..=5, 100..=100), &steady(1..=1, 90..=99)));
    assert!(matches!(publish(&found), Verdict::Scored { .. }));
    assert_eq!(explain(&found).amounts, Amounts::Withheld);
}
