//! Which score stores are declared, and whether each declaration was proved in this process.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tokio::task::JoinSet;

use super::App;
use crate::config::Config;
use crate::crypto::Blind;
use crate::domain::Micros;
use crate::ids::Pairwise;
use crate::policy::{BadStores, DeclaredStore, ScoreStores as Declaration};
use crate::store::Store;
use crate::store::outside::{OutsideError, OutsideStore};

/// The longest wait between two proofs of a store that was down, in seconds.
const WAIT_SECONDS_MAX: i64 = 60;

/// The declared stores.
#[derive(Debug, Default)]
pub(super) struct ScoreStores(BTreeMap<String, Arc<ScoreStore>>);

/// One of them.
#[derive(Debug)]
pub(super) struct ScoreStore {
    pub(super) outside: OutsideStore,
    proved: AtomicBool,
    /// Failed proofs, and when the next one is tried.
    tried: Mutex<(i64, Micros)>,
}

/// A declaration that cannot be used; the service must not start.
#[derive(Debug, thiserror::Error)]
pub enum StoresError {
    /// The file cannot be read.
    #[error("cannot read the declaration of score stores `{path}`: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It says what cannot be meant.
    #[error(transparent)]
    Bad(#[from] BadStores),
    /// It names the service's own database.
    #[error("score store `{0}` is the service's own database: declare only databases of others")]
    Own(String),
    /// A store is not what it says.
    #[error("{0}; nothing in that store was changed: mend the declaration or the store, then see `sayso stores check`")]
    Lies(StoreFailure),
}

/// What a score store did not do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("score store `{store}`: {why}")]
pub struct StoreFailure {
    /// Its declared name.
    pub store: String,
    /// What.
    pub why: OutsideError,
}

impl StoreFailure {
    pub(super) fn new(store: &str, why: OutsideError) -> Self {
        Self { store: store.into(), why }
    }

