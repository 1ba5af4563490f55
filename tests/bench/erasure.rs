//! What it costs to be forgotten, to take everything along, and to be asked about beside a million opt-outs, each against the bare
//! statements on the same database in the same run: `cargo bench --bench erasure [-- wiki-vote.txt]`, where a file of pairs (SNAP) adds
//! its best-connected person. With the address of a PostgreSQL server in `SAYSO_TEST_POSTGRES_URL`, on which databases may be made, both
//! databases are measured. Machines differ and are noisy: look at the ratios, each the median of alternating rounds.

#![expect(clippy::print_stdout, clippy::indexing_slicing, reason = "a bench prints its figures")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a bench that cannot work says where, and ends")]
#![allow(
    clippy::expect_used,
    clippy::string_slice,
    dead_code,
    unreachable_pub,
    unused_macros,
    reason = "it borrows from the tests"
)]

#[path = "../it/raw.rs"]
mod raw;
#[path = "../it/world.rs"]
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use raw::Raw;
use sayso::clock::Mark;
use sayso::config::variable;
use sayso::datamap::{ColumnType, DataMap};
use sayso::domain::{Adult, Triple};
use sayso::ident::{Identifier, IdentifierKind};
use sayso::secret::SecretText;
use sayso::service::{
    Action, Asked, Caller, ClientCaller, ConsentDecision, ConsentRequest, GateQuestion, PersonCaller, Registration,
    Verification,
};
use sayso::store::Cell;
use serde_json::{Map, Value};
use world::{Db, World};

