//! `sayso stores check`: whether every declared score store is what was declared. The service makes the same proof at every start, and
//! does not start on a false declaration.

use clap::{Args, Subcommand};

use super::{CliError, Place, output};
use crate::service::{Access, ServiceError};

#[derive(Debug, Args)]
pub(super) struct Stores {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Prove each declaration with a row that is about nobody, which is removed again.
    Check(Check),
}

#[derive(Debug, Args)]
struct Check {
    #[command(flatten)]
    place: Place,
    /// The declaration, instead of the setting `score_stores`.
    #[arg(long)]
    score_stores: Option<std::path::PathBuf>,
    /// For machines.
    #[arg(long)]
    json: bool,
}

impl Stores {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let What::Check(check) = self.what;
        let mut config = check.place.config()?;
        config.score_stores = check.score_stores.unwrap_or(config.score_stores);
        let checks =
            Place::open_with(config, Access::Inspect).await?.check_stores().await.map_err(ServiceError::from)?;
        if check.json {
            output::json(&checks)?;
        }
        for one in checks.iter().filter(|_| !check.json) {
            let why = one.why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
            output::line(&format!("{}: {}{why}", one.store, one.state))?;
            if !one.not_searched.is_empty() {
                output::line(&format!("  not searched for copies: {}", one.not_searched.join(", ")))?;
            }
        }
        if checks.is_empty() && !check.json {
            output::line("no score stores are declared: set `score_stores` to a file that declares them")?;
        }
        if checks.iter().all(|one| one.state == "proved") { Ok(()) } else { Err(CliError::Negative) }
    }
}
