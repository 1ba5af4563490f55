//! What changes between two sets of rules: exactly the classes whose answer is another, and the same in few lines for people.

use std::collections::BTreeSet;

use crate::domain::Assurance;
use crate::gate::{Action, Axes, Class, HouseTable};

/// A class whose answer changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The class.
    pub class: Class,
    /// Whether it is allowed from then on.
    pub allowed: bool,
}

/// Classes that change alike: every combination of these values. A part that holds every value there is prints as `any`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Recipient class, action, purpose, source, regime, assurance.
    pub parts: [Vec<String>; 6],
    /// How many classes that is.
    pub classes: usize,
}

/// The classes whose answer changes from one table to the other. One that a table does not have is denied there.
pub fn changes(before: &HouseTable, after: &HouseTable) -> Vec<Change> {
    let every: BTreeSet<Class> = before.axes.all().chain(after.axes.all()).collect();
    let change = |class: Class| {
        let [was, allowed] = [before, after].map(|table| table.allows(&class.row(), class.assurance));
        (was != allowed).then_some(Change { class, allowed })
    };
    every.into_iter().filter_map(change).collect()
}

/// The same classes in few groups: those which differ in one part alone are put together, part by part.
pub fn groups(classes: &[Class], axes: &[&Axes; 2]) -> Vec<Group> {
    let mut groups: Vec<[BTreeSet<String>; 6]> =
        classes.iter().map(|class| words(class).map(|word| BTreeSet::from([word]))).collect();
    for part in 0..6 {
        groups = merged(groups, part);
    }
    let every = axes_words(axes);
    let group = |parts: [BTreeSet<String>; 6]| {
        let classes = parts.iter().map(BTreeSet::len).product();
        let mut every = every.iter();
        let parts = parts.map(|part| {
            let is_any = every.next().is_some_and(|every| part.is_superset(every));
            if is_any { vec!["any".to_owned()] } else { part.into_iter().collect() }
        });
        Group { parts, classes }
    };
    groups.into_iter().map(group).collect()
}

/// Puts together groups that agree in every part but this one.
fn merged(groups: Vec<[BTreeSet<String>; 6]>, part: usize) -> Vec<[BTreeSet<String>; 6]> {
    let mut done: Vec<[BTreeSet<String>; 6]> = Vec::new();
    for group in groups {
        let agrees = |other: &&mut [BTreeSet<String>; 6]| {
            other.iter().zip(&group).enumerate().all(|(at, (one, two))| at == part || one == two)
        };
        match done.iter_mut().find(agrees) {
            Some(same) => {
                same.iter_mut().zip(group).for_each(|(all, more)| all.extend(more));
            }
            None => done.push(group),
        }
    }
    done
}

fn words(class: &Class) -> [String; 6] {
    let Class { recipient_class, action, purpose, source, regime, assurance } = class;
    [
        recipient_class.to_string(),
        action.as_str().into(),
        purpose.to_string(),
        source.to_string(),
        regime.to_string(),
        assurance.as_str().into(),
    ]
}

fn axes_words(axes: &[&Axes; 2]) -> [BTreeSet<String>; 6] {
    let mut every: [BTreeSet<String>; 6] = Default::default();
    for axes in axes {
        let words: [Vec<String>; 6] = [
            axes.recipient_classes.iter().map(ToString::to_string).collect(),
            Action::ALL.iter().map(|action| action.as_str().into()).collect(),
            axes.purposes.iter().map(ToString::to_string).collect(),
            axes.sources.iter().map(ToString::to_string).collect(),
            axes.regimes.iter().map(ToString::to_string).collect(),
            Assurance::ALL.iter().map(|assurance| assurance.as_str().into()).collect(),
        ];
        every.iter_mut().zip(words).for_each(|(all, words)| all.extend(words));
    }
    every
}