const ROUNDS: usize = 9;
const EXPORTED_ROWS: usize = 100_000;
const SUPPRESSIONS: usize = 1_000_000;
/// Erasures before the first that counts: PostgreSQL plans a statement anew until it was run five times on a connection, of which the
/// pool uses some in turn.
const WARMING: usize = 25;
/// Bare transactions before the first that counts, all on one connection.
const BARE_WARMING: usize = 5;
/// Others in the database, so that it plans as it does when somebody is one of many.
const CROWD: usize = 100;
/// The tables that a round fills beside those that registering fills, and with how many rows.
type Filling = [(&'static str, usize)];
/// Of somebody with few rows there are more rounds: they are short, and the noise is in proportion longer.
const ROUNDS_OF_FEW: usize = 41;

/// Somebody with one grant.
struct Member {
    caller: PersonCaller,
    lineage: i64,
}

fn bytes(subject: &PersonCaller) -> Cell {
    Cell::Bytes(subject.subject.as_bytes().to_vec())
}

/// A name that nobody had before.
fn new_name() -> String {
    static NAMES: AtomicU32 = AtomicU32::new(0);
    format!("member{}", NAMES.fetch_add(1, Ordering::Relaxed))
}

async fn member(world: &World, name: &str) -> Member {
    let identifier = Identifier::parse(IdentifierKind::Email, &format!("{name}@example.org")).unwrap();
    world
        .app
        .register(
            &Registration { identifier: identifier.clone(), adult: Adult::Yes, lang: sayso::words::Lang::English },
            None,
        )
        .await
        .unwrap();
    let outbox = world.path().join("outbox");
    let mail = std::fs::read_dir(&outbox).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(&mail).unwrap();
    std::fs::remove_file(mail).unwrap();
    let code = SecretText::new(text.split_once("The code is: ").unwrap().1[..8].to_owned());
    let tokens = world.app.verify(&Verification { identifier, code, password: None }).await.unwrap();
    let Caller::Person(caller) = world.app.authenticate(&tokens.access_token).await.unwrap() else {
        panic!("a client")
    };
    let notices = world.app.notices().await.unwrap();
    let notice = notices.into_iter().find(|notice| notice.purpose.as_str() == "attention_score").unwrap();
    let request = ConsentRequest {
        triple: triple(),
        notice_version: notice.version,
        notice_sha256: notice.sha256,
        known_seq: world.app.consents(&caller).await.unwrap().known_seq,
        until: None,
        decision: ConsentDecision::Granted,
    };
    let given = world.app.decide_consent(&caller, &request, None).await.unwrap();
    Member { caller, lineage: given.seq.0 }
}

fn triple() -> Triple {
    let name = |text: &str| text.to_owned();
    Triple {
        purpose: name("attention_score").try_into().unwrap(),
        source: name("activitypub").try_into().unwrap(),
        recipient: name("sayso").try_into().unwrap(),
    }
}

async fn fill(raw: &Raw, who: &Member, peer: &Member, filling: &Filling) {
    for (table, rows) in filling {
        let one = match *table {
            "edge" => "INSERT INTO edge SELECT $1, $2, 'activitypub', 'general', i, 'like', 1, $3, $4 FROM n",
            "topic_choice" => {
                "INSERT INTO topic_choice SELECT $1, 'topic-' || i, 1 FROM n WHERE $2 <> $1 AND $3 + $4 > 0"
            }
            "decision_count" => {
                "INSERT INTO decision_count SELECT $1, i, 'desk', 'p', 's', 'score', 1, 1 FROM n WHERE $2 <> $1 AND $3 + $4 > 0"
            }
            _ => continue, // there already
        };
        let sql = format!("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) {one}");
        let values = [bytes(&who.caller), bytes(&peer.caller), Cell::Int(who.lineage), Cell::Int(peer.lineage)];
        assert_eq!(raw.run(&sql, &values).await, *rows as u64);
    }
}

/// The bare statements, in one transaction. Returns those that found rows.
async fn delete(raw: &Raw, who: &Member, statements: Vec<String>) -> Vec<String> {
    let subject = who.caller.subject.as_bytes().to_vec();
    let mut found = Vec::new();
    macro_rules! run {
        ($pool:expr) => {{
            let mut tx = $pool.begin().await.unwrap();
            for sql in statements {
                let text = sqlx::AssertSqlSafe(sql.clone());
                let done = sqlx::query(text).bind(&subject).execute(&mut *tx).await.unwrap();
                if done.rows_affected() > 0 {
                    found.push(sql);
                }
            }
            tx.commit().await.unwrap();
        }};
    }
    match raw {
        Raw::Sqlite(pool) => run!(pool),
        Raw::Postgres(pool) => run!(pool),
    }
    found
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1_000.0
}

fn line(what: &str, millis: f64, baseline: f64) {
    println!("  {what:<66} {millis:>9.2} ms  {:>7.2}", millis / baseline);
}

/// How long it took until somebody was denied everywhere and had the receipt; until every row and the key were gone; until that was certified.
async fn erase(world: &World, raw: &Raw, peer: &Member, filling: &Filling) -> [Duration; 3] {
    let who = member(world, &new_name()).await;
    fill(raw, &who, peer, filling).await;
    let begun = Mark::now();
    let started = world.app.erase(&who.caller, None).await.unwrap();
    let fenced = begun.elapsed();
    let at_once = world.app.erasure(&started.reference).await.unwrap().step == "removed";
    let begun = Mark::now();
    let (jobs, failed) = world.app.remove_the_fenced().await.unwrap();
    failed.unwrap();
    let removed = if at_once { fenced } else { fenced + begun.elapsed() };
    world.app.certify_the_removed(jobs).await.unwrap();
    let certified = fenced + begun.elapsed();
    assert!(world.app.erasure(&started.reference).await.unwrap().certificate.is_some());
    [fenced, removed, certified]
}

async fn erasing(world: &World, raw: &Raw, peer: &Member, (what, filling, rounds): (&str, &Filling, usize)) {
    let all = DataMap::built_in().unwrap().removals().into_iter().map(|removal| removal.sql).collect::<Vec<_>>();
    let first = member(world, &new_name()).await;
    fill(raw, &first, peer, filling).await;
    let statements = delete(raw, &first, all).await;
    let (mut bare, mut times) = (Vec::new(), [const { Vec::new() }; 3]);
    for round in 0..rounds + BARE_WARMING {
        let one = member(world, &new_name()).await;
        fill(raw, &one, peer, filling).await;
        let begun = Mark::now();
        assert_eq!(delete(raw, &one, statements.clone()).await, statements);
        let took = begun.elapsed();
        let erased = erase(world, raw, peer, filling).await;
        if round >= BARE_WARMING {
            bare.push(took);
            times.iter_mut().zip(erased).for_each(|(times, time)| times.push(time));
        }
    }
    let baseline = median(bare);
    println!("{what}");
    line(&format!("the same rows by {} bare statements, one transaction", statements.len()), baseline, baseline);
    let steps = [
        "denied everywhere, receipt given",
        "and every row and the key removed",
        "and storage swept, read back, certified (of one alone)",
    ];
    for (step, times) in steps.into_iter().zip(times) {
        line(step, median(times), baseline);
    }
}

/// What a program without sayso would do: read the rows, write them as JSON.
async fn select(raw: &Raw, who: &Member) -> usize {
    let map = DataMap::built_in().unwrap();
    let mut tables = BTreeMap::new();
    for plan in map.exports() {
        let kinds: Vec<ColumnType> = plan.columns.iter().map(|column| column.kind).collect();
        let mut rows = Vec::new();
        for cells in raw.rows(&plan.sql, &[bytes(&who.caller)], &kinds).await {
            let named = plan.columns.iter().zip(cells).map(|(column, cell)| (column.name.clone(), json(cell)));
            rows.push(Value::from(named.collect::<Map<_, _>>()));
        }
        tables.insert(plan.table, rows);
    }
    serde_json::to_vec(&tables).unwrap().len()
}

fn json(cell: Cell) -> Value {
    match cell {
        Cell::Nothing => Value::Null,
        Cell::Int(number) => number.into(),
        Cell::Text(text) => text.into(),
        Cell::Bytes(bytes) => hex::encode(bytes).into(),
    }
}

async fn export(world: &World, who: &Member) -> usize {
    let mut export = world.app.export(&who.caller, None).await.unwrap();
    let mut bytes = 0;
    while let Some(piece) = export.content.piece().unwrap() {
        bytes += piece.len();
    }
    bytes
}

/// The most memory since it was last asked, in KiB; Linux alone knows.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).map(str::to_owned);
    drop(std::fs::write("/proc/self/clear_refs", "5"));
    peak.and_then(|text| text.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

async fn exporting(world: &World, raw: &Raw, peer: &Member) {
    let (few, many) = (member(world, "few").await, member(world, "many").await);
    fill(raw, &few, peer, &[("edge", EXPORTED_ROWS / 100)]).await;
    fill(raw, &many, peer, &[("edge", EXPORTED_ROWS)]).await;
    export(world, &few).await;
    peak_kib();
    export(world, &few).await;
    let of_few = peak_kib();
    export(world, &many).await;
    let of_many = peak_kib();
    let (mut selected, mut exported) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let begun = Mark::now();
        select(raw, &many).await;
        selected.push(begun.elapsed());
        let begun = Mark::now();
        export(world, &many).await;
        exported.push(begun.elapsed());
    }
    select(raw, &many).await;
    let baseline = median(selected);
    println!("an export of {EXPORTED_ROWS} rows");
    line("the rows selected and serialised", baseline, baseline);
    line("exported: logged, opened, digested, spooled, read", median(exported), baseline);
    println!(
        "  most memory while exporting {} rows {of_few} KiB, {EXPORTED_ROWS} rows {of_many} KiB",
        EXPORTED_ROWS / 100
    );
}

async fn asking(world: &World, raw: &Raw) {
    let desk = ClientCaller {
        id: "desk".parse().unwrap(),
        role: sayso::crypto::Role::Recipient,
        purposes: vec!["attention_score".parse().unwrap()],
        sources: vec!["activitypub".parse().unwrap()],
        class: Some("company".parse().unwrap()),
        terms: sayso::service::Terms::default(),
    };
    let handle = |i: usize| Identifier::parse(IdentifierKind::Email, &format!("someone{i}@example.org")).unwrap();
    let ids = (0..1_000).map(|i| Asked::Identifier(handle(i))).collect();
    let (purpose, source) = (triple().purpose, triple().source);
    let question = GateQuestion { action: Action::Score, purpose, source, ids };
    let mut times = [Vec::new(), Vec::new()];
    for (number, times) in times.iter_mut().enumerate() {
        for _ in 0..ROUNDS * 5 {
            let begun = Mark::now();
            world.app.filter(&desk, &question).await.unwrap();
            times.push(begun.elapsed());
        }
        if number == 0 {
            let digest = match world.db {
                Db::Sqlite => "randomblob(16)",
                Db::Postgres => "decode(md5(CAST(i AS TEXT)), 'hex')",
            };
            let sql = format!(
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {SUPPRESSIONS}) \
                 INSERT INTO suppression (digest, reason, month) SELECT {digest}, 'self', 1 FROM n"
            );
            assert_eq!(raw.run(&sql, &[]).await, SUPPRESSIONS as u64);
        }
    }
    let [before, after] = times.map(median);
    println!("the gate is asked about 1,000 people");
    line("nobody opted out", before, before);
    line(&format!("{SUPPRESSIONS} opted out"), after, before);
}

/// The person with the most connections in a file of pairs, among members all of whom consent.
async fn best_connected(world: &World, raw: &Raw, peer: &Member, path: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    let mut neighbours: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut ids = line.split_whitespace();
        let (one, other) = (ids.next().unwrap(), ids.next().unwrap());
        neighbours.entry(one).or_default().insert(other);
        neighbours.entry(other).or_default().insert(one);
    }
    let most = neighbours.values().map(BTreeSet::len).max().unwrap_or_default();
    let (mut bare, mut alone, mut connected) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let begun = Mark::now();
        raw.run("UPDATE standing SET epoch = epoch + 1 WHERE subject = $1", &[bytes(&peer.caller)]).await;
        bare.push(begun.elapsed());
        for (times, rows) in [(&mut alone, 0), (&mut connected, most)] {
            let who = member(world, &format!("connected{round}")).await;
            if rows > 0 {
                fill(raw, &who, peer, &[("edge", rows)]).await;
            }
            let begun = Mark::now();
            world.app.erase(&who.caller, None).await.unwrap();
            times.push(begun.elapsed());
            world.app.run_erasures().await.unwrap();
        }
    }
    let baseline = median(bare);
    println!("fencing the best-connected of {} people ({most} connections)", neighbours.len());
    line("one bare commit", baseline, baseline);
    let alone = median(alone);
    line("fencing somebody without connections", alone, baseline);
    line("fencing the best-connected", median(connected), baseline);
}

