//! What the gate looks at, in memory, where one process alone writes: the server of a SQLite file. One entry for each name of a person
//! and each triple with a grant. It holds what a look-up in the database would find, and decides nothing.
//!
//! A change is taken away here before it is committed, and put back as it now is when the commit was answered. In between, and for as long
//! as nobody knows how a commit went, those whom it touches are nobody here, and nobody is allowed. On PostgreSQL several nodes write,
//! and each decision reads the database; what a node remembers there needs a lease first.
//!
//! An entry is found under the first half of a blind index, or a pairwise id, with a secret of this process and of the triple over it:
//! a name that one recipient was given leads nowhere for another one.

mod entry;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};

use crate::crypto::sha256;
use crate::domain::{Recipient, Seq, Triple};
use crate::gate::Projection;
use crate::ids::Subject;
use crate::mutant;
use crate::secret::Key;
use entry::Entry;

const NAME_BYTES: usize = 16;
const SHARDS: usize = 256;

type Shard = HashMap<Cell, Entry, BuildHasherDefault<Folded>>;

/// Where an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Cell(u64, u64);

impl Cell {
    fn shard(&self) -> usize {
        usize::try_from(self.1 % SHARDS as u64).unwrap_or_default()
    }
}

/// Everybody who is in it.
#[derive(Debug)]
pub struct Everybody<'a>(Vec<RwLockReadGuard<'a, Shard>>);

impl Everybody<'_> {
    /// What the gate looks at of somebody.
    #[inline]
    pub fn find(&self, column: &Column, name: &[u8]) -> Projection {
        let found = column.cell(name).and_then(|cell| self.0.get(cell.shard())?.get(&cell).copied());
        found.unwrap_or(Entry::NOBODY).projection()
    }
}

/// How somebody is named.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// By the blind index of an identifier; counts for every recipient.
    Blind(Vec<u8>),
    /// By the id that one recipient was given.
    Pairwise(Recipient, Vec<u8>),
}

/// The names and grants of some people, with what the gate looks at.
#[derive(Debug, Clone, Default)]
pub struct People {
    /// How they are named.
    pub names: BTreeMap<Subject, BTreeSet<Name>>,
    /// What stands there for a triple.
    pub grants: BTreeMap<Subject, BTreeMap<Triple, Projection>>,
}

/// What a transaction changes.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Whom.
    pub subjects: BTreeSet<Subject>,
    /// Names that they had before it.
    pub names: BTreeMap<Subject, BTreeSet<Name>>,
    /// Triples that were granted before it.
    pub triples: BTreeMap<Subject, BTreeSet<Triple>>,
    /// Whether it changes what holds for everybody: notices, house rules, registered callers.
    pub rules: bool,
    /// The last event in it.
    pub seq: Seq,
    /// As it will be.
    pub after: People,
}

/// What the gate looks at, in memory.
#[derive(Debug)]
pub struct Fence {
    secret: Key,
    shards: Vec<RwLock<Shard>>,
    /// Odd while what holds for everybody changes.
    generation: AtomicU64,
    /// Odd while anything changes.
    changes: AtomicU64,
    seq: AtomicI64,
    /// Those of whom nobody knows how a commit went.
    lost: Mutex<Lost>,
}

/// Of whom, and whether of everybody, it is not known how a commit went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lost {
    /// People.
    pub subjects: BTreeSet<Subject>,
    /// What holds for everybody.
    pub rules: bool,
}

/// Where the entries of one triple are, for one kind of name.
#[derive(Debug, Clone, Copy)]
pub struct Column([u8; NAME_BYTES]);

/// People whose entries are away until the commit was answered.
#[must_use]
#[derive(Debug)]
pub struct Hidden<'a> {
    fence: &'a Fence,
    change: Change,
    installed: bool,
}

/// The names are evenly spread already: their halves are laid over each other.
#[derive(Debug, Default)]
pub struct Folded(u64);

impl Hasher for Folded {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }
    fn write_u64(&mut self, half: u64) {
        self.0 ^= half;
    }
}

impl Column {
    fn cell(&self, name: &[u8]) -> Option<Cell> {
        let name = name.first_chunk::<NAME_BYTES>()?;
        let cell = (u128::from_ne_bytes(*name) ^ u128::from_ne_bytes(self.0)).to_ne_bytes();
        let (first, second) = cell.split_first_chunk::<8>()?;
        Some(Cell(u64::from_ne_bytes(*first), u64::from_ne_bytes(*second.first_chunk()?)))
    }
}

impl Fence {
    /// With nobody in it.
    pub fn new(secret: Key) -> Self {
        let shards = (0..SHARDS).map(|_| RwLock::default()).collect();
        Self {
            secret,
            shards,
            generation: AtomicU64::new(0),
            changes: AtomicU64::new(0),
            seq: AtomicI64::new(0),
            lost: Mutex::default(),
        }
    }

    /// Where the entries of a triple are, for people named by a pairwise id or by a blind index.
    pub fn column(&self, triple: &Triple, pairwise: bool) -> Column {
        let mut text = self.secret.expose().to_vec();
        text.push(u8::from(pairwise));
        for part in [triple.purpose.as_str(), triple.source.as_str(), triple.recipient.as_str()] {
            text.extend(part.len().to_be_bytes());
            text.extend(part.as_bytes());
        }
        let digest = sha256(&text);
        Column(digest.first_chunk().copied().unwrap_or_default())
    }

