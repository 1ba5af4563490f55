//! How long it takes to verify a copy of the log, against hashing its leaves and nothing else. Prints ratios of one run:
//! `cargo bench --bench log`. Machines differ and are noisy; the ratio is what to look at.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::hint::black_box;
use std::time::Duration;

use sayso::clock::Mark;
use sayso::domain::Day;
use sayso::log::{Frontier, Leaf, TILE_WIDTH, entries, hash_leaf};

const LEAVES: u64 = 1_000_000;
const ROUNDS: usize = 5;

fn leaf(number: u64) -> Leaf {
    let mut commitment = [0; 32];
    commitment[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    Leaf { kind: "withdrawn".into(), day: Day(20_000 + i64::try_from(number / 1_000).unwrap_or(0)), commitment }
}

/// Bundles as a folder or an address gives them, and the hashes that the tree holds.
fn copy() -> Vec<(Vec<u8>, Vec<[u8; 32]>)> {
    let bundle = |index: u64| {
        let (mut bytes, mut hashes) = (Vec::new(), Vec::new());
        for number in index * TILE_WIDTH..LEAVES.min((index + 1) * TILE_WIDTH) {
            let leaf = leaf(number).bytes();
            bytes.extend(u16::try_from(leaf.len()).unwrap_or(0).to_be_bytes());
            hashes.push(hash_leaf(&leaf));
            bytes.extend(leaf);
        }
        (bytes, hashes)
    };
    (0..LEAVES.div_ceil(TILE_WIDTH)).map(bundle).collect()
}

/// The shortest of some rounds, which the noise of the machine reached least.
fn shortest(work: impl Fn()) -> Duration {
    let round = || {
        let begun = Mark::now();
        work();
        begun.elapsed()
    };
    (0..ROUNDS).map(|_| round()).min().unwrap_or_default()
}

fn main() {
    let copy = copy();
    let each = |visit: &mut dyn FnMut(&[u8], &[u8; 32])| {
        for (bundle, hashes) in &copy {
            for (entry, hash) in entries(bundle).unwrap_or_default().into_iter().zip(hashes) {
                visit(entry, hash);
            }
        }
    };
    let hashing = shortest(|| {
        each(&mut |entry, _| {
            black_box(hash_leaf(entry));
        });
    });
    let tree = shortest(|| {
        let mut frontier = Frontier::default();
        each(&mut |entry, _| drop(frontier.push(hash_leaf(entry))));
        black_box(frontier.root());
    });
    let verifying = shortest(|| {
        let (mut frontier, mut wrong) = (Frontier::default(), 0);
        each(&mut |entry, stored| {
            let hash = hash_leaf(entry);
            let written = std::str::from_utf8(entry).is_ok_and(Leaf::is_written);
            wrong += u64::from(hash != *stored || !written);
            drop(frontier.push(hash));
        });
        assert_eq!((wrong, frontier.size()), (0, LEAVES));
        black_box(frontier.root());
    });
    let ratio = |time: Duration| time.as_secs_f64() / hashing.as_secs_f64();
    println!("{LEAVES} leaves, the shortest of {ROUNDS} rounds");
    println!("hashing the leaves      {:.3} s  1.00", hashing.as_secs_f64());
    println!("and the tree            {:.3} s  {:.2}", tree.as_secs_f64(), ratio(tree));
    println!("and checking each leaf  {:.3} s  {:.2}", verifying.as_secs_f64(), ratio(verifying));
}
