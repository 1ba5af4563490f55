//! `sayso verify`: whether anybody rewrote anything, from the database, from an address, or from files.

mod copy;
mod paper;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{CliError, Place, output};
use crate::log::{Checkpoint, VerifierKey, parse_vkey, verify};
use crate::service::{Access, Report};

pub(super) use copy::from_address;
pub(super) use paper::text;

#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The log: with the database and its keys everything; from an address or a folder what anybody can check.
    Log(Log),
    /// A receipt: that what it says was recorded, by the log whose public key is given. Needs no database.
    Receipt(paper::Paper),
    /// The certificate of an erasure. Needs no database.
    Certificate(paper::Paper),
}

#[derive(Debug, Args)]
struct Log {
    #[command(flatten)]
    place: Place,
    /// Verify what a service at this address shows to anybody; needs `--vkey`.
    #[arg(long, requires = "vkey", conflicts_with = "folder")]
    url: Option<String>,
    /// Verify a copy of the log: `checkpoint` and `tile/` as `--keep` or any mirror stores them (C2SP tlog-tiles); needs `--vkey`.
    #[arg(long, requires = "vkey")]
    folder: Option<PathBuf>,
    /// Store what `--url` shows into this folder, to verify it later or elsewhere.
    #[arg(long, requires = "url")]
    keep: Option<PathBuf>,
    /// An older checkpoint, or a receipt, that somebody kept: the log must begin with what it signs. May be given more than once.
    #[arg(long)]
    checkpoint: Vec<PathBuf>,
    /// The log's public key, as the service prints it when it starts.
    #[arg(long)]
    vkey: Option<String>,
    /// For machines.
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(super) async fn run(self) -> Result<(), CliError> {
        match self.what {
            What::Log(log) => log.run().await,
            What::Receipt(paper) => paper.run("receipt").await,
            What::Certificate(paper) => paper.run("certificate").await,
        }
    }
}

impl Log {
    async fn run(self) -> Result<(), CliError> {
        let outside = self.url.is_some() || self.folder.is_some();
        let report = match (&self.url, &self.folder, &self.vkey) {
            (Some(url), _, Some(vkey)) => {
                let key = key(vkey)?;
                from_address(url, &key, &older(&self.checkpoint, &key)?, self.keep.as_deref()).await?
            }
            (_, Some(folder), Some(vkey)) => {
                let key = key(vkey)?;
                copy::from_folder(folder, &key, &older(&self.checkpoint, &key)?).await?
            }
            (_, _, Some(_)) => return Err(CliError::Usage("`--vkey` needs `--url` or `--folder`".into())),
            _ => local(&self.place, &self.checkpoint).await?,
        };
        if self.json {
            output::json(&report)?;
        } else {
            print(&report, outside)?;
        }
        if report.findings.is_empty() { Ok(()) } else { Err(CliError::Negative) }
    }
}

pub(super) fn key(vkey: &str) -> Result<VerifierKey, CliError> {
    parse_vkey(vkey.trim()).map_err(|e| CliError::Usage(format!("`--vkey`: {e}")))
}

/// Checkpoints that somebody kept, by themselves or in receipts. One that is not of this log is an error, not a finding.
fn older(files: &[PathBuf], key: &VerifierKey) -> Result<Vec<Checkpoint>, CliError> {
    let read = |path: &PathBuf| {
        let text = paper::receipt_text(path)?;
        let note =
            text.split_once("\n\n").filter(|(head, _)| head.starts_with("c2sp.org/tlog-proof")).map(|(_, note)| note);
        verify(note.unwrap_or(&text), key).map_err(|e| CliError::Usage(format!("`{}`: {e}", path.display())))
    };
    files.iter().map(read).collect()
}

async fn local(place: &Place, checkpoints: &[PathBuf]) -> Result<Report, CliError> {
    let app = place.open(Access::Inspect).await?;
    let older = older(checkpoints, &key(&app.log_vkey())?)?;
    let bar = output::bar(0, "events");
    let report = app
        .verify_log(&older, |done: i64| {
            bar.set_length(done.unsigned_abs());
            bar.set_position(done.unsigned_abs());
        })
        .await?;
    bar.finish_and_clear();
    Ok(report)
}

fn print(report: &Report, outside: bool) -> Result<(), CliError> {
    output::line(&format!("{} events", report.size))?;
    output::line(&format!("{} older checkpoints compared", report.checkpoints))?;
    if outside {
        output::line("looked at: every leaf against the tree, the tree against the signed checkpoint")?;
        output::line(
            "not checked from outside: what the leaves commit to, and standings; that needs the database and its keys",
        )?;
    } else {
        output::line(&format!("{} bodies opened, against their leaves and what came before", report.opened))?;
        output::line(&format!(
            "{} events erased or of callers without an account: only their leaf",
            report.sealed_off
        ))?;
        output::line(&format!("{} people, their standings against what their events say", report.people))?;
        output::line(&format!("{} edges, against two live grants each", report.edges))?;
        output::line(
            "not checked, because no event repeats it: opt-outs of people without an account, pairwise ids, secrets, passwords and \
             log-ins, removed identifiers, what a recipient is registered for; whether an edge that is gone once had grants",
        )?;
    }
    for finding in &report.findings {
        let place = finding.seq.map_or_else(|| "the log".into(), |seq| format!("event {} (leaf {})", seq.0, seq.0 - 1));
        output::line(&format!("WRONG: {place}: {}", finding.what))?;
    }
    let verdict = if report.findings.is_empty() { "verified" } else { "NOT verified" };
    Ok(output::line(verdict)?)
}
