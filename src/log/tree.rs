//! The Merkle tree of RFC 9162 (section 2.1) over SHA-256: growing it, proving from it, checking proofs.
//!
//! Growing needs only the frontier, the roots of the complete subtrees that the size is made of. Proving reads the
//! complete subtrees that [`Frontier::push`] reported, O(log n) of them.

use sha2::{Digest, Sha256};

/// A SHA-256 digest.
pub type Hash = [u8; 32];

const HASH_BYTES: usize = 32;

/// The bytes are not one 32-byte hash for each bit that is set in the size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored frontier does not fit the size of the log; restore the database from a backup")]
pub struct BadFrontier;

/// The proof does not show what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the proof does not lead to the root of the checkpoint; fetch it again, and if it stays so the log was changed"
)]
pub struct BadProof;

/// A complete subtree, whose hash never changes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// How high it is: it covers `2^level` leaves.
    pub level: u32,
    /// Which one of its level, from the left, from 0.
    pub index: u64,
    /// Its root.
    pub hash: Hash,
}

/// What is needed of a tree to grow it and to know its root.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    /// The roots of complete subtrees from the left, the largest first: one for each bit of the size.
    roots: Vec<Hash>,
}

impl Frontier {
    /// Reads what [`Frontier::encode`] wrote.
    pub fn decode(size: u64, bytes: &[u8]) -> Result<Self, BadFrontier> {
        let (roots, rest) = bytes.as_chunks::<HASH_BYTES>();
        let fits = rest.is_empty() && u32::try_from(roots.len()) == Ok(size.count_ones());
        if fits { Ok(Self { size, roots: roots.to_vec() }) } else { Err(BadFrontier) }
    }
    /// The roots, one after another, for the store to keep beside the size.
    pub fn encode(&self) -> Vec<u8> {
        self.roots.concat()
    }
    /// How many leaves.
    pub fn size(&self) -> u64 {
        self.size
    }
    /// Appends a leaf and returns every subtree that it completes, the leaf itself first.
    pub fn push(&mut self, leaf: Hash) -> Vec<Node> {
        let mut done = Vec::new();
        self.grow(0, leaf, |node| done.push(node));
        done
    }
    /// Appends `2^level` leaves by the root of the subtree over them; false, and nothing is appended, where no such subtree begins.
    pub fn push_subtree(&mut self, level: u32, root: Hash) -> bool {
        let fits = level < u64::BITS && self.size.trailing_zeros() >= level;
        if fits {
            self.grow(level, root, drop);
        }
        fits
    }
    fn grow(&mut self, level: u32, root: Hash, mut done: impl FnMut(Node)) {
        let mut node = Node { level, index: self.size >> level, hash: root };
        done(node);
        for level in (level + 1)..=(level + (self.size >> level).trailing_ones()) {
            let left = self.roots.pop().unwrap_or_default();
            node = Node { level, index: node.index >> 1, hash: hash_children(&left, &node.hash) };
            done(node);
        }
        self.roots.push(node.hash);
        self.size = self.size.saturating_add(1 << level);
    }
    /// The way from the newest leaf up to the root, for [`verify_inclusion`]: every subtree before it, the nearest first.
    /// Ask it before the leaf is pushed.
    pub fn path_of_next(&self) -> Vec<Hash> {
        self.roots.iter().rev().copied().collect()
    }
    /// The root of the whole tree.
    pub fn root(&self) -> Hash {
        let joined = self.roots.iter().rev().copied().reduce(|right, left| hash_children(&left, &right));
        joined.unwrap_or_else(|| Sha256::digest([]).into())
    }
}

/// The hash of a leaf's bytes.
pub fn hash_leaf(bytes: &[u8]) -> Hash {
    Sha256::new_with_prefix([0]).chain_update(bytes).finalize().into()
}

/// The hash of the node above two others.
pub fn hash_children(left: &Hash, right: &Hash) -> Hash {
    Sha256::new_with_prefix([1]).chain_update(left).chain_update(right).finalize().into()
}

