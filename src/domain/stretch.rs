//! Which part of a long list is wanted: nobody reads all of one to show some of it.

/// A stretch of a list, next to a place in it. The place itself is no part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stretch<K> {
    /// From the beginning.
    First,
    /// What follows a place.
    After(K),
    /// What comes before a place, the nearest first.
    Before(K),
}

impl<K> Stretch<K> {
    /// Where to read from, and whether towards the beginning. `start` stands before everything in the list.
    pub fn from(self, start: K) -> (K, bool) {
        match self {
            Self::First => (start, false),
            Self::After(place) => (place, false),
            Self::Before(place) => (place, true),
        }
    }

    /// Whether it is read towards the beginning of the list.
    pub fn is_backwards(&self) -> bool {
        matches!(self, Self::Before(_))
    }
}

impl<K: PartialOrd> Stretch<K> {
    /// The stretch of a list in memory that is in the order of its places.
    pub fn of<'a, T>(&self, list: &'a [T], place: impl Fn(&T) -> K) -> Vec<&'a T> {
        match self {
            Self::First => list.iter().collect(),
            Self::After(after) => list.iter().filter(|one| place(one) > *after).collect(),
            Self::Before(before) => list.iter().rev().filter(|one| place(one) < *before).collect(),
        }
    }
}
