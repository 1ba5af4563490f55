//! Scores from stored edges: what the database reads is what the gate decides, after every act, for everybody.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sayso::domain::{Edge, Micros, ResponseKind, Seq, Whom};
use sayso::gate::{Action, Asker, Denial, Question, Rules, decide};
use sayso::ids::Subject;
use sayso::ingest::{Topics, read};
use sayso::policy::Registry;
use sayso::score::{ATTENTION_1, Amounts, Verdict, attention, explain, publish};
use sayso::service::{ExplanationView, NewNotice, ServiceError};
use serde_json::json;

use crate::house::built_in;
use crate::on_both;
use crate::people::{
    Member, actor, allow, allow_until, ask, denial, handle, join, own, scored_member, scoring, source,
};
use crate::score::seen_by;
use crate::strangers::{id, ingest, like, post, response, weeks_ago};
use crate::world::{Db, NOON, World};

const DAY: i64 = 86_400;
const SOURCES: [&str; 2] = ["activitypub", "campus"];

fn bytes(text: &str) -> [u8; 16] {
    let mut bytes = [0; 16];
    hex::decode_to_slice(text, &mut bytes).unwrap();
    bytes
}

/// An edge as it is stored, with its source and lineages.
struct Stored {
    edge: Edge,
    source: String,
    lineages: (i64, i64),
}

async fn stored_edges(world: &World) -> Vec<Stored> {
    let hex = |column: &str| match world.db {
        Db::Sqlite => format!("hex({column})"),
        Db::Postgres => format!("encode({column}, 'hex')"),
    };
    let (one, other) = (hex("actor"), hex("target"));
    let sql = format!(
        "SELECT {one} || ' ' || {other} || ' ' || source || ' ' || week || ' ' || topic || ' ' || kind || ' ' || times \
         || ' ' || actor_lineage || ' ' || target_lineage FROM edge"
    );
    let parse = |row: String| {
        let cells: Vec<&str> = row.split(' ').collect();
        let number = |place: usize| cells[place].parse::<i64>().unwrap();
        let edge = Edge {
            actor: Subject::new(bytes(cells[0])),
            target: Subject::new(bytes(cells[1])),
            week: sayso::domain::Week(number(3)),
            topic: cells[4].parse().unwrap(),
            kind: ResponseKind::from_name(cells[5]).unwrap(),
            count: number(6),
        };
        Stored { edge, source: cells[2].to_owned(), lineages: (number(7), number(8)) }
    };
    ask(world, &sql).await.into_iter().map(parse).collect()
}

async fn rules(world: &World) -> Rules {
    let in_force = world.app.store.read_tx(&(), |tx, ()| Box::pin(tx.rules_in_force())).await.unwrap();
    let axes = Registry::built_in().unwrap().axes();
    Rules {
        house: Some(built_in()),
        lease_valid: true,
        purposes: axes.purposes.into_iter().collect(),
        sources: axes.sources.into_iter().collect(),
        oldest_notice: in_force.oldest_notices,
    }
}

async fn standings(world: &World, people: &[Member]) -> BTreeMap<Subject, sayso::domain::Standing> {
    let mut standings = BTreeMap::new();
    for person in people {
        let subject = person.caller.subject;
        let found = world.app.store.read_tx(&subject, |tx, subject| Box::pin(tx.standing(subject))).await.unwrap();
        standings.extend(found.map(|standing| (subject, standing)));
    }
    standings
}

