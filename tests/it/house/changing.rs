//! What a change would change: exactly the classes whose answer is another, and the same in groups.

use std::collections::BTreeSet;

use proptest::prelude::*;
use sayso::gate::{Class, HouseTable};
use sayso::policy::{Group, Registry, changes, groups};

use super::load;
use super::random::rule_set;

/// Every class of a group, spelled out.
fn spelled_out(group: &Group, table: &HouseTable) -> BTreeSet<Class> {
    let fits = |part: &[String], word: &str| part == ["any"] || part.iter().any(|one| one == word);
    let axes = &table.axes;
    let is_in = |class: &Class| {
        let [recipient_class, action, purpose, source, regime, assurance] = &group.parts;
        fits(recipient_class, class.recipient_class.as_str())
            && fits(action, class.action.as_str())
            && fits(purpose, class.purpose.as_str())
            && fits(source, class.source.as_str())
            && fits(regime, class.regime.as_str())
            && fits(assurance, class.assurance.as_str())
    };
    axes.all().filter(is_in).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_diff_is_exactly_what_changes_and_its_groups_say_no_more_and_no_less(before in rule_set(), after in rule_set()) {
        let [before, after] = [before, after].map(|text| load(&text).unwrap().into_table());
        let found = changes(&before, &after);
        let every: BTreeSet<Class> = before.axes.all().collect();
        let answers = |table: &HouseTable, class: &Class| table.allows(&class.row(), class.assurance);
        let want: BTreeSet<Class> = every.into_iter().filter(|c| answers(&before, c) != answers(&after, c)).collect();
        prop_assert_eq!(found.iter().map(|change| change.class.clone()).collect::<BTreeSet<_>>(), want);
        prop_assert!(found.iter().all(|change| change.allowed == answers(&after, &change.class)));
        for allowed in [false, true] {
            let classes: Vec<Class> =
                found.iter().filter(|change| change.allowed == allowed).map(|change| change.class.clone()).collect();
            let groups = groups(&classes, &[&before.axes, &after.axes]);
            let mut covered = Vec::new();
            for group in &groups {
                let all = spelled_out(group, &before);
                prop_assert_eq!(all.len(), group.classes);
                covered.extend(all);
            }
            prop_assert_eq!(covered.len(), classes.len(), "no class twice");
            prop_assert_eq!(covered.into_iter().collect::<BTreeSet<_>>(), classes.into_iter().collect());
        }
    }
}

#[test]
fn one_rule_more_is_one_line() {
    let permit = "@id(\"all\") permit (principal, action, resource);";
    let forbid =
        "@id(\"no\") forbid (principal == RecipientClass::\"company\", action == Action::\"disclose\", resource);";
    let before = load(permit).unwrap().into_table();
    let after = load(&format!("{permit}{forbid}")).unwrap().into_table();
    let found = changes(&before, &after);
    let classes: Vec<Class> = found.into_iter().map(|change| change.class).collect();
    let groups = groups(&classes, &[&before.axes, &after.axes]);
    let any = || vec!["any".to_owned()];
    let want = [vec!["company".into()], vec!["disclose".into()], any(), any(), any(), any()];
    assert_eq!(groups, [Group { parts: want, classes: classes.len() }]);
}

#[test]
fn what_only_one_registry_knows_is_denied_in_the_other() {
    let text = include_str!("../../../policies/registry.toml");
    let more = Registry::parse(&format!("{text}[[source]]\nname = \"myspace\"\ntitle = \"Myspace\"\n")).unwrap();
    let before = load("@id(\"all\") permit (principal, action, resource);").unwrap().into_table();
    let after = HouseTable::new(more.axes(), |_| true);
    let found = changes(&before, &after);
    assert!(
        !found.is_empty() && found.iter().all(|change| change.allowed && change.class.source.as_str() == "myspace")
    );
    assert!(changes(&after, &before).iter().all(|change| !change.allowed));
}
