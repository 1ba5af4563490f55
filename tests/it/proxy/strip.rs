//! Whatever the answer, whatever the pointers: who is not allowed is not in what is left, and everybody else is as they were.

use std::collections::HashSet;

use proptest::prelude::*;
use sayso::proxy::{Map, OtherForm, People, Pointer, named, remove, strip};
use sayso::remote::Person;
use serde_json::{Value, json};

fn id(number: u8) -> String {
    format!("{number:032x}")
}

fn people(item: &str, id: Option<&str>, id_is_key: bool) -> People {
    let pointer = |text: &str| Pointer::read(text).unwrap();
    People { item: pointer(item), id: id.map(pointer), id_is_key, kind: "pairwise".into() }
}

fn allowed(numbers: &[u8]) -> HashSet<Person> {
    numbers.iter().map(|number| Person::of("pairwise", &id(*number)).unwrap()).collect()
}

/// Some value that names nobody in the way of the pointers below.
fn other() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z ]{0,8}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
    ]
}

proptest! {
    // A mutant makes this fail on purpose: nothing of that is kept.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nobody_who_is_not_allowed_is_left_and_the_order_of_the_rest_is_kept(
        numbers in proptest::collection::vec(0_u8..20, 0..30),
        yes in proptest::collection::vec(0_u8..20, 0..20),
        noise in proptest::collection::vec(other(), 0..5),
        at in 0_usize..30,
    ) {
        let item = |number: &u8| json!({ "score": number, "who": { "id": id(*number) }, "more": [1, null] });
        let mut list: Vec<Value> = numbers.iter().map(item).collect();
        for value in &noise {
            list.insert(at.min(list.len()), value.clone());
        }
        let keyed: serde_json::Map<String, Value> =
            numbers.iter().map(|number| (id(*number), json!({ "n": number }))).collect();
        let bare: Vec<Value> = numbers.iter().map(|number| json!(id(*number))).collect();
        let mut answer = json!({ "a": { "list": list, "note": "kept" }, "keyed": keyed, "bare": bare, "total": 7 });
        let rules = [
            people("/a/list/*", Some("/who/id"), false),
            people("/keyed/*", None, true),
            people("/bare/*", None, false),
        ];
        let found = named(&mut answer, &rules).unwrap();
        prop_assert_eq!(found.iter().cloned().collect::<HashSet<_>>(), allowed(&numbers));
        strip(&mut answer, &rules, |person| allowed(&yes).contains(person)).unwrap();
        remove(&mut answer, &[Pointer::read("/total").unwrap(), Pointer::read("/not/there").unwrap()]);
        let stays: Vec<u8> = numbers.iter().copied().filter(|number| yes.contains(number)).collect();
        let left: Vec<Value> = stays.iter().map(item).collect();
        prop_assert_eq!(&answer["a"]["list"], &Value::Array(left));
        prop_assert_eq!(&answer["bare"], &json!(stays.iter().map(|number| id(*number)).collect::<Vec<_>>()));
        prop_assert_eq!(&answer["a"]["note"], &json!("kept"));
        prop_assert!(answer.get("total").is_none());
        let text = answer.to_string();
        for number in numbers.iter().filter(|number| !yes.contains(number)) {
            prop_assert!(!text.contains(&id(*number)), "{}", text);
        }
    }
}

#[test]
fn what_is_missing_in_one_place_keeps_nothing_in_another() {
    let mut answer = json!({ "results": [{ "a": 1 }, { "details": null }, 7, { "details": { "place": 4, "x": 1 } }], "count": null });
    remove(&mut answer, &["/results/*/details/place", "/none/*/x", "/count"].map(|text| Pointer::read(text).unwrap()));
    assert_eq!(answer, json!({ "results": [{ "a": 1 }, { "details": null }, 7, { "details": { "x": 1 } }] }));
}

