//! Every combination of facts and action, in the order of the table, and the table as text.

use std::fmt::Write;

use sayso::domain::Adult;
use sayso::gate::{Action, Denial, Facts, PurposeClass, floor};

const HEAD: &str = "\
# The truth table of the floor (src/gate/floor.rs): every combination of facts for every action, 46,080 cells.
# A test compares every cell. To write it anew on purpose, and then read the difference:
#     cargo test --test it -- --ignored --exact floor::write_the_table
#
# A line: action, flags of the person (E erased, H held, S suppressed, L latched, - not), adult, purpose, and 64 letters, one for
# each combination of: policy_loaded lease_valid granted expired notice_current other_end
# The first letter is for 000000 (all false), the last for 111111; policy_loaded is the highest digit, other_end the lowest.
#
# A allow               E erased              G no grant
# P no policy           C said to be a child  T the grant ended
# L no lease            Y not known adult     N the notice is outdated
# X prohibited purpose  S opted out           O the other end is not allowed
# U unknown purpose     H held                R no such person (only behind the floor)
";

const ADULTS: [Adult; 3] = [Adult::Yes, Adult::No, Adult::Unknown];
const PURPOSES: [PurposeClass; 3] = [PurposeClass::Allowed, PurposeClass::Unknown, PurposeClass::Prohibited];

pub(super) fn letter(answer: Result<(), Denial>) -> char {
    match answer {
        Ok(()) => 'A',
        Err(Denial::NoPolicy) => 'P',
        Err(Denial::NoLease) => 'L',
        Err(Denial::ProhibitedPurpose) => 'X',
        Err(Denial::UnknownPurpose) => 'U',
        Err(Denial::NoRecord) => 'R',
        Err(Denial::Erased) => 'E',
        Err(Denial::Latched) => 'C',
        Err(Denial::NotAdult) => 'Y',
        Err(Denial::Suppressed) => 'S',
        Err(Denial::Held) => 'H',
        Err(Denial::NoGrant) => 'G',
        Err(Denial::Expired) => 'T',
        Err(Denial::NoticeOutdated) => 'N',
        Err(Denial::OtherEnd) => 'O',
        Err(Denial::HouseRule) => 'W',
    }
}

fn bit(number: u32, place: u32) -> bool {
    number >> place & 1 == 1
}

/// The 64 cells of one line.
fn line(person: u32, adult: Adult, purpose: PurposeClass) -> impl Iterator<Item = Facts> {
    (0..64).map(move |rest| Facts {
        policy_loaded: bit(rest, 5),
        lease_valid: bit(rest, 4),
        purpose,
        erased: bit(person, 3),
        held: bit(person, 2),
        suppressed: bit(person, 1),
        latched: bit(person, 0),
        adult,
        granted: bit(rest, 3),
        expired: bit(rest, 2),
        notice_current: bit(rest, 1),
        other_end: bit(rest, 0),
    })
}

fn lines() -> Vec<(Action, u32, Adult, PurposeClass)> {
    let mut lines = Vec::new();
    for action in Action::ALL {
        for person in 0..16 {
            for adult in ADULTS {
                lines.extend(PURPOSES.map(|purpose| (action, person, adult, purpose)));
            }
        }
    }
    lines
}

pub(super) fn cells() -> Vec<(Facts, Action)> {
    let all = lines().into_iter();
    all.flat_map(|(action, person, adult, purpose)| line(person, adult, purpose).map(move |facts| (facts, action)))
        .collect()
}

pub(super) fn written() -> String {
    let mut text = String::from(HEAD);
    for (action, person, adult, purpose) in lines() {
        let flags: String =
            "EHSL".chars().zip((0..4).rev()).map(|(c, at)| if bit(person, at) { c } else { '-' }).collect();
        let letters: String = line(person, adult, purpose).map(|facts| letter(floor(&facts, action))).collect();
        let (action, adult, purpose) = (format!("{action:?}"), format!("{adult:?}"), format!("{purpose:?}"));
        writeln!(text, "{action:<8} {flags} {adult:<7} {purpose:<10} {letters}").unwrap();
    }
    text
}
