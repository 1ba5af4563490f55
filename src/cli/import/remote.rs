//! Sending an import to a running service, as any collector would.

use std::io::{BufRead, Read};

use serde::Deserialize;
use serde_json::json;

use super::Input;
use crate::cli::{CliError, output};
use crate::config::variable;
use crate::domain::Source;
use crate::ingest::{EdgeLine, Format, InputError, edges};
use crate::limits;
use crate::remote::Login;
use crate::secret::SecretText;
use crate::service::Ingested;

/// Lines of one request are sent when they reach this many bytes, well below what the service takes.
const SEND_BYTES: usize = 2 * 1024 * 1024;

pub(super) struct Service {
    login: Login,
    source: Source,
}

#[derive(Deserialize)]
struct Answer {
    accepted: u64,
    dropped: std::collections::BTreeMap<String, u64>,
}

impl Service {
    pub(super) fn new(url: &str, name: &str, source: &Source) -> Result<Self, CliError> {
        let missing = || CliError::Usage("set the variable `SAYSO_CLIENT_SECRET` to the collector's secret".into());
        let secret = variable("SAYSO_CLIENT_SECRET").ok_or_else(missing)?;
        let login = Login::new(output::client()?, url, name, SecretText::new(secret));
        Ok(Self { login, source: source.clone() })
    }

    pub(super) async fn send_file(
        &mut self,
        mut input: Input,
        format: Format,
        counts: &mut Ingested,
    ) -> Result<Option<InputError>, CliError> {
        if format == Format::Json {
            let mut document = Vec::new();
            let max = limits::ACTIVITIES_BYTES_MAX as u64 + 1;
            input.by_ref().take(max).read_to_end(&mut document)?;
            return self.send(document, "application/activity+json", counts).await.map(|()| None);
        }
        let (mut body, mut lines, mut number) = (Vec::new(), 0, 0);
        loop {
            let mut line = String::new();
            let read = input.read_line(&mut line)?;
            number += 1;
            let converted = convert(number, &line, format, &self.source, &mut body);
            lines += usize::from(matches!(converted, Ok(true)));
            let full = lines == limits::ACTIVITIES_MAX || body.len() > SEND_BYTES;
            let last = read == 0 || converted.is_err();
            if lines > 0 && (full || last) {
                self.send(std::mem::take(&mut body), "application/x-ndjson", counts).await?;
                lines = 0;
            }
            if last {
                return Ok(converted.err());
            }
        }
    }

    async fn send(&mut self, body: Vec<u8>, media_type: &str, counts: &mut Ingested) -> Result<(), CliError> {
        let answer = self.post(body, media_type).await?;
        let status = answer.status();
        if !status.is_success() {
            let problem: serde_json::Value = answer.json().await.map_err(failed)?;
            let detail = problem.get("detail").and_then(|detail| detail.as_str()).unwrap_or("no reason given");
            return Err(CliError::Remote(format!("{status}: {detail}")));
        }
        let answer: Answer = answer.json().await.map_err(failed)?;
        counts.add(Ingested { accepted: answer.accepted, dropped: known_reasons(answer.dropped) });
        Ok(())
    }

    async fn post(&self, body: Vec<u8>, media_type: &str) -> Result<reqwest::Response, CliError> {
        let request = self.login.post(&format!("/v1/activities?source={}", self.source)).await?;
        let request = request.header("content-type", media_type);
        request.body(body).send().await.map_err(failed)
    }
}

fn failed(error: reqwest::Error) -> CliError {
    CliError::Remote(error.without_url().to_string())
}

/// The reasons are the service's own names; one that this program does not know is counted as `other`.
fn known_reasons(dropped: std::collections::BTreeMap<String, u64>) -> std::collections::BTreeMap<&'static str, u64> {
    let mut known = std::collections::BTreeMap::new();
    for (reason, times) in dropped {
        let name = crate::ingest::Drop::ALL.iter().map(|drop| drop.as_str()).find(|name| *name == reason);
        *known.entry(name.unwrap_or("other")).or_default() += times;
    }
    known
}

/// Adds a line to a body; a line of an edge list as the reply that it stands for. False for a line that says nothing.
fn convert(number: u64, line: &str, format: Format, source: &Source, body: &mut Vec<u8>) -> Result<bool, InputError> {
    if format == Format::Ndjson {
        body.extend_from_slice(line.as_bytes());
        return Ok(!line.trim().is_empty());
    }
    let Some(edge) = edges::read_line(number, line)? else { return Ok(false) };
    body.extend_from_slice(reply(&edge, source).to_string().as_bytes());
    body.push(b'\n');
    Ok(true)
}

fn reply(edge: &EdgeLine, source: &Source) -> serde_json::Value {
    let published = time::OffsetDateTime::from_unix_timestamp(edge.at.0.div_euclid(1_000_000)).ok();
    let published = published.and_then(|at| at.format(&time::format_description::well_known::Rfc3339).ok());
    json!({
        "type": "Create",
        "id": edge.activity(source).id.as_str(),
        "actor": edge.actor,
        "published": published,
        "to": "https://www.w3.org/ns/activitystreams#Public",
        "object": {
            "type": "Note",
            "attributedTo": edge.actor,
            "inReplyTo": { "type": "Note", "attributedTo": edge.target },
        },
    })
}
