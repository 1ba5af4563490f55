//! Who may call what: every route with nobody, with every wrong caller, with broken tokens, and with the right caller.

use sayso::crypto::{Role, Tokens};
use sayso::http::{Access, ROUTES};
use sayso::secret::Key;
use serde_json::json;

use super::cases::{Case, Good, case, things};
use super::client::{Answer, Api, Somebody};
use super::tables::{same, tables};
use crate::on_both;
use crate::world::NOON;

/// One caller of every kind.
struct Callers {
    person: Somebody,
    tokens: Vec<(Access, String)>,
}

async fn callers(api: &Api) -> Callers {
    let person = api.person("anna@example.org").await;
    let tokens = vec![
        (Access::Person, person.access.clone()),
        (Access::Operator, api.operator().await.token),
        (Access::Auditor, api.auditor("an-auditor").await.token),
        (Access::Collector, api.collector("a-collector").await.token),
        (Access::Recipient, api.recipient("a-recipient").await.token),
    ];
    Callers { person, tokens }
}

async fn cases(api: &Api, owner: &Somebody) -> Vec<Case> {
    let things = things(api, owner, "a-recipient").await;
    ROUTES.iter().map(|route| case(route, &things)).collect()
}

fn guarded(case: &Case) -> bool {
    !matches!(case.route.access, Access::Anyone | Access::NotBuilt)
}

#[track_caller]
fn refused(answer: &Answer, status: u16, problem: &str, what: &str) {
    assert_eq!((answer.status, answer.problem().as_str()), (status, problem), "{what}");
}

on_both!(every_guarded_route_refuses_nobody_and_every_wrong_caller_and_changes_nothing, |world| {
    let api = Api::over(world);
    let callers = callers(&api).await;
    let cases = cases(&api, &callers.person).await;
    let before = tables(&api.world).await;
    for case in cases.iter().filter(|case| guarded(case)) {
        let nobody = case.call(&api).send().await;
        refused(&nobody, 401, "unauthenticated", &case.name());
        assert!(nobody.header("www-authenticate").starts_with("Bearer"), "{}", case.name());
        for (access, token) in callers.tokens.iter().filter(|(access, _)| *access != case.route.access) {
            let answer = case.call(&api).bearer(token).send().await;
            refused(&answer, 403, "forbidden", &format!("{} by {access:?}", case.name()));
        }
    }
    same(&before, &tables(&api.world).await, "a wrong caller");
});

on_both!(the_right_caller_is_let_in_everywhere, |world| {
    let api = Api::over(world);
    let callers = callers(&api).await;
    api.auditor("to-disable").await;
    let shared = things(&api, &callers.person, "a-recipient").await;
    for route in ROUTES {
        let mut own = None;
        let mut token =
            callers.tokens.iter().find(|(access, _)| *access == route.access).map(|(_, token)| token.clone());
        if matches!(route.access, Access::Person) {
            let place = ROUTES.iter().position(|one| std::ptr::eq(one, route)).unwrap();
            let owner = api.person(&format!("person{place}@example.org")).await;
            own = Some(things(&api, &owner, "a-recipient").await);
            token = Some(owner.access);
        }
        let case = case(route, own.as_ref().unwrap_or(&shared));
        let call = case.call(&api);
        let answer = match &token {
            Some(token) => call.bearer(token).send().await,
            None => call.send().await,
        };
        if answer.status >= 400 {
            let problem = answer.problem();
            let let_in =
                problem != "forbidden" && (problem != "unauthenticated" || case.route.access == Access::Anyone);
            assert!(let_in, "{} {problem}", case.name());
        }
        assert!(answer.status < 500 || route.access == Access::NotBuilt, "{} {}", case.name(), answer.text());
        assert_ne!(answer.status, 405, "{}", case.name());
    }
});

on_both!(a_route_that_is_not_built_answers_501_whoever_asks, |world| {
    let api = Api::over(world);
    let callers = callers(&api).await;
    let cases = cases(&api, &callers.person).await;
    let not_built: Vec<_> = cases.iter().filter(|case| case.route.access == Access::NotBuilt).collect();
    assert!(!not_built.is_empty());
    for case in not_built {
        refused(&case.call(&api).send().await, 501, "not-built", &case.name());
        for (_, token) in &callers.tokens {
            refused(&case.call(&api).bearer(token).send().await, 501, "not-built", &case.name());
        }
    }
});