#[test]
fn an_answer_of_another_form_is_refused() {
    for (item, answer) in [
        ("/results/*", json!([])),
        ("/results/*", json!({})),
        ("/results/*", json!({ "results": null })),
        ("/results/*", json!({ "results": "x" })),
        ("/results/*/who", json!({ "results": [7] })),
        ("/a/b/*", json!({ "a": [] })),
        ("/*", json!("x")),
        ("/*", json!(null)),
    ] {
        let rules = [people(item, None, false)];
        assert_eq!(named(&mut answer.clone(), &rules), Err(OtherForm), "{item} {answer}");
        assert_eq!(strip(&mut answer.clone(), &rules, |_| false), Err(OtherForm), "{item} {answer}");
    }
}

#[test]
fn a_single_place_is_emptied_and_what_names_nobody_goes() {
    let rules = [people("/winner", Some("/id"), false), people("/list/*", None, true)];
    let mut answer = json!({ "x": 1, "winner": { "id": id(1) }, "y": 2, "list": [id(2), 7] });
    strip(&mut answer, &rules, |person| allowed(&[2]).contains(person)).unwrap();
    assert_eq!(
        answer.to_string(),
        json!({ "x": 1, "y": 2, "list": [] }).to_string(),
        "a list has no keys to name anybody"
    );
    let mut answer = json!({ "winner": { "id": id(1) }, "list": {} });
    strip(&mut answer, &rules, |person| allowed(&[1]).contains(person)).unwrap();
    assert_eq!(answer["winner"]["id"], json!(id(1)));
    let mut answer = json!({ "winner": null, "list": {} });
    strip(&mut answer, &rules, |_| false).unwrap();
    let mut escaped = json!({ "a/b": { "~": [id(1)] } });
    strip(&mut escaped, &[people("/a~1b/~0/*", None, false)], |_| false).unwrap();
    assert_eq!(escaped, json!({ "a/b": { "~": [] } }));
    for wrong in ["a", "/~", "/~2", "/a~"] {
        assert_eq!(Pointer::read(wrong), None, "{wrong}");
    }
}

const ROUTE: &str = "[[route]]\nmethod = \"GET\"\npath = \"/ranking\"\naction = \"disclose\"\npurpose = \"public_profile\"\nsource = \"activitypub\"\n";
const PEOPLE: &str = "[[route.people]]\nitem = \"/results/*\"\nid = \"/person\"\n";

#[test]
fn a_map_that_could_let_somebody_through_unasked_is_refused() {
    let good = format!("{ROUTE}{PEOPLE}");
    Map::read(&good).unwrap();
    Map::read(include_str!("../../doors/map.toml")).unwrap();
    for (from, to, why) in [
        (good.as_str(), "", "nothing would get through"),
        (PEOPLE, "", "nobody would be asked about"),
        ("path = \"/ranking\"", "path = \"ranking\"", "begins with"),
        ("path = \"/ranking\"", "path = \"/{pairwise}/{email}\"", "at most one"),
        ("path = \"/ranking\"", "path = \"/{person}\"", "at most one"),
        ("path = \"/ranking\"", "path = \"/x{pairwise}\"", "at most one"),
        ("\"disclose\"", "\"link\"", "`action`"),
        ("\"disclose\"", "\"sell\"", "unknown variant"),
        ("\"GET\"", "\"DELETE\"", "unknown variant"),
        ("\"/results/*\"", "\"\"", "`item`"),
        ("\"/results/*\"", "\"results\"", "JSON pointer"),
        ("id = \"/person\"", "id = \"/*\"", "`id` is one place"),
        ("id = \"/person\"", "id = \"/person\"\nid_is_key = true", "`id_is_key`"),
        ("id = \"/person\"", "kind = \"phone\"", "`kind`"),
        ("id = \"/person\"", "identifier = \"/person\"", "unknown field"),
        ("source =", "sources =", "unknown field"),
    ] {
        let refused = Map::read(&good.replace(from, to)).unwrap_err().to_string();
        assert!(refused.contains(why), "{to}: {refused}");
    }
}
