//! What the score promises, tried on random worlds and against a second, naive computation.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use sayso::domain::{Edge, Elsewhere, ResponseKind, Responses, Topic, Week};
use sayso::ids::Subject;
use sayso::score::{ATTENTION_1, ATTENTION_2, Attention, CAP, Formula, Part, WHOLE, attention, value};

mod curve;
mod explanation;
mod naive;

/// The last week of every window here; the window is 75 to 100.
const UNTIL: i64 = 100;
const ME: u8 = 0;

fn who(number: u8) -> Subject {
    Subject::new([number; 16])
}

fn topic(number: u8) -> Topic {
    ["chess", "gardens", "trains"][usize::from(number)].parse().unwrap()
}

fn edge(actor: u8, target: u8, week: i64, count: i64) -> Edge {
    let (actor, target) = (who(actor), who(target));
    Edge { actor, target, week: Week(week), topic: topic(0), kind: ResponseKind::Like, count }
}

fn mine(edges: &[Edge]) -> Attention {
    mine_by(&ATTENTION_1, edges)
}

fn mine_by(formula: &Formula, edges: &[Edge]) -> Attention {
    attention_of(formula, who(ME), UNTIL, edges)
}

/// The attention of one of those between whom these edges are.
fn attention_of(formula: &Formula, person: Subject, until: i64, edges: &[Edge]) -> Attention {
    attention(formula, Week(until), &seen_by(person, edges))
}

/// What concerns one of those between whom these edges are.
pub(crate) fn seen_by(person: Subject, edges: &[Edge]) -> Responses {
    let (received, others): (Vec<&Edge>, Vec<&Edge>) = edges.iter().partition(|edge| edge.target == person);
    let elsewhere = |edge: &Edge| Elsewhere { actor: edge.actor, week: edge.week, kind: edge.kind, count: edge.count };
    let others = others.into_iter().filter(|edge| edge.actor != edge.target);
    Responses { received: received.into_iter().cloned().collect(), elsewhere: others.map(elsewhere).collect() }
}

/// What holds of the formulas holds of each.
fn formulas() -> impl Strategy<Value = Formula> {
    proptest::sample::select(Formula::ALL.to_vec())
}

fn join(one: &[Edge], other: &[Edge]) -> Vec<Edge> {
    [one, other].concat()
}

/// Each of these people likes me once a week and somebody else three times, in each of these weeks.
fn steady(people: std::ops::RangeInclusive<u8>, weeks: std::ops::RangeInclusive<i64>) -> Vec<Edge> {
    weeks
        .flat_map(|week| {
            people.clone().flat_map(move |person| [edge(person, ME, week, 1), edge(person, person % 9 + 90, week, 3)])
        })
        .collect()
}

fn edges_of(
    actors: std::ops::Range<u8>,
    targets: std::ops::Range<u8>,
    weeks: std::ops::RangeInclusive<i64>,
    most: usize,
) -> impl Strategy<Value = Vec<Edge>> {
    let counts = prop_oneof![9 => 1_i64..6, 1 => 1_i64..5_000_000];
    let one = (actors, targets, weeks, 0_u8..3, 0_usize..3, counts);
    let build = |(actor, target, week, about, kind, count)| Edge {
        topic: topic(about),
        kind: ResponseKind::ALL[kind],
        ..edge(actor, target, week, count)
    };
    vec(one.prop_map(build), 0..most)
}

/// Two sorts of worlds: few responses over many weeks, some outside the window, and many over few weeks.
fn worlds() -> impl Strategy<Value = Vec<Edge>> {
    prop_oneof![edges_of(0..9, 0..5, 70..=102, 250), edges_of(0..13, 0..3, 93..=100, 300)]
}

fn week_sums(attention: &Attention) -> BTreeMap<Week, i64> {
    let mut sums: BTreeMap<Week, i64> = attention.window.keys().map(|week| (*week, 0)).collect();
    for part in &attention.parts {
        *sums.get_mut(&part.week).unwrap() += part.micro;
    }
    sums
}

