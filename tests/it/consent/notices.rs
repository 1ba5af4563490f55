//! Notices: what was shown is what was decided about.

use super::*;

on_both!(a_decision_about_another_text_is_refused, |world| {
    let ann = join(&world, "ann@example.org").await;
    let about = scoring("activitypub");
    let good = request(&world, &ann, &about, ConsentDecision::Granted).await;
    let before = dump(&world).await;
    for decision in [ConsentDecision::Granted, ConsentDecision::Refused] {
        for (version, sha256) in [
            (good.notice_version + 1, good.notice_sha256.clone()),
            (good.notice_version - 1, good.notice_sha256.clone()),
            (good.notice_version, String::new()),
            (good.notice_version, good.notice_sha256.to_uppercase()),
            (good.notice_version, "0".repeat(64)),
        ] {
            let other = ConsentRequest { notice_version: version, notice_sha256: sha256, decision, ..good.clone() };
            let answer = world.app.decide_consent(&ann.caller, &other, None).await;
            assert!(matches!(answer, Err(ServiceError::NoticeChanged)));
        }
    }
    assert_same(&before, &dump(&world).await);
    publish(&world, "attention_score", false).await;
    let late = world.app.decide_consent(&ann.caller, &good, None).await;
    assert!(matches!(late, Err(ServiceError::NoticeChanged)));
});

on_both!(a_material_notice_ends_the_effect_of_older_grants_at_once, |world| {
    let (ann, ben) = (scored_member(&world, "ann").await, scored_member(&world, "ben").await);
    crate::strangers::ingest(&world, &[crate::strangers::like("l1", "ann", "ben", 1)]).await;
    publish(&world, "attention_score", true).await;
    assert_eq!(denial(world.app.score(&ann.caller, None).await), Denial::NoticeOutdated);
    let taken = crate::strangers::ingest(&world, &[crate::strangers::like("l2", "ann", "ben", 1)]).await;
    assert_eq!(taken.accepted, 0);
    allow(&world, &ben, &scoring("activitypub")).await;
    assert!(world.app.score(&ben.caller, None).await.unwrap().topics.is_empty(), "ann has not decided anew");
    allow(&world, &ann, &scoring("activitypub")).await;
    assert_eq!(world.app.score(&ben.caller, None).await.unwrap().topics.len(), 1, "a renewal keeps its lineage");
});

on_both!(a_notice_that_is_not_material_ends_nothing, |world| {
    let ann = scored_member(&world, "ann").await;
    let before = dump(&world).await;
    publish(&world, "attention_score", false).await;
    world.app.score(&ann.caller, None).await.unwrap();
    assert_same(&only(&before, &["live_grant", "standing"]), &only(&dump(&world).await, &["live_grant", "standing"]));
    publish(&world, "attention_score", true).await;
    publish(&world, "attention_score", false).await;
    assert_eq!(
        denial(world.app.score(&ann.caller, None).await),
        Denial::NoticeOutdated,
        "the one between was material"
    );
});

on_both!(a_notice_of_another_purpose_changes_nothing, |world| {
    let ann = scored_member(&world, "ann").await;
    for purpose in ["public_profile", "research_statistics", "link"] {
        publish(&world, purpose, true).await;
    }
    world.app.score(&ann.caller, None).await.unwrap();
});

on_both!(a_notice_needs_a_text_a_language_and_a_registered_purpose, |world| {
    let good = |purpose: &str, text: &str, locale: &str| NewNotice {
        purpose: purpose.parse().unwrap(),
        text: text.into(),
        locale: locale.into(),
        material: false,
        translations: vec![],
        over: None,
    };
    let translation = |locale: &str, text: &str| Translation { locale: locale.into(), text: text.into() };
    let in_two = |locale: &str, text: &str| NewNotice {
        translations: vec![translation(locale, text)],
        ..good("link", "text", "en")
    };
    let languages = (0..21).map(|number| translation(&format!("aa-{number:02}"), &format!("text {number}")));
    let many = NewNotice { translations: languages.collect(), ..good("link", "text", "en") };
    let before = dump(&world).await;
    for bad in [
        good("nothing", "text", "en"),
        good("link", " \n", "en"),
        good("link", &"x".repeat(20_001), "en"),
        good("link", "text", ""),
        good("link", "text", "e n"),
        good("link", "text", "--"),
        good("link", "text", "-"),
        good("link", "text", "e"),
        good("link", "text", "en-"),
        good("link", "text", "-en"),
        good("link", "text", "en--GB"),
        good("link", "text", "e1"),
        good("link", "text", "12"),
        good("link", "text", "abcdefghi"),
        good("link", "text", "en-abcdefghi"),
        good("link", "text", "en_GB"),
        good("link", "text", "dé"),
        good("link", "text", &format!("en{}", "-abcdefg".repeat(5))),
        good("link", "text", &"e".repeat(36)),
        in_two("de", "text"),
        in_two("en", "Text"),
        in_two("EN", "Text"),
        in_two("d e", "Text"),
        in_two("--", "Text"),
        in_two("de", " "),
        in_two("de", &"x".repeat(20_001)),
        many,
    ] {
        assert!(matches!(world.app.publish_notice(&bad, None).await, Err(ServiceError::Invalid(_))));
    }
    assert_same(&before, &dump(&world).await);
    for fits in ["de", "gsw", "de-CH", "zh-Hant-TW", "es-419", "sl-rozaj-1994"] {
        world.app.publish_notice(&good("link", "text", fits), None).await.unwrap();
    }
});
