//! OpenID AuthZEN Authorization API 1.0, as a policy enforcement point meets it.

use serde_json::{Value, json};

use super::client::{Answer, Api, Somebody};
use crate::on_both;

const DESK: &str = "a-recipient";

/// A complete question about somebody.
fn about(kind: &str, id: &str) -> Value {
    json!({
        "subject": { "type": "recipient", "id": DESK },
        "action": { "name": "disclose" },
        "resource": { "type": kind, "id": id },
        "context": { "purpose": "public_profile", "source": "activitypub" },
    })
}

async fn ask(api: &Api, token: &str, path: &str, body: &Value) -> Answer {
    api.post(path).bearer(token).json(body).send().await
}

async fn one(api: &Api, token: &str, question: &Value) -> Value {
    ask(api, token, "/access/v1/evaluation", question).await.expect_status(200).json()
}

/// How everything is denied at this moment.
async fn denied(api: &Api) -> Value {
    let policy = api.world.app.policies().await.unwrap().sha256;
    json!({ "decision": false, "context": { "policy_sha256": policy } })
}

async fn many(api: &Api, token: &str, batch: &Value) -> Vec<bool> {
    let answer = ask(api, token, "/access/v1/evaluations", batch).await.expect_status(200).json();
    let decided = answer["evaluations"].as_array().unwrap_or_else(|| panic!("{answer}"));
    decided.iter().map(|one| one["decision"].as_bool().unwrap()).collect()
}

/// A person who allows, and one who does not; the token of the recipient; the id it has for the first.
async fn people(api: &Api) -> (Somebody, String, String) {
    let desk = api.recipient(DESK).await;
    let ann = api.person("ann@example.org").await;
    api.person("bea@example.org").await;
    let pairwise = api.grant(&ann, DESK).await["pairwise"].as_str().unwrap().to_owned();
    (ann, desk.token, pairwise)
}

on_both!(an_allow_says_on_what_it_stands_and_a_denial_by_which_rules_alone, |world| {
    let api = Api::over(world);
    let (ann, token, pairwise) = people(&api).await;
    for question in [about("email", "ann@example.org"), about("pairwise", &pairwise)] {
        let allowed = one(&api, &token, &question).await;
        assert_eq!(allowed["decision"], true);
        let policy = api.world.app.policies().await.unwrap().sha256;
        assert_eq!(allowed["context"]["policy_sha256"], json!(policy));
        assert!(allowed["context"]["use_by_us"].is_i64() && allowed["context"]["seq"].is_i64(), "{allowed}");
    }
    for (kind, id) in [
        ("email", "bea@example.org"),
        ("email", "nobody@example.org"),
        ("email", "no address"),
        ("handle", "github:nobody"),
        ("handle", "nowhere:nobody"),
        ("pairwise", "00112233445566778899aabbccddeeff"),
        ("pairwise", "ann"),
        ("document", "ann@example.org"),
        ("", ""),
    ] {
        assert_eq!(one(&api, &token, &about(kind, id)).await, denied(&api).await, "{kind} {id}");
    }
    api.delete("/v1/me/consents?purpose=public_profile").bearer(&ann.access).send().await.expect_status(200);
    assert_eq!(one(&api, &token, &about("pairwise", &pairwise)).await, denied(&api).await);
});

on_both!(what_a_recipient_may_not_ask_is_a_denial_like_any_other, |world| {
    let api = Api::over(world);
    let (_, token, pairwise) = people(&api).await;
    api.recipient("another-recipient").await;
    let good = about("pairwise", &pairwise);
    for (place, value) in [
        ("/subject/id", json!("another-recipient")),
        ("/subject/type", json!("user")),
        ("/action/name", json!("sell")),
        ("/action/name", json!("link")),
        ("/context/purpose", json!("attention_score")),
        ("/context/purpose", json!("hiring")),
        ("/context/purpose", json!(7)),
        ("/context/source", json!("x")),
        ("/context/source", json!("myspace")),
        ("/context", json!({})),
    ] {
        let mut question = good.clone();
        *question.pointer_mut(place).unwrap() = value.clone();
        assert_eq!(one(&api, &token, &question).await, denied(&api).await, "{place} {value}");
    }
    let mut without = good.clone();
    without.as_object_mut().unwrap().remove("context");
    assert_eq!(one(&api, &token, &without).await, denied(&api).await);
    assert_eq!(one(&api, &token, &good).await["decision"], true);
});

