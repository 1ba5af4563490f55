//! The keys of now: looking people up, opening what is theirs, and moving everybody on when an epoch ends (see [`crate::crypto::Epochs`]).

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::identifiers::open_identifier;
use super::{App, ServiceError};
use crate::crypto::{Blind, Due, Epoch, Epochs, Place, SealError, SubjectKey, open, seal};
use crate::domain::Act;
use crate::ident::Identifier;
use crate::ids::Subject;
use crate::limits;
use crate::store::{NameHolder, SealedName, StoreError, Tx, WrappedKey};

/// People in one round of wrapping anew.
const BATCH: i64 = 500;

/// A digest under the keys of now, and under those before, which some rows may still be under.
pub(super) type Digests = [[u8; 32]; 2];

impl App {
    pub(super) fn epochs(&self) -> Arc<Epochs> {
        Arc::clone(&self.epochs.read().unwrap_or_else(PoisonError::into_inner))
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
        let opened = epochs.all().rev().find_map(|epoch| open(&epoch.transit, place, sealed).ok());
        Ok(opened.ok_or(SealError::DoesNotOpen)?)
    }

    /// Seals what leads from an erasure, or a webhook, to the person: without it a copy of the database, in which the erasure stands beside
    /// the slow digest of an address, would lead to that person's rows in every older copy, for ever.
    pub(super) fn seal_name(&self, holder: NameHolder, row: &[u8], name: &[u8; 16]) -> Result<Vec<u8>, ServiceError> {
        self.seal_transit(&name_place(holder, row), name)
    }

    pub(super) fn open_name(&self, holder: NameHolder, row: &[u8], sealed: &[u8]) -> Result<[u8; 16], ServiceError> {
        if let Ok(open) = <[u8; 16]>::try_from(sealed) {
            return Ok(open); // as `SealedName::is_open` says
        }
        let name = self.open_transit(&name_place(holder, row), sealed)?;
        Ok(name.try_into().map_err(|_| StoreError::Corrupt(holder.table()))?)
    }

    /// What waits longer than an epoch goes on under the keys of now. One that does not open is lost already and holds up nobody. A webhook
    /// about an erasure is tried for seven days, and then its name goes with its keys.
    async fn seal_names_anew(&self, which: impl Fn(&SealedName) -> bool) -> Result<(), ServiceError> {
        let made_after = self.now().plus_days(-limits::TELLING_DAYS);
        let names = self.store.read_tx(&made_after, |tx, after| Box::pin(tx.sealed_names(*after))).await?;
        for name in names.into_iter().filter(which) {
            let Ok(open) = self.open_name(name.holder, &name.row, &name.sealed) else {
                tracing::error!(table = name.holder.table(), "a name cannot be opened, so it is not sealed anew");
                continue;
            };
            let anew = self.seal_name(name.holder, &name.row, &open)?;
            self.store.run_tx(&(name, anew), |tx, (name, anew)| Box::pin(tx.seal_name_anew(name, anew))).await?;
        }
        Ok(())
    }

