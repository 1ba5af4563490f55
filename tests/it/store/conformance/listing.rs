//! Long lists: from the beginning, after a place and before one, each entry once.

use sayso::domain::{Day, Stretch};
use sayso::ids::{DeliveryId, IdentifierId, Reference, TokenId};
use sayso::store::{ClaimRow, Counted, DeliveryKind, DeliveryRow, DeliveryState, IdentifierRow};

use super::*;

/// An event of this kind of somebody.
async fn did(tx: &mut Tx, subject: &Subject, kind: &'static str) -> Result<Seq, StoreError> {
    let event = EventRow { kind, ..next(tx, subject).await? };
    tx.append(&alone(&event, &[leaf(event.seq)])).await?;
    Ok(event.seq)
}

story!(events_are_listed_newest_first_and_by_kind, events);
async fn events(tx: &mut Tx) -> Told {
    let (anna, ben) = (person(tx, ANNA).await?, person(tx, BEN).await?);
    let mut all = Vec::new();
    for kind in ["held", "disclosed", "released", "disclosed"] {
        all.insert(0, did(tx, &anna, kind).await?);
        did(tx, &ben, kind).await?;
    }
    let seqs = |rows: Vec<(Seq, Vec<u8>)>| rows.into_iter().map(|(seq, _)| seq).collect::<Vec<_>>();
    assert_eq!(seqs(tx.events_in(&anna, None, Stretch::First, 9).await?), all);
    assert_eq!(seqs(tx.events_in(&anna, None, Stretch::First, 2).await?), all[..2]);
    assert_eq!(seqs(tx.events_in(&anna, None, Stretch::After(all[1]), 9).await?), all[2..]);
    assert_eq!(seqs(tx.events_in(&anna, None, Stretch::Before(all[2]), 1).await?), [all[1]], "the nearest");
    assert_eq!(seqs(tx.events_in(&anna, Some("disclosed"), Stretch::First, 9).await?), [all[0], all[2]]);
    Ok(())
}

story!(whoever_has_nothing_open_is_not_looked_at, contested);
async fn contested(tx: &mut Tx) -> Told {
    let (anna, ben, cleo) = (person(tx, ANNA).await?, person(tx, BEN).await?, person(tx, CLEO).await?);
    let before = tx.count_open_contests().await?;
    let first = did(tx, &anna, "contested").await?;
    did(tx, &ben, "contested").await?;
    let second = did(tx, &anna, "contested").await?;
    did(tx, &ben, "contest_answered").await?;
    did(tx, &anna, "contest_answered").await?;
    let last = did(tx, &cleo, "contested").await?;
    assert_eq!(tx.count_open_contests().await?, before + 2);
    let listed = [(first, anna), (second, anna), (last, cleo)];
    assert_eq!(tx.contested_in(Stretch::First, 9).await?, listed);
    assert_eq!(tx.contested_in(Stretch::After(first), 1).await?, listed[1..2]);
    assert_eq!(tx.contested_in(Stretch::Before(last), 1).await?, listed[1..2]);
    Ok(())
}

fn delivery(number: u8, subject: Option<Subject>, made: i64) -> DeliveryRow {
    DeliveryRow {
        id: DeliveryId::new([number; 16]),
        recipient: format!("recipient-{number}"),
        pairwise: None,
        subject,
        job: None,
        kind: DeliveryKind::ConsentChanged,
        state: DeliveryState::Failed,
        made: Micros(made),
        next: None,
        tries: 1,
        status: None,
    }
}

story!(what_recipients_are_told_is_listed_by_time_or_by_name, deliveries);
async fn deliveries(tx: &mut Tx) -> Told {
    let (anna, job) = (person(tx, ANNA).await?, Reference::new([7; 16]));
    let rows = [(1, 10), (2, 10), (3, 20)].map(|(number, made)| delivery(number, Some(anna), made));
    let of_job = [4, 5].map(|number| DeliveryRow { job: Some(job), ..delivery(number, None, 5) });
    for row in rows.iter().chain(&of_job) {
        tx.insert_delivery(row).await?;
    }
    let [one, two, three] = &rows;
    let place = |row: &DeliveryRow| (row.made, row.id);
    let ids = |rows: Vec<DeliveryRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(ids(tx.deliveries_in(&anna, Stretch::First, 9).await?), [three.id, two.id, one.id]);
    assert_eq!(ids(tx.deliveries_in(&anna, Stretch::After(place(three)), 1).await?), [two.id]);
    assert_eq!(ids(tx.deliveries_in(&anna, Stretch::Before(place(one)), 9).await?), [two.id, three.id]);
    assert_eq!(ids(tx.deliveries_of_job_in(&job, Stretch::First, 9).await?), [of_job[0].id, of_job[1].id]);
    let after = Stretch::After(of_job[0].recipient.clone());
    assert_eq!(ids(tx.deliveries_of_job_in(&job, after, 9).await?), [of_job[1].id]);
    let before = Stretch::Before(of_job[1].recipient.clone());
    assert_eq!(ids(tx.deliveries_of_job_in(&job, before, 9).await?), [of_job[0].id]);
    assert_eq!(tx.count_open_deliveries().await?, 5);
    let failing = tx.failing_deliveries().await?;
    assert_eq!((failing.iter().map(|(_, count, _)| count).sum::<i64>(), failing[0].2), (5, Micros(5)));
    let open = ids(tx.open_deliveries(Stretch::First, 9).await?);
    assert_eq!(open, [of_job[0].id, of_job[1].id, one.id, two.id, three.id], "the oldest first");
    assert_eq!(ids(tx.open_deliveries(Stretch::After(place(one)), 1).await?), [two.id]);
    assert_eq!(ids(tx.open_deliveries(Stretch::Before(place(three)), 1).await?), [two.id]);
    Ok(())
}

