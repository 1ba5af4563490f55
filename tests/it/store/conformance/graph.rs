//! Edges, what gave them, and posts: added once, taken back exactly, gone with their grant.

use sayso::domain::{Assurance, Day, Elsewhere, Micros, ResponseKind, Responses, Seq, Standing, Week};
use sayso::ids::Subject;
use sayso::store::{ActivityRow, EdgeKey, EngineScoreRow, ObjectRow, StoreError, Tx, VisibleQuery};

use super::{ANNA, BEN, CLEO, Told, grant, person, stand, story, subject, triple};

async fn members(tx: &mut Tx) -> Result<(Subject, Subject), StoreError> {
    let (anna, ben) = (person(tx, ANNA).await?, person(tx, BEN).await?);
    for (subject, lineage) in [(anna, 10), (ben, 20)] {
        tx.upsert_grant(&subject, &triple("sayso"), &grant(lineage, 1_000)).await?;
        let adult = Standing { adult: sayso::domain::Adult::Yes, ..Standing::default() };
        stand(tx, &subject, &adult).await?;
    }
    Ok((anna, ben))
}

fn reply(activity: u8, about: u8) -> ActivityRow {
    let edge = EdgeKey {
        actor: (subject(ANNA), Seq(10)),
        target: (subject(BEN), Seq(20)),
        source: "github".into(),
        topic: "music".parse().unwrap(),
        week: Week(3_000),
        kind: ResponseKind::Reply,
    };
    let digest = |byte: u8| Some([byte; 32]);
    ActivityRow {
        edge,
        activity: [activity; 32],
        made: digest(activity + 100),
        object: digest(about),
        about: digest(about + 50),
    }
}

fn window() -> VisibleQuery {
    VisibleQuery {
        target: subject(BEN),
        until: Week(3_000),
        from: Week(2_975),
        valid_after: Micros(500),
        oldest_notice: 1,
        source: None,
        allowed: Assurance::ALL.map(|assurance| ("github".parse().unwrap(), assurance)).into(),
    }
}

async fn times(tx: &mut Tx) -> Result<i64, StoreError> {
    Ok(tx.visible_responses(&window()).await?.received.iter().map(|edge| edge.count).sum())
}

story!(an_activity_counts_once_and_is_taken_back_exactly, activities);
async fn activities(tx: &mut Tx) -> Told {
    let (anna, ben) = members(tx).await?;
    for activity in 1..=4 {
        assert!(tx.add_activity(&reply(activity, activity % 2)).await?);
        assert!(!tx.add_activity(&reply(activity, activity % 2)).await?, "it counted twice");
    }
    assert_eq!((times(tx).await?, tx.count_edges().await?), (4, (1, 0)));
    assert!(tx.has_made(&anna, &[101; 32]).await?);
    assert!(!tx.has_made(&ben, &[101; 32]).await?);

    assert_eq!(tx.take_back_activity(&ben, &[1; 32]).await?, 0, "somebody else took it back");
    assert_eq!(tx.take_back_activity(&anna, &[1; 32]).await?, 1);
    assert_eq!(tx.take_back_activity(&anna, &[1; 32]).await?, 0);
    assert_eq!(times(tx).await?, 3);
    assert_eq!(tx.take_back_made(&anna, &[102; 32]).await?, 1);
    assert_eq!(tx.take_back_response(&anna, &[1; 32], ResponseKind::Like).await?, 0);
    assert_eq!(tx.take_back_response(&anna, &[1; 32], ResponseKind::Reply).await?, 1);
    assert_eq!(times(tx).await?, 1);
    assert_eq!(tx.take_back_about(&ben, &[50; 32]).await?, 1);
    assert_eq!((times(tx).await?, tx.count_edges().await?), (0, (0, 0)));
    Ok(())
}

story!(a_response_without_a_topic_is_filed_under_that_of_its_post, filing);
async fn filing(tx: &mut Tx) -> Told {
    let (anna, ben) = members(tx).await?;
    for activity in 1..=3 {
        tx.add_activity(&reply(activity, activity % 2)).await?;
    }
    let from = tx.visible_responses(&window()).await?.received.remove(0).topic;
    let to = "chess".parse().unwrap();
    assert_eq!(tx.file_responses(&anna, &[50; 32], [&from, &to]).await?, 0, "somebody else's post");
    assert_eq!(tx.file_responses(&ben, &[50; 32], [&to, &from]).await?, 0, "they said a topic");
    assert_eq!(tx.file_responses(&ben, &[50; 32], [&from, &to]).await?, 1);
    let received = tx.visible_responses(&window()).await?.received;
    let mut counts: Vec<_> = received.into_iter().map(|edge| (edge.count, edge.topic)).collect();
    counts.sort_by_key(|(count, _)| *count);
    assert_eq!(counts, [(1, to), (2, from)]);
    assert_eq!(tx.take_back_about(&ben, &[50; 32]).await?, 1, "it can be taken back as before");
    assert_eq!(times(tx).await?, 2);
    Ok(())
}

