//! Accounts: nobody acts for somebody else, passwords, registering again.

use sayso::gate::Denial;

use super::*;
use crate::on_both;

on_both!(registering_again_logs_in_and_changes_nothing_that_was_decided, |world| {
    let ann = scored_member(&world, "ann").await;
    let before = only(&dump(&world).await, &["live_grant", "standing", "identifier", "subject_key"]);
    let again = join(&world, "ann@example.org").await;
    assert_eq!(again.caller.subject, ann.caller.subject);
    assert_same(&before, &only(&dump(&world).await, &["live_grant", "standing", "identifier", "subject_key"]));
});

on_both!(registering_after_an_erasure_starts_with_no_consent, |world| {
    let ann = scored_member(&world, "ann").await;
    world.app.erase(&ann.caller, None).await.unwrap();
    world.app.run_erasures().await.unwrap();
    let again = join(&world, "ann@example.org").await;
    assert_ne!(again.caller.subject, ann.caller.subject);
    let consents = world.app.consents(&again.caller).await.unwrap();
    assert!(consents.live.is_empty());
    assert_eq!(consents.history.len(), 1);
    assert_eq!(denial(world.app.score(&again.caller, None).await), Denial::NoGrant);
});

on_both!(without_the_mailed_code_nobody_grants_for_somebody_else, |world| {
    let victim = address("victim@example.org");
    let size = log_size(&world).await;
    register(&world, &victim, Adult::Yes).await;
    let code = code_for(&world, &victim);
    for _ in 0..3 {
        assert!(verify(&world, &victim, &another_code(&code)).await.is_err());
    }
    let mallory = join(&world, "mallory@example.org").await;
    assert!(matches!(world.app.claim(&mallory.caller, &victim, None).await, Err(ServiceError::Invalid(_))));
    let after = dump(&world).await;
    assert_eq!(after["standing"].len(), 1);
    assert!(after["live_grant"].is_empty());
    assert_eq!(kinds_after(&world, size).await, ["registered"]);
});

on_both!(a_client_is_never_a_person, |world| {
    let shop = recipient(&world, "shop", &["public_profile"], &["activitypub"]).await;
    assert_eq!(shop.role, sayso::crypto::Role::Recipient);
    let token = world.app.client_token("operator", &secret(&world.operator_secret), None).await.unwrap();
    let caller = world.app.authenticate(&token.access_token).await.unwrap();
    assert_eq!(caller.role(), sayso::crypto::Role::Operator);
    assert!(matches!(caller, Caller::Client(_)));
});

on_both!(a_password_logs_in_only_its_owner, |world| {
    let (ann, ben) = (address("ann@example.org"), address("ben@example.org"));
    for (who, password) in [(&ann, "correct horse"), (&ben, "battery staple")] {
        register(&world, who, Adult::Yes).await;
        let code = secret(&code_for(&world, who));
        let password = Some(secret(password));
        world.app.verify(&Verification { identifier: who.clone(), code, password }).await.unwrap();
    }
    let login = async |who: &Identifier, password: &str| world.app.login(who, &secret(password)).await;
    let anns = login(&ann, "correct horse").await.unwrap();
    let bens = login(&ben, "battery staple").await.unwrap();
    assert_ne!(person(&world, &anns).await.subject, person(&world, &bens).await.subject);
    for (who, wrong) in [(&ann, "battery staple"), (&ben, ""), (&ann, "Correct horse"), (&ann, "correct horse ")] {
        assert!(matches!(login(who, wrong).await, Err(ServiceError::BadCredentials)));
    }
    let nobody = login(&address("nobody@example.org"), "correct horse").await;
    assert!(matches!(nobody, Err(ServiceError::BadCredentials)));
});

on_both!(somebody_without_a_password_cannot_log_in_with_one, |world| {
    let ann = join(&world, "ann@example.org").await;
    for guess in ["", "password12", "nobody-has-this!"] {
        assert!(matches!(world.app.login(&ann.email, &secret(guess)).await, Err(ServiceError::BadCredentials)));
    }
});

on_both!(a_bad_password_does_not_use_the_code_up, |world| {
    let ann = address("ann@example.org");
    register(&world, &ann, Adult::Yes).await;
    let code = code_for(&world, &ann);
    for bad in ["short", "", &"x".repeat(257)] {
        let (identifier, code, password) = (ann.clone(), secret(&code), Some(secret(bad)));
        let answer = world.app.verify(&Verification { identifier, code, password }).await;
        assert!(matches!(answer, Err(ServiceError::Invalid(_))), "{} bytes", bad.len());
    }
    let password = Some(secret("ten chars!"));
    world.app.verify(&Verification { identifier: ann.clone(), code: secret(&code), password }).await.unwrap();
    world.app.login(&ann, &secret("ten chars!")).await.unwrap();
});

on_both!(a_new_password_ends_the_old_one, |world| {
    let ann = join(&world, "ann@example.org").await;
    for password in ["first password", "second password"] {
        world.app.send_login_code(&ann.email, sayso::words::Lang::English).await.unwrap();
        let code = secret(&code_for(&world, &ann.email));
        let verification = Verification { identifier: ann.email.clone(), code, password: Some(secret(password)) };
        world.app.verify(&verification).await.unwrap();
    }
    assert!(world.app.login(&ann.email, &secret("first password")).await.is_err());
    world.app.login(&ann.email, &secret("second password")).await.unwrap();
});

on_both!(a_log_in_code_makes_no_account, |world| {
    let before = dump(&world).await;
    world.app.send_login_code(&address("nobody@example.org"), sayso::words::Lang::English).await.unwrap();
    assert_same(&before, &dump(&world).await);
    let sent = letters(&world);
    assert!(sent.len() == 1 && code_in(&sent[0]).is_none());
});
