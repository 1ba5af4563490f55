//! Keys change: everybody goes on, and an old copy of the database holds nothing of the erased that anybody can read.

use proptest::prelude::*;
use sayso::clock::Clock;
use sayso::config::Config;
use sayso::crypto::{Blind, Due, Epoch, Epochs, KeyRing, SubjectKey};
use sayso::datamap::ColumnType;
use sayso::domain::{Micros, Whom};
use sayso::ids::Subject;
use sayso::secret::Entropy;
use sayso::service::{Answer, App, Asked, What};
use sayso::store::{Access, Cell};

use crate::on_both;
use crate::people::{
    Member, actor, address, ask, code_for, dump, handle, join, kinds_after, letters, log_size, scored_member, secret,
    verify,
};
use crate::raw::Raw;
use crate::world::{Db, NOON, World, read};

const DAY_SECONDS: i64 = 86_400;

/// Time passes, and the worker looks as often as it does.
async fn days_pass(world: &World, days: i64) {
    for _ in 0..days * 4 {
        world.pass_seconds(DAY_SECONDS / 4);
        world.app.keep_keys().await.unwrap();
    }
}

/// What an old copy of the database holds of everybody: subject, wrapped key; blind indexes.
struct Copy {
    keys: Vec<(Subject, Vec<u8>)>,
    blinds: Vec<Vec<u8>>,
}

async fn copy(world: &World) -> Copy {
    let raw = Raw::of(world).await;
    let bytes = |cell: &Cell| match cell {
        Cell::Bytes(bytes) => bytes.clone(),
        _ => panic!("no bytes"),
    };
    let two = [ColumnType::Bytes, ColumnType::Bytes];
    let keys = raw.rows("SELECT subject, wrapped FROM subject_key", &[], &two).await;
    let blinds = raw.rows("SELECT blind FROM identifier", &[], &two[..1]).await;
    raw.close().await;
    let key = |row: &Vec<Cell>| (Subject::try_from(bytes(&row[0])).unwrap(), bytes(&row[1]));
    Copy { keys: keys.iter().map(key).collect(), blinds: blinds.iter().map(|row| bytes(&row[0])).collect() }
}

/// How many keys and how many of these addresses somebody finds in a copy who has the ring as it is now.
fn readable(world: &World, copy: &Copy, addresses: &[&str]) -> (usize, usize) {
    let (_, epochs) = KeyRing::load(world.path()).unwrap();
    let opens = |(subject, wrapped): &&(Subject, Vec<u8>)| {
        epochs.all().any(|epoch| SubjectKey::unwrap(&epoch.wrapping, subject, wrapped).is_ok())
    };
    let found = |address: &&&str| {
        let blind = |epoch: &Epoch| Blind(&epoch.pepper).identifier("email", address);
        epochs.all().any(|epoch| copy.blinds.contains(&blind(epoch).to_vec()))
    };
    (copy.keys.iter().filter(opens).count(), addresses.iter().filter(found).count())
}

on_both!(nothing_of_the_erased_can_be_read_in_an_old_copy_after_the_day_that_the_certificate_names, |world| {
    let (ann, _ben) = (join(&world, "ann@example.org").await, join(&world, "ben@example.org").await);
    world.app.keep_keys().await.unwrap();
    days_pass(&world, 3).await;
    let old = copy(&world).await;
    let both = ["ann@example.org", "ben@example.org"];
    assert_eq!(readable(&world, &old, &both), (2, 2));
    let started = world.app.erase(&ann.caller, None).await.unwrap();
    world.app.run_erasures().await.unwrap();
    let view = world.app.erasure(&started.reference).await.unwrap();
    let unreadable_after = view.unreadable_after_us.unwrap();
    while world.app.clock.now().plus_seconds(DAY_SECONDS) < unreadable_after {
        days_pass(&world, 1).await;
        assert_eq!(readable(&world, &old, &both), (2, 2), "a copy can be read for at least a period");
    }
    world.app.clock.not_before(unreadable_after);
    world.app.keep_keys().await.unwrap();
    assert_eq!(readable(&world, &old, &both), (0, 0));
    assert_eq!(readable(&world, &copy(&world).await, &both), (1, 1), "Ben goes on");
    let key = hex::encode(old.keys[0].1.as_slice());
    assert!(!format!("{:?}", dump(&world).await).to_lowercase().contains(&key), "an old wrapped key is still there");
});

