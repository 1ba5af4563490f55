//! Opting out and asking without an account.

mod requests;

use sayso::domain::{Adult, Whom};
use sayso::gate::Denial;
use sayso::service::ServiceError;

use crate::on_both;
use crate::people::{
    actor, address, allow, assert_same, code_for, denial, dump, handle, join, kinds_after, letters, log_size, only,
    register, scored_member, scoring, secret, verify,
};
use crate::world::{Db, World};

const DAY: i64 = 86_400;

/// The shape of a text: digits and hexadecimal are all alike.
fn shape(receipt: &sayso::service::Receipt) -> (String, usize, usize, usize) {
    (receipt.leaf.kind.clone(), receipt.nonce.len(), receipt.body.len(), receipt.checkpoint.lines().count())
}

on_both!(an_opt_out_looks_the_same_whoever_it_is_about, |world| {
    scored_member(&world, "ann").await;
    join(&world, "held@example.org").await;
    let size = log_size(&world).await;
    for whom in [Whom::Oneself, Whom::Child] {
        let mut shapes = Vec::new();
        for who in
            ["ann@example.org", "stranger@example.org", "stranger@example.org", "ann@example.org", "held@example.org"]
        {
            let before = log_size(&world).await;
            let answer = world.app.opt_out(&address(who), whom, None).await.unwrap();
            assert_eq!(kinds_after(&world, before).await, ["opted_out"], "exactly one leaf, of the same kind");
            shapes.push((shape(&answer.receipt), answer.reference.to_string().len()));
        }
        assert!(shapes.windows(2).all(|pair| pair[0] == pair[1]), "{shapes:?}");
    }
    assert_eq!(log_size(&world).await, size + 10);
    let public = world.app.leaves(size).await.unwrap();
    assert!(public.iter().all(|leaf| leaf.commitment.len() == 64 && leaf.kind == "opted_out"));
});

on_both!(a_member_is_denied_at_the_next_decision_and_told_by_one_mail, |world| {
    let ann = scored_member(&world, "ann").await;
    world.app.score(&ann.caller, None).await.unwrap();
    let way = handle(&format!("activitypub:{}", actor("ann")));
    for again in 0..4 {
        world.app.opt_out(&way, Whom::Oneself, None).await.unwrap();
        assert_eq!(denial(world.app.score(&ann.caller, None).await), Denial::Suppressed);
        let sent = letters(&world);
        assert_eq!(sent.len(), usize::from(again == 0), "one mail, not one for each repeat");
        assert!(sent.iter().all(|letter| letter.to == ann.email.as_str() && !letter.text.contains("social.example")));
    }
    world.app.opt_out(&way, Whom::Child, None).await.unwrap();
    assert_eq!(letters(&world).len(), 1, "a latch is another message");
    assert_eq!(denial(world.app.score(&ann.caller, None).await), Denial::Latched);
});

on_both!(a_stranger_who_opts_out_leaves_one_slow_digest, |world| {
    let before = dump(&world).await;
    for _ in 0..3 {
        world.app.opt_out(&address("stranger@example.org"), Whom::Oneself, None).await.unwrap();
    }
    assert!(letters(&world).is_empty(), "nobody is written to who never wrote");
    let after = dump(&world).await;
    for (table, rows) in
        before.iter().filter(|(table, _)| !["event", "tree_node", "log_head"].contains(&table.as_str()))
    {
        assert_eq!(after[table].len(), rows.len() + usize::from(table == "suppression"), "{table}");
    }
});

on_both!(an_opt_out_for_a_child_is_never_softened, |world| {
    let who = address("stranger@example.org");
    for whom in [Whom::Child, Whom::Oneself, Whom::Oneself] {
        world.app.opt_out(&who, whom, None).await.unwrap();
    }
    register(&world, &who, Adult::Yes).await;
    let code = code_for(&world, &who);
    assert!(matches!(verify(&world, &who, &code).await, Err(ServiceError::NoAccount)));
});

on_both!(proof_of_control_lifts_an_opt_out_and_leaves_no_consent_behind, |world| {
    world.app.opt_out(&address("ann@example.org"), Whom::Oneself, None).await.unwrap();
    let ann = join(&world, "ann@example.org").await;
    assert!(dump(&world).await["suppression"].is_empty());
    let consents = world.app.consents(&ann.caller).await.unwrap();
    assert!(consents.live.is_empty() && !consents.suppressed);
});

