//! Reads one ActivityStreams 2.0 document, checked before, into what somebody did.
//!
//! Decided here: of several actors, objects, or posts that are replied to, none is picked, the document is dropped; what takes
//! something back (`Undo`, `Delete`, a narrowing `Update`) is read whatever its audience and its time; a type outside the short list
//! below counts for nothing, ActivityStreams 1 (`verb`, `objectType`) included.

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::value::{self, Audience, Only};
use super::{Activity, ActivityKey, Doing, Drop, InputError, Item, Topics};
use crate::domain::{Micros, ResponseKind, Source, Topic};

/// Says what a document did, or why it is dropped.
///
/// # Errors
/// `published` is no date and time (RFC 3339; ActivityStreams 2.0 lets seconds be left out, and without an offset it is read as UTC).
pub fn read(document: &Value, source: &Source, topics: &Topics) -> Result<Item, InputError> {
    let kind = kind(document);
    if !kind.is_some_and(Kind::takes_back) && value::audience(document) == Audience::Narrower {
        return Ok(Item::Dropped(Drop::NotPublic));
    }
    let Some(kind) = kind else { return Ok(Item::Dropped(Drop::UnsupportedType)) };
    let (actor, doing) = match actor_and_doing(document, kind, source, topics) {
        Ok(found) => found,
        Err(reason) => return Ok(Item::Dropped(reason)),
    };
    let published = match published(document) {
        Err(_) if kind.takes_back() => None,
        known => known?,
    };
    let id = ActivityKey::of(document, source);
    Ok(Item::Activity(Activity { actor: actor.to_owned(), id, published, doing }))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Respond(ResponseKind),
    Create,
    Update,
    Undo,
    Delete,
    /// A post itself, without an activity around it.
    Post,
}

impl Kind {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "Like" | "Favorite" => Self::Respond(ResponseKind::Like),
            "Announce" | "Share" => Self::Respond(ResponseKind::Reshare),
            "Create" => Self::Create,
            "Update" => Self::Update,
            "Undo" => Self::Undo,
            "Delete" => Self::Delete,
            "Article" | "Audio" | "Document" | "Event" | "Image" | "Note" | "Page" | "Question" | "Video" => Self::Post,
            _ => return None,
        })
    }
    fn takes_back(self) -> bool {
        matches!(self, Self::Undo | Self::Delete | Self::Update)
    }
}

/// What a document is. One that is two things at once, such as a like and a deletion, is neither.
fn kind(document: &Value) -> Option<Kind> {
    let mut kinds = value::types(document).filter_map(Kind::of);
    let first = kinds.next()?;
    kinds.all(|kind| kind == first).then_some(first)
}

fn actor_and_doing<'a>(
    document: &'a Value,
    kind: Kind,
    source: &Source,
    topics: &Topics,
) -> Result<(&'a str, Doing), Drop> {
    let field = if kind == Kind::Post { "attributedTo" } else { "actor" };
    let actor = value::id(one(document, field, Drop::NoActor)?).ok_or(Drop::NoActor)?;
    let object = || one(document, "object", Drop::NoObject);
    let object_id = || value::id(object()?).map(str::to_owned).ok_or(Drop::NoObject);
    let doing = match kind {
        Kind::Post => post(document, document, actor, topics)?,
        Kind::Create => post(document, object()?, actor, topics)?,
        Kind::Respond(kind) => respond(kind, actor, object()?, About::new(document, object()?, topics))?,
        Kind::Update if value::audience(document) == Audience::Narrower => Doing::Narrow { object: object_id()? },
        Kind::Update => return Err(Drop::NothingToDo),
        Kind::Undo => undo(object()?, source),
        Kind::Delete => Doing::Delete { object: object_id()? },
    };
    Ok((actor, doing))
}

fn one<'a>(document: &'a Value, field: &str, missing: Drop) -> Result<&'a Value, Drop> {
    match value::only(document, field) {
        Only::One(one) => Ok(one),
        Only::Nothing => Err(missing),
        Only::Several => Err(Drop::UnsupportedType),
    }
}

/// What a response or a post says beside its two ends.
struct About {
    made: Option<String>,
    topics: Vec<Topic>,
    audience_said: bool,
}

impl About {
    fn new(document: &Value, tagged: &Value, topics: &Topics) -> Self {
        Self {
            made: None,
            topics: topics.in_tags(tagged),
            audience_said: value::audience(document) == Audience::Public,
        }
    }
}

