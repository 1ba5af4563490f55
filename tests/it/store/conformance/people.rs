//! Standings, keys, grants, identifiers, log-ins, export and removal.

use std::collections::BTreeMap;

use sayso::datamap::DataMap;
use sayso::domain::{Adult, Assurance, Micros, Seq, Standing};
use sayso::ids::{IdentifierId, Pairwise, Session, Subject};
use sayso::store::{Cell, ClaimRow, FoundBy, IdentifierRow, Recorded, SessionRow, StoreError, Tx, WrappedKey};

use super::{ANNA, BEN, CLEO, Told, alone, grant, leaf, next, person, stand, story, subject, triple};

fn key_of(bytes: [u8; 16]) -> WrappedKey {
    WrappedKey { epoch: 1, bytes: [bytes.as_slice(), b" key"].concat() }
}

story!(who_is_to_be_reminded_is_reminded_once_of_each_opt_out, reminders);
async fn reminders(tx: &mut Tx) -> Told {
    let (anna, ben) = (person(tx, ANNA).await?, person(tx, BEN).await?);
    let due = |at| Standing { suppressed: true, erase_due: Some(Micros(at)), ..Standing::default() };
    stand(tx, &anna, &due(50)).await?;
    stand(tx, &ben, &due(90)).await?;
    assert_eq!(tx.to_remind(Micros(60), 1, 10).await?, [(anna, Micros(50))]);
    assert!(!tx.reminded(&anna, 1, Micros(49)).await?, "it was another opt-out");
    assert!(tx.reminded(&anna, 1, Micros(50)).await?);
    assert!(!tx.reminded(&anna, 1, Micros(50)).await?, "twice");
    assert!(tx.to_remind(Micros(60), 1, 10).await?.is_empty());
    stand(tx, &anna, &Standing { held: true, ..due(50) }).await?;
    assert!(tx.to_remind(Micros(60), 1, 10).await?.is_empty(), "another change forgot it");
    assert_eq!(tx.to_remind(Micros(60), 2, 10).await?, [(anna, Micros(50))]);
    stand(tx, &anna, &Standing::default()).await?;
    stand(tx, &anna, &due(55)).await?;
    assert_eq!(tx.to_remind(Micros(100), 1, 10).await?, [(anna, Micros(55)), (ben, Micros(90))]);
    Ok(())
}

story!(whoever_is_being_erased_is_not_held, held);
async fn held(tx: &mut Tx) -> Told {
    let (anna, ben) = (person(tx, ANNA).await?, person(tx, BEN).await?);
    stand(tx, &ben, &Standing { erased: true, ..Standing::default() }).await?;
    assert!(tx.hold_living(&anna).await?);
    assert!(!tx.hold_living(&ben).await? && !tx.hold_living(&subject(CLEO)).await?);
    Ok(())
}

story!(keys_of_an_earlier_epoch_are_found_and_replaced, keys);
async fn keys(tx: &mut Tx) -> Told {
    let (anna, ben) = (person(tx, ANNA).await?, person(tx, BEN).await?);
    let new = WrappedKey { epoch: 2, bytes: b"new".to_vec() };
    tx.update_key(&anna, &new).await?;
    assert_eq!((tx.key(&anna).await?, tx.key(&ben).await?), (Some(new), Some(key_of(BEN))));
    assert_eq!(tx.newest_key_epoch().await?, Some(2));
    assert_eq!(tx.keys_before(2, None, 10).await?, [ben]);
    assert_eq!(tx.keys_before(3, None, 10).await?.len(), 2);
    assert!(!tx.keys_before(3, Some(&ben), 10).await?.contains(&ben));
    Ok(())
}

