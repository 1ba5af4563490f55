//! Another formula of the score: shown beside the one that counts before it counts, told to nobody, and begun by one event of the log.

use sayso::clock::Clock;
use sayso::domain::{Act, Day};
use sayso::policy::Registry;
use sayso::secret::Entropy;
use sayso::service::{App, FormulaChange, Telling};
use sayso::store::Access;
use serde_json::{Value, json};

use crate::api::Api;
use crate::on_both;
use crate::pages::visitor::{COOKIE, Visitor};
use crate::people::{Member, allow, kinds_after, log_size, recipient, scored_member, triple};
use crate::strangers::{ingest, post, response};
use crate::world::{NOON, World};

const BUILT_IN: &str = include_str!("../../policies/registry.toml");
const PROFILE: &str = "public_profile";
/// What a friend spends on somebody else in each week.
const ELSEWHERE: u32 = 8;

/// With the next formula announced.
pub(crate) fn announced() -> Registry {
    let next = "[formula.next]\nname = \"attention-2\"\nfrom = \"2027-03-01\"\n";
    Registry::parse(&format!("{BUILT_IN}\n{next}")).unwrap()
}

/// With the next formula in force.
fn switched() -> Registry {
    Registry::parse(&BUILT_IN.replace("counts = \"attention-1\"", "counts = \"attention-2\"")).unwrap()
}

/// The same service, started again by a program with another registry.
async fn again(world: World, registry: Registry) -> World {
    let config = world.app.config.clone();
    world.app.store.close().await;
    let World { app, db, operator_secret, database, data } = world;
    drop(app);
    let (clock, entropy) = (Clock::fixed(NOON), Entropy::seeded(8));
    let app = App::open_with(registry, config, clock, entropy, Access::Serve).await.unwrap().app;
    World { app: app.into(), db, operator_secret, database, data }
}

/// Friends of Ann who reshare one post of hers in each of six weeks, and like eight of Bob's. By the first formula each gives her two of
/// ten, by the second one of nine: five weeks of that are 500,000 or 277,000 of her twelfth, for six friends.
async fn ann(world: &World, friends: u32) -> Member {
    let ann = scored_member(world, "ann").await;
    scored_member(world, "bob").await;
    let mut lines: Vec<Value> = (1..=6).map(|week| post("ann", week, week, None)).collect();
    lines.extend((1..=6).flat_map(|week| (0..ELSEWHERE).map(move |n| post("bob", week * 100 + n, week, None))));
    for friend in 1..=friends {
        let name = format!("friend{friend}");
        scored_member(world, &name).await;
        for week in 1..=6 {
            lines.push(response("Announce", &format!("{name}-{week}"), &name, ("ann", week), week, true));
            lines.extend((0..ELSEWHERE).map(|n| {
                let number = week * 100 + n;
                response("Like", &format!("{name}-{number}"), &name, ("bob", number), week, true)
            }));
        }
    }
    ingest(world, &lines).await;
    ann
}

/// Value and formula, as a recipient is told them.
async fn told(world: &World, ann: &Member, desk: &str) -> (u8, String) {
    let caller = recipient(world, desk, &[PROFILE], &["activitypub"]).await;
    let pairwise = allow(world, ann, &triple(PROFILE, "activitypub", desk)).await.pairwise.unwrap();
    let telling = Telling { pairwise, purpose: PROFILE.parse().unwrap(), source: "activitypub".parse().unwrap() };
    let told = world.app.disclose(&caller, &telling).await.unwrap();
    (told.value, told.version.to_owned())
}

fn browser<'a>(api: &'a Api, member: &Member, language: &'static str) -> Visitor<'a> {
    let cookies = [(COOKIE.to_owned(), member.tokens.refresh_token.clone())].into();
    Visitor { cookies, language, ..Visitor::new(api) }
}

