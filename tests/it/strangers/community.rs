//! The property that nothing else in the field has: people without consent leave no trace (N30, guarantee G4).
//!
//! A random community acts in two worlds that are the same to the last random byte. In one everything is taken in, in the
//! other every activity in which somebody without consent acts or receives was removed before. Then every row of every
//! table, every score, explanation, export and answer of the gate must be the same.

use std::collections::BTreeSet;
use std::fmt::Write;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sayso::domain::{Adult, Whom};
use sayso::gate::Action;
use sayso::service::{Asked, ConsentDecision, GateQuestion, NewNotice};
use serde_json::Value;

use super::*;
use crate::people::{
    Dump, Member, address, allow, allow_until, assert_same, code_for, decide, dump, handle, join, own, recipient,
    register, scoring, triple, verify,
};
use crate::world::{Db, read};

const PEOPLE: usize = 13;
const CONSENTING: usize = 7;

/// What somebody is when the second half of the activities comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Consenting,
    // Said yes, and what they gave in the first half is still stored.
    Held,
    OptedOut,
    Latched,
    Expired,
    Outdated,
    // Said yes, and took it back.
    Withdrawn,
    Erased,
    // Never said yes to this.
    Stranger,
    Minor,
    UnknownAge,
    NoGrant,
    Refused,
    OtherSource,
    OtherPurpose,
}

use Kind::*;

impl Kind {
    fn began_with_yes(self) -> bool {
        matches!(self, Consenting | Held | OptedOut | Latched | Expired | Outdated | Withdrawn | Erased)
    }
    /// What they gave before is stored, so that taking it back changes something.
    fn has_rows(self) -> bool {
        matches!(self, Consenting | Held | OptedOut | Latched | Expired | Outdated)
    }
    fn has_account(self) -> bool {
        !matches!(self, Stranger | Minor | UnknownAge)
    }
}

fn kind() -> impl Strategy<Value = Kind> {
    let rare = prop::sample::select(vec![
        Held,
        OptedOut,
        Latched,
        Expired,
        Outdated,
        Withdrawn,
        Erased,
        Stranger,
        Minor,
        UnknownAge,
        NoGrant,
        Refused,
        OtherSource,
        OtherPurpose,
    ]);
    prop_oneof![1 => Just(Consenting), 4 => rare]
}

/// Enough people for scores, and somebody of every sort beside them.
fn community() -> impl Strategy<Value = Vec<Kind>> {
    prop::collection::vec(kind(), PEOPLE - CONSENTING)
        .prop_map(|others| [vec![Consenting; CONSENTING], others].concat())
}

#[derive(Debug, Clone)]
struct Step {
    who: usize,
    what: u8,
    whose: usize,
    number: u32,
    weeks: u32,
    shown: bool,
    earlier: usize,
}

fn step(people: usize) -> impl Strategy<Value = Step> {
    let numbers = (0..people, 0..24_u8, 0..people, 0..3_u32, 0..9_u32, any::<bool>(), any::<usize>());
    numbers.prop_map(|(who, what, whose, number, weeks, shown, earlier)| Step {
        who,
        what,
        whose,
        number,
        weeks,
        shown,
        earlier,
    })
}

/// A line of the input: who acts, who receives, whether it takes something back.
#[derive(Debug, Clone)]
struct Line {
    who: usize,
    whose: Option<usize>,
    takes_back: bool,
    document: Value,
}

fn name(number: usize) -> String {
    format!("p{number}")
}

fn lines(steps: &[Step]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for (place, step) in steps.iter().enumerate() {
        let line = line(place, step, &lines);
        lines.push(line);
    }
    lines
}