/// Every score and explanation is what the pure score makes of the edges whose two ends the pure gate allows.
async fn check(world: &World, people: &[Member]) -> usize {
    let (rules, standings, now) = (rules(world).await, standings(world, people).await, world.app.clock.now());
    let allowed = |subject: &Subject, source: &str| -> Result<Seq, Denial> {
        let question =
            Question { asker: Asker::Ourselves, action: Action::Score, triple: &scoring(source), other_end: true };
        decide(standings.get(subject), &question, &rules, now).map(|allow| allow.lineage)
    };
    let stored = stored_edges(world).await;
    let both_allowed = |one: &&Stored| {
        let ends = [(&one.edge.actor, one.lineages.0), (&one.edge.target, one.lineages.1)];
        ends.into_iter().all(|(subject, lineage)| allowed(subject, &one.source) == Ok(Seq(lineage)))
    };
    let visible: Vec<Edge> = stored.iter().filter(both_allowed).map(|one| one.edge.clone()).collect();
    let mut published = 0;
    for person in people {
        let subject = person.caller.subject;
        let explanation = world.app.explanation(&person.caller, None).await;
        let score = world.app.score(&person.caller, None).await;
        if SOURCES.iter().all(|source| allowed(&subject, source).is_err()) {
            assert!(matches!(explanation, Err(ServiceError::Denied(_))));
            assert!(matches!(score, Err(ServiceError::Denied(_))));
            continue;
        }
        let expected = attention(&ATTENTION_1, now.week(), &seen_by(subject, &visible));
        let (explanation, score) = (explanation.unwrap(), score.unwrap());
        assert_eq!(explanation.explanation, explain(&expected));
        match publish(&expected) {
            Verdict::Scored { value, micro } => {
                assert_eq!((score.state, score.value), ("scored", Some(value)));
                assert!(score.attention_micro.is_none_or(|shown| shown == micro));
                published += 1;
            }
            Verdict::InsufficientData => assert_eq!((score.state, score.value), ("insufficient_data", None)),
        }
        for view in &explanation.sources {
            assert_eq!(view.counted, allowed(&subject, view.source.as_str()).is_ok(), "{}", view.source);
        }
        check_sums(&explanation);
    }
    published
}

fn check_sums(view: &ExplanationView) {
    if let Amounts::Shown { numerator, cells, rest } = &view.explanation.amounts {
        let sum: i64 = cells.iter().map(|cell| cell.micro).sum::<i64>() + rest.map_or(0, |rest| rest.micro);
        assert_eq!(sum, *numerator);
    }
    assert_eq!(view.explanation.weeks.iter().filter(|week| week.counts).count(), 12);
}

#[derive(Debug, Clone)]
enum Act {
    Withdraw(usize, usize),
    Allow(usize, usize),
    AllowForDays(usize, usize, i64),
    Hold(usize),
    Release(usize),
    OptOut(usize, Whom),
    Age(usize),
    Erase(usize, bool),
    Notice(bool),
    Days(i64),
    Sweep,
    More(usize),
}

const PEOPLE: usize = 9;

fn act() -> impl Strategy<Value = Act> {
    let (who, from) = (|| 0..PEOPLE, || 0..2_usize);
    prop_oneof![
        3 => (who(), from()).prop_map(|(who, from)| Act::Withdraw(who, from)),
        3 => (who(), from()).prop_map(|(who, from)| Act::Allow(who, from)),
        2 => (who(), from(), 1..9_i64).prop_map(|(who, from, days)| Act::AllowForDays(who, from, days)),
        3 => who().prop_map(Act::Hold),
        3 => who().prop_map(Act::Release),
        1 => who().prop_map(|who| Act::OptOut(who, Whom::Oneself)),
        1 => who().prop_map(|who| Act::OptOut(who, Whom::Child)),
        1 => who().prop_map(Act::Age),
        1 => (who(), any::<bool>()).prop_map(|(who, run)| Act::Erase(who, run)),
        1 => any::<bool>().prop_map(Act::Notice),
        2 => (1..9_i64).prop_map(Act::Days),
        1 => Just(Act::Sweep),
        2 => (0..1_000_usize).prop_map(Act::More),
    ]
}

/// Whoever may not, may not; that is no failure of the claim.
fn may(answer: Result<impl Sized, ServiceError>) {
    match answer {
        Ok(_)
        | Err(
            ServiceError::Denied(_)
            | ServiceError::NotFound(_)
            | ServiceError::Conflict(_)
            | ServiceError::Invalid(_)
            | ServiceError::Unauthenticated
            | ServiceError::Store(sayso::store::StoreError::Corrupt("subject_key")),
        ) => {}
        Err(other) => panic!("{other:?}"),
    }
}

