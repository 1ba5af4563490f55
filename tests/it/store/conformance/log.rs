//! Head, events, tree.

use sayso::domain::{Day, Micros, Seq};
use sayso::store::{EventRow, NodeRow, Tx};

use super::{ANNA, BEN, CLEO, Told, alone, leaf, person, story};

fn nobodys(seq: Seq, kind: &'static str, day: i64) -> EventRow {
    EventRow { seq, kind, day: Day(day), commitment: [8; 32], subject: None, body: None }
}

story!(the_head_moves_one_step_at_a_time_and_its_clock_never_back, heads);
async fn heads(tx: &mut Tx) -> Told {
    let before = tx.head().await?;
    assert_eq!(tx.first_head().await?, Some(before.clone()));
    tx.insert_head(b"", "another start").await?;
    assert_eq!(tx.head().await?, before, "a log began twice");
    let later = Micros(before.recorded.0 + 5);
    let taken = tx.take_head(later).await?;
    assert_eq!((taken.seq.0, taken.recorded, &taken.frontier), (before.seq.0 + 1, later, &before.frontier));
    let taken = tx.take_head(Micros(0)).await?;
    assert_eq!((taken.seq.0, taken.recorded), (before.seq.0 + 1, later));
    assert_eq!(tx.head().await?.seq, before.seq, "a place that was taken and not used");
    let event = nobodys(taken.seq, "held", 100);
    tx.append(&alone(&event, &[leaf(taken.seq)])).await?;
    let after = tx.head().await?;
    assert_eq!(
        (after.seq, after.frontier.as_slice(), after.checkpoint.as_str()),
        (taken.seq, b"frontier".as_slice(), "checkpoint")
    );
    Ok(())
}

story!(events_are_read_by_place_by_person_and_by_kind_and_day, events);
async fn events(tx: &mut Tx) -> Told {
    let anna = person(tx, ANNA).await?;
    let first = tx.head().await?.seq.0 + 1;
    let count = tx.count_events().await?;
    for (place, kind, subject) in [(0, "held", Some(anna)), (1, "released", Some(anna)), (2, "opted_out", None)] {
        let seq = Seq(first + place);
        let body = subject.map(|_| vec![7; 3]);
        let event = EventRow { subject, body, ..nobodys(seq, kind, 100 + place) };
        tx.append(&alone(&event, &[leaf(seq)])).await?;
    }
    assert_eq!(tx.leaves_as_found(Seq(first), 9).await?, tx.leaves(Seq(first), 9).await?);
    let stored = tx.count_nodes().await?;
    let nodes = [3, 1, 2, 4].map(|place| NodeRow { level: 40, place, hash: [1; 32] });
    let fourth = nobodys(Seq(first + 3), "opted_out", 500);
    tx.append(&alone(&fourth, &nodes)).await?;
    assert_eq!(tx.count_nodes().await?, stored + 4);
    let found: Vec<i64> = tx.nodes(40, 1, 3).await?.into_iter().map(|node| node.place).collect();
    assert_eq!(found, [1, 2, 3]);
    assert_eq!(tx.nodes(40, 4, 9).await?, [NodeRow { level: 40, place: 4, hash: [1; 32] }]);
    let mut found = tx.nodes_at(&[(40, 4), (39, 1), (40, i64::MAX), (40, 2)]).await?;
    found.sort_by_key(|node| node.place);
    assert_eq!(found, [2, 4].map(|place| NodeRow { level: 40, place, hash: [1; 32] }));
    assert!(tx.nodes_at(&[]).await?.is_empty());
    assert_eq!(tx.count_events().await?, count + 4);
    assert_eq!((tx.own_events_without_body().await?, tx.own_events("opted_out").await?.len()), (0, 0));
    assert!(!tx.own_events("notice_published").await?.is_empty());
    let (key, events) = tx.key_and_events(&anna).await?.unwrap();
    assert_eq!(
        (Some(key), events),
        (tx.key(&anna).await?, vec![(Seq(first), vec![7; 3]), (Seq(first + 1), vec![7; 3])])
    );
    let ben = person(tx, BEN).await?;
    assert_eq!(tx.key_and_events(&ben).await?.unwrap().1, [], "a key without any event");
    assert!(tx.key_and_events(&super::subject(CLEO)).await?.is_none());

    assert_eq!(tx.event(Seq(first + 1)).await?.unwrap().kind, "released");
    assert!(tx.event(Seq(first + 3)).await?.is_none());

    let leaves = tx.leaves(Seq(first), 10).await?;
    assert_eq!(leaves.iter().map(|leaf| leaf.seq.0).collect::<Vec<_>>(), [first, first + 1, first + 2]);
    let last = &leaves[2];
    assert_eq!((last.kind.as_str(), last.day, last.subject, &last.body), ("opted_out", Day(102), None, &None));
    assert_eq!((last.commitment, last.stored_hash), ([8; 32], [9; 32]));
    assert_eq!(tx.leaves(Seq(first + 1), 1).await?.len(), 1);

    let counts = tx.event_counts((Day(100), Day(101))).await?;
    assert_eq!(counts, [(Day(100), "held".into(), 1), (Day(101), "released".into(), 1)]);

    let counted = tx.kind_counts(Seq(first + 1)).await?;
    assert_eq!(counted.iter().map(|(_, times)| times).sum::<i64>(), first + 1);
    assert!(counted.contains(&("released".into(), 1)) && !counted.iter().any(|(kind, _)| kind == "opted_out"));
    assert_eq!(tx.last_until(Day(101)).await?, Some(Seq(first + 1)));
    assert_eq!(tx.last_until(Day(i64::MAX)).await?, Some(Seq(first + 3)));
    assert_eq!(tx.last_until(Day(i64::MIN)).await?, None);

    let all = (Day(i64::MIN), Day(i64::MAX));
    let before = Seq(first - 1);
    assert_eq!(tx.audit_events(before, None, all, 10).await?.len(), 3);
    assert_eq!(tx.audit_events(before, None, all, 2).await?.len(), 2);
    assert_eq!(tx.audit_events(before, Some("released"), all, 10).await?[0].seq, Seq(first + 1));
    assert_eq!(tx.audit_events(Seq(first), None, (Day(100), Day(101)), 10).await?.len(), 1);
    assert!(tx.audit_events(before, Some("held"), (Day(101), Day(200)), 10).await?.is_empty());
    Ok(())
}