on_both!(a_token_that_is_broken_forged_foreign_or_garbage_lets_nobody_in, |world| {
    let api = Api::over(world);
    let callers = callers(&api).await;
    let cases = cases(&api, &callers.person).await;
    let foreign = Tokens::new(&Key::new([9; 32]));
    let own = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
    let before = tables(&api.world).await;
    for (access, token) in &callers.tokens {
        let parts = own(token);
        let others = callers.tokens.iter().find(|(other, _)| other != access).map(|(_, token)| own(token)).unwrap();
        let alg_none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
        let hs256 = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";
        let broken = [
            String::new(),
            String::from("garbage"),
            String::from("a.b.c"),
            "x".repeat(5_000),
            format!("{token}x"),
            token.trim_end_matches(|c| c != '.').to_owned(),
            format!("{}.{}.{}", parts[0], parts[1], others[2]),
            format!("{}.{}.{}", parts[0], others[1], parts[2]),
            format!("{alg_none}.{}.", parts[1]),
            format!("{hs256}.{}.{}", parts[1], parts[2]),
            format!("{token} {token}"),
        ];
        for case in cases.iter().filter(|case| case.route.access == *access) {
            for bad in &broken {
                let answer = case.call(&api).bearer(bad).send().await;
                refused(&answer, 401, "unauthenticated", &case.name());
            }
            let digest = case.call(&api).header("authorization", "Basic b3BlcmF0b3I6eA==").send().await;
            refused(&digest, 401, "unauthenticated", &case.name());
        }
    }
    for role in [Role::Operator, Role::Auditor, Role::Collector, Role::Recipient, Role::Person] {
        let id = Some(sayso::ids::TokenId::new([1; 16]));
        let token = foreign.issue("operator".into(), role, (None, id), NOON).unwrap();
        for case in cases.iter().filter(|case| guarded(case)) {
            refused(&case.call(&api).bearer(&token).send().await, 401, "unauthenticated", &case.name());
        }
    }
    same(&before, &tables(&api.world).await, "a broken token");
});

on_both!(a_token_ends_after_ten_minutes, |world| {
    let api = Api::over(world);
    let callers = callers(&api).await;
    let cases = cases(&api, &callers.person).await;
    api.world.pass_seconds(sayso::limits::ACCESS_SECONDS + 1);
    let before = tables(&api.world).await;
    for case in cases.iter().filter(|case| guarded(case)) {
        let (_, token) = callers.tokens.iter().find(|(access, _)| *access == case.route.access).unwrap();
        refused(&case.call(&api).bearer(token).send().await, 401, "unauthenticated", &case.name());
    }
    same(&before, &tables(&api.world).await, "an expired token");
});

on_both!(logging_out_and_switching_off_count_at_once, |world| {
    let api = Api::over(world);
    let callers = callers(&api).await;
    let cases = cases(&api, &callers.person).await;
    api.post("/v1/auth/logout").bearer(&callers.person.access).send().await.expect_status(204);
    let operator = api.operator().await;
    for id in ["an-auditor", "a-collector", "a-recipient"] {
        let gone = api.delete(&format!("/v1/admin/clients/{id}")).bearer(&operator.token).send().await;
        gone.expect_status(200);
    }
    let before = tables(&api.world).await;
    for case in cases.iter().filter(|case| guarded(case) && case.route.access != Access::Operator) {
        let (_, token) = callers.tokens.iter().find(|(access, _)| *access == case.route.access).unwrap();
        refused(&case.call(&api).bearer(token).send().await, 401, "unauthenticated", &case.name());
    }
    let refresh = json!({ "refresh_token": callers.person.refresh });
    let answer = api.post("/v1/auth/refresh").json(&refresh).send().await;
    refused(&answer, 401, "unauthenticated", "a refresh after the log-out");
    same(&before, &tables(&api.world).await, "somebody who was switched off");
});

on_both!(a_client_that_was_switched_off_gets_no_new_token, |world| {
    let api = Api::over(world);
    let auditor = api.auditor("an-auditor").await;
    let operator = api.operator().await;
    let off = api.delete("/v1/admin/clients/an-auditor").bearer(&operator.token).send().await;
    off.expect_status(200);
    refused(&api.token(&auditor.id, &auditor.secret).await, 401, "bad-credentials", "its secret");
    for (id, secret) in [("an-auditor", "x"), ("operator", ""), ("nobody", "x"), ("", ""), ("a\0b", "x"), ("ö", "x")] {
        refused(&api.token(id, secret).await, 401, "bad-credentials", &format!("{id:?}"));
    }
});

