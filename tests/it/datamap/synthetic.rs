//! A person with a row in every table that can hold one and a marker in every column, made from the live schema itself:
//! the export holds them, and after the erasure nothing does, no row, no cell, no byte of a file (G6, G7).

use std::collections::BTreeMap;

use sayso::crypto::sha256;
use sayso::datamap::{ColumnType, DataMap, Erase, Export, Owner, Table, Through};
use sayso::ids::Subject;
use sayso::service::PersonCaller;
use sayso::store::Cell;
use serde_json::Value;

use super::members::{asked_about, email, grant, handle, member, recipient, triple};
use super::traces::{files, forms, holds};
use crate::on_both;
use crate::raw::{Raw, everything};
use crate::world::{Db, World, read};

const ADDRESS: &str = "anna.annamark@example.org";
const HANDLE: &str = "github:annamark7";
const CLAIM: &str = "github:annamark8";
const TOPIC: &str = "annamark-topic";
/// How many rows each person gets in each table: enough for pages to be split and joined again.
const ROUNDS: i64 = 40;

/// Tables whose rows only the service can make: they are sealed, or there is one for each person. With the columns that
/// can be given a marker afterwards.
const MADE_BY_SERVICE: [(&str, &[&str]); 6] = [
    ("standing", &["regime"]),
    ("subject_key", &[]),
    ("identifier", &["proof"]),
    ("claim", &["code", "expires_us"]),
    ("event", &[]),
    ("credential", &["password_hash"]),
];

/// Somebody whose rows are made here.
struct Person {
    caller: PersonCaller,
    /// In every text of theirs.
    stem: &'static str,
    blind: Vec<u8>,
    /// The lineages of the grants made here, one for each round.
    lineages: Vec<i64>,
    next: i64,
}

impl Person {
    fn subject(&self) -> Cell {
        Cell::Bytes(self.caller.subject.as_bytes().to_vec())
    }

    /// In every byte string of theirs.
    fn bytes_stem(&self) -> Vec<u8> {
        sha256(self.stem.as_bytes())[..12].to_vec()
    }

    fn marker(&mut self, kind: ColumnType) -> Cell {
        self.next += 1;
        match kind {
            ColumnType::Int => Cell::Int(self.next),
            ColumnType::Text => Cell::Text(format!("{}-{:x}", self.stem, self.next)),
            ColumnType::Bytes => {
                let fresh = sha256(format!("{}{}", self.stem, self.next).as_bytes());
                Cell::Bytes([self.bytes_stem().as_slice(), &fresh[..20]].concat())
            }
        }
    }
}

async fn person(world: &World, address: &str, stem: &'static str, first: i64) -> Person {
    let caller = member(world, address).await;
    let raw = Raw::of(world).await;
    let subject = [Cell::Bytes(caller.subject.as_bytes().to_vec())];
    let blinds = raw.rows("SELECT blind FROM identifier WHERE subject = $1", &subject, &[ColumnType::Bytes]).await;
    raw.close().await;
    let Cell::Bytes(blind) = blinds[0][0].clone() else { panic!("no blind index") };
    Person { caller, stem, blind, lineages: Vec::new(), next: first }
}

fn map() -> DataMap {
    DataMap::built_in().unwrap()
}

/// Everything that the service itself stores of a member.
async fn live(world: &World, anna: &Person) {
    let app = &world.app;
    let acme = recipient(world, "acme").await;
    grant(world, &anna.caller, &triple("attention_score", "github", "sayso")).await;
    grant(world, &anna.caller, &triple("public_profile", "github", "acme")).await;
    asked_about(world, &acme, ADDRESS).await;
    app.decide_topic(&anna.caller, &TOPIC.parse().unwrap(), true, None).await.unwrap();
    let proved = app.claim(&anna.caller, &handle(HANDLE), None).await.unwrap();
    app.prove_by_operator(&proved.id, None).await.unwrap();
    app.claim(&anna.caller, &handle(CLAIM), None).await.unwrap();
    app.send_login_code(&email(ADDRESS), sayso::words::Lang::English).await.unwrap();
    let again = Some(app.idempotency("anna", "hold", "key", b""));
    app.hold(&anna.caller, again.as_ref()).await.unwrap();
}

