//! The first scenes: nobody is scored, people come, a minor does not get in, they say yes, a stranger leaves no trace.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::super::CliError;
use super::client::{Reply, Token};
use super::community::{Community, Part, Person, like};
use super::stage::{Brought, Member, PROFILE, QUANTUM_MILLIS, SCORE, Stage, consent, enter};
use super::story::{Scene, Story};
use crate::store::tamper;

/// The people whom the story follows.
pub(super) struct Cast {
    pub(super) ada: Member,
    pub(super) ben: Member,
    pub(super) cleo: Member,
    pub(super) finn: Member,
}

/// The password that the people of the story chose.
pub(super) const PASSWORD: &str = "a long walk by the sea";

/// Rows that exist only because of a person.
pub(super) const PERSONAL: [&str; 12] = [
    "standing",
    "subject_key",
    "identifier",
    "claim",
    "credential",
    "session",
    "live_grant",
    "pairwise",
    "object",
    "edge",
    "edge_activity",
    "topic_choice",
];

pub(super) async fn rows(stage: &Stage) -> Result<BTreeMap<String, i64>, CliError> {
    tamper::rows(&stage.data).await.map_err(|e| CliError::Remote(e.to_string()))
}

/// Only the tables that hold something about people.
pub(super) fn personal(rows: &BTreeMap<String, i64>) -> BTreeMap<String, i64> {
    rows.iter().filter(|(table, _)| PERSONAL.contains(&table.as_str())).map(|(t, n)| (t.clone(), *n)).collect()
}

pub(super) async fn start(stage: &Stage, story: &mut Story) -> Result<(), CliError> {
    let mut scene = Scene::new("start", "A service starts on an empty folder");
    let health = stage.api.get(None, "/healthz").await?;
    let notices = stage.api.get(None, "/v1/notices").await?;
    let checkpoint = stage.api.get(None, "/v1/log/checkpoint").await?;
    scene.show("Anybody", &health);
    scene.show("Anybody", &checkpoint);
    scene.claim("it answers", health.status == 204);
    let shown = notices.body.as_array().map_or(0, Vec::len);
    scene.claim(format!("whoever wants to know what they would agree to can read it: {shown} notices"), shown > 0);
    let people: i64 = personal(&rows(stage).await?).values().sum();
    scene.claim(format!("rows about people in the database: {people}"), people == 0);
    story.tell(scene, "it needs no database server and no set-up, and it begins knowing nobody.")?;
    story.say(&format!(
        "\n    (Answers whose time could tell who is known leave at multiples of {QUANTUM_MILLIS} ms here, so that this does \
         not take all day; 400 ms unless it is set otherwise.)"
    ))
}

/// Adults open accounts. Most will say yes later, some never do.
pub(super) async fn accounts(
    stage: &Arc<Stage>,
    story: &mut Story,
    community: &Community,
) -> Result<(Cast, Vec<Member>), CliError> {
    let mut scene = Scene::new("accounts", "People open accounts and prove their address and their handle");
    let (ada, [registered, verified, claimed, proved]) = stage.join(&community.ada, "ADA", Some(PASSWORD)).await?;
    scene.show("Ada", &registered);
    scene.show_only("Ada, with the code from her mail", &verified, &["token_type", "expires_in"]);
    scene.show_only("Ada claims her handle", &claimed, &["id", "text", "page"]);
    scene.show_only("An operator who saw the proof on her page", &proved, &["seq"]);
    let cast = Cast {
        ada,
        ben: stage.join(&community.ben, "BEN", None).await?.0,
        cleo: stage.join(&community.cleo, "CLEO", None).await?.0,
        finn: stage.join(&community.finn, "FINN", Some(PASSWORD)).await?.0,
    };
    let adult = |person: &&Person| matches!(person.part, Part::Consents | Part::Silent);
    let crowd: Vec<Person> = community.others.iter().filter(adult).cloned().collect();
    let wanted = crowd.len() + 4;
    let members: Vec<Member> = stage.crowd(crowd, "opening accounts", enter).await?.into_iter().flatten().collect();
    let rows = rows(stage).await?;
    let accounts = rows.get("standing").copied().unwrap_or(-1);
    scene.claim(format!("{wanted} adults opened an account"), accounts == i64::try_from(wanted).unwrap_or(0));
    scene.claim("an account alone is no consent: nothing is granted", rows.get("live_grant") == Some(&0));
    story
        .tell(scene, "an account belongs to whoever can read its mail, and a handle to whoever can change its page.")?;
    Ok((cast, members))
}

