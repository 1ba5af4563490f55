//! Whatever is sent: a problem that names the field, never a 5xx, nothing stored, nothing repeated back (N2, N23).

use sayso::http::{Access, ROUTES};
use serde_json::{Value, json};

use super::cases::{Case, Good, case, things};
use super::client::{Answer, Api, Call, basic};
use super::shared;
use super::tables::{same, tables};
use crate::on_both;
use crate::world::{Db, World};

const MARKER: &str = "ZQMARKERQZ";
const STABLE: [&str; 15] = [
    "malformed-json",
    "malformed-body",
    "invalid-field",
    "invalid-header",
    "invalid-document",
    "media-type",
    "too-large",
    "prohibited-purpose",
    "notice-changed",
    "rules-changed",
    "bad-credentials",
    "unauthenticated",
    "not-found",
    "conflict",
    "not-permitted",
];

/// A request that must not succeed.
struct Bad {
    name: String,
    /// The field that the problem has to name.
    field: Option<String>,
    media_type: &'static str,
    body: Vec<u8>,
    /// The only status that is right, where there is one.
    status: Option<u16>,
}

impl Bad {
    fn json(name: &str, field: &str, body: impl Into<Vec<u8>>) -> Self {
        let field = Some(field.to_owned()).filter(|field| !field.is_empty());
        Self { name: name.into(), field, media_type: "application/json", body: body.into(), status: None }
    }

    fn status(self, status: u16) -> Self {
        Self { status: Some(status), ..self }
    }
}

/// Values that fit hardly anywhere, as raw JSON.
fn values() -> Vec<String> {
    let tricky = format!("x expected {MARKER}, expected {MARKER} at line {MARKER}");
    let mut values: Vec<String> = [
        "null",
        "true",
        "7",
        "-1",
        "1.5",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775809",
        "1e999",
        "-1e999",
        "4102444800",
        "\"\"",
        "[]",
        "{}",
        "\" \"",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "\"\\u202e\\u0007\"",
    ]
    .map(String::from)
    .into();
    values.push(format!("\"{}\"", MARKER.repeat(1_000)));
    values.push(json!(tricky).to_string());
    for value in [json!(MARKER), json!([MARKER]), json!({ MARKER: MARKER }), json!(format!("{MARKER}\0{MARKER}"))] {
        values.push(value.to_string());
    }
    values
}

/// Values in the list above that are right where they are put.
fn fits(path: &str, field: &str, value: &str) -> bool {
    match (path, field) {
        ("/v1/admin/notices", "text") => value.len() > 3 && value.starts_with('"') && !value.contains("\\u0000"),
        ("/v1/admin/notices", "material") => value == "true",
        ("/v1/me/consents", "known_seq") => value == "7",
        ("/v1/me/consents", "until_us") => value == "null",
        ("/v1/gate/filter", "ids") => value == "[]",
        ("/v1/audit/access", "reason") | ("/v1/me/contests", "words") => {
            value.starts_with("\"") && value.len() < 400 && value.contains(MARKER)
        }
        _ => false,
    }
}

/// Fields that may be left out.
fn optional(path: &str, field: &str) -> bool {
    matches!((path, field), ("/v1/auth/verify", "password") | ("/v1/me/consents", "until_us"))
}