fn descending(attention: &Attention) -> Vec<i64> {
    let mut sums: Vec<i64> = week_sums(attention).into_values().collect();
    sums.sort_by_key(|sum| -sum);
    sums
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_naive_second_computation_agrees_in_every_part(formula in formulas(), world in worlds()) {
        let (found, parts) = (mine_by(&formula, &world), naive::parts(formula.name, &world));
        let counted = naive::counted(&parts);
        let found_parts: naive::Parts =
            found.parts.iter().map(|p| ((p.responder, p.week, p.topic.clone(), p.kind), p.micro)).collect();
        prop_assert_eq!(found.parts.len(), found_parts.len());
        prop_assert_eq!(&found_parts, &parts);
        prop_assert_eq!(found.counted().map(|p| p.week).collect::<BTreeSet<_>>(),
            parts.keys().map(|key| key.1).filter(|week| counted.contains(week)).collect());
        let flagged: BTreeSet<Week> = found.window.iter().filter(|(_, counts)| **counts).map(|(w, _)| *w).collect();
        prop_assert_eq!(&flagged, &counted);
        let numerator: i64 = parts.iter().filter(|(key, _)| counted.contains(&key.1)).map(|(_, micro)| micro).sum();
        prop_assert_eq!(found.numerator, numerator);
        prop_assert_eq!(found.responders, parts.keys().map(|key| key.0).collect::<BTreeSet<_>>().len());
        prop_assert_eq!(found.weeks, parts.keys().map(|key| key.1).collect::<BTreeSet<_>>().len());
    }

    #[test]
    fn parts_and_topics_add_up_to_the_numerator_exactly(world in worlds()) {
        let found = mine(&world);
        prop_assert_eq!(found.counted().map(|part| part.micro).sum::<i64>(), found.numerator);
        prop_assert_eq!(found.topics.values().sum::<i64>(), found.numerator);
        prop_assert_eq!(descending(&found)[1..13].iter().sum::<i64>(), found.numerator);
        prop_assert_eq!(found.micro(), found.numerator.div_euclid(12));
        prop_assert_eq!((found.window.len(), found.window.values().filter(|counts| **counts).count()), (26, 12));
        let mut given: BTreeMap<_, i64> = BTreeMap::new();
        for part in &found.parts {
            prop_assert!(part.micro > 0 && part.responder != who(ME));
            *given.entry((part.responder, part.week)).or_default() += part.micro;
        }
        prop_assert!(given.values().all(|micro| *micro <= CAP));
    }

    /// Nobody gives me a smaller share of any week: others get less, or the same acts go to me, or more goes to me.
    #[test]
    fn more_from_every_responder_in_every_week_never_means_less(
        formula in formulas(),
        world in worlds(),
        fates in vec(0_u8..4, 300),
        extra in edges_of(1..15, 0..1, 74..=101, 60),
    ) {
        let fate = |(edge, fate): (Edge, u8)| match fate {
            0 if edge.target != who(ME) => None,
            1 => Some(Edge { target: who(ME), ..edge }),
            _ => Some(edge),
        };
        let better: Vec<Edge> = world.iter().cloned().zip(fates).filter_map(fate).chain(extra).collect();
        let (before, after) = (mine_by(&formula, &world), mine_by(&formula, &better));
        prop_assert!(after.numerator >= before.numerator);
        prop_assert!(after.responders >= before.responders && after.weeks >= before.weeks);
        prop_assert!(value(after.micro()) >= value(before.micro()));
    }

    #[test]
    fn what_a_person_does_is_no_input_to_their_own_score(
        world in worlds(), acts in edges_of(0..1, 0..9, 74..=101, 60),
    ) {
        prop_assert_eq!(mine(&join(&world, &acts)), mine(&world));
    }

    #[test]
    fn nobody_responds_to_themselves(world in worlds(), person in 1_u8..9, weeks in vec(74_i64..=101, 1..9)) {
        let acts: Vec<Edge> = weeks.into_iter().map(|week| edge(person, person, week, 9)).collect();
        prop_assert_eq!(mine(&join(&world, &acts)), mine(&world));
    }

    #[test]
    fn m_fake_accounts_add_at_most_a_quarter_each(
        world in worlds(), fakes in 1_u8..20, acts in edges_of(100..120, 0..3, 74..=101, 300),
    ) {
        let acts: Vec<Edge> = acts.into_iter().filter(|act| act.actor < who(100 + fakes)).collect();
        let added = mine(&join(&world, &acts)).micro() - mine(&world).micro();
        prop_assert!((0..=i64::from(fakes) * 250_000).contains(&added));
    }

    #[test]
    fn a_ring_cannot_hand_out_more_than_its_own_attention(acts in edges_of(0..6, 0..6, 75..=100, 400)) {
        let ring: Vec<Attention> = (0..6).map(|n| attention_of(&ATTENTION_1, who(n), UNTIL, &acts)).collect();
        for week in (75..=100).map(Week) {
            prop_assert!(ring.iter().map(|member| week_sums(member)[&week]).sum::<i64>() <= 6 * WHOLE);
        }
        prop_assert!(ring.iter().all(|member| member.micro() <= 5 * CAP));
        let numerators: i64 = ring.iter().map(|member| member.numerator).sum();
        prop_assert!(numerators <= 26 * 6 * WHOLE);
    }

    #[test]
    fn a_ring_that_does_the_same_every_week_scores_no_more_in_all_than_its_attention(
        acts in edges_of(0..7, 0..7, 100..=100, 60),
    ) {
        let weeks = |act: Edge| (75..=100).map(move |week| Edge { week: Week(week), ..act.clone() });
        let acts: Vec<Edge> = acts.into_iter().flat_map(weeks).collect();
        let scores: i64 = (0..7).map(|n| attention_of(&ATTENTION_1, who(n), UNTIL, &acts).micro()).sum();
        prop_assert!(scores <= 7 * WHOLE);
    }

    /// Whatever happens in one week, the sum grows by no more than the best other week, and never beyond what the
    /// twelve best other weeks add up to.
    #[test]
    fn one_viral_week_adds_no_more_than_an_ordinary_one(
        world in worlds(), week in 75_i64..=100, storm in edges_of(1..60, 0..1, 75..=75, 400),
    ) {
        let storm: Vec<Edge> = storm.into_iter().map(|act| Edge { week: Week(week), ..act }).collect();
        let (before, after) = (mine(&world), mine(&join(&world, &storm)));
        let mut others = week_sums(&before);
        let was = others.remove(&Week(week)).unwrap();
        let mut others: Vec<i64> = others.into_values().collect();
        others.sort_by_key(|sum| -sum);
        prop_assert!(after.numerator - before.numerator <= (others[0] - was).max(0));
        prop_assert!(after.numerator <= others[..12].iter().sum());
    }

    #[test]
    fn weeks_ranked_after_the_thirteenth_cost_nothing_when_they_are_empty(
        world in edges_of(0..9, 0..3, 75..=100, 400),
    ) {
        let before = mine(&world);
        let thirteenth = descending(&before)[12];
        let sums = week_sums(&before);
        let quiet: Vec<Edge> = world.into_iter().filter(|act| sums[&act.week] >= thirteenth).collect();
        prop_assert_eq!(mine(&quiet).numerator, before.numerator);
    }

    #[test]
    fn who_likes_more_of_others_gives_me_no_more(world in worlds(), acts in edges_of(1..9, 1..9, 74..=101, 90)) {
        prop_assert!(mine(&join(&world, &acts)).numerator <= mine(&world).numerator);
    }

    #[test]
    fn what_happens_among_people_who_did_not_respond_to_me_that_week_is_no_input(world in worlds()) {
        let responded = |act: &&Edge| world.iter().any(|to_me| {
            to_me.target == who(ME) && (to_me.actor, to_me.week) == (act.actor, act.week)
        });
        let only: Vec<Edge> = world.iter().filter(responded).cloned().collect();
        prop_assert_eq!(mine(&only), mine(&world));
    }

    /// Built up act by act, then one person leaves: as if that person had never been there, and what the others gave
    /// changes only where they had also responded to that person.
    #[test]
    fn leaving_equals_never_having_been_there(world in worlds(), leaver in 1_u8..9, seed in vec(any::<u32>(), 300)) {
        let involved = |act: &Edge| act.actor == who(leaver) || act.target == who(leaver);
        let never: Vec<Edge> = world.iter().filter(|act| !involved(act)).cloned().collect();
        let mut shuffled: Vec<(u32, Edge)> = seed.into_iter().zip(world.iter().cloned()).collect();
        shuffled.sort();
        let left: Vec<Edge> = shuffled.into_iter().map(|(_, act)| act).filter(|act| !involved(act)).collect();
        let (before, after) = (mine(&world), mine(&left));
        prop_assert_eq!(&after, &mine(&never));
        prop_assert!(after.parts.iter().all(|part| part.responder != who(leaver)));
        let untouched = |part: &&Part| {
            !world.iter().any(|act| involved(act) && (act.actor, act.week) == (part.responder, part.week))
        };
        prop_assert!(before.parts.iter().filter(untouched).eq(after.parts.iter().filter(untouched)));
    }

    #[test]
    fn order_and_split_rows_make_no_difference(world in worlds()) {
        let halves = |act: &Edge| {
            [act.count / 2, act.count - act.count / 2].map(|count| Edge { count, ..act.clone() })
        };
        let rows: Vec<Edge> = world.iter().rev().flat_map(halves).collect();
        prop_assert_eq!(mine(&rows), mine(&world));
    }

    #[test]
    fn absurd_counts_do_not_overflow(acts in edges_of(0..9, 0..3, 90..=100, 90), counts in vec(any::<i64>(), 90)) {
        let absurd: Vec<Edge> = acts.into_iter().zip(counts).map(|(act, count)| Edge { count, ..act }).collect();
        let positive: Vec<Edge> = absurd.iter().filter(|act| act.count > 0).cloned().collect();
        let found = mine(&absurd);
        prop_assert!((0..=8 * CAP).contains(&found.micro()));
        prop_assert_eq!(&found, &mine(&positive));
        prop_assert_eq!(found.parts.len(), naive::parts("attention-1", &positive).len());
        let most: Vec<Edge> = positive.into_iter().map(|act| Edge { count: i64::MAX, ..act }).collect();
        prop_assert_eq!(mine(&most).numerator, mine(&most).topics.values().sum::<i64>());
    }
}

