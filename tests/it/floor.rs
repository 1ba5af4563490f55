//! The floor, cell by cell, and the projection that feeds it.
//!
//! `floor_table.txt` holds the answer to every combination and is read by people when it changes. To write it anew on
//! purpose: `cargo test --test it -- --ignored --exact floor::write_the_table`.

mod projection;
mod table;

use sayso::domain::Adult;
use sayso::gate::{Action, Denial, Facts, PurposeClass, floor};

use table::{cells, letter, written};

const TABLE: &str = include_str!("floor_table.txt");

/// Everything as it must be.
const GOOD: Facts = Facts {
    policy_loaded: true,
    lease_valid: true,
    purpose: PurposeClass::Allowed,
    erased: false,
    latched: false,
    adult: Adult::Yes,
    suppressed: false,
    held: false,
    granted: true,
    expired: false,
    notice_current: true,
    other_end: true,
};

/// One condition, made worse, and the reason that must be given.
type Worse = (&'static str, fn(&mut Facts), Denial);

const WORSE: [Worse; 15] = [
    ("policy missing", |f| f.policy_loaded = false, Denial::NoPolicy),
    ("lease stale", |f| f.lease_valid = false, Denial::NoLease),
    ("purpose unknown", |f| f.purpose = PurposeClass::Unknown, Denial::UnknownPurpose),
    ("purpose prohibited", |f| f.purpose = PurposeClass::Prohibited, Denial::ProhibitedPurpose),
    ("erased", |f| f.erased = true, Denial::Erased),
    ("latched", |f| f.latched = true, Denial::Latched),
    ("age unknown", |f| f.adult = Adult::Unknown, Denial::NotAdult),
    ("under 18", |f| f.adult = Adult::No, Denial::NotAdult),
    ("opted out", |f| f.suppressed = true, Denial::Suppressed),
    ("held", |f| f.held = true, Denial::Held),
    ("no grant", |f| f.granted = false, Denial::NoGrant),
    ("expired", |f| f.expired = true, Denial::Expired),
    ("notice outdated", |f| f.notice_current = false, Denial::NoticeOutdated),
    ("other end, score", |f| f.other_end = false, Denial::OtherEnd),
    ("other end, link", |f| f.other_end = false, Denial::OtherEnd),
];

fn worse(name: &str, action: Action) -> Result<(), Denial> {
    let (_, change, _) = WORSE.iter().find(|(worse, _, _)| *worse == name).unwrap();
    let mut facts = GOOD;
    change(&mut facts);
    floor(&facts, action)
}

#[track_caller]
fn denied_for_every_action(name: &str, reason: Denial) {
    for action in Action::ALL {
        assert_eq!(worse(name, action), Err(reason), "{name}, {action:?}");
    }
}

#[test]
fn the_table_in_the_project_is_the_floor() {
    let want = written();
    for (place, (have, want)) in TABLE.lines().zip(want.lines()).enumerate() {
        assert_eq!(have, want, "line {} of floor_table.txt", place + 1);
    }
    assert_eq!(TABLE.len(), want.len(), "floor_table.txt has other lines at its end");
}

#[test]
#[ignore = "writes the table anew; only when the floor is meant to change"]
fn write_the_table() {
    std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/floor_table.txt"), written()).unwrap();
}

#[test]
fn every_combination_has_its_own_cell() {
    let all = cells();
    assert_eq!(all.len(), 46_080);
    let distinct: std::collections::HashSet<String> = all.iter().map(|cell| format!("{cell:?}")).collect();
    assert_eq!(distinct.len(), 46_080);
    let letters: usize = TABLE
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(' ').next_back())
        .map(str::len)
        .sum();
    assert_eq!(letters, 46_080);
}

/// Written again from the design, not from the code.
fn may(f: &Facts, action: Action) -> bool {
    let person = !f.erased && !f.held && !f.suppressed && !f.latched && f.adult == Adult::Yes;
    let grant = f.granted && !f.expired && f.notice_current;
    let purpose = f.purpose == PurposeClass::Allowed;
    let ends = f.other_end || !(action == Action::Score || action == Action::Link);
    f.policy_loaded && f.lease_valid && purpose && person && grant && ends
}

#[test]
fn a_cell_allows_only_when_every_condition_holds() {
    let mut allows = 0;
    for (facts, action) in cells() {
        let allowed = floor(&facts, action).is_ok();
        assert_eq!(allowed, may(&facts, action), "{action:?} {facts:?}");
        allows += usize::from(allowed);
    }
    assert_eq!(allows, 8, "two for each action without a second person, one for each with");
}

#[test]
fn one_worse_condition_denies_what_was_allowed_and_names_itself() {
    for (facts, action) in cells().into_iter().filter(|(facts, action)| floor(facts, *action).is_ok()) {
        for (name, change, reason) in WORSE {
            let mut changed = facts;
            change(&mut changed);
            let about_the_other = reason == Denial::OtherEnd && !action.has_two_ends();
            let want = if about_the_other { Ok(()) } else { Err(reason) };
            assert_eq!(floor(&changed, action), want, "{name}, {action:?}, {facts:?}");
        }
    }
}

/// Making a denied cell worse never allows it.
#[test]
fn no_worse_condition_ever_helps() {
    for (facts, action) in cells().into_iter().filter(|(facts, action)| floor(facts, *action).is_err()) {
        for (name, change, _) in WORSE {
            let mut changed = facts;
            change(&mut changed);
            assert!(floor(&changed, action).is_err(), "{name}, {action:?}, {facts:?}");
        }
    }
}

#[test]
fn only_a_known_adult_is_allowed() {
    denied_for_every_action("under 18", Denial::NotAdult);
    denied_for_every_action("age unknown", Denial::NotAdult);
    denied_for_every_action("latched", Denial::Latched);
}

#[test]
fn an_opt_out_denies_everything() {
    denied_for_every_action("opted out", Denial::Suppressed);
}

#[test]
fn a_hold_denies_everything() {
    denied_for_every_action("held", Denial::Held);
}

#[test]
fn a_grant_that_ended_denies_everything() {
    denied_for_every_action("expired", Denial::Expired);
    denied_for_every_action("no grant", Denial::NoGrant);
}

#[test]
fn a_grant_on_an_outdated_notice_denies_everything() {
    denied_for_every_action("notice outdated", Denial::NoticeOutdated);
}

#[test]
fn every_letter_stands_for_one_answer() {
    let mut seen = std::collections::BTreeMap::new();
    for (facts, action) in cells() {
        let answer = floor(&facts, action);
        let before = seen.insert(letter(answer), answer);
        assert!(before.is_none_or(|before| before == answer));
    }
    assert_eq!(seen.len(), 14, "thirteen reasons and yes");
}
