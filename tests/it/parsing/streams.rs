//! Edge lists and streams of documents: one by one, in bounds, and cut off anywhere.

use sayso::domain::Micros;
use sayso::ingest::{Drop, Format, Item, Items, edges, stream};
use serde_json::{Value, json};

use super::{A, items, source, told, topics};

fn like(n: usize) -> String {
    json!({"type": "Like", "id": format!("l{n}"), "actor": A, "object": format!("n{n}")}).to_string()
}

#[test]
fn a_line_of_an_edge_list_is_a_reply_told_to_everybody() {
    let line = edges::read_line(1, "  1 \t 2  1082040961\r\n").unwrap().unwrap();
    let activity = line.activity(&source());
    assert_eq!(told(&Ok(Item::Activity(activity.clone()))), "1: reply - of 2 made - [] public");
    assert_eq!(activity.published, Some(Micros::from_seconds(1_082_040_961)));
    assert_eq!(edges::read_line(1, "1 2 1082040961").unwrap().unwrap().activity(&source()).id, activity.id);
    assert_ne!(edges::read_line(1, "1 2 1082040962").unwrap().unwrap().activity(&source()).id, activity.id);
    assert_eq!(edges::read_line(1, "7 7 1").unwrap().unwrap().item(&source()), Item::Dropped(Drop::SelfResponse));
    for nothing in ["", "   ", "# a comment"] {
        assert_eq!(edges::read_line(1, nothing), Ok(None));
    }
    let long = format!("{} b 1", "a".repeat(65));
    for bad in
        ["a", "a b", "a b 1 2", "a b x", "a b -1", "a b +1", "a b 1.5", "a b 253402300800", "a@x b 1", "ä b 1", &long]
    {
        assert!(edges::read_line(1, bad).is_err(), "{bad}");
    }
    assert!(edges::read_line(1, &format!("{} b 253402300799", "a".repeat(64))).is_ok());
}

#[test]
fn a_cut_off_end_is_told_with_its_line_after_everything_before_it_was_taken() {
    let input = format!("{}\n\n{}\r\n{}", like(1), like(2), &like(3)[..20]);
    let all = items(input.as_bytes(), Format::Ndjson);
    assert_eq!(all.len(), 3);
    assert!(all[..2].iter().all(Result::is_ok));
    let told = all[2].as_ref().unwrap_err().to_string();
    assert!(told.starts_with("line 4: expected more: the input was cut off"), "{told}");
    let edges = items(b"# head\n1 2 1082040961\n1 2", Format::Edges);
    assert!(edges[1].as_ref().unwrap_err().to_string().starts_with("line 3: expected more: the input was cut off"));
    let json = items(&like(1).as_bytes()[..20], Format::Json);
    assert!(json[0].as_ref().unwrap_err().to_string().contains("the document was cut off"));
    let within = items(format!("{}\n{{\"actor\":\n{}\n", like(1), like(3)).as_bytes(), Format::Ndjson);
    assert_eq!(within.len(), 2, "nothing is read behind an error");
    assert_eq!(within[1].as_ref().unwrap_err().to_string(), "line 2: expected JSON that does not end in the middle");
}

#[test]
fn a_line_or_document_that_is_too_long_is_refused_before_it_is_held() {
    let limit = usize::try_from(stream::LINE_BYTES_MAX).unwrap();
    let fits = format!("{}{}\n", like(1), " ".repeat(limit - like(1).len() - 1));
    assert!(items(fits.as_bytes(), Format::Ndjson)[0].is_ok());
    let endless = std::io::BufReader::new(std::io::repeat(b' '));
    let (source, topics) = (source(), topics());
    let error = Items::new(endless, Format::Ndjson, &source, topics).next().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "line 1: expected lines of at most 1 MiB");
    let endless = std::io::BufReader::new(std::io::repeat(b' '));
    let error = Items::new(endless, Format::Json, &source, topics).next().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "expected a document of at most 64 MiB");
}

#[test]
fn a_collection_stands_for_its_items_and_those_of_the_pages_it_shows() {
    let like = |n: usize| serde_json::from_str::<Value>(&like(n)).unwrap();
    let page =
        json!({"type": "CollectionPage", "items": [like(2)], "next": {"type": "CollectionPage", "items": [like(3)]}});
    let all = json!({"type": "Collection", "items": [like(1), "https://a.example/only-named"], "first": page});
    let all: Vec<String> = items(all.to_string().as_bytes(), Format::Json).iter().map(told).collect();
    let expected = |n: usize| format!("{A}: like n{n} of - made - [] silent");
    assert_eq!(all, [expected(1), "unsupported_type".into(), expected(2), expected(3)]);
    for wrong in [json!([like(1)]), json!("text"), json!({"type": "OrderedCollection", "items": [like(1)]})] {
        let all = items(wrong.to_string().as_bytes(), Format::Json);
        assert!(all.len() == 1 && all[0].is_err(), "{wrong}");
    }
    let one = json!({"type": "OrderedCollection", "orderedItems": like(1)});
    assert_eq!(items(one.to_string().as_bytes(), Format::Json).len(), 1);
    assert!(items(br#"{"type": "Collection"}"#, Format::Json).is_empty());
}

#[test]
fn the_format_is_known_by_the_name_or_else_by_the_first_bytes() {
    let two = format!("{}\n{}", like(1), like(2));
    let table = [
        ("outbox.json", "", Format::Json),
        ("a.b.NDJSON", "", Format::Ndjson),
        ("x.jsonl", "", Format::Ndjson),
        ("x.edges", "{", Format::Edges),
        ("collegemsg.txt", "1 2 1082040961", Format::Edges),
        ("-", two.as_str(), Format::Ndjson),
        ("-", "{\n \"type\": \"Like\"}", Format::Json),
        ("-", "{}", Format::Json),
        ("", "", Format::Edges),
    ];
    for (name, start, format) in table {
        assert_eq!(Format::detect(name, start.as_bytes()), format, "{name} {start}");
    }
}
