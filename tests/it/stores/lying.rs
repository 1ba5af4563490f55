//! Declarations that lie, or are hostile: a clear answer before anything of a person is touched, and nothing of the proof stays.

use sayso::clock::Clock;
use sayso::config::Config;
use sayso::policy::ScoreStores;
use sayso::secret::Entropy;
use sayso::service::{App, BootError};
use sayso::store::Access;
use tempfile::TempDir;

use super::outside::{Outside, engine};
use crate::world::{Db, NOON, World};

/// Why a service with this declaration does not start.
async fn refusal(declaration: &str) -> String {
    let data = TempDir::new().unwrap();
    let path = data.path().join("stores.toml");
    std::fs::write(&path, declaration).unwrap();
    let config = Config { data: data.path().join("data"), score_stores: path, ..Config::default() };
    match App::open(config, Clock::fixed(NOON), Entropy::seeded(7), Access::Serve).await {
        Err(BootError::ScoreStores(error)) => error.to_string(),
        other => panic!("it started or failed otherwise: {other:?}\n{declaration}"),
    }
}

async fn total(outside: &Outside, table: &str) -> i64 {
    outside.number(&format!("SELECT count(*) FROM {table}")).await
}

/// What a trigger does after each deletion in a table.
async fn after_deleting(outside: &Outside, table: &str, act: &str) {
    if outside.kind == Db::Sqlite {
        outside.run(&format!("CREATE TRIGGER resist AFTER DELETE ON {table} BEGIN {act}; END")).await;
        return;
    }
    let function = "CREATE FUNCTION resist() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN";
    outside.run(&format!("{function} {act}; RETURN OLD; END $$")).await;
    let trigger = format!("CREATE TRIGGER resist AFTER DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION resist()");
    outside.run(&trigger).await;
}

pub(super) async fn write_again(outside: &Outside) {
    after_deleting(outside, "people", "INSERT INTO people VALUES (OLD.person, OLD.seal)").await;
}