fn line(place: usize, step: &Step, earlier: &[Line]) -> Line {
    let (who, whose) = (name(step.who), name(step.whose));
    let theirs = (whose.as_str(), step.number);
    let act = format!("a{place}");
    let topic = ["music", "books", "nothing-we-know"].get(step.earlier % 4).copied();
    let responded = |document| Line { who: step.who, whose: Some(step.whose), takes_back: false, document };
    let own = |document| Line { who: step.who, whose: None, takes_back: true, document };
    match step.what {
        0..=2 => {
            let document = super::post(&who, step.number, step.weeks, topic);
            Line { who: step.who, whose: None, takes_back: false, document }
        }
        3..=9 => responded(super::response("Like", &act, &who, theirs, step.weeks, step.shown)),
        10..=14 => responded(super::reply(&act, &who, theirs, step.weeks, step.shown)),
        15..=19 => responded(super::response("Announce", &act, &who, theirs, step.weeks, step.shown)),
        20..=21 if !earlier.is_empty() => {
            let of = &earlier[step.earlier % earlier.len()];
            let (by, embedded) = if step.shown { (of.who, true) } else { (step.who, false) };
            let document = super::undo(&name(by), &of.document, embedded);
            Line { who: by, whose: of.whose, takes_back: true, document }
        }
        22 if step.shown => own(super::narrow(&who, &super::post_id(&who, step.number))),
        22 => {
            let note = super::id(&format!("note-a{}", step.earlier % (place + 1)));
            own(super::delete(&who, &note))
        }
        _ => own(super::delete(&who, &super::post_id(&who, step.number))),
    }
}

/// The lines that are left when nobody without consent acts or receives. Taking back is for everybody who gave something.
fn without_strangers(lines: &[Line], may_give: impl Fn(usize) -> bool, has_rows: impl Fn(usize) -> bool) -> Vec<Line> {
    let stays = |line: &&Line| {
        let all = |may: &dyn Fn(usize) -> bool| may(line.who) && line.whose.is_none_or(may);
        if line.takes_back { all(&has_rows) } else { all(&may_give) }
    };
    lines.iter().filter(stays).cloned().collect()
}

async fn settle(world: &World, kinds: &[Kind]) -> Vec<Option<Member>> {
    let mut people = Vec::new();
    for (number, kind) in kinds.iter().enumerate() {
        let email = format!("p{number}@example.org");
        if matches!(kind, Minor | UnknownAge) {
            let (who, said) = (address(&email), if *kind == Minor { Adult::No } else { Adult::Unknown });
            register(world, &who, said).await;
            if *kind == Minor {
                assert!(verify(world, &who, &code_for(world, &who)).await.is_err());
            }
        }
        if !kind.has_account() {
            people.push(None);
            continue;
        }
        let member = join(world, &email).await;
        own(world, &member, &handle(&format!("activitypub:{}", actor(&name(number))))).await;
        match kind {
            Expired => drop(allow_until(world, &member, &scoring("activitypub"), NOON.plus_seconds(3600)).await),
            Refused => {
                drop(decide(world, &member, &scoring("activitypub"), ConsentDecision::Refused).await.unwrap());
            }
            OtherSource => drop(allow(world, &member, &scoring("bluesky")).await),
            OtherPurpose => drop(allow(world, &member, &triple("public_profile", "activitypub", "desk")).await),
            NoGrant => {}
            _ => drop(allow(world, &member, &scoring("activitypub")).await),
        }
        if number % 2 == 0 {
            allow(world, &member, &triple("public_profile", "activitypub", "desk")).await;
        }
        people.push(Some(member));
    }
    people
}

/// Everybody becomes what they are in the second half.
async fn turn(world: &World, kinds: &[Kind], people: &[Option<Member>]) {
    let (locale, text) = ("en".to_owned(), "A new text that matters.".to_owned());
    let notice =
        NewNotice { purpose: scoring("blog").purpose, text, locale, material: true, translations: vec![], over: None };
    world.app.publish_notice(&notice, None).await.unwrap();
    for (kind, member) in kinds.iter().zip(people) {
        let Some(member) = member else { continue };
        if kind.began_with_yes() && !matches!(kind, Outdated | Expired) {
            allow(world, member, &scoring("activitypub")).await;
        }
        match kind {
            Held => drop(world.app.hold(&member.caller, None).await.unwrap()),
            OptedOut => drop(world.app.opt_out(&member.email, Whom::Oneself, None).await.unwrap()),
            Latched => drop(world.app.opt_out(&member.email, Whom::Child, None).await.unwrap()),
            Withdrawn => {
                let purpose = scoring("activitypub").purpose;
                drop(world.app.withdraw_purpose(&member.caller, &purpose, None).await.unwrap());
            }
            Erased => {
                world.app.erase(&member.caller, None).await.unwrap();
                world.app.run_erasures().await.unwrap();
            }
            _ => {}
        }
    }
    world.pass_seconds(7200);
}