#[test]
fn a_small_world_worked_out_by_hand() {
    let share = |topic_number, kind, count| Edge { topic: topic(topic_number), kind, ..edge(1, ME, 99, count) };
    // Of 14 the person spent 3 here: 1 on a like, 2 on a reshare. 3/14 of a million is 214,285, split 1 to 2 it is
    // 71,428 and 142,856 with one left, which goes to the larger remainder.
    let acts =
        [share(0, ResponseKind::Like, 1), share(1, ResponseKind::Reshare, 1), edge(1, 9, 99, 11), edge(2, ME, 100, 1)];
    let found = mine(&acts);
    let micros: Vec<(Week, &str, i64)> = found.parts.iter().map(|p| (p.week, p.topic.as_str(), p.micro)).collect();
    let expected = [(Week(99), "chess", 71_428), (Week(99), "gardens", 142_857), (Week(100), "chess", 250_000)];
    assert_eq!(micros, expected);
    assert_eq!((found.numerator, found.micro()), (214_285, 17_857), "the better week is left out");
    assert_eq!((found.responders, found.weeks), (2, 2));
}

/// The second formula on the same acts: of 13 the person spent 2 here, 1 on a like, 1 on a reshare.
#[test]
fn a_reshare_weighs_as_much_as_a_like_by_the_second_formula() {
    let share = |topic_number, kind| Edge { topic: topic(topic_number), kind, ..edge(1, ME, 99, 1) };
    let acts = [share(0, ResponseKind::Like), share(1, ResponseKind::Reshare), edge(1, 9, 99, 11)];
    let found = mine_by(&ATTENTION_2, &acts);
    let micros: Vec<(&str, i64)> = found.parts.iter().map(|part| (part.topic.as_str(), part.micro)).collect();
    assert_eq!(micros, [("chess", 76_923), ("gardens", 76_923)]);
    assert_eq!(sayso::score::explain(&found).version, "attention-2");
}

