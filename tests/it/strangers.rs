//! Activities among members and strangers, and what they leave.

mod community;
mod fence;
mod marker;
mod taking_back;

use sayso::ingest::{Topics, read};
use sayso::service::Ingested;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::people::{actor, source};
use crate::world::{NOON, World};

const WEEK_SECONDS: i64 = 7 * 86_400;
const EVERYBODY: &str = "https://www.w3.org/ns/activitystreams#Public";

/// The id of a post.
pub(crate) fn post_id(owner: &str, number: u32) -> String {
    format!("{}/posts/{number}", actor(owner))
}

/// The id of an activity, or of the note of a reply.
pub(crate) fn id(name: &str) -> String {
    format!("https://social.example/ids/{name}")
}

/// Noon, so many weeks ago.
pub(crate) fn weeks_ago(weeks: u32) -> String {
    let seconds = NOON.0 / 1_000_000 - i64::from(weeks) * WEEK_SECONDS;
    OffsetDateTime::from_unix_timestamp(seconds).unwrap().format(&Rfc3339).unwrap()
}

fn hashtags(topic: Option<&str>) -> Value {
    topic.map_or_else(|| json!([]), |topic| json!([{ "type": "Hashtag", "name": format!("#{topic}") }]))
}

/// A public post.
pub(crate) fn post(owner: &str, number: u32, weeks: u32, topic: Option<&str>) -> Value {
    json!({
        "type": "Create", "id": id(&format!("create-{owner}-{number}")), "actor": actor(owner), "to": [EVERYBODY],
        "published": weeks_ago(weeks),
        "object": {
            "type": "Note", "id": post_id(owner, number), "attributedTo": actor(owner), "to": [EVERYBODY],
            "content": "words", "tag": hashtags(topic),
        },
    })
}

/// A post as a response names it: by its id, or with its author.
fn target(owner: &str, number: u32, shown: bool) -> Value {
    if shown {
        return json!({ "type": "Note", "id": post_id(owner, number), "attributedTo": actor(owner) });
    }
    json!(post_id(owner, number))
}

/// A like or reshare; `shown` says whose post it was.
pub(crate) fn response(
    kind: &str,
    name: &str,
    who: &str,
    (owner, number): (&str, u32),
    weeks: u32,
    shown: bool,
) -> Value {
    let object = target(owner, number, shown);
    json!({ "type": kind, "id": id(name), "actor": actor(who), "object": object, "published": weeks_ago(weeks) })
}

pub(crate) fn like(name: &str, who: &str, owner: &str, number: u32) -> Value {
    response("Like", name, who, (owner, number), 1, true)
}

/// A reply; its note has the id `note-` and the name.
pub(crate) fn reply(name: &str, who: &str, (owner, number): (&str, u32), weeks: u32, shown: bool) -> Value {
    let target = target(owner, number, shown);
    json!({
        "type": "Create", "id": id(name), "actor": actor(who), "to": [EVERYBODY], "published": weeks_ago(weeks),
        "object": {
            "type": "Note", "id": id(&format!("note-{name}")), "attributedTo": actor(who), "to": [EVERYBODY],
            "content": "words", "inReplyTo": target,
        },
    })
}

pub(crate) fn undo(who: &str, of: &Value, embedded: bool) -> Value {
    let object = if embedded { of.clone() } else { of["id"].clone() };
    json!({ "type": "Undo", "id": id("undo"), "actor": actor(who), "object": object })
}

pub(crate) fn delete(who: &str, object: &str) -> Value {
    json!({ "type": "Delete", "id": id("delete"), "actor": actor(who), "object": object })
}

/// From now on only followers see it.
pub(crate) fn narrow(who: &str, object: &str) -> Value {
    let followers = format!("{}/followers", actor(who));
    json!({
        "type": "Update", "id": id("update"), "actor": actor(who), "to": [followers],
        "object": { "type": "Note", "id": object, "attributedTo": actor(who), "to": [followers] },
    })
}

/// Takes activities in, as a collector for `activitypub` would bring them.
pub(crate) async fn ingest(world: &World, documents: &[Value]) -> Ingested {
    let (from, topics) = (source("activitypub"), Topics::built_in().unwrap());
    let items = documents.iter().map(|document| read(document, &from, &topics).unwrap()).collect();
    world.app.ingest(&from, items).await.unwrap()
}