on_both!(without_another_formula_nothing_is_said_of_one, |world| {
    let ann = ann(&world, 6).await;
    let score = serde_json::to_value(world.app.score(&ann.caller, None).await.unwrap()).unwrap();
    assert_eq!((&score["version"], &score["value"], &score["next"]), (&json!("attention-1"), &json!(28), &Value::Null));
    assert_eq!(world.app.formula_changes().await.unwrap(), []);
    let api = Api::over(world);
    let page = browser(&api, &ann, "en").page("/me/score").await;
    assert!(!page.contains("attention-2") && !page.contains("meant to count"), "{page}");
});

on_both!(the_next_formula_stands_beside_the_one_that_counts_and_is_told_to_nobody, |world| {
    let ann = ann(&world, 6).await;
    let before = log_size(&world).await;
    let world = again(world, announced()).await;
    assert_eq!(kinds_after(&world, before).await, ["policy_adopted"]);
    let score = serde_json::to_value(world.app.score(&ann.caller, None).await.unwrap()).unwrap();
    assert_eq!((&score["version"], &score["value"]), (&json!("attention-1"), &json!(28)));
    let next = json!({
        "version": "attention-2", "from_day": Day::parse("2027-03-01").unwrap().0, "counts": false,
        "state": "scored", "value": 21, "changes": [{ "kind": "reshare", "now": 2, "then": 1 }],
    });
    assert_eq!(score["next"], next, "the value alone: two exact sums would show what few people gave");
    let explanation = serde_json::to_string(&world.app.explanation(&ann.caller, None).await.unwrap()).unwrap();
    assert!(explanation.contains("attention-1") && !explanation.contains("attention-2"));
    let earlier = serde_json::to_value(world.app.score(&ann.caller, Some(NOON)).await.unwrap()).unwrap();
    assert_eq!((&earlier["value"], &earlier["next"]), (&json!(28), &Value::Null));
    assert_eq!(told(&world, &ann, "desk").await, (28, "attention-1".into()));
    let list = world.app.told(&ann.caller).await.unwrap();
    assert!(matches!(&list[0].event.act, Act::Disclosed { formula, value: 28, .. } if formula == "attention-1"));
    assert_eq!(world.app.formula_changes().await.unwrap(), []);
    let policies = world.app.policies().await.unwrap().formula;
    assert_eq!((policies.counts.as_str(), policies.next.unwrap().version.as_str()), ("attention-1", "attention-2"));
});

on_both!(the_page_shows_both_values_what_changes_and_from_when_and_judges_neither, |world| {
    let ann = ann(&world, 6).await;
    let api = Api::over(again(world, announced()).await);
    for (language, said, row) in [
        ("en", ["1 March 2027", "does not count yet", "Weight of reshares: 2", "cannot tell which"], "counts"),
        ("de", ["1. März 2027", "zählt noch nicht", "Gewicht für Weitergaben: 2", "nicht unterscheiden"], "zählt"),
    ] {
        let page = browser(&api, &ann, language).page("/me/score").await;
        let (_, section) = page.split_once("<section><h2>").unwrap();
        let section = section.split("</section>").next().unwrap();
        for words in said {
            assert!(section.contains(words), "{words}: {section}");
        }
        for (name, value, counts) in [("attention-1", 28, row), ("attention-2", 21, said[1])] {
            let row = format!("<td>{name}</td><td class=\"number\">{value}</td><td>{counts}</td>");
            assert!(section.contains(&row), "{row}: {section}");
        }
        let section = section.to_lowercase();
        for judged in
            ["fall", "lower", "higher", "better", "worse", "improve", "sorry", "gefallen ist", "niedriger", "besser"]
        {
            assert!(!section.contains(judged), "{judged}: {section}");
        }
    }
});