story!(a_standing_comes_back_as_it_was_stored, standings);
async fn standings(tx: &mut Tx) -> Told {
    let anna = person(tx, ANNA).await?;
    assert_eq!(tx.standing(&anna).await?, Some(Standing::default()));
    assert_eq!(tx.standing(&subject(BEN)).await?, None);
    assert_eq!(tx.key(&anna).await?, Some(key_of(ANNA)));
    assert_eq!(tx.key(&subject(BEN)).await?, None);

    for (bits, (adult, assurance)) in (0..16).zip(
        [(Adult::Yes, Assurance::Verified), (Adult::No, Assurance::SelfDeclared), (Adult::Unknown, Assurance::None)]
            .into_iter()
            .cycle(),
    ) {
        let flag = |place: u8| bits >> place & 1 == 1;
        let stored = Standing {
            epoch: i64::MAX,
            erased: flag(0),
            held: flag(1),
            suppressed: flag(2),
            latched: flag(3),
            adult,
            assurance,
            erase_due: flag(1).then_some(Micros(i64::MAX)),
            grants: BTreeMap::new(),
        };
        stand(tx, &anna, &stored).await?;
        assert_eq!(tx.standing(&anna).await?, Some(stored));
    }
    Ok(())
}

story!(people_whose_time_has_come_and_all_people_in_order, lists);
async fn lists(tx: &mut Tx) -> Told {
    for bytes in [CLEO, ANNA, BEN] {
        person(tx, bytes).await?;
    }
    let due = |at| Standing { erase_due: Some(Micros(at)), ..Standing::default() };
    stand(tx, &subject(ANNA), &due(20)).await?;
    stand(tx, &subject(BEN), &due(10)).await?;
    stand(tx, &subject(CLEO), &Standing { erased: true, ..due(1) }).await?;
    assert_eq!(tx.erase_due(Micros(9), 10).await?, []);
    assert_eq!(tx.erase_due(Micros(20), 10).await?, [subject(BEN), subject(ANNA)]);
    assert_eq!(tx.erase_due(Micros(20), 1).await?, [subject(BEN)]);
    assert_eq!(tx.subjects_after(None, 2).await?, [subject(ANNA), subject(BEN)]);
    assert_eq!(tx.subjects_after(Some(&subject(BEN)), 2).await?, [subject(CLEO)]);
    Ok(())
}

story!(a_grant_is_renewed_in_place_and_never_under_another_lineage, grants);
async fn grants(tx: &mut Tx) -> Told {
    let (anna, ben) = (person(tx, ANNA).await?, person(tx, BEN).await?);
    tx.upsert_grant(&anna, &triple("sayso"), &grant(10, 100)).await?;
    tx.upsert_grant(&anna, &triple("acme"), &grant(11, 50)).await?;
    tx.upsert_grant(&ben, &triple("acme"), &grant(10, 60)).await?;
    tx.upsert_grant(&anna, &triple("sayso"), &grant(10, 200)).await?;
    let stolen = tx.upsert_grant(&anna, &triple("sayso"), &grant(12, 300)).await;
    assert!(matches!(stolen, Err(StoreError::Corrupt("live_grant"))), "{stolen:?}");
    let want = BTreeMap::from([(triple("sayso"), grant(10, 200)), (triple("acme"), grant(11, 50))]);
    assert_eq!(tx.grants(&anna).await?, want);
    assert_eq!(tx.standing(&anna).await?.unwrap().grants, want);

    let due: Vec<_> = tx.grants_due(Micros(60), 10).await?.into_iter().map(|due| (due.subject, due.ended)).collect();
    assert_eq!(due.len(), 2);
    assert_eq!((due[0].0, due[0].1.lineage), (anna, Seq(11)));
    assert_eq!((due[1].0, &due[1].1.triple), (ben, &triple("acme")));
    assert_eq!(tx.grants_due(Micros(60), 1).await?.len(), 1);
    tx.delete_grant(&anna, &triple("acme")).await?;
    assert_eq!(tx.grants(&anna).await?.len(), 1);
    Ok(())
}

