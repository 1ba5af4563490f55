//! Listening, and stopping without losing anything.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tower::Service;

use super::callers::network;
use super::{Shared, router};
use crate::limits;
use crate::worker;

/// How long the headers of a request may take, and a connection may stay silent.
const HEADERS: Duration = Duration::from_secs(limits::HEADER_SECONDS_MAX);
/// When the system has no place for a connection: how long until the next try.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
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
    server: JoinHandle<()>,
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
    let trusted = app.config.trusted_proxies.clone();
    let server = tokio::spawn(accept(listener, router(app.clone()), trusted, stopped));
    Ok(Running { address, stop, server, worker, app })
}

/// Listens for another router than that of the service, until `signal` ends. Returns where, and what is to be waited for.
///
/// # Errors
/// When the address cannot be used.
pub async fn listen(
    wanted: SocketAddr,
    router: Router,
    signal: impl Future<Output = ()>,
) -> Result<(SocketAddr, impl Future<Output = ()>), ServeError> {
    let listener = TcpListener::bind(wanted).await.map_err(|e| ServeError::Listen(wanted, e))?;
    let address = listener.local_addr().map_err(|e| ServeError::Listen(wanted, e))?;
    let (stop, stopped) = watch::channel(false);
    let mut server = tokio::spawn(accept(listener, router, Vec::new(), stopped));
    let serving = async move {
        signal.await;
        let _nobody_listens = stop.send(true);
        let _cut_off = timeout(GRACE, &mut server).await;
    };
    Ok((address, serving))
}

/// Takes connections until told to stop; then lets those that are at work end.
///
/// In place of `axum::serve`, which waits without end for the headers of a caller who sends none.
async fn accept(listener: TcpListener, router: Router, trusted: Vec<IpAddr>, mut stopped: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(limits::CONNECTIONS_MAX));
    let by_address = ByAddress::default();
    let open = GracefulShutdown::new();
    loop {
        let place = tokio::select! {
            () = told(&mut stopped) => break,
            place = Arc::clone(&places).acquire_owned() => place,
        };
        let Ok(place) = place else { break };
        let (stream, from) = tokio::select! {
            () = told(&mut stopped) => break,
            taken = listener.accept() => match taken {
                Ok(taken) => taken,
                Err(error) => {
                    tracing::warn!(%error, "a connection was not taken");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                    continue;
                }
            },
        };
        let Some(counted) = by_address.take(from.ip(), &trusted) else { continue };
        // What comes in parts would wait for the caller to say that it has the one before, and callers say so late.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::warn!(%error, "a connection sends late");
        }
        let router = router.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(from));
            router.clone().call(request)
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEADERS);
        let connection = open.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            let _caller_left = connection.await;
            drop((place, counted));
        });
    }
    drop(listener);
    open.shutdown().await;
}

/// How many connections each address has open.
#[derive(Clone, Default)]
struct ByAddress(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One of them.
struct Counted(ByAddress, IpAddr);

impl ByAddress {
    /// Counts one more, unless the address has its share.
    fn take(&self, from: IpAddr, proxies: &[IpAddr]) -> Option<Counted> {
        let trusted = proxies.contains(&from.to_canonical());
        let from = network(from);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(from).or_default();
        if *count >= limits::CONNECTIONS_PER_ADDRESS_MAX && !trusted {
            return None;
        }
        *count += 1;
        Some(Counted(self.clone(), from))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let Self(ByAddress(counts), from) = self;
        let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut entry) = counts.entry(*from) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

/// Told to stop, or nobody is left to tell.
async fn told(stopped: &mut watch::Receiver<bool>) {
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
            Ok(Ok(())) | Err(_) => Ok(()),
            Ok(other) => Err(ServeError::Stopped(format!("{other:?}"))),
        }
    }
}
