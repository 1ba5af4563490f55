//! Export, erasure, and a look at every byte that is left.

use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::CliError;
use super::beginning::{PASSWORD, personal, rows};
use super::client::Reply;
use super::community::{Community, Person};
use super::stage::{Member, Stage};
use super::story::{Scene, Story, cut};

/// What could still be found of somebody: how it is told, and its bytes.
pub(super) struct Marker {
    what: String,
    text: String,
    /// It is in the data folder while the person is a member, and not only sealed.
    readable: bool,
}

pub(super) async fn export(
    stage: &Stage,
    story: &mut Story,
    community: &Community,
    ada: &Member,
) -> Result<(), CliError> {
    let mut scene = Scene::new("export", "Ada takes a copy of everything");
    let export = stage.api.get(Some(&ada.token), "/v1/me/export").await?.expect(200)?;
    let text = export.body.to_string();
    let tables = export.body.pointer("/manifest/tables").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let filled = tables.iter().filter(|table| table.get("rows").and_then(Value::as_u64) > Some(0));
    let filled: Vec<String> = filled.map(in_words).collect();
    scene.happens("Ada", export.request.clone(), cut(&format!("{} {}", export.status, filled.join(", ")), 400));
    scene.claim(format!("{} tables, {} bytes: her address and her handle are in it", tables.len(), text.len()), {
        text.contains(&ada.person.address()) && text.contains(&ada.person.handle())
    });
    scene.claim("the manifest's digest of each table fits the rows", tables.iter().all(|table| fits(table, &export)));
    let others = community.everybody().into_iter().filter(|person| person.name != ada.person.name);
    let named = others.filter(|person| names(&text, person)).count();
    scene.claim(format!("of everybody else's addresses and handles {named} are in it"), named == 0);
    story.tell(scene, "the copy holds what an erasure would remove, and shows nobody else.")
}

fn in_words(table: &Value) -> String {
    let name = table.get("table").and_then(Value::as_str).unwrap_or_default();
    format!("{name} {}", table.get("rows").and_then(Value::as_u64).unwrap_or_default())
}

fn names(text: &str, person: &Person) -> bool {
    text.contains(&person.address()) || text.contains(&format!("{}\"", person.actor()))
}

fn fits(table: &Value, export: &Reply) -> bool {
    let name = table.get("table").and_then(Value::as_str).unwrap_or_default();
    let empty = Value::Array(Vec::new());
    let rows = export.body.pointer(&format!("/tables/{name}")).unwrap_or(&empty);
    let digest = hex::encode(Sha256::digest(rows.to_string()));
    table.get("sha256").and_then(Value::as_str) == Some(digest.as_str())
}

/// What is to be looked for, noted down while Ada is still there.
pub(super) async fn markers(stage: &Stage, ada: &Member, profile: &Reply) -> Result<Vec<Marker>, CliError> {
    let marker = |what: &str, text: &str, readable| Marker { what: what.into(), text: text.into(), readable };
    let id = |what: &str, text: &str| marker(what, text, true);
    let mut markers = vec![
        marker("her address", &ada.person.address(), true), // in the mails that wait in the outbox
        marker("her handle", &ada.person.actor(), false),
        id("what the paper called her", &profile.text("pairwise")?),
        id("her log-in", ada.refresh.split('.').next().unwrap_or_default()),
    ];
    let identifiers = stage.api.get(Some(&ada.token), "/v1/me/identifiers").await?.expect(200)?;
    for identifier in identifiers.body.as_array().into_iter().flatten() {
        let kind = identifier.get("kind").and_then(Value::as_str).unwrap_or_default();
        let number = identifier.get("id").and_then(Value::as_str).unwrap_or_default();
        markers.push(id(&format!("the number of her {kind}"), number));
    }
    Ok(markers)
}

/// How often each marker is in the data folder.
pub(super) fn hits(stage: &Stage, markers: &[Marker]) -> Result<Vec<u64>, CliError> {
    markers.iter().map(|marker| Ok(stage.scan(&marker.text)?.hits)).collect()
}

