//! Everything an act needs, and how a service comes up: keys, database, first notices, first operator.

use std::path::Path;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, RwLock};

use ed25519_dalek::SigningKey;
use tokio::sync::{Mutex as AsyncMutex, Notify};

use super::erase::Turns;
use super::house::HouseCache;
use super::proving::{ScoreStores, StoresError};
use super::remembered::Remembered;
use super::tallies::Tallies;
use super::terms::AskedSoFar;
use super::{RolledBack, ServiceError, clients, notices};
use crate::clock::Clock;
use crate::config::Config;
use crate::crypto::{Epochs, KeyRing, RingError, Slow, Tokens};
use crate::datamap::{DataMap, DataMapError};
use crate::domain::Micros;
use crate::egress::{Egress, EgressError};
use crate::ids::Subject;
use crate::ingest::{Topics, TopicsError};
use crate::limits;
use crate::log::{Frontier, NoteError, Origin, parse_vkey, sign, verify, vkey};
use crate::policy::{Registry, RegistryError};
use crate::secret::Entropy;
use crate::store::{Access, Store, StoreError};
use crate::window::Window;

/// A running service, without its listeners.
#[derive(Debug)]
pub struct App {
    /// Its settings.
    pub config: Config,
    /// Its database.
    pub store: Store,
    /// Its time.
    pub clock: Clock,
    pub(super) ring: KeyRing,
    pub(super) epochs: RwLock<Arc<Epochs>>,
    /// The epoch under which everybody's keys are known to be.
    pub(super) wrapped: AtomicI64,
    pub(super) slow: Slow,
    pub(super) tokens: Tokens,
    pub(super) entropy: Entropy,
    pub(super) registry: Arc<Registry>,
    pub(super) house: HouseCache,
    pub(super) remembered: Remembered,
    /// Held by whoever works out a table of house rules.
    pub(super) working_out: AsyncMutex<()>,
    pub(super) datamap: DataMap,
    pub(super) topics: Topics,
    pub(super) egress: Egress,
    pub(super) score_stores: ScoreStores,
    pub(super) origin: Origin,
    pub(super) log_key: SigningKey,
    pub(super) tallies: Mutex<Tallies>,
    /// What recipients asked, counted against their terms.
    pub(super) asked: AskedSoFar,
    /// Mails without a code, counted by blind index.
    pub(super) courtesies: Window<[u8; 32]>,
    /// Receipts that people had mailed to themselves.
    pub(super) receipts_mailed: Window<Subject>,
    /// Held by whoever writes or removes files of the outbox.
    pub(super) outbox: AsyncMutex<()>,
    pub(super) turns: Turns,
    /// Wakes the worker: there is a mail to deliver or an erasure to carry out.
    pub work: Notify,
}

/// What came up.
#[derive(Debug)]
pub struct Boot {
    /// The service.
    pub app: App,
    /// On the very first start: the secret of the client `operator`. It follows from the key ring, and is given until somebody was shown it.
    pub operator_secret: Option<String>,
}

