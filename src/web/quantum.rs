//! Answers whose time could tell who is known leave at multiples of a fixed time.

use std::time::Duration;

use crate::clock::Mark;

/// Waits for the next multiple of the quantum since then.
pub(crate) async fn until_quantum(begun: Mark, quantum: Duration) {
    if !quantum.is_zero() {
        tokio::time::sleep(rest(begun.elapsed(), quantum)).await;
    }
}

/// How long until the next multiple of the quantum.
fn rest(elapsed: Duration, quantum: Duration) -> Duration {
    let over = elapsed.as_nanos() % quantum.as_nanos();
    quantum.saturating_sub(Duration::from_nanos(u64::try_from(over).unwrap_or(0)))
}