on_both!(a_batch_takes_what_stands_beside_it_and_stops_where_it_is_told, |world| {
    let api = Api::over(world);
    let (_, token, pairwise) = people(&api).await;
    let [yes, no] =
        [json!({ "type": "pairwise", "id": pairwise }), json!({ "type": "email", "id": "bea@example.org" })];
    let batch = |resources: &[&Value], options: Value| {
        let mut batch = about("email", "bea@example.org");
        batch["evaluations"] = resources.iter().map(|resource| json!({ "resource": resource })).collect();
        batch["options"] = options;
        batch
    };
    let order = [&no, &yes, &yes, &no];
    for (semantic, expected) in [
        (json!({}), vec![false, true, true, false]),
        (json!({ "evaluations_semantic": "execute_all" }), vec![false, true, true, false]),
        (json!({ "evaluations_semantic": "deny_on_first_deny" }), vec![false]),
        (json!({ "evaluations_semantic": "permit_on_first_permit" }), vec![false, true]),
    ] {
        assert_eq!(many(&api, &token, &batch(&order, semantic.clone())).await, expected, "{semantic}");
    }
    let deny_first = json!({ "evaluations_semantic": "deny_on_first_deny" });
    assert_eq!(many(&api, &token, &batch(&[&yes, &yes, &no, &yes], deny_first)).await, [true, true, false]);
    // Each may say everything anew, and what it says counts instead.
    let mut mixed = about("email", "bea@example.org");
    mixed["evaluations"] = json!([
        {},
        about("pairwise", &pairwise),
        { "resource": yes, "context": { "purpose": "attention_score", "source": "activitypub" } },
        { "resource": yes, "action": { "name": "collect" } },
    ]);
    assert_eq!(many(&api, &token, &mixed).await, [false, true, false, true]);
    // Without a list it is one question.
    for empty in [json!(null), json!([])] {
        let mut question = about("pairwise", &pairwise);
        question["evaluations"] = empty;
        let answer = ask(&api, &token, "/access/v1/evaluations", &question).await.expect_status(200).json();
        assert_eq!(answer["decision"], true, "{answer}");
    }
});

on_both!(what_is_malformed_is_said_and_decides_nothing, |world| {
    let api = Api::over(world);
    let (_, token, pairwise) = people(&api).await;
    let good = about("pairwise", &pairwise);
    for missing in ["subject", "action", "resource"] {
        let mut question = good.clone();
        question.as_object_mut().unwrap().remove(missing);
        let answer = ask(&api, &token, "/access/v1/evaluation", &question).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "malformed-request"), "{missing}");
        // In a batch the others are answered.
        let batch = json!({ "evaluations": [question, good] });
        let answer = ask(&api, &token, "/access/v1/evaluations", &batch).await.expect_status(200).json();
        let error = &answer["evaluations"][0];
        assert_eq!(
            (&error["decision"], &error["context"]["error"]["status"]),
            (&json!(false), &json!(400)),
            "{answer}"
        );
        assert_eq!(answer["evaluations"][1]["decision"], true);
    }
    let mut numbers = good.clone();
    numbers["resource"]["id"] = json!(7);
    let mut semantic = good.clone();
    semantic["options"] = json!({ "evaluations_semantic": "whatever" });
    let mut crowd = good.clone();
    crowd["evaluations"] = vec![json!({}); 1_001].into();
    for (path, body) in [
        ("/access/v1/evaluation", numbers.to_string()),
        ("/access/v1/evaluation", "ZQMARKERQZ".into()),
        ("/access/v1/evaluation", "[]".into()),
        ("/access/v1/evaluation", "".into()),
        ("/access/v1/evaluation", format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000))),
        ("/access/v1/evaluation", good.to_string().replacen('{', "{\"action\":{\"name\":\"score\"},", 1)),
        ("/access/v1/evaluations", semantic.to_string()),
        ("/access/v1/evaluations", crowd.to_string()),
        ("/access/v1/evaluations", good.to_string().replacen('{', "{\"evaluations\":{},", 1)),
    ] {
        let answer = api.post(path).bearer(&token).bytes("application/json", body.clone().into()).send().await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(!answer.problem().is_empty() && !answer.text().contains("ZQMARKERQZ"), "{}", answer.text());
    }
    let answer =
        api.post("/access/v1/evaluation").bearer(&token).bytes("text/plain", good.to_string().into()).send().await;
    assert_eq!(answer.status, 415);
    // The standard is open: what is not known here is not looked at.
    let mut open = good.clone();
    open["x-trace"] = json!([[null]]);
    open["resource"]["properties"] = json!({ "department": null });
    assert_eq!(one(&api, &token, &open).await["decision"], true);
});

