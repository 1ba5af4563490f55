//! Undo, Delete and a narrowing Update take back exactly what was given; the same input twice counts once.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use super::*;
use crate::on_both;
use crate::people::{Dump, assert_same, dump, only, scored_member, tamper};
use crate::world::Db;

const PEOPLE: [&str; 4] = ["ann", "ben", "cleo", "dan"];
const GIVEN: [&str; 3] = ["edge", "edge_activity", "object"];
static RUNTIME: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());

#[derive(Debug, Clone)]
struct Step {
    what: u8,
    who: usize,
    whose: usize,
    number: u32,
    weeks: u32,
    shown: bool,
    earlier: usize,
}

fn step() -> impl Strategy<Value = Step> {
    let numbers = (0..13_u8, 0..4_usize, 0..4_usize, 0..3_u32, 0..4_u32, any::<bool>(), any::<usize>());
    numbers.prop_map(|(what, who, whose, number, weeks, shown, earlier)| Step {
        what,
        who,
        whose,
        number,
        weeks,
        shown,
        earlier,
    })
}

/// A history as one server tells it: nobody responds to a post by its id alone before it was seen.
fn history(steps: &[Step], take_backs: bool) -> Vec<Value> {
    let mut lines: Vec<Value> = Vec::new();
    let mut posted: Vec<(usize, u32)> = Vec::new();
    for (place, step) in steps.iter().enumerate() {
        let (who, whose) = (PEOPLE[step.who], PEOPLE[step.whose]);
        let shown = step.shown || !posted.contains(&(step.whose, step.number));
        let theirs = (whose, step.number);
        let name = format!("a{place}");
        let own = posted.contains(&(step.who, step.number));
        let earlier = lines.get(step.earlier % (place + 1)).cloned();
        lines.push(match (step.what, earlier) {
            (0..=1, _) => {
                posted.push((step.who, step.number));
                super::post(who, step.number, step.weeks, Some("music").filter(|_| step.shown))
            }
            (10, Some(of)) if take_backs && of["type"] != "Undo" => {
                let by = PEOPLE.into_iter().find(|name| of["actor"] == actor(name)).unwrap();
                super::undo(by, &of, step.shown)
            }
            (11, _) if take_backs && own => super::delete(who, &super::post_id(who, step.number)),
            (12, _) if take_backs && own => super::narrow(who, &super::post_id(who, step.number)),
            (2..=4, _) => super::response("Announce", &name, who, theirs, step.weeks, shown),
            (5..=7, _) => super::reply(&name, who, theirs, step.weeks, shown),
            _ => super::response("Like", &name, who, theirs, step.weeks, shown),
        });
    }
    lines
}

async fn members(db: Db) -> World {
    let world = World::new(db).await;
    for name in PEOPLE {
        scored_member(&world, name).await;
    }
    world
}

/// What these lines leave in a world where nothing was given before.
async fn left_by(world: &World, batches: &[&[Value]]) -> Dump {
    for table in GIVEN {
        tamper(world, &format!("DELETE FROM {table}")).await;
    }
    for batch in batches {
        ingest(world, batch).await;
    }
    left(world).await
}

async fn left(world: &World) -> Dump {
    let mut left = dump(world).await;
    // The id of a post is sealed in its last column, each time under another nonce.
    let posts = std::mem::take(left.get_mut("object").unwrap());
    let unsealed = |row: String| row.rsplit_once([',', '|']).map(|(row, _)| row.to_owned()).unwrap();
    left.insert("object".into(), posts.into_iter().map(unsealed).collect());
    left
}

