//! What somebody says of their age, and what follows from it.

use sayso::domain::Whom;
use sayso::gate::Denial;

use super::*;
use crate::on_both;

on_both!(an_unknown_age_stores_nothing, |world| {
    let ann = address("ann@example.org");
    let before = dump(&world).await;
    register(&world, &ann, Adult::Unknown).await;
    assert_same(&before, &dump(&world).await);
    let sent = letters(&world);
    assert_eq!((sent.len(), sent[0].to.as_str()), (1, ann.as_str()));
    assert!(code_in(&sent[0]).is_none());
});

on_both!(a_no_counts_only_when_the_address_is_proved, |world| {
    let ann = address("ann@example.org");
    register(&world, &ann, Adult::No).await;
    let code = code_for(&world, &ann);
    assert!(verify(&world, &ann, &another_code(&code)).await.is_err());
    assert!(dump(&world).await["suppression"].is_empty());
    assert!(matches!(verify(&world, &ann, &code).await, Err(ServiceError::NoAccount)));
});

on_both!(a_minor_leaves_only_the_slow_digest, |world| {
    let ann = address("ann@example.org");
    let before = dump(&world).await;
    register(&world, &ann, Adult::No).await;
    let code = code_for(&world, &ann);
    assert!(matches!(verify(&world, &ann, &code).await, Err(ServiceError::NoAccount)));
    let after = dump(&world).await;
    let log = ["event", "tree_node", "log_head"];
    for (table, rows) in before.iter().filter(|(table, _)| !log.contains(&table.as_str())) {
        let expected = if table == "suppression" { 1 } else { rows.len() };
        assert_eq!(after[table].len(), expected, "{table}");
    }
    let people = ask(&world, "SELECT kind FROM event WHERE subject IS NOT NULL").await;
    assert!(people.is_empty(), "{people:?}");
});

on_both!(a_minor_who_registers_again_stays_denied, |world| {
    let ann = address("ann@example.org");
    for said in [Adult::No, Adult::Yes, Adult::Yes] {
        register(&world, &ann, said).await;
        let code = code_for(&world, &ann);
        assert!(matches!(verify(&world, &ann, &code).await, Err(ServiceError::NoAccount)), "{said:?}");
        assert!(dump(&world).await["standing"].is_empty());
    }
});

on_both!(an_opted_out_child_gets_no_account, |world| {
    let ann = address("ann@example.org");
    world.app.opt_out(&ann, Whom::Child, None).await.unwrap();
    letters(&world);
    register(&world, &ann, Adult::Yes).await;
    let code = code_for(&world, &ann);
    assert!(matches!(verify(&world, &ann, &code).await, Err(ServiceError::NoAccount)));
});

on_both!(registering_as_a_minor_and_as_an_adult_looks_alike_in_the_log, |world| {
    let before = log_size(&world).await;
    for (who, said) in
        [("ann@example.org", Adult::No), ("bob@example.org", Adult::Yes), ("ann@example.org", Adult::Yes)]
    {
        let who = address(who);
        register(&world, &who, said).await;
        let code = code_for(&world, &who);
        let _either = verify(&world, &who, &code).await;
    }
    assert_eq!(kinds_after(&world, before).await, ["registered"; 3]);
});

on_both!(a_member_who_says_no_later_is_latched_and_logged_out, |world| {
    let ann = scored_member(&world, "ann").await;
    world.app.score(&ann.caller, None).await.unwrap();
    register(&world, &ann.email, Adult::No).await;
    let code = code_for(&world, &ann.email);
    assert!(matches!(verify(&world, &ann.email, &code).await, Err(ServiceError::NoAccount)));
    assert!(matches!(world.app.authenticate(&ann.tokens.access_token).await, Err(ServiceError::Unauthenticated)));
    assert_eq!(denial(world.app.score(&ann.caller, None).await), Denial::Latched);
});

on_both!(a_child_opt_out_latches_a_member_at_once, |world| {
    let ann = scored_member(&world, "ann").await;
    let way = handle(&format!("activitypub:{}", actor("ann")));
    world.app.opt_out(&way, Whom::Child, None).await.unwrap();
    assert_eq!(denial(world.app.score(&ann.caller, None).await), Denial::Latched);
    world.app.release(&ann.caller, None).await.unwrap();
    assert_eq!(denial(world.app.score(&ann.caller, None).await), Denial::Latched);
    let again = decide(&world, &ann, &scoring("activitypub"), ConsentDecision::Granted).await;
    assert_eq!(denial(again), Denial::Latched);
    world.pass_seconds(29 * 86_400);
    world.app.sweep().await.unwrap();
    assert_eq!(denial(world.app.score(&ann.caller, None).await), Denial::Latched);
});

