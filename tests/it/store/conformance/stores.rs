//! Score stores of others, in an erasure.

use sayso::domain::Micros;
use sayso::ids::Reference;
use sayso::store::{JobRow, JobStep, NameHolder, OpenJobs, StoreErasureRow, Tx};

use super::{Told, story};

fn row(job: Reference, store: &str) -> StoreErasureRow {
    StoreErasureRow {
        job,
        store: store.into(),
        pairwise: Some(vec![4; 56]),
        found: "{}".into(),
        removed: "{}".into(),
        tries: 0,
        next: Some(Micros(10)),
        cleared: None,
    }
}

story!(an_erasure_waits_for_its_stores_and_then_lets_go, stores);
async fn stores(tx: &mut Tx) -> Told {
    let reference = Reference::new([9; 16]);
    let job = JobRow {
        reference,
        subject: Some(vec![3; 56]),
        digest: None,
        step: JobStep::Fenced,
        started: Micros(1),
        finished: None,
        removed: "{}".into(),
        events: "{}".into(),
        certificate: None,
    };
    tx.insert_job(&job).await?;
    let open = tx.count_open_jobs().await?;
    assert_eq!(open.iter().map(|(_, count, _)| count).sum::<i64>(), 1);
    let (engine, archive) = (row(reference, "engine"), row(reference, "archive"));
    tx.insert_store_erasure(&engine).await?;
    tx.insert_store_erasure(&archive).await?;
    assert_eq!(tx.stores_of_job(&reference).await?, [archive.clone(), engine.clone()]);
    let held = tx.sealed_names(Micros(0)).await?;
    let holders: Vec<_> = held.iter().map(|name| (name.holder, name.sealed.clone())).collect();
    let [job_name, store_name] = [(NameHolder::Job, vec![3; 56]), (NameHolder::ScoreStore, vec![4; 56])];
    assert_eq!(holders, [job_name, store_name.clone(), store_name]);
    for name in &held {
        tx.seal_name_anew(name, &[5; 56]).await?;
        tx.seal_name_anew(name, &[6; 56]).await?; // no longer the one that was read
    }
    assert!(
        tx.sealed_names(Micros(0)).await?.iter().all(|name| name.sealed == [5; 56] && name.row == reference.as_bytes())
    );
    for name in tx.sealed_names(Micros(0)).await? {
        let before = if name.holder == NameHolder::Job { [3; 56] } else { [4; 56] };
        tx.seal_name_anew(&name, &before).await?;
    }
    assert_eq!(tx.open_jobs(OpenJobs::Own, None, 9).await?.len(), 1, "its own rows are still there");
    tx.update_job(&JobRow { step: JobStep::Removed, ..job.clone() }).await?;
    assert!(tx.open_jobs(OpenJobs::Own, None, 9).await?.is_empty(), "what waits for a store is in nobody's way");

    assert_eq!(tx.due_stores(Micros(9)).await?, [""; 0]);
    assert_eq!(tx.due_stores(Micros(10)).await?, ["archive", "engine"]);
    assert_eq!(tx.due_in_store("engine", Micros(10), 9).await?, std::slice::from_ref(&engine));
    tx.postpone_store("engine", Micros(10), Micros(20)).await?;
    assert!(tx.due_in_store("engine", Micros(19), 9).await?.is_empty());
    let later = StoreErasureRow { tries: 1, next: Some(Micros(20)), ..engine.clone() };
    assert_eq!(tx.due_in_store("engine", Micros(20), 9).await?, std::slice::from_ref(&later));

    let counted = StoreErasureRow { found: "{\"scores\":3}".into(), ..later };
    tx.update_store_erasure(&counted).await?;
    tx.wait_for_store(&reference, "engine", Micros(25)).await?;
    let waits = StoreErasureRow { tries: 2, next: Some(Micros(25)), ..counted };
    assert_eq!(tx.stores_of_job(&reference).await?, [archive.clone(), waits.clone()], "what was counted stays");

    let done = |row: &StoreErasureRow| StoreErasureRow {
        removed: "{\"scores\":2}".into(),
        next: None,
        cleared: Some(Micros(30)),
        ..row.clone()
    };
    tx.update_store_erasure(&done(&archive)).await?;
    assert!(tx.open_jobs(OpenJobs::Cleared, None, 9).await?.is_empty(), "one waits");
    tx.update_store_erasure(&done(&engine)).await?;
    assert_eq!(
        tx.open_jobs(OpenJobs::Cleared, None, 9).await?.iter().map(|job| job.reference).collect::<Vec<_>>(),
        [reference]
    );
    assert!(tx.due_stores(Micros(99)).await?.is_empty());
    tx.let_go_of_store_names(&reference).await?;
    let let_go = |row: &StoreErasureRow| StoreErasureRow { pairwise: None, ..done(row) };
    assert_eq!(tx.stores_of_job(&reference).await?, [let_go(&archive), let_go(&engine)]);
    Ok(())
}
