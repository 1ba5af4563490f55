//! Recipients ask the gate: order is kept, denials are alike, and what was asked about a member is told to the member.

use sayso::gate::Action;
use sayso::ids::Pairwise;
use sayso::service::{Asked, ClientCaller, GateQuestion, ServiceError};

use super::*;
use crate::people::register;

fn question(ids: Vec<Asked>) -> GateQuestion {
    GateQuestion {
        action: Action::Disclose,
        purpose: "public_profile".parse().unwrap(),
        source: "activitypub".parse().unwrap(),
        ids,
    }
}

async fn desk(world: &World, name: &str) -> ClientCaller {
    recipient(world, name, &["public_profile"], &["activitypub"]).await
}

/// Two who are allowed, and everybody who is not, for every reason there is.
async fn everybody(world: &World) -> Vec<(String, Option<Member>)> {
    let about = triple("public_profile", "activitypub", "desk");
    let mut all = Vec::new();
    for who in ["yes1", "never", "held", "yes2", "withdrawn", "refused", "expired", "opted", "child", "erased"] {
        let member = join(world, &format!("{who}@example.org")).await;
        let soon = world.app.clock.now().plus_seconds(10);
        match who {
            "never" => {}
            "expired" => drop(crate::people::allow_until(world, &member, &about, soon).await),
            _ => drop(allow(world, &member, &about).await),
        }
        match who {
            "held" => drop(world.app.hold(&member.caller, None).await.unwrap()),
            "withdrawn" => drop(world.app.withdraw_purpose(&member.caller, &about.purpose, None).await.unwrap()),
            "refused" => drop(decide(world, &member, &about, ConsentDecision::Refused).await.unwrap()),
            "opted" => drop(world.app.opt_out(&member.email, Whom::Oneself, None).await.unwrap()),
            "child" => drop(world.app.opt_out(&member.email, Whom::Child, None).await.unwrap()),
            "erased" => drop(world.app.erase(&member.caller, None).await.unwrap()),
            _ => {}
        }
        all.push((who.to_owned(), Some(member)));
    }
    let minor = address("minor@example.org");
    register(world, &minor, sayso::domain::Adult::No).await;
    let code = crate::people::code_for(world, &minor);
    assert!(crate::people::verify(world, &minor, &code).await.is_err());
    all.extend(["minor", "stranger"].map(|who| (who.to_owned(), None)));
    world.pass_seconds(9);
    all
}

fn asked(all: &[(String, Option<Member>)]) -> Vec<Asked> {
    all.iter().map(|(who, _)| Asked::Identifier(address(&format!("{who}@example.org")))).collect()
}

on_both!(the_order_is_kept_and_everybody_else_is_simply_missing, |world| {
    let desk = desk(&world, "desk").await;
    let all = everybody(&world).await;
    let ids = asked(&all);
    let answer = world.app.filter(&desk, &question(ids.clone())).await.unwrap();
    assert_eq!(answer.allowed, [0, 3]);
    assert_eq!(answer.use_by_us, world.app.clock.now().plus_seconds(5));
    let backwards: Vec<_> = ids.iter().rev().cloned().collect();
    let answer = world.app.filter(&desk, &question(backwards)).await.unwrap();
    assert_eq!(answer.allowed, [ids.len() - 4, ids.len() - 1]);
    let twice = vec![ids[0].clone(), ids[1].clone(), ids[0].clone()];
    assert_eq!(world.app.filter(&desk, &question(twice)).await.unwrap().allowed, [0, 2]);
});

on_both!(every_denial_is_the_same_denial, |world| {
    let desk = desk(&world, "desk").await;
    let all = everybody(&world).await;
    let mut answers = Vec::new();
    for (place, id) in asked(&all).into_iter().enumerate().filter(|(place, _)| ![0, 3].contains(place)) {
        let answer = world.app.filter(&desk, &question(vec![id])).await.unwrap();
        answers.push((place, serde_json::to_string(&answer).unwrap()));
    }
    let nobodys = Asked::Pairwise(Pairwise::new([3; 16]));
    let answer = world.app.filter(&desk, &question(vec![nobodys])).await.unwrap();
    answers.push((usize::MAX, serde_json::to_string(&answer).unwrap()));
    assert!(answers.windows(2).all(|pair| pair[0].1 == pair[1].1), "{answers:#?}");
});

on_both!(a_pairwise_id_is_of_one_recipient_only, |world| {
    let (desk, bureau) = (desk(&world, "desk").await, desk(&world, "bureau").await);
    let ann = join(&world, "ann@example.org").await;
    let mut ids = Vec::new();
    for name in ["desk", "bureau"] {
        ids.push(allow(&world, &ann, &triple("public_profile", "activitypub", name)).await.pairwise.unwrap());
    }
    assert_ne!(ids[0], ids[1]);
    for (caller, own) in [(&desk, 0), (&bureau, 1)] {
        let both = ids.iter().map(|id| Asked::Pairwise(*id)).collect();
        assert_eq!(world.app.filter(caller, &question(both)).await.unwrap().allowed, [own]);
    }
    let again = allow(&world, &ann, &triple("public_profile", "activitypub", "desk")).await;
    assert_eq!(again.pairwise, Some(ids[0]), "made once");
});