on_both!(only_an_operators_age_signal_lifts_a_latch_and_then_nothing_is_granted, |world| {
    let ann = scored_member(&world, "ann").await;
    let ben = scored_member(&world, "ben").await;
    world.app.opt_out(&ann.email, Whom::Child, None).await.unwrap();
    world.app.record_age(&ann.email, None).await.unwrap();
    let consents = world.app.consents(&ann.caller).await.unwrap();
    assert!(!consents.latched && consents.live.is_empty());
    assert_eq!(denial(world.app.score(&ann.caller, None).await), Denial::NoGrant);
    assert!(dump(&world).await["suppression"].is_empty());
    allow(&world, &ann, &scoring("activitypub")).await;
    world.app.score(&ann.caller, None).await.unwrap();
    world.app.score(&ben.caller, None).await.unwrap();
});

on_both!(an_age_signal_for_an_adult_ends_nothing, |world| {
    let ann = scored_member(&world, "ann").await;
    let before = only(&dump(&world).await, &["live_grant"]);
    world.app.record_age(&ann.email, None).await.unwrap();
    assert_same(&before, &only(&dump(&world).await, &["live_grant"]));
    world.app.score(&ann.caller, None).await.unwrap();
});

on_both!(an_age_signal_does_not_lift_what_a_person_or_an_opt_out_paused, |world| {
    let ann = scored_member(&world, "ann").await;
    world.app.opt_out(&ann.email, Whom::Oneself, None).await.unwrap();
    world.app.record_age(&ann.email, None).await.unwrap();
    assert_eq!(denial(world.app.score(&ann.caller, None).await), Denial::Suppressed);
    let ben = scored_member(&world, "ben").await;
    world.app.hold(&ben.caller, None).await.unwrap();
    world.app.record_age(&ben.email, None).await.unwrap();
    assert_eq!(denial(world.app.score(&ben.caller, None).await), Denial::Held);
});

on_both!(an_age_signal_about_nobody_makes_nobody, |world| {
    let before = dump(&world).await;
    let size = log_size(&world).await;
    world.app.record_age(&address("ann@example.org"), None).await.unwrap();
    assert_eq!(kinds_after(&world, size).await, ["age_verified"]);
    let after = dump(&world).await;
    let tables: Vec<_> = before.keys().map(String::as_str).collect();
    let tables: Vec<_> = tables.into_iter().filter(|t| !["event", "tree_node", "log_head"].contains(t)).collect();
    assert_same(&only(&before, &tables), &only(&after, &tables));
});

on_both!(a_lifted_minor_can_join_and_has_granted_nothing, |world| {
    let ann = address("ann@example.org");
    register(&world, &ann, Adult::No).await;
    let code = code_for(&world, &ann);
    assert!(verify(&world, &ann, &code).await.is_err());
    world.app.record_age(&ann, None).await.unwrap();
    let ann = join(&world, "ann@example.org").await;
    let consents = world.app.consents(&ann.caller).await.unwrap();
    assert!(consents.live.is_empty() && !consents.latched);
});

// Anybody can type another's address and "under 18": what the owner proves is what they themselves said.
on_both!(what_somebody_else_said_of_an_age_takes_nothing_from_its_owner, |world| {
    let ann = address("ann@example.org");
    register(&world, &ann, Adult::Yes).await;
    let mine = code_for(&world, &ann);
    register(&world, &ann, Adult::No).await;
    let sent = letters(&world);
    assert!(sent[0].text.contains("UNDER 18"), "the mail says what its code would confirm: {}", sent[0].text);
    verify(&world, &ann, &mine).await.unwrap();
    register(&world, &ann, Adult::No).await;
    letters(&world);
    register(&world, &ann, Adult::Yes).await;
    let mine = code_for(&world, &ann);
    verify(&world, &ann, &mine).await.unwrap();
    assert!(dump(&world).await["suppression"].is_empty());
});

on_both!(an_unknown_age_leaves_nothing_under_an_idempotency_key_either, |world| {
    let before = dump(&world).await;
    let key = world.app.idempotency("anyone", "POST /v1/subjects", "key", b"body");
    let registration = sayso::service::Registration {
        identifier: address("ann@example.org"),
        adult: Adult::Unknown,
        lang: sayso::words::Lang::English,
    };
    world.app.register(&registration, Some(&key)).await.unwrap();
    assert_same(&before, &dump(&world).await);
});