/// A post or a reply. `document` is the activity around it, or the post itself.
fn post(document: &Value, note: &Value, actor: &str, topics: &Topics) -> Result<Doing, Drop> {
    if !note.is_object() {
        return Err(Drop::NoObject);
    }
    if kind(note) != Some(Kind::Post) {
        return Err(Drop::UnsupportedType);
    }
    let made = value::id(note).map(str::to_owned);
    let About { topics, audience_said, .. } = About::new(document, note, topics);
    if !is_by(note, actor) {
        return Err(Drop::NotTheirs);
    }
    match value::only(note, "inReplyTo") {
        Only::Several => Err(Drop::UnsupportedType),
        Only::Nothing => Ok(Doing::Post { object: made.ok_or(Drop::NoObject)?, topics, audience_said }),
        Only::One(target) => respond(ResponseKind::Reply, actor, target, About { made, topics, audience_said }),
    }
}

/// Whether the actor is an author of the note, or nobody is named as one.
fn is_by(note: &Value, actor: &str) -> bool {
    let mut authors =
        note.get("attributedTo").into_iter().flat_map(value::each).filter(|author| !author.is_null()).peekable();
    authors.peek().is_none() || authors.any(|author| value::id(author) == Some(actor))
}

/// Liking or sharing an activity, such as somebody's like, is no response to a post.
fn is_activity(target: &Value) -> bool {
    kind(target).is_some_and(|kind| kind != Kind::Post)
}

fn respond(kind: ResponseKind, actor: &str, target: &Value, about: About) -> Result<Doing, Drop> {
    if is_activity(target) {
        return Err(Drop::UnsupportedType);
    }
    let object = value::id(target).map(str::to_owned);
    let owner = owner(target).map(str::to_owned);
    if object.is_none() && owner.is_none() {
        return Err(Drop::NoObject);
    }
    if owner.as_deref() == Some(actor) {
        return Err(Drop::SelfResponse);
    }
    let About { made, topics, audience_said } = about;
    Ok(Doing::Respond { kind, object, owner, made, topics, audience_said })
}

/// The one author of a post that is shown. Of several, none: the post may still be known by its id.
fn owner(target: &Value) -> Option<&str> {
    let known = match value::only(target, "attributedTo") {
        Only::Nothing => value::only(target, "actor"),
        given => given,
    };
    if let Only::One(owner) = known { value::id(owner) } else { None }
}

fn undo(target: &Value, source: &Source) -> Doing {
    let activity = match target {
        Value::String(id) => id.clone(),
        shown => ActivityKey::of(shown, source).as_str().to_owned(),
    };
    let response = match (kind(target), value::only(target, "object")) {
        (Some(Kind::Respond(kind)), Only::One(post)) => value::id(post).map(|id| (kind, id.to_owned())),
        _ => None,
    };
    Doing::Undo { activity: Some(activity), response }
}

/// The time of the activity, or else of the object it shows.
fn published(document: &Value) -> Result<Option<Micros>, InputError> {
    let given = |value: &Value| value.get("published").filter(|time| !time.is_null()).map(moment);
    if let Some(own) = given(document) {
        return own.map(Some).map_err(|error| error.inside("published"));
    }
    let of_object = (kind(document) == Some(Kind::Create)).then(|| document.get("object").and_then(given)).flatten();
    of_object.transpose().map_err(|error| error.inside("published").inside("object"))
}

fn moment(value: &Value) -> Result<Micros, InputError> {
    let known = value.as_str().and_then(in_full).and_then(|text| OffsetDateTime::parse(&text, &Rfc3339).ok());
    let micros = known.and_then(|moment| i64::try_from(moment.unix_timestamp_nanos().div_euclid(1_000)).ok());
    micros.map(Micros).ok_or(InputError::expected("a date and time as in `2026-01-31T12:00:00Z`"))
}

/// Fills in the seconds and the offset that may be left out.
fn in_full(text: &str) -> Option<String> {
    let (to_the_minute, rest) = text.split_at_checked("2026-01-31T12:00".len())?;
    let seconds = if rest.starts_with(':') { "" } else { ":00" };
    let offset = if rest.ends_with(['Z', 'z']) || rest.contains(['+', '-']) { "" } else { "Z" };
    Some(format!("{to_the_minute}{seconds}{rest}{offset}"))
}
