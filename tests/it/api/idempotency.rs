//! Saying it twice: the same answer and one effect, whoever is asked and however close together.

use serde_json::{Value, json};

use super::client::{Answer, Api, Call, Somebody, code_in, text};
use super::tables::{same, tables};
use crate::on_both;

/// An act that records, and how to ask for it with another body.
struct Act {
    name: &'static str,
    method: &'static str,
    path: String,
    token: Option<String>,
    body: Option<Value>,
    other: Option<Value>,
}

impl Act {
    fn new(name: &'static str, method: &'static str, path: &str, token: Option<&str>) -> Self {
        Self { name, method, path: path.into(), token: token.map(str::to_owned), body: None, other: Some(json!({})) }
    }

    fn bodies(self, body: Value, field: &str, other: Value) -> Self {
        let mut changed = body.clone();
        changed[field] = other;
        Self { body: Some(body), other: Some(changed), ..self }
    }

    fn call(&self, api: &Api, body: Option<&Value>) -> Call {
        let call = api.call(self.method, &self.path).key("one-key");
        let call = match &self.token {
            Some(token) => call.bearer(token),
            None => call,
        };
        match body {
            Some(body) => call.json(body),
            None => call,
        }
    }
}

async fn acts(api: &Api, anna: &Somebody) -> Vec<Act> {
    let operator = api.operator().await.token;
    let (me, admin) = (Some(anna.access.as_str()), Some(operator.as_str()));
    let granted = api.grant(anna, "a-recipient").await;
    let claim = json!({ "kind": "handle", "identifier": "github:a-claim" });
    let claim = api.post("/v1/me/identifiers").bearer(&anna.access).json(&claim).send().await.expect_status(201).json();
    api.auditor("to-disable").await;
    let grant = api.decision(anna, "another-recipient", "granted").await;
    let address = |address: &str, more: Value| {
        let mut body = json!({ "kind": "email", "identifier": address });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    vec![
        Act::new("opt out", "POST", "/v1/opt-out", None).bodies(
            address("stranger@example.org", json!({ "for": "self" })),
            "for",
            json!("child"),
        ),
        Act::new("request", "POST", "/v1/requests", None).bodies(
            address("stranger@example.org", json!({ "what": "access" })),
            "what",
            json!("status"),
        ),
        Act::new("register", "POST", "/v1/subjects", None).bodies(
            address("new@example.org", json!({ "adult": "yes" })),
            "adult",
            json!("no"),
        ),
        Act::new("claim", "POST", "/v1/me/identifiers", me).bodies(
            json!({ "kind": "handle", "identifier": "github:me" }),
            "identifier",
            json!("github:you"),
        ),
        Act::new("grant", "POST", "/v1/me/consents", me).bodies(grant, "decision", json!("refused")),
        Act::new("withdraw", "DELETE", &format!("/v1/me/consents/{}", granted["consent_id"]), me),
        Act::new("withdraw a purpose", "DELETE", "/v1/me/consents?purpose=public_profile", me),
        Act::new("mail a receipt", "POST", &format!("/v1/me/receipts/{}/mail", granted["consent_id"]), me),
        Act::new("hold", "POST", "/v1/me/hold", me),
        Act::new("lift", "DELETE", "/v1/me/hold", me),
        Act::new("topic", "PUT", "/v1/me/topics/music", me).bodies(
            json!({ "decision": "rejected" }),
            "decision",
            json!("accepted"),
        ),
        Act::new("client", "POST", "/v1/admin/clients", admin).bodies(
            json!({ "id": "new-client", "role": "auditor" }),
            "role",
            json!("operator"),
        ),
        Act::new("switch off", "DELETE", "/v1/admin/clients/to-disable", admin),
        Act::new("notice", "POST", "/v1/admin/notices", admin).bodies(
            json!({ "purpose": "link", "text": "new words", "locale": "en", "material": false }),
            "text",
            json!("other words"),
        ),
        Act::new("house rules", "POST", "/v1/admin/policies", admin).bodies(
            json!({ "files": { "a.cedar": "@id(\"all\") permit (principal, action, resource);" } }),
            "files",
            json!({ "b.cedar": "@id(\"all\") permit (principal, action, resource);" }),
        ),
        Act::new("proof", "POST", &format!("/v1/admin/claims/{}/proof", text(&claim, "id")), admin),
        Act::new("age", "POST", "/v1/admin/age-signals", admin).bodies(
            address("stranger@example.org", json!({})),
            "identifier",
            json!("other@example.org"),
        ),
        Act::new("erase", "DELETE", "/v1/me", me),
    ]
}

on_both!(a_repeat_with_the_same_key_gives_the_same_answer_and_writes_nothing, |world| {
    let api = Api::over(world);
    for name in ["a-recipient", "another-recipient"] {
        api.recipient(name).await;
    }
    let anna = api.person("anna@example.org").await;
    for act in acts(&api, &anna).await {
        let first = act.call(&api, act.body.as_ref()).send().await;
        assert!((200..300).contains(&first.status), "{}: {} {}", act.name, first.status, first.text());
        let before = tables(&api.world).await;
        for _ in 0..2 {
            let again = act.call(&api, act.body.as_ref()).send().await;
            assert_eq!((again.status, again.text()), (first.status, first.text()), "{}", act.name);
        }
        let other = act.call(&api, act.other.as_ref()).send().await;
        let told = (other.status, other.problem());
        assert_eq!(told, (422, String::from("idempotency-key-reused")), "{}", act.name);
        same(&before, &tables(&api.world).await, act.name);
    }
    // The erasure is carried out, and its answer can still be asked for.
    let before = api.delete("/v1/me").bearer(&anna.access).key("one-key").send().await.expect_status(202);
    api.world.app.run_erasures().await.unwrap();
    let after = api.delete("/v1/me").bearer(&anna.access).key("one-key").send().await.expect_status(202);
    assert_eq!(before.text(), after.text());
    let path = format!("/v1/erasures/{}", text(&after.json(), "reference"));
    assert_eq!(api.get(&path).send().await.expect_status(200).json()["step"], "done");
    api.delete("/v1/me").bearer(&anna.access).key("another-key").send().await.expect_status(401);
    api.delete("/v1/me").bearer(&anna.access).send().await.expect_status(401);
});

on_both!(a_key_is_each_callers_own_and_each_routes_own, |world| {
    let api = Api::over(world);
    let [anna, ben] = [api.person("anna@example.org").await, api.person("ben@example.org").await];
    let hold = async |who: &Somebody, method: &str| {
        api.call(method, "/v1/me/hold").bearer(&who.access).key("k").send().await.expect_status(200).json()
    };
    let [annas, bens] = [hold(&anna, "POST").await, hold(&ben, "POST").await];
    assert_ne!(annas["seq"], bens["seq"]);
    let lifted = hold(&anna, "DELETE").await;
    assert_ne!(annas["seq"], lifted["seq"]);
    assert_eq!(hold(&anna, "POST").await, annas, "the answer of then, not the state of now");
    let consents = api.get("/v1/me/consents").bearer(&anna.access).send().await.expect_status(200).json();
    assert_eq!(consents["held"], json!(false));
});

on_both!(a_key_is_forgotten_after_a_day, |world| {
    let api = Api::over(world);
    let body = json!({ "kind": "email", "identifier": "one@example.org", "for": "self" });
    let ask = async || api.post("/v1/opt-out").key("k").json(&body).send().await.expect_status(202).text();
    let first = ask().await;
    api.world.pass_seconds(sayso::limits::IDEMPOTENCY_SECONDS - 1);
    assert_eq!(ask().await, first);
    api.world.pass_seconds(2);
    assert_ne!(ask().await, first);
});

on_both!(what_was_refused_is_not_remembered, |world| {
    let api = Api::over(world);
    let anna = api.person("anna@example.org").await;
    let body = api.decision(&anna, "late-recipient", "granted").await;
    let ask = async || api.post("/v1/me/consents").bearer(&anna.access).key("k").json(&body).send().await;
    ask().await.expect_status(422);
    api.recipient("late-recipient").await;
    ask().await.expect_status(201);
});

/// Sends the same request many times at once.
async fn at_once(calls: Vec<Call>) -> Vec<Answer> {
    let running: Vec<_> = calls.into_iter().map(|call| tokio::spawn(call.send())).collect();
    let mut answers = Vec::new();
    for one in running {
        answers.push(one.await.unwrap());
    }
    answers
}

on_both!(duplicates_at_the_same_moment_have_one_effect_and_one_answer, |world| {
    let api = Api::over(world);
    for name in ["a-recipient", "another-recipient"] {
        api.recipient(name).await;
    }
    let anna = api.person("anna@example.org").await;
    for act in acts(&api, &anna).await {
        let before = tables(&api.world).await["event"].len();
        let answers = at_once((0..8).map(|_| act.call(&api, act.body.as_ref())).collect()).await;
        for answer in &answers {
            let told = (answer.status, answer.text());
            assert_eq!(told, (answers[0].status, answers[0].text()), "{}", act.name);
        }
        assert!((200..300).contains(&answers[0].status), "{}: {}", act.name, answers[0].text());
        let grown = tables(&api.world).await["event"].len() - before;
        assert!(grown <= 1, "{}: {grown} events", act.name);
    }
});

on_both!(many_registrations_at_the_same_moment_all_get_their_code, |world| {
    let api = Api::over(world);
    let address = |number: usize| format!("person{number}@example.org");
    let calls = (0..24).map(|number| {
        let body = json!({ "kind": "email", "identifier": address(number), "adult": "yes" });
        api.post("/v1/subjects").json(&body)
    });
    for answer in at_once(calls.collect()).await {
        answer.expect_status(202);
    }
    for number in 0..24 {
        assert_eq!(code_in(api.world.path(), &address(number)).len(), 8);
    }
});

on_both!(an_erasure_by_code_can_be_asked_for_again_like_any_other, |world| {
    let api = Api::over(world);
    api.person("anna@example.org").await;
    let body = json!({ "kind": "email", "identifier": "anna@example.org", "what": "erasure" });
    let asked = api.post("/v1/requests").json(&body).send().await.expect_status(202).json();
    let code = json!({ "code": code_in(api.world.path(), "anna@example.org") });
    let path = format!("/v1/requests/{}/confirm", text(&asked, "reference"));
    let confirm = async |key: &str| api.post(&path).key(key).json(&code).send().await;
    let first = confirm("k").await.expect_status(200).text();
    api.world.app.run_erasures().await.unwrap();
    assert_eq!(confirm("k").await.expect_status(200).text(), first);
    confirm("another").await.expect_status(401);
    api.post(&path).json(&code).send().await.expect_status(401);
});

/// A repeat is recognised by a digest that needs the caller's key and ours: an address cannot be guessed from it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_remembered_of_a_request_is_no_plain_digest_of_it() {
    let api = Api::over(crate::world::World::new(crate::world::Db::Sqlite).await);
    let body = json!({ "kind": "email", "identifier": "stranger@example.org", "for": "self" });
    api.post("/v1/opt-out").key("key").json(&body).send().await.expect_status(202);
    let rows = tables(&api.world).await["idempotency"].concat().to_lowercase();
    let text = serde_json::to_vec(&body).unwrap();
    assert!(!rows.is_empty() && !rows.contains(&hex::encode(sayso::crypto::sha256(&text))));
}

