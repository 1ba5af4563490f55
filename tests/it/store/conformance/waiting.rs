//! Codes, mails, opt-outs, answers already given, erasures under way.

use sayso::domain::{Adult, Micros, Whom};
use sayso::ids::Reference;
use sayso::store::{CodeRow, JobRow, JobStep, MailRow, OpenJobs, StoreError, StoredAnswer, Tx};

use super::{ANNA, Told, person, story};

fn code(byte: u8, what: &str) -> CodeRow {
    CodeRow {
        blind: [byte; 32],
        what: what.into(),
        reference: Reference::new([byte; 16]),
        code_hash: [byte; 32],
        digest: Some(vec![byte; 56]),
        adult: Adult::Yes,
        tries: 0,
        sent: 1,
        hour_from: Micros(0),
        expires: Micros(1_000),
    }
}

story!(a_newer_code_takes_the_place_of_an_older_one, codes);
async fn codes(tx: &mut Tx) -> Told {
    tx.upsert_code(&code(1, "login")).await?;
    tx.upsert_code(&code(2, "access")).await?;
    let newer =
        CodeRow { reference: Reference::new([9; 16]), digest: None, adult: Adult::No, sent: 2, ..code(1, "login") };
    tx.upsert_code(&newer).await?;
    let found = tx.code(&[[9; 32], [1; 32]], "login").await?.unwrap();
    assert_eq!((found.reference, found.digest, found.adult, found.sent), (newer.reference, None, Adult::No, 2));
    assert!(tx.code(&[[9; 32], [1; 32]], "access").await?.is_none());
    assert!(tx.code_by_reference(&Reference::new([1; 16])).await?.is_none());
    assert_eq!(tx.code_by_reference(&newer.reference).await?.unwrap().what, "login");
    tx.count_try(&[1; 32], "login").await?;
    tx.count_try(&[1; 32], "login").await?;
    assert_eq!(tx.code(&[[9; 32], [1; 32]], "login").await?.unwrap().tries, 2);
    assert_eq!(tx.code(&[[9; 32], [2; 32]], "access").await?.unwrap().tries, 0);
    tx.delete_code(&[1; 32], "login").await?;
    assert!(tx.code(&[[9; 32], [1; 32]], "login").await?.is_none());
    // A code that lapsed still counts for the hourly limit.
    tx.sweep(Micros(2_000)).await?;
    assert!(tx.code(&[[9; 32], [2; 32]], "access").await?.is_some());
    tx.sweep(Micros(2_000).plus_seconds(3_600)).await?;
    assert!(tx.code(&[[9; 32], [2; 32]], "access").await?.is_none());
    Ok(())
}

story!(mails_wait_in_order, mails);
async fn mails(tx: &mut Tx) -> Told {
    for byte in [3, 1, 2] {
        let row = MailRow { id: [byte; 16], blind: [byte; 32], sealed: vec![byte] };
        tx.insert_mail(&row, Micros(i64::from(byte))).await?;
    }
    assert_eq!(tx.count_mails().await?, (3, Some(Micros(1))));
    let ids = |mails: Vec<MailRow>| mails.into_iter().map(|mail| (mail.id[0], mail.sealed)).collect::<Vec<_>>();
    assert_eq!(ids(tx.mails(2).await?), [(1, vec![1]), (2, vec![2])]);
    tx.delete_mail(&[1; 16]).await?;
    assert_eq!(ids(tx.mails(10).await?), [(2, vec![2]), (3, vec![3])]);
    assert_eq!(tx.count_mails().await?, (2, Some(Micros(2))));
    for byte in [2, 3] {
        tx.delete_mail(&[byte; 16]).await?;
    }
    assert_eq!(tx.count_mails().await?, (0, None));
    Ok(())
}

story!(an_opt_out_for_a_child_is_never_weakened, suppressions);
async fn suppressions(tx: &mut Tx) -> Told {
    let digest = [4; 16];
    assert_eq!(tx.suppression(&digest).await?, None);
    tx.insert_suppression(&digest, Whom::Oneself, 1, None).await?;
    assert_eq!(tx.suppression(&digest).await?, Some(Whom::Oneself));
    tx.insert_suppression(&digest, Whom::Child, 2, None).await?;
    tx.insert_suppression(&digest, Whom::Oneself, 3, None).await?;
    assert_eq!(tx.suppression(&digest).await?, Some(Whom::Child));
    tx.delete_suppression(&digest).await?;
    assert_eq!(tx.suppression(&digest).await?, None);
    Ok(())
}

