//! One order without gaps; all of an act or nothing of it (N2).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sayso::crypto::{Role, sha256};
use sayso::domain::{Day, Grant, Micros, ResponseKind, Seq, Triple, Week};
use sayso::ids::Subject;
use sayso::log::{Leaf, parse_vkey, verify};
use sayso::service::NewClient;
use sayso::store::{
    ActivityRow, EdgeKey, EventRow, Head, LeafRow, NodeRow, Recorded, Store, StoreError, Tx, WrappedKey,
};

use crate::on_both;
use crate::raw::everything;

const AT_ONCE: i64 = 50;
const LIKING: [[u8; 16]; 2] = [[6; 16], [7; 16]];

fn auditor(number: i64) -> NewClient {
    let (purposes, sources) = (Vec::new(), Vec::new());
    NewClient {
        id: format!("auditor-{number}").parse().unwrap(),
        role: Role::Auditor,
        class: None,
        purposes,
        sources,
        webhook: None,
        public_key: None,
        terms: Default::default(),
    }
}

async fn read(store: &Store) -> (Head, i64, Vec<LeafRow>) {
    store
        .read_tx(&(), |tx, ()| {
            Box::pin(async move {
                Ok::<_, StoreError>((tx.head().await?, tx.count_events().await?, tx.leaves(Seq(1), 1_000).await?))
            })
        })
        .await
        .unwrap()
}

/// RFC 9162, section 2.1.1, word for word.
fn root(leaves: &[[u8; 32]]) -> [u8; 32] {
    match leaves {
        [] => sha256(b""),
        [leaf] => *leaf,
        _ => {
            let half = leaves.len().next_power_of_two() / 2;
            let (left, right) = leaves.split_at(half);
            sha256(&[&[1], root(left).as_slice(), &root(right)].concat())
        }
    }
}

on_both!(fifty_at_once_leave_no_gap, |world| {
    let (before, _, _) = read(&world.app.store).await;
    let acts: Vec<_> = (0..AT_ONCE)
        .map(|number| {
            let app = Arc::clone(&world.app);
            tokio::spawn(async move { app.register_client(&auditor(number), None).await.map(|made| made.done.seq) })
        })
        .collect();
    let mut seqs = Vec::new();
    for act in acts {
        seqs.push(act.await.unwrap().unwrap());
    }
    seqs.sort();
    assert_eq!(seqs, (1..=AT_ONCE).map(|next| Seq(before.seq.0 + next)).collect::<Vec<_>>());

    let (head, count, leaves) = read(&world.app.store).await;
    assert_eq!((head.seq.0, count), (before.seq.0 + AT_ONCE, before.seq.0 + AT_ONCE));
    assert!(leaves.iter().map(|leaf| leaf.seq.0).eq(1..=count), "a gap");
    let hashes: Vec<[u8; 32]> = leaves
        .iter()
        .map(|row| Leaf { kind: row.kind.clone(), day: row.day, commitment: row.commitment }.hash())
        .collect();
    assert!(leaves.iter().zip(&hashes).all(|(row, hash)| row.stored_hash == *hash));
    let checkpoint = verify(&head.checkpoint, &parse_vkey(&world.app.log_vkey()).unwrap()).unwrap();
    assert_eq!((checkpoint.size, checkpoint.root), (u64::try_from(count).unwrap(), root(&hashes)));
});

/// Two likes of one week, by one member of another's posts, as two activities of one edge.
async fn liked_twice(tx: &mut Tx) -> Result<(), StoreError> {
    let triple = Triple {
        purpose: "attention_score".parse().unwrap(),
        source: "github".parse().unwrap(),
        recipient: "sayso".parse().unwrap(),
    };
    let [actor, target] = LIKING.map(Subject::new);
    for (subject, lineage) in [(actor, 1), (target, 2)] {
        tx.insert_standing(&subject, &"gdpr".parse().unwrap()).await?;
        let grant = Grant { lineage: Seq(lineage), notice_version: 1, valid_until: Micros(i64::MAX) };
        tx.upsert_grant(&subject, &triple, &grant).await?;
    }
    for activity in [1, 2] {
        let edge = EdgeKey {
            actor: (actor, Seq(1)),
            target: (target, Seq(2)),
            source: "github".into(),
            topic: "music".parse().unwrap(),
            week: Week(3_000),
            kind: ResponseKind::Like,
        };
        let row = ActivityRow { edge, activity: [activity; 32], made: None, object: None, about: None };
        assert!(tx.add_activity(&row).await?);
    }
    Ok(())
}

on_both!(two_who_take_back_at_once_leave_no_edge, |world| {
    let store = &world.app.store;
    store.run_tx(&(), |tx, ()| Box::pin(liked_twice(tx))).await.unwrap();
    let take_back = |activity: [u8; 32], wait: u64, hold: u64| async move {
        tokio::time::sleep(Duration::from_millis(wait)).await;
        let taken: Result<u64, StoreError> = store
            .run_tx(&(activity, hold), |tx, (activity, hold)| {
                Box::pin(async move {
                    let taken = tx.take_back_activity(&Subject::new(LIKING[0]), activity).await?;
                    tokio::time::sleep(Duration::from_millis(*hold)).await;
                    Ok(taken)
                })
            })
            .await;
        taken.unwrap()
    };
    assert_eq!(tokio::join!(take_back([1; 32], 0, 400), take_back([2; 32], 100, 0)), (1, 1));
    let edges: Result<(i64, i64), StoreError> = store.read_tx(&(), |tx, ()| Box::pin(tx.count_edges())).await;
    assert_eq!(edges.unwrap(), (0, 0));
});