story!(an_event_gives_another_grant_where_it_ends_one, replaced);
async fn replaced(tx: &mut Tx) -> Told {
    let (anna, acme) = (person(tx, ANNA).await?, triple("acme"));
    let (first, second) = (grant(10, 100), grant(12, 300));
    for (ended, granted) in [(&[][..], &first), (&[&acme][..], &second)] {
        let event = next(tx, &anna).await?;
        let nodes = [leaf(event.seq)];
        tx.append(&Recorded { ended, granted: &[(&acme, granted)], ..alone(&event, &nodes) }).await?;
        assert_eq!(tx.grants(&anna).await?, BTreeMap::from([(acme.clone(), granted.clone())]));
    }
    let event = next(tx, &anna).await?;
    let stolen = tx.append(&Recorded { granted: &[(&acme, &first)], ..alone(&event, &[leaf(event.seq)]) }).await;
    assert!(matches!(stolen, Err(StoreError::Corrupt("live_grant"))), "{stolen:?}");
    assert_eq!(tx.grants(&anna).await?, BTreeMap::from([(acme.clone(), second)]));
    Ok(())
}

story!(a_recipient_keeps_its_name_for_a_person, names);
async fn names(tx: &mut Tx) -> Told {
    let anna = person(tx, ANNA).await?;
    let [acme, other] = ["acme", "other"].map(|name| name.parse().unwrap());
    let name = |byte| Pairwise::new([byte; 16]);
    assert_eq!(tx.pairwise(&anna, &acme, &name(7)).await?, name(7));
    assert_eq!(tx.pairwise(&anna, &acme, &name(8)).await?, name(7));
    assert_eq!(tx.pairwise(&anna, &other, &name(9)).await?, name(9));
    let owners = tx.owners(&[&[7; 16], &[9; 16], &[8; 16]], FoundBy::Pairwise, "acme").await?;
    assert_eq!(owners, std::collections::HashMap::from([(vec![7; 16], anna)]), "by what another one calls her");
    assert_eq!(tx.owners(&[&ANNA, &BEN], FoundBy::Subject, "acme").await?.len(), 1);
    let [music, sport] = ["music", "sport"].map(|topic| topic.parse().unwrap());
    tx.upsert_topic(&anna, &music, true).await?;
    tx.upsert_topic(&anna, &sport, true).await?;
    tx.upsert_topic(&anna, &sport, false).await?;
    assert_eq!(tx.topics(&anna).await?, BTreeMap::from([(music, true), (sport, false)]));
    Ok(())
}

fn identifier(byte: u8) -> IdentifierRow {
    IdentifierRow {
        id: IdentifierId::new([byte; 16]),
        kind: "email".into(),
        blind: [byte; 32],
        sealed: vec![byte; 40],
        proof: "mailed_code".into(),
    }
}

story!(an_identifier_has_one_owner_and_an_erased_one_has_none, identifiers);
async fn identifiers(tx: &mut Tx) -> Told {
    let (anna, ben) = (person(tx, ANNA).await?, person(tx, BEN).await?);
    tx.insert_identifier(&anna, &identifier(1), &[0; 32]).await?;
    tx.insert_identifier(&anna, &identifier(2), &[0; 32]).await?;
    assert_eq!(tx.owner_of(&[[7; 32], [1; 32]]).await?, Some(anna));
    assert_eq!(tx.owner_of(&[[7; 32], [9; 32]]).await?, None);
    assert_eq!(tx.indexed_as(&[[9; 32], [1; 32]]).await?, Some([1; 32]));
    assert_eq!(tx.indexed_as(&[[9; 32], [8; 32]]).await?, None);
    let again = IdentifierRow { id: IdentifierId::new([3; 16]), blind: [4; 32], ..identifier(1) };
    tx.insert_identifier(&ben, &again, &[1; 32]).await?;
    tx.move_blind(&ben, &again, &[1; 32]).await?;
    assert_eq!(tx.owner_of(&[[7; 32], [1; 32]]).await?, Some(ben), "it changed hands");
    let left = tx.identifiers(&anna).await?;
    let (key, readable) = tx.key_and_identifiers(&anna).await?;
    assert_eq!((left.len(), readable.len(), key), (1, 1, tx.key(&anna).await?));
    assert_eq!((left[0].blind, left[0].sealed.clone(), left[0].kind.as_str()), ([2; 32], vec![2; 40], "email"));
    stand(tx, &ben, &Standing { erased: true, ..Standing::default() }).await?;
    assert_eq!(tx.owner_of(&[[7; 32], [1; 32]]).await?, None);
    Ok(())
}