    /// One round: makes the next epoch, moves everybody to the one that began, destroys the one whose time is over. Safe to run at any
    /// time; what stopped in the middle goes on.
    ///
    /// # Errors
    /// When the database or the folder of the ring fails, or somebody could not be moved. Then nothing was destroyed.
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
                self.nobody_is_left(epochs.settled(now).number).await?;
                if !crate::mutant::on("names_keep_their_keys") {
                    self.seal_names_anew(|_| true).await?;
                }
                if !crate::mutant::on("old_keys_stay") {
                    self.put_epochs(epochs.without_oldest())?;
                }
            }
        }
        let settled = self.epochs().settled(now).number;
        if self.wrapped.load(Ordering::SeqCst) < settled {
            self.wrap_anew(Some(settled)).await?;
            self.seal_names_anew(SealedName::is_open).await?;
            self.say_destroyed().await?;
            self.wrapped.store(settled, Ordering::SeqCst);
        }
        Ok(())
    }

    fn put_epochs(&self, epochs: Epochs) -> Result<(), ServiceError> {
        self.ring.replace(&self.config.data, &epochs).map_err(|error| ServiceError::Broken(error.into()))?;
        *self.epochs.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(epochs);
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

    /// Everybody, or those whose key is of an epoch before this. Their key comes first, by itself, then their identifiers, then their posts:
    /// one that cannot be indexed anew must not cost them anything else. What does not open under any key is lost already and holds up nobody.
    async fn wrap_anew(&self, before: Option<i64>) -> Result<(), ServiceError> {
        let mut after = None;
        loop {
            let page = self.people_after(after, before).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(*last);
            for subject in page {
                let input = (self, subject);
                let key = self.store.run_tx(&input, |tx, (app, one)| Box::pin(app.wrap_one_anew(tx, one))).await;
                skip_the_damaged(key)?;
                let found = self.store.run_tx(&input, |tx, (app, one)| Box::pin(app.index_identifiers_anew(tx, one)));
                skip_the_damaged(found.await)?;
                let posts = self.store.run_tx(&input, |tx, (app, one)| Box::pin(app.index_posts_anew(tx, one)));
                skip_the_damaged(posts.await)?;
            }
        }
    }

    async fn people_after(&self, after: Option<Subject>, before: Option<i64>) -> Result<Vec<Subject>, ServiceError> {
        self.store
            .read_tx(&(after, before), |tx, (after, before)| {
                Box::pin(async move {
                    Ok(match before {
                        Some(epoch) => tx.keys_before(*epoch, after.as_ref(), BATCH).await?,
                        None => tx.subjects_after(after.as_ref(), BATCH).await?,
                    })
                })
            })
            .await
    }

    /// Fails while the key of anybody still opens under an epoch before this one: with its keys they would be lost.
    async fn nobody_is_left(&self, epoch: i64) -> Result<(), ServiceError> {
        let mut after = None;
        loop {
            let page = self.people_after(after, Some(epoch)).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(*last);
            for subject in page {
                let opens =
                    self.store.read_tx(&(self, subject), |tx, (app, one)| Box::pin(app.key_opens(tx, one))).await?;
                if opens {
                    return Err(StoreError::Corrupt("subject_key: somebody could not be moved to the new keys").into());
                }
            }
        }
    }

    async fn key_opens(&self, tx: &mut Tx, subject: &Subject) -> Result<bool, ServiceError> {
        let key = tx.key(subject).await?;
        Ok(key.is_some_and(|wrapped| self.unwrap_key(subject, &wrapped).is_ok()))
    }

    /// A person's key, wrapped and opened, and the epoch to move them to.
    async fn to_move(
        &self,
        tx: &mut Tx,
        subject: &Subject,
    ) -> Result<Option<(WrappedKey, SubjectKey, Arc<Epoch>)>, ServiceError> {
        let Some(wrapped) = tx.key(subject).await? else { return Ok(None) };
        let key = self.unwrap_key(subject, &wrapped)?;
        Ok(Some((wrapped, key, Arc::clone(self.epochs().settled(self.now())))))
    }

    async fn wrap_one_anew(&self, tx: &mut Tx, subject: &Subject) -> Result<(), ServiceError> {
        let Some((wrapped, key, epoch)) = self.to_move(tx, subject).await? else { return Ok(()) };
        if wrapped.epoch < epoch.number {
            tx.update_key(subject, &self.wrap_key(subject, &key, &epoch)?).await?;
        }
        Ok(())
    }

    async fn index_identifiers_anew(&self, tx: &mut Tx, subject: &Subject) -> Result<(), ServiceError> {
        let Some((_, key, epoch)) = self.to_move(tx, subject).await? else { return Ok(()) };
        let rows = if crate::mutant::on("damage_spreads") {
            tx.identifiers(subject).await?
        } else {
            tx.key_and_identifiers(subject).await?.1
        };
        for row in rows {
            match open_identifier("identifier", &key, &row.id, &row.kind, &row.sealed) {
                Ok(identifier) => {
                    let blind = Blind(&epoch.pepper).identifier(identifier.kind().as_str(), identifier.as_str());
                    tx.move_blind(subject, &row, &blind).await?;
                }
                Err(error) => tracing::error!(%error, "an identifier cannot be indexed anew"),
            }
        }
        Ok(())
    }

    async fn index_posts_anew(&self, tx: &mut Tx, subject: &Subject) -> Result<(), ServiceError> {
        let Some((_, key, epoch)) = self.to_move(tx, subject).await? else { return Ok(()) };
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

/// What is damaged is said and holds up nobody; what the database did not do is tried again.
fn skip_the_damaged(moved: Result<(), ServiceError>) -> Result<(), ServiceError> {
    match moved {
        Err(error) if error.is_damage() => {
            tracing::error!(%error, "what is a person's cannot be moved to the new keys");
            Ok(())
        }
        other => other,
    }
}

/// The reverse of [`App::seal_object`].
pub(super) fn open_object(key: &SubjectKey, owner: &Subject, sealed: &[u8]) -> Result<String, ServiceError> {
    let plain = open(&key.sealing, &object_place(owner), sealed)?;
    Ok(String::from_utf8(plain).map_err(|_| StoreError::Corrupt("object"))?)
}

fn name_place(holder: NameHolder, row: &[u8]) -> Place<'_> {
    Place { table: holder.table(), column: holder.column(), row }
}

fn object_place(owner: &Subject) -> Place<'_> {
    Place { table: "object", column: "sealed", row: owner.as_bytes() }
}
