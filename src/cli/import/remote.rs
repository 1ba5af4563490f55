//! Sending an import to a running service, as any collector would.

use std::io::{BufRead, Read};
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::Input;
use crate::cli::{CliError, output};
use crate::clock::Mark;
use crate::config::variable;
use crate::domain::Source;
use crate::ingest::{EdgeLine, Format, InputError, edges};
use crate::limits;
use crate::service::Ingested;

/// Lines of one request are sent when they reach this many bytes, well below what the service takes.
const SEND_BYTES: usize = 2 * 1024 * 1024;

pub(super) struct Service {
    client: reqwest::Client,
    url: String,
    name: String,
    secret: String,
    source: Source,
    token: Option<Held>,
}

/// A token, since when, and for how long it counts.
struct Held {
    token: String,
    since: Mark,
    lifetime: Duration,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
    expires_in: u64,
}

#[derive(Deserialize)]
struct Answer {
    accepted: u64,
    dropped: std::collections::BTreeMap<String, u64>,
}

impl Service {
    pub(super) fn new(url: &str, name: &str, source: &Source) -> Result<Self, CliError> {
        let missing = || CliError::Usage("set the variable `SAYSO_CLIENT_SECRET` to the collector's secret".into());
        Ok(Self {
            client: output::client()?,
            url: url.trim_end_matches('/').to_owned(),
            name: name.to_owned(),
            secret: variable("SAYSO_CLIENT_SECRET").ok_or_else(missing)?,
            source: source.clone(),
            token: None,
        })
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

    async fn post(&mut self, body: Vec<u8>, media_type: &str) -> Result<reqwest::Response, CliError> {
        let token = self.token().await?;
        let url = format!("{}/v1/activities?source={}", self.url, self.source);
        let request = self.client.post(url).bearer_auth(token).header("content-type", media_type);
        request.body(body).send().await.map_err(failed)
    }

    /// One that counts for some time still: a service that refuses a caller does not read the body to its end, and who is still sending
    /// it may find the connection closed instead of the refusal.
    async fn token(&mut self) -> Result<String, CliError> {
        let held = self.token.take().filter(|held| held.since.elapsed() < held.lifetime / 2);
        let held = match held {
            Some(held) => held,
            None => self.log_in().await?,
        };
        Ok(self.token.insert(held).token.clone())
    }

    async fn log_in(&self) -> Result<Held, CliError> {
        let since = Mark::now();
        let url = format!("{}/v1/auth/token", self.url);
        let request = self.client.post(url).basic_auth(&self.name, Some(&self.secret));
        let answer = request.form(&[("grant_type", "client_credentials")]).send().await.map_err(failed)?;
        let answer = answer.error_for_status().map_err(failed)?;
        let Token { access_token, expires_in } = answer.json().await.map_err(failed)?;
        Ok(Held { token: access_token, since, lifetime: Duration::from_secs(expires_in) })
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
