//! Parsing: what is taken, what is dropped, what is refused. Here our own vectors; beside them streams of documents, properties of
//! generated input, and the published test documents where those are at hand.

mod properties;
mod published;
mod streams;
mod topic_list;

use std::sync::LazyLock;

use sayso::domain::{Micros, Source, Topic};
use sayso::ingest::{ActivityKey, Doing, Drop, Format, InputError, Item, Items, Topics, as2, edges, read, strict};
use serde_json::json;

const PUBLIC: &str = "https://www.w3.org/ns/activitystreams#Public";

const A: &str = "https://a.example/alice";

fn source() -> Source {
    "activitypub".parse().unwrap()
}

fn topics() -> &'static Topics {
    static BUILT_IN: LazyLock<Topics> = LazyLock::new(|| Topics::built_in().unwrap());
    &BUILT_IN
}

fn take(bytes: &[u8]) -> Result<Item, InputError> {
    let document = strict::parse(bytes)?;
    as2::check(&document)?;
    read(&document, &source(), topics())
}

fn items(input: &[u8], format: Format) -> Vec<Result<Item, InputError>> {
    Items::new(input, format, &source(), topics()).collect()
}

/// One line for one outcome, so that a table of them can be read.
fn told(outcome: &Result<Item, InputError>) -> String {
    let activity = match outcome {
        Err(error) => return format!("refused in `{}`", error.field),
        Ok(Item::Dropped(reason)) => return reason.as_str().to_owned(),
        Ok(Item::Activity(activity)) => activity,
    };
    let some = |text: &Option<String>| text.clone().unwrap_or("-".into());
    let doing = match &activity.doing {
        Doing::Respond { kind, object, owner, made, topics, audience_said } => {
            let topics: Vec<&str> = topics.iter().map(Topic::as_str).collect();
            let said = if *audience_said { "public" } else { "silent" };
            format!(
                "{} {} of {} made {} [{}] {said}",
                kind.as_str(),
                some(object),
                some(owner),
                some(made),
                topics.join(" ")
            )
        }
        Doing::Post { object, topics, audience_said } => {
            let topics: Vec<&str> = topics.iter().map(Topic::as_str).collect();
            format!("post {object} [{}] {}", topics.join(" "), if *audience_said { "public" } else { "silent" })
        }
        Doing::Undo { activity, response } => {
            let response = response.as_ref().map(|(kind, object)| format!("{} {object}", kind.as_str()));
            let activity = activity.as_deref().map(|key| if key.starts_with("sha256:") { "(digest)" } else { key });
            format!("undo {} {}", activity.unwrap_or("-"), some(&response))
        }
        Doing::Delete { object } => format!("delete {object}"),
        Doing::Narrow { object } => format!("narrow {object}"),
    };
    format!("{}: {doing}", activity.actor)
}