/// Whether the leaf stands at this index, from 0, of the tree with this size and root (RFC 9162, 2.1.3.2).
pub fn verify_inclusion(index: u64, size: u64, leaf: &Hash, proof: &[Hash], root: &Hash) -> Result<(), BadProof> {
    let Some(mut last) = size.checked_sub(1).filter(|last| index <= *last) else { return Err(BadProof) };
    let mut at = index;
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return Err(BadProof);
        }
        if at & 1 == 1 || at == last {
            hash = hash_children(sibling, &hash);
            climb_while_left(&mut at, &mut last);
        } else {
            hash = hash_children(&hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    if last == 0 && hash == *root { Ok(()) } else { Err(BadProof) }
}

/// Whether the new tree begins with the old one (RFC 9162, 2.1.4.2).
///
/// Every tree begins with the empty one, so there is no proof of that: ask only when the old size is not 0.
pub fn verify_consistency(
    (old_size, old_root): (u64, &Hash),
    (new_size, new_root): (u64, &Hash),
    proof: &[Hash],
) -> Result<(), BadProof> {
    if old_size == new_size {
        return if proof.is_empty() && old_root == new_root { Ok(()) } else { Err(BadProof) };
    }
    if old_size == 0 || old_size > new_size {
        return Err(BadProof);
    }
    let whole = old_size.is_power_of_two().then_some(old_root);
    let mut steps = whole.into_iter().chain(proof);
    let Some(first) = steps.next() else { return Err(BadProof) };
    let (mut old, mut new) = (*first, *first);
    let shared = (old_size - 1).trailing_ones();
    let (mut at, mut last) = ((old_size - 1) >> shared, (new_size - 1) >> shared);
    for sibling in steps {
        if last == 0 {
            return Err(BadProof);
        }
        if at & 1 == 1 || at == last {
            old = hash_children(sibling, &old);
            new = hash_children(sibling, &new);
            climb_while_left(&mut at, &mut last);
        } else {
            new = hash_children(&new, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    if last == 0 && old == *old_root && new == *new_root { Ok(()) } else { Err(BadProof) }
}

/// Skips the levels on which the node at the right edge has no sibling.
fn climb_while_left(at: &mut u64, last: &mut u64) {
    let levels = if *at == 0 { 0 } else { at.trailing_zeros() };
    *at >>= levels;
    *last >>= levels;
}

/// The proof that a leaf is in the tree of this size; `node(level, index)` looks up complete subtrees. None if the
/// index is not below the size, or a subtree is missing.
pub fn inclusion_proof(index: u64, size: u64, node: impl Fn(u32, u64) -> Option<Hash>) -> Option<Vec<Hash>> {
    let (mut start, mut end) = (0, size);
    let mut proof = Vec::new();
    if index >= size {
        return None;
    }
    while end - start > 1 {
        let middle = split(start, end);
        if index < middle {
            proof.push(range_root(middle, end, &node)?);
            end = middle;
        } else {
            proof.push(range_root(start, middle, &node)?);
            start = middle;
        }
    }
    proof.reverse();
    Some(proof)
}

/// The proof that the tree of the new size begins with that of the old size; `node` as for [`inclusion_proof`].
/// None unless `0 < old <= new`, or if a subtree is missing.
pub fn consistency_proof(old: u64, new: u64, node: impl Fn(u32, u64) -> Option<Hash>) -> Option<Vec<Hash>> {
    let (mut start, mut end) = (0, new);
    let mut proof = Vec::new();
    if old == 0 || old > new {
        return None;
    }
    while old != end {
        let middle = split(start, end);
        if old <= middle {
            proof.push(range_root(middle, end, &node)?);
            end = middle;
        } else {
            proof.push(range_root(start, middle, &node)?);
            start = middle;
        }
    }
    if start > 0 {
        proof.push(range_root(start, end, &node)?);
    }
    proof.reverse();
    Some(proof)
}

/// The root of the tree of this size; `node` as for [`inclusion_proof`]. None if a subtree is missing.
pub fn root_of(size: u64, node: impl Fn(u32, u64) -> Option<Hash>) -> Option<Hash> {
    if size == 0 { Some(Frontier::default().root()) } else { range_root(0, size, &node) }
}

/// Where the tree over leaves `start..end`, of which there are at least two, divides: after the largest power of two that is smaller.
fn split(start: u64, end: u64) -> u64 {
    start + (1 << (end - start - 1).ilog2())
}

/// The root over leaves `start..end`.
fn range_root(start: u64, end: u64, node: &impl Fn(u32, u64) -> Option<Hash>) -> Option<Hash> {
    let leaves = end - start;
    if leaves.is_power_of_two() {
        let level = leaves.ilog2();
        return node(level, start >> level);
    }
    let middle = split(start, end);
    Some(hash_children(&range_root(start, middle, node)?, &range_root(middle, end, node)?))
}
