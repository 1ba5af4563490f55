//! Recipients: what they are registered for, how much they may ask, and that nobody changes that behind the log.

mod signing;

use sayso::crypto::Role;
use sayso::domain::Source;
use sayso::gate::Action;
use sayso::service::{Asked, ClientCaller, GateQuestion, NewClient, ServiceError, Terms};
use serde_json::{Value, json};

use crate::api::client::{Api, basic, text};
use crate::on_both;
use crate::people::{address, allow, client_caller, join, source, tamper, triple};
use crate::world::World;

const PROFILE: &str = "public_profile";

fn new(id: &str, terms: Terms) -> NewClient {
    NewClient {
        id: id.parse().unwrap(),
        role: Role::Recipient,
        class: Some("company".parse().unwrap()),
        purposes: vec![PROFILE.parse().unwrap()],
        sources: vec![source("activitypub")],
        webhook: None,
        public_key: None,
        terms,
    }
}

async fn registered(world: &World, terms: Terms) -> ClientCaller {
    let registered = world.app.register_client(&new("desk", terms), None).await.unwrap();
    client_caller(world, "desk", &registered.client_secret.unwrap()).await
}

async fn ask(world: &World, desk: &ClientCaller, action: Action, people: usize) -> Result<usize, ServiceError> {
    let source: Source = source("activitypub");
    let ids = vec![Asked::Identifier(address("ann@example.org")); people];
    let question = GateQuestion { action, purpose: PROFILE.parse().unwrap(), source, ids };
    world.app.filter(desk, &question).await.map(|answer| answer.allowed.len())
}

on_both!(a_recipient_asks_for_its_scopes_and_its_token_may_be_for_fewer, |world| {
    let ann = join(&world, "ann@example.org").await;
    let terms = Terms { scopes: [Action::Disclose, Action::Explain].into(), ..Terms::default() };
    let secret = world.app.register_client(&new("desk", terms), None).await.unwrap().client_secret.unwrap();
    allow(&world, &ann, &triple(PROFILE, "activitypub", "desk")).await;
    let api = Api::over(world);
    let operator = api.operator().await.token;
    let token = async |scope: &str| {
        let form = format!("grant_type=client_credentials{scope}").into_bytes();
        let call = api.post("/v1/auth/token").header("authorization", &basic("desk", &secret));
        call.bytes("application/x-www-form-urlencoded", form).send().await
    };
    let filter = async |token: &str, action: &str| {
        let ids = json!([{ "kind": "email", "identifier": "ann@example.org" }]);
        let body = json!({ "action": action, "purpose": PROFILE, "source": "activitypub", "ids": ids });
        api.post("/v1/gate/filter").bearer(token).json(&body).send().await
    };
    let all = token("").await.expect_status(200).json();
    assert_eq!(all["scope"], "explain disclose");
    let one = token("&scope=disclose").await.expect_status(200).json();
    assert_eq!(one["scope"], "disclose");
    for (token, action, status) in [
        (&all, "disclose", 200),
        (&all, "explain", 200),
        (&all, "score", 403),
        (&all, "collect", 403),
        (&one, "disclose", 200),
        (&one, "explain", 403),
    ] {
        let token = text(token, "access_token");
        let answer = filter(&token, action).await.expect_status(status);
        if status == 403 {
            assert_eq!(answer.problem(), "insufficient-scope");
        } else {
            assert_eq!(answer.json()["allowed"].as_array().unwrap().len(), 1);
        }
        let question = json!({
            "subject": { "type": "recipient", "id": "desk" }, "action": { "name": action },
            "resource": { "type": "email", "id": "ann@example.org" },
            "context": { "purpose": PROFILE, "source": "activitypub" },
        });
        let decided = api.post("/access/v1/evaluation").bearer(&token).json(&question).send().await.expect_status(200);
        assert_eq!(decided.json()["decision"], json!(status == 200), "{action}");
        let forward = api.get("/gate/forward").bearer(&token).header("sayso-action", action);
        let forward = forward.header("sayso-purpose", PROFILE).header("sayso-source", "activitypub");
        assert_eq!(forward.header("sayso-person", "email:ann@example.org").send().await.status, status, "{action}");
    }
    for wrong in ["&scope=score", "&scope=link", "&scope=", "&scope=disclose%20sell", "&scope=disclose&scope=explain"] {
        assert_eq!(token(wrong).await.status, 400, "{wrong}");
    }
    let form = b"grant_type=client_credentials&scope=disclose".to_vec();
    let call = api.post("/v1/auth/token").header("authorization", &basic("operator", &api.world.operator_secret));
    call.bytes("application/x-www-form-urlencoded", form).send().await.expect_status(400);
    for (terms, field) in [
        (json!({ "scopes": [] }), "scopes"),
        (json!({ "scopes": ["link"] }), "scopes"),
        (json!({ "calls_per_minute": 0 }), "calls_per_minute"),
        (json!({ "people_per_day": 1_000_000_001_u64 }), "people_per_day"),
    ] {
        let body = json!({ "id": "other", "role": "recipient", "class": "company", "purposes": [PROFILE],
            "sources": ["activitypub"], "terms": terms });
        let answer = api.post("/v1/admin/clients").bearer(&operator).json(&body).send().await.expect_status(422);
        assert_eq!(answer.json()["field"], field);
    }
});

