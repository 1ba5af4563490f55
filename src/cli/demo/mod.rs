//! `sayso demo`: the whole job on a community made up for it, over real HTTP, each step checked as it is told.
//!
//! Nothing is pretended: the service listens on a free port of this machine and keeps its database in a temporary folder,
//! people register with the codes from their mails, a collector brings ActivityStreams, a newspaper asks the gate, an
//! auditor verifies the log. A step that does not hold ends the demonstration with a failure.

mod audit;
mod beginning;
mod client;
mod community;
mod ending;
mod middle;
mod stage;
mod story;

use std::sync::Arc;

use clap::Args;

use super::{CliError, output, serve};
use crate::clock::Mark;
use crate::http::Running;
use beginning::PASSWORD;
use community::Community;
use stage::Stage;
use story::Story;

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// How large the community is; each member registers, and one address may only make so many calls a minute.
    #[arg(long, default_value_t = 240, value_parser = clap::value_parser!(u16).range(40..=700))]
    people: u16,
    /// Another seed makes another community.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Leave the service running afterwards, and say how to use it. Ctrl-C ends it and removes its data.
    #[arg(long)]
    keep: bool,
    /// One JSON object a line, for machines.
    #[arg(long)]
    json: bool,
}

impl Demo {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let folder = tempfile::Builder::new().prefix("sayso-demo-").tempdir()?;
        let (stage, running) = Stage::open(folder.path()).await?;
        let stage = Arc::new(stage);
        let told = tokio::select! {
            told = self.tell(&stage) => told,
            () = serve::told_to_stop() => Err(CliError::Usage("the demonstration was stopped".into())),
        };
        match told {
            Ok(()) if self.keep => {
                keep(&stage, self.json)?;
                running.run_until(serve::told_to_stop()).await?;
            }
            told => {
                stop(running).await?;
                told?;
            }
        }
        Ok(folder.close()?)
    }

    async fn tell(&self, stage: &Arc<Stage>) -> Result<(), CliError> {
        let begun = Mark::now();
        let people = usize::from(self.people);
        let community = Community::new(people, self.seed);
        let lines = community.activities(stage.now(), self.seed);
        let mut story = Story::new(self.json);
        story.say(&format!(
            "A town of {people} people: some want to be scored, some do not, some never heard of it, some are minors. In \
             twenty-six weeks they did {} things in public. The service runs at {} ($SAYSO below) with its data in {}.",
            lines.len(),
            stage.api.base,
            stage.data.display()
        ))?;
        walk(stage, &mut story, &community, &lines).await?;
        story.end(people, begun.elapsed().as_secs_f64())
    }
}

async fn walk(stage: &Arc<Stage>, story: &mut Story, community: &Community, lines: &[String]) -> Result<(), CliError> {
    beginning::start(stage, story).await?;
    let (cast, members) = beginning::accounts(stage, story, community).await?;
    beginning::minor(stage, story, community).await?;
    beginning::no_grant(stage, story, &cast.ada, lines).await?;
    let bens_grant = beginning::grants(stage, story, (&cast, members), lines).await?;
    beginning::stranger(stage, story, community, &cast.ada).await?;
    let profile = middle::gate(stage, story, community, &cast).await?;
    middle::opt_out(stage, story, community, &cast.cleo).await?;
    let withdrawal = middle::friend(stage, story, &cast, &bens_grant).await?;
    middle::own(stage, story, (community, &cast.ada), &profile).await?;
    ending::export(stage, story, community, &cast.ada).await?;
    let markers = ending::markers(stage, &cast.ada, &profile).await?;
    let before = ending::hits(stage, &markers)?;
    ending::erasure(stage, story, (community, &cast.ada)).await?;
    ending::byte_scan(stage, story, &markers, &before)?;
    audit::log(stage, story, &withdrawal).await?;
    audit::tampering(stage, story, &withdrawal).await
}

/// What somebody needs to go on by hand.
fn keep(stage: &Stage, json: bool) -> Result<(), CliError> {
    let (base, secret) = (&stage.api.base, &stage.operator_secret);
    let address = "finn@town.example";
    if json {
        let kept = serde_json::json!({
            "address": base, "operator_secret": secret, "person": address, "password": PASSWORD, "vkey": stage.vkey,
        });
        return Ok(output::line(&kept.to_string())?);
    }
    let body = serde_json::json!({ "identifier": address, "password": PASSWORD });
    let lines = [
        String::new(),
        String::from("The service goes on until Ctrl-C, which also removes its data."),
        format!("  address           {base}"),
        format!("  the log's key     {}", stage.vkey),
        format!("  operator secret   {secret}"),
        format!("  a person          {address}, password `{PASSWORD}`"),
        String::from("To look around as that person:"),
        format!("  curl --json '{body}' {base}/v1/auth/login"),
        format!("  curl --oauth2-bearer ACCESS_TOKEN {base}/v1/me/score/explanation"),
        String::from("To act as the operator:"),
        format!("  curl -u operator:{secret} -d grant_type=client_credentials {base}/v1/auth/token"),
    ];
    Ok(lines.iter().try_for_each(|line| output::line(line))?)
}

/// A failure to stop must not hide why the demonstration failed.
async fn stop(running: Running) -> Result<(), CliError> {
    Ok(running.stop().await?)
}
