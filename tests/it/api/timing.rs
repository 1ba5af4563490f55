//! A denial says the same and takes as long whoever it is about, at each door that recipients ask at.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::client::{Answer, Api, Call, basic, text};
use super::oracle::{bound, distance};
use crate::on_both;

const DESK: &str = "desk";
const SAMPLES: usize = 120;
/// What is nearer than this is no difference. Whoever is in a table is found with one comparison more than whoever is not, which takes
/// 50 to 100 ns in a build that is not optimised, and a tenth of it in one that is.
const RESOLUTION: Duration = Duration::from_nanos(300);
const STRANGER: &str = "00112233445566778899aabbccddeeff";

/// As long for everybody: what is longer takes longer to read, and tells nothing.
fn address(state: &str) -> String {
    format!("{state:_<12}@example.org")
}

/// Somebody in every state that is denied, by the id that the desk has for them, and a stranger.
async fn denied(api: &Api) -> BTreeMap<&'static str, String> {
    let mut all = BTreeMap::from([("unknown", STRANGER.to_owned())]);
    let ended = api.person(&address("expired")).await;
    let mut decision = api.decision(&ended, DESK, "granted").await;
    decision["until_us"] = json!(api.world.app.clock.now().plus_seconds(60).0);
    let granted = api.post("/v1/me/consents").bearer(&ended.access).json(&decision).send().await.expect_status(201);
    all.insert("expired", text(&granted.json(), "pairwise"));
    for state in ["withdrawn", "held", "suppressed", "child", "erased", "refused"] {
        let address = address(state);
        let person = api.person(&address).await;
        let granted = api.grant(&person, DESK).await;
        all.insert(state, text(&granted, "pairwise"));
        let me = |method: &str, path: &str| api.call(method, path).bearer(&person.access);
        let opt_out =
            |whom: &str| api.post("/v1/opt-out").json(&json!({ "kind": "email", "identifier": address, "for": whom }));
        let answer = match state {
            "withdrawn" => me("delete", &format!("/v1/me/consents/{}", granted["consent_id"])).send().await,
            "held" => me("post", "/v1/me/hold").send().await,
            "suppressed" => opt_out("self").send().await,
            "child" => opt_out("child").send().await,
            "erased" => me("delete", "/v1/me").send().await,
            _ => {
                let refused = api.decision(&person, DESK, "refused").await;
                me("post", "/v1/me/consents").json(&refused).send().await
            }
        };
        assert!(answer.status < 300, "{state}: {}", answer.text());
    }
    api.register(&address("minor"), "no").await.expect_status(202);
    let code = super::client::code_in(api.world.path(), &address("minor"));
    let body = json!({ "identifier": address("minor"), "code": code });
    api.post("/v1/auth/verify").json(&body).send().await.expect_status(403);
    api.world.app.run_erasures().await.unwrap();
    api.world.pass_seconds(120);
    all
}

