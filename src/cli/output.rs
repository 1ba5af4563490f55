//! What a command prints: results on standard output, complaints and progress on standard error.

use std::io::{self, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

/// A line of a result.
pub(super) fn line(text: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

/// A result for a machine.
pub(super) fn json(value: &impl Serialize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value)?;
    writeln!(out)
}

/// What went wrong. When even that cannot be said nothing else can be done.
pub(super) fn complain(text: &str) {
    let _nobody_reads = writeln!(io::stderr().lock(), "sayso: {text}");
}

/// A bar for work of known size; without a terminal nothing is drawn.
pub(super) fn bar(total: u64, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(total).with_message(what);
    let style = ProgressStyle::with_template("{msg} {wide_bar} {percent}% ({eta} left)");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// An HTTP client for talking to a service.
pub(super) fn client() -> Result<reqwest::Client, super::CliError> {
    let _already_installed = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().timeout(Duration::from_mins(1)).build();
    client.map_err(|e| super::CliError::Remote(e.to_string()))
}
