//! Days and weeks against the calendar of another library; times that a shorter integer would lose (N9).

use proptest::prelude::*;
use sayso::domain::{Day, Event, Micros, Week};
use time::{Date, OffsetDateTime, Weekday};

const EPOCH_JULIAN: i64 = 2_440_588;

fn calendar(micros: i64) -> Date {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000).unwrap().date()
}

fn days(date: Date) -> i64 {
    i64::from(date.to_julian_day()) - EPOCH_JULIAN
}

/// The years 0001 to 9999.
fn dated() -> impl Strategy<Value = i64> {
    prop_oneof![
        -62_135_596_800_000_000_i64..253_402_300_799_999_999,
        -2_000_000_000_000_000_i64..5_000_000_000_000_000,
        (-50_000_i64..50_000, -1_i64..=1).prop_map(|(day, near)| day * 86_400_000_000 + near),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_day_is_the_calendars_day(micros in dated()) {
        let day = Micros(micros).day();
        prop_assert_eq!(day.0, days(calendar(micros)));
        prop_assert!(day.start().0 <= micros && micros < Day(day.0 + 1).start().0);
    }

    #[test]
    fn a_week_begins_with_the_calendars_monday(micros in dated()) {
        let (week, date) = (Micros(micros).week(), calendar(micros));
        let monday = date.to_julian_day() - i32::from(date.weekday().number_days_from_monday());
        prop_assert_eq!(week.monday().0, i64::from(monday) - EPOCH_JULIAN);
        prop_assert_eq!(Date::from_julian_day(monday).unwrap().weekday(), Weekday::Monday);
        prop_assert_eq!(week.monday().start().week(), week);
        prop_assert_eq!(Micros(week.monday().start().0 - 1).week(), Week(week.0 - 1));
    }

    #[test]
    fn no_time_overflows(micros in any::<i64>(), by in any::<i64>()) {
        let time = Micros(micros);
        for moved in [time.plus_seconds(by), time.plus_days(by)] {
            let right = if by >= 0 { moved >= time } else { moved <= time };
            prop_assert!(right);
        }
        prop_assert!(time.day().start() <= time);
        prop_assert!(time.week().monday() <= time.day());
        prop_assert!(Micros::from_seconds(by).0.signum() == by.signum());
        let _ = (Day(micros).start(), Week(micros).monday().start());
    }
}

#[test]
fn the_first_weeks_are_where_the_calendar_has_them() {
    assert_eq!(Micros(0).week(), Week(0));
    assert_eq!(Week(0).monday(), Day(-3)); // Monday, 1969-12-29
    assert_eq!(Micros(4 * 86_400_000_000).week(), Week(1)); // Monday, 1970-01-05
    assert_eq!(Micros(-3 * 86_400_000_000 - 1).week(), Week(-1));
}

#[test]
fn times_past_2038_and_the_ends_of_time_come_back() {
    for micros in [i64::MIN, -1, 0, 2_147_483_647_999_999, 2_147_483_648_000_000, 4_294_967_296_000_000, i64::MAX] {
        let event = Event { at: Micros(micros), act: sayso::domain::Act::Held {} };
        let text = event.canonical().unwrap();
        assert_eq!(text, format!(r#"{{"act":{{"kind":"held"}},"at":{micros}}}"#));
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
    }
}
