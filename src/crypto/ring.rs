//! The key ring: a file beside the database, never in it, readable by its owner alone.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::epochs::{Epoch, Epochs};
use crate::domain::Micros;
use crate::secret::{Entropy, Key, NoEntropy, private_file, private_folder};

/// Every secret of the service that stays as it is. Without the ring the database cannot be read.
#[derive(Debug, Clone)]
pub struct KeyRing {
    /// Seals what the service and its operators did, and keys what is about nobody.
    pub service: Key,
    /// Slow digests of those who opted out; it cannot rotate, nothing readable is left to digest again.
    pub suppression_pepper: Key,
    /// Signs checkpoints (Ed25519 seed).
    pub log: Key,
    /// Signs access tokens (Ed25519 seed).
    pub token: Key,
}

/// The ring cannot be used; the service must not start.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    /// The file cannot be read or written.
    #[error("key ring `{path}`: {source}")]
    File {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not a key ring.
    #[error("key ring `{0}` is damaged: restore it from your backup, without it nothing in the database can be read")]
    Damaged(PathBuf),
    /// There is none although one was expected.
    #[error("key ring `{0}` is missing but the database has data: restore the ring that belongs to it")]
    Missing(PathBuf),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OnDisk {
    version: u8,
    epochs: Vec<EpochOnDisk>,
    service: String,
    suppression_pepper: String,
    log: String,
    token: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EpochOnDisk {
    number: i64,
    from_us: i64,
    wrapping: String,
    pepper: String,
    transit: String,
}

const VERSION: u8 = 2;

impl KeyRing {
    /// A new ring.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn generate(entropy: &Entropy) -> Result<Self, NoEntropy> {
        let key = || entropy.bytes().map(Key::new);
        Ok(Self { service: key()?, suppression_pepper: key()?, log: key()?, token: key()? })
    }

    /// Reads the ring in a data folder.
    ///
    /// # Errors
    /// When it is missing or damaged.
    pub fn load(data: &Path) -> Result<(Self, Epochs), RingError> {
        let path = Self::path(data);
        match fs::read(&path) {
            Ok(bytes) => {
                let _a_writing_was_killed = fs::remove_file(path.with_extension("part"));
                decode(&bytes).ok_or(RingError::Damaged(path))
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(RingError::Missing(path)),
            Err(source) => Err(RingError::File { path, source }),
        }
    }

    /// Makes a ring and writes it, durable before this returns. An existing file is never overwritten.
    ///
    /// # Errors
    /// When the folder cannot be written or there is no randomness.
    pub fn create(data: &Path, now: Micros, entropy: &Entropy) -> Result<(Self, Epochs), RingError> {
        let (ring, epochs) = (Self::generate(entropy)?, Epochs::begin(Epoch::generate(1, now, entropy)?));
        // Whole or not at all, whatever stops this process; unlike a rename a link overwrites nothing.
        ring.write(data, &epochs, |partial, path| {
            fs::hard_link(partial, path).and_then(|()| fs::remove_file(partial))
        })?;
        Ok((ring, epochs))
    }

    /// Writes the ring with other epochs in the place of the one that is there, durable before this returns. What the file held before is
    /// overwritten, as far as the disk lets it be; a disk that keeps old blocks keeps them.
    ///
    /// # Errors
    /// When the folder cannot be written; the file is then the one before or the new one.
    pub fn replace(&self, data: &Path, epochs: &Epochs) -> Result<(), RingError> {
        self.write(data, epochs, |partial, path| {
            let mut old = fs::OpenOptions::new().write(true).open(path)?;
            fs::rename(partial, path)?;
            // Only when the new file has the name for good: a power cut must not leave the name with the overwritten one.
            fs::File::open(path.parent().unwrap_or(path))?.sync_all()?;
            let bytes = old.metadata()?.len();
            std::io::copy(&mut std::io::repeat(0).take(bytes), &mut old)?;
            old.sync_all()
        })
    }

    fn write(
        &self,
        data: &Path,
        epochs: &Epochs,
        publish: impl FnOnce(&Path, &Path) -> std::io::Result<()>,
    ) -> Result<(), RingError> {
        let path = Self::path(data);
        let failed = |source| RingError::File { path: path.clone(), source };
        let folder = path.parent().unwrap_or(data);
        private_folder(folder).map_err(failed)?;
        let partial = path.with_extension("part");
        let mut file = private_file().create(true).truncate(true).open(&partial).map_err(failed)?;
        let text = serde_json::to_vec(&self.encode(epochs)).map_err(|e| failed(e.into()))?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(failed)?;
        publish(&partial, &path).map_err(failed)?;
        fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
    }

    fn path(data: &Path) -> PathBuf {
        data.join("keys").join("ring.json")
    }

    fn encode(&self, epochs: &Epochs) -> OnDisk {
        let text = |key: &Key| hex::encode(key.expose());
        let epoch = |epoch: &Arc<Epoch>| EpochOnDisk {
            number: epoch.number,
            from_us: epoch.from.0,
            wrapping: text(&epoch.wrapping),
            pepper: text(&epoch.pepper),
            transit: text(&epoch.transit),
        };
        OnDisk {
            version: VERSION,
            epochs: epochs.all().map(epoch).collect(),
            service: text(&self.service),
            suppression_pepper: text(&self.suppression_pepper),
            log: text(&self.log),
            token: text(&self.token),
        }
    }
}

fn decode(bytes: &[u8]) -> Option<(KeyRing, Epochs)> {
    let disk: OnDisk = serde_json::from_slice(bytes).ok()?;
    let key = |text: &str| {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok().map(|()| Key::new(bytes))
    };
    let epoch = |epoch: &EpochOnDisk| {
        Some(Epoch {
            number: epoch.number,
            from: Micros(epoch.from_us),
            wrapping: key(&epoch.wrapping)?,
            pepper: key(&epoch.pepper)?,
            transit: key(&epoch.transit)?,
        })
    };
    let ring = KeyRing {
        service: key(&disk.service)?,
        suppression_pepper: key(&disk.suppression_pepper)?,
        log: key(&disk.log)?,
        token: key(&disk.token)?,
    };
    let epochs = Epochs::from_list(disk.epochs.iter().map(epoch).collect::<Option<Vec<_>>>()?)?;
    (disk.version == VERSION).then_some((ring, epochs))
}