on_both!(its_owner_lifts_an_opt_out, |world| {
    let ann = scored_member(&world, "ann").await;
    let way = handle(&format!("activitypub:{}", actor("ann")));
    for who in [&way, &ann.email] {
        world.app.opt_out(who, Whom::Oneself, None).await.unwrap();
    }
    assert_eq!(dump(&world).await["suppression"].len(), 2);
    world.app.release(&ann.caller, None).await.unwrap();
    assert!(dump(&world).await["suppression"].is_empty());
    world.app.score(&ann.caller, None).await.unwrap();
    world.pass_seconds(200 * DAY);
    world.app.sweep().await.unwrap();
    world.app.score(&ann.caller, None).await.unwrap();
});

on_both!(nobody_lifts_somebody_elses_opt_out, |world| {
    let ann = scored_member(&world, "ann").await;
    let ben = scored_member(&world, "ben").await;
    world.app.opt_out(&ann.email, Whom::Oneself, None).await.unwrap();
    world.app.release(&ben.caller, None).await.unwrap();
    assert_eq!(denial(world.app.score(&ann.caller, None).await), Denial::Suppressed);
    assert_eq!(dump(&world).await["suppression"].len(), 1);
});

on_both!(an_opt_out_that_nobody_lifts_becomes_an_erasure, |world| {
    let ann = scored_member(&world, "ann").await;
    let kid = scored_member(&world, "kid").await;
    let ben = scored_member(&world, "ben").await;
    crate::strangers::ingest(
        &world,
        &[crate::strangers::like("l1", "ben", "ann", 1), crate::strangers::like("l2", "ben", "kid", 1)],
    )
    .await;
    world.app.opt_out(&ann.email, Whom::Oneself, None).await.unwrap();
    world.app.opt_out(&kid.email, Whom::Child, None).await.unwrap();
    for (days, left) in [(30 * DAY - 1, 3), (1, 2), (60 * DAY - 1, 2), (1, 1)] {
        world.pass_seconds(days);
        world.app.sweep().await.unwrap();
        world.app.run_erasures().await.unwrap();
        let after = dump(&world).await;
        assert_eq!((after["subject_key"].len(), after["suppression"].len()), (left, 2), "after {days} more seconds");
    }
    let after = dump(&world).await;
    assert!(after["edge"].is_empty() && after["edge_activity"].is_empty());
    assert_eq!(after["identifier"].len(), 2);
    world.app.score(&ben.caller, None).await.unwrap();
    for (who, account) in [("ann@example.org", true), ("kid@example.org", false)] {
        let who = address(who);
        letters(&world);
        register(&world, &who, Adult::Yes).await;
        let code = code_for(&world, &who);
        assert_eq!(verify(&world, &who, &code).await.is_ok(), account, "the latch survives the erasure");
    }
    let again = join(&world, "ann@example.org").await;
    assert!(world.app.consents(&again.caller).await.unwrap().live.is_empty());
    assert_eq!(denial(world.app.score(&again.caller, None).await), Denial::NoGrant);
});

on_both!(an_opt_out_survives_an_erasure, |world| {
    let ann = scored_member(&world, "ann").await;
    world.app.opt_out(&ann.email, Whom::Oneself, None).await.unwrap();
    let before = only(&dump(&world).await, &["suppression"]);
    world.app.erase(&ann.caller, None).await.unwrap();
    world.app.run_erasures().await.unwrap();
    assert_same(&before, &only(&dump(&world).await, &["suppression"]));
});

on_both!(a_child_opt_out_on_top_of_another_shortens_the_wait_and_is_not_lifted_by_its_owner, |world| {
    let ann = scored_member(&world, "ann").await;
    world.app.opt_out(&ann.email, Whom::Oneself, None).await.unwrap();
    world.app.opt_out(&ann.email, Whom::Child, None).await.unwrap();
    world.app.release(&ann.caller, None).await.unwrap();
    assert_eq!(denial(world.app.score(&ann.caller, None).await), Denial::Latched);
    assert_eq!(dump(&world).await["suppression"].len(), 1);
    world.pass_seconds(30 * DAY);
    world.app.sweep().await.unwrap();
    assert_eq!(denial(world.app.score(&ann.caller, None).await), Denial::Erased);
});

on_both!(a_repeated_opt_out_with_one_key_is_one_leaf, |world| {
    let size = log_size(&world).await;
    let key = world.app.idempotency("anyone", "opt-out", "key-1", b"body");
    let who = address("stranger@example.org");
    let first = world.app.opt_out(&who, Whom::Oneself, Some(&key)).await.unwrap();
    assert_eq!(world.app.opt_out(&who, Whom::Oneself, Some(&key)).await.unwrap(), first);
    assert_eq!(log_size(&world).await, size + 1);
});