async fn perform(world: &World, people: &[Member], act: &Act) {
    let app = &world.app;
    let grant = async |who: &usize, from: &usize, until: Option<Micros>| {
        let gone = app.consents(&people[*who].caller).await.is_err();
        if !gone {
            let about = scoring(SOURCES[*from]);
            let asked =
                crate::people::request(world, &people[*who], &about, sayso::service::ConsentDecision::Granted).await;
            let asked = sayso::service::ConsentRequest { until, ..asked };
            may(app.decide_consent(&people[*who].caller, &asked, None).await);
        }
    };
    match act {
        Act::Withdraw(who, from) => {
            let Ok(consents) = app.consents(&people[*who].caller).await else { return };
            let live = consents.live.iter().find(|live| live.triple == scoring(SOURCES[*from]));
            if let Some(live) = live {
                app.withdraw(&people[*who].caller, live.consent_id, None).await.unwrap();
            }
        }
        Act::Allow(who, from) => grant(who, from, None).await,
        Act::AllowForDays(who, from, days) => grant(who, from, Some(app.clock.now().plus_days(*days))).await,
        Act::Hold(who) => may(app.hold(&people[*who].caller, None).await),
        Act::Release(who) => may(app.release(&people[*who].caller, None).await),
        Act::OptOut(who, whom) => drop(app.opt_out(&people[*who].email, *whom, None).await.unwrap()),
        Act::Age(who) => drop(app.record_age(&people[*who].email, None).await.unwrap()),
        Act::Erase(who, run) => {
            may(app.erase(&people[*who].caller, None).await);
            if *run {
                app.run_erasures().await.unwrap();
            }
        }
        Act::Notice(material) => {
            let (purpose, text) = (scoring("blog").purpose, format!("A text of {}.", app.clock.now().0));
            let notice =
                NewNotice { purpose, text, locale: "en".into(), material: *material, translations: vec![], over: None };
            app.publish_notice(&notice, None).await.unwrap();
        }
        Act::Days(days) => world.pass_seconds(days * DAY),
        Act::Sweep => app.sweep().await.unwrap(),
        Act::More(seed) => collect(world, *seed, 60).await,
    }
}

fn name(number: usize) -> String {
    format!("p{number}")
}

/// Responses among everybody from both sources, over ten weeks.
async fn collect(world: &World, seed: usize, lines: usize) {
    for (place, from) in SOURCES.into_iter().enumerate() {
        let called = |number: usize| if place == 0 { actor(&name(number)) } else { name(number) };
        let items = (0..lines).map(|line| {
            let draw = (seed + line).wrapping_mul(0x9E37_79B9_7F4A_7C15 + place) >> 7;
            let (who, whose) = (draw % PEOPLE, (draw >> 8) % PEOPLE);
            let kind = ["Like", "Like", "Announce"][(draw >> 16) % 3];
            let topic = ["music", "books", "other"][(draw >> 20) % 3];
            let weeks = u32::try_from((draw >> 24) % 10).unwrap();
            let document = json!({
                "type": kind, "id": id(&format!("{from}-{seed}-{line}")), "actor": called(who),
                "published": weeks_ago(weeks),
                "object": {
                    "type": "Note", "id": format!("https://x.example/{whose}/{draw}"), "attributedTo": called(whose),
                    "tag": [{ "type": "Hashtag", "name": format!("#{topic}") }],
                },
            });
            read(&document, &source(from), &Topics::built_in().unwrap()).unwrap()
        });
        world.app.ingest(&source(from), items.collect()).await.unwrap();
    }
}

async fn settle(world: &World) -> Vec<Member> {
    let mut people = Vec::new();
    for number in 0..PEOPLE {
        let member = join(world, &format!("p{number}@example.org")).await;
        own(world, &member, &handle(&format!("activitypub:{}", actor(&name(number))))).await;
        own(world, &member, &handle(&format!("campus:{}", name(number)))).await;
        allow(world, &member, &scoring("activitypub")).await;
        if number % 3 == 0 {
            allow_until(world, &member, &scoring("campus"), NOON.plus_days(5)).await;
        } else if number % 3 == 1 {
            allow(world, &member, &scoring("campus")).await;
        }
        people.push(member);
    }
    people
}

