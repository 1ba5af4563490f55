//! One schema in two dialects: tables, columns, types, nullability, keys, foreign keys, indexes.

use std::collections::BTreeSet;

use sayso::datamap::ColumnType::{Int, Text};
use sayso::store::Cell;

use crate::raw::Raw;
use crate::world::{Db, World};

const SQLITE_PRIMARY: &str = "SELECT m.name, '', 'primary', p.pk, p.name, '' FROM sqlite_master m \
    JOIN pragma_table_info(m.name) p WHERE m.type = 'table' AND p.pk > 0 ORDER BY m.name, p.pk";
const SQLITE_INDEXES: &str = "SELECT m.name, i.name, CASE WHEN i.\"unique\" = 1 THEN 'unique' ELSE 'index' END, c.seqno, c.name, '' \
    FROM sqlite_master m JOIN pragma_index_list(m.name) i JOIN pragma_index_info(i.name) c \
    WHERE m.type = 'table' AND i.origin <> 'pk' ORDER BY m.name, i.name, c.seqno";
const SQLITE_FOREIGN: &str = "SELECT m.name, CAST(f.id AS TEXT), 'foreign', f.seq, f.\"from\", \
    f.\"table\" || '.' || f.\"to\" || ' ' || f.on_delete FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f \
    WHERE m.type = 'table' ORDER BY m.name, f.id, f.seq";

const POSTGRES_INDEXES: &str = "SELECT CAST(t.relname AS TEXT), CAST(i.relname AS TEXT), \
    CASE WHEN x.indisprimary THEN 'primary' WHEN x.indisunique THEN 'unique' ELSE 'index' END, k.n, CAST(a.attname AS TEXT), '' \
    FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid \
    JOIN pg_namespace s ON s.oid = t.relnamespace AND s.nspname = current_schema() \
    CROSS JOIN LATERAL unnest(x.indkey) WITH ORDINALITY k(column_number, n) \
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.column_number ORDER BY 1, 2, 4";
const POSTGRES_FOREIGN: &str = "SELECT CAST(t.relname AS TEXT), CAST(c.conname AS TEXT), 'foreign', k.n, CAST(a.attname AS TEXT), \
    o.relname || '.' || b.attname || ' ' || CASE c.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'a' THEN 'NO ACTION' ELSE '?' END \
    FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_class o ON o.oid = c.confrelid \
    JOIN pg_namespace s ON s.oid = t.relnamespace AND s.nspname = current_schema() \
    CROSS JOIN LATERAL unnest(c.conkey, c.confkey) WITH ORDINALITY k(mine, theirs, n) \
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.mine \
    JOIN pg_attribute b ON b.attrelid = o.oid AND b.attnum = k.theirs WHERE c.contype = 'f' ORDER BY 1, 2, 4";

/// One line for each key and index, such as `edge foreign actor -> live_grant.subject CASCADE, ..`; names do not count.
async fn keys(world: &World) -> BTreeSet<String> {
    let raw = Raw::of(world).await;
    let queries: &[&str] = match world.db {
        Db::Sqlite => &[SQLITE_PRIMARY, SQLITE_INDEXES, SQLITE_FOREIGN],
        Db::Postgres => &[POSTGRES_INDEXES, POSTGRES_FOREIGN],
    };
    let mut found: std::collections::BTreeMap<(String, String, String), Vec<String>> =
        std::collections::BTreeMap::new();
    for query in queries {
        for row in raw.rows(query, &[], &[Text, Text, Text, Int, Text, Text]).await {
            let text = |place: usize| match &row[place] {
                Cell::Text(text) => text.clone(),
                _ => String::new(),
            };
            let target = if text(5).is_empty() { String::new() } else { format!(" -> {}", text(5)) };
            found.entry((text(0), text(2), text(1))).or_default().push(format!("{}{target}", text(4)));
        }
    }
    raw.close().await;
    let ours =
        found.into_iter().filter(|((table, _, _), _)| table != "_sqlx_migrations" && !table.starts_with("sqlite_"));
    ours.map(|((table, kind, _), columns)| format!("{table} {kind} {}", columns.join(", "))).collect()
}

#[tokio::test]
async fn both_databases_have_the_same_tables_columns_types_and_nullability() {
    let (sqlite, postgres) = (World::new(Db::Sqlite).await, World::new(Db::Postgres).await);
    assert_eq!(sqlite.app.store.columns().await.unwrap(), postgres.app.store.columns().await.unwrap());
    let must = |rows: Vec<(String, String, String, i64)>| -> Vec<String> {
        rows.into_iter().map(|(table, column, _, must)| format!("{table}.{column} {must}")).collect()
    };
    let (one, other) = (sqlite.app.store.schema().await.unwrap(), postgres.app.store.schema().await.unwrap());
    assert!(one.len() > 100);
    assert_eq!(must(one), must(other));
}

#[tokio::test]
async fn both_databases_have_the_same_keys_and_indexes() {
    let (sqlite, postgres) = (World::new(Db::Sqlite).await, World::new(Db::Postgres).await);
    let (one, other) = (keys(&sqlite).await, keys(&postgres).await);
    assert_eq!(one, other);
    for kind in ["primary", "unique", "index", "foreign"] {
        assert!(one.iter().any(|line| line.contains(&format!(" {kind} "))), "no {kind} was read");
    }
}

/// A row about a person has that person first in its key, so that their rows lie together and are found at once.
#[tokio::test]
async fn whatever_hangs_on_a_grant_goes_with_it_and_every_owner_is_indexed() {
    let sqlite = World::new(Db::Sqlite).await;
    let keys = keys(&sqlite).await;
    for (table, owner) in [
        ("edge", "actor"),
        ("edge", "target"),
        ("edge_activity", "actor"),
        ("edge_activity", "target"),
        ("object", "owner"),
    ] {
        let lineage = if table == "object" { "lineage".to_owned() } else { format!("{owner}_lineage") };
        let line =
            format!("{table} foreign {owner} -> live_grant.subject CASCADE, {lineage} -> live_grant.lineage CASCADE");
        assert!(keys.contains(&line), "{line}");
    }
    for table in sayso::datamap::DataMap::built_in().unwrap().table {
        for owner in &table.owners {
            let led = keys.iter().any(|line| {
                let Some((kind, columns)) =
                    line.strip_prefix(&format!("{} ", table.name)).and_then(|rest| rest.split_once(' '))
                else {
                    return false;
                };
                kind != "foreign" && columns.split(", ").next() == Some(owner.column.as_str())
            });
            assert!(led, "no key or index of {} begins with {}", table.name, owner.column);
        }
    }
}