on_both!(the_actor_comes_from_the_token_and_never_from_the_body, |world| {
    let api = Api::over(world);
    let callers = callers(&api).await;
    let cases = cases(&api, &callers.person).await;
    let before = tables(&api.world).await;
    for case in cases.iter().filter(|case| guarded(case)) {
        if matches!(case.route.method, "get" | "any")
            || matches!(case.good, Good::Activity(_) | Good::Lines(_) | Good::Open(_))
        {
            continue;
        }
        let (_, token) = callers.tokens.iter().find(|(access, _)| *access == case.route.access).unwrap();
        let mut body = match &case.good {
            Good::Json(body) => body.clone(),
            _ => json!({}),
        };
        for name in ["subject", "caller", "actor", "user_id", "operator"] {
            body[name] = json!("00112233445566778899aabbccddeeff");
            let answer = api.call(case.route.method, &case.path).bearer(token).json(&body).send().await;
            refused(&answer, 422, "invalid-field", &format!("{} with `{name}`", case.name()));
            body.as_object_mut().unwrap().remove(name);
        }
    }
    same(&before, &tables(&api.world).await, "a body that names another actor");
});

on_both!(nobody_reaches_what_belongs_to_another_person, |world| {
    let api = Api::over(world);
    let callers = callers(&api).await;
    let annas = things(&api, &callers.person, "a-recipient").await;
    let ben = api.person("ben@example.org").await;
    let bens = things(&api, &ben, "a-recipient").await;
    let before = tables(&api.world).await;
    for (method, path) in [
        ("DELETE", format!("/v1/me/consents/{}", annas.consent)),
        ("POST", format!("/v1/me/identifiers/{}/verify", annas.claim)),
        ("DELETE", String::from("/v1/me/consents/0")),
        ("DELETE", String::from("/v1/me/consents/-1")),
        ("DELETE", String::from("/v1/me/consents/9223372036854775807")),
        ("DELETE", String::from("/v1/me/consents/9223372036854775808")),
        ("POST", format!("/v1/me/identifiers/{}/verify", "0".repeat(32))),
        ("DELETE", format!("/v1/me/consents/{}%20", bens.consent)),
    ] {
        let answer = api.call(method, &path).bearer(&ben.access).send().await;
        refused(&answer, 404, "not-found", &path);
    }
    let ours = json!({ "kind": "handle", "identifier": "github:somebody" });
    let operator = api.operator().await;
    let signal = api.post(&format!("/v1/admin/claims/{}/proof", bens.consent)).bearer(&operator.token).send().await;
    refused(&signal, 404, "not-found", "a claim that is none");
    same(&before, &tables(&api.world).await, "a stranger's id");
    // The same handle claimed by another person is a claim of their own, and proves nothing about the first.
    api.post("/v1/me/identifiers").bearer(&ben.access).json(&ours).send().await.expect_status(201);
    let pairwise = api.get("/v1/me/identifiers").bearer(&ben.access).send().await.expect_status(200).json();
    assert_eq!(pairwise.as_array().map(Vec::len), Some(1), "{pairwise}");
});

on_both!(another_recipients_name_for_a_person_is_nobodys_name, |world| {
    let api = Api::over(world);
    let [one, other] = [api.recipient("one").await, api.recipient("other").await];
    let anna = api.person("anna@example.org").await;
    let [to_one, to_other] = [api.grant(&anna, "one").await, api.grant(&anna, "other").await];
    assert_ne!(to_one["pairwise"], to_other["pairwise"]);
    for (asking, mine, theirs) in [(&one, &to_one, &to_other), (&other, &to_other, &to_one)] {
        let ids = json!([{ "pairwise": theirs["pairwise"] }, { "pairwise": mine["pairwise"] }]);
        let body = json!({ "action": "disclose", "purpose": "public_profile", "source": "activitypub", "ids": ids });
        let answer = api.post("/v1/gate/filter").bearer(&asking.token).json(&body).send().await.expect_status(200);
        assert_eq!(answer.json()["allowed"], json!([{ "pairwise": mine["pairwise"] }]), "{}", asking.id);
    }
});

on_both!(an_unknown_path_and_a_wrong_method_are_problems, |world| {
    let api = Api::over(world);
    for path in ["/v", "/v1", "/v1/", "/v1/me/", "/v2/opt-out", "/v1/opt-out/", "/V1/opt-out", "//v1/opt-out", "/admin"]
    {
        refused(&api.get(path).send().await, 404, "not-found", path);
    }
    for path in ["/v1/erasures/x", "/v1/erasures/%00", "/v1/erasures/%ff", "/v1/notices/NO", "/v1/notices/%00"] {
        refused(&api.get(path).send().await, 404, "not-found", path);
    }
    for (method, path) in [
        ("GET", "/v1/opt-out"),
        ("PUT", "/v1/me/consents"),
        ("PATCH", "/v1/me"),
        ("OPTIONS", "/v1/me"),
        ("TRACE", "/v1/me"),
        ("POST", "/healthz"),
        ("QUERY", "/v1/log/leaves"),
    ] {
        let answer = api.call(method, path).send().await;
        refused(&answer, 405, "method-not-allowed", path);
        assert!(!answer.header("allow").is_empty(), "{method} {path}");
    }
});
