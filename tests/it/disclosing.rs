//! Telling recipients: only what was allowed, each telling on record, and whether it was allowed provable for good.

use sayso::domain::{Act, Adult, Event, History, Micros, Seq, Whom, lawful};
use sayso::ids::Pairwise;
use sayso::log::parse_vkey;
use sayso::service::{
    AuditQuery, ClientCaller, ConsentDecision, ConsentView, DisclosureView, NewNotice, ServiceError, Telling,
};

use crate::on_both;
use crate::people::{
    Member, address, allow, allow_until, decide, join, kinds_after, log_size, recipient, scored_member, scoring,
    source, tamper, triple,
};
use crate::strangers::{ingest, post, response};
use crate::world::{Db, World};

mod rules;

const DAY: i64 = 86_400;
const PROFILE: &str = "public_profile";

/// Six people who like each post of Ann's in each of six weeks, which is enough for a score.
pub(crate) async fn ann(world: &World) -> Member {
    let ann = scored_member(world, "ann").await;
    let mut lines: Vec<_> = (1..=6).map(|week| post("ann", week, week, None)).collect();
    for friend in 1..=6 {
        let name = format!("friend{friend}");
        scored_member(world, &name).await;
        let like = |week| response("Like", &format!("{name}-{week}"), &name, ("ann", week), week, true);
        lines.extend((1..=6).map(like));
    }
    ingest(world, &lines).await;
    ann
}

async fn acme(world: &World) -> ClientCaller {
    recipient(world, "acme", &[PROFILE, "link", "attention_score"], &["activitypub", "blog"]).await
}

async fn shown(world: &World, member: &Member, source: &str) -> ConsentView {
    allow(world, member, &triple(PROFILE, source, "acme")).await
}

async fn ask_for(
    world: &World,
    acme: &ClientCaller,
    pairwise: Pairwise,
    from: &str,
) -> Result<DisclosureView, ServiceError> {
    let telling = Telling { pairwise, purpose: PROFILE.parse().unwrap(), source: source(from) };
    world.app.disclose(acme, &telling).await
}

#[track_caller]
fn refused(answer: Result<DisclosureView, ServiceError>) {
    assert!(matches!(answer, Err(ServiceError::NotPermitted)), "{answer:?}");
}

on_both!(a_recipient_is_told_the_one_value_that_was_allowed_and_the_person_sees_it, |world| {
    let (ann, acme) = (ann(&world).await, acme(&world).await);
    let grant = shown(&world, &ann, "activitypub").await;
    let before = log_size(&world).await;
    let told = ask_for(&world, &acme, grant.pairwise.unwrap(), "activitypub").await.unwrap();
    let own = world.app.score(&ann.caller, None).await.unwrap();
    assert_eq!(
        (Some(told.value), told.window_from_day, told.window_to_day),
        (own.value, own.window_from_day, own.window_to_day)
    );
    assert!(!told.population.is_empty() && told.not_suitable_for.len() == 6 && told.use_by_us > world.app.clock.now());
    assert_eq!((told.version, told.contested), (own.version, false));
    assert_eq!(kinds_after(&world, before).await, ["disclosed"], "one act, one event, one leaf");
    let text = serde_json::to_string(&told).unwrap();
    assert!(!text.contains("topic") && !text.contains("micro") && !text.contains(&ann.caller.subject.to_string()));

    let list = world.app.told(&ann.caller).await.unwrap();
    let [entry] = &list[..] else { panic!("{list:?}") };
    let Act::Disclosed { triple: what, lineage, value, policy_sha256, .. } = &entry.event.act else { panic!() };
    assert_eq!((entry.seq, *lineage, *value), (told.seq, grant.consent_id, told.value));
    assert_eq!((what, policy_sha256), (&triple(PROFILE, "activitypub", "acme"), &told.policy_sha256));
    world.app.flush_decisions().await.unwrap();
    let asked = world.app.decisions(&ann.caller).await.unwrap();
    assert!(asked.iter().any(|one| one.counted.caller == "acme"
        && one.counted.action == "disclose"
        && one.counted.allowed
        && one.times == 1));
    assert_eq!(world.app.verify_log(&[], |_| ()).await.unwrap().findings, []);
});

