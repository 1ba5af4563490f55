//! The formula once more, slowly: scans for every question, and hands out remainders one by one.

use std::collections::{BTreeMap, BTreeSet};

use sayso::domain::{Edge, ResponseKind, Topic, Week};
use sayso::ids::Subject;

use super::{ME, who};

pub(super) type Parts = BTreeMap<(Subject, Week, Topic, ResponseKind), i64>;

fn weight<'a>(formula: &str, edges: impl Iterator<Item = &'a Edge>) -> i128 {
    let twice = |e: &Edge| formula == "attention-1" && e.kind == ResponseKind::Reshare;
    edges.map(|e| i128::from(e.count) * if twice(e) { 2 } else { 1 }).sum()
}

pub(super) fn parts(formula: &str, edges: &[Edge]) -> Parts {
    let mut parts = Parts::new();
    let people: BTreeSet<Subject> = edges.iter().map(|e| e.actor).filter(|actor| *actor != who(ME)).collect();
    for week in (75..=100).map(Week) {
        for person in &people {
            let spent: Vec<&Edge> =
                edges.iter().filter(|e| e.actor == *person && e.week == week && e.target != *person).collect();
            let here: Vec<&Edge> = spent.iter().copied().filter(|e| e.target == who(ME)).collect();
            for ((topic, kind), micro) in apportion(formula, weight(formula, spent.into_iter()), &here) {
                parts.insert((*person, week, topic, kind), micro);
            }
        }
    }
    parts
}

fn apportion(formula: &str, everywhere: i128, here: &[&Edge]) -> Vec<((Topic, ResponseKind), i64)> {
    let all = weight(formula, here.iter().copied());
    if all == 0 {
        return Vec::new();
    }
    let whole = (1_000_000 * all / everywhere).min(250_000);
    let keys: BTreeSet<(Topic, ResponseKind)> = here.iter().map(|e| (e.topic.clone(), e.kind)).collect();
    let weighed = keys.into_iter().map(|key| {
        let weight = weight(formula, here.iter().copied().filter(|e| (&e.topic, e.kind) == (&key.0, key.1)));
        (key, weight, whole * weight / all)
    });
    let mut cells: Vec<_> = weighed.collect();
    while cells.iter().map(|cell| cell.2).sum::<i128>() < whole {
        let owed = |cell: &((Topic, ResponseKind), i128, i128)| whole * cell.1 - cell.2 * all;
        let most = cells.iter().map(owed).max().unwrap();
        cells.iter_mut().find(|cell| owed(cell) == most).unwrap().2 += 1;
    }
    let given = cells.into_iter().filter(|cell| cell.2 > 0);
    given.map(|(key, _, micro)| (key, i64::try_from(micro).unwrap())).collect()
}

/// Which twelve weeks count: all but the one that beats all others, and those that thirteen others beat.
pub(super) fn counted(parts: &Parts) -> BTreeSet<Week> {
    let sum = |week: Week| parts.iter().filter(|(key, _)| key.1 == week).map(|(_, micro)| micro).sum::<i64>();
    let window: Vec<(i64, Week)> = (75..=100).map(|week| (sum(Week(week)), Week(week))).collect();
    let beaten_by = |mine: &(i64, Week)| window.iter().filter(|other| *other > mine).count();
    window.iter().filter(|week| (1..=12).contains(&beaten_by(week))).map(|week| week.1).collect()
}
