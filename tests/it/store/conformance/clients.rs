//! Callers, notices, counts of decisions.

use sayso::domain::{Adult, Day, Micros, Purpose, Seq, Standing};
use sayso::store::{ClientRow, Counted, DecisionTally, HouseRow, NoticeRow, NoticeText, Offer, Offered, Tx};

use super::{ANNA, BEN, Told, grant, person, stand, story, subject, triple};

pub(super) fn client(id: &str, webhook: Option<&str>) -> ClientRow {
    ClientRow {
        id: id.into(),
        role: "recipient".into(),
        secret_hash: [7; 32],
        class: "company".into(),
        purposes: "attention_score public_profile".into(),
        sources: "github".into(),
        disabled: false,
        webhook: webhook.map(str::to_owned),
        webhook_gone: false,
        scopes: "score disclose".into(),
        calls_per_minute: 10,
        people_per_day: 20,
        public_key: Some([9; 32]),
    }
}

story!(a_caller_that_was_switched_off_loses_its_grants, callers);
async fn callers(tx: &mut Tx) -> Told {
    let row = client("acme", Some("https://acme.example/hook"));
    tx.insert_client(&row).await?;
    assert_eq!(tx.client("acme").await?, Some(row.clone()));
    assert_eq!(tx.client("nobody").await?, None);
    assert!(tx.clients().await?.contains(&row));
    let (digest, until) = ([3; 32], Micros(5));
    assert!(tx.use_assertion(&digest, until).await?);
    assert!(!tx.use_assertion(&digest, until).await?, "it counts once");
    tx.webhook_is_gone("acme").await?;
    assert!(tx.client("acme").await?.unwrap().webhook_gone);
    let anna = person(tx, ANNA).await?;
    tx.upsert_grant(&anna, &triple("acme"), &grant(10, 100)).await?;
    tx.upsert_grant(&anna, &triple("sayso"), &grant(11, 100)).await?;
    assert_eq!(tx.count_grants(&triple("acme").purpose, Micros(99)).await?, 0, "not known to be an adult");
    stand(tx, &anna, &Standing { adult: Adult::Yes, held: true, ..Standing::default() }).await?;
    assert_eq!(tx.count_grants(&triple("acme").purpose, Micros(99)).await?, 2, "paused, they will count again");
    assert_eq!(tx.count_grants(&triple("acme").purpose, Micros(100)).await?, 0, "their time is over");
    stand(tx, &anna, &Standing { adult: Adult::Yes, latched: true, ..Standing::default() }).await?;
    assert_eq!(tx.count_grants(&triple("acme").purpose, Micros(99)).await?, 0, "after a latch everything begins anew");
    assert!(tx.grants_to_disabled(10).await?.is_empty());
    let acme = "acme".parse().unwrap();
    assert!(tx.disable_client(&acme).await?);
    assert!(!tx.disable_client(&acme).await?);
    assert!(tx.client("acme").await?.unwrap().disabled);
    let due = tx.grants_to_disabled(10).await?;
    assert_eq!(due.len(), 1);
    assert_eq!((due[0].subject, &due[0].ended.triple), (anna, &triple("acme")));
    Ok(())
}