    pub(super) fn is_down(&self) -> bool {
        matches!(self.why, OutsideError::Down(_))
    }
}

/// How a declared store does.
#[derive(Debug, Clone, Serialize)]
pub struct StoreCheck {
    /// Its declared name.
    pub store: String,
    /// `proved`; `down`: nothing can be said; `false`: it is not what was declared.
    pub state: &'static str,
    /// What is wrong.
    pub why: Option<String>,
    /// Tables that were not searched for copies: no right to read them, or no time.
    pub not_searched: Vec<String>,
}

impl ScoreStores {
    pub(super) fn load(config: &Config) -> Result<Self, StoresError> {
        let path = &config.score_stores;
        if path.as_os_str().is_empty() {
            return Ok(Self::default());
        }
        let text = std::fs::read_to_string(path).map_err(|source| StoresError::Read { path: path.clone(), source })?;
        let stores = Declaration::parse(&text)?.store;
        if let Some(own) = stores.iter().find(|store| is_own(store, config)) {
            return Err(StoresError::Own(own.name.clone()));
        }
        Ok(Self(stores.into_iter().map(|store| (store.name.clone(), Arc::new(ScoreStore::new(store)))).collect()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<ScoreStore>> {
        self.0.values()
    }

    /// Those whose next proof is due.
    pub(super) fn to_prove(&self, now: Micros) -> BTreeSet<String> {
        let due = |store: &&Arc<ScoreStore>| !store.is_proved() && store.tried().1 <= now;
        self.all().filter(due).map(|store| store.name().to_owned()).collect()
    }
}

impl ScoreStore {
    fn new(declared: DeclaredStore) -> Self {
        let tried = Mutex::new((0, Micros(0)));
        Self { outside: OutsideStore::new(declared), proved: AtomicBool::new(false), tried }
    }

    pub(super) fn name(&self) -> &str {
        &self.outside.declared().name
    }

    /// What its recipient calls a person, of all the names that recipients have for them.
    pub(super) fn name_for(&self, names: &[(String, Pairwise)]) -> Option<Pairwise> {
        let recipient = self.outside.declared().recipient.as_str();
        names.iter().find(|(name, _)| name == recipient).map(|(_, pairwise)| *pairwise)
    }

    pub(super) fn is_proved(&self) -> bool {
        self.proved.load(Ordering::SeqCst)
    }

    fn tried(&self) -> (i64, Micros) {
        *self.tried.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the tables that were not searched.
    async fn prove(&self, canary: &Pairwise, now: Micros) -> Result<Vec<String>, StoreFailure> {
        let proof = self.outside.prove(canary).await;
        self.proved.store(proof.is_ok(), Ordering::SeqCst);
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        tried.0 = if proof.is_ok() { 0 } else { tried.0 + 1 };
        tried.1 = now.plus_seconds(super::deliveries::wait_seconds(tried.0, WAIT_SECONDS_MAX));
        proof.map_err(|why| StoreFailure::new(self.name(), why))
    }
}

impl App {
    /// A store whose declaration was proved; proves it if that is due.
    pub(super) async fn score_store(&self, name: &str) -> Result<Arc<ScoreStore>, StoreFailure> {
        let lost = || OutsideError::Down("it is no longer declared; what waits for it waits until it is again".into());
        let store = self.score_stores.0.get(name).ok_or_else(|| StoreFailure::new(name, lost()))?;
        if store.is_proved() {
            return Ok(Arc::clone(store));
        }
        let now = self.now();
        if now < store.tried().1 {
            return Err(StoreFailure::new(name, OutsideError::Down("its declaration is not proved yet".into())));
        }
        say_what_was_not_searched(name, &store.prove(&self.canary(name), now).await?);
        tracing::info!(store = name, "the declaration of a score store is proved");
        Ok(Arc::clone(store))
    }

    /// Proves every declaration. One that is false stops the start; a store that is down does not: the worker goes on.
    pub(super) async fn prove_stores(&self) -> Result<(), StoresError> {
        for (store, proof) in self.proofs().await {
            match proof {
                Ok(unsearched) => say_what_was_not_searched(&store, &unsearched),
                Err(failure) if failure.is_down() => {
                    tracing::warn!(%failure, "erasures and exports that concern this score store wait for it");
                }
                Err(failure) => return Err(StoresError::Lies(failure)),
            }
        }
        Ok(())
    }

    /// Proves every declaration now, and says how each store does.
    pub async fn check_stores(&self) -> Vec<StoreCheck> {
        let check = |(store, proof): (String, Result<Vec<String>, StoreFailure>)| match proof {
            Ok(not_searched) => StoreCheck { store, state: "proved", why: None, not_searched },
            Err(failure) => {
                let state = if failure.is_down() { "down" } else { "false" };
                StoreCheck { store, state, why: Some(failure.why.to_string()), not_searched: Vec::new() }
            }
        };
        self.proofs().await.into_iter().map(check).collect()
    }

    async fn proofs(&self) -> BTreeMap<String, Result<Vec<String>, StoreFailure>> {
        let (mut proving, now) = (JoinSet::new(), self.now());
        for store in self.score_stores.all() {
            let (store, canary) = (Arc::clone(store), self.canary(store.name()));
            proving.spawn(async move { (store.name().to_owned(), store.prove(&canary, now).await) });
        }
        let mut proofs = BTreeMap::new();
        while let Some(done) = proving.join_next().await {
            proofs.extend(done);
        }
        proofs
    }

    /// An id that is nobody's, the same at every start, and nobody guesses it.
    fn canary(&self, store: &str) -> Pairwise {
        let digest = Blind(&self.ring.suppression_pepper).canary(store);
        let mut id = [0; 16];
        id.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        Pairwise::new(id)
    }
}

fn say_what_was_not_searched(store: &str, tables: &[String]) {
    if !tables.is_empty() {
        tracing::warn!(store, ?tables, "these tables of a score store were not searched for copies");
    }
}

/// By the path of the file or by the text of the URL; another way to write the same URL is not recognised.
fn is_own(store: &DeclaredStore, config: &Config) -> bool {
    let Some(path) = store.url.sqlite_path() else { return store.url.expose() == config.database };
    let same = |one: &std::path::Path, other: &std::path::Path| match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    };
    config.database.is_empty() && same(path.as_ref(), &Store::sqlite_file(&config.data))
}