story!(an_edge_is_seen_while_both_ends_are_allowed, visibility);
async fn visibility(tx: &mut Tx) -> Told {
    let (anna, ben) = members(tx).await?;
    tx.add_activity(&reply(1, 1)).await?;
    let edge = tx.visible_responses(&window()).await?.received.remove(0);
    assert_eq!((edge.actor, edge.target, edge.week, edge.kind), (anna, ben, Week(3_000), ResponseKind::Reply));
    let query = |change: fn(&mut VisibleQuery)| {
        let mut query = window();
        change(&mut query);
        query
    };
    for hidden in [
        query(|q| q.until = Week(2_999)),
        query(|q| q.from = Week(3_001)),
        query(|q| q.valid_after = Micros(1_000)),
        query(|q| q.oldest_notice = 2),
        query(|q| q.target = subject(CLEO)),
        query(|q| q.allowed.clear()),
        query(|q| q.allowed.iter_mut().for_each(|(source, _)| *source = "blog".parse().unwrap())),
    ] {
        assert_eq!(tx.visible_responses(&hidden).await?, Responses::default(), "{hidden:?}");
    }
    let good = tx.standing(&anna).await?.unwrap();
    let flags: [fn(&mut Standing); 6] = [
        |s| s.held = true,
        |s| s.erased = true,
        |s| s.latched = true,
        |s| s.suppressed = true,
        |s| s.adult = sayso::domain::Adult::No,
        |s| s.adult = sayso::domain::Adult::Unknown,
    ];
    for who in [anna, ben] {
        for change in flags {
            let mut standing = good.clone();
            change(&mut standing);
            stand(tx, &who, &standing).await?;
            assert_eq!(times(tx).await?, 0, "{standing:?}");
        }
        stand(tx, &who, &good).await?;
        assert_eq!(times(tx).await?, 1, "lifting restores");
    }
    tx.delete_grant(&ben, &triple("sayso")).await?;
    assert_eq!(tx.count_edges().await?, (0, 0), "it hung on a grant that ended");
    assert!(!tx.has_made(&anna, &[101; 32]).await?);
    Ok(())
}

story!(what_somebody_gave_others_is_added_up_where_both_ends_allow_it, others);
async fn others(tx: &mut Tx) -> Told {
    let (anna, ben) = members(tx).await?;
    let cleo = person(tx, CLEO).await?;
    tx.upsert_grant(&cleo, &triple("sayso"), &grant(30, 1_000)).await?;
    let adult = Standing { adult: sayso::domain::Adult::Yes, ..Standing::default() };
    stand(tx, &cleo, &adult).await?;
    let to = |activity: u8, change: &dyn Fn(&mut EdgeKey)| {
        let mut row = reply(activity, activity);
        change(&mut row.edge);
        row
    };
    let cleos = (cleo, Seq(30));
    for row in [
        to(1, &|_| ()),
        to(2, &|edge| edge.target = cleos),
        to(3, &|edge| (edge.target, edge.topic) = (cleos, "chess".parse().unwrap())),
        to(4, &|edge| (edge.target, edge.kind) = (cleos, ResponseKind::Like)),
        to(5, &|edge| (edge.target, edge.week) = (cleos, Week(2_999))), // nothing for Ben in that week
        to(6, &|edge| (edge.actor, edge.target) = (cleos, (anna, Seq(10)))), // nothing for Ben from her
        to(7, &|edge| edge.target = edge.actor),
        to(8, &|edge| (edge.actor, edge.target) = ((ben, Seq(20)), cleos)),
    ] {
        assert!(tx.add_activity(&row).await?);
    }
    let given = |kind, count| Elsewhere { actor: anna, week: Week(3_000), kind, count };
    let given = vec![given(ResponseKind::Like, 1), given(ResponseKind::Reply, 2)];
    let elsewhere = async |tx: &mut Tx| -> Result<Vec<Elsewhere>, StoreError> {
        let mut found = tx.visible_responses(&window()).await?.elsewhere;
        found.sort();
        Ok(found)
    };
    assert_eq!(elsewhere(tx).await?, given);
    for hidden in [Standing { held: true, ..adult.clone() }, Standing { suppressed: true, ..adult.clone() }] {
        stand(tx, &cleo, &hidden).await?;
        assert_eq!((elsewhere(tx).await?, times(tx).await?), (Vec::new(), 1), "{hidden:?}");
    }
    stand(tx, &cleo, &adult).await?;
    assert_eq!(elsewhere(tx).await?, given, "lifting restores");
    tx.delete_grant(&cleo, &triple("sayso")).await?;
    assert_eq!((elsewhere(tx).await?, times(tx).await?), (Vec::new(), 1));
    Ok(())
}