fn bad_bodies(path: &str, good: &Value) -> Vec<Bad> {
    let fields: Vec<(String, Value)> = good.as_object().unwrap().clone().into_iter().collect();
    let text = good.to_string();
    let mut all = broken_bodies(&text);
    let object = |fields: &[(String, String)]| {
        let pairs: Vec<_> = fields.iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
        format!("{{{}}}", pairs.join(","))
    };
    let raw: Vec<(String, String)> = fields.iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
    for (place, (name, _)) in raw.iter().enumerate() {
        for value in values().iter().filter(|value| !fits(path, name, value)) {
            let mut with = raw.clone();
            with[place].1.clone_from(value);
            let shown: String = value.chars().take(40).collect();
            all.push(Bad::json(&format!("{name} = {shown}"), name, object(&with)));
        }
        if !optional(path, name) {
            let mut without = raw.clone();
            without.remove(place);
            all.push(Bad::json(&format!("without {name}"), name, object(&without)).status(422));
        }
        let twice = [raw.clone(), vec![raw[place].clone()]].concat();
        all.push(Bad::json(&format!("{name} twice"), name, object(&twice)).status(422));
    }
    for unknown in [MARKER, "x expected ZQMARKERQZ", "a`, expected `ZQMARKERQZ", "", "subject", "__proto__"] {
        let with = [raw.clone(), vec![(unknown.to_owned(), json!(MARKER).to_string())]].concat();
        all.push(Bad::json(&format!("unknown field {unknown:?}"), "", object(&with)).status(422));
    }
    let positional = Value::Array(fields.iter().map(|(_, value)| value.clone()).collect());
    all.push(Bad::json("a list of the values", "", positional.to_string()).status(422));
    all
}

/// What is wrong with a body as a whole.
fn broken_bodies(text: &str) -> Vec<Bad> {
    let bytes = text.as_bytes();
    let mut all = Vec::new();
    for cut in [1, bytes.len() / 2, bytes.len() - 1] {
        all.push(Bad::json("cut off", "", &bytes[..cut]).status(400));
    }
    all.push(Bad::json("something behind", "", format!("{text}{MARKER}")).status(400));
    all.push(Bad::json("two documents", "", format!("{text}{text}")).status(400));
    all.push(Bad::json("a null byte behind", "", format!("{text}\0")).status(400));
    all.push(Bad::json("a comment", "", format!("/* {MARKER} */{text}")).status(400));
    all.push(Bad::json("a byte order mark", "", format!("\u{feff}{text}")).status(400));
    all.push(
        Bad::json("another encoding", "", text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>())
            .status(400),
    );
    all.push(
        Bad::json("broken UTF-8 in a value", "", [b"{\"identifier\":\"", &[0xff, 0xfe][..], b"\"}"].concat())
            .status(400),
    );
    all.push(Bad::json("broken UTF-8 in a name", "", [b"{\"", &[0xc3, 0x28][..], b"\":1}"].concat()).status(400));
    for whole in ["[]", "null", "7", "true", "\"ZQMARKERQZ\"", "[[]]", "[{}]"] {
        all.push(Bad::json(&format!("{whole} as a whole"), "", whole).status(422));
    }
    all.push(Bad::json("deep lists", "", "[".repeat(100_000)).status(400));
    all.push(Bad::json("deep and closed lists", "", "[".repeat(50_000) + &"]".repeat(50_000)));
    all.push(Bad::json("deep objects", "", "{\"a\":".repeat(40_000)).status(400));
    all.push(Bad::json("a deep unknown field", "", "{\"a\":".repeat(20_000) + "1" + &"}".repeat(20_000)));
    let large = format!("{{\"{MARKER}\":\"{}\"}}", "x".repeat(sayso::limits::BODY_BYTES_MAX));
    all.push(Bad::json("too large", "", large).status(413));
    for media_type in
        ["text/plain", "", "application/jsonp", "application/json, text/plain", "application/x-www-form-urlencoded"]
    {
        let name = format!("as {media_type:?}");
        all.push(Bad { name, field: None, media_type, body: bytes.to_vec(), status: Some(415) });
    }
    all
}

fn with_token(call: Call, token: Option<&String>) -> Call {
    match token {
        Some(token) => call.bearer(token),
        None => call,
    }
}

