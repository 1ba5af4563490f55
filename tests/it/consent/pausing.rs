//! A pause hides everything and ends nothing.

use std::fmt::Write;

use sayso::domain::Whom;

use super::*;
use crate::people::actor;
use crate::strangers::{ingest, like, post, response};

async fn community(world: &World) -> Vec<Member> {
    let mut members = Vec::new();
    for name in ["ann", "ben", "cleo", "dan", "eve", "fay"] {
        members.push(scored_member(world, name).await);
    }
    let mut lines = vec![post("ann", 1, 6, Some("music"))];
    for week in 0..6 {
        for (place, who) in ["ben", "cleo", "dan", "eve", "fay"].into_iter().enumerate() {
            lines.push(response("Like", &format!("l{week}{who}"), who, ("ann", 1), week, true));
            let other = ["cleo", "dan", "eve", "fay", "ben"][place];
            lines.push(response("Announce", &format!("s{week}{who}"), who, (other, 1), week, true));
        }
    }
    assert_eq!(usize::try_from(ingest(world, &lines).await.accepted), Ok(lines.len()));
    members
}

async fn told(world: &World, members: &[Member]) -> String {
    let mut told = String::new();
    for member in members {
        let score = world.app.score(&member.caller, None).await.map(|mut view| {
            (view.seq, view.use_by_us) = (sayso::domain::Seq(0), Micros(0));
            view
        });
        let explanation = world.app.explanation(&member.caller, None).await.map(|view| view.explanation);
        writeln!(told, "{score:?} {explanation:?}").unwrap();
    }
    told
}

on_both!(a_hold_hides_and_its_lifting_restores_everything, |world| {
    let members = community(&world).await;
    let (stored, before) =
        (only(&dump(&world).await, &["edge", "edge_activity", "object", "live_grant"]), told(&world, &members).await);
    assert!(before.contains("scored"), "{before}");
    for member in [0, 3] {
        world.app.hold(&members[member].caller, None).await.unwrap();
        assert_eq!(denial(world.app.score(&members[member].caller, None).await), Denial::Held);
        assert_eq!(denial(world.app.explanation(&members[member].caller, None).await), Denial::Held);
        let hidden = told(&world, &members).await;
        assert_ne!(hidden, before);
        let during = only(&dump(&world).await, &["edge", "edge_activity", "object", "live_grant"]);
        assert_same(&stored, &during);
        world.app.release(&members[member].caller, None).await.unwrap();
        assert_eq!(told(&world, &members).await, before);
    }
    assert_same(&stored, &only(&dump(&world).await, &["edge", "edge_activity", "object", "live_grant"]));
});

on_both!(what_a_paused_person_gave_counts_for_nobody, |world| {
    let members = community(&world).await;
    let ann = &members[0];
    let whole = world.app.score(&ann.caller, None).await.unwrap();
    assert_eq!(whole.state, "scored");
    world.app.hold(&members[1].caller, None).await.unwrap();
    let without_ben = world.app.score(&ann.caller, None).await.unwrap();
    assert_eq!(without_ben.state, "insufficient_data", "four people are too few");
    world.app.release(&members[1].caller, None).await.unwrap();
    assert_eq!(world.app.score(&ann.caller, None).await.unwrap().value, whole.value);
});

on_both!(an_opt_out_hides_like_a_hold_and_its_owner_lifts_it, |world| {
    let members = community(&world).await;
    let before = told(&world, &members).await;
    let way = crate::people::handle(&format!("activitypub:{}", actor("ann")));
    world.app.opt_out(&way, Whom::Oneself, None).await.unwrap();
    assert_eq!(denial(world.app.score(&members[0].caller, None).await), Denial::Suppressed);
    world.app.release(&members[0].caller, None).await.unwrap();
    assert_eq!(told(&world, &members).await, before);
    assert!(dump(&world).await["suppression"].is_empty());
});

on_both!(nothing_is_collected_during_a_pause, |world| {
    let members = community(&world).await;
    world.app.hold(&members[0].caller, None).await.unwrap();
    let before = dump(&world).await;
    let lines = [like("n1", "ann", "ben", 1), like("n2", "ben", "ann", 1), post("ann", 2, 0, None)];
    assert_eq!(ingest(&world, &lines).await.accepted, 0);
    assert_same(&before, &dump(&world).await);
});

on_both!(a_paused_person_can_decide_and_nothing_of_it_counts_before_the_lifting, |world| {
    let ann = join(&world, "ann@example.org").await;
    let desk = recipient(&world, "desk", &["public_profile"], &["blog"]).await;
    world.app.hold(&ann.caller, None).await.unwrap();
    allow(&world, &ann, &triple("public_profile", "blog", "desk")).await;
    assert!(!disclosed(&world, &desk, "public_profile", "blog", &ann).await);
    world.app.release(&ann.caller, None).await.unwrap();
    assert!(disclosed(&world, &desk, "public_profile", "blog", &ann).await);
});