/// Why a service does not come up.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// Keys.
    #[error(transparent)]
    Ring(#[from] RingError),
    /// Database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Data map.
    #[error(transparent)]
    DataMap(#[from] DataMapError),
    /// Registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Topics.
    #[error(transparent)]
    Topics(#[from] TopicsError),
    /// The name of the log.
    #[error("`log_origin`: {0}")]
    Origin(NoteError),
    /// HTTPS client.
    #[error(transparent)]
    Fetch(#[from] EgressError),
    /// Keys and database are not of one service.
    #[error(
        "the key ring does not belong to this database: its checkpoint was signed by another key or under another `log_origin`"
    )]
    ForeignRing,
    /// The keys are older than the database.
    #[error(
        "the key ring is older than the database: people's keys are of an epoch that it does not have. Restore the newest copy of the ring"
    )]
    OldRing,
    /// The database is older than what was signed, or was rewritten.
    #[error(transparent)]
    RolledBack(#[from] RolledBack),
    /// Score stores of others.
    #[error(transparent)]
    ScoreStores(#[from] StoresError),
    /// The first acts failed.
    #[error("the first start failed: {0}")]
    First(#[from] ServiceError),
}

impl App {
    /// Brings a service up. The first start makes keys, schema, the first notices and the first operator.
    ///
    /// # Errors
    /// Fails closed: whatever cannot be read, fits not, or is missing, the service does not start.
    pub async fn open(config: Config, clock: Clock, entropy: Entropy, access: Access) -> Result<Boot, BootError> {
        Self::open_with(Registry::built_in()?, config, clock, entropy, access).await
    }

    /// The same with another registry, as another version of this program has it.
    ///
    /// # Errors
    /// As above.
    pub async fn open_with(
        registry: Registry,
        config: Config,
        clock: Clock,
        entropy: Entropy,
        access: Access,
    ) -> Result<Boot, BootError> {
        let datamap = DataMap::built_in()?;
        let topics = Topics::built_in()?;
        let origin = Origin::new(&config.log_origin).map_err(BootError::Origin)?;
        let store = Store::open(&config.data, &config.database, access, &datamap).await?;
        let fresh = store.read_tx(&(), |tx, ()| Box::pin(tx.first_head())).await?.is_none();
        let (ring, epochs) = ring(&config.data, (fresh && access == Access::Serve).then(|| clock.now()), &entropy)?;
        let app = Self {
            slow: Slow::new(),
            tokens: Tokens::new(&ring.token),
            score_stores: ScoreStores::load(&config)?,
            egress: Egress::new(config.private_hosts.clone())?,
            log_key: SigningKey::from_bytes(ring.log.expose()),
            tallies: Mutex::default(),
            asked: AskedSoFar::default(),
            courtesies: Window::new(3600, limits::COURTESIES_PER_HOUR_MAX, limits::COURTESIES_COUNTED_MAX),
            receipts_mailed: Window::new(86_400, limits::RECEIPTS_MAILED_PER_DAY_MAX, limits::RECEIPTS_COUNTED_MAX),
            outbox: AsyncMutex::default(),
            turns: Turns::default(),
            work: Notify::new(),
            config,
            store,
            clock,
            ring,
            epochs: RwLock::new(Arc::new(epochs)),
            wrapped: AtomicI64::new(0),
            entropy,
            registry: Arc::new(registry),
            house: HouseCache::default(),
            remembered: Remembered::default(),
            working_out: AsyncMutex::default(),
            datamap,
            topics,
            origin,
        };
        if access == Access::Serve {
            app.prove_stores().await?;
        }
        let operator_secret = if access == Access::Serve { app.come_up(fresh).await? } else { None };
        Ok(Boot { app, operator_secret })
    }

    /// A database that goes on from what was kept, and belongs to these keys; on the first start, what every service begins with.
    async fn come_up(&self, fresh: bool) -> Result<Option<String>, BootError> {
        if fresh {
            self.goes_on().await?;
            self.begin_log().await?;
            self.take_up().await?;
        } else {
            self.take_up().await?;
            if self.kept_checkpoint()?.is_none() {
                tracing::warn!("no checkpoint was kept in the data folder: an older database would not be noticed");
            }
            self.goes_on().await?;
        }
        let operator_secret = self.first_acts().await?;
        if let Err(error) = self.keep_checkpoint().await {
            tracing::error!(%error, "the checkpoint was not kept; the worker tries again");
        }
        Ok(operator_secret)
    }

    /// The name and public key of the log, as auditors need it.
    pub fn log_vkey(&self) -> String {
        vkey(&self.origin, &self.log_key.verifying_key())
    }

    async fn begin_log(&self) -> Result<(), ServiceError> {
        let frontier = Frontier::default();
        let note = sign(&self.origin, 0, &frontier.root(), &self.log_key);
        self.store
            .run_tx(&(frontier, note), |tx, (frontier, note)| {
                Box::pin(async move { Ok::<_, ServiceError>(tx.insert_head(&frontier.encode(), note).await?) })
            })
            .await
    }

    /// Each is done only if it was not yet, so that a first start that was killed is taken up by the next one.
    async fn first_acts(&self) -> Result<Option<String>, ServiceError> {
        self.adopt_policy().await?;
        // Before anybody asks: working out an operator's rules takes seconds.
        self.store.read_tx(self, |tx, app| Box::pin(app.rules(tx))).await?;
        let published = self.notices().await?;
        for (purpose, texts) in self.registry.first_notices()? {
            if !published.iter().any(|notice| notice.purpose == purpose) {
                notices::publish_first(self, purpose, &texts).await?;
            }
        }
        clients::first_operator(self).await
    }

    /// The clock never shows a time before the last event, and keys and database belong together.
    async fn take_up(&self) -> Result<(), BootError> {
        let head = self.store.read_tx(&(), |tx, ()| Box::pin(tx.head())).await?;
        self.clock.not_before(head.recorded);
        let key = parse_vkey(&self.log_vkey()).map_err(BootError::Origin)?;
        let checkpoint = verify(&head.checkpoint, &key).map_err(|_| BootError::ForeignRing)?;
        self.follow_the_keys().await?;
        let size = i64::try_from(checkpoint.size).unwrap_or(i64::MAX);
        if size != head.seq.0 {
            return Err(StoreError::Corrupt("log_head").into());
        }
        let unread = self.store.read_tx(&(), |tx, ()| Box::pin(tx.own_events_without_body())).await?;
        let old =
            "it was made by a version before the first release: begin anew, with an empty data folder and database";
        if unread == 0 { Ok(()) } else { Err(StoreError::Schema(old.into()).into()) }
    }
}

impl App {
    /// A ring that was copied before the newest keys were made would leave people unreadable: the service does not start on it. And an
    /// epoch that people are in has begun, whatever the clock of the machine says since.
    async fn follow_the_keys(&self) -> Result<(), BootError> {
        let newest = self.store.read_tx(&(), |tx, ()| Box::pin(tx.newest_key_epoch())).await?;
        let Some(newest) = newest else { return Ok(()) };
        let epochs = self.epochs();
        if epochs.oldest() <= newest {
            let epoch = epochs.of(newest).ok_or(BootError::OldRing)?;
            self.clock.not_before(epoch.from);
        }
        Ok(())
    }
}

/// The ring of a data folder; on a first start a new one.
fn ring(data: &Path, first: Option<Micros>, entropy: &Entropy) -> Result<(KeyRing, Epochs), RingError> {
    match (KeyRing::load(data), first) {
        (Err(RingError::Missing(_)), Some(now)) => KeyRing::create(data, now, entropy),
        (other, _) => other,
    }
}
