//! Rules of a running service: they count from their event on, stay when others are refused, and deny everything when they are damaged.

use std::collections::BTreeSet;

use sayso::clock::Clock;
use sayso::crypto::Role;
use sayso::domain::{Act, Event};
use sayso::gate::{Action, Denial};
use sayso::log::Receipt;
use sayso::policy::{RuleFiles, built_in_rules};
use sayso::secret::{Entropy, SecretText};
use sayso::service::{App, Asked, ClientCaller, GateQuestion, NewClient, ServiceError, Telling, Terms};
use sayso::store::Access;

use crate::disclosing::ann;
use crate::on_both;
use crate::people::{Member, allow, denial, join, kinds_after, log_size, recipient, scored_member, tamper, triple};
use crate::world::{NOON, World};

const PROFILE: &str = "public_profile";

/// The rules of the program and one more.
fn with(rule: &str) -> RuleFiles {
    let mut files = built_in_rules();
    files.insert("local.cedar".into(), format!("@id(\"local\")\n{rule}\n"));
    files
}

async fn may(world: &World, desk: &ClientCaller, member: &Member, action: Action) -> bool {
    let (purpose, source) = (PROFILE.parse().unwrap(), "activitypub".parse().unwrap());
    let question = GateQuestion { action, purpose, source, ids: vec![Asked::Identifier(member.email.clone())] };
    !world.app.filter(desk, &question).await.unwrap().allowed.is_empty()
}

async fn desk(world: &World) -> ClientCaller {
    recipient(world, "desk", &[PROFILE], &["activitypub"]).await
}

/// The same service, started again.
async fn again(world: World) -> World {
    let config = world.app.config.clone();
    world.app.store.close().await;
    let World { app, db, operator_secret, database, data } = world;
    drop(app);
    let app = App::open(config, Clock::fixed(NOON), Entropy::seeded(8), Access::Serve).await.unwrap().app;
    World { app: app.into(), db, operator_secret, database, data }
}

on_both!(a_rule_counts_from_the_event_that_says_so, |world| {
    let (desk, member) = (desk(&world).await, join(&world, "ann@example.org").await);
    allow(&world, &member, &triple(PROFILE, "activitypub", "desk")).await;
    assert!(may(&world, &desk, &member, Action::Disclose).await);
    let before = log_size(&world).await;
    let files = with("forbid (principal == RecipientClass::\"company\", action == Action::\"disclose\", resource);");
    let adopted = world.app.adopt_rules(&files, None).await.unwrap();
    assert!(!may(&world, &desk, &member, Action::Disclose).await, "before the answer");
    assert!(may(&world, &desk, &member, Action::Collect).await, "only what the rule is about");
    assert_eq!(kinds_after(&world, before).await, ["policy_adopted"]);
    let receipt = Receipt::parse(&String::from(adopted.done.receipt)).unwrap();
    let event: Event = serde_json::from_str(&receipt.body).unwrap();
    assert_eq!(
        event.act,
        Act::PolicyAdopted { sha256: adopted.sha256.clone(), built_in: false, formula: Some("attention-1".into()) }
    );
    let now = world.app.policies().await.unwrap();
    assert_eq!((now.sha256, now.seq, now.built_in, now.files), (adopted.sha256, adopted.done.seq, false, files));
    world.app.adopt_rules(&built_in_rules(), None).await.unwrap();
    assert!(may(&world, &desk, &member, Action::Disclose).await, "and back");
});

on_both!(what_is_told_names_the_rules_it_stood_on, |world| {
    let ann = ann(&world).await;
    let acme = recipient(&world, "acme", &[PROFILE], &["activitypub"]).await;
    let shown = allow(&world, &ann, &triple(PROFILE, "activitypub", "acme")).await;
    let telling = || Telling {
        pairwise: shown.pairwise.unwrap(),
        purpose: PROFILE.parse().unwrap(),
        source: "activitypub".parse().unwrap(),
    };
    let first = world.app.disclose(&acme, &telling()).await.unwrap();
    assert_eq!(first.policy_sha256, world.app.policies().await.unwrap().sha256);
    let files = with("forbid (principal == RecipientClass::\"research\", action, resource);");
    let adopted = world.app.adopt_rules(&files, None).await.unwrap();
    let second = world.app.disclose(&acme, &telling()).await.unwrap();
    assert_eq!(second.policy_sha256, adopted.sha256);
    world.app.flush_decisions().await.unwrap();
    let asked = world.app.decisions(&ann.caller).await.unwrap();
    let by: BTreeSet<_> = asked.iter().map(|one| (one.counted.policy_sha256.as_str(), one.times)).collect();
    let both = [first.policy_sha256.as_str(), second.policy_sha256.as_str()];
    assert_eq!(by, BTreeSet::from(both.map(|sha256| (sha256, 1))), "each decision names its rules");
    assert!(second.seq.0 > adopted.done.seq.0, "it is on record anew");
    assert_eq!(world.app.verify_log(&[], |_| ()).await.unwrap().findings, []);
    let files = with("forbid (principal == RecipientClass::\"company\", action == Action::\"disclose\", resource);");
    world.app.adopt_rules(&files, None).await.unwrap();
    assert!(matches!(world.app.disclose(&acme, &telling()).await, Err(ServiceError::NotPermitted)));
    world.app.flush_decisions().await.unwrap();
    let asked = world.app.decisions(&ann.caller).await.unwrap();
    let last = world.app.policies().await.unwrap().sha256;
    assert!(asked.iter().any(|one| !one.counted.allowed && one.counted.policy_sha256 == last), "a denial too");
    assert!(!world.app.may_still_be_told(&acme, &telling()).await.unwrap());
});