pub(super) async fn minor(stage: &Arc<Stage>, story: &mut Story, community: &Community) -> Result<(), CliError> {
    let mut scene = Scene::new("minor", "Dan is not 18 yet, and says so");
    let before = personal(&rows(stage).await?);
    let registered = stage.register(&community.dan, "no").await?;
    let refused = stage.verify(&community.dan, None).await?;
    let again = stage.register(&community.dan, "yes").await?.expect(202)?;
    let refused_again = stage.verify(&community.dan, None).await?;
    scene.show("Dan", &registered);
    scene.show_only("Dan, with the code from his mail", &refused, &["type", "detail"]);
    scene.show("Dan, now claiming to be 18", &again);
    scene.show_only("Dan, with the new code", &refused_again, &["type", "detail"]);
    scene.claim("the first answer is the one that everybody gets", registered.status == 202);
    scene.claim("there is no account for him", refused.status == 403);
    scene.claim("nor after a second try with another answer", refused_again.status == 403);
    let others: Vec<Person> = community.others.iter().filter(|person| person.part == Part::Minor).cloned().collect();
    let minors = others.len() + 1;
    stage.crowd(others, "minors try", enter).await?;
    let same = personal(&rows(stage).await?) == before;
    scene.claim(format!("after {minors} minors tried, no row about a person was added anywhere"), same);
    story.tell(scene, "a minor's registration leads to nothing, and a different answer later does not help.")
}

pub(super) async fn no_grant(stage: &Stage, story: &mut Story, ada: &Member, lines: &[String]) -> Result<(), CliError> {
    let mut scene = Scene::new("no_grant_no_score", "Nobody is scored who did not say yes");
    let before = rows(stage).await?;
    let brought = stage.bring(lines, "activities, before any consent").await?;
    let score = stage.api.get(Some(&ada.token), "/v1/me/score").await?;
    show_brought(&mut scene, &brought);
    scene.show_only("Ada", &score, &["type", "detail", "reason"]);
    let all = lines.len();
    scene.claim(format!("{all} public posts, likes, replies and reshares came; {} were taken", brought.accepted), {
        brought.accepted == 0 && usize::try_from(brought.dropped) == Ok(all)
    });
    scene.claim("Ada has no score, not even a low one", score.status == 403 && reason(&score) == Some("no_grant"));
    scene.claim("no row was added to any table", rows(stage).await? == before);
    story.tell(scene, "without a yes nothing is collected, nothing is computed, and nothing is kept for later.")
}

/// Those who want to be scored say so. Returns Ben's grant.
pub(super) async fn grants(
    stage: &Arc<Stage>,
    story: &mut Story,
    (cast, members): (&Cast, Vec<Member>),
    lines: &[String],
) -> Result<Reply, CliError> {
    let mut scene = Scene::new("grants", "Some say yes, and only what happens between them counts");
    let ada = stage.grant(&cast.ada.token, SCORE).await?;
    let ben = stage.grant(&cast.ben.token, SCORE).await?;
    for member in [&cast.cleo, &cast.finn] {
        stage.grant(&member.token, SCORE).await?;
    }
    let willing: Vec<Member> = members.into_iter().filter(|member| member.person.part == Part::Consents).collect();
    let people = willing.len() + 4;
    stage.crowd(willing, "saying yes", consent).await?;
    let brought = stage.bring(lines, "activities, after the consents").await?;
    let (score, explanation) = own_score(stage, &cast.ada.token).await?;
    scene.show("Ada", &ada);
    show_brought(&mut scene, &brought);
    scene.show_only("Ada", &score, &["state", "value", "attention_micro", "topics"]);
    scene.show_only("Ada", &explanation, &["version", "denominator", "amounts"]);
    let (taken, dropped) = (brought.accepted, brought.dropped);
    scene.claim(
        format!("{people} people said yes; of the same activities {taken} were taken and {dropped} dropped"),
        taken > 0 && dropped > 0 && usize::try_from(taken + dropped) == Ok(lines.len()),
    );
    let scored = score.body.get("state").and_then(Value::as_str) == Some("scored");
    scene.claim(format!("Ada is told {} out of 100", score.body.get("value").unwrap_or(&Value::Null)), scored);
    adds_up(&mut scene, &score, &explanation)?;
    story.tell(
        scene,
        "a yes is one purpose, one source, one recipient, with a receipt; and a score is a sum that can be checked.",
    )?;
    Ok(ben)
}

