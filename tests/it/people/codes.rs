//! Mailed codes.

use super::*;
use crate::on_both;

on_both!(a_code_makes_an_account_once, |world| {
    let ann = address("ann@example.org");
    register(&world, &ann, Adult::Yes).await;
    let code = code_for(&world, &ann);
    verify(&world, &ann, &code).await.unwrap();
    assert!(matches!(verify(&world, &ann, &code).await, Err(ServiceError::BadCredentials)));
});

on_both!(a_wrong_code_fits_nothing, |world| {
    let ann = address("ann@example.org");
    register(&world, &ann, Adult::Yes).await;
    let code = code_for(&world, &ann);
    let before = dump(&world).await;
    let answer = verify(&world, &ann, &another_code(&code)).await;
    assert!(matches!(answer, Err(ServiceError::BadCredentials)));
    for nothing in ["", "0", " ", &format!("{code} "), &format!("0{code}")] {
        assert!(verify(&world, &ann, nothing).await.is_err());
    }
    let mut after = dump(&world).await;
    after.insert("code".into(), before["code"].clone());
    assert_same(&before, &after);
});

on_both!(five_wrong_codes_end_a_code, |world| {
    let (ann, bob) = (address("ann@example.org"), address("bob@example.org"));
    for who in [&ann, &bob] {
        register(&world, who, Adult::Yes).await;
        let code = code_for(&world, who);
        let wrong = if *who == ann { 4 } else { 5 };
        for _ in 0..wrong {
            assert!(verify(&world, who, &another_code(&code)).await.is_err());
        }
        assert_eq!(verify(&world, who, &code).await.is_ok(), *who == ann, "after {wrong} wrong ones");
    }
});

on_both!(guesses_at_the_same_moment_are_counted_one_by_one, |world| {
    let ann = address("ann@example.org");
    register(&world, &ann, Adult::Yes).await;
    let requested =
        world.app.request(&ann, sayso::service::What::Access, sayso::words::Lang::English, None).await.unwrap();
    let guesses = (0..24).map(|guess| {
        let app = world.app.clone();
        tokio::spawn(
            async move { app.confirm(&requested.reference, &secret(&format!("x{guess}")), None).await.is_ok() },
        )
    });
    for guess in guesses.collect::<Vec<_>>() {
        assert!(!guess.await.unwrap());
    }
    let tries = ask(&world, "SELECT CAST(tries AS TEXT) FROM code WHERE what = 'access'").await;
    assert_eq!(tries, ["24"]);
});

on_both!(a_code_logs_in_once_however_many_use_it_at_once, |world| {
    let ann = join(&world, "ann@example.org").await;
    for _ in 0..3 {
        world.app.send_login_code(&ann.email, sayso::words::Lang::English).await.unwrap();
        let code = code_for(&world, &ann.email);
        let attempts = (0..8).map(|_| {
            let (app, identifier, code) = (world.app.clone(), ann.email.clone(), secret(&code));
            tokio::spawn(async move { app.verify(&Verification { identifier, code, password: None }).await.is_ok() })
        });
        let mut fitted = 0;
        for attempt in attempts.collect::<Vec<_>>() {
            fitted += u32::from(attempt.await.unwrap());
        }
        assert_eq!(fitted, 1);
        world.pass_seconds(3601);
    }
});

on_both!(a_request_is_confirmed_once_however_many_confirm_it_at_once, |world| {
    let ann = join(&world, "ann@example.org").await;
    let requested =
        world.app.request(&ann.email, sayso::service::What::Access, sayso::words::Lang::English, None).await.unwrap();
    let code = code_for(&world, &ann.email);
    let before = log_size(&world).await;
    let attempts = (0..8).map(|_| {
        let (app, code) = (world.app.clone(), secret(&code));
        tokio::spawn(async move { app.confirm(&requested.reference, &code, None).await.is_ok() })
    });
    let mut answered = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        answered += u32::from(attempt.await.unwrap());
    }
    assert_eq!((answered, log_size(&world).await), (1, before + 1));
});

on_both!(a_code_counts_for_half_an_hour, |world| {
    let (ann, bob) = (address("ann@example.org"), address("bob@example.org"));
    register(&world, &ann, Adult::Yes).await;
    let anns = code_for(&world, &ann);
    register(&world, &bob, Adult::Yes).await;
    let bobs = code_for(&world, &bob);
    world.pass_seconds(sayso::limits::CODE_SECONDS - 1);
    verify(&world, &ann, &anns).await.unwrap();
    world.pass_seconds(1);
    assert!(matches!(verify(&world, &bob, &bobs).await, Err(ServiceError::BadCredentials)));
});

on_both!(a_new_code_ends_the_one_before, |world| {
    let ann = address("ann@example.org");
    register(&world, &ann, Adult::Yes).await;
    let first = code_for(&world, &ann);
    register(&world, &ann, Adult::Yes).await;
    let second = code_for(&world, &ann);
    assert!(verify(&world, &ann, &first).await.is_err());
    verify(&world, &ann, &second).await.unwrap();
});