#[track_caller]
fn check(answer: &Answer, bad: &Bad, case: &Case) {
    let what = format!("{} with {}: {} {}", case.name(), bad.name, answer.status, answer.text());
    assert!((400..500).contains(&answer.status), "{what}");
    let problem = answer.problem();
    assert!(STABLE.contains(&problem.as_str()), "{what}");
    assert!(!answer.text().contains(MARKER), "echo: {what}");
    assert!(!format!("{:?}", answer.headers).contains(MARKER), "echo: {what}");
    assert!(bad.status.is_none_or(|status| status == answer.status), "{what}");
    assert!(answer.body.len() < 1_000, "{what}");
    if let Some(field) = &bad.field
        && answer.status == 422
        && problem == "invalid-field"
    {
        let named = answer.json()["field"].as_str().unwrap_or_default().to_owned();
        let named_so =
            named == *field || named.starts_with(&format!("{field}[")) || named.starts_with(&format!("{field}."));
        assert!(named_so, "the field is `{field}`: {what}");
    }
}

/// Every route that takes a body, with a token of somebody who may.
async fn cases(api: &Api) -> Vec<(Case, Option<String>)> {
    let anna = api.person("anna@example.org").await;
    let recipient = api.recipient("a-recipient").await;
    let collector = api.collector("a-collector").await;
    let auditor = api.auditor("an-auditor").await;
    let operator = api.operator().await;
    let mut things = things(api, &anna, "a-recipient").await;
    things.decision["until_us"] = json!(1_800_000_000_000_000_i64);
    let mut found = Vec::new();
    for route in ROUTES.iter().filter(|route| !matches!(route.method, "get" | "any")) {
        let token = match route.access {
            Access::Person => Some(anna.access.clone()),
            Access::Operator => Some(operator.token.clone()),
            Access::Recipient => Some(recipient.token.clone()),
            Access::Collector => Some(collector.token.clone()),
            Access::Auditor => Some(auditor.token.clone()),
            Access::Anyone => None,
            Access::NotBuilt => continue,
        };
        found.push((case(route, &things), token));
    }
    assert!(found.len() > 20, "{}", found.len());
    found
}

on_both!(every_bad_body_is_a_problem_that_changes_nothing_and_repeats_nothing, |world| {
    let api = Api::over(world);
    let mut sent = 0;
    for (case, token) in cases(&api).await {
        let all = match &case.good {
            Good::Json(good) => bad_bodies(case.route.path, good),
            Good::Nothing => {
                bad_bodies(case.route.path, &json!({})).into_iter().filter(|bad| bad.body != b"{}").collect()
            }
            Good::Form(_) | Good::Activity(_) | Good::Lines(_) | Good::Open(_) => continue,
        };
        let before = tables(&api.world).await;
        for bad in &all {
            let call = with_token(api.call(case.route.method, &case.path), token.as_ref());
            let answer = call.bytes(bad.media_type, bad.body.clone()).send().await;
            check(&answer, bad, &case);
            sent += 1;
        }
        same(&before, &tables(&api.world).await, &format!("bad input to {}", case.name()));
    }
    println!("{sent} bad requests");
    assert!(sent > 1_000, "{sent}");
});

on_both!(a_client_gets_a_token_only_with_a_form_of_one_field, |world| {
    let api = Api::over(world);
    let operator = basic("operator", &api.world.operator_secret);
    let form = "application/x-www-form-urlencoded";
    let before = tables(&api.world).await;
    for (media_type, body, status) in [
        ("application/json", "grant_type=client_credentials", 415),
        (form, "", 400),
        (form, "grant_type=password", 400),
        (form, "grant_type=client_credentials&grant_type=client_credentials", 400),
        (form, "grant_type=client_credentials&scope=ZQMARKERQZ", 400),
        (form, "grant_type=%ff", 400),
        (form, "{\"grant_type\":\"client_credentials\"}", 400),
    ] {
        let call = api.post("/v1/auth/token").header("authorization", &operator);
        let answer = call.bytes(media_type, body.into()).send().await;
        assert_eq!(answer.status, status, "{body}");
        assert!(!answer.text().contains(MARKER) && !answer.problem().is_empty(), "{body}");
    }
    let large =
        api.post("/v1/auth/token").header("authorization", &operator).bytes(form, vec![b'a'; 300_000]).send().await;
    assert_eq!((large.status, large.problem().as_str()), (413, "too-large"));
    let form_body = || b"grant_type=client_credentials".to_vec();
    for authorization in
        ["", "Basic", "Basic ", "Basic %%%", "Basic b3BlcmF0b3I=", "Bearer x", "Basic //79", "b3BlcmF0b3I6eA=="]
    {
        let answer =
            api.post("/v1/auth/token").header("authorization", authorization).bytes(form, form_body()).send().await;
        assert_eq!((answer.status, answer.problem().as_str()), (401, "bad-credentials"), "{authorization}");
    }
    let none = api.post("/v1/auth/token").bytes(form, form_body()).send().await;
    assert_eq!((none.status, none.problem().as_str()), (401, "bad-credentials"));
    same(&before, &tables(&api.world).await, "a token that was refused");
});

