//! `sayso consent as-of`: what somebody had allowed at one time, as it was known at another, computed anew from the receipts of
//! an answer. Needs the log's public key and trusts nobody but its holder.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::verify::{key, text};
use super::{CliError, output};
use crate::clock::Clock;
use crate::config::variable;
use crate::domain::{Act, Adult, Event, Micros, PublishedNotice, Seq, Standing, as_of};
use crate::log::VerifierKey;
use crate::service::{AsOfView, InForce, LookView, Proved};

/// What no receipt can show.
const NOT_CHECKED: &str =
    "whether the service left out an event or a notice, and whose events they are: no leaf names anybody";
/// How far the service's clock may be behind ours, in seconds.
const SKEW_SECONDS_MAX: i64 = 300;

#[derive(Debug, Args)]
pub(super) struct Consent {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// What was in force at a time, as it was known at a time, checked against the receipts that prove it.
    AsOf(Then),
}

#[derive(Debug, Args)]
struct Then {
    /// The answer of `GET /v1/me/consents?as_of=` or `POST /v1/audit/access`; `-` reads standard input.
    #[arg(required_unless_present = "url", conflicts_with = "url")]
    file: Option<PathBuf>,
    /// Ask the service at this address about oneself, with the access token in the variable `SAYSO_ACCESS_TOKEN`.
    #[arg(long)]
    url: Option<String>,
    /// The log's public key, as the service prints it when it starts.
    #[arg(long)]
    vkey: String,
    /// When it was in force: `2026-11-22T12:00:00Z`, or a day for its beginning. The answer's own time when nothing is said.
    #[arg(long)]
    as_of: Option<String>,
    /// What had been recorded by then. The answer's own time when nothing is said.
    #[arg(long)]
    known_at: Option<String>,
    /// For machines.
    #[arg(long)]
    json: bool,
}

impl Consent {
    pub(super) async fn run(self) -> Result<(), CliError> {
        match self.what {
            What::AsOf(then) => then.run().await,
        }
    }
}

impl Then {
    async fn run(self) -> Result<(), CliError> {
        let key = key(&self.vkey)?;
        let (at, known) = (time("--as-of", self.as_of.as_deref())?, time("--known-at", self.known_at.as_deref())?);
        let asked = Clock::system().now();
        let answer = match (&self.file, &self.url) {
            (Some(file), _) => text(file)?,
            (_, Some(url)) => ask(url, asked).await?,
            _ => return Err(CliError::Usage("name a file, or `--url`".into())),
        };
        let Some(view) = read(&answer, &key)? else {
            return Ok(output::line("nothing was held about this identifier: the answer has nothing to prove")?);
        };
        if self.url.is_some() && (view.as_of_us != asked || view.known_at_us < asked.plus_seconds(-SKEW_SECONDS_MAX)) {
            return Err(CliError::Remote(
                "it answered another question than was asked, or with what it knew long ago".into(),
            ));
        }
        let (at, known) = (at.unwrap_or(view.as_of_us), known.unwrap_or(view.known_at_us));
        let computed = recomputed(&view, &key, at, known)?;
        self.print(&view, &computed, at, known)
    }

    fn print(&self, view: &AsOfView, computed: &Computed, at: Micros, known: Micros) -> Result<(), CliError> {
        let compared = (at, known) == (view.as_of_us, view.known_at_us);
        let same = compared.then(|| *computed == Computed::stated(view));
        let in_force = &computed.in_force;
        let receipts = view.stood_on.len() + view.notices.len();
        if self.json {
            output::json(&json!({
                "as_of_us": at, "known_at_us": known, "in_force": in_force, "receipts": receipts, "answer_agrees": same,
                "not_checked": NOT_CHECKED,
            }))?;
        } else {
            output::line(&format!("in force at {}, as known at {}:", at.text(), known.text()))?;
            for one in in_force {
                let triple = &one.triple;
                output::line(&format!(
                    "  {} from {} for {}, by event {}, until {}",
                    triple.purpose,
                    triple.source,
                    triple.recipient,
                    one.consent_id.0,
                    one.valid_until_us.text()
                ))?;
            }
            if in_force.is_empty() {
                output::line("  nothing")?;
            }
            output::line(&format!(
                "checked: {receipts} receipts against the log's key; this was computed from them alone"
            ))?;
            output::line(&format!("not checked: {NOT_CHECKED}"))?;
        }
        if same != Some(false) {
            return Ok(());
        }
        output::complain("the answer itself says something else is in force than its own receipts prove");
        Err(CliError::Negative)
    }
}

