//! An answer that is begun before all of it is known: its beginning goes out at once, the rest when it is made.
//!
//! How the rest goes is for the layer to see to, as for any request: it has the place and the time limit of its request from the moment at which
//! the beginning is ready, whether or not anybody reads; a panic ends it alone; whoever leaves ends it; and it has a line in the log of its
//! own, because that of the request was 200 already. What went wrong is said in its place.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::{JoinError, JoinHandle};

use super::problem::Problem;

/// What makes the rest.
type Making = Pin<Box<dyn Future<Output = Result<String, Problem>> + Send>>;
/// What is said in its place.
type Instead = Box<dyn FnOnce(&Problem) -> String + Send>;

/// The rest of an answer; it rides along with the beginning.
#[derive(Clone)]
pub(crate) struct Rest(Arc<Mutex<Option<Unmade>>>);

/// A rest that nobody has begun with.
pub(crate) struct Unmade {
    pub(crate) making: Making,
    pub(crate) instead: Instead,
    /// Its place among the requests that are answered at once.
    pub(crate) place: Option<OwnedSemaphorePermit>,
}

impl Rest {
    pub(crate) fn new(
        making: impl Future<Output = Result<String, Problem>> + Send + 'static,
        instead: impl FnOnce(&Problem) -> String + Send + 'static,
    ) -> Self {
        let unmade = Unmade { making: Box::pin(making), instead: Box::new(instead), place: None };
        Self(Arc::new(Mutex::new(Some(unmade))))
    }

    /// Keeps the place of its request.
    pub(crate) fn hold(&self, place: OwnedSemaphorePermit) {
        if let Some(unmade) = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            unmade.place = Some(place);
        }
    }

    pub(crate) fn take(&self) -> Option<Unmade> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Why something did not come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfinished {
    /// It took too long.
    Late,
    /// It panicked.
    Panicked,
}

/// What a future makes, if it does within this time.
///
/// # Errors
/// [`Unfinished`], when it does not.
pub async fn whole<T>(making: impl Future<Output = T>, limit: Duration) -> Result<T, Unfinished> {
    let made = tokio::time::timeout(limit, AssertUnwindSafe(making).catch_unwind()).await;
    made.map_err(|_| Unfinished::Late)?.map_err(|_panic| Unfinished::Panicked)
}

/// A task that goes on by itself, and ends with whoever waits for it.
#[derive(Debug)]
pub struct Ending<T>(JoinHandle<T>);

impl<T: Send + 'static> Ending<T> {
    /// Begins at once.
    pub fn begin(making: impl Future<Output = T> + Send + 'static) -> Self {
        Self(tokio::spawn(making))
    }
}

impl<T> Future for Ending<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context)
    }
}

impl<T> Drop for Ending<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