on_both!(headers_that_come_twice_are_refused_on_every_route, |world| {
    let api = Api::over(world);
    let cases = cases(&api).await;
    let before = tables(&api.world).await;
    for (case, token) in &cases {
        for (name, value) in
            [("authorization", "Bearer x"), ("content-type", "application/json"), ("idempotency-key", "k")]
        {
            let call = with_token(case.call(&api), token.as_ref()).header(name, value).header(name, value);
            let answer = call.send().await;
            assert_eq!((answer.status, answer.problem().as_str()), (400, "invalid-header"), "{} {name}", case.name());
        }
        for (name, value) in [("authorization", b"Bearer \xff".as_slice()), ("idempotency-key", b"\xc3\xa4")] {
            let answer = case.call(&api).raw_header(name, value).send().await;
            assert_eq!((answer.status, answer.problem().as_str()), (400, "invalid-header"), "{} {name}", case.name());
        }
    }
    same(&before, &tables(&api.world).await, "a doubled header");
});

on_both!(a_key_that_is_empty_or_too_long_is_refused, |world| {
    let api = Api::over(world);
    let body = json!({ "kind": "email", "identifier": "one@example.org", "for": "self" });
    let before = tables(&api.world).await;
    for key in [String::new(), "k".repeat(256), "k".repeat(9_000)] {
        let answer = api.post("/v1/opt-out").key(&key).json(&body).send().await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "invalid-header"), "{}", key.len());
    }
    same(&before, &tables(&api.world).await, "a bad key");
    api.post("/v1/opt-out").key(&"k".repeat(255)).json(&body).send().await.expect_status(202);
});

on_both!(a_parameter_that_is_unknown_missing_or_comes_twice_is_refused, |world| {
    let api = Api::over(world);
    let anna = api.person("anna@example.org").await;
    api.recipient("a-recipient").await;
    api.grant(&anna, "a-recipient").await;
    let before = tables(&api.world).await;
    for (method, path) in [
        ("DELETE", "/v1/me/consents"),
        ("DELETE", "/v1/me/consents?"),
        ("DELETE", "/v1/me/consents?purpose="),
        ("DELETE", "/v1/me/consents?purpose=public_profile&purpose=link"),
        ("DELETE", "/v1/me/consents?purpose=public_profile&all=true"),
        ("DELETE", "/v1/me/consents?purpose=%00"),
        ("DELETE", "/v1/me/consents?Purpose=public_profile"),
        ("GET", "/v1/me/score?as_of=2026-11-23&as_of=2026-11-22"),
        ("GET", "/v1/me/score?as_of=tomorrow"),
        ("GET", "/v1/me/score?as_of=2026-02-30"),
        ("GET", "/v1/me/score?as_of=2999-01-01"),
        ("GET", "/v1/me/score?subject=ZQMARKERQZ"),
        ("GET", "/v1/me/score/explanation?as_of=ZQMARKERQZ"),
    ] {
        let answer = api.call(method, path).bearer(&anna.access).send().await;
        assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid-field"), "{path}");
        assert!(!answer.text().contains(MARKER), "{path}");
    }
    for day in ["0001-01-01", "-9999-01-01", "1969-12-31", "1970-01-01", "0000-01-01"] {
        let answer = api.get(&format!("/v1/me/score?as_of={day}")).bearer(&anna.access).send().await;
        assert!(answer.status < 500, "{day} {}", answer.text());
    }
    same(&before, &tables(&api.world).await, "a bad parameter");
});