/// Everything that leaves the service, as text.
async fn outputs(world: &World, kinds: &[Kind], people: &[Option<Member>]) -> String {
    let mut all = String::new();
    let mut ids = Vec::new();
    for (number, (kind, member)) in kinds.iter().zip(people).enumerate() {
        ids.push(Asked::Identifier(address(&format!("p{number}@example.org"))));
        ids.push(Asked::Identifier(handle(&format!("activitypub:{}", actor(&name(number))))));
        let Some(member) = member else { continue };
        let score = world.app.score(&member.caller, None).await;
        let explanation = world.app.explanation(&member.caller, None).await;
        writeln!(all, "{number} {score:?}\n{explanation:?}").unwrap();
        if *kind != Erased {
            let export = world.app.export(&member.caller, None).await.unwrap();
            writeln!(all, "{:#}", read(export)).unwrap();
        }
    }
    let desk = sayso::service::ClientCaller {
        id: "desk".parse().unwrap(),
        role: sayso::crypto::Role::Recipient,
        purposes: vec!["public_profile".parse().unwrap()],
        sources: vec![source("activitypub")],
        class: Some("company".parse().unwrap()),
        terms: Default::default(),
    };
    for action in [Action::Disclose, Action::Score, Action::Collect] {
        let purpose = "public_profile".parse().unwrap();
        let question = GateQuestion { action, purpose, source: source("activitypub"), ids: ids.clone() };
        writeln!(all, "{:?}", world.app.filter(&desk, &question).await.unwrap()).unwrap();
    }
    world.app.flush_decisions().await.unwrap();
    writeln!(all, "{}", world.app.checkpoint().await.unwrap()).unwrap();
    let report = world.app.verify_log(&[], |_| ()).await.unwrap();
    assert_eq!(report.findings, []);
    all
}

async fn live(db: Db, kinds: &[Kind], halves: [&[Line]; 2]) -> (Dump, Dump, String) {
    let world = World::new(db).await;
    recipient(&world, "desk", &["public_profile"], &["activitypub"]).await;
    let people = settle(&world, kinds).await;
    let documents = |lines: &[Line]| lines.iter().map(|line| line.document.clone()).collect::<Vec<_>>();
    ingest(&world, &documents(halves[0])).await;
    turn(&world, kinds, &people).await;
    ingest(&world, &documents(halves[1])).await;
    let after = dump(&world).await;
    let outputs = outputs(&world, kinds, &people).await;
    (after, dump(&world).await, outputs)
}

fn strangers_are_no_input(db: Db, cases: u32) {
    let steps = || prop::collection::vec(step(PEOPLE), 120..260);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let config = Config { cases, max_shrink_iters: 40, failure_persistence: None, ..Config::default() };
    let seen = std::cell::RefCell::new((BTreeSet::new(), 0, 0));
    let result = TestRunner::new(config).run(&(community(), steps(), steps()), |(kinds, first, second)| {
        let all = lines(&[first.clone(), second].concat());
        let (early, late) = all.split_at(first.len());
        let yes = |number: usize| kinds[number].began_with_yes();
        let consents = |number: usize| kinds[number] == Consenting;
        let rows = |number: usize| kinds[number].has_rows();
        let kept = [without_strangers(early, yes, yes), without_strangers(late, consents, rows)];
        let one = runtime.block_on(live(db, &kinds, [early, late]));
        let other = runtime.block_on(live(db, &kinds, [&kept[0], &kept[1]]));
        assert_same(&one.0, &other.0);
        assert_same(&one.1, &other.1);
        prop_assert!(one.2 == other.2, "an answer differs:\n{}\n---\n{}", one.2, other.2);
        let mut seen = seen.borrow_mut();
        seen.0.extend(one.0["edge"].iter().cloned());
        seen.1 += one.2.matches("state: \"scored\"").count();
        seen.2 += all.len() - kept[0].len() - kept[1].len();
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
    let (edges, scored, removed) = seen.into_inner();
    println!("{cases} communities: {} edges, {scored} scores, {removed} activities of strangers", edges.len());
    assert!(edges.len() > 20 && scored > 0 && removed > 100, "the communities are too dull to prove anything");
}

#[test]
fn people_without_consent_are_no_input_on_sqlite() {
    strangers_are_no_input(Db::Sqlite, 8);
}

#[test]
fn people_without_consent_are_no_input_on_postgres() {
    strangers_are_no_input(Db::Postgres, 4);
}