on_both!(everybody_goes_on_through_many_changes_of_keys, |world| {
    let (ann, ben) = (scored_member(&world, "ann").await, scored_member(&world, "ben").await);
    let post = post(&world, "ann", "https://social.example/posts/1").await;
    assert_eq!(post, 1);
    days_pass(&world, 40).await;
    let destroyed = ask(&world, "SELECT CAST(count(*) AS TEXT) FROM event WHERE kind = 'keys_destroyed'").await;
    assert!(destroyed[0].parse::<i64>().unwrap() >= 4, "{destroyed:?}");
    assert_eq!(like(&world, "ben", "https://social.example/posts/1").await, 1, "a post of before is found");
    assert_eq!(self::post(&world, "ann", "https://social.example/posts/1").await, 0, "and is not taken twice");
    let text = read(world.app.export(&ann.caller, None).await.unwrap()).to_string();
    for own in ["ann@example.org", "https://social.example/posts/1", &actor("ann")] {
        assert!(text.contains(own), "{own}");
    }
    logs_in(&world, &ben).await;
    assert_eq!(gate_knows(&world, &ann).await, [true, true, false]);
    world.app.opt_out(&ann.email, Whom::Oneself, None).await.unwrap();
    assert!(world.app.consents(&ann.caller).await.unwrap().suppressed, "an opt-out no longer found her");
    assert_eq!(world.app.verify_log(&[], |_| ()).await.unwrap().findings, []);
    assert_eq!(join(&world, "ann@example.org").await.caller.subject, ann.caller.subject);
});

async fn logs_in(world: &World, member: &Member) {
    letters(world);
    world.app.send_login_code(&member.email, sayso::words::Lang::English).await.unwrap();
    let code = code_for(world, &member.email);
    verify(world, &member.email, &code).await.unwrap();
}

/// Whether the gate counts these as members: Ann by address, by handle, and a stranger.
async fn gate_knows(world: &World, ann: &Member) -> [bool; 3] {
    let desk = crate::people::recipient(world, "desk", &["public_profile"], &["activitypub"]).await;
    let mut known = [false; 3];
    let handle = handle(&format!("activitypub:{}", actor("ann")));
    for (known, id) in known.iter_mut().zip([ann.email.clone(), handle, address("nobody@example.org")]) {
        let question = sayso::service::GateQuestion {
            action: sayso::service::Action::Disclose,
            purpose: "public_profile".parse().unwrap(),
            source: "activitypub".parse().unwrap(),
            ids: vec![Asked::Identifier(id)],
        };
        let before = world.app.decisions(&ann.caller).await.unwrap().iter().map(|tally| tally.times).sum::<i64>();
        world.app.filter(&desk, &question).await.unwrap();
        world.app.flush_decisions().await.unwrap();
        *known = world.app.decisions(&ann.caller).await.unwrap().iter().map(|tally| tally.times).sum::<i64>() > before;
    }
    known
}

async fn ingest(world: &World, document: serde_json::Value) -> u64 {
    let source = crate::people::source("activitypub");
    let line = document.to_string();
    let items = sayso::ingest::Items::new(line.as_bytes(), sayso::ingest::Format::Ndjson, &source, world.app.topics());
    let items = items.map(Result::unwrap).collect();
    world.app.ingest(&source, items).await.unwrap().accepted
}

async fn post(world: &World, who: &str, id: &str) -> u64 {
    let public = "https://www.w3.org/ns/activitystreams#Public";
    let note = serde_json::json!({ "type": "Note", "id": id, "to": public, "attributedTo": actor(who) });
    let create = serde_json::json!({ "type": "Create", "id": format!("{id}/create"), "actor": actor(who), "to": public, "object": note });
    ingest(world, create).await
}

async fn like(world: &World, who: &str, id: &str) -> u64 {
    let public = "https://www.w3.org/ns/activitystreams#Public";
    let like = serde_json::json!({ "type": "Like", "id": format!("{id}/like"), "actor": actor(who), "to": public, "object": id });
    ingest(world, like).await
}

