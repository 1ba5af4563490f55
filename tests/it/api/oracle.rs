//! Nobody learns from an answer, its shape or its moment whether somebody is a member, a minor, paused or gone (G12).

use std::time::Duration;

use sayso::http::{Pace, ROUTES};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::client::{Answer, Api, PASSWORD, text};
use super::tables::tables;
use crate::on_both;
use crate::world::{Db, World};

/// One address of every state that there is.
const STATES: [&str; 8] = ["member", "unknown", "suppressed", "child", "minor", "held", "erased", "waiting"];

fn address(state: &str) -> String {
    format!("{state:_<12}@example.org")
}

async fn people(api: &Api) {
    for state in ["member", "held", "erased"] {
        let person = api.person(&address(state)).await;
        match state {
            "held" => drop(api.post("/v1/me/hold").bearer(&person.access).send().await.expect_status(200)),
            "erased" => drop(api.delete("/v1/me").bearer(&person.access).send().await.expect_status(202)),
            _ => {}
        }
    }
    for (state, whom) in [("suppressed", "self"), ("child", "child")] {
        let body = json!({ "kind": "email", "identifier": address(state), "for": whom });
        api.post("/v1/opt-out").json(&body).send().await.expect_status(202);
    }
    api.register(&address("minor"), "no").await.expect_status(202);
    let code = super::client::code_in(api.world.path(), &address("minor"));
    let body = json!({ "identifier": address("minor"), "code": code });
    api.post("/v1/auth/verify").json(&body).send().await.expect_status(403);
    api.register(&address("waiting"), "yes").await.expect_status(202);
    api.world.app.run_erasures().await.unwrap();
}

/// What an outsider can tell two answers apart by, but for what is random or counts the whole log.
fn shape(answer: &Answer) -> (u16, Vec<(String, String)>, Value) {
    let random = ["x-request-id", "content-length"];
    let headers = answer.headers.iter().filter(|(name, _)| !random.contains(&name.as_str()));
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    (answer.status, headers, shape_of(&answer.json()))
}

fn shape_of(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), shape_of(value))).collect(),
        Value::Array(items) => items.iter().map(shape_of).collect(),
        // The path of a receipt is as long as the log, whoever it is about; what opens its leaf has one length.
        Value::String(text) if text.starts_with("c2sp.org/tlog-proof") => json!(text.lines().nth(1).map(str::len)),
        Value::String(text) => json!(text.len()),
        Value::Number(_) => json!("number"),
        other => other.clone(),
    }
}

async fn ask(api: &Api, path: &str, state: &str) -> Answer {
    let mut body = json!({ "identifier": address(state) });
    let more = match path {
        "/v1/opt-out" => json!({ "kind": "email", "for": "self" }),
        "/v1/subjects" => json!({ "kind": "email", "adult": "yes" }),
        "/v1/requests" => json!({ "kind": "email", "what": "access" }),
        "/v1/auth/login" => json!({ "password": "not the pass phrase" }),
        "/v1/auth/verify" => json!({ "code": "0000000x", "password": "a new pass phrase" }),
        _ => json!({}),
    };
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    api.post(path).json(&body).send().await
}

on_both!(what_an_outsider_asks_about_somebody_has_one_answer_whoever_it_is, |world| {
    let api = Api::over(world);
    people(&api).await;
    for path in ["/v1/subjects", "/v1/auth/login", "/v1/auth/verify", "/v1/auth/code", "/v1/requests", "/v1/opt-out"] {
        let expected = shape(&ask(&api, path, "unknown").await);
        for state in STATES {
            for _ in 0..2 {
                let before = tables(&api.world).await["event"].len();
                assert_eq!(shape(&ask(&api, path, state).await), expected, "{path} {state}");
                let grown = tables(&api.world).await["event"].len() - before;
                assert_eq!(grown, usize::from(path == "/v1/opt-out"), "the log tells: {path} {state}");
            }
        }
    }
    let leaves = api.get("/v1/log/leaves").send().await.expect_status(200).json();
    let kinds: Vec<_> =
        leaves.as_array().unwrap().iter().rev().take(2 * STATES.len()).map(|leaf| &leaf["kind"]).collect();
    assert!(kinds.iter().all(|kind| **kind == json!("opted_out")), "{kinds:?}");
});

on_both!(an_address_that_had_its_share_of_mails_gets_the_same_answer, |world| {
    let api = Api::over(world);
    for path in ["/v1/subjects", "/v1/requests"] {
        let first = shape(&ask(&api, path, "unknown").await);
        for _ in 0..2 * sayso::limits::CODES_PER_HOUR_MAX {
            assert_eq!(shape(&ask(&api, path, "unknown").await), first, "{path}");
        }
    }
});