on_both!(a_rule_about_a_source_or_an_age_takes_both_ends_out_of_a_score, |world| {
    let ann = ann(&world).await;
    let before = world.app.score(&ann.caller, None).await.unwrap();
    let value = |view: &sayso::service::ScoreView| serde_json::to_value(view).unwrap()["value"].clone();
    assert!(value(&before).is_u64(), "{before:?}");
    let files = with(
        "forbid (principal, action == Action::\"score\", resource) when { context.source == Source::\"activitypub\" };",
    );
    world.app.adopt_rules(&files, None).await.unwrap();
    assert_eq!(denial(world.app.score(&ann.caller, None).await), Denial::HouseRule);
    // Ann's age is verified, her friends only said theirs.
    world.app.record_age(&ann.email, None).await.unwrap();
    let files = with(
        "forbid (principal, action == Action::\"score\", resource) unless { context.assurance == Assurance::\"verified\" };",
    );
    world.app.adopt_rules(&files, None).await.unwrap();
    let after = world.app.score(&ann.caller, None).await.unwrap();
    assert!(value(&after).is_null(), "nobody who may count responded: {after:?}");
    world.app.adopt_rules(&built_in_rules(), None).await.unwrap();
    assert!(value(&world.app.score(&ann.caller, None).await.unwrap()).is_u64());
});

on_both!(rules_with_anything_wrong_leave_those_in_force, |world| {
    let (desk, member) = (desk(&world).await, join(&world, "ann@example.org").await);
    allow(&world, &member, &triple(PROFILE, "activitypub", "desk")).await;
    let (before, size) = (world.app.policies().await.unwrap(), log_size(&world).await);
    for bad in [
        with("forbid (principal"),
        with("forbid (principal == RecipientClass::\"broker\", action, resource);"),
        with("forbid (principal, action, resource) when { 9223372036854775807 + 1 == 0 || true };"),
        RuleFiles::new(),
        RuleFiles::from([("../house.cedar".into(), String::new())]),
        RuleFiles::from([("house.toml".into(), String::new())]),
        with(&"/".repeat(300_000)),
        (0..60).map(|number| (format!("{number}.cedar"), String::new())).collect(),
    ] {
        let error = world.app.adopt_rules(&bad, None).await.unwrap_err();
        assert!(matches!(&error, ServiceError::Invalid(invalid) if invalid.field == "files"), "{error:?}");
    }
    assert!(matches!(world.app.adopt_rules(&built_in_rules(), None).await, Err(ServiceError::Conflict(_))));
    assert_eq!((world.app.policies().await.unwrap().sha256, log_size(&world).await), (before.sha256, size));
    assert!(may(&world, &desk, &member, Action::Disclose).await);
});

on_both!(an_operators_rules_outlive_a_restart_and_those_of_the_program_are_adopted_once, |world| {
    let (desk, member) = (desk(&world).await, join(&world, "ann@example.org").await);
    allow(&world, &member, &triple(PROFILE, "activitypub", "desk")).await;
    let size = log_size(&world).await;
    let world = again(world).await;
    assert_eq!(log_size(&world).await, size, "the same rules are no event");
    world.app.adopt_rules(&with("forbid (principal, action == Action::\"disclose\", resource);"), None).await.unwrap();
    let size = log_size(&world).await;
    let world = again(world).await;
    assert_eq!(log_size(&world).await, size);
    assert!(!may(&world, &desk, &member, Action::Disclose).await);
    assert!(!world.app.policies().await.unwrap().built_in);
});

