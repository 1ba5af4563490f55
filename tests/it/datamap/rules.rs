//! What a map must say of its tables and columns to be one.

use std::collections::BTreeSet;

use sayso::datamap::{Class, ColumnType, DataMap, Erase, Export, Table, Through};

fn map() -> DataMap {
    DataMap::built_in().unwrap()
}

fn owner_columns(table: &Table) -> BTreeSet<&str> {
    table.owners.iter().map(|owner| owner.column.as_str()).collect()
}

const MINIMAL: &str = r#"
[[table]]
name = "t"
owners = [{ column = "subject", export = true }]
erase = "delete"
kept = "a day"
[table.columns]
subject = { class = "pseudonym", type = "bytes", export = "self" }
text = { class = "content", type = "text", export = "plain" }
"#;

fn with(from: &str, to: &str) -> Result<DataMap, String> {
    assert!(MINIMAL.contains(from));
    DataMap::parse(&MINIMAL.replace(from, to)).map_err(|e| e.to_string())
}

#[test]
fn a_map_says_everything_or_is_refused() {
    assert!(DataMap::parse(MINIMAL).is_ok());
    for (from, to) in [
        ("erase = \"delete\"", "erase = \"keep\""),
        ("erase = \"delete\"", "erase = \"unlink\""),
        ("erase = \"delete\"", "erase = \"forget\""),
        ("erase = \"delete\"", ""),
        ("export = true }", "export = false }"),
        ("column = \"subject\", export", "column = \"owner\", export"),
        ("column = \"subject\", export", "column = \"subject\", through = \"claim.code\", export"),
        ("type = \"text\", export = \"plain\" }", "type = \"text\", export = \"no\" }"),
        ("type = \"text\", export = \"plain\" }", "type = \"text\", export = \"plain\", unlink = true }"),
        ("type = \"text\", export = \"plain\" }", "type = \"text\" }"),
        ("type = \"text\"", "type = \"real\""),
        ("class = \"content\"", "class = \"harmless\""),
        ("kept = \"a day\"", "kept = \"a day\"\nsize = 1"),
    ] {
        let error = with(from, to).expect_err(to);
        assert!(error.starts_with("policies/datamap.toml: "), "{error}");
    }
}

#[test]
fn every_table_stands_once_and_every_owner_can_be_followed() {
    let map = map();
    let names: BTreeSet<&str> = map.table.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names.len(), map.table.len());
    for table in &map.table {
        for owner in &table.owners {
            let Some(Through::Blind) = owner.through else {
                assert_eq!(table.columns[&owner.column].class, Class::Pseudonym, "{}", table.name);
                continue;
            };
            assert_eq!(table.columns[&owner.column].class, Class::Commitment, "{}", table.name);
            let place = |name: &str| map.table.iter().position(|table| table.name == name).unwrap();
            assert!(
                place(&table.name) < place("identifier"),
                "{} must be cleared while identifiers still say whose it is",
                table.name
            );
        }
    }
}

/// A column that holds a person is an owner, another person of the same row, or has a reason.
#[test]
fn whatever_names_a_person_makes_the_row_theirs() {
    for table in &map().table {
        for (name, column) in &table.columns {
            let names_somebody = ["subject", "actor", "target", "owner"].contains(&name.as_str());
            if names_somebody {
                assert!(owner_columns(table).contains(name.as_str()), "{}.{name}", table.name);
                assert_eq!((column.class, column.kind), (Class::Pseudonym, ColumnType::Bytes), "{}.{name}", table.name);
            }
            if matches!(column.export, Export::Oneself | Export::Token) {
                assert!(owner_columns(table).contains(name.as_str()), "{}.{name} is nobody", table.name);
            }
        }
    }
}

/// What is about nobody holds nothing about anybody.
#[test]
fn a_table_without_owners_holds_no_content_and_no_person() {
    for table in map().table.iter().filter(|table| table.owners.is_empty()) {
        for (name, column) in &table.columns {
            let of_nobody = matches!(column.class, Class::Operational | Class::Commitment | Class::Key);
            assert!(of_nobody, "{}.{name} is {:?}", table.name, column.class);
        }
        assert_eq!(table.erase, Erase::Keep, "{}", table.name);
    }
}

#[test]
fn each_class_is_exported_as_it_must_be() {
    for table in &map().table {
        for (name, column) in &table.columns {
            let place = format!("{}.{name}", table.name);
            match column.class {
                // In clear or, when the person has it anyway, not at all; never as sealed bytes.
                Class::Identifier => {
                    assert!(matches!(column.export, Export::Open | Export::No), "{place}");
                    assert_eq!(column.kind, ColumnType::Bytes, "{place} would lie in clear");
                }
                Class::Key => assert!(column.export == Export::No || place == "claim.code", "{place}"),
                Class::Content | Class::Pseudonym | Class::Commitment | Class::Operational => {}
            }
            if column.export == Export::Open {
                assert!(
                    ["identifier.sealed", "claim.sealed", "object.sealed", "event.body"].contains(&place.as_str()),
                    "{place}"
                );
            }
            if column.export == Export::No {
                assert!(column.why.as_ref().is_some_and(|why| why.len() > 4), "{place} is left out without a reason");
            }
        }
    }
}

/// Whatever an erasure keeps of a person's row says nothing of them.
#[test]
fn what_stays_after_an_unlinking_is_the_leaf_alone() {
    for table in map().table.iter().filter(|table| table.erase == Erase::Unlink) {
        let stays: Vec<&str> =
            table.columns.iter().filter(|(_, column)| !column.unlink).map(|(name, _)| name.as_str()).collect();
        assert_eq!((table.name.as_str(), stays), ("event", vec!["commitment", "day", "kind", "seq"]));
        assert!(table.owners.iter().all(|owner| table.columns[&owner.column].unlink));
    }
}

#[test]
fn each_owner_of_each_table_is_removed_counted_and_exported_or_told_why_not() {
    let map = map();
    let (removals, counts, exports) = (map.removals(), map.counts().len() + map.counts_by_blind().len(), map.exports());
    let owners = |keep: fn(&Table) -> bool| -> usize {
        map.table.iter().filter(|table| keep(table)).map(|table| table.owners.len()).sum()
    };
    assert_eq!(removals.len(), owners(|table| table.erase != Erase::Keep));
    assert_eq!(counts, removals.len());
    let exported = map.table.iter().flat_map(|table| &table.owners).filter(|owner| owner.export).count();
    assert_eq!(exports.len(), exported);
    let order: Vec<&str> = removals.iter().map(|removal| removal.table.as_str()).collect();
    let place = |name: &str| order.iter().position(|table| *table == name).unwrap();
    assert!(place("edge") < place("live_grant") && place("live_grant") < place("standing"));
    assert_eq!(order.last(), Some(&"standing"));
}
