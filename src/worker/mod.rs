//! What happens without a caller: mails, erasures, score stores of others, what time does, counts of decisions. A failure is logged and tried again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::limits;
use crate::service::{App, ServiceError};

const SWEEP_EVERY: Duration = Duration::from_secs(10);
const KEYS_EVERY: Duration = Duration::from_mins(1);
const WEBHOOKS_EVERY: Duration = Duration::from_secs(1);
const STORES_EVERY: Duration = Duration::from_secs(1);

/// Works until told to stop; then writes what waits.
pub async fn run(app: Arc<App>, stopped: watch::Receiver<bool>) {
    tokio::join!(
        carry_on(Arc::clone(&app), stopped.clone()),
        keep_keys(Arc::clone(&app), stopped.clone()),
        keep_stores(Arc::clone(&app), stopped.clone()),
        send_webhooks(app, stopped),
    );
}

async fn carry_on(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    let mut sweep = tokio::time::interval(SWEEP_EVERY);
    let mut flush = tokio::time::interval(Duration::from_millis(limits::DECISION_FLUSH_MILLIS));
    loop {
        tokio::select! {
            () = told(&mut stopped) => break,
            () = app.work.notified() => carry_out(&app).await,
            _ = sweep.tick() => {
                report("sweep", app.sweep().await);
                carry_out(&app).await;
            }
            _ = flush.tick() => {
                report("decisions", app.flush_decisions().await);
                report("what was lost", app.store.find_what_was_lost().await.map_err(Into::into));
                report("checkpoint", app.keep_checkpoint().await);
            }
        }
    }
    report("decisions", app.flush_decisions().await);
    report("checkpoint", app.keep_checkpoint().await);
}

/// Moving everybody to new keys may take minutes, and nothing waits for it. What is under way when it is told to stop goes on after the
/// next start.
async fn keep_keys(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    let mut look = tokio::time::interval(KEYS_EVERY);
    loop {
        tokio::select! {
            () = told(&mut stopped) => break,
            () = async {
                look.tick().await;
                report("keys", app.keep_keys().await);
            } => {}
        }
    }
}

/// Sends webhooks, each recipient's in a task of its own: one that answers slowly holds up nobody. What is under way when it is
/// told to stop is sent again after the next start.
async fn send_webhooks(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    let mut look = tokio::time::interval(WEBHOOKS_EVERY);
    let (mut sending, mut busy) = (JoinSet::new(), BTreeSet::new());
    loop {
        tokio::select! {
            () = told(&mut stopped) => break,
            Some(sent) = sending.join_next() => drop(sent.map(|recipient: String| busy.remove(&recipient))),
            _ = look.tick() => {
                for recipient in due(&app).await {
                    if busy.insert(recipient.clone()) {
                        sending.spawn(send(Arc::clone(&app), recipient));
                    }
                }
            }
        }
    }
}

/// Clears score stores of others, each in a task of its own, and certifies what waits for none any more: whenever one was worked on,
/// and with every sweep, in case a certificate failed.
async fn keep_stores(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    let mut look = tokio::time::interval(STORES_EVERY);
    let mut certify = tokio::time::interval(SWEEP_EVERY);
    let (mut at_work, mut busy) = (JoinSet::new(), BTreeSet::new());
    let mut certifying = JoinSet::new();
    loop {
        let mut cleared = false;
        tokio::select! {
            () = told(&mut stopped) => break,
            Some(tended) = at_work.join_next() => {
                drop(tended.map(|store: String| busy.remove(&store)));
                cleared = true;
            }
            Some(_) = certifying.join_next() => {}
            _ = certify.tick() => cleared = true,
            _ = look.tick() => {
                for store in stores_due(&app).await {
                    if busy.insert(store.clone()) {
                        at_work.spawn(tend(Arc::clone(&app), store));
                    }
                }
            }
        }
        if cleared && certifying.is_empty() {
            let app = Arc::clone(&app);
            certifying.spawn(async move { report("certificates", app.certify_cleared().await) });
        }
    }
}

async fn stores_due(app: &App) -> BTreeSet<String> {
    app.stores_due().await.unwrap_or_else(|error| {
        report("score stores", Err(error));
        BTreeSet::new()
    })
}

async fn tend(app: Arc<App>, store: String) -> String {
    report("score stores", app.tend_store(&store).await);
    store
}

async fn due(app: &App) -> Vec<String> {
    app.recipients_due().await.unwrap_or_else(|error| {
        report("webhooks", Err(error));
        Vec::new()
    })
}

async fn send(app: Arc<App>, recipient: String) -> String {
    report("webhooks", app.deliver_to(&recipient).await);
    recipient
}

/// Told to stop, or nobody is left to tell.
async fn told(stopped: &mut watch::Receiver<bool>) {
    let _sender_gone = stopped.wait_for(|stop| *stop).await;
}

async fn carry_out(app: &App) {
    report("mails", app.deliver_mails().await);
    report("erasures", app.run_erasures().await);
}

fn report(what: &str, outcome: Result<(), ServiceError>) {
    if let Err(error) = outcome {
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        tracing::error!(what, %error, cause, "the worker failed; it tries again");
    }
}
