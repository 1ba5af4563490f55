//! Listening, and stopping without losing anything.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{Shared, router};
use crate::worker;

/// How long open requests may take to end.
const GRACE: Duration = Duration::from_millis(2_500);
/// How long the worker, and then the database, may take after that.
const LAST: Duration = Duration::from_secs(1);

/// A service that listens.
#[derive(Debug)]
pub struct Running {
    /// Where.
    pub address: SocketAddr,
    stop: watch::Sender<bool>,
    server: JoinHandle<std::io::Result<()>>,
    worker: JoinHandle<()>,
    app: Shared,
}

/// Why a service does not listen, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be used.
    #[error("cannot listen on `{0}`: {1}; choose another with `--listen`")]
    Listen(SocketAddr, std::io::Error),
    /// It stopped by itself.
    #[error("the listener stopped: {0}")]
    Stopped(String),
}

/// Starts listening, and the worker beside it.
///
/// # Errors
/// When the address cannot be used.
pub async fn start(app: Shared) -> Result<Running, ServeError> {
    let wanted = app.config.listen;
    let listener = TcpListener::bind(wanted).await.map_err(|e| ServeError::Listen(wanted, e))?;
    let address = listener.local_addr().map_err(|e| ServeError::Listen(wanted, e))?;
    let (stop, stopped) = watch::channel(false);
    let worker = tokio::spawn(worker::run(app.clone(), stopped.clone()));
    let service = router(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let server =
        tokio::spawn(async move { axum::serve(listener, service).with_graceful_shutdown(until(stopped)).await });
    Ok(Running { address, stop, server, worker, app })
}

async fn until(mut stopped: watch::Receiver<bool>) {
    let _sender_gone = stopped.wait_for(|stop| *stop).await;
}

impl Running {
    /// Runs until `signal` ends, then stops.
    ///
    /// # Errors
    /// When the listener stopped by itself.
    pub async fn run_until(mut self, signal: impl Future<Output = ()>) -> Result<(), ServeError> {
        tokio::select! {
            () = signal => self.stop().await,
            ended = &mut self.server => Err(ServeError::Stopped(format!("{ended:?}"))),
        }
    }

    /// Lets open requests end, for a moment: a connection that says nothing must not hold the service up. Writes what waits,
    /// closes the database.
    ///
    /// # Errors
    /// When the listener had failed.
    pub async fn stop(mut self) -> Result<(), ServeError> {
        let _nobody_listens = self.stop.send(true);
        let server = timeout(GRACE, &mut self.server).await;
        if timeout(LAST, &mut self.worker).await.is_err() {
            self.worker.abort(); // the next start takes up what it was at
        }
        if let Err(error) = self.app.flush_decisions().await {
            tracing::error!(%error, "the last counts of decisions were not written");
        }
        if timeout(LAST, self.app.store.close()).await.is_err() {
            tracing::warn!("requests were still open: they were cut off");
        }
        match server {
            Ok(Ok(Ok(()))) | Err(_) => Ok(()),
            Ok(other) => Err(ServeError::Stopped(format!("{other:?}"))),
        }
    }
}