on_both!(a_consent_ends_within_two_years_and_may_end_after_2038, |world| {
    let api = Api::over(world);
    // 2037-06-01: two years ahead lies beyond what 32 bits count.
    api.world.pass_seconds(2_127_427_200 - 1_795_435_200);
    let anna = api.person("anna@example.org").await;
    api.recipient("a-recipient").await;
    let mut body = api.decision(&anna, "a-recipient", "granted").await;
    let day = 86_400_000_000_i64;
    let now = 2_127_427_200_000_000_i64;
    for until in [i64::MIN, -1, 0, now - day, now, now + 731 * day, i64::MAX] {
        body["until_us"] = json!(until);
        let answer = api.post("/v1/me/consents").bearer(&anna.access).json(&body).send().await.expect_status(422);
        assert_eq!(answer.json()["field"], "until_us", "{until}");
    }
    body["until_us"] = json!(now + 729 * day);
    api.post("/v1/me/consents").bearer(&anna.access).json(&body).send().await.expect_status(201);
    let consents = api.get("/v1/me/consents").bearer(&anna.access).send().await.expect_status(200).json();
    assert_eq!(consents["live"][0]["valid_until_us"], json!(now + 729 * day));
});

on_both!(a_body_may_be_as_large_as_the_limit_and_no_larger, |world| {
    let api = Api::over(world);
    let body = json!({ "kind": "email", "identifier": "one@example.org", "for": "self" }).to_string();
    let padded = |size: usize| format!("{body}{}", " ".repeat(size - body.len())).into_bytes();
    let limit = sayso::limits::BODY_BYTES_MAX;
    api.post("/v1/opt-out").bytes("application/json", padded(limit + 1)).send().await.expect_status(413);
    api.post("/v1/opt-out").bytes("application/json; charset=utf-8", padded(limit)).send().await.expect_status(202);
});

const OWN_NAUGHTY: [&str; 14] = [
    "undefined",
    "' OR 1=1 --",
    "'; DROP TABLE event; --",
    "<script>alert(1)</script>",
    "${jndi:ldap://x.example/a}",
    "../../../../etc/passwd",
    "\u{0}\u{1}\u{7f}",
    "\u{202e}moc.elpmaxe@a",
    "Ω≈ç√∫˜µ≤≥÷",
    "👩‍👩‍👧‍👦",
    "%00%ff",
    "\r\nX-Injected: 1",
    "İıſK@example.org",
    "{{7*7}}",
];

fn naughty() -> Vec<String> {
    let mut all: Vec<String> = OWN_NAUGHTY.map(String::from).into();
    for file in shared::files("naughty-strings", "blns.json") {
        let more: Vec<String> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        all.extend(more);
    }
    all
}

fn checks_out(answer: &Answer, text: &str, what: &str) {
    assert!(answer.status < 500, "{what} {text:?}: {} {}", answer.status, answer.text());
    if answer.status >= 400 {
        answer.problem();
        let told = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
        assert!(text.chars().count() < 8 || !told.contains(text), "{what} {text:?} comes back");
    }
    assert_eq!(answer.header("x-injected"), "", "{what} {text:?}");
}

