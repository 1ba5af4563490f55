//! One good request for every route, on which the tests of roles and of bad input vary.

use sayso::http::Route;
use serde_json::{Value, json};

use super::client::{Api, Call, Somebody, text};

/// What a good request carries.
#[derive(Debug, Clone)]
pub enum Good {
    Nothing,
    Json(Value),
    Form(&'static str),
    Activity(Value),
    Lines(&'static str),
    /// A document that may hold more than is known.
    Open(Value),
}

/// A good request.
#[derive(Debug, Clone)]
pub struct Case {
    pub route: Route,
    pub path: String,
    pub good: Good,
}

/// Things of one person that paths and bodies name.
pub struct Things {
    pub consent: String,
    pub claim: String,
    pub decision: Value,
}

/// A person with a grant to the recipient and a claimed handle.
pub async fn things(api: &Api, owner: &Somebody, recipient: &str) -> Things {
    let granted = api.grant(owner, recipient).await;
    let claim = json!({ "kind": "handle", "identifier": "github:somebody" });
    let claim = api.post("/v1/me/identifiers").bearer(&owner.access).json(&claim).send().await.expect_status(201);
    Things {
        consent: granted["consent_id"].to_string(),
        claim: text(&claim.json(), "id"),
        decision: api.decision(owner, recipient, "granted").await,
    }
}

pub const NOBODY: &str = "nobody@example.org";
const REFERENCE: &str = "00112233445566778899aabbccddeeff";

/// The good request for a route. Panics for a route that nobody wrote one for.
pub fn case(route: &Route, things: &Things) -> Case {
    let path = route
        .path
        .replace("{reference}", REFERENCE)
        .replace("{pairwise}", REFERENCE)
        .replace("{page}", REFERENCE)
        .replace("{purpose}", "public_profile")
        .replace("{contest}", "1")
        .replace("{version}", "1")
        .replace("{topic}", "music")
        .replace("{seq}", &things.consent)
        .replace("{*tile}", "0/000.p/1")
        .replace("{*path}", "people/somebody");
    let id = match route.path {
        "/v1/me/consents/{id}" => &things.consent,
        "/v1/admin/clients/{id}" => "to-disable",
        "/v1/deliveries/{id}/confirm" | "/v1/admin/deliveries/{id}/retry" => REFERENCE,
        _ => things.claim.as_str(),
    };
    let query = match (route.method, route.path) {
        ("delete", "/v1/me/consents") => "?purpose=public_profile",
        ("post", "/v1/activities") => "?source=activitypub",
        ("get", "/v1/disclosures/{pairwise}" | "/v1/scores/{pairwise}") => "?purpose=public_profile&source=activitypub",
        ("post", "/v1/gate/filter/lines") => "?action=disclose&purpose=public_profile&source=activitypub",
        ("get", "/v1/log/proof/inclusion") => "?seq=1",
        ("get", "/v1/log/proof/consistency") => "?from=1",
        _ => "",
    };
    let path = format!("{}{query}", path.replace("{id}", id));
    Case { route: *route, path, good: good(route, things) }
}

fn good(route: &Route, things: &Things) -> Good {
    let address = json!({ "identifier": NOBODY });
    let with = |more: Value| {
        let mut all = address.clone();
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Good::Json(all)
    };
    let email = json!({ "kind": "email", "identifier": NOBODY });
    match (route.method, route.path) {
        ("get" | "any", _) => Good::Nothing,
        ("post", "/v1/opt-out") => with(json!({ "kind": "email", "for": "self" })),
        ("post", "/v1/requests") => with(json!({ "kind": "email", "what": "access" })),
        ("post", "/v1/requests/{reference}/confirm") => Good::Json(json!({ "code": "12345678" })),
        ("post", "/v1/requests/confirm") => {
            Good::Json(json!({ "confirmations": [{ "reference": REFERENCE, "code": "12345678" }] }))
        }
        ("post", "/v1/subjects") => with(json!({ "kind": "email", "adult": "yes" })),
        ("post", "/v1/auth/verify") => with(json!({ "code": "12345678", "password": "a long pass phrase" })),
        ("post", "/v1/auth/login") => with(json!({ "password": "a long pass phrase" })),
        ("post", "/v1/auth/code") => with(json!({})),
        ("post", "/v1/auth/refresh") => Good::Json(json!({ "refresh_token": format!("{REFERENCE}.{REFERENCE}") })),
        ("post", "/v1/auth/token") => Good::Form("grant_type=client_credentials"),
        ("post", "/v1/me/identifiers") => Good::Json(json!({ "kind": "handle", "identifier": "github:me" })),
        ("post", "/v1/me/consents") => Good::Json(things.decision.clone()),
        ("put", "/v1/me/topics/{topic}") => Good::Json(json!({ "decision": "accepted" })),
        ("put", "/v1/scores/{pairwise}") => Good::Json(json!({
            "purpose": "public_profile", "source": "activitypub", "epoch": 1, "value": 42, "version": "ours-3",
            "window_from_day": 20_000, "window_to_day": 20_181, "population": "readers of our site",
        })),
        ("post", "/v1/activities") => Good::Activity(json!({
            "@context": "https://www.w3.org/ns/activitystreams", "type": "Like", "id": "https://a.example/1",
            "actor": "https://a.example/users/one", "object": "https://b.example/notes/1",
            "to": "https://www.w3.org/ns/activitystreams#Public", "published": "2026-11-20T10:00:00Z",
        })),
        ("post", "/v1/gate/filter/lines") => Good::Lines(REFERENCE),
        ("post", "/v1/gate/filter") => Good::Json(json!({
            "action": "disclose", "purpose": "public_profile", "source": "activitypub", "ids": [email],
        })),
        ("post", "/v1/admin/clients") => Good::Json(json!({
            "id": "another", "role": "recipient", "class": "company", "purposes": ["public_profile"],
            "sources": ["activitypub"],
        })),
        ("post", "/v1/admin/notices") => Good::Json(json!({
            "purpose": "link", "text": "what you say yes to", "locale": "en", "material": false,
        })),
        ("post", "/access/v1/evaluation" | "/access/v1/evaluations") => Good::Open(json!({
            "subject": { "type": "recipient", "id": "a-recipient" },
            "action": { "name": "disclose" },
            "resource": { "type": "email", "id": NOBODY },
            "context": { "purpose": "public_profile", "source": "activitypub" },
        })),
        ("post", "/v1/admin/policies") => Good::Json(json!({
            "files": { "all.cedar": "@id(\"all\") permit (principal, action, resource);" },
        })),
        ("post", "/v1/admin/age-signals") => Good::Json(email),
        ("post", "/v1/admin/records") => with(json!({ "kind": "email", "record": { "@type": "dpv:ConsentRecord" } })),
        ("post", "/v1/me/contests") => Good::Json(json!({ "what": "score", "words": "it is not mine" })),
        ("post", "/v1/admin/contests/{contest}/answer") => {
            Good::Json(json!({ "upheld": true, "reason": "it was not" }))
        }
        ("post", "/v1/audit/access") => with(json!({ "kind": "email", "reason": "a complaint" })),
        (
            "post",
            "/v1/auth/logout"
            | "/v1/me/identifiers/{id}/verify"
            | "/v1/me/hold"
            | "/v1/me/receipts/{seq}/mail"
            | "/v1/admin/claims/{id}/proof"
            | "/v1/deliveries/{id}/confirm"
            | "/v1/admin/deliveries/{id}/retry",
        )
        | (
            "delete",
            "/v1/me" | "/v1/me/hold" | "/v1/me/consents" | "/v1/me/consents/{id}" | "/v1/admin/clients/{id}",
        ) => Good::Nothing,
        other => panic!("{other:?} is a new route: add its good request here"),
    }
}

impl Case {
    pub fn call(&self, api: &Api) -> Call {
        let call = api.call(self.route.method, &self.path);
        match &self.good {
            Good::Nothing => call,
            Good::Json(body) | Good::Open(body) => call.json(body),
            Good::Form(form) => call.bytes("application/x-www-form-urlencoded", form.as_bytes().to_vec()),
            Good::Lines(text) => call.bytes("text/plain", text.as_bytes().to_vec()),
            Good::Activity(body) => call.bytes("application/activity+json", body.to_string().into_bytes()),
        }
    }

    pub fn name(&self) -> String {
        format!("{} {}", self.route.method, self.route.path)
    }
}
