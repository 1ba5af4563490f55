//! `private_key_jwt`: a client signs for its token, with Ed25519, once, for this service, for a short time.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};

use crate::api::client::{Answer, Api, basic, text};
use crate::on_both;

const KIND: &str = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn signed(key: &SigningKey, header: &Value, claims: &Value) -> String {
    let body = format!("{}.{}", part(header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(body.as_bytes()).to_bytes());
    format!("{body}.{signature}")
}

fn jwk(key: &SigningKey) -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(key.verifying_key().to_bytes()) })
}

fn registration(id: &str, key: &Value) -> Value {
    json!({ "id": id, "role": "recipient", "class": "company", "purposes": ["public_profile"],
        "sources": ["activitypub"], "public_key": key })
}

async fn with(api: &Api, form: String) -> Answer {
    let call = api.post("/v1/auth/token");
    call.bytes("application/x-www-form-urlencoded", form.into_bytes()).send().await
}

async fn token(api: &Api, assertion: &str) -> Answer {
    let form = format!("grant_type=client_credentials&client_assertion_type={KIND}&client_assertion={assertion}");
    with(api, form).await
}

on_both!(what_was_signed_counts_once_and_for_this_service, |world| {
    let api = Api::over(world);
    let operator = api.operator().await.token;
    let register = async |body: &Value| api.post("/v1/admin/clients").bearer(&operator).json(body).send().await;
    let (key, other) = (SigningKey::from_bytes(&[7; 32]), SigningKey::from_bytes(&[8; 32]));
    let registered = register(&registration("engine", &jwk(&key))).await.expect_status(201).json();
    assert!(registered.get("client_secret").is_none(), "who signs gets no secret: {registered}");
    register(&registration("rival", &jwk(&other))).await.expect_status(201);

    let metadata = api.get("/.well-known/oauth-authorization-server").send().await.expect_status(200).json();
    let (issuer, endpoint) = (text(&metadata, "issuer"), text(&metadata, "token_endpoint"));
    let now = api.world.app.clock.now().0 / 1_000_000;
    let header = json!({ "alg": "EdDSA", "typ": "JWT" });
    let claims = |jti: &str| json!({ "iss": "engine", "sub": "engine", "aud": endpoint, "exp": now + 60, "jti": jti });
    let and = |jti: &str, more: Value| {
        let mut all = claims(jti);
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let first = signed(&key, &header, &claims("1"));
    let given = token(&api, &first).await.expect_status(200).json();
    let listed = api.get("/v1/recipients").send().await.json();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let body = json!({ "action": "disclose", "purpose": "public_profile", "source": "activitypub", "ids": [] });
    api.post("/v1/gate/filter").bearer(&text(&given, "access_token")).json(&body).send().await.expect_status(200);
    token(&api, &first).await.expect_status(401);
    for good in [
        and("2", json!({ "aud": issuer })),
        and("3", json!({ "aud": ["https://elsewhere.example", endpoint] })),
        and("4", json!({ "exp": now + 300, "iat": now, "nbf": now, "more": "that nobody reads" })),
    ] {
        token(&api, &signed(&key, &header, &good)).await.expect_status(200);
    }
    let mut wrong: Vec<String> = [
        and("a", json!({ "aud": "https://elsewhere.example" })),
        and("b", json!({ "iss": "rival" })),
        and("c", json!({ "sub": "rival" })),
        and("d", json!({ "exp": now })),
        and("e", json!({ "exp": now + 3_600 })),
        and("f", json!({ "iat": now + 3_600 })),
        and("g", json!({ "nbf": now + 3_600 })),
        and("", json!({})),
        and(&"x".repeat(300), json!({})),
        and("h", json!({ "iss": "nobody", "sub": "nobody" })),
        and("i", json!({ "iss": "operator", "sub": "operator" })),
        json!({ "iss": "engine", "sub": "engine", "aud": endpoint, "exp": now + 60 }),
        json!({ "iss": "engine", "sub": "engine", "exp": now + 60, "jti": "j" }),
    ]
    .iter()
    .map(|claims| signed(&key, &header, claims))
    .collect();
    wrong.push(signed(&other, &header, &claims("k")));
    for alg in ["none", "HS256", "RS256", "ES256"] {
        wrong.push(signed(&key, &json!({ "alg": alg }), &claims("l")));
    }
    let unsigned = format!("{}.{}.", part(&json!({ "alg": "none" })), part(&claims("m")));
    wrong.extend([unsigned, String::new(), "..".into(), "a.b.c".into(), first[..first.len() - 4].into()]);
    for assertion in &wrong {
        assert_eq!(token(&api, assertion).await.status, 401, "{assertion}");
    }
    let more = signed(&key, &header, &claims("5"));
    let both = format!("grant_type=client_credentials&client_assertion_type={KIND}&client_assertion={more}");
    let call = api.post("/v1/auth/token").header("authorization", &basic("engine", "x"));
    call.bytes("application/x-www-form-urlencoded", both.into_bytes()).send().await.expect_status(400);
    for form in [
        format!("grant_type=client_credentials&client_assertion={more}"),
        format!("grant_type=client_credentials&client_assertion_type={KIND}"),
        format!("grant_type=client_credentials&client_assertion_type=secret&client_assertion={more}"),
        format!("grant_type=password&client_assertion_type={KIND}&client_assertion={more}"),
    ] {
        with(&api, form).await.expect_status(400);
    }
    api.token("engine", "").await.expect_status(401);
    api.delete("/v1/admin/clients/engine").bearer(&operator).send().await.expect_status(200);
    token(&api, &more).await.expect_status(401);
});

on_both!(a_key_is_an_ed25519_key_that_only_its_owner_can_sign_under, |world| {
    let api = Api::over(world);
    let operator = api.operator().await.token;
    let good = jwk(&SigningKey::from_bytes(&[7; 32]));
    let x = text(&good, "x");
    let weak = URL_SAFE_NO_PAD.encode([0_u8; 32]);
    for key in [
        json!({ "kty": "OKP", "crv": "Ed25519", "x": weak }),
        json!({ "kty": "OKP", "crv": "Ed25519", "x": &x[1..] }),
        json!({ "kty": "OKP", "crv": "X25519", "x": x }),
        json!({ "kty": "EC", "crv": "Ed25519", "x": x }),
        json!({ "kty": "OKP", "crv": "Ed25519" }),
        json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "d": x }),
    ] {
        let call = api.post("/v1/admin/clients").bearer(&operator).json(&registration("engine", &key));
        call.send().await.expect_status(422);
    }
});
