//! Checking a copy of the log: what anybody can do who has its leaves, its public key and perhaps an older checkpoint.
//!
//! Half of all the hashing is that of leaves and the rest that of the nodes above them, so a walk that hashed one after the
//! other would take more than twice the time of hashing the leaves. Bundles do not depend on each other: each is hashed up to
//! its own root by itself, as many at once as there are processors, and only their roots are joined in order.

use std::thread;

use super::leaf::Leaf;
use super::note::Checkpoint;
use super::tile::{TILE_HEIGHT, TILE_WIDTH, entries};
use super::tree::{Frontier, Hash, hash_children, hash_leaf};

/// How many bundles are worth giving to a walk at a time: enough for every processor, little enough to keep in memory.
pub const BUNDLES_AT_ONCE: usize = 64;

/// One bundle of leaves, and the hashes that the tree holds for them, as two tiles.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// Leaves, each after its length.
    pub entries: Vec<u8>,
    /// Their hashes, one after another.
    pub hashes: Vec<u8>,
    /// How many there must be.
    pub width: u64,
}

/// Something in a copy that is not as it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// The place of the event, from 1; the leaf index is one less.
    pub seq: u64,
    /// What is wrong.
    pub what: &'static str,
}

/// A walk through a copy, bundle by bundle.
#[derive(Debug)]
pub struct CopyWalk {
    frontier: Frontier,
    older: Vec<Checkpoint>,
    faults: Vec<Fault>,
}

/// What one bundle gives by itself.
struct Looked {
    leaves: Vec<Hash>,
    /// Of a full bundle.
    root: Option<Hash>,
    faults: Vec<Fault>,
}

impl CopyWalk {
    /// Begins. The log must begin with what each older checkpoint signs.
    pub fn new(older: &[Checkpoint]) -> Self {
        let mut walk = Self { frontier: Frontier::default(), older: older.to_vec(), faults: Vec::new() };
        walk.compare_older();
        walk
    }

    /// The tree so far.
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// Takes the next bundles in order; false when one does not hold what it should, and the rest of the log cannot be looked at.
    pub fn take(&mut self, bundles: &[Bundle]) -> bool {
        for (bundle, looked) in bundles.iter().zip(look_at_all(bundles)) {
            let before = self.frontier.size();
            let Some(looked) = looked else {
                let what = "the leaves from here on are missing or cut";
                self.faults.push(Fault { seq: before.saturating_add(1), what });
                return false;
            };
            let faults =
                looked.faults.into_iter().map(|fault| Fault { seq: before.saturating_add(fault.seq), ..fault });
            self.faults.extend(faults);
            self.join(before, bundle.width, &looked.leaves, looked.root);
        }
        true
    }

    /// What was wrong, the lowest first, and the older checkpoints that lie beyond what was walked.
    pub fn end(mut self) -> (Vec<Fault>, Vec<Checkpoint>) {
        self.faults.sort_by_key(|fault| fault.seq);
        (self.faults, self.older)
    }

    /// A bundle that no older checkpoint ends in is joined as a whole.
    fn join(&mut self, before: u64, width: u64, leaves: &[Hash], root: Option<Hash>) {
        let end = before.saturating_add(width);
        let within = self.older.iter().any(|older| older.size < end);
        if let Some(root) = root.filter(|_| !within)
            && self.frontier.push_subtree(TILE_HEIGHT, root)
        {
            self.compare_older();
            return;
        }
        for leaf in leaves {
            self.frontier.push_subtree(0, *leaf);
            self.compare_older();
        }
    }

    fn compare_older(&mut self) {
        if self.older.iter().any(|older| older.contradicts(&self.frontier)) {
            let what = "the log up to this event is not what an older checkpoint signed: it was rewritten";
            self.faults.push(Fault { seq: self.frontier.size(), what });
        }
        self.older.retain(|older| older.size > self.frontier.size());
    }
}

/// Each bundle by itself, on all processors. What a thread could not do is as if the bundle were cut.
fn look_at_all(bundles: &[Bundle]) -> Vec<Option<Looked>> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let share = bundles.len().div_ceil(threads).max(1);
    let look = |share: &[Bundle]| share.iter().map(look_at).collect::<Vec<_>>();
    thread::scope(|scope| {
        let mut shares = bundles.chunks(share);
        let first = shares.next().unwrap_or_default();
        let others: Vec<_> = shares.map(|share| (share.len(), scope.spawn(move || look(share)))).collect();
        let mut looked = look(first);
        for (length, other) in others {
            looked.extend(other.join().unwrap_or_else(|_| (0..length).map(|_| None).collect()));
        }
        looked
    })
}

fn look_at(bundle: &Bundle) -> Option<Looked> {
    let (stored, rest) = bundle.hashes.as_chunks::<32>();
    let fits = |count: usize| count as u64 == bundle.width;
    let found = entries(&bundle.entries).filter(|found| fits(found.len()) && fits(stored.len()) && rest.is_empty())?;
    let (mut leaves, mut faults) = (Vec::with_capacity(found.len()), Vec::new());
    for (place, (leaf, stored)) in (1..).zip(found.into_iter().zip(stored)) {
        if !Leaf::is_written(leaf) {
            faults.push(Fault { seq: place, what: "the leaf is not written as leaves are" });
        }
        let hash = hash_leaf(leaf);
        if hash != *stored {
            let what = "the row was changed: it no longer gives the leaf that the tree holds";
            faults.push(Fault { seq: place, what });
        }
        leaves.push(hash);
    }
    let root = (bundle.width == TILE_WIDTH).then(|| root_of_full(&leaves));
    Some(Looked { leaves, root, faults })
}

/// The root over as many leaves as a power of two, of which there are at least two.
fn root_of_full(leaves: &[Hash]) -> Hash {
    let above = |below: &[Hash]| below.as_chunks().0.iter().map(|[left, right]| hash_children(left, right)).collect();
    let mut level: Vec<Hash> = above(leaves);
    while level.len() > 1 {
        level = above(&level);
    }
    level.first().copied().unwrap_or_default()
}
