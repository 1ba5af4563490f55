//! The words of the pages and of the mails, by language: one file of messages for each. Dates and numbers are written as the language has
//! them.
//!
//! A message that one language lacks, or a place in it that the other does not have, fails a test.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::domain::{Day, Micros};

type Messages = HashMap<String, String>;

/// A language that pages and mails are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lang {
    /// English.
    English,
    /// German.
    German,
}

impl Lang {
    /// Every language, the one for everybody else first.
    pub const ALL: [Self; 2] = [Self::English, Self::German];

    /// Its tag (BCP 47).
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// Which way it is written, for the attribute `dir`: its file of messages says so.
    pub fn direction(self) -> &'static str {
        self.t("layout.direction")
    }

    /// Its own name for itself.
    pub fn own_name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::German => "Deutsch",
        }
    }

    /// The language with this tag.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let main = tag.split('-').next().unwrap_or_default();
        Self::ALL.into_iter().find(|lang| lang.tag().eq_ignore_ascii_case(main))
    }

    /// The one of ours that a browser likes best (`Accept-Language`, RFC 9110).
    pub fn accepted(header: &str) -> Self {
        let mut best = (0, Self::English);
        for part in header.split(',') {
            let (tag, rest) = part.split_once(';').unwrap_or((part, "q=1"));
            let weight = rest.trim().strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()).unwrap_or(0.0);
            #[expect(clippy::cast_possible_truncation, reason = "a weight has three places and is at most 1")]
            let weight = (weight.clamp(0.0, 1.0) * 1000.0) as i32;
            if let Some(lang) = Self::from_tag(tag.trim()).filter(|_| weight > best.0) {
                best = (weight, lang);
            }
        }
        best.1
    }

    /// A message. One that is not there shows its key, and a test finds it first.
    pub fn t(self, key: &'static str) -> &'static str {
        self.find(key).unwrap_or(key)
    }

    /// A message whose key was put together, if there is one.
    pub fn find(self, key: &str) -> Option<&'static str> {
        self.messages().get(key).map(String::as_str)
    }

    /// The word for a name of the registry or the log in a group of messages; the name itself, where we have no word for it.
    pub fn named(self, group: &str, name: &str) -> String {
        self.find(&format!("{group}.{name}")).map_or_else(|| name.to_owned(), str::to_owned)
    }

    /// A message with its places filled in. What is written the other way round does not turn the words around it.
    pub fn say(self, key: &'static str, places: &[(&str, &str)]) -> String {
        let mut text = self.t(key).to_owned();
        for (place, value) in places {
            text = text.replace(&format!("{{{place}}}"), &self.apart(value));
        }
        text
    }

    /// The value between the marks that set it apart (Unicode, UAX 9), where it may be written the other way round than the language is.
    fn apart(self, value: &str) -> String {
        let both_ways = self.direction() == "rtl" || value.chars().any(right_to_left);
        if both_ways { format!("\u{2068}{value}\u{2069}") } else { value.to_owned() }
    }

    /// Every message, by key.
    pub fn messages(self) -> &'static Messages {
        static ENGLISH: OnceLock<Messages> = OnceLock::new();
        static GERMAN: OnceLock<Messages> = OnceLock::new();
        match self {
            Self::English => ENGLISH.get_or_init(|| read(include_str!("pages/messages/en.toml"))),
            Self::German => GERMAN.get_or_init(|| read(include_str!("pages/messages/de.toml"))),
        }
    }

    /// A day in words: `28 November 2026`, `28. November 2026`.
    pub fn day(self, day: Day) -> String {
        let iso = day.text();
        let mut parts = iso.split('-');
        let (Some(year), Some(month), Some(day)) = (parts.next(), parts.next(), parts.next()) else { return iso };
        let day = day.trim_start_matches('0');
        let month = self.named("month", month);
        match self {
            Self::English => format!("{day} {month} {year}"),
            Self::German => format!("{day}. {month} {year}"),
        }
    }

    /// A moment in words, in UTC.
    pub fn time(self, at: Micros) -> String {
        let iso = at.text();
        let clock: String = iso.chars().skip(11).take(5).collect();
        match self {
            Self::English => format!("{}, {clock} UTC", self.day(at.day())),
            Self::German => format!("{}, {clock} Uhr UTC", self.day(at.day())),
        }
    }

    /// A whole number: `1,234,567`, `1.234.567`.
    pub fn number(self, number: i64) -> String {
        let mark = match self {
            Self::English => ',',
            Self::German => '.',
        };
        let digits = number.unsigned_abs().to_string();
        let mut text = String::new();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                text.push(mark);
            }
            text.push(digit);
        }
        if number < 0 { format!("-{text}") } else { text }
    }

    /// Millionths as a number with two decimal places: `1.25`, `1,25`.
    pub fn millionths(self, micro: i64) -> String {
        let mark = match self {
            Self::English => '.',
            Self::German => ',',
        };
        let hundredths = (micro + 5_000).div_euclid(10_000);
        format!("{}{mark}{:02}", self.number(hundredths.div_euclid(100)), hundredths.rem_euclid(100))
    }
}

/// Whether a character is not seen, and changes how what stands around it is read: a control, another end of a line, a mark that turns words
/// round (Unicode, UAX 9).
pub fn is_hidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a letter is of a script that is written from right to left.
fn right_to_left(letter: char) -> bool {
    matches!(letter, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}' | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}

/// The tables of a file of messages, each message under `table.name`.
fn read(text: &str) -> Messages {
    let tables = text.parse::<toml::Table>().unwrap_or_default();
    let mut messages = Messages::new();
    for (table, rows) in tables {
        let rows = rows.as_table().into_iter().flatten();
        messages.extend(rows.filter_map(|(name, text)| Some((format!("{table}.{name}"), text.as_str()?.to_owned()))));
    }
    messages
}
