//! What the gate looks at in memory is what stands in the database, whatever happens to people and to the acts about them.

use std::time::Duration;

use sayso::clock::Clock;
use sayso::domain::Whom;
use sayso::gate::Action;
use sayso::secret::Entropy;
use sayso::service::{App, Asked, ClientCaller, ConsentDecision, GateQuestion};
use sayso::store::Access;

use crate::people::{Member, allow_until, decide, join, recipient, triple};
use crate::world::{Db, World};

const PURPOSE: &str = "public_profile";
const SOURCES: [&str; 2] = ["activitypub", "blog"];

fn question(source: &str, members: &[Member]) -> GateQuestion {
    GateQuestion {
        action: Action::Disclose,
        purpose: PURPOSE.parse().unwrap(),
        source: source.parse().unwrap(),
        ids: members.iter().map(|member| Asked::Identifier(member.email.clone())).collect(),
    }
}

/// Another program beside the server: it has nobody in memory and asks the database.
async fn beside(world: &World) -> App {
    let clock = Clock::fixed(world.app.clock.now());
    App::open(world.app.config.clone(), clock, Entropy::seeded(7), Access::Inspect).await.unwrap().app
}

/// Who is allowed, as the server answers and as the database has it.
async fn both(world: &World, desk: &ClientCaller, members: &[Member]) -> [Vec<Vec<usize>>; 2] {
    let database = beside(world).await;
    assert!(world.app.store.fence().is_some() && database.store.fence().is_none());
    let mut answers = [Vec::new(), Vec::new()];
    for source in SOURCES {
        let question = question(source, members);
        let (memory, read) = tokio::join!(world.app.filter(desk, &question), database.filter(desk, &question));
        answers[0].push(memory.unwrap().allowed);
        answers[1].push(read.unwrap().allowed);
    }
    database.store.close().await;
    answers
}

async fn people(world: &World, count: usize) -> Vec<Member> {
    let mut members = Vec::new();
    for number in 0..count {
        members.push(join(world, &format!("member{number}@example.org")).await);
    }
    members
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_answers_as_the_database_does_after_every_act() {
    let world = World::new(Db::Sqlite).await;
    let desk = recipient(&world, "desk", &[PURPOSE], &SOURCES).await;
    let members = people(&world, 5).await;
    let mut dice: u64 = 20;
    let (mut allowed, mut erased) = (0, std::collections::BTreeSet::new());
    for _ in 0..80 {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let roll = |shift: u32, sides: u64| usize::try_from((dice >> shift) % sides).unwrap();
        let member = &members[roll(33, 5)];
        if erased.contains(&member.email) {
            continue;
        }
        let about = triple(PURPOSE, SOURCES[roll(40, 2)], "desk");
        // Some acts have no meaning at that moment, and are refused.
        match roll(48, 12) {
            0..=4 => drop(decide(&world, member, &about, ConsentDecision::Granted).await),
            5 => drop(decide(&world, member, &about, ConsentDecision::Refused).await),
            6 => drop(world.app.withdraw_purpose(&member.caller, &about.purpose, None).await),
            7 => drop(world.app.hold(&member.caller, None).await),
            8 => drop(world.app.release(&member.caller, None).await),
            9 if roll(52, 4) == 0 => drop(world.app.opt_out(&member.email, Whom::Oneself, None).await),
            10 if roll(52, 4) == 0 && erased.insert(member.email.clone()) => {
                drop(world.app.erase(&member.caller, None).await.unwrap());
            }
            _ => world.pass_seconds(1),
        }
        let [memory, database] = both(&world, &desk, &members).await;
        assert_eq!(memory, database);
        allowed += memory.iter().map(Vec::len).sum::<usize>();
    }
    assert!(allowed > 20, "the story allows too little to say anything: {allowed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_act_that_is_given_up_at_any_moment_leaves_nobody_allowed_who_is_not() {
    let world = World::new(Db::Sqlite).await;
    let desk = recipient(&world, "desk", &[PURPOSE], &SOURCES).await;
    let members = people(&world, 1).await;
    let about = triple(PURPOSE, SOURCES[0], "desk");
    for round in 0..60_u64 {
        let decision = if round % 2 == 0 { ConsentDecision::Granted } else { ConsentDecision::Refused };
        let patience = Duration::from_micros(round * 150);
        drop(tokio::time::timeout(patience, decide(&world, &members[0], &about, decision)).await);
        // The one connection that writes is given back once what it was told to do is done.
        let settled = world.app.store.run_tx(&(), |tx, ()| Box::pin(tx.head())).await.unwrap();
        let [memory, database] = both(&world, &desk, &members).await;
        assert_eq!(memory, database, "round {round}");
        let answer = world.app.filter(&desk, &question(SOURCES[0], &members)).await.unwrap();
        assert_eq!(answer.seq, settled.seq);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_lost_to_a_commit_without_an_answer_is_read_anew() {
    let world = World::new(Db::Sqlite).await;
    let desk = recipient(&world, "desk", &[PURPOSE], &SOURCES).await;
    let members = people(&world, 2).await;
    let until = world.app.clock.now().plus_seconds(86_400);
    for member in &members {
        allow_until(&world, member, &triple(PURPOSE, SOURCES[0], "desk"), until).await;
    }
    let fence = world.app.store.fence().unwrap();
    assert_eq!(both(&world, &desk, &members).await[0][0], [0, 1]);
    let change = sayso::fence::Change {
        subjects: [members[0].caller.subject].into(),
        rules: true,
        seq: fence.seq(),
        ..Default::default()
    };
    let generation = fence.generation().unwrap();
    drop(fence.hide(change));
    assert_eq!(fence.generation(), None, "what holds for everybody is read from the database");
    assert!(fence.lost().subjects.contains(&members[0].caller.subject));
    world.app.store.find_what_was_lost().await.unwrap();
    assert!(fence.generation().unwrap() > generation);
    let [memory, database] = both(&world, &desk, &members).await;
    assert_eq!((memory[0].as_slice(), &memory), ([0, 1].as_slice(), &database));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_asks_uncounted_by_hanging_up_while_it_is_counted() {
    let world = World::new(Db::Sqlite).await;
    let desk = recipient(&world, "desk", &[PURPOSE], &SOURCES).await;
    let members = people(&world, 1).await;
    let mut given_up = 0;
    for round in 1..=30_u64 {
        world.app.filter(&desk, &question(SOURCES[0], &members)).await.unwrap();
        let patience = Duration::from_micros(round * 50);
        given_up += u64::from(tokio::time::timeout(patience, world.app.flush_decisions()).await.is_err());
        // What the connection was told to do before is done.
        world.app.store.run_tx(&(), |tx, ()| Box::pin(tx.head())).await.unwrap();
    }
    world.app.flush_decisions().await.unwrap();
    let counted: i64 = world.app.decisions(&members[0].caller).await.unwrap().iter().map(|tally| tally.times).sum();
    assert!(given_up > 0 && counted >= 30, "{counted} of 30 were counted, {given_up} times it was given up");
}
