//! What was in force when, and what an auditor may ask.

use sayso::crypto::Role;
use sayso::domain::{Act, Micros};
use sayso::service::{AuditQuery, ClientCaller, Look, PointInTime, ServiceError};

use super::*;
use crate::people::{allow_until, client_caller};

const DAY: i64 = 86_400;

async fn auditor(world: &World) -> ClientCaller {
    let new = sayso::service::NewClient {
        id: "ngo".parse().unwrap(),
        role: Role::Auditor,
        class: None,
        purposes: Vec::new(),
        sources: Vec::new(),
        webhook: None,
        public_key: None,
        terms: Default::default(),
    };
    let registered = world.app.register_client(&new, None).await.unwrap();
    client_caller(world, "ngo", registered.client_secret.as_deref().unwrap()).await
}

fn at(as_of: Micros, known_at: Micros) -> PointInTime {
    PointInTime { as_of: Some(as_of), known_at: Some(known_at) }
}

on_both!(what_was_in_force_is_answered_for_every_moment_with_proof, |world| {
    let ann = join(&world, "ann@example.org").await;
    let key = parse_vkey(&world.app.log_vkey()).unwrap();
    let now = || world.app.clock.now();
    let before = now();
    world.pass_seconds(DAY);
    let until = now().plus_seconds(10 * DAY);
    allow_until(&world, &ann, &scoring("github"), until).await;
    let granted = now();
    world.pass_seconds(DAY);
    world.app.hold(&ann.caller, None).await.unwrap();
    let held = now();
    world.pass_seconds(DAY);
    world.app.release(&ann.caller, None).await.unwrap();
    let released = now();
    world.pass_seconds(DAY);
    world.app.withdraw_purpose(&ann.caller, &scoring("github").purpose, None).await.unwrap();
    let withdrawn = now();
    world.pass_seconds(DAY);

    let in_force = async |as_of, known_at| {
        world.app.consents_as_of(&ann.caller, at(as_of, known_at)).await.unwrap().in_force.len()
    };
    for (as_of, known_at, expected) in [
        (before, now(), 0),
        (granted, now(), 1),
        (granted.plus_seconds(-1), now(), 0),
        (held, now(), 0),
        (released, now(), 1),
        (withdrawn, now(), 0),
        (withdrawn.plus_seconds(-1), now(), 1),
        (granted, before, 0),     // nobody had said so yet
        (withdrawn, released, 1), // the withdrawal was not known
        (until.plus_seconds(-1), released, 1),
        (until, released, 0), // it would have lapsed by itself
        (Micros(i64::MIN), now(), 0),
        (Micros(i64::MAX), Micros(i64::MAX), 0),
    ] {
        assert_eq!(in_force(as_of, known_at).await, expected, "{as_of:?} as known {known_at:?}");
    }
    let view = world.app.consents_as_of(&ann.caller, at(granted, now())).await.unwrap();
    assert_eq!((view.in_force[0].triple.clone(), view.held, view.adult), (scoring("github"), false, true));
    let kinds: Vec<&str> = view.stood_on.iter().map(|proved| proved.event.act.kind()).collect();
    assert_eq!(kinds, ["registered", "granted", "held", "released", "withdrawn"]);
    for proved in &view.stood_on {
        let opened = proved.receipt.check(&key).unwrap();
        assert_eq!((opened.event, opened.index + 1), (proved.event.clone(), proved.seq.0.unsigned_abs()));
    }
});

on_both!(a_material_notice_ends_what_was_in_force_from_its_publication_on, |world| {
    let ann = join(&world, "ann@example.org").await;
    allow(&world, &ann, &scoring("github")).await;
    world.pass_seconds(DAY);
    let before = world.app.clock.now();
    world.pass_seconds(DAY);
    let notice = sayso::service::NewNotice {
        purpose: scoring("github").purpose,
        text: "something else".into(),
        locale: "en".into(),
        material: true,
        translations: vec![],
        over: None,
    };
    world.app.publish_notice(&notice, None).await.unwrap();
    let now = world.app.clock.now();
    for (as_of, known_at, expected) in [(before, now, 1), (now, now, 0), (now, before, 1)] {
        let view = world.app.consents_as_of(&ann.caller, at(as_of, known_at)).await.unwrap();
        assert_eq!(view.in_force.len(), expected);
    }
});

on_both!(an_auditor_who_looks_at_somebody_says_why_and_they_see_it, |world| {
    let ann = join(&world, "ann@example.org").await;
    allow(&world, &ann, &scoring("github")).await;
    let ngo = auditor(&world).await;
    let look = |who: &str, reason: &str| Look {
        identifier: address(who),
        reason: reason.into(),
        time: PointInTime::default(),
    };
    let before = log_size(&world).await;
    for reason in ["", "  ", "two\nlines", &"x".repeat(501)] {
        let refused = world.app.look(&ngo, &look("ann@example.org", reason), None).await;
        assert!(matches!(refused, Err(ServiceError::Invalid(_))), "{reason:?}");
    }
    assert_eq!(log_size(&world).await, before, "a refused look leaves nothing");
    let found = world.app.look(&ngo, &look("ann@example.org", "complaint 17"), None).await.unwrap();
    assert_eq!(found.found.unwrap().in_force.len(), 1);
    let nobody = world.app.look(&ngo, &look("nobody@example.org", "complaint 18"), None).await.unwrap();
    assert!(nobody.found.is_none());
    assert_eq!(crate::people::kinds_after(&world, before).await, ["audited", "audited"], "one leaf, whoever it is");
    let history = world.app.consents(&ann.caller).await.unwrap().history;
    let Act::Audited { auditor, reason } = &history.last().unwrap().event.act else { panic!("not shown") };
    assert_eq!((auditor.as_str(), reason.as_str()), ("ngo", "complaint 17"));
    assert_eq!(findings(&world).await, []);
});

