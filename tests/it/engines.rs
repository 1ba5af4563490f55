//! Engines write back what they computed: only what is still allowed, only while it is, and for nobody else to see.

use sayso::domain::{About, Day, Event, Seq, Triple, Whom};
use sayso::gate::Denial;
use sayso::ids::Pairwise;
use sayso::service::{Action, Asked, ClientCaller, GateQuestion, NewScore, Scored, ServiceError};
use serde_json::{Value, json};

use crate::api::client::Api;
use crate::on_both;
use crate::people::{Member, allow, ask, join, recipient, tamper, triple};
use crate::world::{Db, World};

const SCORE: &str = "attention_score";

fn theirs() -> Triple {
    triple(SCORE, "activitypub", "engine")
}

async fn engine(world: &World) -> ClientCaller {
    recipient(world, "engine", &[SCORE, "public_profile"], &["activitypub", "blog"]).await
}

pub(crate) fn of(pairwise: Pairwise) -> Scored {
    let Triple { purpose, source, .. } = theirs();
    Scored { pairwise, purpose, source }
}

/// Asks the gate, as every engine must, for the epoch.
pub(crate) async fn epoch(world: &World, engine: &ClientCaller, pairwise: Pairwise) -> Option<Seq> {
    let Scored { purpose, source, .. } = of(pairwise);
    let ids = vec![Asked::Pairwise(pairwise)];
    let question = GateQuestion { action: Action::Score, purpose, source, ids };
    let answer = world.app.filter(engine, &question).await.unwrap();
    (answer.allowed == [0]).then_some(answer.seq)
}

pub(crate) fn score(epoch: Seq, value: u8) -> NewScore {
    let window = (Day(20_000), Day(20_181));
    NewScore { epoch, value, version: "ours-3.1".into(), window, population: "readers of our site".into() }
}

async fn rows(world: &World) -> Vec<String> {
    ask(world, "SELECT CAST(value AS TEXT) FROM engine_score").await
}

/// Somebody whom the engine may score, and by which name.
pub(crate) async fn scored(world: &World) -> (Member, ClientCaller, Pairwise) {
    let (ann, engine) = (join(world, "ann@example.org").await, engine(world).await);
    let pairwise = allow(world, &ann, &theirs()).await.pairwise.unwrap();
    (ann, engine, pairwise)
}

#[track_caller]
fn stale(answer: Result<(), ServiceError>) {
    assert!(matches!(answer, Err(ServiceError::StaleEpoch)), "{answer:?}");
}

#[track_caller]
fn refused<T: std::fmt::Debug>(answer: Result<T, ServiceError>) {
    assert!(matches!(answer, Err(ServiceError::NotPermitted)), "{answer:?}");
}

on_both!(what_an_engine_computed_is_seen_by_the_person_and_the_engine_and_nobody_else, |world| {
    let (ann, engine, pairwise) = scored(&world).await;
    let other = recipient(&world, "other", &[SCORE], &["activitypub"]).await;
    let now = epoch(&world, &engine, pairwise).await.unwrap();
    refused(world.app.own_engine_score(&engine, &of(pairwise)).await);
    world.app.write_score(&engine, &of(pairwise), &score(now, 42)).await.unwrap();
    world.app.write_score(&engine, &of(pairwise), &score(now, 43)).await.unwrap();
    assert_eq!(rows(&world).await, ["43"]);
    let own = world.app.own_engine_score(&engine, &of(pairwise)).await.unwrap();
    assert_eq!((own.score.value, own.score.epoch, own.contested), (43, now, false));
    assert!(own.use_by_us > world.app.clock.now() && !own.score.not_suitable_for.is_empty());
    let views = world.app.engine_scores(&ann.caller).await.unwrap();
    let [view] = &views[..] else { panic!("{views:?}") };
    let seen = json!({
        "engine": "engine", "purpose": SCORE, "source": "activitypub", "value": 43, "version": "ours-3.1",
        "window_from_day": 20_000, "window_to_day": 20_181, "population": "readers of our site",
        "not_suitable_for": own.score.not_suitable_for, "epoch": now, "written_us": own.score.written_us,
        "contested": false,
    });
    assert_eq!(serde_json::to_value(view).unwrap(), seen);
    refused(world.app.own_engine_score(&other, &of(pairwise)).await);
    refused(world.app.write_score(&other, &of(pairwise), &score(now, 1)).await);
    let bea = join(&world, "bea@example.org").await;
    assert!(world.app.engine_scores(&bea.caller).await.unwrap().is_empty());
    let export = crate::world::read(world.app.export(&ann.caller, None).await.unwrap());
    assert_eq!(export["tables"]["engine_score"].as_array().unwrap().len(), 1, "{export}");
    world.app.flush_decisions().await.unwrap();
    let asked = world.app.decisions(&ann.caller).await.unwrap();
    assert!(asked.iter().any(|one| one.counted.caller == "engine"
        && one.counted.action == "score"
        && one.counted.allowed
        && one.times == 5));
    assert_eq!(world.app.verify_log(&[], |_| ()).await.unwrap().findings, []);
});

