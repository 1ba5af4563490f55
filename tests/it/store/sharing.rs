//! Acts that come together share a commit, and nothing else.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use sayso::domain::{Day, Micros};
use sayso::ids::Subject;
use sayso::store::{FoundBy, Store, StoreError, Tx};

use sqlx::Row;

use crate::on_both;
use crate::people::{Member, join, scoring};
use crate::world::{Db, World};

/// Of a pool.
const CONNECTIONS: u32 = 16;
const NOBODY: Subject = Subject::new([0; 16]);

/// How an act of the story ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Done,
    /// Refused by what it found.
    Refused,
    /// The caller goes away after so long.
    LeftAfter(Duration),
}

/// Two rows that belong together, with time to be disturbed between them.
async fn write(tx: &mut Tx, number: i64, end: End) -> Result<i64, StoreError> {
    tx.count_unknown("first", Day(number), 1).await?;
    if number % 3 == 0 {
        tokio::task::yield_now().await;
    }
    tx.count_unknown("second", Day(number), 1).await?;
    if end == End::Refused { Err(StoreError::Corrupt("on purpose")) } else { Ok(number) }
}

async fn act(store: &Store, number: i64, end: End) -> Option<Result<i64, StoreError>> {
    let input = (number, end);
    let somebody = (Micros(0), &NOBODY);
    let running = store.run_act(somebody, &input, |tx, _, (number, end)| Box::pin(write(tx, *number, *end)));
    match end {
        End::LeftAfter(patience) => tokio::time::timeout(patience, running).await.ok(),
        _ => Some(running.await),
    }
}

/// Which acts left their first row, and which their second, at one moment; each once.
async fn stored(store: &Store) -> [BTreeSet<i64>; 2] {
    let all = store.read_tx(&(), |tx, ()| Box::pin(tx.asked_counts((Day(0), Day(i64::MAX))))).await.unwrap();
    ["first", "second"].map(|name| {
        let of_name = all.iter().filter(|(_, caller, ..)| caller == name);
        of_name
            .map(|(day, _, _, times)| (*times == 1).then_some(day.0).expect("an act was carried out twice"))
            .collect()
    })
}

on_both!(each_act_of_a_shared_commit_is_done_once_and_whole_or_not_at_all, |world| {
    let store = world.app.store.clone();
    let mut dice: u64 = 11;
    let ends: Vec<End> = (0..600)
        .map(|_| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            match (dice >> 33) % 10 {
                0..=5 => End::Done,
                6 | 7 => End::Refused,
                _ => End::LeftAfter(Duration::from_micros((dice >> 40) % 4_000)),
            }
        })
        .collect();
    let mut tasks = Vec::new();
    for (number, end) in ends.iter().copied().enumerate() {
        let store = store.clone();
        tasks.push(tokio::spawn(async move { act(&store, i64::try_from(number).unwrap(), end).await }));
        if number % 100 == 99 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    let mut answered = BTreeSet::new();
    for (task, end) in tasks.into_iter().zip(&ends) {
        match task.await.unwrap() {
            Some(Ok(number)) => assert!(answered.insert(number)),
            Some(Err(error)) => assert!(*end == End::Refused && matches!(error, StoreError::Corrupt(_)), "{error}"),
            None => assert!(matches!(end, End::LeftAfter(_))),
        }
    }
    store.run_act((Micros(0), &NOBODY), &(), |tx, _, ()| Box::pin(tx.head())).await.unwrap(); // what is being committed now, is
    let [first, second] = stored(&store).await;
    assert_eq!(first, second, "half an act was stored");
    assert!(answered.is_subset(&first), "an act was answered that is not stored");
    let unasked = first.difference(&answered).map(|number| ends[usize::try_from(*number).unwrap()]);
    assert!(unasked.into_iter().all(|end| matches!(end, End::LeftAfter(_))), "a refused act was stored");
    let done = ends.iter().filter(|end| **end == End::Done).count();
    assert!(answered.len() >= done && done > 300, "{} of {done}", answered.len());
});