on_both!(an_opt_out_blocks_no_one_else, |world| {
    world.app.opt_out(&address("stranger@example.org"), Whom::Child, None).await.unwrap();
    let ann = join(&world, "ann@example.org").await;
    allow(&world, &ann, &scoring("blog")).await;
    assert!(matches!(
        world.app.login(&address("stranger@example.org"), &secret("whatever it is")).await,
        Err(ServiceError::BadCredentials)
    ));
});

/// What somebody was when they were opted out.
#[derive(Debug, Clone, Copy)]
enum Before {
    Stranger,
    Member,
    OptedOut,
    Erased,
    Paused,
}

/// The kinds of leaves that the same opt-outs leave over half a year, with nobody lifting them: of an address, of a handle.
async fn half_a_year(world: &World, before: Before, name: &str) -> Vec<Vec<String>> {
    let who = address(&format!("{name}@example.org"));
    let way = handle(&format!("activitypub:{}", actor(name)));
    match before {
        Before::Stranger => {}
        Before::Member => drop(scored_member(world, name).await),
        Before::Paused => drop(world.app.hold(&scored_member(world, name).await.caller, None).await.unwrap()),
        Before::Erased => drop(world.app.erase(&scored_member(world, name).await.caller, None).await.unwrap()),
        Before::OptedOut => {
            world.app.opt_out(&who, Whom::Oneself, None).await.unwrap();
            world.pass_seconds(91 * DAY);
            world.app.sweep().await.unwrap();
        }
    }
    world.app.run_erasures().await.unwrap();
    let mut told = Vec::new();
    for day in 0..200 {
        let size = log_size(world).await;
        match day {
            0 | 3 => drop(world.app.opt_out(&who, Whom::Oneself, None).await.unwrap()),
            1 | 2 => drop(world.app.opt_out(&way, Whom::Oneself, None).await.unwrap()),
            20 => drop(world.app.opt_out(&way, Whom::Child, None).await.unwrap()),
            _ => {}
        }
        if [49, 51, 89, 93, 95, 199].contains(&day) {
            world.app.sweep().await.unwrap();
            world.app.run_erasures().await.unwrap();
        }
        told.push(kinds_after(world, size).await);
        world.pass_seconds(DAY);
    }
    assert_eq!(world.app.verify_log(&[], |_| ()).await.unwrap().findings, []);
    told
}

/// Guarantee G12: whoever watches the size of the log learns nothing about whom they opted out, months later either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_opt_out_that_nobody_lifts_leaves_the_same_leaves_whoever_it_is_about() {
    for db in [Db::Sqlite, Db::Postgres] {
        let stranger = half_a_year(&World::new(db).await, Before::Stranger, "ann").await;
        let leaves: Vec<_> = stranger.iter().enumerate().filter(|(_, kinds)| !kinds.is_empty()).collect();
        let erased = vec![String::from("erased"), String::from("erasure_completed")];
        assert_eq!(leaves.len(), 7, "five opt-outs and two erasures: {leaves:?}");
        assert_eq!((leaves[5], leaves[6]), ((51, &erased), (93, &erased)));
        for before in [Before::Member, Before::OptedOut, Before::Erased, Before::Paused] {
            assert_eq!(half_a_year(&World::new(db).await, before, "ann").await, stranger, "{before:?}");
        }
    }
}

on_both!(an_opt_out_that_was_lifted_becomes_no_erasure, |world| {
    let ann = scored_member(&world, "ann").await;
    let stranger = address("stranger@example.org");
    for who in [&ann.email, &stranger] {
        world.app.opt_out(who, Whom::Oneself, None).await.unwrap();
    }
    world.app.release(&ann.caller, None).await.unwrap();
    let _now_a_member = join(&world, stranger.as_str()).await;
    let size = log_size(&world).await;
    world.pass_seconds(91 * DAY);
    world.app.sweep().await.unwrap();
    world.app.run_erasures().await.unwrap();
    assert!(!kinds_after(&world, size).await.contains(&"erased".into()));
});

