//! `sayso serve`

use std::net::SocketAddr;
use std::sync::Arc;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::{CliError, Place, output};
use crate::clock::Clock;
use crate::http;
use crate::secret::Entropy;
use crate::service::Access;
use crate::service::{App, Boot};
use crate::telemetry;

#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    place: Place,
    /// Where to listen, such as `127.0.0.1:8080`.
    #[arg(long)]
    listen: Option<SocketAddr>,
}

impl Serve {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let mut config = self.place.config()?;
        if let Some(listen) = self.listen {
            config.public_url = config.public_url.replace(&config.listen.to_string(), &listen.to_string());
            config.listen = listen;
        }
        telemetry::start(config.log_format);
        let Boot { app, operator_secret } =
            App::open(config, Clock::system(), Entropy::system(), Access::Serve).await?;
        if let Some(secret) = operator_secret {
            show_secret(&secret)?; // before anything else can fail
            app.operator_secret_was_shown()?;
        }
        let vkey = app.log_vkey();
        let running = http::start(Arc::new(app)).await?;
        output::line(&format!("sayso listens on http://{}", running.address))?;
        output::line(&format!("the log's public key: {vkey}"))?;
        Ok(running.run_until(told_to_stop()).await?)
    }
}

/// Shown once, on the very first start; only a digest is kept.
pub(super) fn show_secret(secret: &str) -> Result<(), CliError> {
    output::line("first start: the client `operator` was registered. Its secret is shown only now:")?;
    Ok(output::line(&format!("  {secret}"))?)
}

/// Ctrl-C or SIGTERM.
pub(super) async fn told_to_stop() {
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        },
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}