story!(a_claim_waits_until_its_time_is_over, claims);
async fn claims(tx: &mut Tx) -> Told {
    let anna = person(tx, ANNA).await?;
    let id = |byte| IdentifierId::new([byte; 16]);
    for byte in [1, 2, 3] {
        let (sealed, code, expires) = (vec![byte], vec![byte; 16], Micros(i64::from(byte) * 10));
        let kind = String::from("handle");
        tx.insert_claim(&ClaimRow { subject: anna, id: id(byte), kind, sealed, code, expires }).await?;
    }
    assert_eq!(tx.count_claims(&anna).await?, 3);
    assert_eq!(tx.claim(&id(1), Micros(9)).await?.unwrap().code, vec![1; 16]);
    assert!(tx.claim(&id(1), Micros(10)).await?.is_none());
    tx.delete_claim(&subject(BEN), &id(3)).await?;
    tx.delete_claim(&anna, &id(2)).await?;
    assert_eq!(tx.count_claims(&anna).await?, 2);
    tx.sweep(Micros(10)).await?;
    assert!(tx.claim(&id(1), Micros(0)).await?.is_none());
    assert!(tx.claim(&id(3), Micros(0)).await?.is_some());
    Ok(())
}

story!(a_log_in_is_refreshed_by_the_newest_token_alone, sessions);
async fn sessions(tx: &mut Tx) -> Told {
    let (anna, ben) = (person(tx, ANNA).await?, person(tx, BEN).await?);
    let id = |byte| Session::new([byte; 16]);
    let row = |subject: Subject, byte: u8| SessionRow {
        subject,
        id: id(byte),
        refresh_hash: [byte; 32],
        expires: Micros(10),
    };
    for row in [row(anna, 1), row(anna, 2), row(anna, 3), row(ben, 4)] {
        tx.insert_session(&row).await?;
    }
    assert_eq!(tx.session(&id(1), Micros(9)).await?.unwrap().subject, anna);
    assert!(tx.session(&id(1), Micros(10)).await?.is_none());
    assert!(!tx.rotate_session(&id(1), (&[9; 32], &[8; 32]), Micros(20)).await?);
    assert!(tx.rotate_session(&id(1), (&[1; 32], &[8; 32]), Micros(20)).await?);
    assert!(!tx.rotate_session(&id(1), (&[1; 32], &[7; 32]), Micros(20)).await?, "an old token counted again");
    assert_eq!(tx.session(&id(1), Micros(19)).await?.unwrap().refresh_hash, [8; 32]);
    tx.delete_session(&id(2)).await?;
    assert!(tx.session(&id(2), Micros(0)).await?.is_none());
    tx.sweep(Micros(10)).await?;
    assert!(tx.session(&id(3), Micros(0)).await?.is_none());
    tx.delete_sessions(&anna).await?;
    assert!(tx.session(&id(1), Micros(0)).await?.is_none());
    assert!(tx.password(&anna).await?.is_none());
    tx.upsert_password(&anna, "one").await?;
    tx.upsert_password(&anna, "two").await?;
    assert_eq!(tx.password(&anna).await?.as_deref(), Some("two"));
    Ok(())
}

