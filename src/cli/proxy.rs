//! `sayso proxy`: stands in front of a scoring engine and takes out of its answers whoever may not be named.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::serve::told_to_stop;
use super::{CliError, output};
use crate::config::{LogFormat, variable};
use crate::http::listen;
use crate::proxy::{Map, Proxy};
use crate::remote::RemoteGate;
use crate::secret::SecretText;
use crate::telemetry;

/// Stands in front of a scoring engine: only requests that a map knows get through, and whoever an answer names without consent is taken out.
#[derive(Debug, Args)]
pub(super) struct ProxyCommand {
    /// The engine, for instance `http://127.0.0.1:9000`.
    #[arg(long, value_name = "URL")]
    upstream: String,
    /// Which requests get through and where the answers name people; `tests/doors/map.toml` is an example.
    #[arg(long, value_name = "FILE")]
    map: PathBuf,
    /// The sayso that is asked.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    gate: String,
    /// The recipient as which it is asked; its secret is read from the variable `SAYSO_CLIENT_SECRET`.
    #[arg(long, value_name = "NAME")]
    client: String,
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
}

impl ProxyCommand {
    pub(super) async fn run(self) -> Result<(), CliError> {
        telemetry::start(LogFormat::Text);
        let missing = || CliError::Usage("set the variable `SAYSO_CLIENT_SECRET` to the recipient's secret".into());
        let secret = SecretText::new(variable("SAYSO_CLIENT_SECRET").ok_or_else(missing)?);
        let text = std::fs::read_to_string(&self.map);
        let text = text.map_err(|source| CliError::File { path: self.map.clone(), source })?;
        let map = Map::read(&text)?;
        let gate = RemoteGate::new(&self.gate, &self.client, secret)?;
        let proxy = Proxy::new(&self.upstream, map, gate)?;
        let (address, serving) = listen(self.listen, proxy.router(), told_to_stop()).await?;
        output::complain(&format!("the proxy listens on http://{address}"));
        serving.await;
        Ok(())
    }
}