/// While somebody is being erased and after, whatever they still send is refused; nothing breaks and nothing alarms.
async fn racing(world: crate::world::World) {
    let api = std::sync::Arc::new(Api::over(world));
    for number in 0..6 {
        let address = format!("racer{number}@example.org");
        let person = api.person(&address).await;
        let mut calls = Vec::new();
        for (method, path) in [
            ("DELETE", "/v1/me"),
            ("DELETE", "/v1/me/hold"),
            ("POST", "/v1/me/hold"),
            ("DELETE", "/v1/me"),
            ("GET", "/v1/me/export"),
            ("POST", "/v1/auth/login"),
        ] {
            let (api, access, address) = (api.clone(), person.access.clone(), address.clone());
            calls.push(tokio::spawn(async move {
                if path == "/v1/auth/login" {
                    let body = json!({ "identifier": address, "password": super::client::PASSWORD });
                    return (path, api.post(path).json(&body).send().await);
                }
                (path, api.call(method, path).bearer(&access).send().await)
            }));
        }
        let erasing = api.world.app.clone();
        calls.push(tokio::spawn(async move {
            for _ in 0..5 {
                let _under_way = erasing.run_erasures().await;
            }
            ("", Answer { status: 200, headers: axum::http::HeaderMap::new(), body: axum::body::Bytes::new() })
        }));
        for call in calls {
            let (path, answer) = call.await.unwrap();
            assert!(answer.status < 500 || answer.status == 503, "{path}: {} {}", answer.status, answer.text());
        }
    }
    api.world.app.run_erasures().await.unwrap();
    assert_eq!(api.world.app.verify_log(&[], |_| ()).await.unwrap().findings, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_race_with_an_erasure_breaks_nothing_sqlite() {
    racing(crate::world::World::new(crate::world::Db::Sqlite).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_race_with_an_erasure_breaks_nothing_postgres() {
    racing(crate::world::World::new(crate::world::Db::Postgres).await).await;
}
