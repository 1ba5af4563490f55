//! Log-ins and access tokens.

use sayso::crypto::{KeyRing, Role};
use sayso::limits::{ACCESS_SECONDS, SESSION_SECONDS};
use sayso::secret::{Entropy, Key};
use sayso::service::NewClient;

use super::*;
use crate::on_both;

async fn refused(world: &World, token: &str) -> bool {
    matches!(world.app.authenticate(token).await, Err(ServiceError::Unauthenticated))
}

on_both!(an_access_token_counts_for_ten_minutes, |world| {
    let ann = join(&world, "ann@example.org").await;
    world.pass_seconds(ACCESS_SECONDS - 1);
    person(&world, &ann.tokens).await;
    world.pass_seconds(1);
    assert!(refused(&world, &ann.tokens.access_token).await);
    let shop = world.app.client_token("operator", &secret(&world.operator_secret), None).await.unwrap();
    world.app.authenticate(&shop.access_token).await.unwrap();
    world.pass_seconds(ACCESS_SECONDS);
    assert!(refused(&world, &shop.access_token).await);
});

on_both!(a_token_that_is_not_ours_is_refused, |world| {
    let ann = join(&world, "ann@example.org").await;
    let good = &ann.tokens.access_token;
    let parts: Vec<&str> = good.split('.').collect();
    let foreign = sayso::crypto::Tokens::new(&Key::new(Entropy::seeded(8).bytes().unwrap()));
    let foreign =
        foreign.issue(ann.caller.session.to_string(), Role::Person, (None, None), world.app.clock.now()).unwrap();
    // {"alg":"none"} and {"alg":"HS256","kid":"1"}
    let mut bad = vec![
        foreign,
        String::new(),
        "..".into(),
        format!("{}.{}.", parts[0], parts[1]),
        format!("eyJhbGciOiJub25lIn0.{}.", parts[1]),
        format!("eyJhbGciOiJIUzI1NiIsImtpZCI6IjEifQ.{}.{}", parts[1], parts[2]),
        ann.tokens.refresh_token.clone(),
        format!("{good} "),
    ];
    for place in (0..good.len()).step_by(7) {
        let mut flipped = good.clone().into_bytes();
        flipped[place] = if flipped[place] == b'A' { b'B' } else { b'A' };
        let flipped = String::from_utf8(flipped).unwrap();
        if flipped != *good {
            bad.push(flipped);
        }
    }
    for token in &bad {
        assert!(refused(&world, token).await, "{token}");
    }
    person(&world, &ann.tokens).await;
});

on_both!(a_signed_token_is_only_what_its_owner_is, |world| {
    let ann = join(&world, "ann@example.org").await;
    recipient(&world, "shop", &["public_profile"], &["activitypub"]).await;
    let ours = sayso::crypto::Tokens::new(&KeyRing::load(world.path()).unwrap().0.token);
    let now = world.app.clock.now();
    let session = ann.caller.session.to_string();
    for (sub, role) in [
        ("shop", Role::Operator),
        ("shop", Role::Person),
        ("shop", Role::Collector),
        ("nobody", Role::Recipient),
        (session.as_str(), Role::Operator),
        (session.as_str(), Role::Recipient),
        ("00000000000000000000000000000000", Role::Person),
    ] {
        let id = Some(sayso::ids::TokenId::new([1; 16]));
        let token = ours.issue(sub.to_owned(), role, (None, id), now).unwrap();
        assert!(refused(&world, &token).await, "{role:?}");
    }
    let without_end = ours.issue("operator".into(), Role::Operator, (None, None), now).unwrap();
    assert!(refused(&world, &without_end).await, "what an operator could not end");
});

on_both!(logging_out_counts_at_once, |world| {
    let ann = join(&world, "ann@example.org").await;
    let elsewhere = join(&world, "ann@example.org").await;
    world.app.logout(&ann.caller).await.unwrap();
    assert!(refused(&world, &ann.tokens.access_token).await);
    assert!(world.app.refresh(&secret(&ann.tokens.refresh_token)).await.is_err());
    person(&world, &elsewhere.tokens).await;
});

on_both!(a_refresh_token_counts_once, |world| {
    let ann = join(&world, "ann@example.org").await;
    let second = world.app.refresh(&secret(&ann.tokens.refresh_token)).await.unwrap();
    person(&world, &second).await;
    let third = world.app.refresh(&secret(&second.refresh_token)).await.unwrap();
    assert_eq!(person(&world, &third).await.subject, ann.caller.subject);
});

on_both!(a_refresh_token_that_comes_twice_ends_the_log_in, |world| {
    let ann = join(&world, "ann@example.org").await;
    let second = world.app.refresh(&secret(&ann.tokens.refresh_token)).await.unwrap();
    let copied = world.app.refresh(&secret(&ann.tokens.refresh_token)).await;
    assert!(matches!(copied, Err(ServiceError::Unauthenticated)));
    assert!(refused(&world, &second.access_token).await);
    assert!(world.app.refresh(&secret(&second.refresh_token)).await.is_err());
});

on_both!(a_refresh_token_that_comes_twice_at_once_ends_the_log_in, |world| {
    let ann = join(&world, "ann@example.org").await;
    let attempts: Vec<_> = (0..6)
        .map(|_| {
            let (app, token) = (world.app.clone(), secret(&ann.tokens.refresh_token));
            tokio::spawn(async move { app.refresh(&token).await.is_ok() })
        })
        .collect();
    let mut new = 0;
    for attempt in attempts {
        new += u32::from(attempt.await.unwrap());
    }
    assert!(new <= 1, "{new}");
    assert!(refused(&world, &ann.tokens.access_token).await);
});

on_both!(a_bad_refresh_token_ends_nothing_of_others, |world| {
    let ann = join(&world, "ann@example.org").await;
    for bad in ["", ".", "0", "00000000000000000000000000000000.00", &ann.tokens.access_token] {
        assert!(matches!(world.app.refresh(&secret(bad)).await, Err(ServiceError::Unauthenticated)));
    }
    person(&world, &ann.tokens).await;
});

on_both!(a_log_in_ends_after_thirty_days_without_use, |world| {
    let ann = join(&world, "ann@example.org").await;
    world.pass_seconds(SESSION_SECONDS);
    assert!(world.app.refresh(&secret(&ann.tokens.refresh_token)).await.is_err());
    world.app.sweep().await.unwrap();
    assert!(dump(&world).await["session"].is_empty());
});

on_both!(a_client_that_is_switched_off_is_refused_at_once, |world| {
    let ngo = "ngo".parse().unwrap();
    let auditor = NewClient {
        id: "ngo".parse().unwrap(),
        role: Role::Auditor,
        class: None,
        purposes: Vec::new(),
        sources: Vec::new(),
        webhook: None,
        public_key: None,
        terms: Default::default(),
    };
    let registered = world.app.register_client(&auditor, None).await.unwrap().client_secret.unwrap();
    let token = world.app.client_token("ngo", &secret(&registered), None).await.unwrap();
    world.app.authenticate(&token.access_token).await.unwrap();
    world.app.disable_client(&ngo, None).await.unwrap();
    assert!(refused(&world, &token.access_token).await);
    let again = world.app.client_token("ngo", &secret(&registered), None).await;
    assert!(matches!(again, Err(ServiceError::BadCredentials)));
});