#[test]
fn what_is_done_with_a_post_is_read_as_it_stands() {
    let note = json!({"type": "Note", "id": "n1", "attributedTo": "bob", "tag": [{"type": "Hashtag", "name": "#Chess"}, {"type": "Hashtag", "name": "#secret"}, {"type": "as:Hashtag", "name": "SCHACH"}, {"type": "Mention", "name": "#rust"}]});
    let reply = json!({"type": ["Note"], "id": "r1", "attributedTo": A, "inReplyTo": "n1", "to": PUBLIC});
    let table = [
        (json!({"type": "Like", "actor": A, "object": "n1"}), "like n1 of - made - [] silent"),
        (json!({"type": "Favorite", "actor": A, "object": "n1"}), "like n1 of - made - [] silent"),
        (json!({"type": "as:Like", "actor": [A], "object": ["n1"]}), "like n1 of - made - [] silent"),
        (
            json!({"type": "Like", "actor": {"id": A}, "object": note, "cc": "as:Public"}),
            "like n1 of bob made - [chess] public",
        ),
        (
            json!({"type": "Announce", "actor": A, "object": {"type": "Link", "href": "n1"}}),
            "reshare n1 of - made - [] silent",
        ),
        (
            json!({"type": "Share", "actor": A, "object": {"actor": "bob"}, "to": ["Public"]}),
            "reshare - of bob made - [] public",
        ),
        (json!({"type": "Create", "actor": A, "object": reply}), "reply n1 of - made r1 [] public"),
        (reply.clone(), "reply n1 of - made r1 [] public"),
        (
            json!({"type": "Create", "actor": A, "object": {"type": "Note", "inReplyTo": note}}),
            "reply n1 of bob made - [] silent",
        ),
        (
            json!({"type": "Create", "actor": A, "object": {"type": "Question", "id": "q"}, "to": null}),
            "post q [] silent",
        ),
        (json!({"type": "Article", "attributedTo": A, "id": "p", "to": [PUBLIC, "bob"]}), "post p [] public"),
        (
            json!({"type": "Video", "attributedTo": {"id": A}, "id": "p", "tag": {"type": "Hashtag", "name": "jazz"}}),
            "post p [music] silent",
        ),
        (
            json!({"type": "Create", "actor": A, "object": {"type": "Video", "id": "v", "attributedTo": ["group", {"id": A}]}}),
            "post v [] silent",
        ),
        (json!({"type": "Undo", "actor": A, "object": "like1"}), "undo like1 -"),
        (
            json!({"type": "Undo", "actor": A, "object": {"type": "Like", "id": "l", "object": "n1"}, "to": "bob"}),
            "undo l like n1",
        ),
        (
            json!({"type": "Undo", "actor": A, "object": {"type": "Announce", "actor": A, "object": note}}),
            "undo (digest) reshare n1",
        ),
        (json!({"type": "Undo", "actor": A, "object": {"type": "Follow", "id": "f"}, "published": "soon"}), "undo f -"),
        (json!({"type": "Delete", "actor": A, "object": {"type": "Tombstone", "id": "n1"}, "to": []}), "delete n1"),
        (json!({"type": "Update", "actor": A, "object": {"id": "n1", "to": ["bob"]}}), "narrow n1"),
        (json!({"type": "Update", "actor": A, "object": "n1", "to": [], "published": 3}), "narrow n1"),
    ];
    for (document, expected) in table {
        assert_eq!(told(&take(document.to_string().as_bytes())), format!("{A}: {expected}"), "{document}");
    }
}