on_both!(a_code_counts_whenever_the_keys_change_and_leads_to_its_owner, |world| {
    world.app.keep_keys().await.unwrap();
    let period = world.app.config.key_days * DAY_SECONDS;
    // Sent before they change, used after; sent after they changed and before everybody was moved; the other way round.
    for (number, (sent, moved)) in [(-300, 600), (5, 20), (5, 90), (300, 600)].into_iter().enumerate() {
        let who = address(&format!("p{number}@example.org"));
        let member = join(&world, who.as_str()).await;
        let (_, epochs) = KeyRing::load(world.path()).unwrap();
        let begins = epochs.all().next_back().unwrap().from;
        world.app.clock.not_before(begins.plus_seconds(sent));
        world.app.keep_keys().await.unwrap();
        letters(&world);
        let requested = world.app.request(&who, What::Erasure, sayso::words::Lang::English, None).await.unwrap();
        let code = code_for(&world, &who);
        world.app.clock.not_before(begins.plus_seconds(moved));
        world.app.keep_keys().await.unwrap();
        let size = log_size(&world).await;
        let answer = world.app.confirm(&requested.reference, &secret(&code), None).await.unwrap();
        assert!(matches!(answer, Answer::Erasure(_)));
        assert_eq!(kinds_after(&world, size).await, ["erased"]);
        assert!(world.app.export(&member.caller, None).await.is_err(), "somebody else was erased, or nobody: {number}");
        world.app.run_erasures().await.unwrap();
        world.pass_seconds(period);
        world.app.keep_keys().await.unwrap();
    }
});

on_both!(a_change_of_keys_that_was_cut_off_goes_on, |world| {
    let people = [join(&world, "ann@example.org").await, join(&world, "ben@example.org").await];
    world.app.keep_keys().await.unwrap();
    world.pass_seconds(world.app.config.key_days * DAY_SECONDS + 3600);
    let raw = Raw::of(&world).await;
    let ben = [Cell::Bytes(people[1].caller.subject.as_bytes().to_vec())];
    let two = [ColumnType::Bytes, ColumnType::Bytes];
    let sql =
        "SELECT k.wrapped, i.blind FROM subject_key k JOIN identifier i ON i.subject = k.subject WHERE k.subject = $1";
    let before = raw.rows(sql, &ben, &two).await.remove(0);
    world.app.keep_keys().await.unwrap();
    assert_eq!(raw.number("SELECT min(ring_epoch) FROM subject_key", &[]).await, 2);
    // Only Ann was moved when the process ended: Ben is put back.
    let back = [ben[0].clone(), before[0].clone()];
    raw.run("UPDATE subject_key SET ring_epoch = 1, wrapped = $2 WHERE subject = $1", &back).await;
    raw.run("UPDATE identifier SET blind = $2 WHERE subject = $1", &[ben[0].clone(), before[1].clone()]).await;
    raw.close().await;
    let World { app, db, operator_secret, database, data } = world;
    let now = app.clock.now();
    drop(app);
    let mut config = Config { data: data.path().into(), database: database.clone(), ..Config::default() };
    config.quantum_millis = 0;
    let boot = App::open(config, Clock::fixed(now), Entropy::seeded(99), Access::Serve).await.unwrap();
    let world = World { app: boot.app.into(), db, operator_secret, database, data };
    for person in &people {
        logs_in(&world, person).await;
    }
    world.app.keep_keys().await.unwrap();
    let raw = Raw::of(&world).await;
    assert_eq!(raw.number("SELECT min(ring_epoch) FROM subject_key", &[]).await, 2, "it did not go on");
    raw.close().await;
    days_pass(&world, 20).await;
    let raw = Raw::of(&world).await;
    assert!(raw.number("SELECT ring_epoch FROM subject_key WHERE subject = $1", &ben).await > 2);
    raw.close().await;
    for person in &people {
        logs_in(&world, person).await;
    }
});

on_both!(a_ring_that_is_older_than_the_database_is_refused_and_a_clock_that_was_ahead_loses_nobody, |world| {
    let ann = join(&world, "ann@example.org").await;
    let path = world.path().join("keys/ring.json");
    let first = std::fs::read(&path).unwrap();
    world.app.keep_keys().await.unwrap();
    world.pass_seconds(world.app.config.key_days * DAY_SECONDS + 120);
    world.app.keep_keys().await.unwrap();
    let World { app, db, operator_secret, database, data } = world;
    drop(app);
    let newest = std::fs::read(&path).unwrap();
    let config =
        || Config { data: data.path().into(), database: database.clone(), quantum_millis: 0, ..Config::default() };
    std::fs::write(&path, first).unwrap();
    let refused = App::open(config(), Clock::fixed(NOON), Entropy::seeded(98), Access::Serve).await.unwrap_err();
    assert!(refused.to_string().contains("older than the database"), "{refused}");
    std::fs::write(&path, newest).unwrap();
    // The machine's clock is back where it was when everybody had the first keys.
    let boot = App::open(config(), Clock::fixed(NOON), Entropy::seeded(99), Access::Serve).await.unwrap();
    let world = World { app: boot.app.into(), db, operator_secret, database, data };
    logs_in(&world, &ann).await;
});