// Whoever commits for all may go away in the middle of it.
on_both!(whoever_hangs_up_takes_nobody_elses_answer_along, |world| {
    let store = world.app.store.clone();
    let mut tasks = Vec::new();
    for number in 0..900 {
        let store = store.clone();
        let patience = Duration::from_micros(u64::try_from(number * 37 % 3_000).unwrap());
        let end = if number % 3 == 0 { End::Done } else { End::LeftAfter(patience) };
        tasks.push(tokio::spawn(async move { (end, act(&store, number, end).await) }));
        if number % 12 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    for task in tasks {
        let (end, answer) = task.await.unwrap();
        assert!(end != End::Done || matches!(answer, Some(Ok(_))), "{answer:?}");
    }
});

on_both!(nobody_is_answered_before_it_is_committed, |world| {
    let store = world.app.store.clone();
    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                act(&store, number, End::Done).await.unwrap().unwrap();
                stored(&store).await[1].contains(&number)
            })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap(), "an act was answered that another connection does not see");
    }
});

on_both!(an_act_whose_caller_went_away_is_committed_without_another_one, |world| {
    let store = world.app.store.clone();
    let mut number = 0;
    let before = loop {
        let patience = Duration::from_micros(u64::try_from(number % 200).unwrap() * 40);
        let left = act(&store, number, End::LeftAfter(patience)).await.is_none();
        tokio::time::sleep(Duration::from_millis(10)).await;
        let [first, second] = stored(&store).await;
        assert_eq!(first, second);
        if left && first.contains(&number) {
            break first;
        }
        number += 1;
        assert!(number < 5_000, "nobody went away between the act and its commit");
    };
    store.close().await;
    assert!(!before.is_empty());
});

/// Somebody else of PostgreSQL holds one person, and needs another one whom the acts of a commit have changed, while these need the first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acts_of_one_commit_let_go_of_what_others_wait_for() {
    const HOLD: &str = "SELECT epoch FROM standing WHERE subject = $1 FOR SHARE";
    let world = World::new(Db::Postgres).await;
    let (ann, bob) = (join(&world, "ann@example.org").await, join(&world, "bob@example.org").await);
    let Store::Postgres { pool, .. } = &world.app.store else { panic!("not PostgreSQL") };
    let mut other = pool.begin().await.unwrap();
    // Shorter than the server takes to find that two wait for each other.
    sqlx::raw_sql("SET LOCAL lock_timeout = '800ms'").execute(&mut *other).await.unwrap();
    let hold = |member: &Member| sqlx::query(HOLD).bind(member.caller.subject.as_bytes().to_vec());
    hold(&ann).execute(&mut *other).await.unwrap();
    let tries = AtomicU32::new(0);
    // Carried out first, and not over before the other act waits for its turn.
    let of_bob = changing(&world, &bob, (Duration::from_millis(200), &tries));
    let of_ann = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        changing(&world, &ann, (Duration::ZERO, &tries)).await
    };
    let both = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        hold(&bob).execute(&mut *other).await.expect("it waited for whoever waited for it");
        other.commit().await.unwrap();
    };
    let (of_bob, of_ann, ()) = tokio::join!(of_bob, of_ann, both);
    assert!(of_bob.unwrap() && of_ann.unwrap());
}