on_both!(what_was_allowed_before_a_no_is_stale_even_after_the_next_yes, |world| {
    let (ann, engine, pairwise) = scored(&world).await;
    let mut before = epoch(&world, &engine, pairwise).await.unwrap();
    for what in ["pause", "opt out", "withdraw", "signal"] {
        match what {
            "pause" => drop(world.app.hold(&ann.caller, None).await.unwrap()),
            "opt out" => drop(world.app.opt_out(&ann.email, Whom::Oneself, None).await.unwrap()),
            "withdraw" => drop(world.app.withdraw_purpose(&ann.caller, &theirs().purpose, None).await.unwrap()),
            _ => world.app.heed_signal(&ann.caller).await.unwrap(),
        }
        refused(world.app.write_score(&engine, &of(pairwise), &score(before, 1)).await);
        assert_eq!(epoch(&world, &engine, pairwise).await, None, "{what}");
        match what {
            "withdraw" | "signal" => drop(allow(&world, &ann, &theirs()).await),
            _ => drop(world.app.release(&ann.caller, None).await.unwrap()),
        }
        stale(world.app.write_score(&engine, &of(pairwise), &score(before, 1)).await);
        let now = epoch(&world, &engine, pairwise).await.unwrap();
        world.app.write_score(&engine, &of(pairwise), &score(now, 50)).await.unwrap();
        before = now;
    }
    stale(world.app.write_score(&engine, &of(pairwise), &score(Seq(before.0 - 1), 1)).await);
    assert_eq!(rows(&world).await, ["50"], "an earlier one takes nobody's place");
    let ahead = world.app.write_score(&engine, &of(pairwise), &score(Seq(before.0 + 1), 1)).await;
    assert!(matches!(ahead, Err(ServiceError::Invalid(_))), "{ahead:?}");
});

on_both!(a_score_is_hidden_while_something_is_in_the_way_and_goes_with_its_grant, |world| {
    let (ann, engine, pairwise) = scored(&world).await;
    let now = epoch(&world, &engine, pairwise).await.unwrap();
    world.app.write_score(&engine, &of(pairwise), &score(now, 42)).await.unwrap();
    world.app.hold(&ann.caller, None).await.unwrap();
    refused(world.app.own_engine_score(&engine, &of(pairwise)).await);
    let views = world.app.engine_scores(&ann.caller).await.unwrap();
    assert!(views[0].score.is_none() && views[0].reason == Some(Denial::Held), "{views:?}");
    world.app.release(&ann.caller, None).await.unwrap();
    assert_eq!(world.app.own_engine_score(&engine, &of(pairwise)).await.unwrap().score.value, 42);
    allow(&world, &ann, &theirs()).await;
    assert_eq!(rows(&world).await, ["42"], "a renewal keeps it");
    world.app.withdraw_purpose(&ann.caller, &theirs().purpose, None).await.unwrap();
    assert!(rows(&world).await.is_empty());
    allow(&world, &ann, &theirs()).await;
    refused(world.app.own_engine_score(&engine, &of(pairwise)).await);

    let now = epoch(&world, &engine, pairwise).await.unwrap();
    world.app.write_score(&engine, &of(pairwise), &score(now, 7)).await.unwrap();
    world.app.erase(&ann.caller, None).await.unwrap();
    refused(world.app.write_score(&engine, &of(pairwise), &score(now, 8)).await);
    world.app.run_erasures().await.unwrap();
    assert!(rows(&world).await.is_empty());
});

