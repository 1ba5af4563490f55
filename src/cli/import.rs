//! `sayso import`: edge lists and ActivityStreams 2.0 from files, piece by piece, safe to interrupt and to run again.
//!
//! Without a running service it opens the data folder itself; beside one it sends the same through `--url`.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressBarIter};
use serde::Serialize;

use super::{CliError, Place, output};
use crate::clock::Mark;
use crate::domain::Source;
use crate::ingest::{Format, InputError, Item, Items};
use crate::limits;
use crate::service::Access;
use crate::service::{App, Ingested};

mod remote;

#[derive(Debug, Args)]
pub(super) struct Import {
    #[command(flatten)]
    place: Place,
    /// Files to read, in this order.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Where the activity comes from: a source of the registry.
    #[arg(long)]
    source: Source,
    /// `edges`, `ndjson` or `json`; found out from each file when nothing is said.
    #[arg(long)]
    format: Option<FormatName>,
    /// Send to a running service at this address; needs `--client` and the variable `SAYSO_CLIENT_SECRET`.
    #[arg(long, requires = "client")]
    url: Option<String>,
    /// The collector's name.
    #[arg(long)]
    client: Option<String>,
    /// For machines.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum FormatName {
    Edges,
    Ndjson,
    Json,
}

/// What an import did.
#[derive(Debug, Default, Serialize)]
struct Imported {
    #[serde(flatten)]
    counts: Ingested,
    seconds: f64,
}

type Input = BufReader<ProgressBarIter<File>>;

impl Import {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let begun = Mark::now();
        let mut counts = Ingested::default();
        let outcome = self.read_all(&mut counts).await;
        let imported = Imported { counts, seconds: begun.elapsed().as_secs_f64() };
        if self.json {
            output::json(&imported)?;
        } else {
            print(&imported)?;
        }
        outcome
    }

    async fn read_all(&self, counts: &mut Ingested) -> Result<(), CliError> {
        let total = self.files.iter().map(|path| size(path)).sum::<Result<u64, _>>()?;
        let bar = output::bar(total, "reading");
        if let (Some(url), Some(client)) = (&self.url, &self.client) {
            let mut service = remote::Service::new(url, client, &self.source)?;
            for path in &self.files {
                let (input, format) = self.open(path, &bar)?;
                stopped(path, service.send_file(input, format, counts).await?)?;
            }
            return Ok(());
        }
        let app = self.place.open(Access::Serve).await?;
        for path in &self.files {
            let (input, format) = self.open(path, &bar)?;
            stopped(path, take(&app, &self.source, input, format, counts).await?)?;
        }
        app.store.close().await;
        bar.finish_and_clear();
        Ok(())
    }

    fn open(&self, path: &Path, bar: &ProgressBar) -> Result<(Input, Format), CliError> {
        let failed = |source| CliError::File { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        let mut input = BufReader::with_capacity(1 << 16, bar.wrap_read(file));
        let start = input.fill_buf().map_err(failed)?;
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let format = match self.format {
            Some(FormatName::Edges) => Format::Edges,
            Some(FormatName::Ndjson) => Format::Ndjson,
            Some(FormatName::Json) => Format::Json,
            None => Format::detect(name, start),
        };
        Ok((input, format))
    }
}

/// What is wrong with a file ends the import, after everything before it was taken.
fn stopped(path: &Path, failed: Option<InputError>) -> Result<(), CliError> {
    failed.map_or(Ok(()), |source| Err(CliError::Input { path: path.to_owned(), source }))
}

fn size(path: &Path) -> Result<u64, CliError> {
    let meta = std::fs::metadata(path).map_err(|source| CliError::File { path: path.to_owned(), source })?;
    Ok(meta.len())
}

/// Takes a file in batches, up to its end or to what is wrong with it.
async fn take(
    app: &App,
    source: &Source,
    input: Input,
    format: Format,
    counts: &mut Ingested,
) -> Result<Option<InputError>, CliError> {
    let mut items = Items::new(input, format, source, app.topics());
    loop {
        let mut batch: Vec<Item> = Vec::with_capacity(limits::ACTIVITIES_MAX);
        let mut failed = None;
        for item in items.by_ref().take(limits::ACTIVITIES_MAX) {
            match item {
                Ok(item) => batch.push(item),
                Err(error) => failed = Some(error),
            }
        }
        let last = batch.len() < limits::ACTIVITIES_MAX;
        counts.add(app.ingest(source, batch).await?);
        if failed.is_some() || last {
            return Ok(failed);
        }
    }
}

fn print(imported: &Imported) -> Result<(), CliError> {
    output::line(&format!("{} activities taken in {:.2} s", imported.counts.accepted, imported.seconds))?;
    for (reason, times) in &imported.counts.dropped {
        output::line(&format!("{times} dropped: {reason}"))?;
    }
    Ok(())
}
