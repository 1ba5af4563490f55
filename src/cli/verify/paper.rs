//! What somebody holds in their hand: a receipt, or the certificate of an erasure. Checked with the public key alone.

use std::borrow::Cow;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use clap::Args;
use serde::Deserialize;

use super::super::{CliError, output};
use super::key;
use crate::domain::Act;
use crate::log::{Checkpoint, Hash, Opened, Receipt, VerifierKey, verify, verify_consistency};

/// Nothing that is a receipt is longer, in bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

#[derive(Debug, Args)]
pub(super) struct Paper {
    /// The receipt: a `.tlog-proof` file, or the answer of the service that holds one; `-` reads standard input.
    file: PathBuf,
    /// The log's public key.
    #[arg(long)]
    vkey: String,
    /// Also ask the service at this address to prove that its log still begins with what the receipt signs.
    #[arg(long)]
    url: Option<String>,
    /// For machines.
    #[arg(long)]
    json: bool,
}

impl Paper {
    pub(super) async fn run(self, what: &str) -> Result<(), CliError> {
        let key = key(&self.vkey)?;
        let wrong = |e: String| CliError::Usage(format!("the {what} does not hold: {e}"));
        let receipt = Receipt::parse(&receipt_text(&self.file)?).map_err(|e| wrong(e.to_string()))?;
        let opened = receipt.check(&key).map_err(|e| wrong(e.to_string()))?;
        let certificate = matches!(opened.event.act, Act::ErasureCompleted { .. });
        if what == "certificate" && !certificate {
            return Err(wrong("it is the receipt of something else than a completed erasure".into()));
        }
        if let Some(url) = &self.url {
            let old = verify(&receipt.checkpoint, &key).map_err(|e| wrong(e.to_string()))?;
            still_there(url, &key, &old).await?;
        }
        if self.json { Ok(output::json(&opened)?) } else { print(what, &opened, self.url.is_some()) }
    }
}

fn print(what: &str, opened: &Opened, asked: bool) -> Result<(), CliError> {
    let act = serde_json::to_value(&opened.event.act).unwrap_or_default();
    output::line(&format!("event {} (leaf {}) of a log of {} events", opened.index + 1, opened.index, opened.size))?;
    output::line(&format!("recorded {}", opened.event.at.text()))?;
    output::line(&serde_json::to_string_pretty(&act).unwrap_or_default())?;
    output::line(
        "checked: what is written above is what the leaf commits to, the leaf is in the log, the log's key signed it",
    )?;
    if asked {
        output::line("checked: the service's log of today begins with the log that this signs")?;
    } else {
        output::line("not checked: whether the service still shows the same log; `--url` asks it")?;
    }
    output::line(
        "not checked: who it is about (a receipt names nobody), and the time, which the service says by itself",
    )?;
    Ok(output::line(&format!("the {what} holds"))?)
}

#[derive(Deserialize)]
struct Proof {
    hashes: Vec<String>,
}

/// Asks for today's checkpoint and the proof that it goes on from an older one.
async fn still_there(url: &str, key: &VerifierKey, old: &Checkpoint) -> Result<(), CliError> {
    let failed = |e: reqwest::Error| CliError::Remote(e.without_url().to_string());
    let (url, client) = (url.trim_end_matches('/'), output::client()?);
    let note = client.get(format!("{url}/v1/log/checkpoint")).send().await.map_err(failed)?;
    let note = note.error_for_status().map_err(failed)?.text().await.map_err(failed)?;
    let new = verify(&note, key).map_err(|e| CliError::Remote(e.to_string()))?;
    if new.size < old.size {
        return Err(CliError::Remote("its log is shorter than the one that this receipt signs: it was cut".into()));
    }
    let query = format!("{url}/v1/log/proof/consistency?from={}&to={}", old.size, new.size);
    let proof = client.get(query).send().await.map_err(failed)?.error_for_status().map_err(failed)?;
    let proof: Proof = proof.json().await.map_err(failed)?;
    let hashes: Option<Vec<Hash>> =
        proof.hashes.iter().map(|text| BASE64.decode(text).ok().and_then(|bytes| bytes.try_into().ok())).collect();
    let hashes = hashes.ok_or_else(|| CliError::Remote("a hash of the proof is not 32 bytes in base64".into()))?;
    verify_consistency((old.size, &old.root), (new.size, &new.root), &hashes)
        .map_err(|_| CliError::Remote("its log does not begin with what this receipt signs: it was rewritten".into()))
}

/// The text of a receipt in a file, also where it stands in JSON.
pub(in super::super) fn receipt_text(path: &Path) -> Result<String, CliError> {
    let text = text(path)?;
    let found = Receipt::text_in(&text).map(Cow::into_owned);
    found.ok_or_else(|| {
        CliError::Usage(format!("`{}` is JSON without a `receipt` or `certificate` in it", path.display()))
    })
}

/// The text of a file; `-` is standard input.
pub(in super::super) fn text(path: &Path) -> Result<String, CliError> {
    let failed = |source| CliError::File { path: path.into(), source };
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(FILE_BYTES_MAX).read_to_string(&mut text)
    } else {
        fs::File::open(path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text))
    };
    read.map_err(failed)?;
    Ok(text)
}