on_both!(a_score_and_a_withdrawal_at_the_same_moment_leave_nothing, |world| {
    let (ann, engine, pairwise) = scored(&world).await;
    for _ in 0..20 {
        let now = epoch(&world, &engine, pairwise).await.unwrap();
        let new = score(now, 42);
        let about = of(pairwise);
        let writing = world.app.write_score(&engine, &about, &new);
        let (written, ended) = tokio::join!(writing, world.app.withdraw_purpose(&ann.caller, &about.purpose, None));
        ended.unwrap();
        assert!(matches!(written, Ok(()) | Err(ServiceError::NotPermitted)), "{written:?}");
        assert!(rows(&world).await.is_empty());
        allow(&world, &ann, &theirs()).await;
    }
});

on_both!(what_an_engine_may_not_say_is_refused_by_name, |world| {
    let (_, engine, pairwise) = scored(&world).await;
    let now = epoch(&world, &engine, pairwise).await.unwrap();
    let long = "x".repeat(201);
    for (field, wrong) in [
        ("value", NewScore { value: 0, ..score(now, 1) }),
        ("value", NewScore { value: 101, ..score(now, 1) }),
        ("version", NewScore { version: String::new(), ..score(now, 1) }),
        ("version", NewScore { version: "Ours 3".into(), ..score(now, 1) }),
        ("version", NewScore { version: "x".repeat(41), ..score(now, 1) }),
        ("window_to_day", NewScore { window: (Day(2), Day(1)), ..score(now, 1) }),
        ("window_to_day", NewScore { window: (Day(2), Day(40_000)), ..score(now, 1) }),
        ("window_from_day", NewScore { window: (Day(40_000), Day(40_000)), ..score(now, 1) }),
        ("window_from_day", NewScore { window: (Day(-1), Day(1)), ..score(now, 1) }),
        ("population", NewScore { population: " ".into(), ..score(now, 1) }),
        ("population", NewScore { population: "a\nb".into(), ..score(now, 1) }),
        ("population", NewScore { population: long, ..score(now, 1) }),
    ] {
        match world.app.write_score(&engine, &of(pairwise), &wrong).await {
            Err(ServiceError::Invalid(invalid)) => assert_eq!(invalid.field, field),
            other => panic!("{field}: {other:?}"),
        }
    }
    for (purpose, source) in [("link", "activitypub"), (SCORE, "github")] {
        let about = Scored { purpose: purpose.parse().unwrap(), source: source.parse().unwrap(), ..of(pairwise) };
        let answer = world.app.write_score(&engine, &about, &score(now, 1)).await;
        assert!(matches!(answer, Err(ServiceError::Forbidden)), "{answer:?}");
    }
    assert!(rows(&world).await.is_empty());
});

on_both!(a_score_that_hangs_on_no_grant_is_found_by_verification, |world| {
    let (_, engine, pairwise) = scored(&world).await;
    let now = epoch(&world, &engine, pairwise).await.unwrap();
    world.app.write_score(&engine, &of(pairwise), &score(now, 42)).await.unwrap();
    let off = match world.db {
        Db::Sqlite => "PRAGMA foreign_keys = OFF",
        Db::Postgres => "ALTER TABLE engine_score DISABLE TRIGGER ALL",
    };
    tamper(&world, off).await;
    tamper(&world, "UPDATE engine_score SET lineage = lineage + 1000").await;
    let findings = world.app.verify_log(&[], |_| ()).await.unwrap().findings;
    assert!(findings.iter().any(|one| one.what.contains("scores of engines")), "{findings:?}");
});

on_both!(an_engine_hears_over_http_that_its_epoch_is_over, |world| {
    let api = Api::over(world);
    let body = json!({ "id": "engine", "role": "recipient", "class": "company", "purposes": ["public_profile"],
        "sources": ["activitypub"] });
    let engine = api.registered(&body).await;
    let ann = api.person("ann@example.org").await;
    let granted = api.grant(&ann, "engine").await;
    let pairwise = granted["pairwise"].as_str().unwrap();
    let question = json!({ "action": "score", "purpose": "public_profile", "source": "activitypub",
        "ids": [{ "pairwise": pairwise }] });
    let asked = async || {
        let answer = api.post("/v1/gate/filter").bearer(&engine.token).json(&question).send().await.expect_status(200);
        let answer = answer.json();
        assert_eq!(answer["allowed"].as_array().unwrap().len(), 1);
        answer["seq"].clone()
    };
    let write = async |epoch: &Value| {
        let score = json!({ "purpose": "public_profile", "source": "activitypub", "epoch": epoch, "value": 42,
            "version": "ours-1", "window_from_day": 20_000, "window_to_day": 20_181, "population": "readers" });
        api.call("put", &format!("/v1/scores/{pairwise}")).bearer(&engine.token).json(&score).send().await
    };
    let before = asked().await;
    assert!(write(&before).await.status < 300);
    api.delete(&format!("/v1/me/consents/{}", granted["consent_id"]))
        .bearer(&ann.access)
        .send()
        .await
        .expect_status(200);
    assert_eq!(write(&before).await.expect_status(403).problem(), "not-permitted");
    api.grant(&ann, "engine").await;
    assert_eq!(write(&before).await.expect_status(409).problem(), "stale-epoch");
    assert!(write(&asked().await).await.status < 300);
});

