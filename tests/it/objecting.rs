//! Saying no in other ways: a browser that says that nothing may be shared, and contesting what is said about oneself.

use sayso::domain::{About, Act, Week};
use sayso::service::{ConsentDecision, ServiceError, Telling};
use serde_json::{Value, json};

use crate::api::{Api, Somebody};
use crate::on_both;
use crate::people::{allow, decide, dump, join, kinds_after, log_size, recipient, scored_member, scoring, triple};

const PROFILE: &str = "public_profile";

on_both!(the_signal_ends_what_was_shared_and_nothing_else_and_a_later_yes_stands, |world| {
    recipient(&world, "acme", &[PROFILE], &["activitypub"]).await;
    let ann = scored_member(&world, "ann").await;
    let size = log_size(&world).await;
    world.app.heed_signal(&ann.caller).await.unwrap();
    assert_eq!(log_size(&world).await, size, "nothing was shared, so nothing ends");
    let shown = triple(PROFILE, "activitypub", "acme");
    let first = allow(&world, &ann, &shown).await;
    for _ in 0..3 {
        world.app.heed_signal(&ann.caller).await.unwrap();
    }
    assert_eq!(kinds_after(&world, first.seq.0).await, ["signalled"], "once");
    let consents = world.app.consents(&ann.caller).await.unwrap();
    let live: Vec<_> = consents.live.iter().map(|one| one.triple.clone()).collect();
    assert_eq!(live, [scoring("activitypub")], "the score is told to the person alone");
    assert_eq!(consents.signalled.map(|seq| seq.0), Some(first.seq.0 + 1), "the conflict is shown");
    let announced = world.app.deliveries(&ann.caller).await.unwrap();
    assert_eq!((announced.len(), announced[0].kind), (1, "consent.changed"));

    let again = allow(&world, &ann, &shown).await;
    assert!(again.consent_id > first.consent_id, "a new grant, which the person made after seeing that");
    world.app.heed_signal(&ann.caller).await.unwrap();
    assert_eq!(world.app.consents(&ann.caller).await.unwrap().live.len(), 2, "it stands");
    assert_eq!(world.app.verify_log(&[], |_| ()).await.unwrap().findings, []);
});

on_both!(a_yes_under_the_signal_counts_only_once_the_conflict_was_shown, |world| {
    recipient(&world, "acme", &[PROFILE], &["activitypub"]).await;
    let ann = join(&world, "ann@example.org").await;
    let (shown, own) = (triple(PROFILE, "activitypub", "acme"), scoring("activitypub"));
    for (what, decision) in [(&own, ConsentDecision::Granted), (&shown, ConsentDecision::Refused)] {
        world.app.heed_grant(&ann.caller, what, decision).await.unwrap();
    }
    let heeded = world.app.heed_grant(&ann.caller, &shown, ConsentDecision::Granted).await;
    assert!(matches!(heeded, Err(ServiceError::SignalConflict)), "{heeded:?}");
    world.app.heed_grant(&ann.caller, &shown, ConsentDecision::Granted).await.unwrap();
    allow(&world, &ann, &shown).await;
    world.app.heed_signal(&ann.caller).await.unwrap();
    assert_eq!(world.app.consents(&ann.caller).await.unwrap().live.len(), 1);
});

async fn grant(api: &Api, ann: &Somebody, signal: &[&str]) -> (u16, Value) {
    let body = api.decision(ann, "acme", "granted").await;
    let mut call = api.post("/v1/me/consents").bearer(&ann.access).json(&body);
    for value in signal {
        call = call.header("sec-gpc", value);
    }
    let answer = call.send().await;
    (answer.status, answer.json())
}

on_both!(only_exactly_one_is_the_signal_and_one_of_several_is_enough, |world| {
    let api = Api::over(world);
    api.recipient("acme").await;
    for (number, values) in
        [vec!["0"], vec!["1.0"], vec!["true"], vec![" 1x"], vec!["01"], vec!["1, 1"], vec![""], vec!["0", "2"]]
            .into_iter()
            .enumerate()
    {
        let ann = api.person(&format!("ann{number}@example.org")).await;
        assert_eq!(grant(&api, &ann, &values).await.0, 201, "{values:?}");
        let mut call = api.get("/v1/me/consents").bearer(&ann.access);
        for value in &values {
            call = call.header("sec-gpc", value);
        }
        assert_eq!(call.send().await.json()["live"].as_array().unwrap().len(), 1, "{values:?}");
    }
    for (number, values) in [vec!["1"], vec!["0", "1"], vec!["1", "1"]].into_iter().enumerate() {
        let ben = api.person(&format!("ben{number}@example.org")).await;
        let (status, problem) = grant(&api, &ben, &values).await;
        assert_eq!((status, &problem["type"]), (409, &json!("urn:sayso:problem:signal-conflict")));
        assert_eq!(grant(&api, &ben, &values).await.0, 201, "made after it was shown");
        let cleo = api.person(&format!("cleo{number}@example.org")).await;
        assert_eq!(grant(&api, &cleo, &[]).await.0, 201);
        let mut call = api.get("/v1/me/decisions").bearer(&cleo.access);
        for value in &values {
            call = call.header("sec-gpc", value);
        }
        call.send().await.expect_status(200);
        let consents = api.get("/v1/me/consents").bearer(&cleo.access).send().await.json();
        assert_eq!(consents["live"], json!([]), "{values:?}: any request with it counts");
    }
    let told = api.get("/.well-known/gpc.json").send().await.expect_status(200).json();
    assert_eq!(told["gpc"], true);
});

