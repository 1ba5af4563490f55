//! What collectors bring: real documents of many servers, broken ones, and batches that are too large or cut off.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::client::{Answer, Api, Client};
use super::shared;
use super::tables::{same, tables};
use crate::on_both;

const ACTIVITY: &str = "application/activity+json";
const LINES: &str = "application/x-ndjson";
const TAKE: &str = "/v1/activities?source=activitypub";

async fn take(api: &Api, collector: &Client, media_type: &str, body: impl Into<Vec<u8>>) -> Answer {
    api.post(TAKE).bearer(&collector.token).bytes(media_type, body.into()).send().await
}

fn like(number: usize) -> Value {
    json!({
        "@context": "https://www.w3.org/ns/activitystreams", "type": "Like",
        "id": format!("https://a.example/likes/{number}"), "actor": "https://a.example/users/one",
        "object": format!("https://b.example/notes/{number}"), "to": "https://www.w3.org/ns/activitystreams#Public",
        "published": "2026-11-20T10:00:00Z",
    })
}

fn lines(count: usize) -> String {
    (0..count).map(|number| format!("{}\n", like(number))).collect()
}

on_both!(every_document_that_servers_send_is_taken_or_dropped_by_reason, |world| {
    let api = Api::over(world);
    let collector = api.collector("a-collector").await;
    let before = tables(&api.world).await;
    let own = [
        take(&api, &collector, ACTIVITY, like(1).to_string()).await,
        take(&api, &collector, LINES, lines(3)).await,
        take(
            &api,
            &collector,
            "application/ld+json; profile=\"https://www.w3.org/ns/activitystreams\"",
            like(2).to_string(),
        )
        .await,
        take(&api, &collector, ACTIVITY, json!({ "type": "Create", "actor": "https://a.example/u" }).to_string()).await,
    ];
    for answer in own {
        assert_eq!(answer.clone().expect_status(200).json()["accepted"], 0, "{}", answer.text());
    }
    let mut totals: BTreeMap<String, u64> = BTreeMap::new();
    for folder in ["activitystreams", "fedify", "granary"] {
        for file in shared::files(folder, ".json") {
            let answer = take(&api, &collector, ACTIVITY, std::fs::read(&file).unwrap()).await;
            count(&mut totals, folder, &file, &answer);
        }
    }
    same(&before, &tables(&api.world).await, "documents about strangers");
    for (what, times) in totals {
        println!("{times:5} {what}");
    }
});

fn count(totals: &mut BTreeMap<String, u64>, folder: &str, file: &Path, answer: &Answer) {
    let name = file.to_string_lossy();
    assert!(answer.status < 500, "{name}: {}", answer.text());
    if answer.status != 200 {
        let problem = answer.problem();
        assert!(["invalid-document", "malformed-json"].contains(&problem.as_str()), "{name}: {}", answer.text());
        *totals.entry(format!("{folder}: refused")).or_default() += 1;
        return;
    }
    assert!(!name.contains("/fail/"), "{name} was taken");
    let body = answer.json();
    assert_eq!(body["accepted"], 0, "{name}: nobody here said yes");
    for (reason, times) in body["dropped"].as_object().unwrap() {
        *totals.entry(format!("{folder}: dropped, {reason}")).or_default() += times.as_u64().unwrap();
    }
}

on_both!(a_batch_is_taken_as_a_whole_or_not_at_all, |world| {
    let api = Api::over(world);
    let collector = api.collector("a-collector").await;
    let before = tables(&api.world).await;
    let whole = lines(10);
    for cut in [whole.len() - 2, whole.len() / 2 + 3, 5] {
        let answer = take(&api, &collector, LINES, &whole.as_bytes()[..cut]).await;
        assert!((400..500).contains(&answer.status), "{} {}", answer.status, answer.text());
        assert_eq!(answer.problem(), "invalid-document");
        assert!(answer.json()["line"].is_u64(), "{}", answer.text());
    }
    for (line, bad) in [(1, "nonsense"), (4, "[]"), (10, "{\"type\":\"Like\",\"type\":\"Like\"}"), (3, "{\"type\":7}")]
    {
        let mut rows: Vec<String> = whole.lines().map(str::to_owned).collect();
        rows[line - 1] = bad.into();
        let answer = take(&api, &collector, LINES, rows.join("\n")).await;
        assert!((400..500).contains(&answer.status), "{bad}: {} {}", answer.status, answer.text());
        assert_eq!(answer.json()["line"], line, "{bad}: {}", answer.text());
    }
    same(&before, &tables(&api.world).await, "a refused batch");
});

on_both!(a_batch_has_at_most_a_thousand_items_and_four_mebibytes, |world| {
    let api = Api::over(world);
    let collector = api.collector("a-collector").await;
    let thousand = take(&api, &collector, LINES, lines(1_000)).await.expect_status(200);
    assert_eq!(thousand.json()["dropped"], json!({ "no_consent": 1_000 }));
    let more = take(&api, &collector, LINES, lines(1_001)).await;
    assert_eq!((more.status, more.problem().as_str()), (422, "invalid-field"));
    let collection = |count: usize| {
        let items: Vec<Value> = (0..count).map(like).collect();
        json!({ "@context": "https://www.w3.org/ns/activitystreams", "type": "Collection", "items": items }).to_string()
    };
    take(&api, &collector, ACTIVITY, collection(1_000)).await.expect_status(200);
    take(&api, &collector, ACTIVITY, collection(1_001)).await.expect_status(422);
    let limit = sayso::limits::ACTIVITIES_BYTES_MAX;
    let padded = |size: usize| {
        let text = lines(1);
        format!("{text}{}", "\n".repeat(size - text.len()))
    };
    take(&api, &collector, LINES, padded(limit)).await.expect_status(200);
    let large = take(&api, &collector, LINES, padded(limit + 1)).await;
    assert_eq!((large.status, large.problem().as_str()), (413, "too-large"));
});

on_both!(a_collector_brings_only_from_its_sources_and_only_what_it_says, |world| {
    let api = Api::over(world);
    let collector = api.collector("a-collector").await;
    let body = || like(1).to_string().into_bytes();
    for (query, status) in [
        ("", 422),
        ("?source=", 422),
        ("?source=nowhere", 403),
        ("?source=bluesky", 403),
        ("?source=activitypub&source=bluesky", 422),
        ("?source=activitypub&dry=1", 422),
        ("?source=%00", 422),
    ] {
        let call = api.post(&format!("/v1/activities{query}")).bearer(&collector.token);
        let answer = call.bytes(ACTIVITY, body()).send().await;
        assert_eq!(answer.status, status, "{query} {}", answer.text());
        answer.problem();
    }
    for media_type in
        ["", "text/plain", "application/xml", "multipart/form-data", "application/activity+json, text/plain"]
    {
        let answer = take(&api, &collector, media_type, body()).await;
        assert_eq!((answer.status, answer.problem().as_str()), (415, "media-type"), "{media_type}");
    }
    for (what, bytes) in
        [("empty", vec![]), ("a null byte", vec![0]), ("no UTF-8", vec![0xff; 10]), ("spaces", vec![b' '; 10])]
    {
        for media_type in [ACTIVITY, LINES] {
            let answer = take(&api, &collector, media_type, bytes.clone()).await;
            assert!(answer.status < 500, "{what} as {media_type}: {}", answer.text());
        }
    }
});
