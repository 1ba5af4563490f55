//! A pass of an engine that has its own graph, over the people whom the gate allows.

use sayso::clock::Mark;
use sayso::service::Asked;

use crate::stage::{Stage, pairwise, question};
use crate::table::{Table, Target, seconds};

const PEOPLE: usize = 1_000_000;
const EDGES_OF_EACH: usize = 10;
/// The largest part that one person can give another, in millionths.
const PART_MAX: u64 = 250_000;

/// What everybody receives: each gives a million, split by weight over those to whom they responded, as the built-in score has it.
fn pass(edges: &[(u32, u32)], may: Option<&[bool]>) -> u64 {
    let may = |person: u32| may.is_none_or(|may| may[person as usize]);
    let mut received = vec![0_u64; PEOPLE];
    for (from, of) in edges.chunks(EDGES_OF_EACH).enumerate() {
        if !may(u32::try_from(from).unwrap()) {
            continue;
        }
        let spent: u64 = of.iter().map(|(to, weight)| u64::from(*weight) * u64::from(may(*to))).sum();
        for (to, weight) in of.iter().filter(|(to, _)| may(*to)) {
            received[*to as usize] += (1_000_000 * u64::from(*weight) / spent.max(1)).min(PART_MAX);
        }
    }
    received.iter().sum()
}

/// Ten million edges of a million people: asking the gate about all of them and leaving out who is denied, against leaving out nobody.
pub async fn over_consenting_people(stage: &Stage, table: &mut Table) {
    let _names = stage.remember(0..PEOPLE);
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let mut edge = || (u32::try_from(next() % PEOPLE as u64).unwrap(), u32::try_from(1 + next() % 4).unwrap());
    let edges: Vec<(u32, u32)> = (0..PEOPLE * EDGES_OF_EACH).map(|_| edge()).collect();
    let ids: Vec<_> = (0..PEOPLE).map(pairwise).collect();
    let mut times = [Vec::new(), Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..5 {
        let begun = Mark::now();
        std::hint::black_box(pass(&edges, None));
        times[0].push(begun.elapsed());
        let begun = Mark::now();
        let mut may = vec![false; PEOPLE];
        for (block, some) in ids.chunks(1_000).enumerate() {
            let asked = question(some.iter().copied().map(Asked::Pairwise).collect());
            for place in stage.world.app.filter(&stage.desk, &asked).await.unwrap().allowed {
                may[block * 1_000 + place] = true;
            }
        }
        times[2].push(begun.elapsed());
        std::hint::black_box(pass(&edges, Some(&may)));
        times[1].push(begun.elapsed());
        times[3].push(stage.counted().await);
    }
    let [everybody, consenting, asking, counted] = times.map(|times| seconds(&times));
    table.row(
        "a scoring pass over consenting people, 10,000,000 edges",
        "the same pass over everybody",
        consenting / everybody,
        &Target::AtMost(1.1, "at most 1.10"),
        format!("{consenting:.2} s, of which asking about all {asking:.2} s, against {everybody:.2} s; counting, afterwards, {counted:.1} s"),
    );
}