fn for_all<T: std::fmt::Debug>(db: Db, cases: u32, strategy: &impl Strategy<Value = T>, claim: impl Fn(&World, T)) {
    let world = RUNTIME.block_on(members(db));
    let config = Config { cases, max_shrink_iters: 200, failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config).run(strategy, |case| {
        claim(&world, case);
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

fn the_same_again_changes_nothing(db: Db, cases: u32) {
    let strategy = (prop::collection::vec(step(), 1..60), any::<prop::sample::Index>());
    for_all(db, cases, &strategy, |world, (steps, cut)| {
        let lines = history(&steps, true);
        let prefix = &lines[..cut.index(lines.len())];
        RUNTIME.block_on(async {
            let once = left_by(world, &[&lines]).await;
            assert_same(&once, &left_by(world, &[&lines, &lines]).await);
            assert_same(&once, &left_by(world, &[prefix, &lines]).await);
        });
    });
}

#[test]
fn the_same_input_again_or_after_an_interruption_changes_nothing_on_sqlite() {
    the_same_again_changes_nothing(Db::Sqlite, 48);
}

#[test]
fn the_same_input_again_or_after_an_interruption_changes_nothing_on_postgres() {
    the_same_again_changes_nothing(Db::Postgres, 16);
}

// Two undos of one like: when the lines are told again, the second one takes back the other like before that one was told.
on_both!(a_response_counts_for_the_topic_of_its_post_whichever_was_told_first, |world| {
    for name in ["ann", "ben"] {
        scored_member(&world, name).await;
    }
    let [first, second] = ["first", "second"].map(|name| super::like(name, "ann", "ben", 0));
    let (back, post) = (super::undo("ann", &first, true), super::post("ben", 0, 0, Some("music")));
    let after = left_by(&world, &[&[post.clone(), second.clone()]]).await;
    assert!(after["edge"].iter().all(|edge| edge.contains("music")), "{:?}", after["edge"]);
    assert_same(&after, &left_by(&world, &[&[second.clone(), post.clone()]]).await);
    let lines = [first, back.clone(), back, second, post];
    assert_same(&after, &left_by(&world, &[&lines]).await);
    assert_same(&after, &left_by(&world, &[&lines, &lines]).await);
});

/// Something given in the middle and taken back at the end.
fn taken_back(before: &[Value], given: &Value, after: &[Value], back: Value) -> Vec<Value> {
    [before, std::slice::from_ref(given), after, &[back]].concat()
}

fn what_is_undone_never_happened(db: Db, cases: u32) {
    let strategy = (prop::collection::vec(step(), 1..40), step(), any::<prop::sample::Index>(), any::<bool>());
    for_all(db, cases, &strategy, |world, (steps, extra, place, embedded)| {
        let lines = history(&steps, false);
        let (before, after) = lines.split_at(place.index(lines.len()));
        let (who, theirs) = (PEOPLE[extra.who], (PEOPLE[extra.whose], extra.number));
        let like = super::response("Like", "extra", who, theirs, extra.weeks, true);
        let share = super::response("Announce", "extra", who, theirs, extra.weeks, true);
        let reply = super::reply("extra", who, theirs, extra.weeks, true);
        RUNTIME.block_on(async {
            let never = left_by(world, &[&lines]).await;
            for given in [&like, &share, &reply] {
                let undone = taken_back(before, given, after, super::undo(who, given, embedded));
                assert_same(&never, &left_by(world, &[&undone]).await);
            }
            let note = super::id("note-extra");
            for back in [super::delete(who, &note), super::narrow(who, &note)] {
                assert_same(&never, &left_by(world, &[&taken_back(before, &reply, after, back)]).await);
            }
        });
    });
}

#[test]
fn what_is_undone_never_happened_on_sqlite() {
    what_is_undone_never_happened(Db::Sqlite, 24);
}

#[test]
fn what_is_undone_never_happened_on_postgres() {
    what_is_undone_never_happened(Db::Postgres, 8);
}

/// Whether a line is the post, or a response to it.
fn is_about(line: &Value, post: &str) -> bool {
    let object = &line["object"];
    let target = if object["inReplyTo"].is_null() { object } else { &object["inReplyTo"] };
    target == post || target["id"] == post
}

fn a_deleted_post_takes_its_responses_along(db: Db, cases: u32) {
    let strategy = (prop::collection::vec(step(), 1..50), 0..4_usize, 0..3_u32);
    for_all(db, cases, &strategy, |world, (steps, who, number)| {
        let lines = history(&steps, false);
        let post = super::post_id(PEOPLE[who], number);
        let others: Vec<Value> = lines.iter().filter(|line| !is_about(line, &post)).cloned().collect();
        RUNTIME.block_on(async {
            let without = left_by(world, &[&others]).await;
            let deleted = [lines.as_slice(), &[super::delete(PEOPLE[who], &post)]].concat();
            assert_same(&without, &left_by(world, &[&deleted]).await);
            let narrowed = [lines.as_slice(), &[super::narrow(PEOPLE[who], &post)]].concat();
            let narrowed = left_by(world, &[&narrowed]).await;
            assert_same(&only(&without, &["edge", "edge_activity"]), &only(&narrowed, &["edge", "edge_activity"]));
            let late = [super::response("Like", "late", PEOPLE[(who + 1) % 4], (PEOPLE[who], number), 0, true)];
            if lines.iter().any(|line| line["object"]["id"] == post && line["type"] == "Create") {
                ingest(world, &late).await;
                assert_same(&narrowed, &left(world).await);
            }
        });
    });
}

#[test]
fn a_deleted_or_narrowed_post_takes_its_responses_along_on_sqlite() {
    a_deleted_post_takes_its_responses_along(Db::Sqlite, 32);
}

#[test]
fn a_deleted_or_narrowed_post_takes_its_responses_along_on_postgres() {
    a_deleted_post_takes_its_responses_along(Db::Postgres, 10);
}

fn nobody_takes_back_what_others_gave(db: Db, cases: u32) {
    let strategy = (prop::collection::vec(step(), 1..40), 0..4_usize, any::<bool>());
    for_all(db, cases, &strategy, |world, (steps, who, embedded)| {
        let lines = history(&steps, false);
        let me = actor(PEOPLE[who]);
        let mut attacks = Vec::new();
        for line in lines.iter().filter(|line| line["actor"] != me.as_str()) {
            attacks.push(super::undo(PEOPLE[who], line, embedded && line["type"] == "Create"));
            let target = line["object"]["id"].as_str().filter(|_| line["type"] == "Create");
            attacks.extend(target.map(|object| super::delete(PEOPLE[who], object)));
            attacks.extend(target.map(|object| super::narrow(PEOPLE[who], object)));
        }
        RUNTIME.block_on(async {
            let before = left_by(world, &[&lines]).await;
            let taken = ingest(world, &attacks).await;
            assert_eq!(taken.accepted, 0);
            assert_same(&before, &left(world).await);
        });
    });
}

#[test]
fn nobody_takes_back_what_others_gave_on_sqlite() {
    nobody_takes_back_what_others_gave(Db::Sqlite, 24);
}

#[test]
fn nobody_takes_back_what_others_gave_on_postgres() {
    nobody_takes_back_what_others_gave(Db::Postgres, 8);
}
