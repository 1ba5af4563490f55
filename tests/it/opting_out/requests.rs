//! What is held about me, delete it, how did that go: without an account.

use sayso::ids::Reference;
use sayso::service::{Answer, Confirmation, ConfirmedOne, What};

use super::*;
use crate::people::another_code;
use crate::world::{World, read};

async fn ask(world: &World, who: &str, what: What) -> Answer {
    letters(world);
    let who = address(who);
    let requested = world.app.request(&who, what, sayso::words::Lang::English, None).await.unwrap();
    let code = code_for(world, &who);
    world.app.confirm(&requested.reference, &secret(&code), None).await.unwrap()
}

on_both!(about_a_stranger_nothing_is_held, |world| {
    let before = only(&dump(&world).await, &["standing", "suppression", "identifier"]);
    let size = log_size(&world).await;
    match ask(&world, "stranger@example.org", What::Access).await {
        Answer::Access { member: false, opted_out: false, export: None } => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(kinds_after(&world, size).await, ["access_answered"]);
    let after = dump(&world).await;
    assert_same(&before, &only(&after, &["standing", "suppression", "identifier"]));
    assert!(after["code"].is_empty());
});

on_both!(somebody_who_opted_out_is_told_that_and_nothing_else_is_held, |world| {
    world.app.opt_out(&address("stranger@example.org"), Whom::Oneself, None).await.unwrap();
    let answer = ask(&world, "stranger@example.org", What::Access).await;
    assert!(matches!(answer, Answer::Access { member: false, opted_out: true, export: None }));
});

on_both!(a_member_gets_everything_without_logging_in, |world| {
    let ann = scored_member(&world, "ann").await;
    let size = log_size(&world).await;
    let Answer::Access { member: true, opted_out: false, export: Some(asked) } =
        ask(&world, "ann@example.org", What::Access).await
    else {
        panic!("an export")
    };
    assert_eq!(kinds_after(&world, size).await, ["access_answered"]);
    let (asked, logged_in) = (read(asked), read(world.app.export(&ann.caller, None).await.unwrap()));
    for table in ["identifier", "live_grant", "standing"] {
        assert_eq!(asked["tables"][table], logged_in["tables"][table], "{table}");
        assert_ne!(asked["tables"][table], serde_json::json!([]), "{table}");
    }
    assert!(asked["tables"]["identifier"].to_string().contains("ann@example.org"));
});

on_both!(an_erasure_is_answered_alike_for_members_and_strangers, |world| {
    scored_member(&world, "ann").await;
    let mut shapes = Vec::new();
    for who in ["ann@example.org", "stranger@example.org"] {
        let size = log_size(&world).await;
        let Answer::Erasure(started) = ask(&world, who, What::Erasure).await else { panic!("an erasure") };
        assert_eq!(kinds_after(&world, size).await, ["erased"]);
        shapes.push(super::shape(&started.receipt));
        world.app.run_erasures().await.unwrap();
        let view = world.app.erasure(&started.reference).await.unwrap();
        assert_eq!((view.step, view.finished_us.is_some()), ("done", true));
    }
    assert_eq!(shapes[0], shapes[1]);
    let after = dump(&world).await;
    assert!(after["identifier"].is_empty() && after["subject_key"].is_empty() && after["live_grant"].is_empty());
});

on_both!(how_an_erasure_went_is_told_after_it, |world| {
    scored_member(&world, "ann").await;
    let Answer::Erasure(started) = ask(&world, "ann@example.org", What::Erasure).await else { panic!("an erasure") };
    for finished in [false, true] {
        if finished {
            world.app.run_erasures().await.unwrap();
        }
        let Answer::Status { erasures } = ask(&world, "ann@example.org", What::Status).await else {
            panic!("a status")
        };
        assert_eq!(erasures.len(), 1);
        assert_eq!((erasures[0].reference, erasures[0].finished_us.is_some()), (started.reference, finished));
        world.pass_seconds(3600);
    }
    let Answer::Status { erasures } = ask(&world, "other@example.org", What::Status).await else { panic!("a status") };
    assert!(erasures.is_empty());
});

on_both!(an_erasure_asked_for_with_an_account_is_found_later, |world| {
    let ann = scored_member(&world, "ann").await;
    let started = world.app.erase(&ann.caller, None).await.unwrap();
    world.app.run_erasures().await.unwrap();
    let Answer::Status { erasures } = ask(&world, "ann@example.org", What::Status).await else { panic!("a status") };
    assert_eq!(erasures.iter().map(|view| view.reference).collect::<Vec<_>>(), [started.reference]);
});

on_both!(a_request_needs_its_own_code, |world| {
    let ann = scored_member(&world, "ann").await;
    let first = world.app.request(&ann.email, What::Erasure, sayso::words::Lang::English, None).await.unwrap();
    let code = code_for(&world, &ann.email);
    let other =
        world.app.request(&address("ben@example.org"), What::Erasure, sayso::words::Lang::English, None).await.unwrap();
    let nobodys = Reference::new([7; 16]);
    for (reference, code) in
        [(first.reference, another_code(&code)), (other.reference, code.clone()), (nobodys, code.clone())]
    {
        let answer = world.app.confirm(&reference, &secret(&code), None).await;
        assert!(matches!(answer, Err(ServiceError::BadCredentials)));
    }
    assert_eq!(dump(&world).await["erasure_job"].len(), 0);
    for _ in 0..4 {
        assert!(world.app.confirm(&first.reference, &secret("00000000"), None).await.is_err());
    }
    let spent = world.app.confirm(&first.reference, &secret(&code), None).await;
    assert!(matches!(spent, Err(ServiceError::BadCredentials)), "five wrong ones ended it");
    world.app.score(&ann.caller, None).await.unwrap();
});

on_both!(a_confirmed_request_is_used_up, |world| {
    let who = address("stranger@example.org");
    let requested = world.app.request(&who, What::Access, sayso::words::Lang::English, None).await.unwrap();
    let code = secret(&code_for(&world, &who));
    world.app.confirm(&requested.reference, &code, None).await.unwrap();
    assert!(matches!(world.app.confirm(&requested.reference, &code, None).await, Err(ServiceError::BadCredentials)));
});

on_both!(a_request_counts_for_half_an_hour, |world| {
    let who = address("stranger@example.org");
    let requested = world.app.request(&who, What::Access, sayso::words::Lang::English, None).await.unwrap();
    let code = secret(&code_for(&world, &who));
    world.pass_seconds(sayso::limits::CODE_SECONDS);
    assert!(matches!(world.app.confirm(&requested.reference, &code, None).await, Err(ServiceError::BadCredentials)));
});

on_both!(a_second_erasure_while_the_first_runs_finds_nobody, |world| {
    scored_member(&world, "ann").await;
    for _ in 0..2 {
        let size = log_size(&world).await;
        assert!(matches!(ask(&world, "ann@example.org", What::Erasure).await, Answer::Erasure(_)));
        assert_eq!(kinds_after(&world, size).await, ["erased"]);
    }
    world.app.run_erasures().await.unwrap();
    let Answer::Status { erasures } = ask(&world, "ann@example.org", What::Status).await else { panic!("a status") };
    assert!(erasures.len() == 2 && erasures.iter().all(|view| view.finished_us.is_some()));
});

on_both!(a_handle_has_no_mailbox, |world| {
    let before = dump(&world).await;
    for what in [What::Access, What::Erasure, What::Status] {
        let answer = world.app.request(&handle("campus:ann"), what, sayso::words::Lang::English, None).await;
        assert!(matches!(answer, Err(ServiceError::Invalid(_))));
    }
    assert_same(&before, &dump(&world).await);
});

on_both!(the_mail_that_carried_the_code_goes_with_the_erasure_it_confirmed, |world| {
    for who in ["ann@example.org", "stranger@example.org"] {
        if who.starts_with("ann") {
            scored_member(&world, "ann").await;
        }
        letters(&world);
        let to = address(who);
        let requested = world.app.request(&to, What::Erasure, sayso::words::Lang::English, None).await.unwrap();
        let folder = world.path().join("outbox");
        let file = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
        let mail = std::fs::read_to_string(file).unwrap();
        let (_, code) = mail.split_once("The code is: ").unwrap();
        world.app.confirm(&requested.reference, &secret(&code[..8]), None).await.unwrap();
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "{who}");
    }
});