on_both!(rules_that_cannot_be_read_deny_everything_until_others_are_adopted, |world| {
    let (desk, member) = (desk(&world).await, join(&world, "ann@example.org").await);
    allow(&world, &member, &triple(PROFILE, "activitypub", "desk")).await;
    let scored = scored_member(&world, "bea").await;
    world.app.adopt_rules(&with("forbid (principal, action == Action::\"link\", resource);"), None).await.unwrap();
    let mut world = world;
    for damage in ["files = '{}'", "files = 'nothing'", "files = '{\"a.cedar\": \"permit\"}'", "sha256 = '00'"] {
        tamper(&world, &format!("UPDATE house_rules SET {damage} WHERE seq = (SELECT max(seq) FROM house_rules)"))
            .await;
        let size = log_size(&world).await;
        world = again(world).await;
        assert_eq!(log_size(&world).await, size, "nothing was adopted: {damage}");
        assert!(!may(&world, &desk, &member, Action::Disclose).await, "{damage}");
        assert_eq!(denial(world.app.score(&scored.caller, None).await), Denial::NoPolicy, "{damage}");
    }
    world.app.adopt_rules(&with("forbid (principal, action == Action::\"collect\", resource);"), None).await.unwrap();
    assert!(may(&world, &desk, &member, Action::Disclose).await);
});

on_both!(whoever_writes_the_database_does_not_bring_the_programs_rules_back, |world| {
    let files = with("forbid (principal, action == Action::\"disclose\", resource);");
    let (desk, member) = (desk(&world).await, join(&world, "ann@example.org").await);
    allow(&world, &member, &triple(PROFILE, "activitypub", "desk")).await;
    let mut world = world;
    for damage in [
        "UPDATE house_rules SET built_in = 1 WHERE built_in = 0",
        "DELETE FROM house_rules WHERE built_in = 0 AND seq = (SELECT max(seq) FROM house_rules)",
    ] {
        world.app.adopt_rules(&files, None).await.unwrap();
        assert!(may(&world, &desk, &member, Action::Collect).await);
        assert_ne!(tamper(&world, damage).await, 0);
        let size = log_size(&world).await;
        world = again(world).await;
        assert_eq!(log_size(&world).await, size, "nothing was adopted: {damage}");
        assert!(!may(&world, &desk, &member, Action::Collect).await, "neither those rules nor others: {damage}");
        let findings = world.app.verify_log(&[], |_| ()).await.unwrap().findings;
        assert!(findings.iter().any(|one| one.what.contains("house rules")), "{damage}: {findings:?}");
    }
});

on_both!(a_first_operator_that_was_removed_does_not_come_back, |world| {
    let first = "operator".parse().unwrap();
    let last = world.app.disable_client(&first, None).await.unwrap_err();
    assert!(matches!(&last, ServiceError::Invalid(invalid) if invalid.field == "id"), "{last:?}");
    let terms = Terms::default();
    let second = NewClient {
        id: "second".parse().unwrap(),
        role: Role::Operator,
        class: None,
        purposes: Vec::new(),
        sources: Vec::new(),
        webhook: None,
        public_key: None,
        terms,
    };
    world.app.register_client(&second, None).await.unwrap();
    world.app.disable_client(&first, None).await.unwrap();
    tamper(&world, "DELETE FROM client WHERE id = 'operator'").await;
    let size = log_size(&world).await;
    let world = again(world).await;
    assert_eq!(log_size(&world).await, size, "nobody was registered");
    let secret = SecretText::new(world.operator_secret.clone());
    assert!(world.app.client_token("operator", &secret, None).await.is_err());
    let findings = world.app.verify_log(&[], |_| ()).await.unwrap().findings;
    assert!(findings.iter().any(|one| one.what.contains("caller")), "{findings:?}");
});

on_both!(rules_change_only_when_nothing_is_being_stored_by_those_before, |world| {
    let files = sayso::policy::RuleFiles::from([(
        "all.cedar".into(),
        "@id(\"all\") permit (principal, action, resource);".into(),
    )]);
    let before = world.app.policies().await.unwrap().sha256;
    let order = std::sync::Mutex::new(Vec::new());
    let input = (&order, before);
    let storing = world.app.store.run_tx(&input, |tx, (order, before)| {
        Box::pin(async move {
            tx.hold_rules().await?;
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            assert_eq!(tx.rules_in_force().await?.policy_sha256.as_ref(), Some(before));
            order.lock().unwrap().push("stored");
            Ok::<_, sayso::store::StoreError>(())
        })
    });
    let adopting = async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        world.app.adopt_rules(&files, None).await.unwrap();
        order.lock().unwrap().push("adopted");
    };
    let (stored, ()) = tokio::join!(storing, adopting);
    stored.unwrap();
    assert_eq!(*order.lock().unwrap(), ["stored", "adopted"]);
});