on_both!(who_asks_more_than_it_is_registered_for_is_refused_and_the_operator_sees_it, |world| {
    let terms = Terms { calls_per_minute: 3, people_per_day: 10, ..Terms::default() };
    let desk = registered(&world, terms).await;
    let other = world.app.register_client(&new("other", Terms::default()), None).await.unwrap();
    let other = client_caller(&world, "other", &other.client_secret.unwrap()).await;
    for _ in 0..3 {
        ask(&world, &desk, Action::Disclose, 1).await.unwrap();
    }
    let refused = ask(&world, &desk, Action::Disclose, 1).await;
    assert!(matches!(refused, Err(ServiceError::TooMuch(1..=60))), "{refused:?}");
    ask(&world, &other, Action::Disclose, 100).await.unwrap();
    world.pass_seconds(60);
    let refused = ask(&world, &desk, Action::Disclose, 8).await;
    assert!(matches!(refused, Err(ServiceError::TooMuch(61..=86_400))), "{refused:?}");
    ask(&world, &desk, Action::Disclose, 7).await.unwrap();
    assert!(ask(&world, &desk, Action::Disclose, 1).await.is_err());
    let api = Api::over(world);
    let operator = api.operator().await.token;
    let clients = api.get("/v1/admin/clients").bearer(&operator).send().await.expect_status(200).json();
    let seen = |id: &str| -> Value {
        let all = clients.as_array().unwrap();
        all.iter().find(|one| one["client_id"] == id).unwrap().clone()
    };
    assert_eq!((&seen("desk")["asked_today"], &seen("desk")["refused_today"]), (&json!(10), &json!(3)));
    assert_eq!((&seen("other")["asked_today"], &seen("other")["refused_today"]), (&json!(100), &json!(0)));
    api.world.pass_seconds(86_400);
    ask(&api.world, &desk, Action::Disclose, 10).await.unwrap();
});

on_both!(a_refusal_says_when_to_come_again_and_a_proxy_hears_no, |world| {
    let api = Api::over(world);
    let operator = api.operator().await.token;
    let body = json!({ "id": "desk", "role": "recipient", "class": "company", "purposes": [PROFILE],
        "sources": ["activitypub"], "terms": { "calls_per_minute": 1 } });
    let registered = api.post("/v1/admin/clients").bearer(&operator).json(&body).send().await.expect_status(201).json();
    let secret = text(&registered, "client_secret");
    let token = text(&api.token("desk", &secret).await.expect_status(200).json(), "access_token");
    let body = json!({ "action": "disclose", "purpose": PROFILE, "source": "activitypub", "ids": [] });
    let filter = || api.post("/v1/gate/filter").bearer(&token).json(&body);
    filter().send().await.expect_status(200);
    let refused = filter().send().await.expect_status(429);
    assert_eq!(refused.problem(), "rate-limited");
    assert!((1..=60).contains(&refused.header("retry-after").parse::<i64>().unwrap()));
    let forward = api.get("/gate/forward").bearer(&token).header("sayso-action", "disclose");
    let forward = forward.header("sayso-purpose", PROFILE).header("sayso-source", "activitypub");
    assert_eq!(forward.header("sayso-person", "email:ann@example.org").send().await.status, 403);

    let listed = api.get("/v1/recipients").send().await.expect_status(200).json();
    let expected = json!([{ "recipient": "desk", "class": "company", "class_title": "A company",
        "purposes": [PROFILE], "sources": ["activitypub"], "scopes": ["collect", "score", "explain", "disclose"] }]);
    assert_eq!(listed, expected);
    api.delete("/v1/admin/clients/desk").bearer(&operator).send().await.expect_status(200);
    assert_eq!(api.get("/v1/recipients").send().await.expect_status(200).json(), json!([]));
});

