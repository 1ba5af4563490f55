//! Properties of generated input: it never panics, no key counts twice, and what is private is never read.

use proptest::prelude::*;
use sayso::ingest::{Format, Item, read, strict};
use serde_json::{Value, json};

use super::{A, PUBLIC, items, source, take, told, topics};

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z#]{0,6}".prop_map(Value::from),
        prop::sample::select(vec!["Like", "Create", "Note", "Undo", "Collection", "Hashtag", PUBLIC, "#rust", A])
            .prop_map(Value::from),
    ];
    let key = prop_oneof![
        prop::sample::select(vec![
            "type",
            "actor",
            "object",
            "to",
            "cc",
            "tag",
            "name",
            "inReplyTo",
            "attributedTo",
            "items",
            "first",
            "id",
            "published",
            "@context",
            "url",
            "href"
        ])
        .prop_map(str::to_owned),
        "[a-z]{1,3}",
    ];
    leaf.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn audience(public: bool) -> impl Strategy<Value = Value> {
    let field = prop::sample::select(vec!["to", "cc", "bto", "bcc", "audience"]);
    let others = prop::collection::vec(
        prop::sample::select(vec!["https://b.example/bob", "https://a.example/alice/followers", ""]),
        0..3,
    );
    (field, others, any::<bool>()).prop_map(move |(field, others, as_object)| {
        let mut all: Vec<Value> =
            others.into_iter().map(|one| if as_object { json!({"id": one}) } else { json!(one) }).collect();
        if public {
            all.push(json!(PUBLIC));
        }
        json!({field: all})
    })
}

/// A response or a post that would be taken, and the places in it that may name an audience.
fn takeable() -> impl Strategy<Value = (Value, Vec<&'static str>)> {
    let note = json!({"type": "Note", "id": "n1", "attributedTo": "https://b.example/bob"});
    let reply = json!({"type": "Note", "id": "r1", "inReplyTo": note});
    let own = json!({"type": "Note", "id": "p1", "attributedTo": A});
    prop::sample::select(vec![
        (json!({"type": "Like", "actor": A, "object": "n1"}), vec![""]),
        (json!({"type": "Announce", "actor": A, "object": note}), vec!["", "/object"]),
        (json!({"type": "Create", "actor": A, "object": reply}), vec!["", "/object", "/object/inReplyTo"]),
        (json!({"type": "Create", "actor": A, "object": own}), vec!["", "/object"]),
        (own, vec![""]),
    ])
}

fn address(document: &mut Value, place: &str, audience: &Value) {
    document.pointer_mut(place).unwrap().as_object_mut().unwrap().extend(audience.as_object().unwrap().clone());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for format in [Format::Edges, Format::Ndjson, Format::Json] {
            let _ = items(&bytes, format);
        }
        let _ = Format::detect("", &bytes);
    }

    #[test]
    fn no_document_makes_it_panic_and_strict_parsing_changes_nothing(document in json_value()) {
        let text = document.to_string();
        let parsed = strict::parse(text.as_bytes());
        prop_assert_eq!(parsed.as_ref(), Ok(&document));
        let _ = (read(&document, &source(), topics()), items(text.as_bytes(), Format::Json), items(text.as_bytes(), Format::Ndjson));
    }

    #[test]
    fn a_key_given_twice_is_refused_at_any_depth(depth in 0_usize..100, in_array in any::<bool>(), key in "[a-z@]{0,5}") {
        let twice = format!(r#"{{"{key}": 1, "other 1": [], "{key}": {{}}}}"#);
        let (before, after) = if in_array { ("[", "]") } else { ("{\"object\":", "}") };
        let text = format!("{}{twice}{}", before.repeat(depth), after.repeat(depth));
        let error = strict::parse(text.as_bytes()).unwrap_err();
        prop_assert_eq!(error.to_string(), "line 1: expected each key only once in an object");
    }

    #[test]
    fn private_addressing_never_becomes_a_response_or_a_post(
        (mut document, places) in takeable(), place in any::<prop::sample::Index>(), narrow in audience(false), wide in audience(true), said in any::<bool>(),
    ) {
        let private = *place.get(&places);
        for place in places.iter().filter(|place| said && **place != private) {
            address(&mut document, place, &wide);
        }
        address(&mut document, private, &narrow);
        prop_assert_eq!(told(&take(document.to_string().as_bytes())), "not_public");
    }

    #[test]
    fn public_addressing_anywhere_is_taken_as_said((mut document, places) in takeable(), place in any::<prop::sample::Index>(), wide in audience(true)) {
        let place = *place.get(&places);
        address(&mut document, place, &wide);
        let outcome = told(&take(document.to_string().as_bytes()));
        prop_assert!(outcome.ends_with(" public"), "{}", outcome);
    }

    #[test]
    fn taking_back_works_for_every_audience(wide in any::<bool>(), kind in prop::sample::select(vec!["Undo", "Delete"]), narrow in audience(false), public in audience(true)) {
        let mut document = json!({"type": kind, "actor": A, "object": "n1"});
        address(&mut document, "", if wide { &public } else { &narrow });
        prop_assert!(matches!(take(document.to_string().as_bytes()), Ok(Item::Activity(_))));
    }

    #[test]
    fn splitting_a_stream_equals_reading_each_document_alone(
        documents in prop::collection::vec(takeable().prop_map(|(document, _)| document), 0..20), blank in any::<bool>(), last_end in any::<bool>(),
    ) {
        let alone: Vec<_> = documents.iter().map(|document| take(document.to_string().as_bytes())).collect();
        let lines: Vec<String> = documents.iter().map(Value::to_string).collect();
        let mut text = lines.join(if blank { "\n \n" } else { "\n" });
        if last_end {
            text.push('\n');
        }
        prop_assert_eq!(&items(text.as_bytes(), Format::Ndjson), &alone);
        let collection = json!({"type": "OrderedCollection", "orderedItems": documents});
        prop_assert_eq!(&items(collection.to_string().as_bytes(), Format::Json), &alone);
    }

    #[test]
    fn an_edge_list_cut_anywhere_keeps_every_line_before(cut in 0_usize..60) {
        let text = "1 2 1082040961\n3 4 1082155839\n5 2 1082414391\n1 2 10824143\n";
        let cut = cut.min(text.len());
        let all = items(&text.as_bytes()[..cut], Format::Edges);
        let whole_lines = text[..cut].matches('\n').count();
        prop_assert!(all.iter().take(whole_lines).all(Result::is_ok) && all.len() >= whole_lines);
    }
}