on_both!(the_person_sees_who_asked_and_a_thousand_of_the_same_are_answered, |world| {
    let api = Api::over(world);
    let (ann, token, pairwise) = people(&api).await;
    let mut batch = about("pairwise", &pairwise);
    batch["evaluations"] = vec![json!({}); 1_000].into();
    assert_eq!(many(&api, &token, &batch).await, vec![true; 1_000]);
    api.world.app.flush_decisions().await.unwrap();
    let seen = api.get("/v1/me/decisions").bearer(&ann.access).send().await.expect_status(200).json();
    assert_eq!(
        (&seen[0]["caller"], &seen[0]["times"], &seen[0]["allowed"]),
        (&json!(DESK), &json!(1_000), &json!(true))
    );
});

on_both!(a_client_finds_the_doors_and_gets_its_request_id_back, |world| {
    let api = Api::over(world);
    let (_, token, pairwise) = people(&api).await;
    let found = api.get("/.well-known/authzen-configuration").send().await.expect_status(200).json();
    assert_eq!(found["policy_decision_point"], "https://sayso.example");
    assert_eq!(found["access_evaluation_endpoint"], "https://sayso.example/access/v1/evaluation");
    assert_eq!(found["access_evaluations_endpoint"], "https://sayso.example/access/v1/evaluations");
    let question = about("pairwise", &pairwise);
    let call = || api.post("/access/v1/evaluation").bearer(&token).json(&question);
    assert_eq!(call().header("x-request-id", "bfe9eb29").send().await.header("x-request-id"), "bfe9eb29");
    let long = "a".repeat(500);
    assert_ne!(call().header("x-request-id", &long).send().await.header("x-request-id"), long);
    let elsewhere = api.get("/v1/notices").header("x-request-id", "mine").send().await;
    assert_ne!(elsewhere.header("x-request-id"), "mine");
});

on_both!(what_does_not_exist_is_counted_and_used_up_like_every_denial, |world| {
    let api = Api::over(world);
    let operator = api.operator().await.token;
    let body = json!({ "id": DESK, "role": "recipient", "class": "company", "purposes": ["public_profile"],
        "sources": ["activitypub"], "terms": { "people_per_day": 9 } });
    let desk = api.post("/v1/admin/clients").bearer(&operator).json(&body).send().await.expect_status(201).json();
    let token = api.token(DESK, desk["client_secret"].as_str().unwrap()).await.json();
    let token = token["access_token"].as_str().unwrap().to_owned();
    let stranger = "00112233445566778899aabbccddeeff";
    let with = |place: &str, value: &str| {
        let mut question = about("pairwise", stranger);
        *question.pointer_mut(place).unwrap() = json!(value);
        question
    };
    for question in [
        with("/action/name", "sell"),
        with("/action/name", "link"),
        with("/context/purpose", "hiring"),
        with("/context/purpose", "attention_score"),
        with("/context/source", "nowhere"),
        with("/subject/id", "another"),
        with("/resource/id", "no id"),
    ] {
        assert_eq!(one(&api, &token, &question).await, denied(&api).await, "{question}");
    }
    let forward = api.get("/gate/forward").bearer(&token).header("sayso-action", "sell");
    forward.send().await.expect_status(403);
    let filter = json!({ "action": "disclose", "purpose": "hiring", "source": "activitypub", "ids": [{ "pairwise": stranger }] });
    api.post("/v1/gate/filter").bearer(&token).json(&filter).send().await.expect_status(403);
    ask(&api, &token, "/access/v1/evaluation", &with("/action/name", "sell")).await.expect_status(429);
    api.post("/v1/gate/filter").bearer(&token).json(&filter).send().await.expect_status(429);
    api.world.app.flush_decisions().await.unwrap();
    let auditor = api.auditor("an-auditor").await.token;
    let summary = api.get("/v1/audit/summary").bearer(&auditor).send().await.expect_status(200).json();
    assert_eq!(summary["decisions"][0]["denied"], 9, "{summary}");
});