story!(the_newest_notice_is_shown_and_the_last_material_one_counts, notices);
async fn notices(tx: &mut Tx) -> Told {
    let purpose: Purpose = "attention_score".parse().unwrap();
    let first = tx.notices().await?.into_iter().find(|notice| notice.purpose == purpose).unwrap();
    assert_eq!((first.version, tx.rules_in_force().await?.oldest_notices[&purpose]), (1, 1));
    for (version, material) in [(2, true), (3, false)] {
        let sha256 = format!("{version}").repeat(64);
        let (locale, text) = (String::from("en"), format!("notice {version}"));
        let german = NoticeText { locale: "de".into(), sha256: "de".repeat(32), text: format!("Fassung {version}") };
        let translations = if material { vec![german] } else { vec![] };
        let row = NoticeRow { purpose: purpose.clone(), version, locale, sha256, material, text, translations };
        let mut digests: Vec<_> =
            std::iter::once(&row.sha256).chain(row.translations.iter().map(|one| &one.sha256)).collect();
        tx.insert_notice(&row).await?;
        let mut newest = tx.offer(&purpose, &"nobody".parse().unwrap()).await?.newest;
        digests.sort();
        newest.sort();
        assert_eq!(newest, digests.into_iter().map(|sha256| (version, sha256.clone())).collect::<Vec<_>>());
    }
    let acme = client("acme", None);
    tx.insert_client(&acme).await?;
    let offered = Offered { role: acme.role, disabled: false, purposes: acme.purposes, sources: acme.sources };
    assert_eq!(tx.offer(&purpose, &"acme".parse().unwrap()).await?.recipient, Some(offered));
    let nothing = Offer { newest: vec![], recipient: None };
    assert_eq!(tx.offer(&"nothing".parse().unwrap(), &"nobody".parse().unwrap()).await?, nothing);
    let newest: Vec<_> = tx.notices().await?.into_iter().filter(|notice| notice.purpose == purpose).collect();
    assert_eq!(newest.len(), 1);
    let all: Vec<_> = tx.all_notices().await?.into_iter().filter(|notice| notice.purpose == purpose).collect();
    assert_eq!(all.iter().map(|notice| notice.version).collect::<Vec<_>>(), [1, 2, 3]);
    for one in &all {
        assert_eq!(tx.notice(&purpose, one.version).await?.as_ref(), Some(one));
    }
    assert_eq!(tx.notice_versions(&purpose).await?, [(1, true), (2, true), (3, false)]);
    assert_eq!((tx.notice(&purpose, 4).await?, tx.notice(&"nothing".parse().unwrap(), 1).await?), (None, None));
    let translations: usize = tx.all_notices().await?.iter().map(|notice| notice.translations.len()).sum();
    assert_eq!(tx.count_translations().await?, i64::try_from(translations).unwrap());
    let languages = |row: &NoticeRow| row.translations.iter().map(|one| one.text.clone()).collect::<Vec<_>>();
    assert_eq!((languages(&all[1]), languages(&all[2])), (vec!["Fassung 2".into()], vec![]));
    assert!(tx.notice_versions(&"nothing".parse().unwrap()).await?.is_empty());
    assert_eq!((newest[0].version, newest[0].material, newest[0].text.as_str()), (3, false, "notice 3"));
    assert_eq!(tx.rules_in_force().await?.oldest_notices[&purpose], 2);
    Ok(())
}

story!(house_rules_that_no_event_names_are_not_in_force, house_rules);
async fn house_rules(tx: &mut Tx) -> Told {
    tx.hold_rules().await?;
    tx.wait_for_rules().await?;
    let first = tx.house_rules().await?.unwrap();
    assert!(first.built_in && first.seq.0 < 1_000);
    assert_eq!(tx.rules_in_force().await?.policy_sha256, Some(first.sha256.clone()));
    let row = HouseRow {
        seq: Seq(1_000),
        sha256: "5e".repeat(32),
        registry_sha256: "7e".repeat(32),
        built_in: false,
        files: "{}".into(),
    };
    tx.insert_house_rules(&row).await?;
    assert_eq!(tx.house_rules().await?, Some(first.clone()));
    assert_eq!(tx.rules_in_force().await?.policy_sha256, Some(first.sha256.clone()));
    assert_eq!(tx.all_house_rules().await?, [first, row]);
    Ok(())
}

story!(decisions_are_counted_for_members_and_for_nobody_else, decisions);
async fn decisions(tx: &mut Tx) -> Told {
    let anna = person(tx, ANNA).await?;
    let counted = |day, allowed| Counted {
        day: Day(day),
        caller: "acme".into(),
        purpose: "attention_score".into(),
        source: "github".into(),
        action: "score".into(),
        policy_sha256: "5e".repeat(32),
        allowed,
    };
    let tally = |day, allowed, times| DecisionTally { counted: counted(day, allowed), times };
    for (day, allowed, times) in [(1, true, 2), (1, true, 3), (1, false, 1), (2, true, 1)] {
        tx.count_decisions(&counted(day, allowed), &[(anna, times), (subject(BEN), times)]).await?;
    }
    assert_eq!(tx.decisions(&anna).await?, [tally(2, true, 1), tally(1, false, 1), tally(1, true, 5)]);
    assert!(tx.decisions(&subject(BEN)).await?.is_empty());
    stand(tx, &anna, &Standing { erased: true, ..Standing::default() }).await?;
    tx.count_decisions(&counted(3, true), &[(anna, 1)]).await?;
    assert_eq!(tx.decisions(&anna).await?.len(), 3, "counted for somebody who is being erased");
    tx.count_unknown("acme", Day(1), 2).await?;
    tx.count_unknown("acme", Day(1), 3).await?;
    let mut asked = tx.asked_counts((Day(1), Day(1))).await?;
    asked.sort();
    let acme = |allowed, times| (Day(1), String::from("acme"), allowed, times);
    assert_eq!(asked, [acme(false, 1), acme(false, 5), acme(true, 5)]);
    assert!(tx.asked_counts((Day(4), Day(9))).await?.is_empty());
    Ok(())
}