on_both!(the_same_value_on_the_same_day_is_one_telling, |world| {
    let (ann, acme) = (ann(&world).await, acme(&world).await);
    let pairwise = shown(&world, &ann, "activitypub").await.pairwise.unwrap();
    let first = ask_for(&world, &acme, pairwise, "activitypub").await.unwrap();
    let size = log_size(&world).await;
    for _ in 0..5 {
        let again = ask_for(&world, &acme, pairwise, "activitypub").await.unwrap();
        assert_eq!((again.seq, again.value), (first.seq, first.value));
    }
    assert_eq!(log_size(&world).await, size);
    world.app.flush_decisions().await.unwrap();
    let asked = world.app.decisions(&ann.caller).await.unwrap();
    assert_eq!(asked.iter().map(|one| one.times).sum::<i64>(), 6, "how often it asked is counted");
    world.pass_seconds(DAY);
    let next = ask_for(&world, &acme, pairwise, "activitypub").await.unwrap();
    assert!(next.seq > first.seq);
    assert_eq!(world.app.told(&ann.caller).await.unwrap().len(), 2);
});

on_both!(everything_that_stands_in_the_way_gets_one_answer_and_leaves_nothing, |world| {
    let (ann, acme) = (ann(&world).await, acme(&world).await);
    let other = recipient(&world, "other", &[PROFILE], &["activitypub"]).await;
    let grant = shown(&world, &ann, "activitypub").await;
    let pairwise = grant.pairwise.unwrap();
    let nothing = async |what: &str| {
        let size = log_size(&world).await;
        refused(ask_for(&world, &acme, pairwise, "activitypub").await);
        assert_eq!(log_size(&world).await, size, "{what}");
    };
    refused(ask_for(&world, &acme, Pairwise::new([9; 16]), "activitypub").await);
    refused(ask_for(&world, &other, pairwise, "activitypub").await);
    refused(ask_for(&world, &acme, pairwise, "blog").await);

    world.app.hold(&ann.caller, None).await.unwrap();
    nothing("paused").await;
    world.app.release(&ann.caller, None).await.unwrap();
    world.app.opt_out(&ann.email, Whom::Oneself, None).await.unwrap();
    nothing("opted out").await;
    world.app.release(&ann.caller, None).await.unwrap();
    world.app.withdraw(&ann.caller, grant.consent_id, None).await.unwrap();
    nothing("withdrawn").await;
    decide(&world, &ann, &triple(PROFILE, "activitypub", "acme"), ConsentDecision::Refused).await.unwrap();
    nothing("refused").await;
    assert_eq!(shown(&world, &ann, "activitypub").await.pairwise, Some(pairwise));
    world.app.withdraw_purpose(&ann.caller, &scoring("activitypub").purpose, None).await.unwrap();
    nothing("nobody may compute it").await;
    allow(&world, &ann, &scoring("activitypub")).await;
    nothing("a new grant starts empty: too little data").await;

    let until = world.app.clock.now().plus_seconds(DAY);
    let bea = scored_member(&world, "bea").await;
    let bea_shown = allow_until(&world, &bea, &triple(PROFILE, "activitypub", "acme"), until).await;
    refused(ask_for(&world, &acme, bea_shown.pairwise.unwrap(), "activitypub").await);
    world.app.opt_out(&ann.email, Whom::Child, None).await.unwrap();
    nothing("said to be a child").await;
    world.app.erase(&ann.caller, None).await.unwrap();
    nothing("erasing").await;
    world.app.run_erasures().await.unwrap();
    nothing("erased").await;
    world.app.flush_decisions().await.unwrap();
    assert_eq!(world.app.verify_log(&[], |_| ()).await.unwrap().findings, []);
});

on_both!(time_and_a_new_notice_end_the_telling, |world| {
    let (ann, acme) = (ann(&world).await, acme(&world).await);
    let until = world.app.clock.now().plus_seconds(DAY);
    let told = triple(PROFILE, "activitypub", "acme");
    let pairwise = allow_until(&world, &ann, &told, until).await.pairwise.unwrap();
    let view = ask_for(&world, &acme, pairwise, "activitypub").await.unwrap();
    assert!(view.use_by_us < until);
    world.app.clock.not_before(Micros(until.0 - 1_000_000));
    refused(ask_for(&world, &acme, pairwise, "activitypub").await);
    shown(&world, &ann, "activitypub").await;
    ask_for(&world, &acme, pairwise, "activitypub").await.unwrap();
    let notice = NewNotice {
        purpose: told.purpose,
        text: "other words".into(),
        locale: "en".into(),
        material: true,
        translations: vec![],
        over: None,
    };
    world.app.publish_notice(&notice, None).await.unwrap();
    refused(ask_for(&world, &acme, pairwise, "activitypub").await);
});

