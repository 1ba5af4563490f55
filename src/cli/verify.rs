//! `sayso verify log`: recomputes everything from the database, or what anybody can from an address.

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};

use super::{CliError, Place, output};
use crate::domain::{Day, Seq};
use crate::log::{Frontier, Leaf, parse_vkey, verify};
use crate::service::Access;
use crate::service::{Finding, Report};

#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The log: tree, signature, bodies, standings, edges.
    Log(Log),
}

#[derive(Debug, Args)]
struct Log {
    #[command(flatten)]
    place: Place,
    /// Verify what a service at this address shows to anybody; needs `--vkey`.
    #[arg(long, requires = "vkey")]
    url: Option<String>,
    /// The log's public key, as the service prints it when it starts.
    #[arg(long)]
    vkey: Option<String>,
    /// For machines.
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let What::Log(log) = self.what;
        let report = match (&log.url, &log.vkey) {
            (Some(url), Some(vkey)) => remote(url, vkey).await?,
            _ => local(&log.place).await?,
        };
        if log.json {
            output::json(&report)?;
        } else {
            print(&report, log.url.is_some())?;
        }
        if report.findings.is_empty() { Ok(()) } else { Err(CliError::Negative) }
    }
}

async fn local(place: &Place) -> Result<Report, CliError> {
    let app = place.open(Access::Inspect).await?;
    let bar = output::bar(0, "events");
    let report = app
        .verify_log(|done| {
            bar.set_length(done.unsigned_abs());
            bar.set_position(done.unsigned_abs());
        })
        .await?;
    bar.finish_and_clear();
    Ok(report)
}

fn print(report: &Report, remote: bool) -> Result<(), CliError> {
    output::line(&format!("{} events", report.size))?;
    if remote {
        output::line("checked: every leaf against the tree, the tree against the signed checkpoint")?;
        output::line(
            "not checked from outside: what the leaves commit to, and standings; that needs the database and its keys",
        )?;
    } else {
        output::line(&format!("{} bodies opened and fit their leaves", report.opened))?;
        output::line(&format!("{} are of the service, of callers without an account, or erased", report.sealed_off))?;
        output::line(&format!("{} people: their standing is what their events say", report.people))?;
        output::line(&format!("{} edges, each under two live grants", report.edges))?;
    }
    for finding in &report.findings {
        let place = finding.seq.map_or_else(|| "the log".into(), |seq| format!("event {} (leaf {})", seq.0, seq.0 - 1));
        output::line(&format!("WRONG: {place}: {}", finding.what))?;
    }
    let verdict = if report.findings.is_empty() { "verified" } else { "NOT verified" };
    Ok(output::line(verdict)?)
}

#[derive(Deserialize, Serialize)]
struct RemoteLeaf {
    seq: Seq,
    kind: String,
    day: Day,
    commitment: String,
    leaf_hash: String,
}

/// What a stranger with the public key can check.
pub(super) async fn remote(url: &str, vkey: &str) -> Result<Report, CliError> {
    let key = parse_vkey(vkey).map_err(|e| CliError::Usage(format!("`--vkey`: {e}")))?;
    let failed = |e: reqwest::Error| CliError::Remote(e.without_url().to_string());
    let client = output::client()?;
    let note = client.get(format!("{url}/v1/log/checkpoint")).send().await.map_err(failed)?;
    let note = note.text().await.map_err(failed)?;
    let checkpoint = verify(&note, &key).map_err(|e| CliError::Remote(e.to_string()))?;
    let size = i64::try_from(checkpoint.size).map_err(|_| CliError::Remote("the checkpoint's size".into()))?;
    let mut report = Report { size, ..Report::default() };
    let mut frontier = Frontier::default();
    let mut next = 0;
    while next < size {
        let page = client.get(format!("{url}/v1/log/leaves?from={next}")).send().await.map_err(failed)?;
        let page: Vec<RemoteLeaf> = page.json().await.map_err(failed)?;
        if page.is_empty() {
            break;
        }
        for leaf in page.into_iter().take_while(|leaf| leaf.seq.0 <= size) {
            next = check(&leaf, next, &mut frontier, &mut report);
        }
    }
    if next != size {
        report.findings.push(Finding { seq: Some(Seq(next + 1)), what: "leaves are missing".into() });
    }
    if frontier.root() != checkpoint.root {
        let what = "the leaves do not give the root that the checkpoint signs";
        report.findings.push(Finding { seq: None, what: what.into() });
    }
    Ok(report)
}

/// Adds a leaf to the tree, and returns the next index.
fn check(leaf: &RemoteLeaf, next: i64, frontier: &mut Frontier, report: &mut Report) -> i64 {
    let mut commitment = [0; 32];
    let readable = hex::decode_to_slice(&leaf.commitment, &mut commitment).is_ok();
    let hash = Leaf { kind: leaf.kind.clone(), day: leaf.day, commitment }.hash();
    let mut find = |what: &str| report.findings.push(Finding { seq: Some(leaf.seq), what: what.into() });
    if leaf.seq.0 != next + 1 {
        find("leaves are missing before this one");
    }
    if !readable || hex::encode(hash) != leaf.leaf_hash {
        find("the row was changed: it no longer gives the leaf that the tree holds");
    }
    frontier.push(hash);
    leaf.seq.0
}