/// An answer to a person, or what an auditor found, if anything.
fn read(answer: &str, key: &VerifierKey) -> Result<Option<AsOfView>, CliError> {
    let other =
        |_| CliError::Usage("this is no answer of `GET /v1/me/consents?as_of=` or `POST /v1/audit/access`".into());
    let answer: Value = serde_json::from_str(answer).map_err(other)?;
    if answer.get("found").is_none() {
        return serde_json::from_value(answer).map(Some).map_err(other);
    }
    let look: LookView = serde_json::from_value(answer).map_err(other)?;
    let opened =
        look.receipt.check(key).map_err(|e| CliError::Usage(format!("the receipt of the look itself: {e}")))?;
    match opened.event.act {
        Act::Audited { .. } => Ok(look.found),
        _ => Err(CliError::Usage("the receipt of the look itself proves something else".into())),
    }
}

/// Asked for now, so that every event is in the answer and any time can be computed from it.
async fn ask(url: &str, now: Micros) -> Result<String, CliError> {
    let token = variable("SAYSO_ACCESS_TOKEN")
        .ok_or_else(|| CliError::Usage("set the variable `SAYSO_ACCESS_TOKEN` to your access token".into()))?;
    let failed = |e: reqwest::Error| CliError::Remote(e.without_url().to_string());
    let url = format!("{}/v1/me/consents?as_of={}", url.trim_end_matches('/'), now.text());
    let answer = output::client()?.get(url).bearer_auth(token).send().await.map_err(failed)?;
    answer.error_for_status().map_err(failed)?.text().await.map_err(failed)
}

fn time(option: &str, text: Option<&str>) -> Result<Option<Micros>, CliError> {
    let read = |text| {
        Micros::parse(text)
            .ok_or_else(|| CliError::Usage(format!("`{option}`: a time such as 2026-11-22T12:00:00Z, or a day")))
    };
    text.map(read).transpose()
}

/// What was in force, and what stood in the way: adult, held, suppressed, latched, erased.
#[derive(PartialEq, Eq)]
struct Computed {
    flags: [bool; 5],
    in_force: Vec<InForce>,
}

impl Computed {
    /// What an answer says without proof.
    fn stated(view: &AsOfView) -> Self {
        let flags = [view.adult, view.held, view.suppressed, view.latched, view.erased];
        Self { flags, in_force: view.in_force.clone() }
    }
}

/// Folds what the receipts open, once each of them holds.
fn recomputed(view: &AsOfView, key: &VerifierKey, at: Micros, known: Micros) -> Result<Computed, CliError> {
    if view.older_events > 0 {
        let what =
            format!("the answer leaves out {} older events, so nothing can be computed from it", view.older_events);
        return Err(CliError::Usage(what));
    }
    if known > view.known_at_us {
        let what = format!("the answer holds what was known by {}: ask for a later one", view.known_at_us.text());
        return Err(CliError::Usage(what));
    }
    let events = view.stood_on.iter().map(|proved| opened(proved, key)).collect::<Result<Vec<_>, _>>()?;
    if !events.is_sorted_by(|(one, _), (next, _)| one < next) {
        return Err(CliError::Usage("the events of this answer are not in order".into()));
    }
    let mut notices = Vec::new();
    for proved in &view.notices {
        if let (_, Event { at, act: Act::NoticePublished { purpose, version, material: true, .. } }) =
            opened(proved, key)?
        {
            notices.push(PublishedNotice { purpose, version, at });
        }
    }
    let (standing, grants) = as_of(&events, &notices, at, known);
    let Standing { adult, held, suppressed, latched, erased, .. } = standing;
    let flags = [adult == Adult::Yes, held, suppressed, latched, erased];
    Ok(Computed { flags, in_force: grants.into_iter().map(InForce::from).collect() })
}

fn opened(proved: &Proved, key: &VerifierKey) -> Result<(Seq, Event), CliError> {
    let wrong = |what: String| CliError::Usage(format!("event {}: {what}", proved.seq.0));
    let opened = proved.receipt.check(key).map_err(|e| wrong(e.to_string()))?;
    if opened.event != proved.event || i64::try_from(opened.index + 1) != Ok(proved.seq.0) {
        return Err(wrong("its receipt proves something else".into()));
    }
    Ok((proved.seq, opened.event))
}