story!(an_opt_out_is_due_once_and_never_later_than_before, due);
async fn due(tx: &mut Tx) -> Told {
    let (one, other) = ([4; 16], [5; 16]);
    for (digest, due) in
        [(one, None), (one, Some(20)), (one, Some(30)), (one, None), (other, Some(40)), (other, Some(10))]
    {
        tx.insert_suppression(&digest, Whom::Oneself, 1, due.map(Micros)).await?;
    }
    assert_eq!(tx.suppressions_due(Micros(9), 9).await?, [[0; 16]; 0]);
    assert_eq!(tx.suppressions_due(Micros(20), 9).await?, [other, one]);
    assert_eq!(tx.suppressions_due(Micros(20), 1).await?, [other]);
    assert!(!tx.settle_suppression(&one, Micros(19)).await?);
    assert!(tx.settle_suppression(&one, Micros(20)).await?);
    assert!(!tx.settle_suppression(&one, Micros(20)).await?, "it was due twice");
    assert_eq!(tx.suppression(&one).await?, Some(Whom::Oneself), "it goes on as an opt-out");
    assert_eq!(tx.suppressions_due(Micros(i64::MAX), 9).await?, [other]);
    Ok(())
}

story!(an_answer_is_given_again_until_its_time_is_over, answers);
async fn answers(tx: &mut Tx) -> Told {
    let anna = person(tx, ANNA).await?;
    let answer = StoredAnswer { request_hash: [6; 32], sealed: vec![1, 2, 3] };
    tx.insert_answer(&[5; 32], Some(&anna), &answer, (Micros(0), Micros(10))).await?;
    tx.insert_answer(&[6; 32], None, &answer, (Micros(0), Micros(30))).await?;
    let found = tx.answer(&[5; 32], Micros(9)).await?.unwrap();
    assert_eq!((found.request_hash, found.sealed), ([6; 32], vec![1, 2, 3]));
    assert!(tx.answer(&[5; 32], Micros(10)).await?.is_none());
    // The key is free again once its answer lapsed.
    tx.insert_answer(&[5; 32], None, &answer, (Micros(10), Micros(40))).await?;
    assert!(tx.answer(&[5; 32], Micros(10)).await?.is_some());
    tx.sweep(Micros(30)).await?;
    assert!(tx.answer(&[6; 32], Micros(0)).await?.is_none());
    assert!(tx.answer(&[5; 32], Micros(0)).await?.is_some());
    Ok(())
}

story!(an_erasure_is_found_until_it_lets_go_of_its_person, jobs);
async fn jobs(tx: &mut Tx) -> Told {
    let (anna, ben) = (vec![7; 56], vec![8; 56]);
    let job = |byte: u8, subject, started| JobRow {
        reference: Reference::new([byte; 16]),
        subject,
        digest: Some([byte; 16]),
        step: JobStep::Fenced,
        started: Micros(started),
        finished: None,
        removed: "{}".into(),
        events: "{}".into(),
        certificate: None,
    };
    let (first, second, third) = (job(1, Some(anna.clone()), 20), job(2, Some(ben), 10), job(1, None, 30));
    tx.insert_job(&first).await?;
    tx.insert_job(&second).await?;
    tx.insert_job(&JobRow { reference: Reference::new([3; 16]), ..third }).await?;
    let open: Vec<_> = tx.open_jobs(OpenJobs::Own, None, 10).await?.into_iter().map(|job| job.started.0).collect();
    assert_eq!(open, [10, 20, 30]);
    let oldest = tx.open_jobs(OpenJobs::Own, None, 1).await?;
    assert_eq!(oldest.len(), 1);
    let after = (oldest[0].started, oldest[0].reference);
    let next = tx.open_jobs(OpenJobs::Own, Some(&after), 1).await?;
    assert_eq!(next[0].started.0, 20);
    assert_eq!(tx.jobs_by_digest(&[1; 16]).await?.len(), 2);

    let removed = String::from(r#"{"session":1}"#);
    tx.update_job(&JobRow { step: JobStep::Removed, removed: removed.clone(), ..first.clone() }).await?;
    let found = tx.job(&first.reference).await?.unwrap();
    assert_eq!((found.step, found.removed, found.subject), (JobStep::Removed, removed, Some(anna)));
    let (finished, certificate) = (Some(Micros(40)), Some(String::from("certificate")));
    let events = String::from(r#"{"held":2}"#);
    let done = JobRow { step: JobStep::Done, subject: None, finished, events, certificate, ..first.clone() };
    tx.update_job(&done).await?;
    assert!(matches!(tx.update_job(&done).await, Err(StoreError::Fenced)), "what is certified was changed");
    let found = tx.job(&first.reference).await?.unwrap();
    assert_eq!((found.step, found.finished, found.subject), (JobStep::Done, Some(Micros(40)), None));
    assert_eq!((found.events.as_str(), found.certificate.as_deref()), (r#"{"held":2}"#, Some("certificate")));
    assert_eq!(tx.jobs().await?.len(), 3);
    assert_eq!(tx.open_jobs(OpenJobs::Own, None, 10).await?.len(), 2);
    assert!(tx.job(&Reference::new([9; 16])).await?.is_none());
    Ok(())
}
