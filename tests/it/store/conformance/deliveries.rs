//! What recipients are told.

use sayso::domain::{Micros, Seq, Stretch};
use sayso::ids::{DeliveryId, Pairwise, Reference, Subject};
use sayso::store::{DeliveryKind, DeliveryRow, DeliveryState, Hearer, StoreError, Tx};

use super::clients::client;
use super::{ANNA, Told, grant, person, story, triple};

fn row(id: u8, recipient: &str, subject: Option<Subject>, made: i64) -> DeliveryRow {
    DeliveryRow {
        id: DeliveryId::new([id; 16]),
        recipient: recipient.into(),
        pairwise: Some(vec![id; 56]),
        subject,
        job: None,
        kind: DeliveryKind::ConsentChanged,
        state: DeliveryState::Waiting,
        made: Micros(made),
        next: Some(Micros(made)),
        tries: 0,
        status: None,
    }
}

story!(what_is_to_be_told_waits_until_it_is_told, waiting);
async fn waiting(tx: &mut Tx) -> Told {
    let anna = person(tx, ANNA).await?;
    let job = Reference::new([9; 16]);
    let first = row(1, "acme", Some(anna), 10);
    let second = row(2, "acme", Some(anna), 20);
    let erased =
        DeliveryRow { subject: None, job: Some(job), kind: DeliveryKind::PersonErased, ..row(3, "other", None, 30) };
    for one in [&first, &second, &erased] {
        tx.insert_delivery(one).await?;
    }
    assert_eq!(tx.delivery(&first.id).await?, Some(first.clone()));
    assert_eq!(tx.delivery(&DeliveryId::new([7; 16])).await?, None);
    assert_eq!(tx.due_recipients(Micros(9)).await?, [""; 0]);
    assert_eq!(tx.due_recipients(Micros(30)).await?, ["acme", "other"]);
    assert_eq!(tx.due_deliveries("acme", Micros(30), 9).await?, [first.clone(), second.clone()]);
    assert_eq!(tx.due_deliveries("acme", Micros(30), 1).await?, std::slice::from_ref(&first));
    assert_eq!(tx.deliveries_of(&anna).await?, [second.clone(), first.clone()]);
    assert_eq!(tx.deliveries_of_job(&job).await?, std::slice::from_ref(&erased));
    assert!(tx.open_deliveries(Stretch::First, 9).await?.is_empty(), "nothing was tried yet");

    let told =
        DeliveryRow { state: DeliveryState::Told, next: None, pairwise: None, tries: 1, status: Some(204), ..first };
    let failed = DeliveryRow { state: DeliveryState::Failed, next: None, tries: 21, ..erased };
    tx.update_delivery(&told).await?;
    tx.update_delivery(&failed).await?;
    assert_eq!(tx.delivery(&told.id).await?, Some(told.clone()));
    assert_eq!(tx.open_deliveries(Stretch::First, 9).await?, std::slice::from_ref(&failed));
    assert_eq!(tx.due_recipients(Micros(30)).await?, ["acme"]);
    let named =
        async |tx: &mut Tx, after| -> Result<usize, StoreError> { Ok(tx.sealed_names(Micros(after)).await?.len()) };
    assert_eq!(named(tx, 0).await?, 1, "what failed is not sent any more, what was told has no name");
    assert!(tx.retry_delivery(&failed.id, Micros(40)).await?);
    let retried = DeliveryRow { state: DeliveryState::Waiting, next: Some(Micros(40)), tries: 0, ..failed.clone() };
    assert_eq!(tx.delivery(&failed.id).await?, Some(retried));
    assert_eq!((named(tx, 29).await?, named(tx, 30).await?), (2, 1), "of an erasure for so long only");
    tx.update_delivery(&failed).await?;
    assert!(!tx.retry_delivery(&told.id, Micros(40)).await?, "it has no name");
    tx.sweep(Micros(30).plus_days(90)).await?;
    assert!(tx.deliveries_of(&anna).await?.is_empty());
    let kept = tx.deliveries_of_job(&job).await?;
    assert_eq!(kept, [DeliveryRow { pairwise: None, ..failed }], "an erasure's stays, without a name");
    Ok(())
}

story!(every_recipient_with_a_name_for_somebody_is_found_and_how_it_can_be_told, names);
async fn names(tx: &mut Tx) -> Told {
    let anna = person(tx, ANNA).await?;
    assert!(tx.names_of(&anna).await?.is_empty());
    let acme = tx.pairwise(&anna, &"acme".parse().unwrap(), &Pairwise::new([1; 16])).await?;
    let other = tx.pairwise(&anna, &"other".parse().unwrap(), &Pairwise::new([2; 16])).await?;
    assert_eq!(tx.names_of(&anna).await?, [("acme".into(), acme), ("other".into(), other)]);
    tx.insert_client(&client("acme", Some("https://acme.example/hook"))).await?;
    tx.insert_client(&client("other", None)).await?;
    tx.insert_delivery(&row(1, "acme", Some(anna), 10)).await?;
    let told = |recipient: &str, pairwise, state, waits_already| Hearer {
        recipient: recipient.into(),
        pairwise,
        state,
        waits_already,
    };
    let nowhere = told("other", other, DeliveryState::Unreachable, false);
    let waits = told("acme", acme, DeliveryState::Waiting, true);
    assert_eq!(tx.hearers(&anna, DeliveryKind::ConsentChanged).await?, [waits, nowhere.clone()]);
    tx.webhook_is_gone("acme").await?;
    let gone = told("acme", acme, DeliveryState::Gone, false);
    assert_eq!(tx.hearers(&anna, DeliveryKind::PersonErased).await?, [gone, nowhere]);
    Ok(())
}

story!(a_public_page_hangs_on_its_grant_and_goes_with_it, public_pages);
async fn public_pages(tx: &mut Tx) -> Told {
    let anna = person(tx, ANNA).await?;
    let everybody = triple("everybody");
    tx.upsert_grant(&anna, &everybody, &grant(10, 100)).await?;
    let (first, second) = (Pairwise::new([1; 16]), Pairwise::new([2; 16]));
    assert_eq!(tx.page_of(&anna, Seq(10), &first).await?, first);
    assert_eq!(tx.page_of(&anna, Seq(10), &second).await?, first, "it is made once");
    assert_eq!(tx.pages(&anna).await?, [(everybody.source.clone(), first)]);
    assert_eq!(tx.source_of_page(&first).await?, Some(everybody.source.clone()));
    assert_eq!(tx.source_of_page(&second).await?, None);
    assert_eq!(tx.stray_pages(everybody.purpose.as_str(), "everybody").await?, 0);
    assert_eq!(tx.stray_pages(everybody.purpose.as_str(), "sayso").await?, 1, "it hangs on another grant");
    tx.delete_grant(&anna, &everybody).await?;
    assert_eq!(tx.source_of_page(&first).await?, None);
    assert!(tx.pages(&anna).await?.is_empty());
    Ok(())
}
