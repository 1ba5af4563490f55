//! The public log: leaves without personal data, an RFC 9162 Merkle tree over them, and signed checkpoints. Pure.
//!
//! A leaf shows a kind, a day and a commitment; whoever holds the nonce and the body can open it, and destroying
//! those leaves the tree whole. Nobody who holds an older checkpoint can be shown a rewritten log.

mod copy;
mod leaf;
mod note;
mod proof;
mod receipt;
mod tile;
mod tree;

pub use copy::{BUNDLES_AT_ONCE, Bundle, CopyWalk, Fault};
pub use leaf::{Leaf, commitment};
pub use note::{Checkpoint, NoteError, Origin, VerifierKey, open, parse_vkey, sign, verify, vkey};
pub use proof::{BadProofText, ProofText};
pub use receipt::{BadReceipt, Opened, Receipt};
pub use tile::{TILE_WIDTH, Tile, TileKind, entries};
pub use tree::{
    BadFrontier, BadProof, Frontier, Hash, Node, consistency_proof, hash_children, hash_leaf, inclusion_proof, root_of,
    verify_consistency, verify_inclusion,
};
