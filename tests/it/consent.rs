//! Consent: given, refused, taken back, paused, ended by time or by a new notice.

mod ending;
mod notices;
mod pausing;
mod repeating;

use sayso::domain::{Micros, Seq};
use sayso::gate::{Action, Denial};
use sayso::limits::{GRANT_DAYS, GRANT_DAYS_MAX};
use sayso::service::{
    Asked, ClientCaller, ConsentDecision, ConsentRequest, GateQuestion, NewClient, NewNotice, ServiceError, Translation,
};

use crate::on_both;
use crate::people::{
    Member, allow, assert_same, client_caller, decide, denial, dump, join, kinds_after, log_size, only, recipient,
    request, scored_member, scoring, triple,
};
use crate::world::World;

/// Whether the gate lets a recipient know this.
async fn disclosed(world: &World, desk: &ClientCaller, purpose: &str, source: &str, member: &Member) -> bool {
    let question = GateQuestion {
        action: Action::Disclose,
        purpose: purpose.parse().unwrap(),
        source: source.parse().unwrap(),
        ids: vec![Asked::Identifier(member.email.clone())],
    };
    !world.app.filter(desk, &question).await.unwrap().allowed.is_empty()
}

pub(crate) async fn publish(world: &World, purpose: &str, material: bool) {
    let (text, locale) = (format!("Another text for {purpose}."), "en".to_owned());
    let notice =
        NewNotice { purpose: purpose.parse().unwrap(), text, locale, material, translations: vec![], over: None };
    world.app.publish_notice(&notice, None).await.unwrap();
}

on_both!(a_second_decision_never_overwrites_the_first, |world| {
    let ann = join(&world, "ann@example.org").await;
    let mut history = Vec::new();
    for round in 0..12 {
        let yes = round % 3 != 2;
        let decision = if yes { ConsentDecision::Granted } else { ConsentDecision::Refused };
        decide(&world, &ann, &scoring("activitypub"), decision).await.unwrap();
        let now = world.app.consents(&ann.caller).await.unwrap().history;
        let texts: Vec<_> = now.iter().map(|entry| serde_json::to_string(entry).unwrap()).collect();
        assert_eq!(texts.len(), round + 2);
        assert!(texts.starts_with(&history), "what was decided before is still there as it was");
        history = texts;
        world.pass_seconds(60);
    }
});

on_both!(a_refusal_is_not_consent, |world| {
    let ann = join(&world, "ann@example.org").await;
    let desk = recipient(&world, "desk", &["public_profile"], &["blog"]).await;
    let about = triple("public_profile", "blog", "desk");
    decide(&world, &ann, &about, ConsentDecision::Refused).await.unwrap();
    assert!(!disclosed(&world, &desk, "public_profile", "blog", &ann).await);
    assert!(dump(&world).await["live_grant"].is_empty() && dump(&world).await["pairwise"].is_empty());
    assert_eq!(denial(world.app.score(&ann.caller, None).await), Denial::NoGrant);
    decide(&world, &ann, &about, ConsentDecision::Granted).await.unwrap();
    assert!(disclosed(&world, &desk, "public_profile", "blog", &ann).await);
    decide(&world, &ann, &about, ConsentDecision::Refused).await.unwrap();
    assert!(!disclosed(&world, &desk, "public_profile", "blog", &ann).await);
});

on_both!(a_yes_is_for_exactly_one_purpose_source_and_recipient, |world| {
    let ann = join(&world, "ann@example.org").await;
    let purposes = ["public_profile", "research_statistics"];
    let sources = ["blog", "github"];
    let mut desks = Vec::new();
    for name in ["desk", "bureau"] {
        desks.push((name, recipient(&world, name, &purposes, &sources).await));
    }
    allow(&world, &ann, &triple("public_profile", "blog", "desk")).await;
    for (name, desk) in &desks {
        for purpose in purposes {
            for source in sources {
                let expected = (*name, purpose, source) == ("desk", "public_profile", "blog");
                let told = disclosed(&world, desk, purpose, source, &ann).await;
                assert_eq!(told, expected, "{name} {purpose} {source}");
            }
        }
    }
});

