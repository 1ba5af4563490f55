//! What ActivityStreams 2.0 core asks of a document, so far as it can be seen without fetching anything.
//!
//! Decided here: fields outside the vocabulary are open (extensions); `null` is the same as absent, as in JSON-LD; a document
//! without `@context` is read as ActivityStreams, which section 2.1 of the core asks of whoever is told the media type, while one
//! whose context names only something else is refused. The names of people are not judged: an `actor` may be a handle.

use serde_json::{Map, Value};

use super::value::{self, NAMESPACES};
use super::{InputError, language};

const DEPTH_MAX: usize = 64;

/// Refuses a document that ActivityStreams 2.0 does not allow.
///
/// # Errors
/// Names the first field that is wrong.
pub fn check(document: &Value) -> Result<(), InputError> {
    let Value::Object(fields) = document else { return Err(InputError::expected("a JSON object")) };
    let context = fields.get("@context").filter(|context| !context.is_null());
    if context.is_some_and(|context| is_context(context) && !mentions_activitystreams(context)) {
        return Err(InputError::expected("a context that names ActivityStreams").inside("@context"));
    }
    check_object(fields, 0)
}

#[derive(Clone, Copy)]
enum Rule {
    /// Strings, objects, or an array of them.
    Context,
    /// One string.
    Id,
    /// Strings.
    Text,
    /// Strings by language.
    TextByLanguage,
    /// URIs, objects, or an array of them.
    Reference,
    /// Absolute URIs, links, or an array of them.
    Address,
}

fn rule(field: &str) -> Option<Rule> {
    Some(match field {
        "@context" => Rule::Context,
        "id" => Rule::Id,
        "type" | "name" | "content" | "summary" => Rule::Text,
        "nameMap" | "contentMap" | "summaryMap" => Rule::TextByLanguage,
        "url" => Rule::Address,
        "actor" | "object" | "target" | "result" | "origin" | "instrument" | "attributedTo" | "inReplyTo" | "to"
        | "cc" | "bto" | "bcc" | "audience" | "tag" | "attachment" | "replies" | "generator" | "icon" | "image"
        | "location" | "preview" | "context" | "items" | "orderedItems" | "anyOf" | "oneOf" | "describes"
        | "partOf" | "subject" | "current" | "first" | "last" | "next" | "prev" => Rule::Reference,
        _ => return None,
    })
}

fn check_object(fields: &Map<String, Value>, depth: usize) -> Result<(), InputError> {
    if depth > DEPTH_MAX {
        return Err(InputError::expected("objects at most 64 levels deep"));
    }
    for (field, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
        let Some(rule) = rule(field) else { continue };
        check_field(rule, value, depth).map_err(|error| error.inside(field))?;
    }
    check_collection(fields)
}

fn check_field(rule: Rule, value: &Value, depth: usize) -> Result<(), InputError> {
    match rule {
        Rule::Context if is_context(value) => Ok(()),
        Rule::Context => Err(InputError::expected("a string, an object, or an array of them")),
        Rule::Id if value.is_string() => Ok(()),
        Rule::Id => Err(InputError::expected("a string")),
        Rule::Text if value::each(value).all(Value::is_string) => Ok(()),
        Rule::Text => Err(InputError::expected("a string or an array of strings")),
        Rule::TextByLanguage if is_text_by_language(value) => Ok(()),
        Rule::TextByLanguage => Err(InputError::expected("an object of strings with language tags (BCP 47) as keys")),
        Rule::Reference => check_each(value, depth, |_| true, "a URI, an object, or an array of them"),
        Rule::Address => check_each(value, depth, is_absolute, "an absolute URI, a link, or an array of them"),
    }
}

fn check_each(value: &Value, depth: usize, good: fn(&str) -> bool, expected: &'static str) -> Result<(), InputError> {
    for (index, item) in value::each(value).enumerate() {
        let held = match item {
            Value::String(text) if good(text) => Ok(()),
            Value::Object(fields) => check_object(fields, depth.saturating_add(1)),
            _ => Err(InputError::expected(expected)),
        };
        held.map_err(|error| if value.is_array() { error.inside(index) } else { error })?;
    }
    Ok(())
}

/// RFC 3986: a scheme, a colon, something. Whether it leads anywhere is nothing that a reader can know.
fn is_absolute(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let starts_with_letter = scheme.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    starts_with_letter && scheme.bytes().all(plain) && !rest.is_empty()
}

fn is_context(value: &Value) -> bool {
    value::each(value).all(|item| item.is_string() || item.is_object() || item.is_null())
}

fn mentions_activitystreams(context: &Value) -> bool {
    match context {
        Value::String(text) => NAMESPACES
            .iter()
            .any(|namespace| text.strip_prefix(namespace).is_some_and(|rest| rest.is_empty() || rest.starts_with('#'))),
        Value::Array(items) => items.iter().any(mentions_activitystreams),
        Value::Object(fields) => fields.values().any(mentions_activitystreams),
        _ => false,
    }
}

fn is_text_by_language(value: &Value) -> bool {
    let texts = |value: &Value| value::each(value).all(|text| text.is_string() || text.is_null());
    value.as_object().is_some_and(|fields| fields.iter().all(|(tag, value)| language::is_tag(tag) && texts(value)))
}

/// The field that a collection of this type keeps its items in; `None` for what is no collection.
pub(super) fn items_field(document: &Value) -> Option<&'static str> {
    value::types(document).find_map(|name| match name {
        "Collection" | "CollectionPage" => Some("items"),
        "OrderedCollection" | "OrderedCollectionPage" => Some("orderedItems"),
        _ => None,
    })
}

fn check_collection(fields: &Map<String, Value>) -> Result<(), InputError> {
    let given = |field: &str| fields.get(field).filter(|value| !value.is_null());
    let names: Vec<&str> = given("type").map(|names| value::names(names).collect()).unwrap_or_default();
    let ordered = names.iter().any(|name| name.starts_with("OrderedCollection"));
    let unordered = names.iter().any(|name| matches!(*name, "Collection" | "CollectionPage"));
    if ordered && given("items").is_some() {
        return Err(InputError::expected("`orderedItems` in an ordered collection").inside("items"));
    }
    if unordered && given("orderedItems").is_some() {
        return Err(InputError::expected("`items` in an unordered collection").inside("orderedItems"));
    }
    if !ordered && !unordered {
        return Ok(());
    }
    let not_page = ["current", "first", "last", "next", "prev"]
        .into_iter()
        .find(|field| given(field).is_some_and(|page| !is_page(page)));
    not_page
        .map_or(Ok(()), |field| Err(InputError::expected("a URI, a link, or a page of the collection").inside(field)))
}

fn is_page(value: &Value) -> bool {
    let is_link = value.get("href").is_some();
    let is_page = |name: &str| matches!(name, "CollectionPage" | "OrderedCollectionPage" | "Link");
    value.is_string() || (value.is_object() && (is_link || value::types(value).any(is_page)))
}
