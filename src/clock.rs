//! The only reader of wall and monotonic time. Time here never goes back: what was denied by time stays denied.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::domain::Micros;

/// Where `now` comes from.
#[derive(Debug, Clone)]
pub struct Clock {
    latest: Arc<AtomicI64>,
    running: bool,
}

impl Clock {
    /// The machine's clock, never earlier than the last time seen.
    pub fn system() -> Self {
        Self { latest: Arc::new(AtomicI64::new(0)), running: true }
    }

    /// A clock that stands at `now` until somebody moves it: for tests and for the demonstration.
    pub fn fixed(now: Micros) -> Self {
        Self { latest: Arc::new(AtomicI64::new(now.0)), running: false }
    }

    /// The time; never earlier than any time this clock gave or was told before.
    pub fn now(&self) -> Micros {
        if !self.running {
            return Micros(self.latest.load(Ordering::SeqCst));
        }
        self.not_before(wall())
    }

    /// How far the machine's clock is behind the latest time seen, in microseconds: so long this clock stands still.
    pub fn stands_still_for(&self) -> i64 {
        if self.running { self.latest.load(Ordering::SeqCst).saturating_sub(wall().0).max(0) } else { 0 }
    }

    /// Tells the clock of a time that has passed, such as the last one in the store.
    pub fn not_before(&self, seen: Micros) -> Micros {
        let before = self.latest.fetch_max(seen.0, Ordering::SeqCst);
        Micros(before.max(seen.0))
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
fn wall() -> Micros {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// A monotonic mark, for measuring how long something took.
#[derive(Debug, Clone, Copy)]
pub struct Mark(Instant);

impl Mark {
    /// The mark of this moment.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
    pub fn now() -> Self {
        Self(Instant::now())
    }
    /// How long ago it was.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}
