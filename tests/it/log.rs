//! The public log: the tree against a naive one and other libraries; leaves against their written form.

use std::collections::HashMap;

use proptest::prelude::*;
use sayso::domain::Day;
use sayso::log::{
    Frontier, Hash, Leaf, commitment, consistency_proof, hash_children, hash_leaf, inclusion_proof, verify_consistency,
    verify_inclusion,
};
use sha2::{Digest, Sha256};

mod foreign;
mod fuzz;
mod note;
mod oracles;
mod receipts;
mod tiles;

/// The definition of RFC 9162, 2.1.1, word for word.
fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves.len() {
        0 => Sha256::digest([]).into(),
        1 => leaves[0],
        n => {
            let (left, right) = leaves.split_at(1 << (n - 1).ilog2());
            hash_children(&naive_root(left), &naive_root(right))
        }
    }
}

/// RFC 9162, 2.1.3.1.
fn naive_path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() <= 1 {
        return vec![];
    }
    let k = 1 << (leaves.len() - 1).ilog2();
    let (left, right) = leaves.split_at(k);
    let (mut path, other) =
        if index < k { (naive_path(index, left), right) } else { (naive_path(index - k, right), left) };
    path.push(naive_root(other));
    path
}

/// RFC 9162, 2.1.4.1.
fn naive_consistency(old: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if whole { vec![] } else { vec![naive_root(leaves)] };
    }
    let k = 1 << (leaves.len() - 1).ilog2();
    let (left, right) = leaves.split_at(k);
    let (mut path, other) = if old <= k {
        (naive_consistency(old, left, whole), right)
    } else {
        (naive_consistency(old - k, right, false), left)
    };
    path.push(naive_root(other));
    path
}

struct Tree {
    leaves: Vec<Hash>,
    roots: Vec<Hash>,
    nodes: HashMap<(u32, u64), Hash>,
}

impl Tree {
    fn grow(size: usize) -> Self {
        let leaves: Vec<Hash> = (0..size).map(|i| hash_leaf(&i.to_be_bytes())).collect();
        let mut frontier = Frontier::default();
        let mut roots = vec![frontier.root()];
        let mut nodes = HashMap::new();
        for leaf in &leaves {
            for node in frontier.push(*leaf) {
                assert!(nodes.insert((node.level, node.index), node.hash).is_none(), "each subtree is reported once");
            }
            frontier = Frontier::decode(frontier.size(), &frontier.encode()).unwrap();
            roots.push(frontier.root());
        }
        Self { leaves, roots, nodes }
    }
    fn node(&self) -> impl Fn(u32, u64) -> Option<Hash> {
        |level, index| self.nodes.get(&(level, index)).copied()
    }
}

#[test]
fn every_root_up_to_300_leaves_is_the_defined_one() {
    let tree = Tree::grow(300);
    for (size, root) in tree.roots.iter().enumerate() {
        assert_eq!(*root, naive_root(&tree.leaves[..size]), "size {size}");
    }
}

#[test]
fn a_push_reports_exactly_the_complete_subtrees() {
    let tree = Tree::grow(300);
    let expected: usize = (0..9).map(|level| 300 >> level).sum();
    assert_eq!(tree.nodes.len(), expected);
    for ((level, index), hash) in &tree.nodes {
        let (start, length) = (usize::try_from(index << level).unwrap(), 1 << level);
        assert_eq!(*hash, naive_root(&tree.leaves[start..start + length]));
    }
}

#[test]
fn every_inclusion_proof_up_to_70_leaves_is_the_defined_one_and_holds() {
    let tree = Tree::grow(70);
    for size in 1..=70_usize {
        for index in 0..size {
            let proof = inclusion_proof(index as u64, size as u64, tree.node()).unwrap();
            assert_eq!(proof, naive_path(index, &tree.leaves[..size]));
            let holds = |at: usize, leaf: usize| {
                verify_inclusion(at as u64, size as u64, &tree.leaves[leaf], &proof, &tree.roots[size]).is_ok()
            };
            assert!(holds(index, index));
            assert!((0..size).filter(|at| *at != index).all(|at| !holds(at, index) && !holds(index, at)));
        }
    }
}

