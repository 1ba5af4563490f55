//! How a consent stands, in words: what the service says of it, and nothing that is worked out here.

use maud::Markup;

use super::notice;
use super::words::Lang;
use crate::domain::{Act, Event, Triple};
use crate::service::{Consents, Denial, LiveConsent};

pub(super) fn titled(lang: Lang, triple: &Triple) -> String {
    let purpose = lang.named("purpose", triple.purpose.as_str());
    format!("{purpose}: {}", between(lang, triple))
}

/// From where to whom.
fn between(lang: Lang, triple: &Triple) -> String {
    let recipient = lang.named("recipient", triple.recipient.as_str());
    lang.say(
        "consents.between",
        &[("source", &lang.named("source", triple.source.as_str())), ("recipient", &recipient)],
    )
}

/// Why the gate says no.
pub(super) fn denied(lang: Lang, denial: Denial) -> String {
    let reason = serde_json::to_value(denial).ok().and_then(|word| Some(word.as_str()?.to_owned()));
    lang.named("denied", &reason.unwrap_or_default())
}

/// A yes that is there, and whether it counts.
pub(super) fn of_live(lang: Lang, consents: &Consents, live: &LiveConsent) -> String {
    let begun = consents.history.iter().find(|entry| entry.seq == live.consent_id);
    let begun = begun.map_or_else(String::new, |entry| lang.time(entry.event.at));
    let version = live.notice_version.to_string();
    let until = lang.day(live.valid_until_us.day());
    let reason = live.denied.map_or_else(String::new, |denial| denied(lang, denial));
    let key = match live.denied {
        None => "consents.since",
        Some(Denial::NoticeOutdated) => "consents.outdated",
        Some(Denial::Expired) => "consents.expired",
        Some(_) => "consents.stopped",
    };
    lang.say(key, &[("since", &begun), ("until", &until), ("version", &version), ("reason", &reason)])
}

/// What holds about a question: by the yes that is there, else by what was decided last.
pub(super) fn of(lang: Lang, consents: &Consents, live: Option<&LiveConsent>, last: Option<&Event>) -> String {
    match (live, last) {
        (Some(live), _) => of_live(lang, consents, live),
        (None, None) => lang.t("consents.undecided").into(),
        (None, Some(event)) => ended(lang, event),
    }
}

fn ended(lang: Lang, event: &Event) -> String {
    let time = lang.time(event.at);
    match &event.act {
        Act::Refused { .. } => lang.say("consents.said_no", &[("time", &time)]),
        Act::Granted { .. } => lang.say("consents.no_longer", &[("time", &time)]),
        act => lang.say("consents.not_since", &[("what", &lang.named("act", act.kind())), ("time", &time)]),
    }
}

/// The way to the notice that was shown when something was decided about a triple, last.
pub(super) fn as_shown(lang: Lang, consents: &Consents, fits: impl Fn(&Triple) -> bool) -> Option<Markup> {
    let about = |act: &&Act| act.triples().into_iter().any(&fits);
    let acts = consents.history.iter().rev().map(|entry| &entry.event.act);
    acts.filter(about).find_map(|act| notice::decided_on(lang, act))
}

/// The last thing that was decided about a triple.
pub(super) fn last_about(consents: &Consents, fits: impl Fn(&Triple) -> bool) -> Option<&Event> {
    let about = |event: &&Event| {
        !matches!(event.act, Act::Disclosed { .. } | Act::RecordImported { .. })
            && event.act.triples().into_iter().any(&fits)
    };
    consents.history.iter().rev().map(|entry| &entry.event).find(about)
}