fn is_made_by_service(table: &Table) -> bool {
    MADE_BY_SERVICE.iter().any(|(name, _)| *name == table.name)
}

/// Tables that can hold somebody, grants first, as the foreign keys want them.
fn owned() -> Vec<Table> {
    map().table.into_iter().rev().filter(|table| !table.owners.is_empty() && table.erase != Erase::Keep).collect()
}

/// A row of `table` that `owner` says is theirs; where it names a second person it names `other`.
async fn plant(raw: &Raw, table: &Table, owner: &Owner, (mine, other): (&mut Person, &Person), round: usize) {
    let mut row: BTreeMap<&str, Cell> = BTreeMap::new();
    let lineage_of = |person: &Person| Cell::Int(person.lineages[round]);
    for (name, column) in &table.columns {
        let owns = table.owners.iter().find(|owner| owner.column == *name);
        let value = match (name.as_str(), owns) {
            (_, Some(this)) if this.column == owner.column => match owner.through {
                Some(_) => Cell::Bytes(mine.blind.clone()),
                None => mine.subject(),
            },
            (_, Some(_)) => other.subject(),
            ("lineage", None) if table.name == "live_grant" => {
                mine.next += 1;
                mine.lineages.push(mine.next);
                Cell::Int(mine.next)
            }
            ("lineage", None) => lineage_of(mine),
            (name, None) if name.ends_with("_lineage") => {
                let about_owner = name.trim_end_matches("_lineage") == owner.column;
                if about_owner { lineage_of(mine) } else { lineage_of(other) }
            }
            ("sealed", None) if table.name == "object" => continue, // the service alone can seal it; see `rotating`
            _ => mine.marker(column.kind),
        };
        row.insert(name, value);
    }
    let names: Vec<&str> = row.keys().copied().collect();
    let places: Vec<String> = (1..=names.len()).map(|place| format!("${place}")).collect();
    let sql = format!("INSERT INTO {} ({}) VALUES ({})", table.name, names.join(", "), places.join(", "));
    raw.run(&sql, &row.into_values().collect::<Vec<_>>()).await;
}

async fn plant_everywhere(world: &World, anna: &mut Person, ben: &mut Person) {
    let raw = Raw::of(world).await;
    for table in owned() {
        if let Some((name, free)) = MADE_BY_SERVICE.iter().find(|(name, _)| *name == table.name) {
            for column in *free {
                let sql = format!("UPDATE {name} SET {column} = $1 WHERE subject = $2");
                let touched = raw.run(&sql, &[anna.marker(table.columns[*column].kind), anna.subject()]).await;
                assert!(touched > 0, "the service made no row in {name}");
            }
            continue;
        }
        for round in 0..usize::try_from(ROUNDS).unwrap() {
            // Where a row has two owners, each of them is once the first.
            plant(&raw, &table, &table.owners[0], (anna, ben), round).await;
            plant(&raw, &table, &table.owners[0], (ben, anna), round).await;
        }
    }
    raw.close().await;
}

type Row = BTreeMap<String, Cell>;

/// The rows of a table that one of its owners says are theirs.
async fn rows_of(raw: &Raw, table: &Table, owner: &Owner, subject: &Subject) -> Vec<Row> {
    let names: Vec<String> = table.columns.keys().cloned().collect();
    let kinds: Vec<ColumnType> = table.columns.values().map(|column| column.kind).collect();
    let condition = match owner.through {
        Some(Through::Blind) => {
            format!("EXISTS (SELECT 1 FROM identifier o WHERE o.blind = t.{} AND o.subject = $1)", owner.column)
        }
        None => format!("t.{} = $1", owner.column),
    };
    let sql = format!("SELECT {} FROM {} t WHERE {condition}", names.join(", "), table.name);
    let rows = raw.rows(&sql, &[Cell::Bytes(subject.as_bytes().to_vec())], &kinds).await;
    rows.into_iter().map(|row| names.iter().cloned().zip(row).collect()).collect()
}