on_both!(an_address_gets_six_codes_an_hour_and_another_when_none_can_be_used, |world| {
    let (ann, bob) = (address("ann@example.org"), address("bob@example.org"));
    for _ in 0..9 {
        register(&world, &ann, Adult::Yes).await;
    }
    register(&world, &bob, Adult::Yes).await;
    let sent = letters(&world);
    let to = |who: &Identifier| sent.iter().filter(|letter| letter.to == who.as_str()).count();
    assert_eq!((to(&ann), to(&bob)), (6, 1));
    world.pass_seconds(sayso::limits::CODE_SECONDS - 1);
    register(&world, &ann, Adult::Yes).await;
    assert!(letters(&world).is_empty());
    world.pass_seconds(1);
    world.app.sweep().await.unwrap();
    for _ in 0..3 {
        register(&world, &ann, Adult::Yes).await;
    }
    assert_eq!(letters(&world).len(), 1, "one, because the others lapsed");
    for _ in 0..40 {
        register(&world, &ann, Adult::Yes).await;
        for _ in 0..sayso::limits::CODE_TRIES_MAX {
            assert!(verify(&world, &ann, "guessing").await.is_err());
        }
    }
    let at_most = usize::try_from(sayso::limits::CODES_PER_HOUR_AT_MOST).unwrap();
    assert_eq!(letters(&world).len(), at_most - 7, "however many were used up");
    world.pass_seconds(3600);
    register(&world, &ann, Adult::Yes).await;
    assert_eq!(letters(&world).len(), 1);
});

on_both!(a_code_for_one_address_fits_no_other, |world| {
    let (ann, bob) = (address("ann@example.org"), address("bob@example.org"));
    register(&world, &ann, Adult::Yes).await;
    let anns = code_for(&world, &ann);
    register(&world, &bob, Adult::Yes).await;
    assert!(matches!(verify(&world, &bob, &anns).await, Err(ServiceError::BadCredentials)));
});

on_both!(a_code_for_one_thing_fits_no_other, |world| {
    let ann = join(&world, "ann@example.org").await;
    let requested =
        world.app.request(&ann.email, sayso::service::What::Status, sayso::words::Lang::English, None).await.unwrap();
    let code = code_for(&world, &ann.email);
    assert!(verify(&world, &ann.email, &code).await.is_err());
    world.app.send_login_code(&ann.email, sayso::words::Lang::English).await.unwrap();
    let login = code_for(&world, &ann.email);
    let answer = world.app.confirm(&requested.reference, &secret(&login), None).await;
    assert!(matches!(answer, Err(ServiceError::BadCredentials)));
});

on_both!(an_address_without_an_account_is_told_so_three_times_an_hour, |world| {
    let (nobody, other) = (address("nobody@example.org"), address("other@example.org"));
    let mails = || std::fs::read_dir(world.path().join("outbox")).unwrap().count();
    for expected in [1, 2, 3, 3, 3] {
        world.app.send_login_code(&nobody, sayso::words::Lang::English).await.unwrap();
        assert_eq!(mails(), expected);
    }
    register(&world, &nobody, Adult::Unknown).await;
    assert_eq!(mails(), 3, "one limit for every mail without a code");
    world.app.send_login_code(&other, sayso::words::Lang::English).await.unwrap();
    assert_eq!(mails(), 4, "others are told");
    world.pass_seconds(3600);
    world.app.send_login_code(&nobody, sayso::words::Lang::English).await.unwrap();
    assert_eq!(mails(), 5);
});

// Whoever asks in another's name, however often, makes no reference of theirs useless.
on_both!(a_flood_of_requests_leaves_the_owner_a_code_that_works, |world| {
    let ann = address("ann@example.org");
    let ask = async || {
        world
            .app
            .request(&ann, sayso::service::What::Erasure, sayso::words::Lang::English, None)
            .await
            .unwrap()
            .reference
    };
    let first = ask().await;
    for _ in 0..20 {
        ask().await;
    }
    let mine = ask().await;
    assert_ne!(mine, first, "nobody sees from theirs whether anybody else asked");
    let codes: Vec<String> = letters(&world).iter().filter_map(code_in).collect();
    assert_eq!(codes.len() as i64, sayso::limits::CODES_PER_HOUR_MAX);
    world.pass_seconds(3600);
    let (first, second) = (ask().await, ask().await);
    letters(&world);
    let third = ask().await;
    let code = code_for(&world, &ann);
    assert!(first != second && second != third);
    world.app.confirm(&first, &secret(&code), None).await.unwrap();
    assert!(world.app.confirm(&third, &secret(&code), None).await.is_err(), "one code, used up once");

    let reference = ask().await;
    for _ in 0..sayso::limits::CODE_TRIES_MAX {
        assert!(world.app.confirm(&reference, &secret("x"), None).await.is_err());
    }
    letters(&world);
    let fresh = ask().await;
    let code = code_for(&world, &ann);
    assert!(world.app.confirm(&reference, &secret(&code), None).await.is_err(), "guessing ended the old one");
    world.app.confirm(&fresh, &secret(&code), None).await.unwrap();
});

on_both!(a_mail_that_cannot_be_written_holds_up_no_other, |world| {
    let blob = if world.db == crate::world::Db::Sqlite { "zeroblob(16)" } else { "decode(repeat('00', 16), 'hex')" };
    let blind = blob.replace("16", "32");
    let poison = format!("INSERT INTO mail (id, blind, sealed) VALUES ({blob}, {blind}, {blob})");
    crate::people::tamper(&world, &poison).await;
    let ann = address("ann@example.org");
    register(&world, &ann, Adult::Yes).await;
    code_for(&world, &ann);
    assert!(dump(&world).await["mail"].is_empty(), "what cannot be written is not kept");
});
