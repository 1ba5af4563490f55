//! Structured logs. What is logged: counts, kinds, durations, request ids. Never: identifiers, subjects, bodies, query strings, tokens.

use tracing::Level;

use crate::config::{LogFormat, variable};

/// Starts the log on standard error; `SAYSO_LOG` says how much: `error`, `warn`, `info` (the default), `debug`, `trace`. A second
/// call changes nothing.
pub fn start(format: LogFormat) {
    let level = variable("SAYSO_LOG").and_then(|name| name.parse().ok()).unwrap_or(Level::INFO);
    let builder = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr);
    let _already_started = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}
