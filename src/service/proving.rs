//! Which score stores are declared, and whether each declaration was proved in this process.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tokio::task::JoinSet;

use super::{App, ServiceError};
use crate::config::Config;
use crate::crypto::{Blind, Role};
use crate::domain::Micros;
use crate::ids::Pairwise;
use crate::policy::{BadStores, DeclaredStore, ScoreStores as Declaration};
use crate::store::outside::{OutsideError, OutsideStore};
use crate::store::{Store, StoreError};

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
    #[error(
        "{0}; no row about anybody was touched, and what may be left of the proof in a declared table goes with the next one: mend the declaration or the store, then see `sayso stores check`"
    )]
    Lies(StoreFailure),
    /// The service's own database.
    #[error(transparent)]
    Store(#[from] StoreError),
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

    fn is_lie(&self) -> bool {
        matches!(self.why, OutsideError::Lies(_))
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

    /// With a recipient that is not there nobody has a name in this store: nothing would ever be found in it, and erasures would be
    /// certified all the same. Before the first recipient there is nothing to compare with, and no id that a row could have.
    fn unknown_recipient(&self, recipients: &BTreeSet<String>) -> Option<OutsideError> {
        let recipient = self.outside.declared().recipient.as_str();
        let unknown = !recipients.is_empty() && !recipients.contains(recipient);
        let what = || format!("the recipient `{recipient}` is not registered: register it first, or mend its name");
        unknown.then(|| OutsideError::Lies(what()))
    }

    pub(super) fn is_proved(&self) -> bool {
        self.proved.load(Ordering::SeqCst)
    }

    fn tried(&self) -> (i64, Micros) {
        *self.tried.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the tables that were not searched.
    async fn prove(
        &self,
        recipients: &BTreeSet<String>,
        canary: &Pairwise,
        now: Micros,
    ) -> Result<Vec<String>, StoreFailure> {
        let proof = match self.unknown_recipient(recipients) {
            Some(lie) => Err(lie),
            None => self.outside.prove(canary).await,
        };
        self.proved.store(proof.is_ok(), Ordering::SeqCst);
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        tried.0 = if proof.is_ok() { 0 } else { tried.0 + 1 };
        tried.1 = now.plus_seconds(super::deliveries::wait_seconds(tried.0, WAIT_SECONDS_MAX));
        proof.map_err(|why| StoreFailure::new(self.name(), why))
    }
}

impl App {
    /// A store whose declaration was proved. Whoever asks here never proves: two proofs at once would find each other's row, and one that
    /// ends with the request it began in would leave its row behind.
    pub(super) fn score_store(&self, name: &str) -> Result<Arc<ScoreStore>, StoreFailure> {
        let store = self.declared_store(name)?;
        if store.is_proved() {
            return Ok(Arc::clone(store));
        }
        Err(StoreFailure::new(name, OutsideError::Down("its declaration is not proved yet".into())))
    }

    /// The same, for whoever works on this store alone: proves it if that is due.
    pub(super) async fn score_store_to_prove(&self, name: &str) -> Result<Arc<ScoreStore>, ServiceError> {
        let (store, now) = (self.declared_store(name)?, self.now());
        if store.is_proved() || now < store.tried().1 {
            return Ok(self.score_store(name)?);
        }
        let recipients = self.recipient_names().await?;
        say_what_was_not_searched(name, &store.prove(&recipients, &self.canary(name), now).await?);
        tracing::info!(store = name, "the declaration of a score store is proved");
        Ok(Arc::clone(store))
    }

    fn declared_store(&self, name: &str) -> Result<&Arc<ScoreStore>, StoreFailure> {
        let lost = || OutsideError::Down("it is no longer declared; what waits for it waits until it is again".into());
        self.score_stores.0.get(name).ok_or_else(|| StoreFailure::new(name, lost()))
    }

    /// Every registered recipient, also those that were switched off: their ids stay in databases.
    async fn recipient_names(&self) -> Result<BTreeSet<String>, StoreError> {
        let clients = self.store.read_tx(&(), |tx, ()| Box::pin(tx.clients())).await?;
        let recipients = clients.into_iter().filter(|client| client.role == Role::Recipient.as_str());
        Ok(recipients.map(|client| client.id).collect())
    }

    /// Proves every declaration. One that is false stops the start; a store that is down does not: the worker goes on.
    pub(super) async fn prove_stores(&self) -> Result<(), StoresError> {
        for (store, proof) in self.proofs().await? {
            match proof {
                Ok(unsearched) => say_what_was_not_searched(&store, &unsearched),
                Err(failure) if !failure.is_lie() => {
                    tracing::warn!(%failure, "erasures and exports that concern this score store wait for it");
                }
                Err(failure) => return Err(StoresError::Lies(failure)),
            }
        }
        Ok(())
    }

    /// Proves every declaration now, and says how each store does.
    ///
    /// # Errors
    /// Only for the database of the service.
    pub async fn check_stores(&self) -> Result<Vec<StoreCheck>, StoreError> {
        let check = |(store, proof): (String, Result<Vec<String>, StoreFailure>)| match proof {
            Ok(not_searched) => StoreCheck { store, state: "proved", why: None, not_searched },
            Err(failure) => {
                let state = if failure.is_lie() { "false" } else { "down" };
                StoreCheck { store, state, why: Some(failure.why.to_string()), not_searched: Vec::new() }
            }
        };
        Ok(self.proofs().await?.into_iter().map(check).collect())
    }

    async fn proofs(&self) -> Result<BTreeMap<String, Result<Vec<String>, StoreFailure>>, StoreError> {
        let (mut proving, now) = (JoinSet::new(), self.now());
        let recipients = Arc::new(self.recipient_names().await?);
        for store in self.score_stores.all() {
            let (store, canary, recipients) = (Arc::clone(store), self.canary(store.name()), Arc::clone(&recipients));
            proving.spawn(async move { (store.name().to_owned(), store.prove(&recipients, &canary, now).await) });
        }
        let mut proofs = BTreeMap::new();
        while let Some(done) = proving.join_next().await {
            proofs.extend(done);
        }
        Ok(proofs)
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
