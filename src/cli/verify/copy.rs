//! What a stranger with the public key can check: leaves, tree, signature, older checkpoints. From an address or a folder.

use std::fs;
use std::path::Path;

use super::super::{CliError, output};
use crate::domain::Seq;
use crate::log::{BUNDLES_AT_ONCE, Bundle, Checkpoint, CopyWalk, TILE_WIDTH, Tile, VerifierKey, verify};
use crate::service::{Finding, Report};

const CHECKPOINT: &str = "checkpoint";

/// Where the pieces of the log come from.
enum Pieces<'a> {
    Address { client: reqwest::Client, url: String, keep: Option<&'a Path> },
    Folder(&'a Path),
}

/// The log at an address; what it shows is stored in `keep`.
pub(in super::super) async fn from_address(
    url: &str,
    key: &VerifierKey,
    older: &[Checkpoint],
    keep: Option<&Path>,
) -> Result<Report, CliError> {
    let url = format!("{}/v1/log", url.trim_end_matches('/'));
    let mut older = older.to_vec();
    if let Some(kept) = keep.and_then(|folder| fs::read_to_string(folder.join(CHECKPOINT)).ok()) {
        older.push(verify(&kept, key).map_err(|e| CliError::Usage(format!("the checkpoint in `--keep`: {e}")))?);
    }
    let pieces = Pieces::Address { client: output::client()?, url, keep };
    let (report, note) = check(&pieces, key, &older).await?;
    if let Some(folder) = keep.filter(|_| report.findings.is_empty()) {
        let made = fs::create_dir_all(folder).and_then(|()| fs::write(folder.join(CHECKPOINT), note));
        made.map_err(|source| CliError::File { path: folder.into(), source })?;
    }
    Ok(report)
}

/// A copy of the log in a folder.
pub(super) async fn from_folder(folder: &Path, key: &VerifierKey, older: &[Checkpoint]) -> Result<Report, CliError> {
    Ok(check(&Pieces::Folder(folder), key, older).await?.0)
}

impl Pieces<'_> {
    /// The bundles that follow the first `from` leaves.
    async fn bundles(&self, from: u64, size: u64) -> Result<Vec<Bundle>, CliError> {
        let mut bundles = Vec::with_capacity(BUNDLES_AT_ONCE);
        for index in (from / TILE_WIDTH..size.div_ceil(TILE_WIDTH)).take(BUNDLES_AT_ONCE) {
            let width = TILE_WIDTH.min(size - index * TILE_WIDTH);
            let path = Tile::entries_path(index, width);
            let entries = self.get(&format!("tile/{path}")).await?;
            let hashes = self.get(&format!("tile/{}", path.replacen("entries", "0", 1))).await?;
            bundles.push(Bundle { entries, hashes, width });
        }
        Ok(bundles)
    }

    async fn get(&self, path: &str) -> Result<Vec<u8>, CliError> {
        match self {
            Pieces::Folder(folder) => {
                let path = folder.join(path);
                fs::read(&path).map_err(|source| CliError::File { path, source })
            }
            Pieces::Address { client, url, keep } => {
                let failed = |e: reqwest::Error| CliError::Remote(e.without_url().to_string());
                let answer = client.get(format!("{url}/{path}")).send().await.map_err(failed)?;
                let bytes = answer.error_for_status().map_err(failed)?.bytes().await.map_err(failed)?.to_vec();
                if let Some(folder) = keep.filter(|_| path != CHECKPOINT) {
                    store(&folder.join(path), &bytes)?;
                }
                Ok(bytes)
            }
        }
    }
}

/// A full tile never changes: one that differs from what was kept proves that the log was rewritten, and is not overwritten.
fn store(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let partial = path.parent().is_some_and(|folder| folder.extension().is_some_and(|end| end == "p"));
    if !partial && fs::read(path).is_ok_and(|kept| kept != bytes) {
        let what = format!("`{}` was kept and is different now: the log was rewritten", path.display());
        return Err(CliError::Remote(what));
    }
    let made = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, bytes));
    made.map_err(|source| CliError::File { path: path.into(), source })
}

/// Returns the checkpoint too.
async fn check(pieces: &Pieces<'_>, key: &VerifierKey, older: &[Checkpoint]) -> Result<(Report, String), CliError> {
    let note = String::from_utf8(pieces.get(CHECKPOINT).await?)
        .map_err(|_| CliError::Remote("the checkpoint is not in UTF-8".into()))?;
    let checkpoint = verify(&note, key).map_err(|e| CliError::Remote(e.to_string()))?;
    let size = i64::try_from(checkpoint.size).map_err(|_| CliError::Remote("the checkpoint's size".into()))?;
    let mut walk = CopyWalk::new(older);
    let (bar, mut unread) = (output::bar(checkpoint.size, "leaves"), None);
    while walk.frontier().size() < checkpoint.size {
        let bundles = match pieces.bundles(walk.frontier().size(), checkpoint.size).await {
            Ok(bundles) => bundles,
            Err(error) => {
                unread = Some(finding(
                    Some(walk.frontier().size() + 1),
                    &format!("the leaves from here on cannot be read: {error}"),
                ));
                break;
            }
        };
        if !walk.take(&bundles) {
            break;
        }
        bar.set_position(walk.frontier().size());
    }
    bar.finish_and_clear();
    let same_root = walk.frontier().root() == checkpoint.root;
    let (faults, beyond) = walk.end();
    let mut findings: Vec<_> = faults.into_iter().map(|fault| finding(Some(fault.seq), fault.what)).collect();
    findings.extend(unread);
    if !same_root {
        findings.push(finding(None, "the leaves do not give the root that the checkpoint signs"));
    }
    for missing in beyond.iter().filter(|older| older.size > checkpoint.size) {
        let what = format!("a checkpoint over {} events exists: the log was cut or is an older copy", missing.size);
        findings.push(finding(None, &what));
    }
    Ok((Report { size, checkpoints: older.len(), findings, ..Report::default() }, note))
}

fn finding(seq: Option<u64>, what: &str) -> Finding {
    Finding { seq: seq.and_then(|seq| i64::try_from(seq).ok()).map(Seq), what: what.into() }
}
