//! The whole job on a real community: private messages of a campus in 2004 (SNAP CollegeMsg), treated as public replies, for
//! measurement only. Every id becomes a 16-hex marker first, so that looking for it in every byte means something.
//!
//! A debug build takes one person in twenty. For the figures, with a PostgreSQL of one's own in `SAYSO_TEST_POSTGRES_URL`:
//! `cargo test --release --test it real_data -- --nocapture --test-threads=1`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use sayso::clock::Mark;
use sayso::crypto::sha256;
use sayso::domain::Day;
use sayso::ingest::{Format, Item, Items};
use sayso::service::Ingested;

use crate::on_both;
use crate::people::{Member, allow, dump, handle, join, own, scoring, source};
use crate::world::World;

/// One in so many consents.
const ONE_IN: u64 = if cfg!(debug_assertions) { 20 } else { 2 };

fn data() -> Option<PathBuf> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/graphs/collegemsg.txt"));
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIPPED, no shared data: the whole job on a real community");
    None
}

fn marker(id: &str) -> String {
    hex::encode(sha256(format!("marker of {id}").as_bytes()))[..16].to_owned()
}

struct Community {
    lines: String,
    members: BTreeSet<String>,
    strangers: BTreeSet<String>,
}

fn community(path: &Path) -> Community {
    let mut community = Community { lines: String::new(), members: BTreeSet::new(), strangers: BTreeSet::new() };
    for line in fs::read_to_string(path).unwrap().lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        for id in &words[..2] {
            let consents = id.parse::<u64>().unwrap().is_multiple_of(ONE_IN);
            let side = if consents { &mut community.members } else { &mut community.strangers };
            side.insert(marker(id));
        }
        writeln!(community.lines, "{} {} {}", marker(words[0]), marker(words[1]), words[2]).unwrap();
    }
    community
}

/// Everything that the service stored, as bytes.
async fn stored(world: &World) -> Vec<u8> {
    let mut bytes = format!("{:?}", dump(world).await).into_bytes();
    for folder in [world.path().to_owned(), world.path().join("outbox"), world.path().join("keys")] {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_file() {
                bytes.extend(fs::read(path).unwrap());
            }
        }
    }
    bytes
}

/// How often one of the markers stands anywhere, as text or as bytes.
fn hits(bytes: &[u8], markers: &BTreeSet<String>) -> usize {
    let text: BTreeSet<&[u8]> = markers.iter().map(String::as_bytes).collect();
    let raw: BTreeSet<Vec<u8>> = markers.iter().map(|marker| hex::decode(marker).unwrap()).collect();
    let as_text = bytes.windows(16).filter(|window| text.contains(window)).count();
    as_text + bytes.windows(8).filter(|window| raw.contains(*window)).count()
}

async fn import(world: &World, lines: &str) -> Ingested {
    let campus = source("campus");
    let items = Items::new(lines.as_bytes(), Format::Edges, &campus, world.app.topics());
    let items: Vec<Item> = items.map(Result::unwrap).collect();
    let mut all = Ingested::default();
    for batch in items.chunks(1_000) {
        all.add(world.app.ingest(&campus, batch.to_vec()).await.unwrap());
    }
    all
}

async fn everybody_says_yes(world: &World, members: &BTreeSet<String>) -> Vec<Member> {
    let mut people = Vec::new();
    for marker in members {
        let member = join(world, &format!("{marker}@campus.example")).await;
        own(world, &member, &handle(&format!("campus:{marker}"))).await;
        allow(world, &member, &scoring("campus")).await;
        people.push(member);
    }
    people
}

on_both!(a_real_community_from_import_to_erasure, |world| {
    let Some(path) = data() else { return };
    let community = community(&path);
    let mut report = format!("\n{:?}: {} people consent\n", world.db, community.members.len());
    let mut timed = |what: &str, begun: Mark| {
        writeln!(report, "  {:8.3} s  {what}", begun.elapsed().as_secs_f64()).unwrap();
    };

    let begun = Mark::now();
    let people = everybody_says_yes(&world, &community.members).await;
    timed("register, prove, consent: everybody", begun);
    let begun = Mark::now();
    let taken = import(&world, &community.lines).await;
    timed("import", begun);
    let begun = Mark::now();
    let again = import(&world, &community.lines).await;
    timed("the same import again", begun);
    assert_eq!(again.accepted, 0, "nothing counts twice");
    let all = taken.accepted + taken.dropped.values().sum::<u64>();
    assert_eq!(all, community.lines.lines().count() as u64, "every line is taken or dropped with a reason");

    let end = Day::parse("2004-10-26").unwrap().start();
    let begun = Mark::now();
    let scores = world.app.score_summary(Some(end), |_| ()).await.unwrap();
    timed("score everybody", begun);
    assert_eq!(hits(&stored(&world).await, &community.strangers), 0, "a stranger's marker is stored");

    let [first, second, ..] = &people[..] else { panic!("two people") };
    let grant = world.app.consents(&first.caller).await.unwrap().live[0].consent_id;
    let begun = Mark::now();
    world.app.withdraw(&first.caller, grant, None).await.unwrap();
    timed("a withdrawal", begun);
    let begun = Mark::now();
    world.app.export(&second.caller, None).await.unwrap();
    timed("an export", begun);
    let begun = Mark::now();
    let erasure = world.app.erase(&second.caller, None).await.unwrap();
    timed("an erasure, until everything is denied", begun);
    world.app.run_erasures().await.unwrap();
    timed("an erasure, until it is read back", begun);
    assert_eq!(world.app.erasure(&erasure.reference).await.unwrap().step, "done");
    let begun = Mark::now();
    let log = world.app.verify_log(&[], |_| ()).await.unwrap();
    timed("verify the log", begun);
    assert_eq!(log.findings, []);
    let leftover = hits(&stored(&world).await, &community.strangers);
    println!(
        "{report}  {taken:?}\n  again: {again:?}\n  {scores:?}\n  {} events, {} edges\n  {leftover} hits of strangers' markers",
        log.size, log.edges
    );
    assert_eq!(leftover, 0);
});