on_both!(one_damaged_row_holds_up_nobody_else_and_whoever_lifted_it_meanwhile_stays, |world| {
    let mut members = Vec::new();
    for name in ["ann", "bea", "cleo"] {
        members.push(join(&world, &format!("{name}@example.org")).await);
    }
    for member in &members {
        world.app.opt_out(&member.email, Whom::Oneself, None).await.unwrap();
    }
    world.app.opt_out(&address("stranger@example.org"), Whom::Oneself, None).await.unwrap();
    world.pass_seconds(91 * DAY);
    let size = log_size(&world).await;
    world.app.release(&members[2].caller, None).await.unwrap();
    let subject = crate::people::in_dump(&world, &members[0].caller.subject);
    let bytes = if world.db == Db::Sqlite { format!("x'{subject}'") } else { format!("decode('{subject}', 'hex')") };
    let short = if world.db == Db::Sqlite { "x'00'" } else { "decode('00', 'hex')" };
    let spoil = format!("UPDATE event SET body = {short} WHERE subject = {bytes} AND kind = 'registered'");
    assert_eq!(crate::people::tamper(&world, &spoil).await, 1);
    assert!(world.app.sweep().await.is_err(), "it is said");
    world.app.run_erasures().await.unwrap();
    assert_eq!(dump(&world).await["subject_key"].len(), 2, "one erased, one damaged, one who lifted it");
    let erased = kinds_after(&world, size).await.iter().filter(|kind| *kind == "erased").count();
    assert_eq!(erased, 2, "a member and the stranger; nobody certifies that of the damaged one there was nothing");
    world.app.consents(&members[2].caller).await.unwrap();
});

on_both!(a_verified_adult_keeps_the_longer_time_of_their_own_opt_out, |world| {
    let ann = join(&world, "ann@example.org").await;
    world.app.opt_out(&ann.email, Whom::Child, None).await.unwrap();
    world.app.opt_out(&ann.email, Whom::Oneself, None).await.unwrap();
    world.app.record_age(&ann.email, None).await.unwrap();
    world.pass_seconds(40 * DAY);
    world.app.sweep().await.unwrap();
    world.app.run_erasures().await.unwrap();
    assert_eq!(dump(&world).await["subject_key"].len(), 1, "not after 30 days: the latch was lifted");
    world.pass_seconds(51 * DAY);
    world.app.sweep().await.unwrap();
    world.app.run_erasures().await.unwrap();
    assert!(dump(&world).await["subject_key"].is_empty());
});

on_both!(whoever_is_about_to_be_erased_is_reminded_twice_and_a_stranger_never, |world| {
    let (ann, ben) = (join(&world, "ann@example.org").await, join(&world, "ben@example.org").await);
    for who in [ann.email.as_str(), ben.email.as_str(), "stranger@example.org"] {
        world.app.opt_out(&address(who), Whom::Oneself, None).await.unwrap();
    }
    letters(&world);
    let mut reminders = Vec::new();
    let size = log_size(&world).await;
    for day in 1..90 {
        world.pass_seconds(DAY);
        world.app.sweep().await.unwrap();
        let sent = letters(&world);
        world.app.sweep().await.unwrap();
        assert_eq!(letters(&world).len(), 0, "the same again");
        for letter in sent {
            assert!(letter.text.contains("2027-02-21") || day > 80, "{}", letter.text);
            reminders.push((day, letter.to));
        }
        if day == 80 {
            assert_eq!(kinds_after(&world, size).await, Vec::<String>::new(), "the log tells who is a member");
            world.app.release(&ben.caller, None).await.unwrap();
            world.app.opt_out(&ben.email, Whom::Child, None).await.unwrap();
            letters(&world);
        }
    }
    let (ann, ben) = (ann.email.as_str().to_owned(), ben.email.as_str().to_owned());
    reminders.sort();
    assert_eq!(reminders, [(76, ann.clone()), (76, ben), (87, ann)], "once each time, and anew for another opt-out");
});

on_both!(whoever_lifts_it_while_the_sweep_is_at_work_is_not_erased, |world| {
    let mut members = Vec::new();
    for number in 0..24 {
        let member = join(&world, &format!("p{number}@example.org")).await;
        world.app.opt_out(&member.email, Whom::Oneself, None).await.unwrap();
        members.push(member);
    }
    world.pass_seconds(91 * DAY);
    let size = log_size(&world).await;
    let lifting = async {
        // It has begun, so it has the list of all.
        while !kinds_after(&world, size).await.iter().any(|kind| kind == "erased") {}
        for member in members.iter().rev() {
            if world.app.release(&member.caller, None).await.is_ok() {
                return Some(member);
            }
        }
        None
    };
    let (swept, lifted) = tokio::join!(world.app.sweep(), lifting);
    swept.unwrap();
    world.app.run_erasures().await.unwrap();
    let lifted = lifted.expect("nobody was quick enough to lift it");
    assert!(!world.app.consents(&lifted.caller).await.unwrap().suppressed, "it was answered with success");
});