on_both!(a_recipient_asks_only_for_what_it_registered, |world| {
    let desk = desk(&world, "desk").await;
    let ann = join(&world, "ann@example.org").await;
    allow(&world, &ann, &triple("public_profile", "activitypub", "desk")).await;
    let ids = vec![Asked::Identifier(ann.email.clone())];
    let good = question(ids);
    for bad in [
        GateQuestion { purpose: "research_statistics".parse().unwrap(), ..good.clone() },
        GateQuestion { purpose: "attention_score".parse().unwrap(), ..good.clone() },
        GateQuestion { purpose: "hiring".parse().unwrap(), ..good.clone() },
        GateQuestion { source: "blog".parse().unwrap(), ..good.clone() },
    ] {
        assert!(matches!(world.app.filter(&desk, &bad).await, Err(ServiceError::Forbidden)));
    }
    let many = vec![good.ids[0].clone(); 1_001];
    assert!(matches!(world.app.filter(&desk, &question(many)).await, Err(ServiceError::Invalid(_))));
    let link = GateQuestion { action: Action::Link, ..good.clone() };
    assert!(matches!(world.app.filter(&desk, &link).await, Err(ServiceError::Invalid(_))));
    let full = vec![good.ids[0].clone(); 1_000];
    assert_eq!(world.app.filter(&desk, &question(full)).await.unwrap().allowed.len(), 1_000);
});

on_both!(a_member_sees_who_asked_denials_as_well_as_permits, |world| {
    let desk = desk(&world, "desk").await;
    let (ann, ben) = (join(&world, "ann@example.org").await, join(&world, "ben@example.org").await);
    allow(&world, &ann, &triple("public_profile", "activitypub", "desk")).await;
    let ids = || vec![Asked::Identifier(ann.email.clone()), Asked::Identifier(ben.email.clone())];
    for _ in 0..3 {
        world.app.filter(&desk, &question(ids())).await.unwrap();
    }
    world.app.hold(&ann.caller, None).await.unwrap();
    world.app.filter(&desk, &question(ids())).await.unwrap();
    assert!(world.app.decisions(&ann.caller).await.unwrap().is_empty(), "they wait");
    world.app.flush_decisions().await.unwrap();
    world.app.flush_decisions().await.unwrap();
    let told = async |member: &Member| -> Vec<(bool, i64)> {
        let tallies = world.app.decisions(&member.caller).await.unwrap();
        assert!(tallies.iter().all(|one| one.counted.caller == "desk"
            && one.counted.purpose == "public_profile"
            && one.counted.action == "disclose"));
        tallies.into_iter().map(|one| (one.counted.allowed, one.times)).collect()
    };
    assert_eq!(told(&ann).await, [(false, 1), (true, 3)]);
    assert_eq!(told(&ben).await, [(false, 4)]);
    world.app.filter(&desk, &question(ids())).await.unwrap();
    world.app.flush_decisions().await.unwrap();
    assert_eq!(told(&ann).await, [(false, 2), (true, 3)]);
});

on_both!(about_somebody_unknown_only_a_number_is_kept, |world| {
    let desk = desk(&world, "desk").await;
    let ids = ["a", "b", "c"].map(|who| Asked::Identifier(address(&format!("{who}@stranger.example"))));
    let before = dump(&world).await;
    world.app.filter(&desk, &question(ids.to_vec())).await.unwrap();
    world.app.filter(&desk, &question(vec![ids[0].clone(), Asked::Pairwise(Pairwise::new([1; 16]))])).await.unwrap();
    world.app.flush_decisions().await.unwrap();
    let mut after = dump(&world).await;
    let counts = ask(&world, "SELECT caller || ' ' || times FROM unknown_count").await;
    assert_eq!(counts, ["desk 5"]);
    after.insert("unknown_count".into(), Vec::new());
    crate::people::assert_same(&before, &after);
});

on_both!(what_was_asked_about_somebody_who_left_meanwhile_is_not_kept, |world| {
    let desk = desk(&world, "desk").await;
    let ann = join(&world, "ann@example.org").await;
    world.app.filter(&desk, &question(vec![Asked::Identifier(ann.email.clone())])).await.unwrap();
    world.app.erase(&ann.caller, None).await.unwrap();
    world.app.run_erasures().await.unwrap();
    world.app.flush_decisions().await.unwrap();
    assert!(dump(&world).await["decision_count"].is_empty());
});

on_both!(asking_is_no_act, |world| {
    let desk = desk(&world, "desk").await;
    let all = everybody(&world).await;
    let before = dump(&world).await;
    world.app.filter(&desk, &question(asked(&all))).await.unwrap();
    crate::people::assert_same(&before, &dump(&world).await);
});
