//! Time and withdrawals.

use super::*;
use crate::people::allow_until;
use crate::strangers::{ingest, like};

on_both!(a_grant_ends_by_the_clock_before_any_sweep, |world| {
    let (ann, ben) = (scored_member(&world, "ann").await, scored_member(&world, "ben").await);
    let desk = recipient(&world, "desk", &["public_profile"], &["blog"]).await;
    let now = world.app.clock.now();
    allow_until(&world, &ann, &triple("public_profile", "blog", "desk"), now.plus_seconds(60)).await;
    allow_until(&world, &ann, &scoring("activitypub"), now.plus_seconds(60)).await;
    ingest(&world, &[like("l1", "ann", "ben", 1), like("l2", "ben", "ann", 1)]).await;
    world.pass_seconds(57);
    assert!(disclosed(&world, &desk, "public_profile", "blog", &ann).await);
    assert_eq!(world.app.score(&ben.caller, None).await.unwrap().topics.len(), 1);
    world.pass_seconds(1);
    let before = dump(&world).await;
    assert!(!disclosed(&world, &desk, "public_profile", "blog", &ann).await, "two seconds before its end");
    assert_eq!(denial(world.app.score(&ann.caller, None).await), Denial::Expired);
    assert_eq!(denial(world.app.explanation(&ann.caller, None).await), Denial::Expired);
    assert!(world.app.score(&ben.caller, None).await.unwrap().topics.is_empty(), "what ann gave counts no more");
    let taken = ingest(&world, &[like("l3", "ann", "ben", 1), like("l4", "ben", "ann", 1)]).await;
    assert_eq!(taken.accepted, 0);
    assert_same(&before, &dump(&world).await);
});

on_both!(the_sweep_ends_what_time_ended_and_nothing_else, |world| {
    let (ann, ben) = (scored_member(&world, "ann").await, scored_member(&world, "ben").await);
    let soon = world.app.clock.now().plus_seconds(60);
    allow_until(&world, &ann, &scoring("activitypub"), soon).await;
    ingest(&world, &[like("l1", "ann", "ben", 1)]).await;
    world.pass_seconds(59);
    let before = dump(&world).await;
    world.app.sweep().await.unwrap();
    assert_same(&before, &dump(&world).await);
    world.pass_seconds(1);
    let size = log_size(&world).await;
    world.app.sweep().await.unwrap();
    world.app.sweep().await.unwrap();
    assert_eq!(kinds_after(&world, size).await, ["expired"]);
    let after = dump(&world).await;
    assert!(after["edge"].is_empty() && after["edge_activity"].is_empty());
    assert_eq!(after["live_grant"].len(), 1);
    world.app.score(&ben.caller, None).await.unwrap();
});

on_both!(a_renewal_keeps_what_was_collected_and_a_new_grant_starts_empty, |world| {
    let ann = scored_member(&world, "ann").await;
    scored_member(&world, "ben").await;
    ingest(&world, &[like("l1", "ann", "ben", 1), like("l2", "ben", "ann", 1)]).await;
    let collected = only(&dump(&world).await, &["edge", "edge_activity"]);
    allow(&world, &ann, &scoring("activitypub")).await;
    assert_same(&collected, &only(&dump(&world).await, &["edge", "edge_activity"]));
    world.app.withdraw_purpose(&ann.caller, &scoring("activitypub").purpose, None).await.unwrap();
    assert!(dump(&world).await["edge"].is_empty() && dump(&world).await["edge_activity"].is_empty());
    allow(&world, &ann, &scoring("activitypub")).await;
    assert!(dump(&world).await["edge"].is_empty());
    let view = world.app.score(&ann.caller, None).await.unwrap();
    assert_eq!((view.state, view.topics.len()), ("insufficient_data", 0));
});

on_both!(a_grant_after_an_end_that_was_not_swept_starts_empty_too, |world| {
    let ann = scored_member(&world, "ann").await;
    scored_member(&world, "ben").await;
    let soon = world.app.clock.now().plus_seconds(60);
    let first = allow_until(&world, &ann, &scoring("activitypub"), soon).await;
    ingest(&world, &[like("l1", "ann", "ben", 1)]).await;
    world.pass_seconds(60);
    let second = allow(&world, &ann, &scoring("activitypub")).await;
    assert_ne!(first.consent_id, second.consent_id);
    assert!(dump(&world).await["edge"].is_empty());
    world.app.score(&ann.caller, None).await.unwrap();
});

on_both!(withdrawing_one_disclosure_touches_nothing_else, |world| {
    let ann = scored_member(&world, "ann").await;
    scored_member(&world, "ben").await;
    let desk = recipient(&world, "desk", &["public_profile"], &["blog", "github"]).await;
    let one = allow(&world, &ann, &triple("public_profile", "blog", "desk")).await;
    allow(&world, &ann, &triple("public_profile", "github", "desk")).await;
    ingest(&world, &[like("l1", "ann", "ben", 1), like("l2", "ben", "ann", 1)]).await;
    let (before, score) = (dump(&world).await, world.app.explanation(&ann.caller, None).await.unwrap());
    world.app.withdraw(&ann.caller, one.consent_id, None).await.unwrap();
    let mut after = dump(&world).await;
    assert_eq!(after["live_grant"].len(), before["live_grant"].len() - 1);
    after.get_mut("live_grant").unwrap().clone_from(&before["live_grant"]);
    let others = ["edge", "edge_activity", "object", "live_grant", "pairwise", "identifier", "session", "topic_choice"];
    assert_same(&only(&before, &others), &only(&after, &others));
    let again = world.app.explanation(&ann.caller, None).await.unwrap();
    assert_eq!(score.explanation, again.explanation);
    assert!(!disclosed(&world, &desk, "public_profile", "blog", &ann).await);
    assert!(disclosed(&world, &desk, "public_profile", "github", &ann).await);
});

on_both!(nobody_takes_back_somebody_elses_grant, |world| {
    let (ann, ben) = (join(&world, "ann@example.org").await, join(&world, "ben@example.org").await);
    let granted = allow(&world, &ann, &scoring("blog")).await;
    let before = dump(&world).await;
    let answer = world.app.withdraw(&ben.caller, granted.consent_id, None).await;
    assert!(matches!(answer, Err(ServiceError::NotFound(_))));
    assert_same(&before, &dump(&world).await);
});

on_both!(a_person_ends_what_others_began, |world| {
    let ann = scored_member(&world, "ann").await;
    recipient(&world, "desk", &["public_profile"], &["blog"]).await;
    let granted = allow(&world, &ann, &triple("public_profile", "blog", "desk")).await;
    world.app.record_age(&ann.email, None).await.unwrap();
    world.app.opt_out(&ann.email, sayso::domain::Whom::Oneself, None).await.unwrap();
    world.app.withdraw(&ann.caller, granted.consent_id, None).await.unwrap();
    world.app.opt_out(&ann.email, sayso::domain::Whom::Child, None).await.unwrap();
    world.app.withdraw_purpose(&ann.caller, &scoring("blog").purpose, None).await.unwrap();
    assert!(dump(&world).await["live_grant"].is_empty());
    world.app.hold(&ann.caller, None).await.unwrap();
    world.app.release(&ann.caller, None).await.unwrap();
    world.app.export(&ann.caller, None).await.unwrap();
    world.app.erase(&ann.caller, None).await.unwrap();
    world.app.run_erasures().await.unwrap();
    assert!(dump(&world).await["standing"].iter().all(|row| !row.contains("verified")));
});