/// Something of a member's is damaged; `$1` is the member. Then the keys change, and the old ones are destroyed all the same.
async fn damage_and_go_on(world: &World, who: &Member, damages: &[(&str, usize)]) {
    let raw = Raw::of(world).await;
    for (sql, bytes) in damages {
        let values = [Cell::Bytes(who.caller.subject.as_bytes().to_vec()), Cell::Bytes(vec![1; *bytes])];
        assert_eq!(raw.run(sql, &values).await, 1, "{sql}");
    }
    raw.close().await;
    world.app.keep_keys().await.unwrap();
    days_pass(world, 20).await;
    let (_, epochs) = KeyRing::load(world.path()).unwrap();
    assert!(epochs.oldest() > 1, "the old keys are still there");
}

on_both!(a_key_that_does_not_open_holds_up_nobody, |world| {
    let (ann, ben) = (join(&world, "ann@example.org").await, join(&world, "ben@example.org").await);
    damage_and_go_on(&world, &ben, &[("UPDATE subject_key SET wrapped = $2 WHERE subject = $1", 88)]).await;
    logs_in(&world, &ann).await;
});

on_both!(an_address_that_cannot_be_indexed_costs_nobody_anything_else, |world| {
    let (ann, ben) = (join(&world, "ann@example.org").await, join(&world, "ben@example.org").await);
    damage_and_go_on(&world, &ben, &[("UPDATE identifier SET blind = $2 WHERE subject = $1", 31)]).await;
    logs_in(&world, &ann).await;
    let history = world.app.consents(&ben.caller).await.unwrap().history;
    assert_eq!(history.len(), 1, "what was sealed under his key can be read");
});

on_both!(who_has_a_damaged_handle_and_post_is_still_erased_by_address, |world| {
    let ann = scored_member(&world, "ann").await;
    assert_eq!(post(&world, "ann", "https://social.example/posts/1").await, 1);
    let handle = "UPDATE identifier SET blind = $2 WHERE subject = $1 AND kind <> 'email'";
    let post = "UPDATE object SET digest = $2 WHERE owner = $1";
    damage_and_go_on(&world, &ann, &[(handle, 31), (post, 31)]).await;
    letters(&world);
    let asked = world.app.request(&ann.email, What::Erasure, sayso::words::Lang::English, None).await.unwrap();
    let code = code_for(&world, &ann.email);
    world.app.confirm(&asked.reference, &secret(&code), None).await.unwrap();
    world.app.run_erasures().await.unwrap();
    let left = ask(&world, "SELECT CAST(count(*) AS TEXT) FROM standing").await;
    assert_eq!(left, ["0"], "it was certified as of nobody, with her rows there");
});

on_both!(keys_are_not_destroyed_while_anybody_would_be_lost_with_them, |world| {
    let ann = join(&world, "ann@example.org").await;
    world.app.keep_keys().await.unwrap();
    let raw = Raw::of(&world).await;
    // A database that takes every update of a key, and does not do it.
    match world.db {
        Db::Sqlite => {
            let ignore = "CREATE TRIGGER stays BEFORE UPDATE ON subject_key BEGIN SELECT RAISE(IGNORE); END";
            raw.run(ignore, &[]).await;
        }
        Db::Postgres => {
            raw.run("CREATE FUNCTION stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$", &[])
                .await;
            raw.run("CREATE TRIGGER stays BEFORE UPDATE ON subject_key FOR EACH ROW EXECUTE FUNCTION stays()", &[])
                .await;
        }
    }
    for _ in 0..30 {
        world.pass_seconds(DAY_SECONDS / 2);
        drop(world.app.keep_keys().await);
    }
    assert!(world.app.keep_keys().await.is_err(), "nobody is told that it does not go on");
    let (_, epochs) = KeyRing::load(world.path()).unwrap();
    assert_eq!(epochs.oldest(), 1, "her key was destroyed");
    assert_eq!(world.app.consents(&ann.caller).await.unwrap().history.len(), 1);
    let of = if world.db == Db::Sqlite { "" } else { " ON subject_key" };
    raw.run(&format!("DROP TRIGGER stays{of}"), &[]).await;
    raw.close().await;
    days_pass(&world, 2).await;
    assert!(KeyRing::load(world.path()).unwrap().1.oldest() > 1, "it does not go on when it could");
    logs_in(&world, &ann).await;
});

