//! What stands beside the log must agree with it: notices, callers, erasures, identifiers, and what could follow what.

use super::*;

async fn says(world: &World, there: &str, back: &str, what: &str) {
    assert!(tamper(world, there).await > 0, "{there}");
    let found = findings(world).await;
    assert!(found.iter().any(|(_, told)| told.contains(what)), "{there}: {found:?}");
    if !back.is_empty() {
        tamper(world, back).await;
        assert_eq!(findings(world).await, [], "{back}");
    }
}

on_both!(a_changed_notice_is_found, |world| {
    community(&world, 2).await;
    for (there, back) in [
        ("text = text || '.'", "text = substr(text, 1, length(text) - 1)"),
        ("material = 0", "material = 1"),
        ("sha256 = 'a' || sha256", "sha256 = substr(sha256, 2)"),
        ("version = version + 10", "version = version - 10"),
        ("locale = 'de-AT'", "locale = 'en'"),
    ] {
        let notice = "WHERE purpose = 'attention_score'";
        says(
            &world,
            &format!("UPDATE notice SET {there} {notice}"),
            &format!("UPDATE notice SET {back} {notice}"),
            "notice",
        )
        .await;
    }
    says(&world, "DELETE FROM notice WHERE purpose = 'link'", "", "is gone").await;
});

// The gate and the verification once took another number for different things: outdated grants counted again and nothing was found.
on_both!(no_number_brings_outdated_grants_back_or_passes_for_material, |world| {
    let ann = scored_member(&world, "ann").await;
    crate::consent::publish(&world, "attention_score", true).await;
    let outdated = async || {
        let denied = crate::people::denial(world.app.score(&ann.caller, None).await);
        assert_eq!(denied, sayso::gate::Denial::NoticeOutdated);
    };
    outdated().await;
    let newest = "WHERE purpose = 'attention_score' AND version = 2";
    for other in ["2", "-1", "256"] {
        let (there, back) = (format!("material = {other}"), "material = 1");
        tamper(&world, &format!("UPDATE notice SET {there} {newest}")).await;
        outdated().await;
        let grants = world.app.grants_for(&"attention_score".parse().unwrap()).await.unwrap();
        assert_eq!(grants, 0, "{there}: what is outdated counts for nobody");
        let (there, back) =
            (format!("UPDATE notice SET {there} {newest}"), format!("UPDATE notice SET {back} {newest}"));
        says(&world, &there, &back, "`notice` does not have the form").await;
    }
    for other in ["2", "-1"] {
        let there = format!("UPDATE notice SET material = {other} WHERE purpose = 'link'");
        says(&world, &there, "UPDATE notice SET material = 1 WHERE purpose = 'link'", "`notice`").await;
    }
});

on_both!(a_caller_is_switched_off_by_any_number_alike, |world| {
    community(&world, 1).await;
    let there = "UPDATE client SET disabled = 2 WHERE id = 'operator'";
    says(&world, there, "UPDATE client SET disabled = 0 WHERE id = 'operator'", "caller").await;
});

on_both!(a_caller_that_was_given_more_is_found, |world| {
    community(&world, 2).await;
    says(&world, "UPDATE client SET disabled = 1", "UPDATE client SET disabled = 0", "caller").await;
    says(
        &world,
        "UPDATE client SET role = 'auditor' WHERE id = 'operator'",
        "UPDATE client SET role = 'operator' WHERE id = 'operator'",
        "caller",
    )
    .await;
    says(&world, "DELETE FROM client WHERE id = 'operator'", "", "is gone").await;
});

on_both!(an_identifier_that_leads_to_somebody_else_is_found, |world| {
    community(&world, 2).await;
    let zeros = if world.db == Db::Sqlite { "zeroblob(32)" } else { "decode(repeat('00', 32), 'hex')" };
    says(
        &world,
        &format!(
            "UPDATE identifier SET blind = {zeros} WHERE sealed = (SELECT sealed FROM identifier ORDER BY id LIMIT 1)"
        ),
        "",
        "identifier",
    )
    .await;
});

on_both!(a_removed_record_of_an_erasure_is_found, |world| {
    let members = community(&world, 3).await;
    world.app.erase(&members[0].caller, None).await.unwrap();
    assert_eq!(findings(&world).await, [], "under way");
    world.app.run_erasures().await.unwrap();
    assert_eq!(findings(&world).await, [], "done");
    says(&world, "UPDATE erasure_job SET step = 'fenced'", "UPDATE erasure_job SET step = 'done'", "erasures").await;
    says(&world, "DELETE FROM erasure_job", "", "erasures").await;
});

