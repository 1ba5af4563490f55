//! The live schema against the map: every way they can differ is named, and the service does not start.

use sayso::clock::Clock;
use sayso::config::Config;
use sayso::datamap::{ColumnType, DataMap, LiveColumn, Mismatch};
use sayso::secret::Entropy;
use sayso::service::{App, BootError};
use sayso::store::{Access, StoreError};

use crate::on_both;
use crate::raw::Raw;
use crate::world::{Db, NOON, World};

fn mapped() -> Vec<LiveColumn> {
    let map = DataMap::built_in().unwrap();
    let column =
        |table: &str, name: &String, kind| LiveColumn { table: table.into(), column: name.clone(), kind: Some(kind) };
    let tables = map.table.iter();
    tables.flat_map(|table| table.columns.iter().map(|(name, c)| column(&table.name, name, c.kind))).collect()
}

fn check(live: &[LiveColumn]) -> Result<(), Mismatch> {
    DataMap::built_in().unwrap().check(live)
}

fn name(column: &LiveColumn) -> String {
    format!("{}.{}", column.table, column.column)
}

#[test]
fn every_column_that_is_missing_from_the_database_is_named() {
    assert_eq!(check(&mapped()), Ok(()));
    for place in 0..mapped().len() {
        let mut live = mapped();
        let gone = live.remove(place);
        assert_eq!(check(&live), Err(Mismatch::Missing(name(&gone))));
    }
}

#[test]
fn a_column_that_nobody_mapped_is_named_in_every_table() {
    for column in mapped() {
        let extra = LiveColumn { column: format!("{}_too", column.column), ..column };
        let mut live = mapped();
        live.push(extra.clone());
        assert_eq!(check(&live), Err(Mismatch::Unmapped(name(&extra))));
    }
    let mut live = mapped();
    live.push(LiveColumn { table: "shadow".into(), column: "subject".into(), kind: Some(ColumnType::Bytes) });
    assert_eq!(check(&live), Err(Mismatch::Unmapped("shadow.subject".into())));
    let mut twice = mapped();
    twice.push(twice[0].clone());
    assert!(matches!(check(&twice), Err(Mismatch::Unmapped(_))));
}

#[test]
fn a_column_of_another_type_is_named() {
    for place in 0..mapped().len() {
        for kind in [Some(ColumnType::Int), Some(ColumnType::Text), Some(ColumnType::Bytes), None] {
            let mut live = mapped();
            let before = std::mem::replace(&mut live[place].kind, kind);
            let want = if before == kind { Ok(()) } else { Err(Mismatch::OtherType(name(&live[place]))) };
            assert_eq!(check(&live), want);
        }
    }
}

/// Closes a service, changes its database, and says why it does not start again.
async fn after(world: World, change: &str) -> String {
    world.app.store.close().await;
    let World { app, db, database, data, .. } = world;
    drop(app);
    let raw = Raw::open(db, data.path(), &database).await;
    raw.run(change, &[]).await;
    raw.close().await;
    let config = Config { data: data.path().into(), database, ..Config::default() };
    let again = App::open(config, Clock::fixed(NOON), Entropy::seeded(8), Access::Serve).await;
    match again {
        Err(BootError::Store(StoreError::Schema(why))) => why,
        other => panic!("it started or failed otherwise: {other:?}"),
    }
}

on_both!(a_column_added_behind_its_back_refuses_to_start, |world| {
    let why = after(world, "ALTER TABLE session ADD COLUMN last_address TEXT").await;
    assert!(why.contains("`session.last_address`"), "{why}");
});

on_both!(a_table_added_behind_its_back_refuses_to_start, |world| {
    let why = after(world, "CREATE TABLE shadow (subject TEXT)").await;
    assert!(why.contains("`shadow.subject`"), "{why}");
});

on_both!(a_column_dropped_behind_its_back_refuses_to_start, |world| {
    let why = after(world, "ALTER TABLE standing DROP COLUMN regime").await;
    assert!(why.contains("`standing.regime`"), "{why}");
});

on_both!(a_column_of_another_type_refuses_to_start, |world| {
    let drop = "ALTER TABLE unknown_count DROP COLUMN times";
    let raw = Raw::of(&world).await;
    raw.run(drop, &[]).await;
    raw.close().await;
    let kind = if world.db == Db::Sqlite { "REAL" } else { "DOUBLE PRECISION" };
    let why = after(world, &format!("ALTER TABLE unknown_count ADD COLUMN times {kind}")).await;
    assert!(why.contains("`unknown_count.times`"), "{why}");
});

#[test]
fn what_the_sweep_does_is_what_the_data_map_promises() {
    let map = DataMap::built_in().unwrap();
    for rule in &sayso::store::RETENTION {
        let table = map.table.iter().find(|table| table.name == rule.table).unwrap();
        assert_eq!(table.kept, rule.kept, "{}", rule.table);
    }
    for table in &map.table {
        let has_a_term = table.kept.starts_with(|c: char| c.is_ascii_digit());
        let swept = sayso::store::RETENTION.iter().any(|rule| rule.table == table.name);
        assert_eq!(has_a_term, swept, "`{}` is kept `{}`", table.name, table.kept);
    }
}

on_both!(counts_of_who_asked_go_after_thirteen_months, |world| {
    let ann = crate::people::join(&world, "ann@example.org").await;
    let now = world.app.clock.now();
    let tally = |day| sayso::store::Counted {
        day,
        caller: "acme".into(),
        purpose: "public_profile".into(),
        source: "blog".into(),
        action: "disclose".into(),
        policy_sha256: "5e".repeat(32),
        allowed: false,
    };
    let tallies = [tally(now.plus_days(-396).day()), tally(now.plus_days(-395).day())];
    world
        .app
        .store
        .run_tx(&(ann.caller.subject, &tallies), |tx, (subject, tallies)| {
            Box::pin(async move {
                for tally in tallies.iter() {
                    tx.count_decisions(tally, &[(*subject, 1)]).await?;
                    tx.count_unknown("acme", tally.day, 1).await?;
                }
                Ok::<_, sayso::store::StoreError>(())
            })
        })
        .await
        .unwrap();
    world.app.sweep().await.unwrap();
    let left: Vec<_> = world.app.decisions(&ann.caller).await.unwrap().into_iter().map(|tally| tally.counted).collect();
    assert_eq!(left, [tallies[1].clone()]);
    assert_eq!(crate::people::dump(&world).await["unknown_count"].len(), 1);
});
