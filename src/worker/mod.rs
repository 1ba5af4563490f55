//! What happens without a caller: mails, erasures, what time does, counts of decisions. A failure is logged and tried again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::limits;
use crate::service::{App, ServiceError};

const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// Works until told to stop; then writes what waits.
pub async fn run(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
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
                report("checkpoint", app.keep_checkpoint().await);
            }
        }
    }
    report("decisions", app.flush_decisions().await);
    report("checkpoint", app.keep_checkpoint().await);
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
