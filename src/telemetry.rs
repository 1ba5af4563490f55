//! Structured logs. What is logged: counts, kinds, durations, request ids. Never: identifiers, subjects, bodies, query strings, tokens.

use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, variable};

/// Starts the log on standard error; `SAYSO_LOG` chooses what is shown (default `info`). A second call changes nothing.
pub fn start(format: LogFormat) {
    let filter = variable("SAYSO_LOG").unwrap_or_else(|| String::from("info,sqlx=warn"));
    let builder = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(filter)).with_writer(std::io::stderr);
    let _already_started = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}
