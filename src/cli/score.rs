//! `sayso score`: how many people have a score, and how long it took to compute them all.

use clap::Args;

use super::{CliError, Place, output};
use crate::clock::Mark;
use crate::domain::{Day, Micros};
use crate::service::Access;

#[derive(Debug, Args)]
pub(super) struct Score {
    #[command(flatten)]
    place: Place,
    /// The window ends with the week of this day (`YYYY-MM-DD`) instead of today's.
    #[arg(long)]
    as_of: Option<String>,
    /// For machines.
    #[arg(long)]
    json: bool,
}

impl Score {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let as_of = self.as_of.as_deref().map(day).transpose()?;
        let app = self.place.open(Access::Inspect).await?;
        let begun = Mark::now();
        let bar = output::bar(0, "people");
        let summary = app
            .score_summary(as_of, |people| {
                bar.inc_length(people);
                bar.inc(people);
            })
            .await?;
        bar.finish_and_clear();
        let seconds = begun.elapsed().as_secs_f64();
        if self.json {
            let value = serde_json::json!({ "people": summary, "seconds": seconds });
            return Ok(output::json(&value)?);
        }
        output::line(&format!("{} people have a score", summary.scored))?;
        output::line(&format!("{} have too little data for one", summary.insufficient_data))?;
        output::line(&format!("{} did not say yes, or not any more", summary.denied))?;
        Ok(output::line(&format!("{seconds:.2} s"))?)
    }
}

fn day(text: &str) -> Result<Micros, CliError> {
    Day::parse(text).map(Day::start).ok_or_else(|| CliError::Usage("`--as-of` takes a day such as 2026-11-22".into()))
}