#[test]
fn each_formula_has_a_name_of_its_own() {
    let names: BTreeSet<&str> = Formula::ALL.iter().map(|formula| formula.name).collect();
    assert_eq!(names.len(), Formula::ALL.len());
    for formula in Formula::ALL {
        assert_eq!(Formula::named(formula.name), Some(formula));
    }
    assert_eq!(Formula::named("attention-3"), None);
}

#[test]
fn a_tied_remainder_goes_to_the_first_topic_then_kind() {
    let acts: Vec<Edge> = ResponseKind::ALL[..2]
        .iter()
        .flat_map(|kind| [2, 0, 1].map(|about| Edge { topic: topic(about), kind: *kind, ..edge(1, ME, 100, 1) }))
        .collect();
    let micros: Vec<i64> = mine(&acts).parts.iter().map(|part| part.micro).collect();
    assert_eq!(micros, [41_667, 41_667, 41_667, 41_667, 41_666, 41_666]);
}

#[test]
fn one_person_gives_a_quarter_of_a_week_at_most() {
    let only_me: Vec<Edge> = (75..=100).map(|week| edge(1, ME, week, 1_000)).collect();
    assert_eq!(mine(&only_me).micro(), CAP);
}

#[test]
fn a_mass_liker_gives_each_a_sliver() {
    for members in 4..120_u8 {
        let acts: Vec<Edge> =
            (75..=100).flat_map(|week| (0..members).map(move |target| edge(200, target, week, 1))).collect();
        assert_eq!(mine(&acts).micro(), WHOLE / i64::from(members));
    }
}