on_both!(an_auditor_finds_events_by_purpose_and_recipient_page_by_page, |world| {
    let members = community(&world, 4).await;
    recipient(&world, "desk", &["public_profile"], &["activitypub"]).await;
    allow(&world, &members[0], &triple("public_profile", "activitypub", "desk")).await;
    let all = world.app.audit_events(&AuditQuery::default()).await.unwrap();
    assert_eq!((all.leaves.len() as i64, all.next), (log_size(&world).await, None));
    let desk = AuditQuery { recipient: Some("desk".parse().unwrap()), ..AuditQuery::default() };
    let found = world.app.audit_events(&desk).await.unwrap().leaves;
    assert_eq!(found.iter().map(|leaf| leaf.kind.as_str()).collect::<Vec<_>>(), ["granted"]);
    let scores = AuditQuery { purpose: Some(scoring("x").purpose), ..AuditQuery::default() };
    let whole = world.app.audit_events(&scores).await.unwrap().leaves;
    assert!(whole.len() > 4 && whole.iter().all(|leaf| ["granted", "refused"].contains(&leaf.kind.as_str())));
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let page = world.app.audit_events(&AuditQuery { limit: Some(2), after, ..scores.clone() }).await.unwrap();
        pages.extend(page.leaves);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(pages, whole);
    for kind in ["", "granted ", "nothing", "Granted", "' OR 1=1"] {
        let query = AuditQuery { kind: Some(kind.into()), ..AuditQuery::default() };
        assert!(matches!(world.app.audit_events(&query).await, Err(ServiceError::Invalid(_))), "{kind:?}");
    }
});

on_both!(the_summary_adds_up_and_a_decision_leaves_no_leaf, |world| {
    let members = community(&world, 3).await;
    let desk = recipient(&world, "desk", &["public_profile"], &["activitypub"]).await;
    allow(&world, &members[1], &triple("public_profile", "activitypub", "desk")).await;
    let size = log_size(&world).await;
    let question = sayso::service::GateQuestion {
        action: sayso::gate::Action::Disclose,
        purpose: "public_profile".parse().unwrap(),
        source: "activitypub".parse().unwrap(),
        ids: ["p0@example.org", "p1@example.org", "nobody@example.org", "nobody2@example.org"]
            .map(|who| sayso::service::Asked::Identifier(address(who)))
            .into(),
    };
    for _ in 0..3 {
        world.app.filter(&desk, &question).await.unwrap();
    }
    world.app.flush_decisions().await.unwrap();
    assert_eq!(log_size(&world).await, size, "no leaf for a decision");
    let summary = world.app.audit_summary(None, None).await.unwrap();
    assert_eq!(summary.events.iter().map(|count| count.times).sum::<i64>(), size);
    assert_eq!(summary.size.0, size);
    let desk = summary.decisions.iter().find(|asked| asked.caller == "desk").unwrap();
    assert_eq!((desk.allowed, desk.denied), (3, 9), "denials as well as permits, known or not");
    let later = Some(sayso::domain::Day(99_999));
    assert!(world.app.audit_summary(later, None).await.unwrap().events.is_empty());
});

// N22: the log comes first. While nothing can be recorded nobody is shown anything that must be on record.
on_both!(what_cannot_be_recorded_does_not_happen, |world| {
    let ngo = auditor(&world).await;
    let ann = scored_member(&world, "ann").await;
    let size = log_size(&world).await;
    let (close, open) = match world.db {
        Db::Sqlite => (
            "CREATE TRIGGER full BEFORE INSERT ON event BEGIN SELECT RAISE(ABORT, 'no place'); END",
            "DROP TRIGGER full",
        ),
        Db::Postgres => ("REVOKE INSERT ON event FROM sayso_service", "GRANT INSERT ON event TO sayso_service"),
    };
    let look = Look { identifier: ann.email.clone(), reason: "a complaint".into(), time: PointInTime::default() };
    tamper(&world, close).await;
    assert!(world.app.export(&ann.caller, None).await.is_err(), "an export");
    assert!(world.app.look(&ngo, &look, None).await.is_err(), "a look");
    assert!(world.app.erase(&ann.caller, None).await.is_err(), "an erasure");
    assert!(world.app.opt_out(&ann.email, Whom::Oneself, None).await.is_err(), "an opt-out");
    tamper(&world, open).await;
    assert_eq!(log_size(&world).await, size);
    world.app.export(&ann.caller, None).await.unwrap();
    world.app.look(&ngo, &look, None).await.unwrap();
    assert_eq!(findings(&world).await, []);
});
