//! The curve against exact arithmetic, and the rule of five people and four weeks.

use sayso::score::{Amounts, THRESHOLDS, Verdict, explain, publish, value};

use super::{mine, steady};

/// Whole numbers of any size, lowest 32 bits first, enough to compare eighth powers.
fn times(number: &[u32], factor: i64) -> Vec<u32> {
    let mut carry = 0_u128;
    let mut product = Vec::new();
    for digit in number.iter().copied().chain([0, 0]) {
        carry += u128::from(digit) * u128::try_from(factor).unwrap();
        product.push(u32::try_from(carry & 0xffff_ffff).unwrap());
        carry >>= 32;
    }
    while product.last() == Some(&0) {
        product.pop();
    }
    product
}

fn at_most(one: &[u32], other: &[u32]) -> bool {
    (one.len(), one.iter().rev().collect::<Vec<_>>()) <= (other.len(), other.iter().rev().collect::<Vec<_>>())
}

#[test]
fn the_curve_is_recomputed_exactly() {
    let eighth_power = |number: i64| (0..8).fold(vec![1], |power, _| times(&power, number));
    let mut exact = eighth_power(50_000);
    for (step, threshold) in THRESHOLDS.into_iter().enumerate() {
        assert!(at_most(&eighth_power(threshold), &exact), "threshold {step} is too large");
        assert!(!at_most(&eighth_power(threshold + 1), &exact), "threshold {step} is too small");
        exact = times(&exact, 2);
    }
}

#[test]
fn the_curve_goes_from_1_to_100_one_step_at_a_time() {
    for (below, threshold) in (1..=99).zip(THRESHOLDS) {
        assert_eq!((value(threshold - 1), value(threshold)), (below, below + 1));
    }
    assert!(THRESHOLDS.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(THRESHOLDS.windows(9).all(|pair| (0..=1).contains(&(pair[8] - 2 * pair[0]))), "eight steps double it");
    assert_eq!([i64::MIN, 0, 49_999, 50_000, i64::MAX].map(value), [1, 1, 1, 2, 100]);
}

#[test]
fn a_score_needs_five_people_and_four_weeks() {
    for people in 0..=7_u8 {
        for weeks in 0..=6_i64 {
            let found = mine(&steady(1..=people, 101 - weeks..=100));
            let enough = people >= 5 && weeks >= 4;
            assert_eq!(matches!(publish(&found), Verdict::Scored { .. }), enough, "{people} people, {weeks} weeks");
            assert_eq!(matches!(explain(&found).amounts, Amounts::Shown { .. }), enough);
        }
    }
    let scored = Verdict::Scored { value: 39, micro: 1_250_000 };
    assert_eq!(
        publish(&mine(&steady(1..=5, 75..=100))),
        scored,
        "five people, a quarter each: 25 times the first threshold"
    );
}
