//! Counting by key within a window of time, in bounded memory: what limits callers and mails.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use crate::domain::Micros;

/// How often each key may come within one window. Windows follow each other without overlap.
#[derive(Debug)]
pub struct Window<K> {
    seconds: i64,
    times_max: u32,
    keys_max: usize,
    current: Mutex<Current<K>>,
}

#[derive(Debug)]
struct Current<K> {
    number: i64,
    times: HashMap<K, u32>,
}

impl<K: Eq + Hash> Window<K> {
    /// A window of `seconds`, in which each of at most `keys_max` keys may come `times_max` times.
    pub fn new(seconds: i64, times_max: u32, keys_max: usize) -> Self {
        Self { seconds, times_max, keys_max, current: Mutex::new(Current { number: 0, times: HashMap::new() }) }
    }

    /// Counts a key and says whether it may. Keys that were not counted yet may not once too many are.
    pub fn take(&self, key: K, now: Micros) -> bool {
        self.take_of(key, 1, self.times_max, now)
    }

    /// Counts a key so many times, if it may come so often in a window of its own bound; what is refused is not counted.
    pub fn take_of(&self, key: K, times: u32, times_max: u32, now: Micros) -> bool {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let number = self.number(now);
        if number != current.number {
            *current = Current { number, times: HashMap::new() };
        }
        let is_full = current.times.len() >= self.keys_max;
        let so_far = match current.times.entry(key) {
            Entry::Vacant(_) if is_full => return false,
            entry => entry.or_default(),
        };
        let may = times <= times_max.saturating_sub(*so_far);
        if may {
            *so_far = so_far.saturating_add(times);
        }
        may
    }

    /// How often a key was counted in this window.
    pub fn seen(&self, key: &K, now: Micros) -> u32 {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = current.times.get(key).filter(|_| current.number == self.number(now));
        counted.copied().unwrap_or_default()
    }

    /// How long until the next window, in seconds; at least 1.
    pub fn rest_seconds(&self, now: Micros) -> i64 {
        self.seconds - now.0.div_euclid(1_000_000).rem_euclid(self.seconds)
    }

    fn number(&self, now: Micros) -> i64 {
        now.0.div_euclid(self.seconds.saturating_mul(1_000_000))
    }
}
