//! The log as it was at a place or at the end of a day.

use sayso::domain::{Day, Seq};
use sayso::service::{AuditQuery, ServiceError, Until};

use super::*;

const DAY: i64 = 86_400;

on_both!(the_checkpoint_of_each_place_and_day_is_the_one_that_was_handed_out_then, |world| {
    let (mut handed_out, mut days) = (Vec::new(), Vec::new());
    for number in 0..9 {
        join(&world, &format!("p{number}@example.org")).await;
        handed_out.push((log_size(&world).await, world.app.checkpoint().await.unwrap()));
        if number % 3 == 2 {
            days.push((world.app.clock.now().day(), log_size(&world).await));
            world.pass_seconds(2 * DAY);
        }
    }
    let key = parse_vkey(&world.app.log_vkey()).unwrap();
    for (size, checkpoint) in &handed_out {
        let past = world.app.past_log(Until::Place(Seq(*size))).await.unwrap();
        assert_eq!((past.size.0, &past.checkpoint), (*size, checkpoint));
        let until = AuditQuery { until: Some(Seq(*size)), ..AuditQuery::default() };
        let listed = world.app.audit_events(&until).await.unwrap();
        assert_eq!((listed.leaves.len() as i64, listed.next), (*size, None));
        let same_length = AuditQuery { limit: Some(*size), ..until };
        assert_eq!(world.app.audit_events(&same_length).await.unwrap().next, None);
        for (kind, times) in &past.kinds {
            assert_eq!(listed.leaves.iter().filter(|leaf| leaf.kind == *kind).count() as i64, *times, "{kind}");
        }
        assert_eq!(past.kinds.iter().map(|(_, times)| times).sum::<i64>(), *size);
    }
    for (day, size) in days {
        for day in [day, Day(day.0 + 1)] {
            let past = world.app.past_log(Until::Day(day)).await.unwrap();
            assert_eq!(past, world.app.past_log(Until::Place(Seq(size))).await.unwrap());
        }
    }
    let empty = world.app.past_log(Until::Day(Day(0))).await.unwrap();
    assert_eq!((empty.size, verify(&empty.checkpoint, &key).unwrap().size, empty.kinds), (Seq(0), 0, vec![]));
    let (size, today) = (log_size(&world).await, world.app.clock.now().day());
    for ahead in
        [Until::Place(Seq(size + 1)), Until::Place(Seq(-1)), Until::Place(Seq(i64::MIN)), Until::Day(Day(today.0 + 1))]
    {
        let answer = world.app.past_log(ahead).await;
        assert!(matches!(answer, Err(ServiceError::Invalid(_))), "{ahead:?}: {answer:?}");
    }
});

on_both!(no_past_is_signed_that_the_newest_checkpoint_does_not_prove, |world| {
    for number in 0..5 {
        join(&world, &format!("p{number}@example.org")).await;
    }
    let size = log_size(&world).await;
    let changed = "UPDATE tree_node SET hash = (SELECT hash FROM tree_node WHERE level = 0 AND place = 0) WHERE level = 0 AND place = 2";
    assert_eq!(tamper(&world, changed).await, 1);
    let refused = world.app.past_log(Until::Place(Seq(3))).await;
    assert!(matches!(refused, Err(ServiceError::Store(_))), "{refused:?}");
    let now = world.app.past_log(Until::Place(Seq(size))).await.unwrap();
    assert_eq!(now.checkpoint, world.app.checkpoint().await.unwrap());
});
