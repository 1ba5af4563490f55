//! `sayso scan`: looks for a text in every byte of a folder, as it is, in hexadecimal and in base64; an id, which is
//! hexadecimal itself, also as the bytes that it stands for.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use clap::Args;
use serde::Serialize;

use super::{CliError, output};

#[derive(Debug, Args)]
pub(super) struct Scan {
    /// What to look for.
    #[arg(long)]
    marker: String,
    /// The folder.
    #[arg(long, default_value = "data")]
    data: PathBuf,
    /// For machines.
    #[arg(long)]
    json: bool,
}

/// What a scan saw.
#[derive(Debug, Default, Serialize)]
pub(super) struct Scanned {
    pub(super) files: u64,
    pub(super) bytes: u64,
    pub(super) hits: u64,
    pub(super) found_in: Vec<PathBuf>,
}

const PIECE: usize = 1 << 20;
const MARKER_BYTES_MIN: usize = 4;

impl Scan {
    pub(super) fn run(&self) -> Result<(), CliError> {
        let scanned = scan(&self.data, self.marker.as_bytes())?;
        if self.json {
            output::json(&scanned)?;
        } else {
            output::line(&format!("{} files, {} bytes, {} hits", scanned.files, scanned.bytes, scanned.hits))?;
            for path in &scanned.found_in {
                output::line(&format!("found in {}", path.display()))?;
            }
        }
        if scanned.hits == 0 { Ok(()) } else { Err(CliError::Negative) }
    }
}

/// Every byte of every file under a folder.
pub(super) fn scan(folder: &Path, marker: &[u8]) -> Result<Scanned, CliError> {
    if marker.len() < MARKER_BYTES_MIN {
        return Err(CliError::Usage("`--marker` needs at least 4 bytes to mean something".into()));
    }
    let mut scanned = Scanned::default();
    walk(folder, &Forms::of(marker), &mut scanned)?;
    Ok(scanned)
}

/// Byte strings to look for, by their first byte.
struct Forms {
    by_first: Vec<Vec<Vec<u8>>>,
    longest: usize,
}

impl Forms {
    /// The marker as it is, in hexadecimal, in base64 at each of its three alignments, and out of hexadecimal.
    fn of(marker: &[u8]) -> Self {
        let mut forms = vec![marker.to_vec(), hex::encode(marker).into_bytes(), hex::encode_upper(marker).into_bytes()];
        forms.extend(hex::decode(marker));
        for skipped in 0..3 {
            let padded = [vec![0; skipped], marker.to_vec()].concat();
            let encoded = STANDARD_NO_PAD.encode(&padded).into_bytes();
            let inner: Vec<u8> = encoded.into_iter().skip(4).collect();
            let whole = inner.len().saturating_sub(2);
            forms.push(inner.into_iter().take(whole).collect());
        }
        forms.sort();
        forms.dedup();
        let mut all = Self { by_first: vec![Vec::new(); 256], longest: marker.len() };
        for form in forms.into_iter().filter(|form| form.len() >= MARKER_BYTES_MIN) {
            all.longest = all.longest.max(form.len());
            if let Some(forms) = form.first().and_then(|first| all.by_first.get_mut(usize::from(*first))) {
                forms.push(form);
            }
        }
        all
    }

    /// How many of them end in the part of the window that was not known before.
    fn count(&self, window: &[u8], known: usize) -> u64 {
        let mut hits = 0;
        for (at, byte) in window.iter().enumerate() {
            let Some(forms) = self.by_first.get(usize::from(*byte)) else { continue };
            let here = |form: &&Vec<u8>| window.get(at..at + form.len()) == Some(form.as_slice());
            hits += forms.iter().filter(|form| at + form.len() > known).filter(here).count() as u64;
        }
        hits
    }
}

fn walk(folder: &Path, forms: &Forms, scanned: &mut Scanned) -> Result<(), CliError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| CliError::File { path, source }
    };
    for entry in fs::read_dir(folder).map_err(failed(folder))? {
        let path = entry.map_err(failed(folder))?.path();
        if path.is_dir() {
            walk(&path, forms, scanned)?;
            continue;
        }
        let hits = match look(&path, forms, scanned) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue, // it is gone, with whatever it held
            hits => hits.map_err(failed(&path))?,
        };
        scanned.files += 1;
        scanned.hits += hits;
        if hits > 0 {
            scanned.found_in.push(path);
        }
    }
    Ok(())
}

/// Reads a file piece by piece, with an overlap as long as the longest form.
fn look(path: &Path, forms: &Forms, scanned: &mut Scanned) -> std::io::Result<u64> {
    let overlap = forms.longest.saturating_sub(1);
    let mut file = File::open(path)?;
    let (mut window, mut hits) = (Vec::<u8>::new(), 0);
    let mut piece = vec![0; PIECE];
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            return Ok(hits);
        }
        scanned.bytes += read as u64;
        let known = window.len();
        window.extend(piece.iter().take(read));
        hits += forms.count(&window, known);
        let gone = window.len().saturating_sub(overlap);
        window.drain(..gone);
    }
}
