//! The store on both databases: every statement, one schema, one order of all events, and what happens when things go wrong.

mod conformance;
mod failures;
mod parity;
mod sharing;
mod transactions;

use sayso::datamap::DataMap;
use sayso::store::{Store, statements};
use sqlx::{AssertSqlSafe, Either, Executor, SqlSafeStr, Statement};

use crate::world::{Db, World};

/// How many parameters a database sees in a text.
async fn parameters(store: &Store, sql: &str) -> usize {
    let text = AssertSqlSafe(sql.to_owned()).into_sql_str();
    let prepared = match store {
        Store::Sqlite { reader, .. } => reader.prepare(text).await.map(|found| count(found.parameters())),
        Store::Postgres { pool, .. } => pool.prepare(text).await.map(|found| count(found.parameters())),
    };
    prepared.unwrap_or_else(|e| panic!("`{sql}`: {e}"))
}

fn count<T>(parameters: Option<Either<&[T], usize>>) -> usize {
    match parameters {
        Some(Either::Left(types)) => types.len(),
        Some(Either::Right(number)) => number,
        None => panic!("a database that does not count parameters"),
    }
}

/// The highest `$n` of a text, when all below it are there too.
fn written(sql: &str) -> usize {
    let places = sql.split('$').skip(1).map(|rest| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<usize>().unwrap()
    });
    let places: std::collections::BTreeSet<usize> = places.collect();
    assert!(places.iter().copied().eq(1..=places.len()), "`{sql}` leaves out a parameter");
    places.len()
}

/// SQLite takes a missing bind for NULL in silence, so the counts are compared.
#[tokio::test]
async fn every_statement_is_prepared_on_both_databases_with_the_parameters_it_declares() {
    let (sqlite, postgres) = (World::new(Db::Sqlite).await, World::new(Db::Postgres).await);
    let map = DataMap::built_in().unwrap();
    let declared = statements().into_iter().map(|(name, sql, number)| (name.to_owned(), sql.to_owned(), number));
    let planned = map.removals().into_iter().map(|one| (format!("removal of {}", one.table), one.sql, 1));
    let counted = map.counts().into_iter().map(|one| (format!("count of {}", one.table), one.sql, 1));
    let exported = map.exports().into_iter().map(|one| (format!("export of {}", one.table), one.sql, 1));
    let all: Vec<_> = declared.chain(planned).chain(counted).chain(exported).collect();
    assert!(all.len() > 100, "only {} statements", all.len());
    for (name, sql, number) in all {
        assert_eq!(written(&sql), number, "{name} is written with another number of parameters than it declares");
        for world in [&sqlite, &postgres] {
            assert_eq!(parameters(&world.app.store, &sql).await, number, "{name} on {:?}", world.db);
        }
    }
}

/// A file whose statements are not listed would not be prepared.
#[test]
fn every_file_that_declares_statements_is_listed() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/store");
    let mut declared = 0;
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    for path in paths.filter(|path| path.is_file()) {
        let text = std::fs::read_to_string(path).unwrap();
        if text.contains("\nsql! {") {
            let block = text.split_once("\nsql! {").unwrap().1.split_once("\n}").unwrap().0;
            declared += block.lines().filter(|line| line.contains(") = ")).count();
        }
    }
    assert_eq!(declared, statements().len());
    let names: std::collections::BTreeSet<_> = statements().into_iter().map(|(name, _, _)| name).collect();
    assert_eq!(names.len(), declared, "two statements of one name");
}