#[test]
fn what_cannot_count_is_dropped_with_the_reason() {
    let table = [
        (json!({}), "unsupported_type"),
        (json!({"type": "Dislike", "actor": A, "object": "n1"}), "unsupported_type"),
        (json!({"type": "Follow", "actor": A, "object": "bob"}), "unsupported_type"),
        (json!({"type": ["Like", "Delete"], "actor": A, "object": "n1"}), "unsupported_type"),
        (json!({"verb": "like", "objectType": "activity", "actor": A, "object": "n1"}), "unsupported_type"),
        (json!({"type": "Like", "actor": [A, "bob"], "object": "n1"}), "unsupported_type"),
        (json!({"type": "Like", "actor": A, "object": ["n1", "n2"]}), "unsupported_type"),
        (
            json!({"type": "Announce", "actor": A, "object": {"type": "Like", "id": "l", "actor": "bob"}}),
            "unsupported_type",
        ),
        (json!({"type": "Create", "actor": A, "object": {"type": "Person", "id": "n1"}}), "unsupported_type"),
        (
            json!({"type": "Create", "actor": A, "object": {"type": "Note", "inReplyTo": ["n1", "n2"]}}),
            "unsupported_type",
        ),
        (json!({"type": "Like", "object": "n1"}), "no_actor"),
        (json!({"type": "Like", "actor": {"name": "Alice"}, "object": "n1"}), "no_actor"),
        (json!({"type": "Note", "id": "n1", "actor": A}), "no_actor"),
        (json!({"type": "Like", "actor": A}), "no_object"),
        (json!({"type": "Like", "actor": A, "object": {"url": "https://b.example/1"}}), "no_object"),
        (json!({"type": "Create", "actor": A, "object": "n1"}), "no_object"),
        (
            json!({"type": "Create", "actor": A, "object": {"type": "Note", "inReplyTo": {"type": "Collection"}}}),
            "no_object",
        ),
        (json!({"type": "Like", "actor": A, "object": {"attributedTo": {"id": A}}}), "self_response"),
        (
            json!({"type": "Create", "actor": A, "object": {"type": "Note", "id": "n1", "attributedTo": "bob"}}),
            "not_theirs",
        ),
        (json!({"type": "Update", "actor": A, "object": {"id": "n1", "to": PUBLIC}}), "nothing_to_do"),
        (json!({"type": "Update", "actor": A, "object": "n1"}), "nothing_to_do"),
        (json!({"type": "Like", "actor": A, "object": "n1", "to": []}), "not_public"),
        (json!({"type": "Like", "actor": A, "object": "n1", "bcc": "bob", "published": "never read"}), "not_public"),
        (
            json!({"type": "Like", "actor": A, "object": {"id": "n1", "audience": {"type": "Group"}}, "to": PUBLIC}),
            "not_public",
        ),
        (
            json!({"type": "Create", "actor": A, "to": PUBLIC, "object": {"type": "Note", "inReplyTo": {"id": "n", "to": "bob"}}}),
            "not_public",
        ),
        (json!({"type": "Like", "actor": A, "object": "n1", "published": "yesterday"}), "refused in `/published`"),
        (
            json!({"type": "Create", "actor": A, "object": {"type": "Note", "id": "n", "published": "2026-13-01T00:00:00Z"}}),
            "refused in `/object/published`",
        ),
    ];
    for (document, expected) in table {
        assert_eq!(told(&take(document.to_string().as_bytes())), expected, "{document}");
    }
}

#[test]
fn every_reason_to_drop_has_a_name_of_its_own() {
    let names: std::collections::BTreeSet<&str> = Drop::ALL.iter().map(|reason| reason.as_str()).collect();
    assert_eq!((names.len(), Drop::ALL.len()), (13, 13));
}

#[test]
fn a_time_may_lack_seconds_and_offset_but_nothing_else() {
    let at = |time: &str| match take(
        json!({"type": "Like", "actor": A, "object": "n1", "published": time}).to_string().as_bytes(),
    ) {
        Ok(Item::Activity(activity)) => activity.published,
        _ => None,
    };
    let noon = Some(Micros::from_seconds(1_449_923_640));
    for same in [
        "2015-12-12T12:34Z",
        "2015-12-12T12:34:00Z",
        "2015-12-12T12:34",
        "2015-12-12T14:34+02:00",
        "2015-12-12t12:34:00z",
    ] {
        assert_eq!(at(same), noon, "{same}");
    }
    assert_eq!(at("1969-12-31T23:59:59.9999995Z"), Some(Micros(-1)));
    for bad in
        ["2015-12-12", "12:34", "2015-12-12T12:34:00+2", "2015-12-12T12:34:61Z", "1449923640", "2015-12-12Tü2:34", ""]
    {
        assert_eq!(at(bad), None, "{bad}");
    }
}

