//! `sayso datamap check`: whether the database has exactly the tables and columns that the data map lists. The service makes the same
//! comparison at every start and does not start on another answer.

use clap::{Args, Subcommand};

use super::{CliError, Place, output};
use crate::service::Access;

#[derive(Debug, Args)]
pub(super) struct DataMap {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Compare the data map with the database.
    Check(Check),
}

#[derive(Debug, Args)]
struct Check {
    #[command(flatten)]
    place: Place,
    /// For machines: the whole map.
    #[arg(long)]
    json: bool,
}

impl DataMap {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let What::Check(check) = self.what;
        let app = check.place.open(Access::Inspect).await?;
        let stored = app.stored();
        if check.json {
            return Ok(output::json(&stored)?);
        }
        for table in &stored {
            let whose = if table.about_people { "about people" } else { "about nobody" };
            output::line(&format!("{:<15} {whose}, kept {}", table.table, table.kept))?;
        }
        let columns: usize = stored.iter().map(|table| table.columns.len()).sum();
        Ok(output::line(&format!(
            "{} tables with {columns} columns: the data map and the database agree",
            stored.len()
        ))?)
    }
}
