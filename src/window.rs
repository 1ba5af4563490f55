//! Counting by key within a window of time, in bounded memory: what limits callers and mails.

use std::collections::HashMap;
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
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let number = now.0.div_euclid(self.seconds.saturating_mul(1_000_000));
        if number != current.number {
            *current = Current { number, times: HashMap::new() };
        }
        if current.times.len() >= self.keys_max && !current.times.contains_key(&key) {
            return false;
        }
        let times = current.times.entry(key).or_default();
        *times = times.saturating_add(1);
        *times <= self.times_max
    }
}