#[test]
fn what_activitystreams_does_not_allow_is_refused_at_its_field() {
    let as2_context = "https://www.w3.org/ns/activitystreams";
    let table = [
        (json!([]), ""),
        (json!("Like"), ""),
        (json!({"@context": 3}), "/@context"),
        (json!({"@context": ["https://schema.org", {"x": "y"}]}), "/@context"),
        (json!({"@context": "https://www.w3.org/ns/activitystreams-x"}), "/@context"),
        (json!({"id": ["a"]}), "/id"),
        (json!({"type": {}}), "/type"),
        (json!({"object": {"name": {"en": "x"}}}), "/object/name"),
        (json!({"tag": [{}, {"contentMap": {"de-419-DE": "x"}}]}), "/tag/1/contentMap"),
        (json!({"nameMap": {"en": 1}}), "/nameMap"),
        (json!({"actor": [[A]]}), "/actor/0"),
        (json!({"to": true}), "/to"),
        (json!({"icon": {"url": "images/sally.jpg"}}), "/icon/url"),
        (json!({"type": "Collection", "orderedItems": []}), "/orderedItems"),
        (json!({"type": "OrderedCollectionPage", "items": []}), "/items"),
        (json!({"type": "CollectionPage", "next": {"type": "Note"}}), "/next"),
    ];
    for (document, field) in table {
        assert_eq!(as2::check(&document).unwrap_err().field, field, "{document}");
    }
    let good = [
        json!({"@context": [null, {"@vocab": "http://www.w3.org/ns/activitystreams#"}], "type": null, "myOwn": [[1]]}),
        json!({"@context": as2_context, "contentMap": {"zh-Hans": "x", "sl-rozaj-1994": "x", "en-a-bbb-x-a": "x", "x-own": "x", "zh-yue": "x"}}),
        json!({"type": "Collection", "first": {"href": "https://a.example/1"}, "items": {"type": "Note"}}),
    ];
    for document in good {
        assert_eq!(as2::check(&document), Ok(()), "{document}");
    }
    let tags =
        ["", "e", "en-", "de-419-DE", "toolonglanguage", "en-x", "en-a", "x", "ü", "en_US", "en-abc-def-ghi-jkl"];
    for tag in tags {
        assert!(as2::check(&json!({"nameMap": {tag: "x"}})).is_err(), "{tag}");
    }
    let deep = (0..100).fold(json!({}), |inner, _| json!({"object": inner}));
    assert!(as2::check(&deep).is_err());
}

#[test]
fn a_copy_inside_an_undo_has_the_same_key_whatever_the_order_of_its_fields() {
    let key =
        |text: &str, source: &str| ActivityKey::of(&strict::parse(text.as_bytes()).unwrap(), &source.parse().unwrap());
    let like =
        key(r#"{"@context": "x", "type": "Like", "actor": "a", "object": {"id": "n", "to": "Public"}}"#, "activitypub");
    assert_eq!(like, key(r#"{"object": {"to": "Public", "id": "n"}, "actor": "a", "type": "Like"}"#, "activitypub"));
    assert_ne!(like, key(r#"{"object": {"to": "Public", "id": "n"}, "actor": "b", "type": "Like"}"#, "activitypub"));
    assert_ne!(like, key(r#"{"object": {"to": "Public", "id": "n"}, "actor": "a", "type": "Like"}"#, "blog"));
    assert_eq!(key(r#"{"id": "given"}"#, "blog").as_str(), "given");
}

#[test]
fn neither_errors_nor_debug_output_show_what_was_in_the_input() {
    let marker = "marker-alice@example.org";
    let wrong = [
        json!({marker: 1, "id": [marker]}).to_string(),
        json!({"nameMap": {marker: marker}}).to_string(),
        json!({"url": marker}).to_string(),
        json!({"type": "Like", "actor": A, "object": marker, "published": marker}).to_string(),
        format!(r#"{{"{marker}": 1, "{marker}": 2}}"#),
        format!(r#"{{"a": {marker}}}"#),
    ];
    for text in wrong {
        let error = take(text.as_bytes()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("marker"), "{error}");
    }
    let error = edges::read_line(7, &format!("{marker} b 1")).unwrap_err();
    assert_eq!(error.to_string(), "line 7: expected ids of 1 to 64 of `A-Z`, `a-z`, `0-9`, `.`, `_`, `-`");
    let item = take(json!({"type": "Like", "actor": marker, "object": marker, "id": marker}).to_string().as_bytes());
    assert_eq!(format!("{item:?}"), "Ok(Activity(Activity(Respond(..))))");
}
