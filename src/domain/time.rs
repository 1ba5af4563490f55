//! Time as integers: microseconds since 1970, days and ISO weeks (Monday to Sunday) in UTC.

use serde::{Deserialize, Serialize};

/// How many calendar weeks a score looks back, the newest one included.
pub const WINDOW_WEEKS: i64 = 26;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub i64);