pub(super) async fn erasure(
    stage: &Stage,
    story: &mut Story,
    (community, ada): (&Community, &Member),
) -> Result<(), CliError> {
    let mut scene = Scene::new("erasure", "Ada leaves");
    let before: i64 = personal(&rows(stage).await?).values().sum();
    let started = stage.api.delete(Some(&ada.token), "/v1/me").await?.expect(202)?;
    let next = stage.api.get(Some(&ada.token), "/v1/me/score").await?;
    let (_, allowed) = stage.may_show(&[&community.ada, &community.cleo]).await?;
    let finished = finished(stage, &started.text("reference")?).await?;
    let login = |person: &Person| json!({ "identifier": person.address(), "password": PASSWORD });
    let gone = stage.api.post(None, "/v1/auth/login", &login(&community.ada)).await?;
    let never = stage.api.post(None, "/v1/auth/login", &login(&community.eve)).await?;
    scene.show_only("Ada", &started, &["reference"]);
    scene.show_only("Ada, the very next moment", &next, &["type"]);
    scene.show_only("Whoever holds the reference", &finished, &["step", "removed"]);
    scene.show_only("Ada tries to log in", &gone, &["type"]);
    let done = finished.body.get("step").and_then(Value::as_str) == Some("done");
    let removed = before - personal(&rows(stage).await?).values().sum::<i64>();
    scene.claim("she is logged out everywhere at once", next.status == 401);
    scene.claim("the paper's very next question about her is denied", allowed == [community.cleo.address()]);
    scene.claim(
        format!("{removed} rows about her are gone, and the service read back that none is left"),
        done && removed > 0,
    );
    scene.claim("what is kept is listed with its reason", finished.body.get("kept").is_some_and(Value::is_object));
    scene.claim("logging in is answered as for somebody who never was here", {
        gone.status == 401 && (gone.status, &gone.body) == (never.status, &never.body)
    });
    story.tell(scene, "leaving takes one request; it is done when nothing is left, not when it was asked for.")
}

async fn finished(stage: &Stage, reference: &str) -> Result<Reply, CliError> {
    let path = format!("/v1/erasures/{reference}");
    for _ in 0..300 {
        let reply = stage.api.get(None, &path).await?.expect(200)?;
        if reply.body.get("step").and_then(Value::as_str) == Some("done") {
            return Ok(reply);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    stage.api.get(None, &path).await
}

/// Looks for what was noted down, and for the words of posts, which were never kept at all.
pub(super) fn byte_scan(stage: &Stage, story: &mut Story, markers: &[Marker], before: &[u64]) -> Result<(), CliError> {
    let mut scene = Scene::new("byte_scan", "Every byte of the data folder is searched for what is left of Ada");
    let after = hits(stage, markers)?;
    let words = stage.scan("Something about #")?;
    scene.happens(
        "Somebody with the disk in hand",
        format!(
            "sayso scan --data .. (each text as it is, in hexadecimal and in base64; {} files, {} bytes)",
            words.files, words.bytes
        ),
        markers
            .iter()
            .zip(before)
            .zip(&after)
            .map(|((m, b), a)| format!("{} {b} then {a}", m.what))
            .collect::<Vec<_>>()
            .join(", "),
    );
    let found_before = markers.iter().zip(before).filter(|(marker, _)| marker.readable).all(|(_, hits)| *hits > 0);
    scene.claim("before she left, the same search did find her: it is no blind search", found_before);
    for (marker, hits) in markers.iter().zip(&after) {
        scene.claim(format!("{}: {hits} hits", marker.what), *hits == 0);
    }
    scene.claim(format!("the words of anybody's posts: {} hits; they were never kept", words.hits), words.hits == 0);
    story.tell(
        scene,
        "deleted means gone from the file, its free pages, its journal and the outbox, not only from view.",
    )
}
