//! The command line: one file for each command. Long work shows its progress; every command speaks JSON with `--json`.

mod consent;
mod datamap;
mod demo;
mod import;
mod output;
mod policy;
mod proxy;
mod scan;
mod score;
mod serve;
mod stores;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::http::ServeError;
use crate::proxy::{MapError, ProxyError};
use crate::remote::RemoteError;
use crate::secret::Entropy;
use crate::service::{Access, FolderError};
use crate::service::{App, Boot, BootError, ServiceError};
use crate::telemetry;

/// A privacy-first consent and opt-out gateway: nobody is scored, profiled, linked or shown unless they said so.
#[derive(Debug, Parser)]
#[command(name = "sayso", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service. The first start makes the data folder, the keys and the schema, and shows the operator's secret once.
    Serve(serve::Serve),
    /// Walk through the whole job on a community made up for it, and show each step.
    Demo(demo::Demo),
    /// Read activities from files: edge lists and ActivityStreams 2.0.
    Import(import::Import),
    /// Check that nobody rewrote anything.
    Verify(verify::Verify),
    /// House rules: check them, see what a change would change, and which rule decides.
    Policy(policy::Policy),
    /// What somebody had allowed at a time, from the receipts that prove it.
    Consent(consent::Consent),
    /// What is stored, and whether the database holds exactly that.
    Datamap(datamap::DataMap),
    /// Look for a text in every byte of the data folder.
    Scan(scan::Scan),
    /// Whether the score stores of others are what was declared.
    Stores(stores::Stores),
    /// How many people have a score. No person and no value is shown.
    Score(score::Score),
    /// Stands in front of a scoring engine: whoever its answers name without consent is taken out of them.
    Proxy(proxy::ProxyCommand),
}

/// Where a service keeps its things.
#[derive(Debug, Args)]
struct Place {
    /// Configuration file (TOML); the environment (`SAYSO_..`) and the options below override it.
    #[arg(long, env = "SAYSO_CONFIG")]
    config: Option<PathBuf>,
    /// Data folder: keys, outgoing mail and, without `--database`, the SQLite file.
    #[arg(long)]
    data: Option<PathBuf>,
    /// `postgres://..` instead of SQLite.
    #[arg(long)]
    database: Option<String>,
}

/// Why a command failed. What to do about it stands in each message.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Boot(#[from] BootError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error(transparent)]
    Service(#[from] ServiceError),
    #[error("`{path}`: {source}. What came before was taken; mend the file and run it again, nothing counts twice")]
    Input { path: PathBuf, source: crate::ingest::InputError },
    #[error("`{path}`: {source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Policies(#[from] FolderError),
    #[error("{0}")]
    Usage(String),
    #[error("the service at this address did not answer as expected: {0}")]
    Remote(String),
    #[error(transparent)]
    Asked(#[from] RemoteError),
    #[error("`--map`: {0}")]
    Map(#[from] MapError),
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The answer is no, and was shown already.
    #[error("")]
    Negative,
    #[error("output: {0}")]
    Output(#[from] std::io::Error),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&CliError::Output(error)),
    };
    match runtime.block_on(run(cli.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &CliError) -> ExitCode {
    if !matches!(error, CliError::Negative) {
        output::complain(&error.to_string());
    }
    ExitCode::FAILURE
}

async fn run(command: Command) -> Result<(), CliError> {
    match command {
        Command::Serve(serve) => serve.run().await,
        Command::Demo(demo) => demo.run().await,
        Command::Import(import) => import.run().await,
        Command::Verify(verify) => verify.run().await,
        Command::Policy(policy) => policy.run(),
        Command::Consent(consent) => consent.run().await,
        Command::Datamap(datamap) => datamap.run().await,
        Command::Scan(scan) => scan.run(),
        Command::Stores(stores) => stores.run().await,
        Command::Score(score) => score.run().await,
        Command::Proxy(proxy) => proxy.run().await,
    }
}

impl Place {
    fn config(&self) -> Result<Config, CliError> {
        let mut config = Config::load(self.config.as_deref())?;
        if let Some(data) = &self.data {
            config.data.clone_from(data);
        }
        if let Some(database) = &self.database {
            config.database.clone_from(database);
        }
        Ok(config.checked()?)
    }

    /// Opens the service of this place without listening.
    async fn open(&self, access: Access) -> Result<App, CliError> {
        Self::open_with(self.config()?, access).await
    }

    async fn open_with(config: Config, access: Access) -> Result<App, CliError> {
        telemetry::start(config.log_format);
        let Boot { app, operator_secret } = App::open(config, Clock::system(), Entropy::system(), access).await?;
        if let Some(secret) = operator_secret {
            output::complain(&format!(
                "first start: the client `operator` was registered; its secret, shown only now: {secret}"
            ));
            app.operator_secret_was_shown()?;
        }
        Ok(app)
    }
}