/// Whether a row of an export says what a row of the database holds.
fn tells(table: &Table, row: &Row, exported: &Value) -> bool {
    table.columns.iter().all(|(name, column)| {
        let value = exported.get(name);
        match (column.export, &row[name]) {
            (Export::Oneself | Export::No, _) => value.is_none(),
            (Export::Token, _) => value.and_then(Value::as_str).is_some_and(|text| text.starts_with("somebody-")),
            (Export::Open | Export::Plain, Cell::Nothing) => value == Some(&Value::Null),
            (Export::Open, _) => value.is_some_and(|value| !value.is_null()),
            (Export::Plain, Cell::Int(number)) => value == Some(&Value::from(*number)),
            (Export::Plain, Cell::Text(text)) => value == Some(&Value::from(text.as_str())),
            (Export::Plain, Cell::Bytes(bytes)) => value == Some(&Value::from(hex::encode(bytes))),
        }
    })
}

async fn the_export_is_complete(world: &World, anna: &Person, ben: &Person) {
    let export = read(world.app.export(&anna.caller, None).await.unwrap());
    let raw = Raw::of(world).await;
    for table in map().table {
        let exported = export["tables"][&table.name].as_array().map_or(&[][..], Vec::as_slice);
        let mut expected = 0;
        for owner in &table.owners {
            let rows = rows_of(&raw, &table, owner, &anna.caller.subject).await;
            assert!(!rows.is_empty() || table.erase == Erase::Keep, "{} has no row to look for", table.name);
            if owner.export {
                expected += rows.len();
                for row in &rows {
                    assert!(exported.iter().any(|exported| tells(&table, row, exported)), "{}: {row:?}", table.name);
                }
            }
        }
        assert_eq!(exported.len(), expected, "{}", table.name);
    }
    raw.close().await;
    let text = export.to_string();
    for clear in [ADDRESS, HANDLE, CLAIM, TOPIC] {
        assert!(text.contains(clear), "`{clear}` is sealed in the database and must be clear in the export");
    }
    assert!(!text.contains(ben.stem), "a text of somebody else was exported");
    assert!(!text.contains(&hex::encode(ben.bytes_stem())), "bytes of somebody else were exported");
    assert!(!text.contains(&ben.caller.subject.to_string()), "another person was named");
}

/// What must be found nowhere: the stems, the person, what the service sealed, what is clear.
async fn markers(world: &World, anna: &Person) -> Vec<Vec<u8>> {
    let mut markers: Vec<Vec<u8>> =
        [ADDRESS, HANDLE, CLAIM, TOPIC, anna.stem].map(|text| text.as_bytes().to_vec()).into();
    markers.extend([anna.bytes_stem(), anna.blind.clone(), anna.caller.subject.as_bytes().to_vec()]);
    let raw = Raw::of(world).await;
    for table in owned().iter().filter(|table| is_made_by_service(table)) {
        for row in rows_of(&raw, table, &table.owners[0], &anna.caller.subject).await {
            let stays = |name: &str| table.erase == Erase::Unlink && !table.columns[name].unlink;
            let bytes = row.into_iter().filter_map(|(name, cell)| match cell {
                Cell::Bytes(bytes) if !stays(&name) => Some(bytes),
                _ => None,
            });
            markers.extend(bytes);
        }
    }
    raw.close().await;
    markers.sort();
    markers.dedup();
    assert!(markers.iter().all(|marker| marker.len() >= 8));
    markers
}