    /// What the gate looks at of somebody.
    #[inline]
    pub fn find(&self, column: &Column, name: &[u8]) -> Projection {
        let found = column.cell(name).and_then(|cell| {
            let shard = self.shard(&cell)?.read().unwrap_or_else(PoisonError::into_inner);
            shard.get(&cell).copied()
        });
        found.unwrap_or(Entry::NOBODY).projection()
    }

    /// Everybody, for as long as it is held: for questions about many, where a lock for each of them costs as much as finding them, and keeps
    /// the processor from fetching the next while it waits for one. Changes wait meanwhile.
    pub fn everybody(&self) -> Everybody<'_> {
        // Whoever writes holds one of these locks and waits for none.
        Everybody(self.shards.iter().map(|shard| shard.read().unwrap_or_else(PoisonError::into_inner)).collect())
    }

    fn shard(&self, cell: &Cell) -> Option<&RwLock<Shard>> {
        self.shards.get(cell.shard())
    }

    /// The last event that is in it.
    pub fn seq(&self) -> Seq {
        Seq(self.seq.load(Ordering::SeqCst))
    }

    /// Counts the changes of what holds for everybody; nothing while one is on its way. What was read from the database after this was
    /// asked is right for as long as the answer is the same.
    pub fn generation(&self) -> Option<u64> {
        Some(self.generation.load(Ordering::SeqCst)).filter(|generation| generation.is_multiple_of(2))
    }

    /// Counts all changes; nothing while one is on its way: whoever was not found between two times that it was the same, is not there.
    pub fn changes(&self) -> Option<u64> {
        Some(self.changes.load(Ordering::SeqCst)).filter(|changes| changes.is_multiple_of(2))
    }

    /// Of whom it must be read anew how they stand.
    pub fn lost(&self) -> Lost {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes away whomever a change touches, right before it is committed. Whoever is in [`Fence::lost`] must be in it.
    pub fn hide(&self, change: Change) -> Hidden<'_> {
        *self.lost.lock().unwrap_or_else(PoisonError::into_inner) = Lost::default();
        self.changes.fetch_or(1, Ordering::SeqCst);
        if change.rules {
            self.generation.fetch_or(1, Ordering::SeqCst);
        }
        for subject in &change.subjects {
            let names = change.names.get(subject).into_iter().flatten();
            let now = change.after.names.get(subject).into_iter().flatten();
            let ended = change.triples.get(subject).into_iter().flatten();
            let granted = change.after.grants.get(subject).into_iter().flat_map(BTreeMap::keys);
            let triples: BTreeSet<&Triple> = ended.chain(granted).collect();
            for name in names.chain(now) {
                for triple in &triples {
                    self.write(name, triple, None);
                }
            }
        }
        Hidden { fence: self, change, installed: false }
    }

    /// Puts people in as they are.
    fn install(&self, people: &People) {
        for (subject, grants) in &people.grants {
            for name in people.names.get(subject).into_iter().flatten() {
                for (triple, projection) in grants {
                    self.put(name, triple, projection);
                }
            }
        }
    }

    /// Puts somebody in, under one name and for one triple.
    pub fn put(&self, name: &Name, triple: &Triple, person: &Projection) {
        self.write(name, triple, Entry::of(person));
    }

    /// The same for one of very many people of one triple and one kind of name.
    pub fn put_at(&self, column: &Column, name: &[u8], person: &Projection) {
        self.write_at(column, name, Entry::of(person));
    }

    /// Says up to which event people were put in.
    pub fn is_at(&self, seq: Seq) {
        self.seq.store(seq.0, Ordering::SeqCst);
    }

    fn write(&self, name: &Name, triple: &Triple, entry: Option<Entry>) {
        let (name, column) = match name {
            Name::Blind(blind) => (blind, self.column(triple, false)),
            Name::Pairwise(recipient, pairwise) if *recipient == triple.recipient => {
                (pairwise, self.column(triple, true))
            }
            Name::Pairwise(..) => return,
        };
        self.write_at(&column, name, entry);
    }

    fn write_at(&self, column: &Column, name: &[u8], entry: Option<Entry>) {
        let Some(cell) = column.cell(name) else { return };
        let Some(shard) = self.shard(&cell) else { return };
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        match entry {
            Some(entry) => drop(shard.insert(cell, entry)),
            None if mutant::on("fence_keeps_who_changed") => {}
            None => drop(shard.remove(&cell)),
        }
    }
}

impl Hidden<'_> {
    /// After the commit was answered: puts back everybody as they now are.
    pub fn install(mut self) {
        self.installed = true;
        self.fence.install(&self.change.after);
        self.fence.is_at(self.change.seq);
        if self.change.rules {
            self.fence.generation.fetch_add(1, Ordering::SeqCst);
        }
        self.fence.changes.fetch_add(1, Ordering::SeqCst);
    }
}

impl Drop for Hidden<'_> {
    /// Nobody knows whether it was committed: they stay away until they were read anew.
    fn drop(&mut self) {
        if self.installed || mutant::on("fence_forgets_who_is_lost") {
            return;
        }
        let mut lost = self.fence.lost.lock().unwrap_or_else(PoisonError::into_inner);
        lost.subjects.append(&mut self.change.subjects);
        lost.rules |= self.change.rules;
    }
}