on_both!(naughty_strings_do_no_harm_anywhere, |world| {
    let api = Api::over(world);
    let anna = api.person("anna@example.org").await;
    let operator = api.operator().await;
    for text in naughty() {
        for (path, body) in [
            ("/v1/opt-out", json!({ "kind": "handle", "identifier": text, "for": "self" })),
            ("/v1/opt-out", json!({ "kind": "email", "identifier": text, "for": text })),
            ("/v1/subjects", json!({ "kind": "email", "identifier": format!("{text}@example.org"), "adult": "yes" })),
            ("/v1/auth/refresh", json!({ "refresh_token": text })),
            ("/v1/me/identifiers", json!({ "kind": "handle", "identifier": format!("nowhere:{text}") })),
            ("/v1/me/consents", json!({ "purpose": text, text.as_str(): text })),
        ] {
            let answer = api.post(path).bearer(&anna.access).json(&body).send().await;
            checks_out(&answer, &text, path);
        }
        let notice = json!({ "purpose": "link", "text": text, "locale": "en", "material": false });
        checks_out(
            &api.post("/v1/admin/notices").bearer(&operator.token).json(&notice).send().await,
            &text,
            "a notice",
        );
        let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        for path in [
            format!("/v1/notices/{encoded}"),
            format!("/v1/erasures/{encoded}"),
            format!("/v1/me/score?as_of={encoded}"),
            format!("/v1/log/leaves?from={encoded}"),
            format!("/{encoded}"),
        ] {
            checks_out(&api.get(&path).bearer(&anna.access).send().await, &text, &path);
        }
    }
    let report = api.world.app.verify_log(&[], |_| {}).await.unwrap();
    assert_eq!(report.findings, [], "{report:?}");
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_json_is_400_and_what_is_json_is_never_a_5xx() {
    let api = Api::over(crate::world::World::new(crate::world::Db::Sqlite).await);
    let collector = api.collector("a-collector").await;
    let files = shared::files("json-test-suite", ".json");
    for file in &files {
        let (name, bytes) = (shared::name(file), std::fs::read(file).unwrap());
        let calls = [
            api.post("/v1/opt-out").bytes("application/json", bytes.clone()),
            api.post("/v1/activities?source=activitypub")
                .bearer(&collector.token)
                .bytes("application/json", bytes.clone()),
        ];
        for call in calls {
            let answer = call.send().await;
            let what = format!("{name}: {} {}", answer.status, answer.text());
            assert!(answer.status < 500, "{what}");
            assert!(!name.starts_with("n_") || bytes.is_empty() || answer.status == 400, "{what}");
            if answer.status >= 400 {
                answer.problem();
            }
        }
    }
    println!("{} files of the JSON test suite", files.len());
}

/// What serde would take for something else, and what is of the wrong type: the field is named.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_could_be_read_in_two_ways_is_refused_and_a_wrong_type_named() {
    let api = Api::over(World::new(Db::Sqlite).await);
    let recipient = api.recipient("a-recipient").await;
    let ask = |ids: &str, action: &str| {
        format!(r#"{{"action":{action},"purpose":"public_profile","source":"activitypub","ids":[{ids}]}}"#)
    };
    for (ids, action) in [
        (r#"[null,"email","ann@example.org"]"#, r#""disclose""#),
        (r#"["00112233445566778899aabbccddeeff"]"#, r#""disclose""#),
        (r#"{"kind":{"email":null},"identifier":"ann@example.org"}"#, r#""disclose""#),
        (r#"{"pairwise":null,"kind":"email","identifier":"ann@example.org"}"#, r#""disclose""#),
        ("", r#"{"disclose":null}"#),
    ] {
        let call = api.post("/v1/gate/filter").bearer(&recipient.token);
        let answer = call.bytes("application/json", ask(ids, action).into_bytes()).send().await;
        assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid-field"), "{ids} {action}");
    }
    for (field, body) in [
        ("kind", r#"{"kind":1,"identifier":"a@example.org","for":"self"}"#),
        ("for", r#"{"kind":"email","identifier":"a@example.org","for":true}"#),
        ("identifier", r#"{"kind":"email","identifier":7,"for":"self"}"#),
    ] {
        let answer = api.post("/v1/opt-out").bytes("application/json", body.as_bytes().to_vec()).send().await;
        assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid-field"), "{body}");
        assert_eq!(answer.json()["field"], field, "{}", answer.text());
    }
    let anna = api.person("anna@example.org").await;
    let answer = api.delete("/v1/me/consents?purpose=hiring").bearer(&anna.access).send().await;
    assert_eq!((answer.status, answer.json()["field"].as_str()), (422, Some("purpose")));
}
