//! The keys of now: looking people up, opening what is theirs, and moving everybody on when an epoch ends (see [`crate::crypto::Epochs`]).

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::identifiers::open_identifier;
use super::{App, ServiceError};
use crate::crypto::{Blind, Due, Epoch, Epochs, Place, SealError, SubjectKey, open, seal};
use crate::domain::Act;
use crate::ident::Identifier;
use crate::ids::Subject;
use crate::store::{StoreError, Tx, WrappedKey};

/// People in one round of wrapping anew.
const BATCH: i64 = 500;

/// A digest under the keys of now, and under those before, which some rows may still be under.
pub(super) type Digests = [[u8; 32]; 2];

impl App {
    pub(super) fn epochs(&self) -> Epochs {
        self.epochs.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn digests(&self, digest: impl Fn(Blind<'_>) -> [u8; 32]) -> Digests {
        self.epochs().both(self.now()).map(|epoch| digest(Blind(&epoch.pepper)))
    }

    /// The blind index of an identifier: the one to store, and the one that it may be stored under.
    pub(super) fn blinds(&self, identifier: &Identifier) -> Digests {
        self.digests(|blind| blind.identifier(identifier.kind().as_str(), identifier.as_str()))
    }

    /// The one to store.
    pub(super) fn blind(&self, identifier: &Identifier) -> [u8; 32] {
        let [current, _] = self.blinds(identifier);
        current
    }

    /// The same of a member's own post.
    pub(super) fn object_digests(&self, source: &str, id: &str) -> Digests {
        self.digests(|blind| blind.object(source, id))
    }

    pub(super) fn unwrap_key(&self, subject: &Subject, wrapped: &WrappedKey) -> Result<SubjectKey, ServiceError> {
        let epochs = self.epochs();
        let epoch = epochs.of(wrapped.epoch).ok_or(SealError::DoesNotOpen)?;
        Ok(SubjectKey::unwrap(&epoch.wrapping, subject, &wrapped.bytes)?)
    }

    fn wrap_key(&self, subject: &Subject, key: &SubjectKey, epoch: &Epoch) -> Result<WrappedKey, ServiceError> {
        Ok(WrappedKey { epoch: epoch.number, bytes: key.wrap(&epoch.wrapping, subject, &self.entropy)? })
    }

    /// A new person's key, under the keys of now.
    pub(super) fn wrap_new(&self, subject: &Subject, key: &SubjectKey) -> Result<WrappedKey, ServiceError> {
        self.wrap_key(subject, key, self.epochs().current(self.now()))
    }

    /// Seals what stays for a day at most.
    pub(super) fn seal_transit(&self, place: &Place<'_>, plain: &[u8]) -> Result<Vec<u8>, ServiceError> {
        Ok(seal(&self.epochs().current(self.now()).transit, place, plain, &self.entropy)?)
    }

    pub(super) fn open_transit(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, ServiceError> {
        let epochs = self.epochs();
        let [current, before] = epochs.both(self.now());
        Ok(open(&current.transit, place, sealed).or_else(|_| open(&before.transit, place, sealed))?)
    }

    /// One round: makes the next epoch, moves everybody to the one that began, destroys the one whose time is over. Safe to run at any
    /// time; what stopped in the middle goes on.
    ///
    /// # Errors
    /// When the database or the folder of the ring fails. Then nothing was destroyed.
    pub async fn keep_keys(&self) -> Result<(), ServiceError> {
        let (epochs, now) = (self.epochs(), self.now());
        match epochs.due(now, self.config.key_days) {
            Due::Nothing => {}
            Due::Next(from) => {
                let newest = epochs.all().next_back().map_or(0, |newest| newest.number);
                self.put_epochs(epochs.with(Epoch::generate(newest + 1, from, &self.entropy)?))?;
            }
            Due::Destroy(_) => {
                // Everybody, and everything of theirs: an act that began under the old keys may have stored something since.
                self.wrap_anew(None).await?;
                if !crate::mutant::on("old_keys_stay") {
                    self.put_epochs(epochs.without_oldest())?;
                }
            }
        }
        let settled = self.epochs().settled(now).number;
        if self.wrapped.load(Ordering::SeqCst) < settled {
            self.wrap_anew(Some(settled)).await?;
            self.say_destroyed().await?;
            self.wrapped.store(settled, Ordering::SeqCst);
        }
        Ok(())
    }

    fn put_epochs(&self, epochs: Epochs) -> Result<(), ServiceError> {
        self.ring.replace(&self.config.data, &epochs).map_err(|error| ServiceError::Broken(error.into()))?;
        *self.epochs.write().unwrap_or_else(PoisonError::into_inner) = epochs;
        Ok(())
    }

    /// The log says which keys are gone; never before they are.
    async fn say_destroyed(&self) -> Result<(), ServiceError> {
        let act = Act::KeysDestroyed { epoch: self.epochs().oldest() - 1 };
        self.store
            .run_tx(&(self, act), |tx, (app, act)| {
                Box::pin(async move {
                    let said = app.own_events(tx, act.kind()).await?;
                    let is_first = matches!(act, Act::KeysDestroyed { epoch: 0 });
                    if is_first || said.last().is_some_and(|(_, event)| event.act == *act) {
                        return Ok(());
                    }
                    let head = app.head(tx).await?;
                    app.record_own(tx, head, act.clone()).await.map(drop)
                })
            })
            .await
    }

    /// Everybody, or those whose key is of an epoch before this. What does not open under any key is lost already and holds up nobody.
    async fn wrap_anew(&self, before: Option<i64>) -> Result<(), ServiceError> {
        let mut after = None;
        loop {
            let page = self
                .store
                .read_tx(&(after, before), |tx, (after, before)| {
                    Box::pin(async move {
                        match before {
                            Some(epoch) => tx.keys_before(*epoch, after.as_ref(), BATCH).await,
                            None => tx.subjects_after(after.as_ref(), BATCH).await,
                        }
                    })
                })
                .await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(*last);
            for subject in page {
                match self.store.run_tx(&(self, subject), |tx, (app, one)| Box::pin(app.wrap_one_anew(tx, one))).await {
                    Err(error @ (ServiceError::Broken(_) | ServiceError::Store(StoreError::Corrupt(_)))) => {
                        tracing::error!(%error, "what is a person's cannot be moved to the new keys");
                    }
                    other => other?,
                }
            }
        }
    }

    async fn wrap_one_anew(&self, tx: &mut Tx, subject: &Subject) -> Result<(), ServiceError> {
        let Some(wrapped) = tx.key(subject).await? else { return Ok(()) };
        let key = self.unwrap_key(subject, &wrapped)?;
        let epochs = self.epochs();
        let epoch = epochs.settled(self.now());
        if wrapped.epoch < epoch.number {
            tx.update_key(subject, &self.wrap_key(subject, &key, epoch)?).await?;
        }
        for row in tx.identifiers(subject).await? {
            match open_identifier("identifier", &key, &row.id, &row.kind, &row.sealed) {
                Ok(identifier) => {
                    let blind = Blind(&epoch.pepper).identifier(identifier.kind().as_str(), identifier.as_str());
                    tx.move_blind(subject, &row, &blind).await?;
                }
                Err(error) => tracing::error!(%error, "an identifier cannot be indexed anew"),
            }
        }
        for (digest, source, sealed) in tx.sealed_objects(subject).await? {
            match open_object(&key, subject, &sealed) {
                Ok(id) => {
                    tx.move_object(subject, &digest, &Blind(&epoch.pepper).object(&source, &id)).await?;
                }
                Err(error) => tracing::error!(%error, "a post cannot be indexed anew"),
            }
        }
        Ok(())
    }

    /// The id of a member's own post, which is needed only to index it anew.
    pub(super) fn seal_object(&self, key: &SubjectKey, owner: &Subject, id: &str) -> Result<Vec<u8>, ServiceError> {
        Ok(seal(&key.sealing, &object_place(owner), id.as_bytes(), &self.entropy)?)
    }
}

/// The reverse of [`App::seal_object`].
pub(super) fn open_object(key: &SubjectKey, owner: &Subject, sealed: &[u8]) -> Result<String, ServiceError> {
    let plain = open(&key.sealing, &object_place(owner), sealed)?;
    Ok(String::from_utf8(plain).map_err(|_| StoreError::Corrupt("object"))?)
}

fn object_place(owner: &Subject) -> Place<'_> {
    Place { table: "object", column: "sealed", row: owner.as_bytes() }
}