/// The same people by their addresses, and somebody who said to be under 18 and has no id.
fn by_address(people: &BTreeMap<&'static str, String>) -> BTreeMap<&'static str, String> {
    people.keys().copied().chain(["minor"]).map(|state| (state, address(state))).collect()
}

fn asking(api: &Api, door: &str, token: &str, credentials: &str, id: &str) -> Call {
    let (purpose, source) = ("public_profile", "activitypub");
    match door {
        "filter" => api.post("/v1/gate/filter").bearer(token).json(&json!({
            "action": "disclose", "purpose": purpose, "source": source, "ids": [{ "pairwise": id }],
        })),
        "address" => api.post("/v1/gate/filter").bearer(token).json(&json!({
            "action": "disclose", "purpose": purpose, "source": source, "ids": [{ "kind": "email", "identifier": id }],
        })),
        "evaluation" => api.post("/access/v1/evaluation").bearer(token).json(&json!({
            "subject": { "type": "recipient", "id": DESK }, "action": { "name": "disclose" },
            "resource": { "type": "pairwise", "id": id }, "context": { "purpose": purpose, "source": source },
        })),
        "forward" => {
            let call = api.get("/gate/forward").header("authorization", credentials).header("sayso-action", "disclose");
            let call = call.header("sayso-purpose", purpose).header("sayso-source", source);
            call.header("sayso-person", &format!("pairwise:{id}"))
        }
        "lines" => {
            let path = format!("/v1/gate/filter/lines?action=disclose&purpose={purpose}&source={source}");
            api.post(&path).bearer(token).bytes("text/plain", id.as_bytes().to_vec())
        }
        "score" => api.get(&format!("/v1/scores/{id}?purpose={purpose}&source={source}")).bearer(token),
        _ => api.call("put", &format!("/v1/scores/{id}")).bearer(token).json(&json!({
            "purpose": purpose, "source": source, "epoch": 1, "value": 42, "version": "one",
            "window_from_day": 20_000, "window_to_day": 20_001, "population": "all",
        })),
    }
}

fn seen(answer: &Answer) -> String {
    let mut headers = answer.headers.clone();
    headers.remove("x-request-id");
    format!("{} {headers:?} {}", answer.status, answer.text())
}

/// Everybody, each time beginning with another one and in the other direction: what comes from other work of the machine and takes about as
/// long as a round must not meet the same ones each time.
fn in_turn<'a>(people: &'a BTreeMap<&'static str, String>, round: usize) -> Vec<(&'static str, &'a str)> {
    let mut all: Vec<_> = people.iter().map(|(state, id)| (*state, id.as_str())).collect();
    let people = all.len();
    all.rotate_left(round / 2 % people);
    if round % 2 == 1 {
        all.reverse();
    }
    all
}

/// The distance of two samples, but for a shift below the resolution.
fn apart(one: &[Duration], other: &[Duration]) -> f64 {
    let shifted =
        |sample: &[Duration], by: u32| sample.iter().map(|time| *time + RESOLUTION * by / 3).collect::<Vec<_>>();
    let nearest =
        |one: &[Duration], other: &[Duration]| (0..=3).map(|by| distance(one, &shifted(other, by))).fold(1.0, f64::min);
    nearest(one, other).min(nearest(other, one))
}

#[test]
fn a_microsecond_is_a_difference_and_less_than_the_resolution_is_none() {
    let sample = |shift: u64| {
        (0..SAMPLES as u64).map(|i| Duration::from_nanos(80_000 + i * 37 % 120 * 10 + shift)).collect::<Vec<_>>()
    };
    assert!(apart(&sample(0), &sample(200)) < bound(SAMPLES));
    assert!(apart(&sample(0), &sample(1_000)) > bound(SAMPLES));
}

on_both!(a_denial_is_the_same_and_takes_as_long_whoever_it_is_about, |world| {
    let api = Api::over(world);
    let desk = api.recipient(DESK).await;
    let people = denied(&api).await;
    let token = text(&api.token(DESK, &desk.secret).await.json(), "access_token");
    let credentials = basic(DESK, &desk.secret);
    let addresses = by_address(&people);
    for door in ["filter", "address", "evaluation", "forward", "lines", "score", "write"] {
        let people = if door == "address" { &addresses } else { &people };
        let mut times: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
        let mut answers: BTreeMap<&str, String> = BTreeMap::new();
        for round in 0..SAMPLES {
            for (state, id) in in_turn(people, round) {
                let call = asking(&api, door, &token, &credentials, id);
                let begun = sayso::clock::Mark::now();
                let answer = call.send().await;
                times.entry(state).or_default().push(begun.elapsed());
                let denied = if matches!(door, "filter" | "address" | "evaluation" | "lines") { 200 } else { 403 };
                assert_eq!(answer.status, denied, "{door} {state}: {}", answer.text());
                answers.insert(state, seen(&answer));
            }
        }
        for (state, answer) in &answers {
            assert_eq!(answer, &answers["unknown"], "{door}: {state}");
            let apart = apart(&times[state], &times["unknown"]);
            println!("{door} {state}: {apart:.3} of {:.3}", bound(SAMPLES));
            assert!(apart < bound(SAMPLES), "{door}: {state} is {apart} apart from somebody unknown");
        }
    }
});
