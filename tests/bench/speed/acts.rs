//! House rules, and what people and collectors do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use sayso::clock::Mark;
use sayso::domain::{Micros, Seq, Standing, Triple};
use sayso::gate::{Action, Asker, House, Prepared, Projection, Question, Rules};
use sayso::policy::{HouseRules, Registry, built_in_rules};
use sayso::service::{Asked, ConsentRequest, Format};
use sayso::store::Store;
use serde_json::{Value, json};

use crate::stage::{Member, Stage, question, triple, yes};
use crate::table::{Table, Target, median, seconds};

pub const CEDAR: &str = "Cedar asked on the same question";
const ROUNDS: usize = 9;
const CALLERS: usize = 64;
const PEOPLE_OF_A_CALLER: usize = 10;

/// The decision on facts in hand, floor and table, against Cedar asked about the same class. Returns what Cedar takes, in seconds.
pub fn house_rules(table: &mut Table) -> f64 {
    let registry = Registry::built_in().unwrap();
    let rules = HouseRules::load(&registry, &built_in_rules()).unwrap();
    let triple = triple();
    let company = "company".parse().unwrap();
    let classes: Vec<_> = rules.axes().all().filter(|class| class.recipient_class == company).collect();
    let of_table: Vec<bool> = classes.iter().map(|class| rules.table().allows(&class.row(), class.assurance)).collect();
    let now = Micros(1_795_435_200_000_000);
    let grant = sayso::domain::Grant { lineage: Seq(9), notice_version: 1, valid_until: now.plus_days(90) };
    let standing = Standing {
        adult: sayso::domain::Adult::Yes,
        assurance: sayso::domain::Assurance::SelfDeclared,
        grants: [(triple.clone(), grant.clone())].into(),
        ..Standing::default()
    };
    let mut times = [Vec::new(), Vec::new()];
    let house = |rules: &HouseRules| House {
        sha256: rules.sha256().into(),
        regime: "gdpr".parse().unwrap(),
        own_class: "engine".parse().unwrap(),
        table: rules.table().clone(),
    };
    let held = Rules {
        house: Some(Arc::new(house(&rules))),
        lease_valid: true,
        purposes: [triple.purpose.clone()].into(),
        sources: [triple.source.clone()].into(),
        oldest_notice: [(triple.purpose.clone(), 1)].into(),
    };
    for _ in 0..ROUNDS {
        let begun = Mark::now();
        for class in classes.iter().take(500) {
            std::hint::black_box(rules.explain(class));
        }
        times[0].push(begun.elapsed() / 500);
        let asked =
            Question { asker: Asker::Recipient(&company), action: Action::Disclose, triple: &triple, other_end: true };
        let (prepared, person) = (Prepared::new(&asked, &held), Projection::of(Some(&standing), &triple));
        let begun = Mark::now();
        for _ in 0..1_000_000 {
            std::hint::black_box(&prepared).decide(std::hint::black_box(&person), now).unwrap();
        }
        times[1].push(begun.elapsed() / 1_000_000);
    }
    for (class, table) in classes.iter().zip(of_table) {
        let of_cedar = rules.explain(class).allowed;
        assert_eq!(of_cedar, table, "{class:?}");
        let triple = Triple { purpose: class.purpose.clone(), source: class.source.clone(), ..triple.clone() };
        let grants = [(triple.clone(), grant.clone())].into();
        let standing = Standing { assurance: class.assurance, grants, ..standing.clone() };
        let held = Rules {
            house: Some(Arc::new(House { regime: class.regime.clone(), ..house(&rules) })),
            purposes: [triple.purpose.clone()].into(),
            sources: [triple.source.clone()].into(),
            oldest_notice: [(triple.purpose.clone(), 1)].into(),
            ..held.clone()
        };
        let asked =
            Question { asker: Asker::Recipient(&company), action: class.action, triple: &triple, other_end: true };
        let decided = Prepared::new(&asked, &held).decide(&Projection::of(Some(&standing), &triple), now);
        assert_eq!(of_cedar, decided.is_ok(), "{class:?}");
    }
    let (cedar, own) = (seconds(&times[0]), seconds(&times[1]));
    let note = format!("{:.1} ns against {:.1} microseconds; answers cross-checked", own * 1e9, cedar * 1e6);
    table.row(CEDAR, "one decision on facts in hand", cedar / own, &Target::AtLeast(100.0, "at least 100"), note);
    cedar
}

