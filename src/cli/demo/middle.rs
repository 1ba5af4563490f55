//! The scenes in the middle: a recipient asks the gate, and what opting out and taking back do to the very next question.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::CliError;
use super::beginning::{Cast, adds_up, own_score, profile, reason};
use super::client::Reply;
use super::community::{Community, Person};
use super::stage::{Member, Stage};
use super::story::{Scene, Story};

/// Ada, Cleo, Finn who said yes to less, Eve who never came, Dan who may not.
fn asked(community: &Community) -> [&Person; 5] {
    [&community.ada, &community.cleo, &community.finn, &community.eve, &community.dan]
}

/// Returns Ada's grant to the paper.
pub(super) async fn gate(
    stage: &Stage,
    story: &mut Story,
    community: &Community,
    cast: &Cast,
) -> Result<Reply, CliError> {
    let mut scene = Scene::new("gate", "A newspaper asks whose score it may show");
    let ada = profile(stage, &cast.ada).await?;
    profile(stage, &cast.cleo).await?;
    let (reply, allowed) = stage.may_show(&asked(community)).await?;
    scene.show_only("Ada", &ada, &["consent_id", "pairwise"]);
    scene.show("The paper asks about Ada, Cleo, Finn, Eve and Dan", &reply);
    let only = [community.ada.address(), community.cleo.address()];
    scene.claim("only Ada and Cleo, who said yes to this paper, are in the answer", allowed == only);
    scene.claim(
        "Finn is scored but said nothing about the paper, Eve is unknown, Dan is a minor: all three are just absent",
        reply.body.as_object().is_some_and(|fields| fields.len() == 4),
    );
    let told = stage.told(&ada).await?;
    let own = stage.api.get(Some(&cast.ada.token), "/v1/me/score").await?;
    let list = stage.api.get(Some(&cast.ada.token), "/v1/me/disclosures").await?.expect(200)?;
    scene.show_only("The paper reads Ada's score", &told, &["value", "window_to_day", "not_suitable_for", "seq"]);
    scene.show("Ada sees who was told what", &list);
    scene.claim("it is told the one value that Ada sees, with what it is not suitable for", {
        told.status == 200 && told.body.get("value") == own.body.get("value")
    });
    scene.claim("the telling is an event of Ada's, in the log before the paper had its answer", {
        list.body.pointer("/0/seq").is_some() && list.body.pointer("/0/seq") == told.body.get("seq")
    });
    story.tell(scene, "a yes to one is no yes to another, and whoever asks cannot tell a no from a nobody.")?;
    Ok(ada)
}

pub(super) async fn opt_out(
    stage: &Stage,
    story: &mut Story,
    community: &Community,
    cleo: &Member,
) -> Result<(), CliError> {
    let mut scene = Scene::new("opt_out", "Somebody opts Cleo out, without an account and without logging in");
    let member = opt_out_of(stage, &community.cleo).await?;
    let (next, allowed) = stage.may_show(&asked(community)).await?;
    let nobody = opt_out_of(stage, &community.eve).await?;
    let score = stage.api.get(Some(&cleo.token), "/v1/me/score").await?;
    let lifted = stage.api.delete(Some(&cleo.token), "/v1/me/hold").await?;
    let (after, allowed_after) = stage.may_show(&asked(community)).await?;
    scene.show_only("Anybody", &member, &["reference"]);
    scene.show("The paper's very next question", &next);
    scene.show_only("Anybody, about Eve, who is not a member", &nobody, &["reference"]);
    scene.show_only("Cleo", &score, &["type", "reason"]);
    scene.show_only("Cleo, logged in, lifts it", &lifted, &["seq"]);
    scene.show("The paper", &after);
    scene.claim("the very next decision no longer allows Cleo", allowed == [community.ada.address()]);
    scene.claim("Cleo herself is denied too, and told why", {
        score.status == 403 && reason(&score) == Some("suppressed")
    });
    scene.claim("the answer about a stranger has the same form: it tells nobody who is a member", {
        (member.status, shape(&member.body)) == (202, shape(&nobody.body)) && nobody.status == 202
    });
    let both = [community.ada.address(), community.cleo.address()];
    scene.claim("only Cleo can lift it, and then what she had said before counts again", {
        lifted.status == 200 && allowed_after == both
    });
    story.tell(scene, "no takes one request from anybody and counts at once; yes again takes the person themselves.")
}

async fn opt_out_of(stage: &Stage, person: &Person) -> Result<Reply, CliError> {
    let body = json!({ "kind": "handle", "identifier": person.handle(), "for": "self" });
    stage.api.post(None, "/v1/opt-out", &body).await
}