on_both!(a_value_is_made_from_the_one_source_that_the_grant_names, |world| {
    let (ann, acme) = (ann(&world).await, acme(&world).await);
    allow(&world, &ann, &scoring("blog")).await;
    let pairwise = shown(&world, &ann, "blog").await.pairwise.unwrap();
    refused(ask_for(&world, &acme, pairwise, "blog").await);
    shown(&world, &ann, "activitypub").await;
    ask_for(&world, &acme, pairwise, "activitypub").await.unwrap();
});

on_both!(nobody_is_told_beyond_what_they_are_registered_for, |world| {
    let (ann, acme) = (ann(&world).await, acme(&world).await);
    let pairwise = shown(&world, &ann, "activitypub").await.pairwise.unwrap();
    let ask = async |purpose: &str, from: &str| {
        let telling = Telling { pairwise, purpose: purpose.parse().unwrap(), source: source(from) };
        world.app.disclose(&acme, &telling).await
    };
    for (purpose, from) in [("research_statistics", "activitypub"), (PROFILE, "github"), ("hiring", "activitypub")] {
        assert!(matches!(ask(purpose, from).await, Err(ServiceError::Forbidden)), "{purpose} {from}");
    }
    for purpose in ["link", "attention_score"] {
        assert!(matches!(ask(purpose, "activitypub").await, Err(ServiceError::Invalid(_))), "{purpose}");
    }
});

on_both!(whether_it_was_allowed_when_it_was_told_has_a_provable_answer, |world| {
    let (ann, acme) = (ann(&world).await, acme(&world).await);
    let grant = shown(&world, &ann, "activitypub").await;
    let told = ask_for(&world, &acme, grant.pairwise.unwrap(), "activitypub").await.unwrap();
    world.app.withdraw(&ann.caller, grant.consent_id, None).await.unwrap();
    world.app.hold(&ann.caller, None).await.unwrap();

    let proof = world.app.was_allowed(&ann.caller, told.seq).await.unwrap();
    assert_eq!((proof.allowed, proof.reason), (true, None), "what came later changes nothing");
    let key = parse_vkey(&world.app.log_vkey()).unwrap();
    let mut rulebook = sayso::domain::Rulebook::default();
    for rule in &proof.rules {
        assert!(rule.seq < told.seq);
        rulebook.apply(&rule.receipt.check(&key).unwrap().event.act);
    }
    let stood_on: Vec<(Seq, Event)> =
        proof.stood_on.iter().map(|one| (one.seq, one.receipt.check(&key).unwrap().event)).collect();
    let before = History::fold(stood_on.iter().map(|(seq, event)| (*seq, event)));
    let opened = proof.told.receipt.check(&key).unwrap();
    assert_eq!(opened.index + 1, told.seq.0.unsigned_abs());
    assert_eq!(
        lawful(&before, &opened.event, told.seq, &rulebook),
        Ok(()),
        "anybody computes the same from the receipts"
    );

    for seq in [Seq(told.seq.0 - 1), Seq(told.seq.0 + 1), Seq(0), Seq(i64::MAX)] {
        assert!(matches!(world.app.was_allowed(&ann.caller, seq).await, Err(ServiceError::NotFound(_))), "{seq:?}");
    }
    let bea = join(&world, "bea@example.org").await;
    assert!(matches!(world.app.was_allowed(&bea.caller, told.seq).await, Err(ServiceError::NotFound(_))));
});

on_both!(an_auditor_finds_what_a_recipient_was_told, |world| {
    let (ann, acme) = (ann(&world).await, acme(&world).await);
    let pairwise = shown(&world, &ann, "activitypub").await.pairwise.unwrap();
    let told = ask_for(&world, &acme, pairwise, "activitypub").await.unwrap();
    let find = async |recipient: &str| {
        let query = AuditQuery {
            kind: Some("disclosed".into()),
            recipient: Some(recipient.parse().unwrap()),
            ..AuditQuery::default()
        };
        world.app.audit_events(&query).await.unwrap().leaves
    };
    assert_eq!(find("acme").await.iter().map(|leaf| leaf.seq).collect::<Vec<_>>(), [told.seq]);
    assert!(find("other").await.is_empty());
});

