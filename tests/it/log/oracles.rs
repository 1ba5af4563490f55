//! Our tree, proofs, checkpoints and notes against two libraries of other people, on random logs.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ed25519_dalek::SigningKey;
use signed_note::{Note, StandardSigner, StandardVerifier, VerifierList};
use tlog_tiles::{Checkpoint as TheirCheckpoint, HashReader};

use super::*;
use sayso::log::{Origin, open, parse_vkey, sign, verify, vkey};

const ORIGIN: &str = "sayso.example/log";

/// The other library's tree: hashes in the order in which it stores them.
#[derive(Default)]
struct Theirs(Vec<tlog_tiles::Hash>);

impl HashReader for Theirs {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        Ok(indexes.iter().map(|index| self.0[usize::try_from(*index).unwrap()]).collect())
    }
}

impl Theirs {
    fn grow(leaves: &[Vec<u8>]) -> Self {
        let mut tree = Self::default();
        for (number, leaf) in (0..).zip(leaves) {
            let new = tlog_tiles::stored_hashes(number, leaf, &tree).unwrap();
            tree.0.extend(new);
        }
        tree
    }
}

fn hashes(theirs: &[tlog_tiles::Hash]) -> Vec<Hash> {
    theirs.iter().map(|hash| hash.0).collect()
}

fn leaves() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..200)
}

proptest! {
    #[test]
    fn roots_agree_with_two_other_libraries(leaves in leaves()) {
        let mut first = MemoryBackedTree::<Sha256, Vec<u8>>::new();
        let second = Theirs::grow(&leaves);
        let mut ours = Frontier::default();
        for (size, leaf) in (1..).zip(leaves) {
            ours.push(hash_leaf(&leaf));
            first.push(leaf);
            let root = first.root();
            prop_assert_eq!(ours.root().to_vec(), root.as_bytes().to_vec());
            prop_assert_eq!(ours.root(), tlog_tiles::tree_hash(size, &second).unwrap().0);
        }
    }

    #[test]
    fn proofs_are_those_of_another_library(leaves in leaves(), one in any::<prop::sample::Index>(), other in any::<prop::sample::Index>()) {
        let (theirs, mut ours) = (Theirs::grow(&leaves), Frontier::default());
        let mut nodes = HashMap::new();
        for leaf in &leaves {
            nodes.extend(ours.push(hash_leaf(leaf)).into_iter().map(|node| ((node.level, node.index), node.hash)));
        }
        let node = |level, index| nodes.get(&(level, index)).copied();
        let (new, old) = (leaves.len() as u64, one.index(leaves.len()) as u64 + 1);
        let index = other.index(leaves.len()) as u64;
        let inclusion = tlog_tiles::prove_record(new, index, &theirs).unwrap();
        prop_assert_eq!(inclusion_proof(index, new, node).unwrap(), hashes(&inclusion));
        let consistency = tlog_tiles::prove_tree(new, old, &theirs).unwrap();
        prop_assert_eq!(consistency_proof(old, new, node).unwrap(), hashes(&consistency));
    }

    #[test]
    fn another_library_reads_our_checkpoints_and_we_read_its_notes(size in 0..1_u64 << 40, root: [u8; 32], seed: [u8; 32]) {
        let (origin, key) = (Origin::new(ORIGIN).unwrap(), SigningKey::from_bytes(&seed));
        let our_vkey = vkey(&origin, &key.verifying_key());
        let ours = sign(&origin, size, &root, &key);

        let note = Note::from_bytes(ours.as_bytes()).unwrap();
        let known = VerifierList::new(vec![Box::new(StandardVerifier::new(&our_vkey).unwrap())]);
        prop_assert_eq!(note.verify(&known).unwrap().0.len(), 1);
        let read = TheirCheckpoint::from_bytes(note.text()).unwrap();
        prop_assert_eq!((read.origin(), read.size(), read.hash().0), (ORIGIN, size, root));

        let (_, name_id_key) = our_vkey.split_once('+').unwrap();
        let (id, _) = name_id_key.split_once('+').unwrap();
        let secret = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, [&[1][..], &seed].concat());
        let signer = StandardSigner::new(&format!("PRIVATE+KEY+{ORIGIN}+{id}+{secret}")).unwrap();
        let mut theirs = Note::new(note.text(), &[]).unwrap();
        theirs.add_sigs(&[&signer]).unwrap();
        let theirs = String::from_utf8(theirs.to_bytes()).unwrap();
        prop_assert_eq!(&theirs, &ours, "Ed25519 signs the same text in the same way");
        prop_assert!(verify(&theirs, &parse_vkey(&our_vkey).unwrap()).is_ok());
    }

    #[test]
    fn what_we_refuse_of_a_changed_note_another_library_refuses_too(seed: [u8; 32], at in any::<prop::sample::Index>(), bit in 0..8_u32) {
        let (origin, key) = (Origin::new(ORIGIN).unwrap(), SigningKey::from_bytes(&seed));
        let our_vkey = vkey(&origin, &key.verifying_key());
        let mut bytes = sign(&origin, 7, &seed, &key).into_bytes();
        let place = at.index(bytes.len());
        bytes[place] ^= 1 << bit;
        let known = VerifierList::new(vec![Box::new(StandardVerifier::new(&our_vkey).unwrap())]);
        let theirs = Note::from_bytes(&bytes).ok().and_then(|note| note.verify(&known).ok());
        let ours = String::from_utf8(bytes).ok().and_then(|text| open(&text, &parse_vkey(&our_vkey).unwrap()).ok().map(str::to_owned));
        prop_assert!(theirs.is_none() && ours.is_none());
    }
}