/// The names of all fields.
fn shape(value: &Value) -> Vec<String> {
    let fields = value.as_object().into_iter().flatten();
    fields.flat_map(|(name, field)| [name.clone()].into_iter().chain(shape(field))).collect()
}

/// Returns the answer to Ben's withdrawal, with its receipt.
pub(super) async fn friend(stage: &Stage, story: &mut Story, cast: &Cast, grant: &Reply) -> Result<Reply, CliError> {
    let mut scene = Scene::new("friend_withdraws", "Ben, who reshared Ada every week, takes his yes back");
    let (score, explanation) = own_score(stage, &cast.ada.token).await?;
    let before = explanation.number("/amounts/numerator")?;
    scene.show_only("Ada, before", &score, &["value", "attention_micro"]);
    let path = format!("/v1/me/consents/{}", grant.number("/consent_id")?);
    let withdrawn = stage.api.delete(Some(&cast.ben.token), &path).await?.expect(200)?;
    let (score, explanation) = own_score(stage, &cast.ada.token).await?;
    let own = stage.api.get(Some(&cast.ben.token), "/v1/me/score").await?;
    scene.show("Ben", &withdrawn);
    scene.show_only("Ada, the very next moment", &score, &["value", "attention_micro"]);
    scene.show_only("Ada", &explanation, &["denominator", "amounts"]);
    scene.show_only("Ben", &own, &["type", "reason"]);
    let after = explanation.number("/amounts/numerator")?;
    scene.claim(format!("her sum went from {before} to {after}: Ben's part is gone"), after < before);
    adds_up(&mut scene, &score, &explanation)?;
    let text = explanation.body.to_string();
    scene.claim("nothing in it names Ben or anybody else", !text.contains("town.example"));
    scene.claim("Ben's own score is denied from now on", own.status == 403 && reason(&own) == Some("no_grant"));
    story.tell(scene, "a yes on both ends is needed at every moment, not only when something was collected.")?;
    Ok(withdrawn)
}

pub(super) async fn own(
    stage: &Stage,
    story: &mut Story,
    (community, ada): (&Community, &Member),
    grant: &Reply,
) -> Result<(), CliError> {
    let mut scene = Scene::new("own_withdrawal", "Ada does not want to be in the paper any more");
    let (_, before) = stage.may_show(&asked(community)).await?;
    let path = format!("/v1/me/consents/{}", grant.number("/consent_id")?);
    let withdrawn = stage.api.delete(Some(&ada.token), &path).await?.expect(200)?;
    let (next, after) = stage.may_show(&asked(community)).await?;
    let told = stage.told(grant).await?;
    let list = stage.api.get(Some(&ada.token), "/v1/me/disclosures").await?.expect(200)?;
    let first = list.number("/0/seq")?;
    let back_then = stage.api.get(Some(&ada.token), &format!("/v1/me/disclosures/{first}")).await?;
    let score = stage.api.get(Some(&ada.token), "/v1/me/score").await?;
    let decisions = refused(stage, ada).await?;
    scene.show_only("Ada", &withdrawn, &["seq"]);
    scene.show("The paper's very next question", &next);
    scene.show("The paper wants to read her score", &told);
    scene.show_only("Ada asks whether it was allowed when the paper was told", &back_then, &["allowed"]);
    scene.show_only("Ada", &score, &["state", "value"]);
    scene.show("Ada looks who asked about her", &decisions);
    let address = community.ada.address();
    scene.claim("the question before was answered yes, the very next one no", {
        before.contains(&address) && !after.contains(&address)
    });
    scene.claim("nobody is told her score any more", told.status == 403);
    scene.claim("what the paper was told before was allowed then, and the log proves it", {
        back_then.status == 200 && back_then.body.get("allowed") == Some(&Value::Bool(true))
    });
    scene.claim("her yes to the score is another one, and stands", score.status == 200);
    scene.claim("she sees each question about her, allowed and denied, with who asked", has_refusal(&decisions));
    story.tell(scene, "taking a yes back works before the call returns, and touches nothing else.")
}

/// Decisions are counted in memory for half a second before they are written.
async fn refused(stage: &Stage, ada: &Member) -> Result<Reply, CliError> {
    for _ in 0..50 {
        let decisions = stage.api.get(Some(&ada.token), "/v1/me/decisions").await?.expect(200)?;
        if has_refusal(&decisions) {
            return Ok(decisions);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    stage.api.get(Some(&ada.token), "/v1/me/decisions").await
}

fn has_refusal(decisions: &Reply) -> bool {
    let entries = decisions.body.as_array().map_or(&[][..], Vec::as_slice);
    let is = |wanted: bool| entries.iter().any(|entry| entry.get("allowed").and_then(Value::as_bool) == Some(wanted));
    is(true) && is(false)
}