on_both!(the_gate_denies_everybody_with_the_same_bytes, |world| {
    let api = Api::over(world);
    let recipient = api.recipient("a-recipient").await;
    people(&api).await;
    let mut names: Vec<Value> =
        STATES.iter().map(|state| json!({ "kind": "email", "identifier": address(state) })).collect();
    for (state, act) in [("withdrawn", "DELETE"), ("paused", "POST"), ("expired", "")] {
        let person = api.person(&address(state)).await;
        let granted = api.grant(&person, "a-recipient").await;
        match state {
            "withdrawn" => {
                let path = format!("/v1/me/consents/{}", granted["consent_id"]);
                api.call(act, &path).bearer(&person.access).send().await.expect_status(200);
            }
            "paused" => drop(api.call(act, "/v1/me/hold").bearer(&person.access).send().await.expect_status(200)),
            _ => {}
        }
        names.push(json!({ "kind": "email", "identifier": address(state) }));
        names.push(json!({ "pairwise": granted["pairwise"] }));
    }
    names.push(json!({ "pairwise": "00112233445566778899aabbccddeeff" }));
    names.push(json!({ "kind": "handle", "identifier": "github:nobody" }));
    api.world.pass_seconds(sayso::limits::GRANT_DAYS * 86_400);
    let token = text(&api.token("a-recipient", &recipient.secret).await.json(), "access_token");
    let policy = api.world.app.policies().await.unwrap().sha256;
    let denial = format!(r#"{{"decision":false,"context":{{"policy_sha256":"{policy}"}}}}"#);
    let mut answers = Vec::new();
    for name in &names {
        let body = json!({ "action": "disclose", "purpose": "public_profile", "source": "activitypub", "ids": [name] });
        let answer = api.post("/v1/gate/filter").bearer(&token).json(&body).send().await.expect_status(200);
        assert_eq!(answer.json()["allowed"], json!([]), "{name}");
        answers.push(answer.text());
        let (kind, id) = match name.get("pairwise") {
            Some(id) => (json!("pairwise"), id.clone()),
            None => (name["kind"].clone(), name["identifier"].clone()),
        };
        let question = json!({
            "subject": { "type": "recipient", "id": "a-recipient" },
            "action": { "name": "disclose" },
            "resource": { "type": kind, "id": id },
            "context": { "purpose": "public_profile", "source": "activitypub" },
        });
        let answer = api.post("/access/v1/evaluation").bearer(&token).json(&question).send().await.expect_status(200);
        assert_eq!(answer.text(), denial, "{name}");
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
});

on_both!(the_gate_keeps_the_order_and_takes_a_thousand_ids, |world| {
    let api = Api::over(world);
    let recipient = api.recipient("a-recipient").await;
    let mut granted = Vec::new();
    for number in 0..4 {
        let person = api.person(&format!("person{number}@example.org")).await;
        granted.push(api.grant(&person, "a-recipient").await["pairwise"].clone());
    }
    let nobody = |number: usize| json!({ "kind": "email", "identifier": format!("nobody{number}@example.org") });
    let mut ids: Vec<Value> = (0..1_000).map(nobody).collect();
    for (place, who) in [(999, 0), (3, 1), (500, 2), (501, 3), (10, 1)] {
        ids[place] = json!({ "pairwise": granted[who] });
    }
    ids[700] = json!({ "kind": "email", "identifier": "person2@example.org" });
    let expected = json!([ids[3], ids[10], ids[500], ids[501], ids[700], ids[999]]);
    let ask = async |ids: &[Value]| {
        let body = json!({ "action": "disclose", "purpose": "public_profile", "source": "activitypub", "ids": ids });
        api.post("/v1/gate/filter").bearer(&recipient.token).json(&body).send().await
    };
    assert_eq!(ask(&ids).await.expect_status(200).json()["allowed"], expected);
    ids.push(nobody(1_000));
    let refused = ask(&ids).await.expect_status(422);
    assert_eq!(refused.json()["field"], "ids");
    for (purpose, source) in [("attention_score", "activitypub"), ("public_profile", "x")] {
        let body = json!({ "action": "disclose", "purpose": purpose, "source": source, "ids": [nobody(0)] });
        let answer = api.post("/v1/gate/filter").bearer(&recipient.token).json(&body).send().await;
        assert_eq!((answer.status, answer.problem().as_str()), (403, "forbidden"));
    }
});

/// The routes by which an outsider could ask about somebody.
#[test]
fn every_route_that_could_tell_who_is_known_answers_steadily() {
    let asks = |path: &str| {
        path.starts_with("/v1/auth/") && path != "/v1/auth/logout"
            || ["/v1/opt-out", "/v1/subjects", "/v1/requests", "/v1/requests/{reference}/confirm"].contains(&path)
            || path == "/v1/requests/confirm"
    };
    for route in ROUTES {
        assert_eq!(route.pace == Pace::Steady, asks(route.path), "{}", route.path);
        let rechecked = ["/v1/disclosures/{pairwise}", "/v1/public/{page}"].contains(&route.path);
        assert_eq!(route.pace == Pace::Rechecked, rechecked, "{}", route.path);
    }
}

/// Lower bounds only: a slow machine answers later, never earlier.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_about_known_and_unknown_people_leave_no_earlier_than_the_quantum() {
    let quantum = Duration::from_millis(700);
    let api = Api::over(World::with(Db::Sqlite, |config| config.quantum_millis = 700).await);
    api.person("member______@example.org").await;
    for (path, body) in [
        ("/v1/auth/login", json!({ "identifier": address("member"), "password": PASSWORD })),
        ("/v1/auth/login", json!({ "identifier": address("member"), "password": "not the pass phrase" })),
        ("/v1/auth/login", json!({ "identifier": address("unknown"), "password": "not the pass phrase" })),
        ("/v1/auth/refresh", json!({ "refresh_token": "nothing" })),
        ("/v1/auth/code", json!({ "identifier": address("unknown") })),
        ("/v1/opt-out", json!({ "kind": "email", "identifier": address("unknown"), "for": "self" })),
        ("/v1/opt-out", json!({ "wrong": true })),
    ] {
        let begun = sayso::clock::Mark::now();
        api.post(path).json(&body).send().await;
        assert!(begun.elapsed() >= quantum, "{path} left after {:?}", begun.elapsed());
    }
}

/// The largest distance between the shares of two samples that lie below a time (Kolmogorov and Smirnov).
pub(super) fn distance(one: &[Duration], other: &[Duration]) -> f64 {
    let share = |sample: &[Duration], at: Duration| {
        sample.iter().filter(|time| **time <= at).count() as f64 / sample.len() as f64
    };
    one.iter().chain(other).map(|at| (share(one, *at) - share(other, *at)).abs()).fold(0.0, f64::max)
}

/// Beyond this two samples of `size` differ, but for one in a million pairs of the same kind (Smirnov's asymptotic bound).
pub(super) fn bound(size: usize) -> f64 {
    (-(1e-6_f64 / 2.0).ln() / 2.0 * 2.0 / size as f64).sqrt()
}

#[test]
fn the_statistic_tells_a_shift_from_noise() {
    let sample =
        |shift: u64| (0..60).map(|i| Duration::from_micros(1_000 + (i * 37) % 60 * 10 + shift)).collect::<Vec<_>>();
    assert!(distance(&sample(0), &sample(20)) < bound(60));
    assert!(distance(&sample(0), &sample(400)) > bound(60), "{}", distance(&sample(0), &sample(400)));
}

/// The times of answers about members and about strangers, asked in turns, are one distribution. Only their difference is looked at,
/// so that a slow machine makes no difference.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_long_an_answer_takes_does_not_tell_members_from_strangers() {
    const SAMPLES: usize = 60;
    let api = Api::over(World::with(Db::Sqlite, |config| config.quantum_millis = 150).await);
    for number in 0..SAMPLES {
        crate::people::join(&api.world, &format!("member{number}@example.org")).await;
    }
    for (path, rest) in [("/v1/opt-out", json!({ "for": "self" })), ("/v1/requests", json!({ "what": "access" }))] {
        let (mut members, mut strangers) = (Vec::new(), Vec::new());
        for number in 0..SAMPLES {
            for (who, times) in [("member", &mut members), ("nobody", &mut strangers)] {
                let mut body = rest.clone();
                body["kind"] = json!("email");
                body["identifier"] = json!(format!("{who}{number}@example.org"));
                let begun = sayso::clock::Mark::now();
                api.post(path).json(&body).send().await.expect_status(202);
                times.push(begun.elapsed());
            }
        }
        let apart = distance(&members, &strangers);
        assert!(apart < bound(SAMPLES), "{path}: {apart}\nmembers {members:?}\nstrangers {strangers:?}");
    }
}

