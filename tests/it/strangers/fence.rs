//! The write fence: once a restriction is answered nothing more is stored or read under what it ended.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sayso::fence::{Change, Name};
use serde_json::Value;

use super::*;
use crate::on_both;
use crate::people::{allow, ask, denial, dump, log_size, only, scored_member, scoring};
use crate::world::Db;

const ROUNDS: usize = 12;

fn burst(round: usize) -> Vec<Value> {
    let like = |number: u32| {
        let name = format!("r{round}-{number}");
        let (who, whose) = if number.is_multiple_of(2) { ("ben", "ann") } else { ("ann", "ben") };
        super::response("Like", &name, who, (whose, number), number % 5, true)
    };
    (0..600).map(like).collect()
}

async fn count(world: &World, table: &str) -> usize {
    dump(world).await[table].len()
}

on_both!(after_a_withdrawal_nothing_of_that_lineage_is_stored, |world| {
    let ann = scored_member(&world, "ann").await;
    scored_member(&world, "ben").await;
    let mut met = 0;
    for round in 0..ROUNDS {
        let world = &world;
        let lines = burst(round);
        let taking = async { super::ingest(world, &lines).await };
        let withdrawing = async {
            tokio::time::sleep(std::time::Duration::from_millis(round as u64 * 12)).await;
            let purpose = scoring("activitypub").purpose;
            world.app.withdraw_purpose(&ann.caller, &purpose, None).await.unwrap();
            (count(world, "edge").await, count(world, "edge_activity").await)
        };
        let (taken, at_once) = tokio::join!(taking, withdrawing);
        assert_eq!(at_once, (0, 0), "round {round}");
        assert_eq!((count(world, "edge").await, count(world, "edge_activity").await), (0, 0), "round {round}");
        met += usize::from(taken.accepted > 0 && !taken.dropped.is_empty());
        allow(world, &ann, &scoring("activitypub")).await;
        assert_eq!(count(world, "edge").await, 0, "a new grant starts empty");
    }
    println!("{met} of {ROUNDS} withdrawals came in the middle");
    assert_eq!(world.app.verify_log(&[], |_| ()).await.unwrap().findings, []);
});

on_both!(after_a_hold_nothing_more_is_stored_and_nothing_is_read, |world| {
    let ann = scored_member(&world, "ann").await;
    let ben = scored_member(&world, "ben").await;
    for round in 0..ROUNDS / 2 {
        let world = &world;
        let lines = burst(round);
        let taking = async { super::ingest(world, &lines).await };
        let holding = async {
            tokio::time::sleep(std::time::Duration::from_millis(round as u64 * 25)).await;
            world.app.hold(&ann.caller, None).await.unwrap();
            only(&dump(world).await, &["edge", "edge_activity"])
        };
        let (_, at_once) = tokio::join!(taking, holding);
        crate::people::assert_same(&at_once, &only(&dump(world).await, &["edge", "edge_activity"]));
        assert_eq!(denial(world.app.score(&ann.caller, None).await), sayso::gate::Denial::Held);
        let bens = world.app.score(&ben.caller, None).await.unwrap();
        assert!(bens.topics.is_empty(), "what a paused person gave is not read");
        world.app.release(&ann.caller, None).await.unwrap();
    }
});

on_both!(ingest_is_no_act, |world| {
    scored_member(&world, "ann").await;
    scored_member(&world, "ben").await;
    let before = log_size(&world).await;
    super::ingest(&world, &burst(0)).await;
    assert_eq!(log_size(&world).await, before);
    let sums = ask(&world, "SELECT CAST(CAST(sum(times) AS BIGINT) AS TEXT) FROM edge").await;
    assert_eq!(sums, ["600"]);
});

on_both!(two_who_claim_one_post_at_once_do_not_stop_each_other, |world| {
    scored_member(&world, "ann").await;
    scored_member(&world, "ben").await;
    let claims = |who: &str| -> Vec<Value> {
        let claim = |number| {
            let mut post = super::post(who, number, 1, None);
            post["object"]["id"] = super::post_id("one-or-the-other", number).into();
            post
        };
        (0..40).map(claim).collect()
    };
    for _ in 0..4 {
        let (anns, bens) = (claims("ann"), claims("ben"));
        let (one, other) = tokio::join!(super::ingest(&world, &anns), super::ingest(&world, &bens));
        assert_eq!(one.accepted + other.accepted, 40);
        crate::people::tamper(&world, "DELETE FROM object").await;
    }
});

on_both!(many_collectors_at_once_count_everything_once, |world| {
    scored_member(&world, "ann").await;
    scored_member(&world, "ben").await;
    let lines = burst(0);
    let all = async || super::ingest(&world, &lines).await;
    let (one, two, three) = tokio::join!(all(), all(), all());
    assert_eq!(one.accepted + two.accepted + three.accepted, 600);
    let sums = ask(&world, "SELECT CAST(CAST(sum(times) AS BIGINT) AS TEXT) FROM edge").await;
    assert_eq!(sums, ["600"]);
});

on_both!(nothing_of_somebody_is_lost_while_they_decide_about_something_else, |world| {
    let ann = scored_member(&world, "ann").await;
    scored_member(&world, "ben").await;
    let (world, over) = (&world, AtomicBool::new(false));
    let deciding = async {
        while !over.load(Ordering::Relaxed) {
            let given = allow(world, &ann, &scoring("github")).await;
            world.app.withdraw(&ann.caller, given.consent_id, None).await.unwrap();
        }
    };
    let taking = async {
        let mut accepted = 0;
        for number in 0..200 {
            // Else it would always begin when a commit was answered, which is when nobody is changing.
            tokio::time::sleep(Duration::from_micros(u64::from(number % 7) * 300)).await;
            accepted +=
                super::ingest(world, &[super::like(&format!("while-{number}"), "ann", "ben", number)]).await.accepted;
        }
        over.store(true, Ordering::Relaxed);
        assert_eq!(accepted, 200);
    };
    tokio::join!(deciding, taking);
});

/// The same, standing still: memory does not know her while nobody knows how her last commit went.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_of_somebody_who_is_away_from_memory() {
    let world = World::new(Db::Sqlite).await;
    let ann = scored_member(&world, "ann").await;
    scored_member(&world, "ben").await;
    let subject = ann.caller.subject;
    let name = |digest: String| Name::Blind(hex::decode(digest).unwrap());
    let names = ask(&world, &format!("SELECT hex(blind) FROM identifier WHERE subject = x'{subject}'")).await;
    let change = Change {
        subjects: [subject].into(),
        names: [(subject, names.into_iter().map(name).collect())].into(),
        triples: [(subject, [scoring("activitypub")].into())].into(),
        ..Change::default()
    };
    let fence = world.app.store.fence().unwrap();
    drop(fence.hide(change));
    assert_eq!(super::ingest(&world, &[super::like("away", "ann", "ben", 1)]).await.accepted, 1);
    assert!(fence.changes().is_some(), "the commit put her back");
    assert_eq!(super::ingest(&world, &[super::like("back", "ann", "ben", 2)]).await.accepted, 1);
}