/// The places of Anna's counts.
async fn places(tx: &mut Tx, stretch: Stretch<(Day, i64)>, limit: i64) -> Result<Vec<(i64, i64)>, StoreError> {
    let rows = tx.decisions_in(&subject(ANNA), stretch, limit).await?;
    Ok(rows.into_iter().map(|((day, place), _)| (day.0, place)).collect())
}

story!(decisions_are_listed_by_day_and_place, decisions);
async fn decisions(tx: &mut Tx) -> Told {
    let anna = person(tx, ANNA).await?;
    for (day, caller) in [(1, "a"), (1, "b"), (1, "c"), (2, "b"), (3, "a"), (3, "b")] {
        let counted = Counted {
            day: Day(day),
            caller: caller.into(),
            purpose: "p".into(),
            source: "s".into(),
            action: "disclose".into(),
            policy_sha256: "5e".repeat(32),
            allowed: true,
        };
        tx.count_decisions(&counted, &[(anna, 4)]).await?;
    }
    let mut expected = vec![(3, 1), (3, 2), (2, 1), (1, 1), (1, 2), (1, 3)];
    assert_eq!(places(tx, Stretch::First, 9).await?, expected);
    assert_eq!(places(tx, Stretch::First, 1).await?, expected[..1]);
    for (number, (day, place)) in expected.clone().into_iter().enumerate() {
        assert_eq!(
            places(tx, Stretch::After((Day(day), place)), 9).await?,
            expected[number + 1..],
            "after {day}.{place}"
        );
    }
    expected.reverse();
    for (number, (day, place)) in expected.clone().into_iter().enumerate() {
        let before = places(tx, Stretch::Before((Day(day), place)), 2).await?;
        let nearest = &expected[number + 1..];
        assert_eq!(before, nearest[..nearest.len().min(2)], "before {day}.{place}");
    }
    Ok(())
}

/// Anna's identifiers.
async fn listed(tx: &mut Tx, stretch: Stretch<(String, IdentifierId)>) -> Result<Vec<u8>, StoreError> {
    let rows = tx.identifiers_in(&subject(ANNA), stretch, 9).await?;
    Ok(rows.into_iter().map(|row| row.sealed[0]).collect())
}

story!(identifiers_and_callers_are_listed_in_order_and_claims_until_they_end, names);
async fn names(tx: &mut Tx) -> Told {
    let anna = person(tx, ANNA).await?;
    for (number, kind) in [(1, "handle"), (2, "email"), (3, "handle")] {
        let (blind, sealed) = ([number; 32], vec![number]);
        let id = IdentifierId::new([number; 16]);
        let row = IdentifierRow { id, kind: kind.into(), blind, sealed: sealed.clone(), proof: "page".into() };
        tx.insert_identifier(&anna, &row, &[0; 32]).await?;
        let claim =
            ClaimRow { subject: anna, id, kind: kind.into(), sealed, code: vec![1], expires: Micros(number.into()) };
        tx.insert_claim(&claim).await?;
    }
    let place = |number: u8, kind: &str| (kind.to_owned(), IdentifierId::new([number; 16]));
    assert_eq!(listed(tx, Stretch::First).await?, [2, 1, 3]);
    assert_eq!(listed(tx, Stretch::After(place(1, "handle"))).await?, [3]);
    assert_eq!(listed(tx, Stretch::Before(place(3, "handle"))).await?, [1, 2]);
    let open = tx.open_claims(&anna, Micros(1), 9).await?;
    assert_eq!(open.iter().map(|claim| claim.sealed[0]).collect::<Vec<_>>(), [2, 3], "the first one ended");

    let all: Vec<String> = tx.clients().await?.into_iter().map(|row| row.id).collect();
    let ids = |rows: Vec<sayso::store::ClientRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(ids(tx.clients_in(Stretch::First, 9).await?), all);
    assert_eq!(ids(tx.clients_in(Stretch::After(all[0].clone()), 9).await?), all[1..]);
    assert_eq!(ids(tx.clients_in(Stretch::Before(String::from("z")), 1).await?), all[all.len() - 1..]);
    Ok(())
}

story!(a_token_that_was_ended_is_ended_until_it_would_have_anyway, tokens);
async fn tokens(tx: &mut Tx) -> Told {
    let (one, other) = (TokenId::new([1; 16]), TokenId::new([2; 16]));
    for _ in 0..2 {
        tx.end_token(&one, Micros(50)).await?;
    }
    assert!(tx.token_has_ended(&one).await? && !tx.token_has_ended(&other).await?);
    tx.sweep(Micros(49)).await?;
    assert!(tx.token_has_ended(&one).await?);
    tx.sweep(Micros(50)).await?;
    assert!(!tx.token_has_ended(&one).await?);
    Ok(())
}