on_both!(several_addresses_are_proved_and_erased_in_one_step_and_nothing_joins_them, |world| {
    let addresses = ["ann@example.org", "ann.two@example.org", "nobody@example.org"];
    for name in ["ann", "ann.two"] {
        join(&world, &format!("{name}@example.org")).await;
    }
    let mut confirmations = Vec::new();
    for who in addresses {
        letters(&world);
        let requested =
            world.app.request(&address(who), What::Erasure, sayso::words::Lang::English, None).await.unwrap();
        let code = secret(&code_for(&world, &address(who)));
        confirmations.push(Confirmation { reference: requested.reference, code });
    }
    let wrong = Confirmation { reference: confirmations[0].reference, code: secret("00000000") };
    let size = log_size(&world).await;
    let key = world.app.idempotency("anybody", "confirm", "key", b"all");
    confirmations.insert(1, wrong);
    let answers = world.app.confirm_all(&confirmations, Some(&key)).await.unwrap();
    assert_eq!(kinds_after(&world, size).await, ["erased", "erased", "erased"]);
    let references = |answers: &[ConfirmedOne]| -> Vec<Option<String>> {
        let started = |one: &ConfirmedOne| match &one.answer {
            Some(Answer::Erasure(started)) => Some(started.reference.to_string()),
            None => None,
            other => panic!("{other:?}"),
        };
        answers.iter().map(started).collect()
    };
    let first = references(&answers);
    assert!(first[0].is_some() && first[1].is_none() && first[2].is_some() && first[3].is_some(), "{first:?}");
    let again = world.app.confirm_all(&confirmations, Some(&key)).await.unwrap();
    assert_eq!(references(&again), first, "the same request again, the same references");
    world.app.run_erasures().await.unwrap();
    assert!(dump(&world).await["standing"].is_empty());
    for (count, some) in [(0, vec![]), (21, vec![0; 21])] {
        let many: Vec<_> = some
            .iter()
            .map(|_| Confirmation { reference: Reference::new([1; 16]), code: secret("12345678") })
            .collect();
        let answer = world.app.confirm_all(&many, None).await;
        assert!(matches!(answer, Err(ServiceError::Invalid(_))), "{count}");
    }
    assert_eq!(world.app.verify_log(&[], |_| ()).await.unwrap().findings, []);
});
