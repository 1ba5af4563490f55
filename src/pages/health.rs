//! How the service is, for operators: what is well, and what somebody has to look at. Sums, and nobody in them.

use maud::{Markup, html};

use super::words::Lang;
use crate::domain::Micros;
use crate::service::Health;

/// A mail that is not fetched for so long is looked at, in seconds.
const MAIL_SECONDS: i64 = 3600;
/// The same for an erasure.
const ERASURE_SECONDS: i64 = 24 * 3600;
/// So far the machine's clock may be behind, in microseconds.
const BEHIND_MICROS_MAX: i64 = 1_000_000;

/// One thing that is well, or is not, and what there is to say about it.
struct Line {
    name: &'static str,
    well: bool,
    says: String,
}

pub(super) fn draw(lang: Lang, health: &Health) -> Markup {
    let lines = [
        checkpoint(lang, health),
        mails(lang, health),
        deliveries(lang, health),
        erasures(lang, health),
        clock(lang, health),
    ];
    html! {
        h2 { (lang.t("operate.health")) }
        ul class="health" {
            @for Line { name, well, says } in &lines {
                li class=(if *well { "well" } else { "amiss" }) {
                    strong { (lang.t(name)) ": " (lang.t(if *well { "health.well" } else { "health.amiss" })) "." }
                    " " (says)
                }
            }
        }
        p { (lang.t("operate.health_text")) " " code { "/readyz" } }
    }
}

fn checkpoint(lang: Lang, health: &Health) -> Line {
    let size = lang.number(health.size.0);
    let says = match health.kept {
        None => lang.t("health.kept_none").to_owned(),
        Some(kept) => lang.say("health.kept", &[("kept", &lang.number(kept.0)), ("size", &size)]),
    };
    Line { name: "health.checkpoint", well: health.kept == Some(health.size), says }
}

fn mails(lang: Lang, health: &Health) -> Line {
    let files = i64::try_from(health.mail_files).unwrap_or(i64::MAX);
    let numbers = [("queued", &*lang.number(health.mails)), ("files", &*lang.number(files))];
    let mut says = lang.say("health.mails_wait", &numbers);
    let oldest = [(health.mails_since, "health.oldest_queued"), (health.mail_files_since, "health.oldest_file")];
    for (since, words) in oldest {
        if let Some(since) = since {
            says = format!("{says} {}", lang.say(words, &[("time", &lang.time(since))]));
        }
    }
    let late = health.mail_files_since.is_some_and(|since| since.plus_seconds(MAIL_SECONDS) < health.now);
    Line { name: "health.mails", well: health.mails == 0 && !late, says }
}

fn deliveries(lang: Lang, health: &Health) -> Line {
    let sums = health.failing.iter().map(|one| (lang.named("delivery_state", &one.state), one.count, one.since));
    Line { name: "health.deliveries", well: health.failing.is_empty(), says: sums_in_words(lang, sums) }
}

fn erasures(lang: Lang, health: &Health) -> Line {
    let late = health.erasures.iter().any(|one| one.since.plus_seconds(ERASURE_SECONDS) < health.now);
    let sums = health.erasures.iter().map(|one| (lang.named("step", &one.step), one.count, one.since));
    Line { name: "operate.erasures", well: !late, says: sums_in_words(lang, sums) }
}

fn clock(lang: Lang, health: &Health) -> Line {
    let behind = lang.number(health.clock_behind.div_euclid(1_000_000));
    let well = health.clock_behind <= BEHIND_MICROS_MAX;
    let says = if well {
        lang.say("health.time", &[("time", &lang.time(health.now))])
    } else {
        lang.say("health.behind", &[("seconds", &behind), ("time", &lang.time(health.now))])
    };
    Line { name: "health.clock", well, says }
}

/// How many of each, and since when the oldest.
fn sums_in_words(lang: Lang, sums: impl Iterator<Item = (String, i64, Micros)>) -> String {
    let words = sums.map(|(name, count, since)| {
        format!("{name}: {}, {}.", lang.number(count), lang.say("operate.since", &[("time", &lang.time(since))]))
    });
    let words: Vec<_> = words.collect();
    if words.is_empty() { lang.t("operate.no_erasures").to_owned() } else { words.join(" ") }
}