#[test]
fn too_little_for_one_micro_attention_is_no_part_and_no_responder() {
    let found = mine(&[edge(1, ME, 100, 1), edge(1, 9, 100, 1_000_000)]);
    assert_eq!((found.responders, found.weeks, found.parts.len()), (0, 0, 0));
}

#[test]
fn the_window_is_26_weeks_with_the_newest() {
    for week in 70..=105 {
        assert_eq!(mine(&[edge(1, ME, week, 1)]).weeks == 1, (75..=100).contains(&week), "week {week}");
    }
    for until in [i64::MIN, i64::MAX] {
        assert_eq!(attention_of(&ATTENTION_1, who(ME), until, &[edge(1, ME, until, 1)]).weeks, 1);
    }
}

#[test]
fn of_equal_weeks_the_newest_is_left_out_and_the_oldest_do_not_count() {
    let found = mine(&steady(1..=5, 75..=100));
    let counted: Vec<Week> = found.window.iter().filter(|(_, counts)| **counts).map(|(week, _)| *week).collect();
    assert_eq!(counted, (88..=99).map(Week).collect::<Vec<_>>());
}

#[test]
fn a_holiday_costs_nothing_as_long_as_13_weeks_remain() {
    let all = mine(&steady(1..=5, 75..=100)).numerator;
    for away in 0..=13 {
        for first in 75..=100 - away {
            let back = first + away;
            let acts = join(&steady(1..=5, 75..=first - 1), &steady(1..=5, back..=100));
            assert_eq!(mine(&acts).numerator, all, "{away} weeks away from week {first}");
        }
    }
    assert!(mine(&steady(1..=5, 89..=100)).numerator < all, "12 weeks are one too few");
}

#[test]
fn one_viral_week_changes_nothing_in_a_steady_half_year() {
    let ordinary = steady(1..=5, 75..=100);
    let viral: Vec<Edge> = (20..=80).map(|person| edge(person, ME, 90, 1_000_000)).collect();
    assert_eq!(mine(&join(&ordinary, &viral)).numerator, mine(&ordinary).numerator);
    assert_eq!(mine(&viral).numerator, 0, "a single week alone is nothing");
}

#[test]
fn liking_oneself_and_others_is_worth_nothing() {
    let acts: Vec<Edge> = (75..=100).flat_map(|week| [edge(ME, ME, week, 9), edge(ME, 1, week, 9)]).collect();
    assert_eq!(mine(&acts), mine(&[]));
}