fn what_is_read_is_what_the_gate_decides(db: Db, cases: u32) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let config = Config { cases, max_shrink_iters: 30, failure_persistence: None, ..Config::default() };
    let scored = std::cell::Cell::new(0);
    let strategy = (0..1_000_000_usize, prop::collection::vec(act(), 14..22));
    let result = TestRunner::new(config).run(&strategy, |(seed, acts)| {
        runtime.block_on(async {
            let world = World::new(db).await;
            let people = settle(&world).await;
            collect(&world, seed, 260).await;
            let mut seen = check(&world, &people).await;
            for act in &acts {
                perform(&world, &people, act).await;
                seen += check(&world, &people).await;
            }
            assert_eq!(world.app.verify_log(&[], |_| ()).await.unwrap().findings, []);
            scored.set(scored.get() + seen);
        });
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
    println!("{cases} communities, {} scores compared", scored.get());
    assert!(scored.get() > 20, "too few scores to prove anything");
}

#[test]
fn what_is_read_is_what_the_gate_decides_on_sqlite() {
    what_is_read_is_what_the_gate_decides(Db::Sqlite, 5);
}

#[test]
fn what_is_read_is_what_the_gate_decides_on_postgres() {
    what_is_read_is_what_the_gate_decides(Db::Postgres, 3);
}

on_both!(there_is_no_score_before_a_grant, |world| {
    let ann = join(&world, "ann@example.org").await;
    own(&world, &ann, &handle(&format!("activitypub:{}", actor("ann")))).await;
    assert_eq!(denial(world.app.score(&ann.caller, None).await), Denial::NoGrant);
    assert_eq!(denial(world.app.explanation(&ann.caller, None).await), Denial::NoGrant);
    allow(&world, &ann, &scoring("blog")).await;
    let view = world.app.score(&ann.caller, None).await.unwrap();
    assert_eq!((view.state, view.value, view.attention_micro), ("insufficient_data", None, None));
    let counted: Vec<_> = view.sources.iter().filter(|view| view.counted).map(|view| view.source.as_str()).collect();
    assert_eq!(counted, ["blog"]);
});

on_both!(the_future_has_no_score, |world| {
    let ann = scored_member(&world, "ann").await;
    for ahead in [1, DAY, i64::from(u32::MAX)] {
        let then = Some(world.app.clock.now().plus_seconds(ahead));
        assert!(matches!(world.app.score(&ann.caller, then).await, Err(ServiceError::Invalid(_))));
        assert!(matches!(world.app.explanation(&ann.caller, then).await, Err(ServiceError::Invalid(_))));
        assert!(matches!(world.app.score_summary(then, |_| ()).await, Err(ServiceError::Invalid(_))));
    }
    for then in [world.app.clock.now(), Micros(0), Micros(i64::MIN / 4)] {
        world.app.score(&ann.caller, Some(then)).await.unwrap();
    }
});

on_both!(a_past_score_reads_the_weeks_up_to_then_under_todays_consent, |world| {
    let ann = scored_member(&world, "ann").await;
    let others = ["ben", "cleo", "dan", "eve", "fay"];
    for other in others {
        scored_member(&world, other).await;
    }
    let mut lines = Vec::new();
    for weeks in 4..12 {
        lines.extend(others.map(|who| response("Like", &format!("{who}{weeks}"), who, ("ann", 1), weeks, true)));
    }
    ingest(&world, &lines).await;
    let state = async |weeks: i64| {
        let then = Some(world.app.clock.now().plus_days(-7 * weeks));
        world.app.score(&ann.caller, then).await.unwrap().state
    };
    assert_eq!([state(0).await, state(4).await, state(8).await], ["scored"; 3]);
    assert_eq!([state(9).await, state(30).await], ["insufficient_data"; 2], "fewer than four weeks by then");
    world.app.withdraw_purpose(&ann.caller, &scoring("blog").purpose, None).await.unwrap();
    let then = Some(world.app.clock.now().plus_days(-28));
    assert_eq!(denial(world.app.score(&ann.caller, then).await), Denial::NoGrant, "the past needs consent too");
});

on_both!(what_somebody_does_is_no_input_to_their_own_score, |world| {
    let ann = scored_member(&world, "ann").await;
    let others = ["ben", "cleo", "dan", "eve", "fay"];
    let mut lines = Vec::new();
    for other in others {
        scored_member(&world, other).await;
        let week = |weeks| response("Like", &format!("{other}{weeks}"), other, ("ann", 1), weeks, true);
        lines.extend((0..6).map(week));
    }
    ingest(&world, &lines).await;
    let before = world.app.explanation(&ann.caller, None).await.unwrap().explanation;
    let mut own = vec![post("ann", 7, 1, None), like("self", "ann", "ann", 1)];
    own.extend((0..40).map(|n| response("Announce", &format!("own{n}"), "ann", (others[n % 5], 2), 2, true)));
    ingest(&world, &own).await;
    assert_eq!(world.app.explanation(&ann.caller, None).await.unwrap().explanation, before);
});

on_both!(a_topic_is_shown_from_five_people_and_leaves_only_when_its_owner_says_so, |world| {
    let ann = scored_member(&world, "ann").await;
    let others = ["ben", "cleo", "dan", "eve", "fay"];
    let mut lines = vec![post("ann", 1, 9, Some("music")), post("ann", 2, 9, Some("books"))];
    for other in others {
        scored_member(&world, other).await;
        let week = |weeks| response("Like", &format!("{other}{weeks}"), other, ("ann", 1), weeks, true);
        lines.extend((0..6).map(week));
    }
    lines.push(like("single", "ben", "ann", 2));
    ingest(&world, &lines).await;
    let topic = async |name: &str| {
        let view = world.app.score(&ann.caller, None).await.unwrap();
        let found = view.topics.into_iter().find(|topic| topic.topic.as_str() == name).unwrap();
        (found.value.is_some(), found.accepted)
    };
    assert_eq!(topic("music").await, (true, None));
    assert_eq!(topic("books").await, (false, None), "one person responded about it");
    let music = "music".parse().unwrap();
    world.app.decide_topic(&ann.caller, &music, true, None).await.unwrap();
    assert_eq!(topic("music").await, (true, Some(true)));
    world.app.decide_topic(&ann.caller, &music, false, None).await.unwrap();
    assert_eq!(topic("music").await, (true, Some(false)));
    let back = world.app.decide_topic(&ann.caller, &music, true, None).await;
    assert!(matches!(back, Err(ServiceError::Conflict(_))), "a rejected topic never returns");
});

on_both!(every_answer_says_what_it_is_not_for_and_until_when_it_may_be_used, |world| {
    let ann = scored_member(&world, "ann").await;
    let now = world.app.clock.now();
    let view = world.app.score(&ann.caller, None).await.unwrap();
    assert!(view.not_suitable_for.len() == 6 && view.population.contains("said yes"));
    assert_eq!(view.use_by_us, now.plus_seconds(5));
    allow_until(&world, &ann, &scoring("activitypub"), now.plus_seconds(4)).await;
    assert_eq!(world.app.score(&ann.caller, None).await.unwrap().use_by_us, now.plus_seconds(4));
    assert_eq!((view.window_to_day.0 - view.window_from_day.0 + 1, view.version), (26 * 7, "attention-1"));
});

on_both!(the_summary_counts_everybody_once_and_names_nobody, |world| {
    for name in ["ann", "ben", "cleo"] {
        scored_member(&world, name).await;
    }
    join(&world, "dan@example.org").await;
    let mut counted = 0;
    let summary = world.app.score_summary(None, |more| counted += more).await.unwrap();
    assert_eq!((summary.scored, summary.insufficient_data, summary.denied, counted), (0, 3, 1, 4));
});
