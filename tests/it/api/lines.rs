//! The gate asked about very many at once: order kept, each thousand decided when it is read, nothing let through that is no id.

use axum::body::{Body, BodyDataStream};
use axum::http::Request;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::client::{Answer, Api, Call};
use crate::on_both;
use crate::world::{Db, World};

const ABOUT: &str = "action=disclose&purpose=public_profile&source=activitypub";

fn asking(api: &Api, token: &str, query: &str, body: &str) -> Call {
    let call = api.post(&format!("/v1/gate/filter/lines?{query}")).bearer(token);
    call.bytes("text/plain", body.as_bytes().to_vec())
}

fn objects(answer: &Answer) -> Vec<Value> {
    answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn allowed(answer: &Answer) -> Vec<String> {
    let names = |object: &Value| serde_json::from_value::<Vec<String>>(object["allowed"].clone()).unwrap();
    objects(answer).iter().flat_map(names).collect()
}

/// The pieces of an answer, one after the other.
async fn pieces(api: &Api, token: &str, body: &str) -> BodyDataStream {
    let request = Request::post(format!("/v1/gate/filter/lines?{ABOUT}")).header("content-type", "text/plain");
    let request = request.header("authorization", format!("Bearer {token}")).body(Body::from(body.to_owned()));
    let response = api.router.clone().oneshot(request.unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
    response.into_body().into_data_stream()
}

on_both!(the_allowed_lines_come_back_in_order_and_nothing_else_does, |world| {
    let api = Api::over(world);
    let desk = api.recipient("desk").await;
    let (ann, bea) = (api.person("ann@example.org").await, api.person("bea@example.org").await);
    api.person("cleo@example.org").await;
    let ann = api.grant(&ann, "desk").await["pairwise"].as_str().unwrap().to_owned();
    let bea = api.grant(&bea, "desk").await["pairwise"].as_str().unwrap().to_owned();
    let stranger = "00112233445566778899aabbccddeeff";
    let body = format!(
        "{bea}\n\n{stranger}\r\n {ann} \nno id\n{ann}\r\n\u{fffd}\n{}\n{}\n{bea}",
        ann.to_uppercase(),
        &ann[1..]
    );
    let answer = asking(&api, &desk.token, ABOUT, &body).send().await.expect_status(200);
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    let upper = ann.to_uppercase();
    let names = allowed(&answer);
    let names: Vec<_> = names.iter().filter(|name| **name != upper).collect();
    assert_eq!(names, [&bea, &ann, &ann, &bea]);
    let object = &objects(&answer)[0];
    assert!(object["use_by_us"].is_i64() && object["seq"].is_i64() && object["policy_sha256"].is_string());
    let body = "ann@example.org\nnobody@example.org\ncleo@example.org\nBea@Example.org\nno address\n";
    let answer = asking(&api, &desk.token, &format!("{ABOUT}&kind=email"), body).send().await.expect_status(200);
    assert_eq!(allowed(&answer), ["ann@example.org", "Bea@Example.org"]);
    assert_eq!(asking(&api, &desk.token, ABOUT, "").send().await.expect_status(200).text(), "");
    let mut bytes = ann.clone().into_bytes();
    bytes.extend(b"\n\xff\xfe\n\0\n");
    let call = api.post(&format!("/v1/gate/filter/lines?{ABOUT}")).bearer(&desk.token).bytes("text/plain", bytes);
    assert_eq!(allowed(&call.send().await.expect_status(200)), [ann.as_str()]);
});

on_both!(each_thousand_is_decided_when_it_is_read, |world| {
    let api = Api::over(world);
    let desk = api.recipient("desk").await;
    let ann = api.person("ann@example.org").await;
    let pairwise = api.grant(&ann, "desk").await["pairwise"].as_str().unwrap().to_owned();
    let body = format!("{pairwise}\n").repeat(3_500);
    let whole = asking(&api, &desk.token, ABOUT, &body).send().await.expect_status(200);
    let sizes: Vec<_> = objects(&whole).iter().map(|one| one["allowed"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [1_000, 1_000, 1_000, 500]);

    let mut pieces = pieces(&api, &desk.token, &body).await;
    let refused = asking(&api, &desk.token, ABOUT, &pairwise).send().await.expect_status(503);
    assert_eq!(refused.problem(), "busy", "one answer at a time for each recipient");
    let size = |piece: &[u8]| serde_json::from_slice::<Value>(piece).unwrap()["allowed"].as_array().unwrap().len();
    assert_eq!(size(&pieces.next().await.unwrap().unwrap()), 1_000);
    api.post("/v1/me/hold").bearer(&ann.access).send().await.expect_status(200);
    let mut sizes = Vec::new();
    while let Some(piece) = pieces.next().await {
        sizes.push(size(&piece.unwrap()));
    }
    assert_eq!(sizes[1..], [0, 0], "what was taken back while it was read: {sizes:?}");
    drop(pieces);
    asking(&api, &desk.token, ABOUT, &pairwise).send().await.expect_status(200);
});

on_both!(too_many_or_the_wrong_ones_are_refused_before_anything_is_said, |world| {
    let api = Api::over(world);
    let desk = api.recipient("desk").await;
    let operator = api.operator().await.token;
    let many = "a\n".repeat(sayso::limits::LINES_MAX + 1);
    assert_eq!(asking(&api, &desk.token, ABOUT, &many).send().await.expect_status(422).json()["field"], "ids");
    let large = "x".repeat(sayso::limits::LINES_BYTES_MAX + 1);
    asking(&api, &desk.token, ABOUT, &large).send().await.expect_status(413);
    let link = ABOUT.replace("disclose", "link");
    asking(&api, &desk.token, &link, "a").send().await.expect_status(422);
    for query in [ABOUT.replace("activitypub", "x"), ABOUT.replace("public_profile", "attention_score")] {
        asking(&api, &desk.token, &query, "a").send().await.expect_status(403);
    }
    for query in ["", "action=disclose", &format!("{ABOUT}&more=1"), &format!("{ABOUT}&kind=phone")] {
        let status = asking(&api, &desk.token, query, "a").send().await.status;
        assert_eq!(status, 422, "{query}");
    }
    let call = || api.post(&format!("/v1/gate/filter/lines?{ABOUT}")).bearer(&desk.token);
    call().bytes("text/csv", Vec::new()).send().await.expect_status(415);
    for wrong in [json!({}), json!([1]), json!("a"), json!([["a"]]), json!([null])] {
        call().json(&wrong).send().await.expect_status(400);
    }
    let body = json!({ "id": "small", "role": "recipient", "class": "company", "purposes": ["public_profile"],
        "sources": ["activitypub"], "terms": { "people_per_day": 2_000 } });
    let small = api.post("/v1/admin/clients").bearer(&operator).json(&body).send().await.expect_status(201).json();
    let token = api.token("small", small["client_secret"].as_str().unwrap()).await.json();
    let token = token["access_token"].as_str().unwrap();
    asking(&api, token, ABOUT, &"a\n".repeat(2_001)).send().await.expect_status(429);
    asking(&api, token, ABOUT, &"a\n".repeat(2_000)).send().await.expect_status(200);
    asking(&api, token, ABOUT, "a").send().await.expect_status(429);
});

on_both!(a_list_in_json_is_read_like_lines, |world| {
    let api = Api::over(world);
    let desk = api.recipient("desk").await;
    let ann = api.person("ann@example.org").await;
    let ann = api.grant(&ann, "desk").await["pairwise"].as_str().unwrap().to_owned();
    let stranger = "00112233445566778899aabbccddeeff";
    let asking = |ids: &Value| api.post(&format!("/v1/gate/filter/lines?{ABOUT}")).bearer(&desk.token).json(ids);
    let ids = json!([stranger, ann, "", "no id", format!("{ann}\n{ann}"), ann]);
    assert_eq!(allowed(&asking(&ids).send().await.expect_status(200)), [&ann, &ann].map(String::as_str));
    let escaped: String = ann.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
    let call = api.post(&format!("/v1/gate/filter/lines?{ABOUT}")).bearer(&desk.token);
    let call = call.bytes("application/json", format!("[\"{escaped}\"]").into_bytes());
    assert_eq!(allowed(&call.send().await.expect_status(200)), [ann.as_str()]);
    assert_eq!(asking(&json!([])).send().await.expect_status(200).text(), "");
    let many = vec![ann.as_str(); 2_100];
    let sizes = objects(&asking(&json!(many)).send().await.expect_status(200));
    let sizes: Vec<_> = sizes.iter().map(|one| one["allowed"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [1_000, 1_000, 100]);
    let long = asking(&json!(vec![""; sayso::limits::LINES_MAX + 1])).send().await.expect_status(400);
    assert_eq!(long.problem(), "malformed-body", "empty ones are entries too");
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_cannot_be_read_is_a_call_all_the_same() {
    let api = Api::over(World::new(Db::Sqlite).await);
    let operator = api.operator().await.token;
    let body = json!({ "id": "small", "role": "recipient", "class": "company", "purposes": ["public_profile"],
        "sources": ["activitypub"], "terms": { "calls_per_minute": 2 } });
    let small = api.post("/v1/admin/clients").bearer(&operator).json(&body).send().await.expect_status(201).json();
    let token = api.token("small", small["client_secret"].as_str().unwrap()).await.json();
    let small = token["access_token"].as_str().unwrap();
    for status in [400, 400, 429] {
        let call = api.post(&format!("/v1/gate/filter/lines?{ABOUT}")).bearer(small);
        call.bytes("application/json", b"[\"a\", \"b\"".to_vec()).send().await.expect_status(status);
    }
}

on_both!(a_million_ids_are_answered_in_one_request, |world| {
    let api = Api::over(world);
    let desk = api.recipient("desk").await;
    let ann = api.person("ann@example.org").await;
    let ann = api.grant(&ann, "desk").await["pairwise"].as_str().unwrap().to_owned();
    let stranger = "00112233445566778899aabbccddeeff";
    let body = [format!("{stranger}\n").repeat(999_998), format!("{ann}\n{stranger}\n")].concat();
    let answer = asking(&api, &desk.token, ABOUT, &body).send().await.expect_status(200);
    assert_eq!(objects(&answer).len(), 1_000);
    assert_eq!(allowed(&answer), [ann]);
    api.world.app.flush_decisions().await.unwrap();
    let counts = crate::people::ask(&api.world, "SELECT caller || ' ' || times FROM unknown_count").await;
    assert_eq!(counts, ["desk 999999"]);
});