on_both!(a_grant_counts_only_when_it_is_stored_and_a_withdrawal_before_it_is_answered, |world| {
    let ann = join(&world, "ann@example.org").await;
    let desk = recipient(&world, "desk", &["public_profile"], &["blog"]).await;
    let about = triple("public_profile", "blog", "desk");
    for _ in 0..5 {
        assert!(!disclosed(&world, &desk, "public_profile", "blog", &ann).await);
        let granted = allow(&world, &ann, &about).await;
        assert!(disclosed(&world, &desk, "public_profile", "blog", &ann).await);
        world.app.withdraw(&ann.caller, granted.consent_id, None).await.unwrap();
        assert!(!disclosed(&world, &desk, "public_profile", "blog", &ann).await);
    }
});

on_both!(while_others_read_no_answer_after_a_withdrawal_allows, |world| {
    let ann = join(&world, "ann@example.org").await;
    let desk = recipient(&world, "desk", &["public_profile"], &["blog"]).await;
    let about = triple("public_profile", "blog", "desk");
    for _ in 0..6 {
        let granted = allow(&world, &ann, &about).await;
        let (world, desk, ann) = (&world, &desk, &ann);
        let reading = async {
            for _ in 0..10 {
                disclosed(world, desk, "public_profile", "blog", ann).await;
            }
        };
        let withdrawing = async {
            world.app.withdraw(&ann.caller, granted.consent_id, None).await.unwrap();
            disclosed(world, desk, "public_profile", "blog", ann).await
        };
        let ((), allowed_after) = tokio::join!(reading, withdrawing);
        assert!(!allowed_after);
    }
});

on_both!(an_old_yes_that_arrives_after_a_no_does_nothing, |world| {
    let ann = join(&world, "ann@example.org").await;
    let about = scoring("activitypub");
    let old = request(&world, &ann, &about, ConsentDecision::Granted).await;
    allow(&world, &ann, &about).await;
    world.app.withdraw_purpose(&ann.caller, &about.purpose, None).await.unwrap();
    let before = dump(&world).await;
    for late in [old.clone(), ConsentRequest { known_seq: Seq(0), ..old.clone() }] {
        let answer = world.app.decide_consent(&ann.caller, &late, None).await;
        assert!(matches!(answer, Err(ServiceError::StaleGrant)), "{answer:?}");
    }
    assert_same(&before, &dump(&world).await);
    let read_again = request(&world, &ann, &about, ConsentDecision::Granted).await;
    world.app.decide_consent(&ann.caller, &read_again, None).await.unwrap();
});

on_both!(an_old_yes_is_stale_after_every_restriction_of_its_triple, |world| {
    let about = scoring("activitypub");
    for (place, what) in ["withdrawn", "refused", "expired", "held", "opted_out"].into_iter().enumerate() {
        let ann = join(&world, &format!("ann{place}@example.org")).await;
        let soon = world.app.clock.now().plus_seconds(60);
        crate::people::allow_until(&world, &ann, &about, soon).await;
        let old = request(&world, &ann, &about, ConsentDecision::Granted).await;
        match what {
            "withdrawn" => drop(world.app.withdraw_purpose(&ann.caller, &about.purpose, None).await.unwrap()),
            "refused" => drop(decide(&world, &ann, &about, ConsentDecision::Refused).await.unwrap()),
            "held" => drop(world.app.hold(&ann.caller, None).await.unwrap()),
            "opted_out" => {
                drop(world.app.opt_out(&ann.email, sayso::domain::Whom::Oneself, None).await.unwrap());
            }
            _ => {
                world.pass_seconds(61);
                world.app.sweep().await.unwrap();
            }
        }
        let answer = world.app.decide_consent(&ann.caller, &old, None).await;
        assert!(matches!(answer, Err(ServiceError::StaleGrant)), "{what}: {answer:?}");
    }
});