/// Lines of ActivityStreams of people nobody knows, as most of them are, against reading the same lines as JSON.
pub async fn ingesting(stage: &Stage, table: &mut Table) {
    let line = |number: usize| {
        json!({
            "@context": "https://www.w3.org/ns/activitystreams", "type": "Like", "id": format!("https://a.example/{number}"),
            "actor": format!("https://a.example/users/{}", number % 97), "object": format!("https://b.example/notes/{number}"),
            "to": "https://www.w3.org/ns/activitystreams#Public", "published": "2026-11-20T10:00:00Z",
        })
    };
    let text = (0..1_000).map(|number| line(number).to_string()).collect::<Vec<_>>().join("\n");
    let source = triple().source;
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        let begun = Mark::now();
        for line in text.lines() {
            std::hint::black_box(serde_json::from_str::<Value>(line).unwrap());
        }
        times[0].push(begun.elapsed());
        let begun = Mark::now();
        let items = stage.world.app.read_items(text.as_bytes(), Format::Ndjson, &source).unwrap();
        stage.world.app.ingest(&source, items).await.unwrap();
        times[1].push(begun.elapsed());
    }
    let (json, own) = (seconds(&times[0]), seconds(&times[1]));
    let note = format!("{:.0} lines of strangers a second", 1_000.0 / own);
    table.row(
        "ActivityStreams lines ingested a second",
        "parsing them with serde_json",
        json / own,
        &Target::AtLeast(0.25, "at least 0.25"),
        note,
    );
}

const ROW: &str = "INSERT INTO unknown_count VALUES ($1, $2, 1) ON CONFLICT (caller, day) DO UPDATE SET times = 1";
const ROWS: &str =
    "INSERT INTO unknown_count SELECT $1, unnest($2::bigint[]), 1 ON CONFLICT (caller, day) DO UPDATE SET times = 1";

/// So many rows in one durable commit: one statement each on SQLite, and in statements of 64 rows on PostgreSQL.
async fn bare_commit(stage: &Stage, rows: usize) -> Duration {
    let begun = Mark::now();
    let numbers: Vec<i64> = (0..rows).map(|row| i64::try_from(row).unwrap()).collect();
    match &stage.world.app.store {
        Store::Sqlite { writer, .. } => {
            let mut tx = writer.begin_with("BEGIN IMMEDIATE").await.unwrap();
            for row in numbers {
                sqlx::query(ROW).bind("bench").bind(row).execute(&mut *tx).await.unwrap();
            }
            tx.commit().await.unwrap();
        }
        Store::Postgres { pool, .. } => {
            let mut tx = pool.begin().await.unwrap();
            for some in numbers.chunks(CALLERS) {
                sqlx::query(ROWS).bind("bench").bind(some).execute(&mut *tx).await.unwrap();
            }
            tx.commit().await.unwrap();
        }
    }
    begun.elapsed()
}

/// Writes until the write-ahead log of SQLite is as long as it gets: from then on it is written over, and a commit does not wait for a longer file.
async fn warm_up(stage: &Stage) {
    for _ in 0..20 {
        bare_commit(stage, 10_000).await;
    }
}

/// One withdrawal, from asked to answered, against one durable commit of one row through the same store.
pub async fn one_withdrawal(stage: &Stage, table: &mut Table) {
    let mut times = [Vec::new(), Vec::new()];
    let members = members(stage, 41, "leaver").await;
    warm_up(stage).await;
    for ann in members {
        times[0].push(bare_commit(stage, 1).await);
        let begun = Mark::now();
        stage.world.app.withdraw(&ann.caller, ann.grant, None).await.unwrap();
        times[1].push(begun.elapsed());
    }
    let (bare, own) = (seconds(&times[0]), seconds(&times[1]));
    let note = format!("{:.2} ms against {:.2} ms", own * 1e3, bare * 1e3);
    table.row(
        "one withdrawal, alone",
        "one durable commit of one row",
        own / bare,
        &Target::AtMost(2.0, "at most 2"),
        note,
    );
}

async fn members(stage: &Stage, count: usize, name: &str) -> Vec<Member> {
    let mut all = Vec::new();
    for number in 0..count {
        all.push(stage.member(&format!("{name}{number}")).await);
    }
    all
}

/// Somebody with what they say when they say yes again.
struct Willing {
    member: Member,
    again: ConsentRequest,
}