pub(super) async fn give_way(outside: &Outside, table: &str) {
    match outside.kind {
        Db::Sqlite => outside.run("DROP TRIGGER resist").await,
        Db::Postgres => outside.run(&format!("DROP TRIGGER resist ON {table}; DROP FUNCTION resist")).await,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_declaration_that_names_what_is_not_there_is_refused_by_name() {
    for kind in [Db::Sqlite, Db::Postgres] {
        let outside = Outside::with_tables(kind).await;
        outside.run("CREATE VIEW shown AS SELECT person FROM people").await;
        let declared = engine("engine", &outside);
        for (from, to, named) in [
            ("name = \"scores\"", "name = \"score\"", "table `score` is not in the database"),
            (
                "name = \"people\"\nid = \"person\"",
                "name = \"people\"\nid = \"persona\"",
                "table `people` has no column `persona`",
            ),
            ("model = \"says", "modell = \"says", "table `scores` has no column `modell`"),
            ("value = 1", "valeur = 1", "table `scores` has no column `valeur`"),
            ("name = \"people\"", "name = \"shown\"", "table `shown` is no table"),
            ("topic = \"it's\", ", "", "table `scores` does not take the row that proves it"),
            (
                "recipient",
                "not_by_person = [\"shift.person\"]\nrecipient",
                "`shift.person`, which is not in the database",
            ),
        ] {
            let why = refusal(&declared.replacen(from, to, 1)).await;
            assert!(why.contains(named) && why.contains("score store `engine`"), "{kind:?}: {why}");
            assert_eq!((total(&outside, "scores").await, total(&outside, "people").await), (0, 0), "{why}");
        }
        drop(super::world(Db::Sqlite, &declared).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_was_forgotten_is_refused_by_name_until_it_is_declared_or_excepted() {
    for kind in [Db::Sqlite, Db::Postgres] {
        let outside = Outside::with_tables(kind).await;
        let history = if kind == Db::Sqlite { "history" } else { "old.history" };
        if kind == Db::Postgres {
            outside.run("CREATE SCHEMA old").await;
        }
        outside.run(&format!("CREATE TABLE {history} (Person TEXT)")).await;
        let declared = engine("engine", &outside);
        let why = refusal(&declared).await;
        assert!(why.to_lowercase().contains(&format!("`{history}.person`")), "{why}");
        let column = if kind == Db::Sqlite { "Person" } else { "person" };
        let too = format!("[[store.table]]\nname = \"{history}\"\nid = \"{column}\"\n");
        drop(super::world(Db::Sqlite, &(declared.clone() + &too)).await);
        let excepted = format!("not_by_person = [\"{history}.{column}\"]\nrecipient");
        drop(super::world(Db::Sqlite, &declared.replacen("recipient", &excepted, 1)).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_deletes_nothing_is_refused() {
    for kind in [Db::Sqlite, Db::Postgres] {
        let outside = Outside::with_tables(kind).await;
        outside
            .run(match kind {
                Db::Sqlite => "CREATE TRIGGER keep BEFORE DELETE ON scores BEGIN SELECT RAISE(IGNORE); END",
                Db::Postgres => "CREATE RULE keep AS ON DELETE TO scores DO INSTEAD NOTHING",
            })
            .await;
        let why = refusal(&engine("engine", &outside)).await;
        assert!(why.contains("`scores`") || why.contains("`people`"), "{kind:?}: {why}");
        assert!(why.contains("what may be left of the proof"), "{why}");
        // What the proof left there the next one takes away, once that is possible.
        let of = if kind == Db::Sqlite { "TRIGGER keep" } else { "RULE keep ON scores" };
        outside.run(&format!("DROP {of}")).await;
        drop(super::world(Db::Sqlite, &engine("engine", &outside)).await);
        assert_eq!((total(&outside, "scores").await, total(&outside, "people").await), (0, 0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trigger_that_copies_rows_elsewhere_is_noticed_and_nothing_is_deleted_there() {
    for kind in [Db::Sqlite, Db::Postgres] {
        let outside = Outside::with_tables(kind).await;
        outside.run("CREATE TABLE journal (what TEXT, who TEXT)").await;
        after_deleting(&outside, "scores", "INSERT INTO journal VALUES ('deleted', OLD.person)").await;
        let why = refusal(&engine("engine", &outside)).await;
        assert!(why.contains("`journal.who`"), "{kind:?}: {why}");
        assert_eq!(total(&outside, "journal").await, 1, "a row outside of the declared tables was deleted: {why}");
        // In the middle of other words it is named, and left to whoever knows what else that row says.
        outside.run("DROP TABLE journal").await;
        outside.run("CREATE TABLE journal (what TEXT, who TEXT)").await;
        give_way(&outside, "scores").await;
        after_deleting(&outside, "scores", "INSERT INTO journal VALUES ('gone: ' || OLD.person || '!', NULL)").await;
        let why = refusal(&engine("engine", &outside)).await;
        assert!(why.contains("`journal.what`") && why.contains("still there"), "{kind:?}: {why}");
        assert_eq!(total(&outside, "journal").await, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_table_hides_from_the_service_is_not_taken_for_gone() {
    let outside = Outside::with_tables(Db::Postgres).await;
    outside.run("ALTER TABLE scores ENABLE ROW LEVEL SECURITY").await;
    outside.run("CREATE POLICY mine ON scores USING (value < 5)").await;
    let role = format!("sayso_guest_{}", std::process::id());
    outside.run(&format!("CREATE ROLE {role} LOGIN; GRANT ALL ON scores, people TO {role}")).await;
    let guest = engine("engine", &outside).replace("postgres://postgres@", &format!("postgres://{role}@"));
    let why = refusal(&guest).await;
    assert!(why.contains("`scores`") && why.contains("42501"), "{why}");
    outside.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_is_no_score_store_of_itself() {
    let world = World::new(Db::Sqlite).await;
    let file = sayso::store::Store::sqlite_file(world.path());
    let path = world.path().join("stores.toml");
    let text = format!(
        "[[store]]\nname = \"x\"\nrecipient = \"acme\"\nurl = \"sqlite://{}\"\n[[store.table]]\nname = \"pairwise\"\nid = \"pairwise\"\n",
        file.display()
    );
    std::fs::write(&path, text).unwrap();
    let config = Config { data: world.path().into(), score_stores: path, ..Config::default() };
    let answer = App::open(config, Clock::fixed(NOON), Entropy::seeded(7), Access::Inspect).await;
    assert!(answer.unwrap_err().to_string().contains("the service's own database"));
}

const GOOD: &str = "[[store]]\nname = \"engine\"\nrecipient = \"acme\"\nurl = \"sqlite:///a.db\"\n[[store.table]]\nname = \"scores\"\nid = \"person\"\n";

#[test]
fn the_example_is_a_declaration() {
    let stores = ScoreStores::parse(include_str!("../../../policies/score-stores.example.toml")).unwrap().store;
    assert_eq!(stores.iter().map(|store| store.table.len()).collect::<Vec<_>>(), [2, 1]);
    assert!(!format!("{stores:?}").contains("sqlite://"), "a URL may hold a password and is never printed");
}

#[test]
fn hostile_names_are_refused() {
    assert!(ScoreStores::parse(GOOD).is_ok());
    assert!(ScoreStores::parse("").unwrap().store.is_empty());
    for bad in [
        "scores\\\"; DROP TABLE people; --",
        "",
        "a.b",
        "a b",
        "1a",
        "a\\u0000",
        "\u{e9}",
        "scores\\n",
        &"x".repeat(64),
    ] {
        for field in ["name = \"scores\"", "id = \"person\""] {
            let (key, _) = field.split_once(" = ").unwrap();
            let error =
                ScoreStores::parse(&GOOD.replace(field, &format!("{key} = \"{bad}\""))).unwrap_err().to_string();
            assert!(error.contains("store `engine`: table") && !error.contains('\n'), "{error}");
        }
    }
    for (from, to) in [
        ("name = \"engine\"", "name = \"En gine\""),
        ("name = \"engine\"", "name = \"\""),
        ("acme", "Ac me"),
        ("sqlite:///a.db", "sqlite://a.db"),
        ("sqlite:///a.db", "sqlite:///a.db?mode=memory"),
        ("sqlite:///a.db", "mysql://x"),
        ("sqlite:///a.db", ""),
        ("id = \"person\"\n", ""),
        ("id = \"person\"", "id = \"person\"\nid_form = \"base64\""),
        ("id = \"person\"", "id = \"person\"\ncanary = { person = \"x\" }"),
        ("id = \"person\"", "id = \"person\"\ncanary = { a = nan }"),
        ("id = \"person\"", "id = \"person\"\ncanary = { a = \"\\u0000\" }"),
        ("id = \"person\"", "id = \"person\"\nleft_out = { \"a\\\"b\" = \"x\" }"),
        ("id = \"person\"", "id = \"person\"\nremark = 1"),
        ("[[store.table]]", "not_by_person = [\"person\"]\n[[store.table]]"),
        ("[[store.table]]", "not_by_person = [\"a.b;c\"]\n[[store.table]]"),
    ] {
        let text = GOOD.replace(from, to);
        let error = ScoreStores::parse(&text).expect_err(&text).to_string();
        assert!(error.starts_with("score stores: "), "{error}");
    }
    assert!(ScoreStores::parse(&format!("{GOOD}{GOOD}")).unwrap_err().to_string().contains("declared twice"));
    let twice = format!("{GOOD}[[store.table]]\nname = \"SCORES\"\nid = \"x\"\n");
    assert!(ScoreStores::parse(&twice).unwrap_err().to_string().contains("declared twice"));
}

/// What `sayso stores check` says of the only store.
async fn checked(world: &World) -> (&'static str, String) {
    let check = world.app.check_stores().await.unwrap().remove(0);
    (check.state, check.why.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recipient_that_is_not_registered_is_refused_by_name() {
    let outside = Outside::with_tables(Db::Sqlite).await;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("stores.toml");
    std::fs::write(&path, engine("engine", &outside).replace("\"acme\"", "\"acmee\"")).unwrap();
    let world = World::with(Db::Sqlite, |config| config.score_stores = path).await;
    assert_eq!(checked(&world).await.0, "proved", "before the first recipient there is nothing to compare with");
    super::shown(&world).await;
    let (state, why) = checked(&world).await;
    assert!(state == "false" && why.contains("the recipient `acmee` is not registered"), "{why}");
    let World { app, data, .. } = world;
    let config = app.config.clone();
    drop(app);
    let again = App::open(config, Clock::fixed(NOON), Entropy::seeded(8), Access::Serve).await;
    assert!(matches!(&again, Err(BootError::ScoreStores(error)) if error.to_string().contains("`acmee`")), "{again:?}");
    drop(data);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_whose_ids_all_have_another_form_is_refused() {
    for kind in [Db::Sqlite, Db::Postgres] {
        let outside = Outside::with_tables(kind).await;
        let world = super::world(Db::Sqlite, &engine("engine", &outside)).await;
        let (_, id) = super::shown(&world).await;
        outside.score(&id.to_uppercase(), "trains", 1).await;
        let (state, why) = checked(&world).await;
        assert!(state == "false" && why.contains("holds no id in its column `person` that is 32"), "{kind:?}: {why}");
        assert_eq!(outside.rows_of(&id.to_uppercase()).await, 2);
        outside.score(&id, "trains", 1).await;
        assert_eq!(checked(&world).await.0, "proved", "others may be there beside them");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_is_none_is_refused_and_is_not_taken_for_a_store_that_is_down() {
    let outside = Outside::with_tables(Db::Sqlite).await;
    let why = refusal(&engine("engine", &outside).replace(&outside.url, "postgres://u:secret@host:no/x")).await;
    assert!(why.contains("`url` is not one") && !why.contains("secret"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_may_be_named_and_a_broken_view_is_nobodys_business() {
    let postgres = Outside::with_tables(Db::Postgres).await;
    postgres.run("CREATE TABLE shift (person TEXT)").await;
    let named = engine("engine", &postgres).replace("name = \"scores\"", "name = \"public.scores\"");
    let named = named.replacen("recipient", "not_by_person = [\"public.shift.person\"]\nrecipient", 1);
    drop(super::world(Db::Sqlite, &named).await);
    let sqlite = Outside::with_tables(Db::Sqlite).await;
    sqlite.run("CREATE VIEW broken AS SELECT x FROM gone").await;
    drop(super::world(Db::Sqlite, &engine("engine", &sqlite)).await);
}