on_both!(a_restriction_of_another_triple_makes_nothing_stale, |world| {
    let ann = join(&world, "ann@example.org").await;
    allow(&world, &ann, &scoring("blog")).await;
    let old = request(&world, &ann, &scoring("activitypub"), ConsentDecision::Granted).await;
    decide(&world, &ann, &scoring("blog"), ConsentDecision::Refused).await.unwrap();
    world.app.decide_consent(&ann.caller, &old, None).await.unwrap();
});

on_both!(a_known_seq_that_nobody_saw_is_refused, |world| {
    let ann = join(&world, "ann@example.org").await;
    join(&world, "ben@example.org").await;
    let good = request(&world, &ann, &scoring("activitypub"), ConsentDecision::Granted).await;
    for seq in [-1, good.known_seq.0 + 1, i64::MIN, i64::MAX] {
        let ahead = ConsentRequest { known_seq: Seq(seq), ..good.clone() };
        let answer = world.app.decide_consent(&ann.caller, &ahead, None).await;
        assert!(matches!(answer, Err(ServiceError::Invalid(_))), "{seq}");
    }
});

on_both!(a_grant_ends_after_a_year_and_never_lasts_longer_than_two, |world| {
    let ann = join(&world, "ann@example.org").await;
    let about = scoring("activitypub");
    let now = world.app.clock.now();
    let last = now.plus_days(GRANT_DAYS_MAX);
    let refused = [now, Micros(now.0 - 1), Micros(0), Micros(i64::MIN), Micros(last.0 + 1), Micros(i64::MAX)];
    for until in refused {
        let asked = request(&world, &ann, &about, ConsentDecision::Granted).await;
        let asked = ConsentRequest { until: Some(until), ..asked };
        let answer = world.app.decide_consent(&ann.caller, &asked, None).await;
        assert!(matches!(answer, Err(ServiceError::Invalid(_))), "{until:?}");
    }
    for (until, expected) in
        [(None, now.plus_days(GRANT_DAYS)), (Some(last), last), (Some(Micros(now.0 + 1)), Micros(now.0 + 1))]
    {
        let asked = request(&world, &ann, &about, ConsentDecision::Granted).await;
        world.app.decide_consent(&ann.caller, &ConsentRequest { until, ..asked }, None).await.unwrap();
        assert_eq!(world.app.consents(&ann.caller).await.unwrap().live[0].valid_until_us, expected);
    }
});

on_both!(a_recipient_is_granted_no_more_than_it_registered_for, |world| {
    let ann = join(&world, "ann@example.org").await;
    recipient(&world, "desk", &["public_profile"], &["blog"]).await;
    let collector = NewClient {
        id: "spider".parse().unwrap(),
        role: sayso::crypto::Role::Collector,
        class: None,
        purposes: vec!["public_profile".parse().unwrap()],
        sources: vec!["blog".parse().unwrap()],
        webhook: None,
        public_key: None,
        terms: Default::default(),
    };
    world.app.register_client(&collector, None).await.unwrap();
    let size = log_size(&world).await;
    for about in [
        triple("research_statistics", "blog", "desk"),
        triple("public_profile", "github", "desk"),
        triple("public_profile", "blog", "nobody"),
        triple("public_profile", "blog", "spider"),
        triple("public_profile", "blog", "operator"),
        triple("nothing_registered", "blog", "desk"),
        triple("public_profile", "nowhere", "desk"),
    ] {
        let answer = decide(&world, &ann, &about, ConsentDecision::Granted).await;
        assert!(matches!(answer, Err(ServiceError::Invalid(_))), "{about:?}: {answer:?}");
    }
    assert_eq!(log_size(&world).await, size);
});