/// Writes to several tables, then fails in the way that is asked for.
async fn write_then(tx: &mut Tx, fail: Option<StoreError>) -> Result<(), StoreError> {
    let head = tx.take_head(Micros(i64::MAX)).await?;
    tx.insert_standing(&Subject::new([5; 16]), &"gdpr".parse().unwrap()).await?;
    tx.insert_key(&Subject::new([5; 16]), &WrappedKey { epoch: 1, bytes: b"wrapped".to_vec() }).await?;
    tx.count_unknown("acme", sayso::domain::Day(head.seq.0), 3).await?;
    let event = EventRow { seq: head.seq, kind: "held", day: Day(1), commitment: [1; 32], subject: None, body: None };
    let node = NodeRow { level: 0, place: head.seq.0 - 1, hash: [1; 32] };
    let (frontier, checkpoint) = (b"another frontier".as_slice(), "another checkpoint");
    let (nodes, standing, ended, granted) = (&[node][..], None, &[][..], &[][..]);
    tx.append(&Recorded { event: &event, nodes, frontier, checkpoint, standing, ended, granted }).await?;
    fail.map_or(Ok(()), Err)
}

on_both!(a_body_that_fails_leaves_the_database_as_it_was, |world| {
    let before = everything(&world).await;
    let store = &world.app.store;
    let failed = store.run_tx(&(), |tx, ()| Box::pin(write_then(tx, Some(StoreError::Corrupt("on purpose"))))).await;
    assert!(matches!(failed, Err(StoreError::Corrupt("on purpose"))));
    assert_eq!(everything(&world).await, before);

    // A row that is there twice, and one that points at nobody.
    let twice = store
        .run_tx(&(), |tx, ()| {
            Box::pin(async move {
                write_then(tx, None).await?;
                tx.insert_standing(&Subject::new([5; 16]), &"gdpr".parse().unwrap()).await
            })
        })
        .await;
    assert!(matches!(twice, Err(StoreError::Duplicate)), "{twice:?}");
    assert_eq!(everything(&world).await, before);

    let ok = store.run_tx(&(), |tx, ()| Box::pin(write_then(tx, None))).await;
    assert!(ok.is_ok());
    assert_ne!(everything(&world).await, before, "nothing was written that could have been left");
});

on_both!(a_body_that_meets_others_is_run_again_and_gives_up_in_the_end, |world| {
    let before = everything(&world).await;
    let tries = AtomicU32::new(0);
    let gave_up = world
        .app
        .store
        .run_tx(&tries, |tx, tries| {
            Box::pin(async move {
                tries.fetch_add(1, Ordering::SeqCst);
                write_then(tx, Some(StoreError::Fenced)).await
            })
        })
        .await;
    assert!(matches!(gave_up, Err(StoreError::Contention(12))), "{gave_up:?}");
    assert_eq!(tries.load(Ordering::SeqCst), 12);
    assert_eq!(everything(&world).await, before);

    let tries = AtomicU32::new(0);
    let second = world
        .app
        .store
        .run_tx(&tries, |tx, tries| {
            Box::pin(async move {
                let first = tries.fetch_add(1, Ordering::SeqCst) == 0;
                tx.count_unknown("acme", sayso::domain::Day(1), 1).await?;
                if first { Err(StoreError::Fenced) } else { Ok(()) }
            })
        })
        .await;
    assert!(second.is_ok());
    let rows = everything(&world).await.into_iter().filter(|(table, _)| table == "unknown_count");
    let times: Vec<_> = rows.flat_map(|(_, row)| row).filter(|(column, _)| column == "times").collect();
    assert_eq!(times, [("times".to_owned(), sayso::store::Cell::Int(1))], "the first try left something");
});

on_both!(a_caller_that_goes_away_leaves_the_database_as_it_was, |world| {
    let before = everything(&world).await;
    let waits = world.app.store.run_tx(&(), |tx, ()| {
        Box::pin(async move {
            write_then(tx, None).await?;
            std::future::pending::<()>().await;
            Ok::<_, StoreError>(())
        })
    });
    assert!(tokio::time::timeout(Duration::from_millis(300), waits).await.is_err());
    assert_eq!(everything(&world).await, before);
    world.app.register_client(&auditor(0), None).await.expect("the store goes on");
});

on_both!(reading_writes_nothing, |world| {
    let before = everything(&world).await;
    let written = world.app.store.read_tx(&(), |tx, ()| Box::pin(write_then(tx, None))).await;
    assert!(written.is_err(), "a read wrote");
    assert_eq!(everything(&world).await, before);
});

on_both!(a_read_sees_one_moment, |world| {
    let app = Arc::clone(&world.app);
    let (first, second) = world
        .app
        .store
        .read_tx(&app, |tx, app| {
            Box::pin(async move {
                let first = tx.head().await?;
                let meanwhile = Arc::clone(app);
                tokio::spawn(async move { meanwhile.register_client(&auditor(0), None).await.unwrap() }).await.unwrap();
                Ok::<_, StoreError>((first, tx.head().await?))
            })
        })
        .await
        .unwrap();
    assert_eq!(first, second);
    assert_eq!(read(&world.app.store).await.0.seq.0, first.seq.0 + 1);
});
