//! The slow oracle: each question scans the whole list of events anew.

use sayso::domain::{Act, Adult, Assurance, Event, Grant, History, Micros, Seq, Standing, Triple, Whom};

type Events = [(Seq, Event)];

/// Where the last event of a sort stands, counted from 1; 0 for none.
fn last(events: &Events, is: impl Fn(&Act) -> bool) -> usize {
    events.iter().rposition(|(_, event)| is(&event.act)).map_or(0, |place| place + 1)
}

fn is_child(act: &Act) -> bool {
    matches!(act, Act::OptedOut { whom: Whom::Child } | Act::Registered { adult: Adult::No, .. })
}

fn is_own(act: &Act) -> bool {
    matches!(act, Act::OptedOut { whom: Whom::Oneself })
}

fn age(events: &Events) -> (Adult, Assurance) {
    let verified = last(events, |act| *act == Act::AgeVerified {});
    let minor = last(events, |act| matches!(act, Act::Registered { adult: Adult::No, .. }));
    let first_word = events.iter().find_map(|(_, event)| match event.act {
        Act::Registered { adult: Adult::Yes, assurance } => Some((Adult::Yes, assurance)),
        _ => None,
    });
    match (verified, minor) {
        (0, 0) => first_word.unwrap_or_else(|| {
            let said = events.iter().rev().find_map(|(_, event)| match event.act {
                Act::Registered { assurance, .. } => Some(assurance),
                _ => None,
            });
            (Adult::Unknown, said.unwrap_or(Assurance::None))
        }),
        (verified, minor) if verified > minor => (Adult::Yes, Assurance::Verified),
        _ => (Adult::No, Assurance::SelfDeclared),
    }
}

fn latched(events: &Events) -> bool {
    last(events, is_child) > last(events, |act| *act == Act::AgeVerified {})
}

/// Whether the event at this place ends what was granted for a triple.
fn ends(events: &Events, place: usize, triple: &Triple) -> bool {
    let before = &events[..place];
    match &events[place].1.act {
        Act::Refused { triple: refused, .. } => refused == triple,
        Act::Withdrawn { ended } | Act::Revoked { ended } | Act::Expired { ended } | Act::Signalled { ended } => {
            ended.iter().any(|one| one.triple == *triple)
        }
        Act::Erased {} => true,
        Act::Registered { adult, .. } => *adult != Adult::No && age(before).0 == Adult::Unknown,
        Act::AgeVerified {} => latched(before) || age(before).0 != Adult::Yes,
        _ => false,
    }
}

fn grant(events: &Events, triple: &Triple) -> Option<Grant> {
    let end = (0..events.len()).rev().find(|place| ends(events, *place, triple)).map_or(0, |place| place + 1);
    let mut found: Option<Grant> = None;
    for (seq, event) in &events[end..] {
        if let Act::Granted { triple: granted, notice_version, valid_until, .. } = &event.act
            && granted == triple
        {
            let kept = found.filter(|old| event.at < old.valid_until).map(|old| old.lineage);
            let (lineage, notice_version) = (kept.unwrap_or(*seq), *notice_version);
            found = Some(Grant { lineage, notice_version, valid_until: *valid_until });
        }
    }
    found
}

fn due(events: &Events) -> Option<Micros> {
    let mut opted_out: Vec<(Whom, Micros)> = Vec::new();
    for (_, event) in events {
        match &event.act {
            act if is_child(act) => opted_out.push((Whom::Child, event.at.plus_days(History::ERASE_CHILD_AFTER_DAYS))),
            act if is_own(act) => opted_out.push((Whom::Oneself, event.at.plus_days(History::ERASE_AFTER_DAYS))),
            Act::Released {} => opted_out.retain(|(whom, _)| *whom == Whom::Child),
            Act::AgeVerified {} => opted_out.retain(|(whom, _)| *whom == Whom::Oneself),
            _ => {}
        }
    }
    opted_out.into_iter().map(|(_, due)| due).min()
}

fn suppressed(events: &Events) -> bool {
    last(events, is_own) > last(events, |act| *act == Act::Released {})
}

/// What is in force after all of these; the epoch is left at 0.
pub(super) fn standing(events: &Events) -> Standing {
    let (adult, assurance) = age(events);
    let grants = super::triples().into_iter().filter_map(|triple| Some((triple.clone(), grant(events, &triple)?)));
    Standing {
        epoch: 0,
        erased: last(events, |act| *act == Act::Erased {}) > 0,
        held: last(events, |act| *act == Act::Held {}) > last(events, |act| *act == Act::Released {}),
        suppressed: suppressed(events),
        latched: latched(events),
        adult,
        assurance,
        erase_due: due(events),
        grants: grants.collect(),
    }
}

/// Whether anything after `known` ended this triple or paused the person.
pub(super) fn restricted_since(events: &Events, triple: &Triple, known: Seq) -> bool {
    (0..events.len()).any(|place| {
        let (seq, event) = &events[place];
        let pauses = matches!(event.act, Act::Held {} | Act::OptedOut { .. } | Act::Erased {}) || is_child(&event.act);
        let told = matches!(
            event.act,
            Act::Refused { .. }
                | Act::Withdrawn { .. }
                | Act::Revoked { .. }
                | Act::Expired { .. }
                | Act::Signalled { .. }
        );
        let lost = ends(events, place, triple) && (told || grant(&events[..place], triple).is_some());
        *seq > known && (pauses || lost)
    })
}
