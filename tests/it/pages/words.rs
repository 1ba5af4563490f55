//! The words of the pages: every language has every message, and there is a word for everything that is stored or done.

use std::collections::BTreeSet;

use sayso::domain::{Act, Day, Micros};
use sayso::pages::Lang;

use crate::world::{Db, World};

fn places(text: &str) -> BTreeSet<String> {
    text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0.to_owned())).collect()
}

#[test]
fn every_language_has_the_same_messages_with_the_same_places() {
    let english = Lang::English.messages();
    assert!(english.len() > 300, "{}", english.len());
    for lang in Lang::ALL {
        let messages = lang.messages();
        assert_eq!(messages.keys().collect::<BTreeSet<_>>(), english.keys().collect::<BTreeSet<_>>(), "{lang:?}");
        for (key, text) in messages {
            assert_eq!(places(text), places(&english[key]), "{lang:?} {key}");
            assert!(!text.trim().is_empty(), "{lang:?} {key}");
        }
    }
}

/// Every literal in the pages and in the mails that reads like a key of a table of messages.
fn keys_asked_for() -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    let groups: BTreeSet<&str> =
        Lang::English.messages().keys().filter_map(|key| Some(key.split_once('.')?.0)).collect();
    let src = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    let pages = std::fs::read_dir(format!("{src}/pages")).unwrap().map(|entry| entry.unwrap().path());
    for path in pages.chain([format!("{src}/service/letters.rs").into()]) {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        for literal in text.split('"').skip(1).step_by(2) {
            let Some((group, name)) = literal.split_once('.') else { continue };
            let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            if groups.contains(group) && is_word(name) && name != "html" && name != "json" {
                keys.insert(literal.to_owned());
            }
        }
    }
    keys
}

#[test]
fn every_message_that_a_page_or_a_mail_asks_for_is_there() {
    let asked = keys_asked_for();
    assert!(asked.len() > 150, "{}", asked.len());
    let missing: Vec<_> = asked.iter().filter(|key| Lang::English.find(key).is_none()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_that_is_stored_has_words_and_they_say_what_the_data_map_says() {
    let world = World::new(Db::Sqlite).await;
    let stored = world.app.stored();
    let tables: BTreeSet<String> = stored.iter().map(|table| format!("table.{}", table.table)).collect();
    let known: BTreeSet<String> =
        Lang::English.messages().keys().filter(|key| key.starts_with("table.")).cloned().collect();
    assert_eq!(tables, known);
    for table in &stored {
        let kept = Lang::English.find(&format!("kept.{}", table.table));
        assert_eq!(kept, Some(table.kept), "{}", table.table);
        if let (true, Some(why)) = (table.about_people, table.why) {
            assert_eq!(Lang::English.find(&format!("why.{}", table.table)), Some(why));
        }
    }
}

#[test]
fn why_something_is_left_out_of_a_copy_is_said_in_words() {
    let map: toml::Table = include_str!("../../../policies/datamap.toml").parse().unwrap();
    let tables = map["table"].as_array().unwrap().iter().map(|table| table["columns"].as_table().unwrap());
    let reasons: BTreeSet<&str> =
        tables.flat_map(toml::Table::values).filter_map(|column| column.get("why")?.as_str()).collect();
    let known = Lang::English.messages().iter().filter(|(key, _)| key.starts_with("left_out."));
    assert_eq!(known.map(|(_, text)| text.as_str()).collect::<BTreeSet<_>>(), reasons);
}

#[test]
fn every_formula_after_the_first_says_why_it_differs() {
    for formula in &sayso::score::Formula::ALL[1..] {
        assert!(Lang::English.find(&format!("formula.{}", formula.name)).is_some(), "{}", formula.name);
    }
}

#[test]
fn every_kind_of_event_has_a_word() {
    for kind in Act::KINDS {
        assert!(Lang::English.find(&format!("act.{kind}")).is_some(), "{kind}");
    }
}

#[test]
fn days_and_numbers_are_written_as_the_language_has_them() {
    let day = Day::parse("2026-03-07").unwrap();
    assert_eq!(Lang::English.day(day), "7 March 2026");
    assert_eq!(Lang::German.day(day), "7. März 2026");
    assert_eq!(Lang::English.time(Micros::parse("2026-03-07T09:05:00Z").unwrap()), "7 March 2026, 09:05 UTC");
    for (number, english, german) in
        [(0, "0", "0"), (999, "999", "999"), (1_234_567, "1,234,567", "1.234.567"), (-1_000, "-1,000", "-1.000")]
    {
        assert_eq!((Lang::English.number(number).as_str(), Lang::German.number(number).as_str()), (english, german));
    }
    assert_eq!((Lang::English.millionths(1_234_567), Lang::German.millionths(5_000)), ("1.23".into(), "0,01".into()));
}

#[test]
fn the_browser_chooses_among_our_languages() {
    for (header, lang) in [
        ("", Lang::English),
        ("de", Lang::German),
        ("de-CH,de;q=0.9,en;q=0.8", Lang::German),
        ("en-GB,en;q=0.9,de;q=0.8", Lang::English),
        ("fr,it;q=0.9", Lang::English),
        ("fr,de;q=0.1", Lang::German),
        ("de;q=0,en;q=0.5", Lang::English),
        ("de;q=nonsense", Lang::English),
        (";;;,,,", Lang::English),
    ] {
        assert_eq!(Lang::accepted(header), lang, "{header}");
    }
}

#[test]
fn what_is_written_the_other_way_round_is_set_apart() {
    let said = |topic| Lang::English.say("score.the_topic", &[("topic", topic)]);
    assert_eq!(said("golf"), "The topic golf");
    assert_eq!(said("\u{5d0}\u{5d1}"), "The topic \u{2068}\u{5d0}\u{5d1}\u{2069}");
    for lang in Lang::ALL {
        assert!(["ltr", "rtl"].contains(&lang.direction()), "{lang:?}");
    }
}