on_both!(what_is_contested_is_marked_at_once_until_a_human_has_answered, |world| {
    let acme = recipient(&world, "acme", &[PROFILE], &["activitypub"]).await;
    let ann = crate::disclosing::ann(&world).await;
    let pairwise = allow(&world, &ann, &triple(PROFILE, "activitypub", "acme")).await.pairwise.unwrap();
    let telling = Telling { pairwise, purpose: PROFILE.parse().unwrap(), source: "activitypub".parse().unwrap() };
    let marked = async || {
        let told = world.app.disclose(&acme, &telling).await.unwrap().contested;
        assert_eq!(world.app.score(&ann.caller, None).await.unwrap().contested, told);
        told
    };
    assert!(!marked().await);
    let part =
        About::Part { topic: "general".parse().unwrap(), kind: sayso::domain::ResponseKind::Like, week: Week(2_900) };
    for about in [About::Score {}, About::Topic { topic: "music".parse().unwrap() }, part] {
        world.app.contest(&ann.caller, &about, "it was not me", None).await.unwrap();
        assert!(marked().await);
        let open = world.app.open_contests().await.unwrap();
        assert_eq!((open.len(), &open[0].about, open[0].words.as_str()), (1, &about, "it was not me"));
        let shown = serde_json::to_string(&open).unwrap();
        assert!(!shown.contains(&ann.caller.subject.to_string()) && !shown.contains("example.org"));
        let answered = world.app.answer_contest(open[0].contest, true, "we looked", None).await.unwrap();
        assert!(!marked().await);
        let again = world.app.answer_contest(open[0].contest, false, "again", None).await;
        assert!(matches!(again, Err(ServiceError::NotFound(_))), "{again:?}");
        let history = world.app.consents(&ann.caller).await.unwrap().history;
        let told = history.iter().find(|entry| entry.seq == answered.seq).unwrap();
        assert!(matches!(&told.event.act, Act::ContestAnswered { upheld: true, reason, .. } if reason == "we looked"));
    }
    let announced = world.app.deliveries(&ann.caller).await.unwrap();
    assert!(announced.iter().all(|one| one.kind == "score.contested") && announced.len() == 6, "{announced:?}");
    assert!(world.app.open_contests().await.unwrap().is_empty());
    assert_eq!(world.app.verify_log(&[], |_| ()).await.unwrap().findings, []);
});

on_both!(a_contest_that_cannot_be_taken_says_why_and_an_erased_ones_is_nobodys, |world| {
    let ann = join(&world, "ann@example.org").await;
    let unknown = About::Topic { topic: "no-such-topic".parse().unwrap() };
    assert!(matches!(world.app.contest(&ann.caller, &unknown, "words", None).await, Err(ServiceError::Invalid(_))));
    for words in ["", " \n ", "a\u{7}b", &"x".repeat(2_001)] {
        let answer = world.app.contest(&ann.caller, &About::Score {}, words, None).await;
        assert!(matches!(answer, Err(ServiceError::Invalid(_))), "{words:?}");
    }
    for _ in 0..20 {
        world.app.contest(&ann.caller, &About::Score {}, "a secret about my neighbour", None).await.unwrap();
    }
    let more = world.app.contest(&ann.caller, &About::Score {}, "words", None).await;
    assert!(matches!(more, Err(ServiceError::Invalid(_))));
    assert!(!format!("{:?}", dump(&world).await).contains("neighbour"), "words are sealed");
    let open = world.app.open_contests().await.unwrap();
    world.app.erase(&ann.caller, None).await.unwrap();
    world.app.run_erasures().await.unwrap();
    assert!(world.app.open_contests().await.unwrap().is_empty());
    let answer = world.app.answer_contest(open[0].contest, true, "late", None).await;
    assert!(matches!(answer, Err(ServiceError::NotFound(_))), "{answer:?}");
    let bea = join(&world, "bea@example.org").await;
    decide(&world, &bea, &scoring("blog"), ConsentDecision::Refused).await.unwrap();
    assert_eq!(world.app.verify_log(&[], |_| ()).await.unwrap().findings, []);
});
