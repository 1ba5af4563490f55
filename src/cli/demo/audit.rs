//! The auditor's scenes: reading and verifying the log from outside, and what happens when somebody edits the database.

use serde_json::Value;

use super::super::{CliError, verify};
use super::client::Reply;
use super::stage::Stage;
use super::story::{Scene, Story};
use crate::log::{self, Receipt};
use crate::service::Report;
use crate::store::tamper;

pub(super) async fn log(stage: &Stage, story: &mut Story, withdrawal: &Reply) -> Result<(), CliError> {
    let mut scene = Scene::new("audit", "An auditor reads the log and recomputes it");
    let path = "/v1/audit/events?kind=withdrawn";
    let events = stage.api.get(Some(&stage.auditor), path).await?.expect(200)?;
    let paper = stage.api.get(Some(&stage.paper), path).await?;
    let outside = from_outside(stage).await?;
    let inside = from_inside(stage).await?;
    scene.show("The auditor", &events);
    scene.show_only("The paper", &paper, &["type"]);
    scene.happens("The auditor", remote_line(stage), in_words(&outside));
    scene.happens(
        "The operator, with the keys",
        "sayso verify log --data ..",
        format!(
            "{} opened, {} people, {} edges, {} findings",
            inside.opened,
            inside.people,
            inside.edges,
            inside.findings.len()
        ),
    );
    let seq = withdrawal.number("/seq")?;
    let listed = events.body.as_array().into_iter().flatten().any(|leaf| number(leaf, "seq") == Some(seq));
    scene.claim("Ben's withdrawal is in the log", listed);
    scene.claim("the log names nobody", !events.body.to_string().contains("town.example"));
    scene.claim("reading it takes the auditor's role", paper.status == 403);
    scene.claim(
        format!("{} leaves give the root that the service signed", outside.size),
        outside.findings.is_empty() && outside.size > 0,
    );
    scene.claim(
        format!(
            "each of {} standings is what the person's own events say, each edge hangs on two live yeses",
            inside.people
        ),
        inside.findings.is_empty() && inside.people > 0,
    );
    scene.claim("Ben's receipt opens his leaf, and nobody else's does", receipt_opens(stage, withdrawal)?);
    story.tell(scene, "what was said and when can be checked by somebody who trusts nobody and sees nobody's name.")
}

/// The receipt holds with the public key alone, and not for the leaf beside it.
fn receipt_opens(stage: &Stage, withdrawal: &Reply) -> Result<bool, CliError> {
    let text = withdrawal.body.get("receipt").and_then(Value::as_str).unwrap_or_default();
    let key = log::parse_vkey(&stage.vkey).map_err(|e| CliError::Remote(e.to_string()))?;
    let Ok(receipt) = Receipt::parse(text) else { return Ok(false) };
    let another = Receipt { index: receipt.index.wrapping_sub(1), ..receipt.clone() };
    Ok(receipt.check(&key).is_ok() && another.check(&key).is_err())
}

pub(super) async fn tampering(stage: &Stage, story: &mut Story, withdrawal: &Reply) -> Result<(), CliError> {
    let mut scene = Scene::new("tampering", "Somebody backdates Ben's withdrawal by a day, in the database itself");
    let seq = withdrawal.number("/seq")?;
    edit(stage, seq, -1).await?;
    let outside = from_outside(stage).await?;
    let inside_edited = from_inside(stage).await?;
    edit(stage, seq, 1).await?;
    let outside_again = from_outside(stage).await?;
    let inside_again = from_inside(stage).await?;
    scene.happens(
        "An intruder with the file",
        format!("UPDATE event SET day = day - 1 WHERE seq = {seq}"),
        "1 row changed",
    );
    scene.happens("The auditor", remote_line(stage), in_words(&outside));
    scene.happens(
        "The intruder puts it back",
        format!("UPDATE event SET day = day + 1 WHERE seq = {seq}"),
        "1 row changed",
    );
    scene.happens("The auditor", remote_line(stage), in_words(&outside_again));
    scene.claim(
        format!("the auditor's verification fails and names event {seq}, and no other"),
        names_only(&outside, seq),
    );
    scene.claim(
        "the verification from the inside names it first, then what hangs on it",
        names_first(&inside_edited, seq),
    );
    scene.claim("with the row put back both pass again", {
        outside_again.findings.is_empty() && inside_again.findings.is_empty()
    });
    story.tell(scene, "nobody can quietly make a yes older or a no younger, not even with the database in hand.")
}

/// Whether every finding about an event is about this one, and there is one; the others are about the log as a whole.
fn names_only(report: &Report, seq: i64) -> bool {
    let mut named = report.findings.iter().filter_map(|finding| finding.seq).peekable();
    named.peek().is_some() && named.all(|other| other.0 == seq)
}

/// Whether the first finding about an event is about this one.
fn names_first(report: &Report, seq: i64) -> bool {
    report.findings.iter().find_map(|finding| finding.seq).is_some_and(|first| first.0 == seq)
}

async fn from_outside(stage: &Stage) -> Result<Report, CliError> {
    let key = log::parse_vkey(&stage.vkey).map_err(|e| CliError::Remote(e.to_string()))?;
    verify::from_address(&stage.api.base, &key, &[], None).await
}

async fn from_inside(stage: &Stage) -> Result<Report, CliError> {
    Ok(stage.app.verify_log(&[], |_| {}).await?)
}

async fn edit(stage: &Stage, seq: i64, days: i64) -> Result<(), CliError> {
    tamper::tamper(&stage.data, seq, days).await.map_err(|e| CliError::Remote(e.to_string()))
}

fn remote_line(stage: &Stage) -> String {
    format!("sayso verify log --url {} --vkey '{}'", stage.api.base, stage.vkey)
}

fn in_words(report: &Report) -> String {
    let findings: Vec<String> = report.findings.iter().map(finding).collect();
    let verdict = if findings.is_empty() { String::from("verified") } else { findings.join("; ") };
    format!("{} events: {verdict}", report.size)
}

fn finding(finding: &crate::service::Finding) -> String {
    let place = finding.seq.map_or_else(|| String::from("the log"), |seq| format!("event {}", seq.0));
    format!("WRONG: {place}: {}", finding.what)
}

fn number(value: &Value, field: &str) -> Option<i64> {
    value.get(field).and_then(Value::as_i64)
}