on_both!(a_change_of_keys_gives_nobody_more_codes, |world| {
    world.app.keep_keys().await.unwrap();
    let (_, epochs) = KeyRing::load(world.path()).unwrap();
    let begins = epochs.all().next_back().unwrap().from;
    world.app.clock.not_before(begins.plus_seconds(-30));
    letters(&world);
    let who = address("stranger@example.org");
    let mut requested = None;
    for _ in 0..10 {
        requested = Some(world.app.request(&who, What::Access, sayso::words::Lang::English, None).await.unwrap());
    }
    let sent = letters(&world);
    assert_eq!(sent.len(), 6);
    world.app.clock.not_before(begins.plus_seconds(30));
    for _ in 0..3 {
        world.app.request(&who, What::Access, sayso::words::Lang::English, None).await.unwrap();
    }
    assert_eq!(letters(&world).len(), 0, "the hour began anew");
    let mut fits = false;
    for code in sent.iter().filter_map(crate::people::code_in) {
        fits |= world.app.confirm(&requested.as_ref().unwrap().reference, &secret(&code), None).await.is_ok();
    }
    assert!(fits, "the code that was mailed no longer counts");
});

on_both!(the_old_keys_are_in_no_file_any_more, |world| {
    let before = std::fs::read_to_string(world.path().join("keys/ring.json")).unwrap();
    let first: serde_json::Value = serde_json::from_str(&before).unwrap();
    world.app.keep_keys().await.unwrap();
    days_pass(&world, 20).await;
    for name in ["wrapping", "pepper", "transit"] {
        let key = first["epochs"][0][name].as_str().unwrap();
        for entry in std::fs::read_dir(world.path().join("keys")).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            assert!(!String::from_utf8_lossy(&bytes).contains(key), "{name}");
        }
    }
    for name in ["service", "suppression_pepper", "log", "token"] {
        let now = std::fs::read_to_string(world.path().join("keys/ring.json")).unwrap();
        assert!(now.contains(first[name].as_str().unwrap()), "{name} must stay");
    }
});

/// The schedule alone, for any period and however irregularly the service runs.
#[test]
fn a_copy_of_the_ring_is_good_for_a_period_and_a_copy_of_the_database_for_two_at_most() {
    let entropy = Entropy::seeded(1);
    let config = proptest::test_runner::Config { failure_persistence: None, ..Default::default() };
    proptest!(config, |(days in 1_i64..30, waits in prop::collection::vec(1_i64..40 * DAY_SECONDS, 1..40))| {
        let mut epochs = Epochs::begin(Epoch::generate(1, NOON, &entropy).unwrap());
        let mut now = NOON;
        let settle = |epochs: &mut Epochs, now: Micros| {
            for _ in 0..10 {
                match epochs.due(now, days) {
                    Due::Nothing => return,
                    Due::Next(from) => {
                        assert!(from > now, "an epoch began before any copy of the ring could have it");
                        let number = epochs.all().next_back().unwrap().number + 1;
                        *epochs = epochs.clone().with(Epoch::generate(number, from, &entropy).unwrap());
                    }
                    Due::Destroy(number) => {
                        assert!(number < epochs.current(now).number, "keys that are used");
                        assert!(epochs.of(number + 1).unwrap().from.plus_days(days) < now);
                        *epochs = epochs.without_oldest();
                    }
                }
            }
            panic!("it never rests");
        };
        settle(&mut epochs, now);
        for wait in waits {
            let used = epochs.current(now).number;
            let promised = epochs.destroyed(now, days);
            assert!(promised > now && promised <= now.plus_days(2 * days).plus_seconds(3600));
            // A service that runs looks at the moment that it named.
            let mut running = epochs.clone();
            let mut at = now;
            while at < promised {
                at = at.plus_seconds(3600).min(promised);
                settle(&mut running, at);
                if at < now.plus_days(days) {
                    assert!(running.of(used).is_some(), "a copy could not be read for a period");
                    assert!(epochs.of(running.current(at).number).is_some(), "a ring copied then lacks keys");
                }
            }
            assert!(running.of(used).is_none(), "the keys outlived the promise");
            now = now.plus_seconds(wait);
            settle(&mut epochs, now);
        }
    });
}

#[test]
fn epochs_with_a_gap_are_no_ring() {
    let epoch = |number, from| Epoch::generate(number, Micros(from), &Entropy::seeded(2)).unwrap();
    assert!(Epochs::from_list(Vec::new()).is_none());
    assert!(Epochs::from_list(vec![epoch(1, 0), epoch(3, 5)]).is_none());
    assert!(Epochs::from_list(vec![epoch(2, 5), epoch(3, 5)]).is_none());
    assert!(Epochs::from_list(vec![epoch(2, 5), epoch(3, 6)]).is_some());
}
