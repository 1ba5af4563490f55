//! Small questions to an ActivityStreams value: its types, its id, who may see it. Never fail: what is not there is not there.

use serde_json::Value;

pub(super) const NAMESPACES: [&str; 2] =
    ["https://www.w3.org/ns/activitystreams", "http://www.w3.org/ns/activitystreams"];
const PUBLIC: [&str; 3] = ["https://www.w3.org/ns/activitystreams#Public", "as:Public", "Public"];

/// The items of an array, or the one value that stands for itself.
pub(super) fn each(value: &Value) -> impl Iterator<Item = &Value> {
    match value {
        Value::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    }
    .iter()
}

/// How many values a field holds.
pub(super) enum Only<'a> {
    Nothing,
    One(&'a Value),
    Several,
}

pub(super) fn only<'a>(document: &'a Value, field: &str) -> Only<'a> {
    let mut values = document.get(field).into_iter().flat_map(each).filter(|value| !value.is_null());
    match (values.next(), values.next()) {
        (None, _) => Only::Nothing,
        (Some(one), None) => Only::One(one),
        (Some(_), Some(_)) => Only::Several,
    }
}

/// The id behind a reference: a string, an object's `id`, or the `href` of a link. A `url` is where something can be looked at,
/// not what it is, so it is not taken for an id.
pub(super) fn id(value: &Value) -> Option<&str> {
    let link = || value.get("href").filter(|_| types(value).any(|name| name == "Link"));
    let text = value.as_str().or_else(|| value.get("id").or_else(link).and_then(Value::as_str));
    text.filter(|text| !text.is_empty())
}

/// The names of the types, without the prefix of the ActivityStreams namespace.
pub(super) fn types(document: &Value) -> impl Iterator<Item = &str> {
    document.get("type").into_iter().flat_map(names)
}

pub(super) fn names(types: &Value) -> impl Iterator<Item = &str> {
    each(types).filter_map(Value::as_str).map(plain_name)
}

fn plain_name(name: &str) -> &str {
    let long = NAMESPACES.iter().find_map(|namespace| name.strip_prefix(namespace)?.strip_prefix('#'));
    long.or_else(|| name.strip_prefix("as:")).unwrap_or(name)
}

/// Who may see something, as far as it says so. In the order from the narrowest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Audience {
    /// It names somebody, or nobody, and not everybody.
    Narrower,
    /// Everybody.
    Public,
    /// It says nothing.
    Silent,
}

/// The narrowest of what a document and the objects shown inside it say: a public like of a note that was shown to three people
/// is about a note that was shown to three people.
pub(super) fn audience(document: &Value) -> Audience {
    let inside =
        ["object", "inReplyTo"].into_iter().filter_map(|field| document.get(field)).flat_map(each).map(audience);
    inside.chain([own_audience(document)]).min().unwrap_or(Audience::Silent)
}

fn own_audience(document: &Value) -> Audience {
    let fields = ["to", "cc", "bto", "bcc", "audience"];
    let said: Vec<&Value> =
        fields.into_iter().filter_map(|field| document.get(field)).filter(|value| !value.is_null()).collect();
    let is_public = |value: &Value| id(value).is_some_and(|id| PUBLIC.contains(&id));
    if said.is_empty() || crate::mutant::on("ingest_reads_private") {
        Audience::Silent
    } else if said.into_iter().flat_map(each).any(is_public) {
        Audience::Public
    } else {
        Audience::Narrower
    }
}
