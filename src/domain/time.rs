//! Time as integers: microseconds since 1970, days and ISO weeks (Monday to Sunday) in UTC.

use serde::{Deserialize, Serialize};

/// How many calendar weeks a score looks back, the newest one included.
pub const WINDOW_WEEKS: i64 = 26;

/// 0000-01-01 and 9999-12-31 as days since 1970-01-01: what fits into four digits.
const DAYS: std::ops::RangeInclusive<i64> = -719_528..=2_932_896;
/// The Julian day number of 1970-01-01.
const JULIAN_1970: i64 = 2_440_588;
const MICROS_PER_DAY: i64 = 86_400_000_000;
/// 1970-01-01 was a Thursday, so the week of day 0 began three days earlier.
const DAYS_FROM_MONDAY: i64 = 3;

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Micros(pub i64);

impl Micros {
    /// From whole seconds since 1970; saturates.
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }
    /// Later by whole seconds; saturates.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }
    /// Later by whole days; saturates.
    #[must_use]
    pub fn plus_days(self, days: i64) -> Self {
        Self(self.0.saturating_add(days.saturating_mul(MICROS_PER_DAY)))
    }
    /// Reads a moment: RFC 3339, or a calendar day for its first microsecond; nothing for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let moment = || time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).ok();
        let micros = |at: time::OffsetDateTime| i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000)).ok();
        Day::parse(text).map(Day::start).or_else(|| moment().and_then(micros).map(Self))
    }
    /// RFC 3339 in UTC; outside the years 0000 to 9999 the number of microseconds.
    pub fn text(self) -> String {
        let at = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000).ok();
        let text = at.and_then(|at| at.format(&time::format_description::well_known::Rfc3339).ok());
        text.unwrap_or_else(|| self.0.to_string())
    }
    /// The UTC day this falls on.
    pub fn day(self) -> Day {
        Day(self.0.div_euclid(MICROS_PER_DAY))
    }
    /// The calendar week this falls in.
    pub fn week(self) -> Week {
        Week((self.day().0 + DAYS_FROM_MONDAY).div_euclid(7))
    }
}

/// Days since 1970-01-01, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(pub i64);

impl Day {
    /// Reads a calendar day, `YYYY-MM-DD` (ISO 8601); nothing for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        const FORMAT: &[time::format_description::BorrowedFormatItem<'_>] =
            time::macros::format_description!("[year]-[month]-[day]");
        let date = time::Date::parse(text, FORMAT).ok()?;
        let epoch = time::OffsetDateTime::UNIX_EPOCH.date();
        Some(Self(i64::from(date.to_julian_day() - epoch.to_julian_day())))
    }
    /// `YYYY-MM-DD` (ISO 8601); outside the years 0000 to 9999 the nearest day within.
    pub fn text(self) -> String {
        let julian = self.0.clamp(*DAYS.start(), *DAYS.end()) + JULIAN_1970;
        let date = i32::try_from(julian).ok().and_then(|julian| time::Date::from_julian_day(julian).ok());
        let date = date.unwrap_or(time::Date::MAX);
        format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
    }
    /// The first microsecond of the day; saturates.
    pub fn start(self) -> Micros {
        Micros(self.0.saturating_mul(MICROS_PER_DAY))
    }
}

/// Calendar weeks since the one that began on Monday, 1969-12-29.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Week(pub i64);

impl Week {
    /// The Monday it begins with.
    pub fn monday(self) -> Day {
        Day(self.0.saturating_mul(7).saturating_sub(DAYS_FROM_MONDAY))
    }
}

/// The place of an event in the one order of all events; the first is 1. Leaf index = `seq - 1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub i64);