// Whoever blanks one event and mends the standing makes it look as if its person was erased; erasures are counted.
on_both!(a_body_that_was_removed_without_an_erasure_is_found, |world| {
    let members = community(&world, 3).await;
    world.app.hold(&members[1].caller, None).await.unwrap();
    let seq = log_size(&world).await;
    world.app.erase(&members[0].caller, None).await.unwrap();
    world.app.run_erasures().await.unwrap();
    assert_eq!(findings(&world).await, []);
    tamper(&world, &format!("UPDATE event SET subject = NULL, body = NULL WHERE seq = {seq}")).await;
    tamper(&world, "UPDATE standing SET held = 0, epoch = epoch - 1 WHERE held = 1").await;
    let found = findings(&world).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].1.contains("without an erasure") && found[0].0 <= Some(seq), "{found:?}");
});

on_both!(what_the_service_did_itself_can_be_opened_for_good, |world| {
    community(&world, 1).await;
    says(&world, "UPDATE event SET body = NULL WHERE seq = 1", "", "no longer be opened").await;
});

on_both!(a_certificate_says_what_went_and_holds_offline, |world| {
    let members = community(&world, 3).await;
    let key = parse_vkey(&world.app.log_vkey()).unwrap();
    let started = world.app.erase(&members[0].caller, None).await.unwrap();
    assert_eq!(world.app.erasure(&started.reference).await.unwrap().certificate, None, "not before it is done");
    world.app.run_erasures().await.unwrap();
    let view = world.app.erasure(&started.reference).await.unwrap();
    let certificate = Receipt::parse(&view.certificate.unwrap()).unwrap();
    let opened = certificate.check(&key).unwrap();
    let sayso::domain::Act::ErasureCompleted {
        reference,
        removed,
        unlinked,
        left,
        kept,
        told,
        started: begun,
        unreadable_after,
    } = opened.event.act
    else {
        panic!("another act");
    };
    let within = opened.event.at.plus_days(2 * world.app.config.key_days).plus_seconds(3600);
    assert!(unreadable_after.is_some_and(|at| opened.event.at < at && at <= within), "{unreadable_after:?}");
    assert_eq!(reference, started.reference.to_string());
    assert_eq!((removed["standing"], removed["subject_key"]), (1, 1));
    assert_eq!((unlinked["erased"], unlinked["registered"]), (1, 1));
    assert!(kept.contains_key("event") && begun <= opened.event.at && told.is_empty());
    assert!(left.len() > 10 && left.values().all(|rows| *rows == 0), "each table was read back: {left:?}");
    assert!(!certificate.body.contains("example.org"));
});

// Whoever is in the database without the keys: no kind of event can lose its body unnoticed, whoever it was about.
on_both!(no_kind_of_event_loses_its_body_unnoticed, |world| {
    let members = community(&world, 4).await;
    world.app.opt_out(&address("p2@example.org"), Whom::Oneself, None).await.unwrap();
    world.app.erase(&members[3].caller, None).await.unwrap();
    world.app.run_erasures().await.unwrap();
    assert_eq!(findings(&world).await, []);
    let kept = ask(&world, "SELECT CAST(seq AS TEXT) FROM event WHERE body IS NOT NULL ORDER BY seq").await;
    assert!(kept.len() > 15);
    tamper(&world, "CREATE TABLE honest AS SELECT seq, subject, body FROM event").await;
    for seq in kept {
        tamper(&world, &format!("UPDATE event SET subject = NULL, body = NULL WHERE seq = {seq}")).await;
        let found = findings(&world).await;
        assert!(found.iter().any(|(_, what)| what.contains("body")), "{seq}: {found:?}");
        let back = format!("(SELECT h.{{}} FROM honest h WHERE h.seq = {seq})");
        let (subject, body) = (back.replace("{}", "subject"), back.replace("{}", "body"));
        tamper(&world, &format!("UPDATE event SET subject = {subject}, body = {body} WHERE seq = {seq}")).await;
    }
    assert_eq!(findings(&world).await, []);
});

on_both!(a_topic_that_was_turned_round_is_found, |world| {
    let members = community(&world, 1).await;
    world.app.decide_topic(&members[0].caller, &"music".parse().unwrap(), false, None).await.unwrap();
    let (there, back) = ("UPDATE topic_choice SET accepted = 1", "UPDATE topic_choice SET accepted = 0");
    says(&world, there, back, "topic").await;
});

on_both!(an_erasure_that_waits_for_its_rows_to_go_is_no_finding, |world| {
    let anna = join(&world, "anna@example.org").await;
    world.app.opt_out(&anna.email, Whom::Oneself, None).await.unwrap();
    world.app.erase(&anna.caller, None).await.unwrap(); // the mail about the opt-out still lies in the outbox
    let waits = world.app.overview().await.unwrap().erasures;
    assert_eq!(waits.iter().map(|open| (open.step.as_str(), open.count)).collect::<Vec<_>>(), [("fenced", 1)]);
    assert_eq!(findings(&world).await, []);
    world.app.run_erasures().await.unwrap();
    assert_eq!(findings(&world).await, []);
});
