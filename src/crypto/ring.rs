//! The key ring: a file beside the database, never in it, readable by its owner alone.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::secret::{Entropy, Key, NoEntropy, private_file, private_folder};

/// Every secret of the service. Without it the database cannot be read.
#[derive(Debug, Clone)]
pub struct KeyRing {
    /// Which key-encryption key this is; it will rotate.
    pub epoch: i64,
    /// Wraps every person's key.
    pub wrapping: Key,
    /// Seals what belongs to nobody: mails on their way, stored answers.
    pub service: Key,
    /// Blind index of identifiers and objects of members.
    pub member_pepper: Key,
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
    epoch: i64,
    wrapping: String,
    service: String,
    member_pepper: String,
    suppression_pepper: String,
    log: String,
    token: String,
}

impl KeyRing {
    /// A new ring.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn generate(entropy: &Entropy) -> Result<Self, NoEntropy> {
        let key = || entropy.bytes().map(Key::new);
        Ok(Self {
            epoch: 1,
            wrapping: key()?,
            service: key()?,
            member_pepper: key()?,
            suppression_pepper: key()?,
            log: key()?,
            token: key()?,
        })
    }

    /// Reads the ring in a data folder.
    ///
    /// # Errors
    /// When it is missing or damaged.
    pub fn load(data: &Path) -> Result<Self, RingError> {
        let path = Self::path(data);
        match fs::read(&path) {
            Ok(bytes) => {
                let _a_first_start_was_killed = fs::remove_file(path.with_extension("part"));
                Self::decode(&bytes).ok_or(RingError::Damaged(path))
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(RingError::Missing(path)),
            Err(source) => Err(RingError::File { path, source }),
        }
    }

    /// Makes a ring and writes it, durable before this returns. An existing file is never overwritten.
    ///
    /// # Errors
    /// When the folder cannot be written or there is no randomness.
    pub fn create(data: &Path, entropy: &Entropy) -> Result<Self, RingError> {
        let ring = Self::generate(entropy)?;
        let path = Self::path(data);
        let failed = |source| RingError::File { path: path.clone(), source };
        let folder = path.parent().unwrap_or(data);
        private_folder(folder).map_err(failed)?;
        let partial = path.with_extension("part");
        let mut file = private_file().create(true).truncate(true).open(&partial).map_err(failed)?;
        let text = serde_json::to_vec(&ring.encode()).map_err(|e| failed(e.into()))?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(failed)?;
        // Whole or not at all, whatever stops this process; unlike a rename a link overwrites nothing.
        fs::hard_link(&partial, &path).and_then(|()| fs::remove_file(&partial)).map_err(failed)?;
        fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(ring)
    }

    fn path(data: &Path) -> PathBuf {
        data.join("keys").join("ring.json")
    }

    fn encode(&self) -> OnDisk {
        let text = |key: &Key| hex::encode(key.expose());
        OnDisk {
            version: 1,
            epoch: self.epoch,
            wrapping: text(&self.wrapping),
            service: text(&self.service),
            member_pepper: text(&self.member_pepper),
            suppression_pepper: text(&self.suppression_pepper),
            log: text(&self.log),
            token: text(&self.token),
        }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let disk: OnDisk = serde_json::from_slice(bytes).ok()?;
        let key = |text: &str| {
            let mut bytes = [0; 32];
            hex::decode_to_slice(text, &mut bytes).ok().map(|()| Key::new(bytes))
        };
        Some(Self {
            epoch: (disk.version == 1).then_some(disk.epoch)?,
            wrapping: key(&disk.wrapping)?,
            service: key(&disk.service)?,
            member_pepper: key(&disk.member_pepper)?,
            suppression_pepper: key(&disk.suppression_pepper)?,
            log: key(&disk.log)?,
            token: key(&disk.token)?,
        })
    }
}
