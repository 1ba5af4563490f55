//! How long it takes to verify a copy of the log, against hashing its leaves and nothing else. Prints ratios of one run:
//! `cargo bench --bench log`. Machines differ and are noisy; the ratio is what to look at.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::hint::black_box;
use std::time::Duration;

use sayso::clock::Mark;
use sayso::domain::Day;
use sayso::log::{BUNDLES_AT_ONCE, Bundle, CopyWalk, Leaf, TILE_WIDTH, entries, hash_leaf};

const LEAVES: u64 = 1_000_000;
const ROUNDS: usize = 5;

fn leaf(number: u64) -> Leaf {
    let mut commitment = [0; 32];
    commitment[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    Leaf { kind: "withdrawn".into(), day: Day(20_000 + i64::try_from(number / 1_000).unwrap_or(0)), commitment }
}

/// Bundles as a folder or an address gives them.
fn copy() -> Vec<Bundle> {
    let bundle = |index: u64| {
        let first = index * TILE_WIDTH;
        let width = TILE_WIDTH.min(LEAVES - first);
        let (mut entries, mut hashes) = (Vec::new(), Vec::new());
        for number in first..first + width {
            let leaf = leaf(number).bytes();
            entries.extend(u16::try_from(leaf.len()).unwrap_or(0).to_be_bytes());
            hashes.extend(hash_leaf(&leaf));
            entries.extend(leaf);
        }
        Bundle { entries, hashes, width }
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
    let hashing = shortest(|| {
        for bundle in &copy {
            for entry in entries(&bundle.entries).unwrap_or_default() {
                black_box(hash_leaf(entry));
            }
        }
    });
    let verifying = shortest(|| {
        let mut walk = CopyWalk::new(&[]);
        for bundles in copy.chunks(BUNDLES_AT_ONCE) {
            assert!(walk.take(bundles));
        }
        assert_eq!(walk.frontier().size(), LEAVES);
        black_box(walk.frontier().root());
        assert!(walk.end().0.is_empty());
    });
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{LEAVES} leaves, the shortest of {ROUNDS} rounds, {processors} processors");
    println!("hashing the leaves, on one processor  {:.3} s  1.00", hashing.as_secs_f64());
    let ratio = verifying.as_secs_f64() / hashing.as_secs_f64();
    println!("verifying the copy, on all of them    {:.3} s  {ratio:.2}", verifying.as_secs_f64());
}