/// Somebody else holds a person while acts of others keep coming: whoever waited in vain once comes first and waits as long as it takes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_act_that_waited_in_vain_comes_first() {
    let world = World::new(Db::Postgres).await;
    let (ann, bob) = (join(&world, "ann@example.org").await, join(&world, "bob@example.org").await);
    let Store::Postgres { pool, .. } = &world.app.store else { panic!("not PostgreSQL") };
    let hold = "UPDATE standing SET reminded = reminded WHERE subject = $1";
    for round in 0..30 {
        let mut other = pool.begin().await.unwrap();
        sqlx::query(hold).bind(ann.caller.subject.as_bytes().to_vec()).execute(&mut *other).await.unwrap();
        let (tries, ms) = (AtomicU32::new(0), Duration::from_millis(1));
        let of_others = (0..30).map(async |number| {
            tokio::time::sleep(4 * ms * number).await;
            assert!(changing(&world, &bob, (Duration::ZERO, &AtomicU32::new(0))).await.unwrap());
        });
        let of_ann = async {
            tokio::time::sleep(10 * ms).await;
            assert!(changing(&world, &ann, (Duration::ZERO, &tries)).await.unwrap());
        };
        let release = async {
            tokio::time::sleep(120 * ms).await;
            other.commit().await.unwrap();
        };
        tokio::join!(join_all(of_others), of_ann, release);
        assert!(tries.load(Ordering::Relaxed) <= 2, "round {round}: {tries:?}");
    }
}

/// An act that changes a person and takes its time. How often it was tried is counted.
async fn changing(world: &World, member: &Member, time: (Duration, &AtomicU32)) -> Result<bool, StoreError> {
    let subject = member.caller.subject;
    let input = (subject, time);
    let act = world.app.store.run_act((Micros(0), &subject), &input, |tx, _, (subject, (pause, tries))| {
        Box::pin(async move {
            tries.fetch_add(1, Ordering::Relaxed);
            let held = tx.hold_living(subject).await?;
            tokio::time::sleep(*pause).await;
            Ok(held)
        })
    });
    act.await
}

/// A connection that was left within a transaction would read everything as it was then, for whoever gets it next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_hangs_up_while_it_begins_leaves_no_connection_in_the_past() {
    let world = World::new(Db::Postgres).await;
    let Store::Postgres { pool, .. } = &world.app.store else { panic!("not PostgreSQL") };
    let now = "SELECT transaction_timestamp() = statement_timestamp()";
    for round in 0..20 {
        let hanging_up = (0..32).map(|number| {
            tokio::time::timeout(Duration::from_micros((round * 32 + number) % 100 * 20), stored(&world.app.store))
        });
        drop(join_all(hanging_up).await);
        let all = join_all((0..CONNECTIONS).map(|_| pool.acquire())).await;
        for connection in all {
            let mut connection = connection.unwrap();
            sqlx::raw_sql(now).execute(&mut *connection).await.unwrap();
            let is_now = sqlx::raw_sql(now).fetch_one(&mut *connection).await.unwrap().get::<bool, _>(0);
            assert!(is_now, "round {round}: a connection was left in the past");
        }
    }
}

/// Collectors and engines keep people as they are while they write. However many come, whoever changes somebody has their turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_changes_somebody_comes_before_who_asks_later_to_keep_them() {
    let world = World::new(Db::Postgres).await;
    let ann = join(&world, "ann@example.org").await;
    let (store, ms) = (&world.app.store, Duration::from_millis(1));
    let order = Mutex::new(Vec::new());
    let keep = async |name: &'static str, after: u32, time: u32| {
        tokio::time::sleep(ms * after).await;
        let input = ([ann.caller.subject.as_bytes().to_vec()], scoring("activitypub"), ms * time);
        let kept = store.run_tx(&input, |tx, (names, triple, time)| {
            Box::pin(async move {
                tx.known(names, FoundBy::Subject, triple, true).await?;
                tokio::time::sleep(*time).await;
                Ok::<_, StoreError>(())
            })
        });
        kept.await.unwrap();
        order.lock().unwrap().push(name);
    };
    let change = async {
        tokio::time::sleep(ms * 100).await;
        assert!(changing(&world, &ann, (Duration::ZERO, &AtomicU32::new(0))).await.unwrap());
        order.lock().unwrap().push("changed");
    };
    tokio::join!(keep("first", 0, 400), change, keep("later", 200, 400));
    assert_eq!(*order.lock().unwrap(), ["first", "changed", "later"]);
}
