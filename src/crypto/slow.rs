//! Argon2id: passwords and the digests of those who opted out. Off the async threads, behind a bounded queue.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use tokio::sync::Semaphore;

use crate::limits;
use crate::secret::{Key, SecretText};

/// OWASP's first recommendation: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const DIGEST_BYTES: usize = 16;

/// A slow hash was not computed.
#[derive(Debug, thiserror::Error)]
pub enum SlowError {
    /// Too many wait already.
    #[error("too many requests wait for a slow hash: try again in a moment")]
    Busy,
    /// The hash failed; nothing was stored or compared.
    #[error("a slow hash failed")]
    Failed,
}

/// The bounded place where slow hashes are computed.
#[derive(Debug, Clone)]
pub struct Slow {
    places: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Slow {
    /// With as many places as there are cores.
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { places: Arc::new(Semaphore::new(cores)), waiting: Arc::new(Semaphore::new(limits::HASHES_WAITING_MAX)) }
    }

    /// The PHC string of a password.
    ///
    /// # Errors
    /// [`SlowError::Busy`] when the queue is full.
    pub async fn hash(&self, password: SecretText, salt: [u8; 16]) -> Result<String, SlowError> {
        self.run(move || {
            let hash = argon2()?.hash_password_with_salt(password.expose().as_bytes(), &salt);
            hash.map(|hash| hash.to_string()).map_err(|_| SlowError::Failed)
        })
        .await
    }

    /// Whether a password is the one behind a PHC string. Without a string the same work is done for nothing.
    ///
    /// # Errors
    /// [`SlowError::Busy`] when the queue is full.
    pub async fn verify(&self, password: SecretText, phc: Option<String>) -> Result<bool, SlowError> {
        self.run(move || match phc {
            Some(phc) => {
                let hash = PasswordHash::new(&phc).map_err(|_| SlowError::Failed)?;
                Ok(argon2()?.verify_password(password.expose().as_bytes(), &hash).is_ok())
            }
            None => argon2()?
                .hash_password_with_salt(password.expose().as_bytes(), b"nobody-has-this!")
                .map(|_| false)
                .map_err(|_| SlowError::Failed),
        })
        .await
    }

    /// The digest under which somebody who opted out is remembered: keyed, slow, of no use without the ring.
    ///
    /// # Errors
    /// [`SlowError::Busy`] when the queue is full.
    pub async fn digest(&self, pepper: &Key, kind: &str, normal: &str) -> Result<[u8; DIGEST_BYTES], SlowError> {
        let (pepper, text) = (pepper.clone(), format!("{kind}:{normal}"));
        self.run(move || {
            let mut out = [0; DIGEST_BYTES];
            argon2()?
                .hash_password_into(text.as_bytes(), pepper.expose(), &mut out)
                .map(|()| out)
                .map_err(|_| SlowError::Failed)
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, SlowError> + Send + 'static,
    ) -> Result<T, SlowError> {
        let _queued = self.waiting.try_acquire().map_err(|_| SlowError::Busy)?;
        let _place = self.places.acquire().await.map_err(|_| SlowError::Failed)?;
        tokio::task::spawn_blocking(work).await.map_err(|_| SlowError::Failed)?
    }
}

impl Default for Slow {
    fn default() -> Self {
        Self::new()
    }
}

fn argon2() -> Result<Argon2<'static>, SlowError> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|_| SlowError::Failed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}