/// The moment from which the quantum counts is not the caller's to choose: it begins when the whole body is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_holds_the_body_back_waits_a_whole_quantum_all_the_same() {
    let quantum = Duration::from_millis(600);
    let world = World::with(Db::Sqlite, |config| {
        config.quantum_millis = 600;
        config.listen = ([127, 0, 0, 1], 0).into();
    });
    let world = world.await;
    let running = sayso::http::start(world.app.clone()).await.unwrap();
    let body = json!({ "kind": "email", "identifier": address("unknown"), "for": "self" }).to_string();
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let head = format!(
        "POST /v1/opt-out HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(quantum - Duration::from_millis(100)).await;
    let begun = sayso::clock::Mark::now();
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    assert!(begun.elapsed() >= quantum, "it left {:?} after the body came", begun.elapsed());
    running.stop().await.unwrap();
}

/// Nobody can make the work about somebody else grow by asking again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repeated_opt_outs_do_not_lengthen_anybodys_history() {
    let api = Api::over(World::new(Db::Sqlite).await);
    let anna = api.person(&address("member")).await;
    for whom in ["self", "self", "child", "child", "self"] {
        let body = json!({ "kind": "email", "identifier": address("member"), "for": whom });
        api.post("/v1/opt-out").json(&body).send().await.expect_status(202);
    }
    let consents = api.get("/v1/me/consents").bearer(&anna.access).send().await.expect_status(200).json();
    let kinds: Vec<_> = consents["history"].as_array().unwrap().iter().map(|event| &event["act"]["kind"]).collect();
    assert_eq!(kinds, ["registered", "opted_out", "opted_out"]);
}