on_both!(no_one_opens_a_prohibited_purpose, |world| {
    let ann = join(&world, "ann@example.org").await;
    let before = dump(&world).await;
    for purpose in sayso::domain::PROHIBITED {
        let about = triple(purpose, "blog", "sayso");
        for decision in [ConsentDecision::Granted, ConsentDecision::Refused] {
            let asked = request(&world, &ann, &about, decision).await;
            let answer = world.app.decide_consent(&ann.caller, &asked, None).await;
            assert!(matches!(answer, Err(ServiceError::ProhibitedPurpose)), "{purpose}");
        }
        let client = NewClient {
            id: "desk".parse().unwrap(),
            role: sayso::crypto::Role::Recipient,
            class: Some("company".parse().unwrap()),
            purposes: vec!["public_profile".parse().unwrap(), purpose.parse().unwrap()],
            sources: vec!["blog".parse().unwrap()],
            webhook: None,
            public_key: None,
            terms: Default::default(),
        };
        let registered = world.app.register_client(&client, None).await;
        assert!(matches!(registered, Err(ServiceError::ProhibitedPurpose)), "{purpose}");
        let (text, locale) = ("A text.".to_owned(), "en".to_owned());
        let notice = NewNotice {
            purpose: purpose.parse().unwrap(),
            text,
            locale,
            material: true,
            translations: vec![],
            over: None,
        };
        assert!(matches!(world.app.publish_notice(&notice, None).await, Err(ServiceError::Invalid(_))), "{purpose}");
        let registry = format!(
            "[[purpose]]\nname = \"{purpose}\"\ntitle = \"x\"\nnotice = \"link.md\"\n[[source]]\nname = \"blog\"\ntitle = \"x\"\n"
        );
        assert!(sayso::policy::Registry::parse(&registry).is_err(), "{purpose}");
    }
    assert_same(&before, &dump(&world).await);
});

on_both!(a_client_that_is_switched_off_gets_no_grant_and_its_grants_are_revoked, |world| {
    let ann = join(&world, "ann@example.org").await;
    let ben = scored_member(&world, "ben").await;
    recipient(&world, "desk", &["public_profile"], &["blog"]).await;
    let about = triple("public_profile", "blog", "desk");
    let granted = allow(&world, &ann, &about).await;
    allow(&world, &ben, &about).await;
    world.app.disable_client(&"desk".parse().unwrap(), None).await.unwrap();
    let more = decide(&world, &join(&world, "cleo@example.org").await, &about, ConsentDecision::Granted).await;
    assert!(matches!(more, Err(ServiceError::Invalid(_))));
    let size = log_size(&world).await;
    world.app.sweep().await.unwrap();
    assert_eq!(kinds_after(&world, size).await, ["revoked", "revoked"]);
    assert_eq!(dump(&world).await["live_grant"].len(), 1, "the built-in score's grant stays");
    world.app.sweep().await.unwrap();
    assert_eq!(log_size(&world).await, size + 2);
    let again = world.app.withdraw(&ann.caller, granted.consent_id, None).await;
    assert!(matches!(again, Err(ServiceError::NotFound(_))));
});

on_both!(a_name_is_registered_once_and_its_secret_is_its_own, |world| {
    recipient(&world, "desk", &["public_profile"], &["blog"]).await;
    let client = NewClient {
        id: "desk".parse().unwrap(),
        role: sayso::crypto::Role::Recipient,
        class: Some("company".parse().unwrap()),
        purposes: vec!["public_profile".parse().unwrap()],
        sources: vec!["blog".parse().unwrap()],
        webhook: None,
        public_key: None,
        terms: Default::default(),
    };
    assert!(matches!(world.app.register_client(&client, None).await, Err(ServiceError::Conflict(_))));
    let other = NewClient { id: "bureau".parse().unwrap(), ..client };
    let registered = world.app.register_client(&other, None).await.unwrap();
    let own = registered.client_secret.unwrap();
    client_caller(&world, "bureau", &own).await;
    for (id, tried) in [("desk", own.as_str()), ("bureau", ""), ("nobody", "x")] {
        let token = world.app.client_token(id, &crate::people::secret(tried), None).await;
        assert!(matches!(token, Err(ServiceError::BadCredentials)));
    }
    let all = dump(&world).await;
    assert!(!format!("{all:?}").contains(&own));
    drop(only(&all, &["client"]));
});