on_both!(what_an_engine_computed_is_contested_by_itself_and_marked_until_a_human_has_answered, |world| {
    let (ann, engine, pairwise) = scored(&world).await;
    allow(&world, &ann, &triple(SCORE, "activitypub", "sayso")).await;
    let other = recipient(&world, "other", &[SCORE], &["activitypub"]).await;
    let of_other = allow(&world, &ann, &triple(SCORE, "activitypub", "other")).await.pairwise.unwrap();
    let about = About::EngineScore { triple: theirs() };
    let early = world.app.contest(&ann.caller, &about, "wrong", None).await;
    assert!(matches!(early, Err(ServiceError::Invalid(_))), "there is no such score yet: {early:?}");
    for (engine, pairwise) in [(&engine, pairwise), (&other, of_other)] {
        let now = epoch(&world, engine, pairwise).await.unwrap();
        world.app.write_score(engine, &of(pairwise), &score(now, 42)).await.unwrap();
    }
    let bea = join(&world, "bea@example.org").await;
    let of_another = world.app.contest(&bea.caller, &about, "wrong", None).await;
    assert!(matches!(of_another, Err(ServiceError::Invalid(_))), "{of_another:?}");
    let marked = async || {
        let views = world.app.engine_scores(&ann.caller).await.unwrap();
        let own = [(&engine, pairwise, "engine"), (&other, of_other, "other")].map(async |(caller, name, id)| {
            let told = world.app.own_engine_score(caller, &of(name)).await.unwrap().contested;
            assert_eq!(views.iter().find(|view| view.engine.as_str() == id).unwrap().contested, told);
            told
        });
        let [first, second] = own;
        (first.await, second.await, world.app.score(&ann.caller, None).await.unwrap().contested)
    };
    assert_eq!(marked().await, (false, false, false));
    for upheld in [true, false] {
        world.app.contest(&ann.caller, &about, "it is about somebody else", None).await.unwrap();
        assert_eq!(marked().await, (true, false, false), "it alone");
        let open = world.app.open_contests().await.unwrap();
        assert_eq!((open.len(), &open[0].about), (1, &about));
        world.app.answer_contest(open[0].contest, upheld, "we asked them", None).await.unwrap();
        assert_eq!(marked().await, (false, false, false));
    }
    let told = world.app.deliveries(&ann.caller).await.unwrap();
    assert!(!told.is_empty(), "the engine is told");
    assert!(told.iter().all(|one| one.kind == "score.contested" && one.recipient == "engine"), "{told:?}");
    world.app.contest(&ann.caller, &About::Score {}, "all of it", None).await.unwrap();
    assert_eq!(marked().await, (true, true, true), "whoever contests what is said about them contests it everywhere");
    assert_eq!(world.app.verify_log(&[], |_| ()).await.unwrap().findings, []);
});

#[test]
fn what_was_contested_before_engines_could_be_is_still_read() {
    let old = r#"{"at":1795435200000000,"act":{"kind":"contested","about":{"what":"score"},"words":"no"}}"#;
    let event: Event = serde_json::from_str(old).unwrap();
    assert_eq!(event.canonical().unwrap(), serde_json::from_str::<Event>(old).unwrap().canonical().unwrap());
    let about = serde_json::to_value(About::EngineScore { triple: theirs() }).unwrap();
    let triple = json!({ "purpose": SCORE, "source": "activitypub", "recipient": "engine" });
    assert_eq!(about, json!({ "what": "engine_score", "triple": triple }));
}