async fn nothing_is_left(world: &World, anna: &Person, markers: &[Vec<u8>]) {
    let raw = Raw::of(world).await;
    for table in map().table {
        for owner in &table.owners {
            let rows = rows_of(&raw, &table, owner, &anna.caller.subject).await;
            assert!(rows.is_empty(), "{} still has {} rows", table.name, rows.len());
        }
    }
    raw.close().await;
    let forms: Vec<Vec<u8>> = markers.iter().flat_map(|marker| forms(marker)).collect();
    for (table, row) in everything(world).await {
        for (column, cell) in row {
            let bytes = match cell {
                Cell::Text(text) => text.into_bytes(),
                Cell::Bytes(bytes) => bytes,
                Cell::Int(number) => {
                    let is_hers = (anna.next - 100_000..=anna.next).contains(&number);
                    assert!(!is_hers, "{table}.{column} holds {number}");
                    continue;
                }
                Cell::Nothing => continue,
            };
            let found = forms.iter().find(|form| holds(&bytes, form));
            assert!(found.is_none(), "{table}.{column} holds {:?}", found.map(|form| String::from_utf8_lossy(form)));
        }
    }
    if world.db == Db::Sqlite {
        in_no_file(world, &forms);
    }
}

fn in_no_file(world: &World, forms: &[Vec<u8>]) {
    let files = files(world.path());
    assert!(files.iter().any(|(name, bytes)| name.ends_with("sayso.db") && bytes.len() > 100_000), "no database file");
    let mut found = Vec::new();
    for (name, bytes) in files {
        let held = forms.iter().filter(|form| holds(&bytes, form));
        found.extend(held.map(|form| format!("{name} holds {:?}", String::from_utf8_lossy(form))));
    }
    assert!(found.is_empty(), "{found:#?}");
}

on_both!(the_export_holds_every_marker_and_the_erasure_leaves_none, |world| {
    let mut anna = person(&world, ADDRESS, "annamark", 7_000_000_000).await;
    let mut ben = person(&world, "ben@example.org", "benmark", 8_000_000_000).await;
    live(&world, &anna).await;
    plant_everywhere(&world, &mut anna, &mut ben).await;

    the_export_is_complete(&world, &anna, &ben).await;
    let markers = markers(&world, &anna).await;
    let started = world.app.erase(&anna.caller, None).await.unwrap();
    world.app.run_erasures().await.unwrap();

    let view = world.app.erasure(&started.reference).await.unwrap();
    assert_eq!((view.step, view.finished_us.is_some()), ("done", true));
    for table in owned().into_iter().filter(|table| table.name != "session") {
        // Log-ins had ended with the first step already.
        assert!(view.removed[&table.name] > 0, "nothing was removed from {}", table.name);
    }
    nothing_is_left(&world, &anna, &markers).await;

    // Ben keeps what is his alone.
    let raw = Raw::of(&world).await;
    let grants = "SELECT count(*) FROM live_grant WHERE subject = $1";
    assert_eq!(raw.number(grants, &[ben.subject()]).await, ROUNDS);
    assert_eq!(raw.number("SELECT count(*) FROM edge", &[]).await, 0);
    raw.close().await;
    assert_eq!(world.app.identifiers(&ben.caller).await.unwrap()[0].identifier, "ben@example.org");
});

// Nothing is planted where nobody looks: whatever the live schema has is in the map, and each table with an owner is either
// made here or by the service.
on_both!(every_table_of_the_live_schema_is_either_planted_or_about_nobody, |world| {
    let tables: std::collections::BTreeSet<String> =
        world.app.store.columns().await.unwrap().into_iter().map(|column| column.table).collect();
    let mapped: std::collections::BTreeSet<String> = map().table.into_iter().map(|table| table.name).collect();
    assert_eq!(tables, mapped);
    for (name, free) in MADE_BY_SERVICE {
        let table = owned().into_iter().find(|table| table.name == name).expect(name);
        assert!(free.iter().all(|column| table.columns.contains_key(*column)));
    }
    let kept: Vec<String> = map()
        .table
        .into_iter()
        .filter(|table| !table.owners.is_empty() && table.erase == Erase::Keep)
        .map(|table| table.name)
        .collect();
    let by_themselves = ["erasure_job", "store_erasure"];
    assert_eq!(kept, by_themselves, "a table that keeps its owner must let go of them itself, as these do");
});