on_both!(too_little_data_is_too_little_by_either_formula, |world| {
    let ann = ann(&world, 4).await;
    let world = again(world, announced()).await;
    let score = serde_json::to_value(world.app.score(&ann.caller, None).await.unwrap()).unwrap();
    for view in [&score, &score["next"]] {
        assert_eq!((&view["state"], &view["value"]), (&json!("insufficient_data"), &Value::Null));
    }
    let api = Api::over(world);
    let page = browser(&api, &ann, "en").page("/me/score").await;
    assert!(page.contains("<td>attention-2</td><td class=\"number\">no number</td>"), "{page}");
});

on_both!(another_formula_begins_with_one_event_and_the_history_of_the_score_has_a_mark, |world| {
    let ann = ann(&world, 6).await;
    assert_eq!(told(&world, &ann, "before").await, (28, "attention-1".into()));
    let before = log_size(&world).await;
    let world = again(again(world, announced()).await, switched()).await;
    assert_eq!(kinds_after(&world, before).await, ["policy_adopted", "policy_adopted"]);
    let score = world.app.score(&ann.caller, None).await.unwrap();
    assert_eq!((score.version, score.value, score.next), ("attention-2", Some(21), None));
    let changes = world.app.formula_changes().await.unwrap();
    let [FormulaChange { seq, from, to, .. }] = &changes[..] else { panic!("{changes:?}") };
    assert_eq!((seq.0, from.as_str(), to.as_str()), (before + 2, "attention-1", "attention-2"));
    assert_eq!(told(&world, &ann, "after").await, (21, "attention-2".into()));
    assert_eq!(
        world.app.verify_log(&[], |_| ()).await.unwrap().findings,
        [],
        "each was told by the formula of its time"
    );
    let api = Api::over(world);
    let page = browser(&api, &ann, "en").page("/me/score").await;
    assert!(page.contains("the formula changed from attention-1 to attention-2"), "{page}");
    assert!(
        page.contains("by the formula that counts today, attention-2") && !page.contains("meant to count"),
        "{page}"
    );
});

on_both!(an_operator_sees_which_formula_counts_and_which_is_announced, |world| {
    let api = Api::over(again(world, announced()).await);
    let operator = api.operator().await;
    let policies = api.get("/v1/admin/policies").bearer(&operator.token).send().await.expect_status(200).json();
    assert_eq!(policies["formula"]["counts"], "attention-1");
    assert_eq!(policies["formula"]["next"]["version"], "attention-2");
    let mut visitor = Visitor::new(&api);
    let page = visitor.page("/staff").await;
    let typed = [("client", "operator"), ("secret", &*api.world.operator_secret)];
    visitor.submit(&page, "/staff", &typed).await.expect_status(303);
    let page = visitor.page("/operate/rules").await;
    assert!(page.contains("Formula of the score: attention-1.") && page.contains("from 1 March 2027 on"), "{page}");
});

#[test]
fn a_registry_whose_formula_does_not_exist_is_not_loaded() {
    let next = |name: &str, from: &str| format!("{BUILT_IN}\n[formula.next]\nname = \"{name}\"\nfrom = \"{from}\"\n");
    for (text, said) in [
        (BUILT_IN.replace("counts = \"attention-1\"", "counts = \"attention-0\""), "no formula `attention-0`"),
        (next("influence", "2027-03-01"), "there are `attention-1`, `attention-2`"),
        (next("attention-1", "2027-03-01"), "counts already"),
        (next("attention-2", "soon"), "`soon` is no day"),
        (next("attention-2", "2027-02-30"), "is no day"),
        (format!("{}when = 1\n", next("attention-2", "2027-03-01")), "when"),
        (BUILT_IN.replace("[formula]\ncounts = \"attention-1\"", ""), "formula"),
    ] {
        let error = Registry::parse(&text).unwrap_err().to_string();
        assert!(error.contains(said), "{said}: {error}");
    }
    let hashes: std::collections::BTreeSet<String> =
        [Registry::built_in().unwrap(), announced(), switched()].map(|registry| registry.sha256).into();
    assert_eq!(hashes.len(), 3, "each is another bundle");
}