story!(people_are_known_by_each_of_their_names_with_the_one_grant_asked_about, known);
async fn known(tx: &mut Tx) -> Told {
    let (anna, ben) = (person(tx, ANNA).await?, person(tx, BEN).await?);
    tx.insert_identifier(&anna, &identifier(1), &[0; 32]).await?;
    tx.insert_identifier(&ben, &identifier(2), &[0; 32]).await?;
    tx.upsert_grant(&anna, &triple("acme"), &grant(10, 100)).await?;
    tx.upsert_grant(&anna, &triple("sayso"), &grant(11, 100)).await?;
    let (acme, other) = (Pairwise::new([7; 16]), Pairwise::new([8; 16]));
    tx.pairwise(&anna, &"acme".parse().unwrap(), &acme).await?;
    tx.pairwise(&anna, &"other".parse().unwrap(), &other).await?;

    let blinds = [vec![1; 32], vec![2; 32], vec![9; 32]];
    for keep in [false, true] {
        let found = tx.known(&blinds, FoundBy::Blind, &triple("acme"), keep).await?;
        assert_eq!(found.iter().map(|one| one.subject).collect::<Vec<_>>(), [anna, ben]);
        assert_eq!(found[0].standing.grants, BTreeMap::from([(triple("acme"), grant(10, 100))]));
        assert!(found[1].standing.grants.is_empty());
        assert_eq!((found[0].name.clone(), found[0].wrapped_key.clone()), (vec![1; 32], key_of(ANNA)));
    }
    let pairwise = [acme.as_bytes().to_vec(), other.as_bytes().to_vec()];
    let found = tx.known(&pairwise, FoundBy::Pairwise, &triple("acme"), false).await?;
    assert_eq!(found.len(), 1, "another recipient's name was taken");
    let subjects = [anna.as_bytes().to_vec()];
    assert_eq!(tx.known(&subjects, FoundBy::Subject, &triple("acme"), false).await?.len(), 1);
    assert!(tx.known(&[], FoundBy::Subject, &triple("acme"), true).await?.is_empty());
    Ok(())
}

story!(what_an_export_reads_is_what_a_removal_takes, removal);
async fn removal(tx: &mut Tx) -> Told {
    let (anna, ben) = (person(tx, ANNA).await?, person(tx, BEN).await?);
    tx.upsert_password(&anna, "hash").await?;
    tx.upsert_topic(&anna, &"music".parse().unwrap(), true).await?;
    let map = DataMap::built_in().unwrap();
    let plan = map.exports().into_iter().find(|plan| plan.table == "topic_choice").unwrap();
    let mut exported = Vec::new();
    let mut sink = |cells: &[Cell]| {
        exported.push(cells.to_vec());
        Ok::<_, StoreError>(())
    };
    tx.export_rows(&plan, &anna, &mut sink).await?;
    let names: Vec<&str> = plan.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["accepted", "subject", "topic"]);
    assert_eq!(exported, [vec![Cell::Int(1), Cell::Bytes(ANNA.to_vec()), Cell::Text("music".into())]]);
    let mut removed = BTreeMap::new();
    let removals = map.removals();
    tx.upsert_topic(&anna, &"chess".parse().unwrap(), true).await?;
    for (up_to, topics) in [(9, 2), (1, 1)] {
        let found = tx.found(&map.found(up_to), &anna).await?;
        let tables: Vec<_> = found.rows.iter().map(|(place, rows)| (removals[*place].table.as_str(), *rows)).collect();
        assert_eq!(tables, [("credential", 1), ("topic_choice", topics), ("subject_key", 1), ("standing", 1)]);
    }
    let found = tx.found(&map.found(1), &anna).await?;
    let touched = tx.remove(&removals, &found, None).await?;
    for (removal, rows) in removals.into_iter().zip(touched) {
        *removed.entry(removal.table).or_insert(0) += rows;
    }
    assert!(tx.remove(&[], &found, Some(300)).await?.is_empty());
    assert_eq!((removed["topic_choice"], removed["standing"], removed["session"]), (2, 1, 0));
    assert!(tx.found(&map.found(9), &anna).await?.rows.is_empty());
    assert!(tx.count(&map.counts(), &[anna.as_bytes()]).await?.iter().all(|rows| *rows == 0));
    let standing: Vec<_> = map.counts().into_iter().filter(|count| count.table == "standing").collect();
    assert_eq!(tx.count(&standing, &[ben.as_bytes(), anna.as_bytes()]).await?, [1, 0]);
    Ok(())
}
