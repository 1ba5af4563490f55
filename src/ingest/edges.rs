//! Edge lists: one response a line, `actor target unixtime` with white space between, as archives of networks are published.
//! `#` starts a comment. Whoever imports such a file says that everything in it was said to everybody; the lines cannot say it.
//! A last line that is cut inside its time is an earlier time, most often one too old to count.

use std::fmt;

use super::{Activity, ActivityKey, Doing, Drop, InputError, Item};
use crate::domain::{Micros, ResponseKind, Source};

const ID_BYTES_MAX: usize = 64;
/// The last second of the year 9999.
const SECONDS_MAX: i64 = 253_402_300_799;

/// One line: somebody answered somebody.
#[derive(Clone, PartialEq, Eq)]
pub struct EdgeLine {
    /// Who responded.
    pub actor: String,
    /// To whom.
    pub target: String,
    /// When; whole seconds.
    pub at: Micros,
}

impl fmt::Debug for EdgeLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EdgeLine(..)")
    }
}

/// Reads one line; `None` for a comment or an empty one.
///
/// # Errors
/// It is not two ids of 1 to 64 of `A-Z`, `a-z`, `0-9`, `.`, `_`, `-` and whole seconds between the years 1970 and 9999.
pub fn read_line(line: u64, text: &str) -> Result<Option<EdgeLine>, InputError> {
    let text = text.trim();
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    edge(text).map(Some).map_err(|expected| InputError::expected(expected).on_line(line))
}

fn edge(text: &str) -> Result<EdgeLine, &'static str> {
    let mut words = text.split_whitespace();
    let (Some(actor), Some(target), Some(seconds), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Err("`actor target unixtime`, with white space between");
    };
    if !is_id(actor) || !is_id(target) {
        return Err("ids of 1 to 64 of `A-Z`, `a-z`, `0-9`, `.`, `_`, `-`");
    }
    let is_plain = seconds.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = seconds.parse().ok().filter(|seconds| is_plain && (0..=SECONDS_MAX).contains(seconds));
    let at = seconds.map(Micros::from_seconds).ok_or("whole seconds since 1970, before the year 10000")?;
    Ok(EdgeLine { actor: actor.to_owned(), target: target.to_owned(), at })
}

fn is_id(word: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=ID_BYTES_MAX).contains(&word.len()) && word.bytes().all(plain)
}

impl EdgeLine {
    /// The line as a reply to the target, told to everybody. Its key is a digest of the line, so that an exact repeat is a duplicate.
    pub fn activity(&self, source: &Source) -> Activity {
        let line = format!("{} {} {}", self.actor, self.target, self.at.0);
        let doing = Doing::Respond {
            kind: ResponseKind::Reply,
            object: None,
            owner: Some(self.target.clone()),
            made: None,
            topics: Vec::new(),
            audience_said: true,
        };
        let id = ActivityKey::digest(source, &line);
        Activity { actor: self.actor.clone(), id, published: Some(self.at), doing }
    }
    /// The same, or dropped where both ends are one.
    pub fn item(&self, source: &Source) -> Item {
        if self.actor == self.target {
            Item::Dropped(Drop::SelfResponse)
        } else {
            Item::Activity(self.activity(source))
        }
    }
}