on_both!(what_was_registered_cannot_be_changed_behind_the_log, |world| {
    registered(&world, Terms::default()).await;
    assert_eq!(world.app.verify_log(&[], |_| ()).await.unwrap().findings, []);
    for (change, back) in [
        ("class = 'research'", "class = 'company'"),
        ("purposes = 'link'", "purposes = 'public_profile'"),
        ("sources = 'x'", "sources = 'activitypub'"),
        ("scopes = 'collect'", "scopes = 'collect score explain disclose'"),
        ("people_per_day = 1000000000", "people_per_day = 1000000"),
        ("calls_per_minute = 1000000000", "calls_per_minute = 60000"),
        ("webhook = 'https://elsewhere.example/'", "webhook = NULL"),
    ] {
        let set = async |what: &str| tamper(&world, &format!("UPDATE client SET {what} WHERE id = 'desk'")).await;
        assert_eq!(set(change).await, 1);
        let findings = world.app.verify_log(&[], |_| ()).await.unwrap().findings;
        assert!(findings.iter().any(|one| one.what.contains("`desk`")), "{change}: {findings:?}");
        set(back).await;
        assert_eq!(world.app.verify_log(&[], |_| ()).await.unwrap().findings, []);
    }
});

on_both!(rules_that_the_log_does_not_name_are_not_in_force, |world| {
    let ann = join(&world, "ann@example.org").await;
    let desk = registered(&world, Terms::default()).await;
    allow(&world, &ann, &triple(PROFILE, "activitypub", "desk")).await;
    assert_eq!(ask(&world, &desk, Action::Disclose, 1).await.unwrap(), 1);
    // The digest of what somebody plants fits its files, as that of every bundle does.
    let registry = sayso::policy::Registry::built_in().unwrap();
    let none: sayso::policy::RuleFiles =
        [("none.cedar".to_owned(), "@id(\"none\") forbid (principal, action, resource);".to_owned())].into();
    let sha256 = sayso::policy::policy_sha256(&registry.sha256, &none);
    let files = serde_json::to_string(&none).unwrap();
    let planted = format!(
        "INSERT INTO house_rules SELECT seq + 100000, '{sha256}', registry_sha256, 0, '{files}' FROM house_rules"
    );
    assert_eq!(tamper(&world, &planted).await, 1);
    assert_eq!(ask(&world, &desk, Action::Disclose, 1).await.unwrap(), 1, "no event names them");
    let planted = world.app.verify_log(&[], |_| ()).await.unwrap().findings;
    assert!(matches!(planted.as_slice(), [one] if one.what.contains("house rules")), "{planted:?}");
    // Instead of those that were adopted: whatever they say, they deny.
    let all: sayso::policy::RuleFiles =
        [("all.cedar".to_owned(), "@id(\"all\") permit (principal, action, resource);".to_owned())].into();
    let sha256 = sayso::policy::policy_sha256(&registry.sha256, &all);
    let files = serde_json::to_string(&all).unwrap();
    tamper(&world, "DELETE FROM house_rules WHERE seq > 100000").await;
    let swapped = format!("UPDATE house_rules SET sha256 = '{sha256}', files = '{files}'");
    assert_eq!(tamper(&world, &swapped).await, 1);
    // A server that has what was adopted in memory goes on by that; whoever reads them anew finds that they are not what was adopted.
    let in_memory = usize::from(world.app.store.fence().is_some());
    assert_eq!(ask(&world, &desk, Action::Disclose, 1).await.unwrap(), in_memory);
    crate::people::recipient(&world, "another", &["public_profile"], &["activitypub"]).await;
    assert_eq!(ask(&world, &desk, Action::Disclose, 1).await.unwrap(), 0, "they are not what was adopted");
    let findings = world.app.verify_log(&[], |_| ()).await.unwrap().findings;
    assert!(findings.iter().any(|one| one.what.contains("house rules")), "{findings:?}");
    world.app.adopt_rules(&sayso::policy::built_in_rules(), None).await.unwrap();
    assert_eq!(ask(&world, &desk, Action::Disclose, 1).await.unwrap(), 1);
});