async fn measure(db: Db, graph: Option<&str>) {
    println!(
        "\n{db:?}, medians of {ROUNDS} rounds                                                        time    ratio"
    );
    let world = World::new(db).await;
    let raw = Raw::of(&world).await;
    let peer = member(&world, "peer").await;
    let large: &Filling = &[("edge", 10_000)];
    let small: &Filling =
        &[("edge", 50), ("topic_choice", 25), ("decision_count", 24), ("session", 1), ("live_grant", 1)];
    let mut before = member(&world, &new_name()).await;
    for _ in 0..CROWD {
        let one = member(&world, &new_name()).await;
        fill(&raw, &one, &before, &[("edge", 500), ("topic_choice", 25), ("decision_count", 24)]).await;
        before = one;
    }
    raw.run("ANALYZE", &[]).await;
    for _ in 0..WARMING {
        erase(&world, &raw, &peer, small).await;
    }
    erasing(&world, &raw, &peer, ("erasing 101 rows in 5 tables", small, ROUNDS_OF_FEW)).await;
    erasing(&world, &raw, &peer, ("erasing 10,000 rows", large, ROUNDS)).await;
    if let Some(path) = graph {
        best_connected(&world, &raw, &peer, path).await;
    }
    exporting(&world, &raw, &peer).await;
    asking(&world, &raw).await;
    raw.close().await;
}

#[tokio::main]
async fn main() {
    let graph = std::env::args().nth(1).filter(|argument| !argument.starts_with('-'));
    measure(Db::Sqlite, graph.as_deref()).await;
    if variable("SAYSO_TEST_POSTGRES_URL").is_some() {
        measure(Db::Postgres, graph.as_deref()).await;
    }
}
