//! The same request again gives the same answer and happens once.

use std::sync::Arc;

use super::*;
use crate::people::Dump;

on_both!(a_repeated_decision_happens_once, |world| {
    let ann = join(&world, "ann@example.org").await;
    recipient(&world, "desk", &["public_profile"], &["blog"]).await;
    let asked = request(&world, &ann, &triple("public_profile", "blog", "desk"), ConsentDecision::Granted).await;
    let key = world.app.idempotency("ann", "POST /v1/me/consents", "key-1", b"body");
    let first = world.app.decide_consent(&ann.caller, &asked, Some(&key)).await.unwrap();
    let before = dump(&world).await;
    world.pass_seconds(3600);
    let again = world.app.decide_consent(&ann.caller, &asked, Some(&key)).await.unwrap();
    assert_eq!(first, again);
    assert_same(&before, &dump(&world).await);
});

on_both!(a_key_is_for_one_body, |world| {
    let ann = join(&world, "ann@example.org").await;
    let asked = request(&world, &ann, &scoring("blog"), ConsentDecision::Granted).await;
    let key = |body: &[u8]| world.app.idempotency("ann", "POST /v1/me/consents", "key-1", body);
    world.app.decide_consent(&ann.caller, &asked, Some(&key(b"one"))).await.unwrap();
    let before = dump(&world).await;
    let other = world.app.decide_consent(&ann.caller, &asked, Some(&key(b"two"))).await;
    assert!(matches!(other, Err(ServiceError::KeyReused)));
    assert_same(&before, &dump(&world).await);
});

on_both!(a_key_is_its_callers_and_its_routes, |world| {
    let (ann, ben) = (join(&world, "ann@example.org").await, join(&world, "ben@example.org").await);
    let size = log_size(&world).await;
    for (member, caller, route) in [(&ann, "ann", "one"), (&ben, "ben", "one"), (&ann, "ann", "two")] {
        let key = world.app.idempotency(caller, route, "key-1", b"body");
        world.app.hold(&member.caller, Some(&key)).await.unwrap();
    }
    assert_eq!(log_size(&world).await, size + 3);
});

on_both!(an_answer_can_be_asked_for_during_a_day, |world| {
    let ann = join(&world, "ann@example.org").await;
    let key = world.app.idempotency("ann", "hold", "key-1", b"");
    let first = world.app.hold(&ann.caller, Some(&key)).await.unwrap();
    world.pass_seconds(sayso::limits::IDEMPOTENCY_SECONDS - 1);
    world.app.sweep().await.unwrap();
    assert_eq!(world.app.hold(&ann.caller, Some(&key)).await.unwrap(), first);
    world.pass_seconds(1);
    let size = log_size(&world).await;
    world.app.hold(&ann.caller, Some(&key)).await.unwrap();
    assert_eq!(log_size(&world).await, size + 1);
    world.pass_seconds(sayso::limits::IDEMPOTENCY_SECONDS);
    world.app.sweep().await.unwrap();
    assert!(dump(&world).await["idempotency"].is_empty());
});

on_both!(what_failed_is_not_remembered, |world| {
    let ann = join(&world, "ann@example.org").await;
    let asked = request(&world, &ann, &scoring("blog"), ConsentDecision::Granted).await;
    let key = world.app.idempotency("ann", "consents", "key-1", b"body");
    let wrong = ConsentRequest { notice_version: 9, ..asked.clone() };
    assert!(world.app.decide_consent(&ann.caller, &wrong, Some(&key)).await.is_err());
    world.app.decide_consent(&ann.caller, &asked, Some(&key)).await.unwrap();
});

async fn all_at_once<T: Send + 'static>(
    world: &World,
    act: impl Fn(usize) -> std::pin::Pin<Box<dyn Future<Output = T> + Send>>,
) -> (Vec<T>, Dump) {
    let tasks: Vec<_> = (0..8).map(|number| tokio::spawn(act(number))).collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    (answers, dump(world).await)
}

on_both!(the_same_request_many_times_at_once_happens_once, |world| {
    let ann = Arc::new(join(&world, "ann@example.org").await);
    let asked = request(&world, &ann, &scoring("blog"), ConsentDecision::Granted).await;
    let size = log_size(&world).await;
    let (answers, _) = all_at_once(&world, |_| {
        let (app, ann, asked) = (world.app.clone(), ann.clone(), asked.clone());
        Box::pin(async move {
            let key = app.idempotency("ann", "consents", "key-1", b"body");
            app.decide_consent(&ann.caller, &asked, Some(&key)).await.unwrap()
        })
    })
    .await;
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(log_size(&world).await, size + 1);
});

on_both!(one_key_for_many_bodies_at_once_is_taken_by_one, |world| {
    let ann = Arc::new(join(&world, "ann@example.org").await);
    let size = log_size(&world).await;
    let (answers, _) = all_at_once(&world, |number| {
        let (app, ann) = (world.app.clone(), ann.clone());
        Box::pin(async move {
            let key = app.idempotency("ann", "hold", "key-1", &[u8::try_from(number).unwrap()]);
            match app.hold(&ann.caller, Some(&key)).await {
                Ok(_) => true,
                Err(ServiceError::KeyReused) => false,
                Err(other) => panic!("{other}"),
            }
        })
    })
    .await;
    assert_eq!(answers.iter().filter(|taken| **taken).count(), 1);
    assert_eq!(log_size(&world).await, size + 1);
});

on_both!(acts_at_once_make_a_log_without_a_gap, |world| {
    let ann = Arc::new(join(&world, "ann@example.org").await);
    let ben = Arc::new(join(&world, "ben@example.org").await);
    let size = log_size(&world).await;
    let (answers, _) = all_at_once(&world, |number| {
        let (app, who) = (world.app.clone(), if number % 2 == 0 { ann.clone() } else { ben.clone() });
        Box::pin(async move {
            let mut seqs = Vec::new();
            for _ in 0..4 {
                seqs.push(app.hold(&who.caller, None).await.unwrap().seq.0);
                seqs.push(app.release(&who.caller, None).await.unwrap().seq.0);
            }
            seqs
        })
    })
    .await;
    let mut seqs: Vec<i64> = answers.into_iter().flatten().collect();
    seqs.sort_unstable();
    assert_eq!(seqs, (size + 1..=size + 64).collect::<Vec<_>>());
    assert_eq!(world.app.verify_log(&[], |_| ()).await.unwrap().findings, []);
});