#[test]
fn every_consistency_proof_up_to_70_leaves_is_the_defined_one_and_holds() {
    let tree = Tree::grow(70);
    for new in 1..=70_usize {
        for old in 1..=new {
            let proof = consistency_proof(old as u64, new as u64, tree.node()).unwrap();
            assert_eq!(proof, naive_consistency(old, &tree.leaves[..new], true));
            let holds = |a: usize, b: usize| {
                verify_consistency((old as u64, &tree.roots[a]), (new as u64, &tree.roots[b]), &proof).is_ok()
            };
            assert!(holds(old, new));
            assert!((0..=70).filter(|size| *size != old).all(|size| !holds(size, new)));
            assert!((0..=70).filter(|size| *size != new).all(|size| !holds(old, size)));
        }
    }
}

#[test]
fn proofs_outside_the_tree_do_not_exist() {
    let tree = Tree::grow(7);
    assert_eq!(inclusion_proof(7, 7, tree.node()), None);
    assert_eq!(inclusion_proof(0, 0, tree.node()), None);
    assert_eq!(inclusion_proof(0, 9, tree.node()), None, "the store lacks what the size asks for");
    assert_eq!(consistency_proof(0, 7, tree.node()), None);
    assert_eq!(consistency_proof(8, 7, tree.node()), None);
}

#[test]
fn a_frontier_that_does_not_fit_its_size_is_refused() {
    for size in 0..64_u64 {
        let bytes = (size.count_ones() * 32) as usize;
        for length in 0..=260 {
            assert_eq!(Frontier::decode(size, &vec![7; length]).is_ok(), length == bytes, "{size} {length}");
        }
    }
}

proptest! {
    #[test]
    fn any_changed_leaf_changes_every_later_root(size in 1_usize..100, at in any::<prop::sample::Index>(), bit in 0_usize..256) {
        let mut leaves = Tree::grow(size).leaves;
        let before = naive_root(&leaves);
        leaves[at.index(size)][bit / 8] ^= 1 << (bit % 8);
        let mut frontier = Frontier::default();
        for leaf in &leaves {
            frontier.push(*leaf);
        }
        prop_assert_ne!(frontier.root(), before);
    }

    #[test]
    fn verifiers_survive_anything(index: u64, size: u64, proof in prop::collection::vec(any::<[u8; 32]>(), 0..70), root: [u8; 32]) {
        prop_assert!(verify_inclusion(index, size, &root, &proof, &[0; 32]).is_err());
        prop_assert!(verify_consistency((index, &root), (size, &[0; 32]), &proof).is_err());
    }
}

#[test]
fn a_leaf_is_four_lines() {
    let leaf = Leaf { kind: "granted".into(), day: Day(20_779), commitment: [0xab; 32] };
    let text = format!("sayso-leaf/v1\ngranted\n2026-11-22\n{}\n", "ab".repeat(32));
    assert_eq!(leaf.bytes(), text.as_bytes());
    assert_eq!(leaf.hash(), <Hash>::from(Sha256::digest([&[0], text.as_bytes()].concat())));
}

#[test]
fn days_are_written_as_in_the_calendar() {
    let date = |day| {
        let leaf = Leaf { kind: "held".into(), day: Day(day), commitment: [0; 32] };
        String::from_utf8(leaf.bytes()).unwrap().lines().nth(2).unwrap().to_owned()
    };
    let cases = [(0, "1970-01-01"), (-1, "1969-12-31"), (11_016, "2000-02-29"), (2_932_896, "9999-12-31")];
    for (day, expected) in &cases {
        assert_eq!(date(*day), *expected);
    }
    assert_eq!((date(i64::MAX), date(i64::MIN)), ("9999-12-31".into(), "0000-01-01".into()));
}

#[test]
fn a_commitment_is_hmac_sha256() {
    // RFC 4231 has no 32-byte key; this was computed with the standard library of another language.
    let expected = "b6afea8c726caeaff82cfa0986ac0488e23209b5bfd3360a4f9a4b23b2f740f3";
    let key: [u8; 32] = std::array::from_fn(|i| u8::try_from(i).unwrap());
    assert_eq!(hex::encode(commitment(&key, r#"{"act":{"kind":"held"},"at":0}"#)), expected);
}