pub(super) async fn stranger(
    stage: &Stage,
    story: &mut Story,
    community: &Community,
    ada: &Member,
) -> Result<(), CliError> {
    let mut scene = Scene::new("stranger", "Eve never heard of sayso, and likes what Ada wrote");
    let before = (rows(stage).await?, seen(stage, &ada.token).await?);
    let line = like(&community.eve, &ada.person, 0, stage.now());
    let one = stage.api.post_lines(&stage.collector, "/v1/activities?source=activitypub", line).await?;
    let more: Vec<String> = (1..200).map(|number| like(&community.eve, &ada.person, number, stage.now())).collect();
    let brought = stage.bring(&more, "likes of a stranger").await?;
    let after = (rows(stage).await?, seen(stage, &ada.token).await?);
    scene.show("The collector", &one);
    show_brought(&mut scene, &brought);
    let dropped = one.number("/dropped/no_consent")? == 1 && (brought.accepted, brought.no_consent) == (0, 199);
    scene.claim("200 likes were read and forgotten: none was taken", dropped);
    scene.claim("every table has as many rows as before", before.0 == after.0);
    scene
        .claim("Ada's score, its explanation and the log's checkpoint are the same to the letter", before.1 == after.1);
    let found = stage.scan(&community.eve.actor())?;
    scene.happens(
        "Somebody with the disk in hand",
        format!("sayso scan --marker {} --data ..", community.eve.actor()),
        format!("{} hits", found.hits),
    );
    scene.claim(format!("Eve's handle is in none of {} files", found.files), found.hits == 0);
    story.tell(scene, "who did not join is not counted, not stored, and not hinted at in anybody else's score.")
}

/// Everything that Ada and the public see which a stranger could have changed.
async fn seen(stage: &Stage, token: &Token) -> Result<Vec<Value>, CliError> {
    let (score, explanation) = own_score(stage, token).await?;
    let checkpoint = stage.api.get(None, "/v1/log/checkpoint").await?.expect(200)?;
    let mut score = score.body;
    if let Some(fields) = score.as_object_mut() {
        fields.remove("use_by_us"); // says only when it was asked
    }
    Ok(vec![score, explanation.body, checkpoint.body])
}

pub(super) async fn own_score(stage: &Stage, token: &Token) -> Result<(Reply, Reply), CliError> {
    let score = stage.api.get(Some(token), "/v1/me/score").await?.expect(200)?;
    let explanation = stage.api.get(Some(token), "/v1/me/score/explanation").await?.expect(200)?;
    Ok((score, explanation))
}

/// The explanation's parts, their sum, and the score must agree to the last millionth. Returns the sum.
pub(super) fn adds_up(scene: &mut Scene, score: &Reply, explanation: &Reply) -> Result<i64, CliError> {
    let numerator = explanation.number("/amounts/numerator")?;
    let cells = explanation.body.pointer("/amounts/cells").and_then(Value::as_array);
    let cells: Vec<i64> =
        cells.into_iter().flatten().filter_map(|cell| cell.get("micro").and_then(Value::as_i64)).collect();
    let rest = explanation.number("/amounts/rest/micro").unwrap_or(0);
    let micro = score.number("/attention_micro")?;
    let weeks = explanation.number("/denominator")?;
    scene.claim(
        format!("the explanation adds up: {} parts and a rest are {numerator}", cells.len()),
        cells.iter().sum::<i64>() + rest == numerator,
    );
    scene.claim(format!("and {numerator} / {weeks} weeks = {micro}, her score's own figure"), {
        weeks == 12 && numerator / weeks == micro
    });
    Ok(numerator)
}

/// The reason of a denial, which only the person sees.
pub(super) fn reason(reply: &Reply) -> Option<&str> {
    reply.body.get("reason").and_then(Value::as_str)
}

fn show_brought(scene: &mut Scene, brought: &Brought) {
    if let Some(reply) = &brought.last {
        scene.show("The collector, last batch", reply);
    }
}

/// Who may be shown by the paper says so to the paper alone.
pub(super) async fn profile(stage: &Stage, member: &Member) -> Result<Reply, CliError> {
    stage.grant(&member.token, PROFILE).await
}