on_both!(nothing_is_told_after_a_withdrawal_was_answered, |world| {
    let (ann, acme) = (ann(&world).await, acme(&world).await);
    let grant = shown(&world, &ann, "activitypub").await;
    for round in 0..8 {
        let (from, bound) = (log_size(&world).await, round * 3);
        let asking = async {
            let mut last = None;
            for _ in 0..20 {
                world.pass_seconds(DAY);
                last = ask_for(&world, &acme, grant.pairwise.unwrap(), "activitypub")
                    .await
                    .ok()
                    .map(|told| told.seq)
                    .or(last);
            }
            last
        };
        let taking_back = async {
            for _ in 0..bound {
                tokio::task::yield_now().await;
            }
            let live = world.app.consents(&ann.caller).await.unwrap().live;
            let shown = live.iter().find(|one| one.triple.recipient.as_str() == "acme").unwrap();
            world.app.withdraw(&ann.caller, shown.consent_id, None).await.unwrap().seq
        };
        let (last, withdrawn) = tokio::join!(asking, taking_back);
        assert!(last.is_none_or(|last| last < withdrawn), "told at {last:?}, withdrawn at {withdrawn:?}");
        assert!(kinds_after(&world, from).await.iter().filter(|kind| *kind == "disclosed").count() <= 20);
        shown(&world, &ann, "activitypub").await;
    }
    assert_eq!(world.app.verify_log(&[], |_| ()).await.unwrap().findings, []);
});

on_both!(the_log_says_by_which_policies_is_decided, |world| {
    let adopted = |kinds: Vec<String>| kinds.iter().filter(|kind| *kind == "policy_adopted").count();
    assert_eq!(adopted(kinds_after(&world, 0).await), 1);
    let zero = if world.db == Db::Sqlite { "NULL" } else { "NULL::bytea" };
    tamper(&world, &format!("UPDATE event SET body = {zero} WHERE kind = 'policy_adopted'")).await;
    let findings = world.app.verify_log(&[], |_| ()).await.unwrap().findings;
    assert!(findings.iter().any(|finding| finding.what.contains("removed")), "{findings:?}");
    let registration = sayso::service::Registration {
        identifier: address("ann@example.org"),
        adult: Adult::Yes,
        lang: sayso::words::Lang::English,
    };
    world.app.register(&registration, None).await.unwrap();
});

on_both!(a_recipient_cannot_lengthen_a_history_at_will_and_a_new_yes_is_a_new_telling, |world| {
    let (ann, acme) = (ann(&world).await, acme(&world).await);
    let pairwise = shown(&world, &ann, "activitypub").await.pairwise.unwrap();
    let first = ask_for(&world, &acme, pairwise, "activitypub").await.unwrap();
    world.app.hold(&ann.caller, None).await.unwrap();
    world.app.release(&ann.caller, None).await.unwrap();
    let second = ask_for(&world, &acme, pairwise, "activitypub").await.unwrap();
    assert!(second.seq > first.seq, "the person has said something since");
    for times in 3..=12 {
        world.app.contest(&ann.caller, &sayso::domain::About::Score {}, "no", None).await.unwrap();
        let told = ask_for(&world, &acme, pairwise, "activitypub").await;
        assert_eq!(told.is_ok(), times <= 8, "{times}: {told:?}");
    }
    world.pass_seconds(DAY);
    ask_for(&world, &acme, pairwise, "activitypub").await.unwrap();
    assert_eq!(world.app.told(&ann.caller).await.unwrap().len(), 9);
    let view = world.app.consents_as_of(&ann.caller, sayso::service::PointInTime::default()).await.unwrap();
    assert!(view.stood_on.iter().all(|one| one.event.act.kind() != "disclosed"), "tellings crowd out no proof");
});

on_both!(an_answer_that_had_to_wait_is_decided_once_more, |world| {
    let (ann, acme) = (ann(&world).await, acme(&world).await);
    let grant = shown(&world, &ann, "activitypub").await;
    let pairwise = grant.pairwise.unwrap();
    let telling = Telling { pairwise, purpose: PROFILE.parse().unwrap(), source: source("activitypub") };
    let still = async || world.app.may_still_be_told(&acme, &telling).await.unwrap();
    world.app.disclose(&acme, &telling).await.unwrap();
    assert!(still().await);
    world.app.hold(&ann.caller, None).await.unwrap();
    assert!(!still().await);
    world.app.release(&ann.caller, None).await.unwrap();
    assert!(still().await);
    world.app.withdraw_purpose(&ann.caller, &scoring("activitypub").purpose, None).await.unwrap();
    assert!(!still().await, "nobody may compute it");
    allow(&world, &ann, &scoring("activitypub")).await;
    world.app.withdraw(&ann.caller, grant.consent_id, None).await.unwrap();
    assert!(!still().await);
    let nobody = Telling { pairwise: Pairwise::new([9; 16]), ..telling.clone() };
    assert!(!world.app.may_still_be_told(&acme, &nobody).await.unwrap());
});