async fn willing(stage: &Stage, count: usize, name: &str) -> Vec<Willing> {
    let mut all = Vec::new();
    for member in members(stage, count, name).await {
        let again = yes(&stage.world.app, &member.caller).await;
        all.push(Willing { member, again });
    }
    all
}

/// So many callers, each of whom takes a grant back and gives it again for one of ten people after the other, until told to stop. Returns
/// how many acts that were. Of ten, because an act opens all that its person said before, and people do not change their mind every second.
async fn acting(stage: &Stage, people: &mut [Willing], stop: &AtomicBool) -> u64 {
    let acts = AtomicU64::new(0);
    let one = async |people: &mut [Willing]| {
        let app = &stage.world.app;
        for place in (0..people.len()).cycle().take_while(|_| !stop.load(Ordering::Relaxed)) {
            let Willing { member, again } = &mut people[place];
            again.known_seq = app.withdraw(&member.caller, member.grant, None).await.unwrap().seq;
            member.grant = app.decide_consent(&member.caller, again, None).await.unwrap().consent_id;
            acts.fetch_add(2, Ordering::Relaxed);
        }
    };
    futures_util::future::join_all(people.chunks_mut(PEOPLE_OF_A_CALLER).map(one)).await;
    acts.into_inner()
}

/// Grants and withdrawals of 64 callers, against the rows of such an act (event, leaf with its nodes, standing, grant, head), 64 acts in
/// one commit: on SQLite one statement each, on PostgreSQL in batches.
pub async fn many_at_once(stage: &Stage, table: &mut Table) {
    let is_sqlite = matches!(stage.world.app.store, Store::Sqlite { .. });
    let mut ratios = Vec::new();
    let mut note = String::new();
    for round in 0..3 {
        let mut people = willing(stage, CALLERS * PEOPLE_OF_A_CALLER, &format!("many{round}-")).await;
        let bare = bare_commit(stage, CALLERS * 6).await.as_secs_f64() / CALLERS as f64;
        let (stop, begun) = (AtomicBool::new(false), Mark::now());
        let timer = async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            stop.store(true, Ordering::Relaxed);
        };
        let (acts, ()) = tokio::join!(acting(stage, &mut people, &stop), timer);
        let own = begun.elapsed().as_secs_f64() / acts as f64;
        ratios.push(bare / own);
        note = format!("{:.0} acts a second against {:.0}", 1.0 / own, 1.0 / bare);
    }
    let by_hand =
        ["the same rows, one statement each, in a group commit", "the same rows in batches, in a group commit"];
    if is_sqlite {
        let target = Target::AtLeast(2.0, "at least 2");
        table.row("grants and withdrawals of 64 callers", by_hand[0], median(ratios), &target, note);
    } else {
        let target = Target::AtLeast(0.6, "at least 0.6");
        table.row("the same on PostgreSQL", by_hand[1], median(ratios), &target, note);
    }
}

/// Questions a second while others grant and withdraw as fast as they can, against the same alone.
pub async fn while_others_write(stage: &Stage, table: &mut Table) {
    let asked = stage.member("asked").await;
    let mut writers = willing(stage, 8 * PEOPLE_OF_A_CALLER, "writer").await;
    let asking = || {
        let (app, desk, pairwise) = (stage.world.app.clone(), stage.desk.clone(), asked.pairwise);
        // A task of its own: questions that are answered from memory never wait, and would let nobody else have a turn.
        tokio::spawn(async move {
            let (begun, mut times) = (Mark::now(), 0_u32);
            while begun.elapsed() < Duration::from_secs(2) {
                let ids = vec![Asked::Pairwise(pairwise)];
                assert_eq!(app.filter(&desk, &question(ids)).await.unwrap().allowed, [0]);
                times += 1;
            }
            f64::from(times) / begun.elapsed().as_secs_f64()
        })
    };
    let alone = asking().await.unwrap();
    let stop = AtomicBool::new(false);
    let both = async {
        let rate = asking().await.unwrap();
        stop.store(true, Ordering::Relaxed);
        rate
    };
    let (acts, beside) = tokio::join!(acting(stage, &mut writers, &stop), both);
    let note = format!("{beside:.0} against {alone:.0} a second, beside {:.0} acts a second", acts as f64 / 2.0);
    table.row(
        "decisions a second while 8 callers grant and withdraw",
        "the same without them",
        beside / alone,
        &Target::AtLeast(0.85, "at least 0.85"),
        note,
    );
}