story!(a_post_is_known_while_its_owner_grants_it, posts);
async fn posts(tx: &mut Tx) -> Told {
    let (anna, ben) = members(tx).await?;
    let row = ObjectRow {
        owner: (ben, Seq(20)),
        digest: [5; 32],
        source: "github".into(),
        topic: "music".parse().unwrap(),
        week: Week(3_000),
        is_public: true,
    };
    assert!(tx.insert_object(&row, b"sealed").await?);
    assert!(!tx.insert_object(&ObjectRow { week: Week(1), ..row.clone() }, b"sealed").await?);
    assert_eq!(tx.sealed_objects(&ben).await?, [([5; 32], row.source.clone(), b"sealed".to_vec())]);
    tx.move_object(&anna, &[5; 32], &[6; 32]).await?;
    assert!(tx.object(&[[6; 32]; 2]).await?.is_none(), "somebody else moved it");
    tx.move_object(&ben, &[5; 32], &[6; 32]).await?;
    let found = tx.object(&[[5; 32], [6; 32]]).await?.unwrap();
    tx.move_object(&ben, &[6; 32], &[5; 32]).await?;
    assert_eq!((found.owner, found.week, found.is_public), ((ben, Seq(20)), Week(3_000), true));
    assert!(!tx.narrow_object(&anna, &[[5; 32], [6; 32]]).await?, "somebody else narrowed it");
    assert!(tx.narrow_object(&ben, &[[5; 32], [6; 32]]).await?);
    assert!(!tx.object(&[[5; 32], [6; 32]]).await?.unwrap().is_public);
    assert!(!tx.delete_object(&anna, &[[5; 32], [6; 32]]).await?);
    assert!(tx.delete_object(&ben, &[[5; 32], [6; 32]]).await?);
    assert!(tx.object(&[[5; 32], [6; 32]]).await?.is_none());
    tx.insert_object(&row, b"sealed").await?;
    tx.delete_grant(&ben, &triple("sayso")).await?;
    assert!(tx.object(&[[5; 32], [6; 32]]).await?.is_none());
    Ok(())
}

crate::on_both!(nothing_is_stored_under_a_lineage_that_is_not_live, |world| {
    let store = &world.app.store;
    let edge = store
        .run_tx(&(), |tx, ()| {
            Box::pin(async move {
                members(tx).await?;
                let mut stale = reply(1, 1);
                stale.edge.target.1 = Seq(19);
                tx.add_activity(&stale).await
            })
        })
        .await;
    assert!(matches!(edge, Err(StoreError::Contention(_))), "{edge:?}");
});

story!(a_score_of_an_engine_hangs_on_its_grant, engine_scores);
async fn engine_scores(tx: &mut Tx) -> Told {
    let (anna, _) = members(tx).await?;
    let row = |epoch, value| EngineScoreRow {
        value,
        version: "one".into(),
        window: (Day(1), Day(2)),
        population: "all".into(),
        epoch: Seq(epoch),
        written: Micros(5),
    };
    assert!(tx.write_score(&anna, Seq(10), &row(11, 42)).await?);
    assert!(tx.write_score(&anna, Seq(10), &row(12, 43)).await?);
    assert!(!tx.write_score(&anna, Seq(10), &row(11, 44)).await?, "an earlier epoch");
    assert_eq!(tx.engine_scores(&anna).await?, [(Seq(10), row(12, 43))]);
    assert_eq!(tx.stray_scores().await?, 0);
    tx.delete_grant(&anna, &triple("sayso")).await?;
    assert!(tx.engine_scores(&anna).await?.is_empty());
    Ok(())
}
