//! Acts that can be repeated safely: the answer is stored in the same transaction as what it answers (guarantee G11).

use serde::Serialize;
use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq;

use super::record::Person;
use super::{App, ServiceError};
use crate::crypto::{Blind, Place, sha256};
use crate::ids::Subject;
use crate::limits;
use crate::store::{BoxFuture, Head, StoreError, StoredAnswer, Tx};

/// The caller's `Idempotency-Key` within its scope: caller, route, body.
#[derive(Debug, Clone, Copy)]
pub struct Idempotency {
    key: [u8; 32],
    request_hash: [u8; 32],
}

impl Idempotency {
    /// For one of several acts that were asked for at once.
    pub(super) fn part(&self, number: usize) -> Self {
        let number = (number as u64).to_be_bytes();
        Self { key: sha256(&[self.key.as_slice(), &number].concat()), ..*self }
    }
}

/// An answer, and whose it is, so that it goes when they go.
pub(super) type Owned<T> = (T, Option<Subject>);

impl App {
    /// Scopes a caller's key.
    pub fn idempotency(&self, caller: &str, route: &str, key: &str, body: &[u8]) -> Idempotency {
        let blind = Blind(&self.ring.service);
        Idempotency { key: blind.idempotency(caller, route, key), request_hash: blind.request(key, body) }
    }

    /// A fresh key for a form that is shown to this caller, or to anybody where it is empty: sent twice, it does what it asks for once, and
    /// it does nothing for somebody else.
    ///
    /// # Errors
    /// Only without randomness.
    pub fn form_key(&self, caller: &str) -> Result<String, ServiceError> {
        let number = hex::encode(self.entropy.bytes::<16>()?);
        let whose = self.form_of(&number, caller);
        Ok(format!("{number}-{whose}"))
    }

    /// Whether a form with this key was shown to this caller.
    pub fn was_shown_to(&self, key: &str, caller: &str) -> bool {
        let shown = key.split_once('-').map(|(number, whose)| (self.form_of(number, caller), whose));
        shown.is_some_and(|(own, whose)| bool::from(own.as_bytes().ct_eq(whose.as_bytes())))
    }

    fn form_of(&self, number: &str, caller: &str) -> String {
        hex::encode(Blind(&self.ring.service).form(number, caller).split_at(8).0)
    }

    /// Runs an act, or gives the answer that it gave before.
    pub(super) async fn act<I, T>(
        &self,
        idempotency: Option<&Idempotency>,
        input: &I,
        body: impl for<'t> Fn(&'t mut Tx, &'t I) -> BoxFuture<'t, Result<Owned<T>, ServiceError>> + Sync,
    ) -> Result<T, ServiceError>
    where
        I: Sync,
        T: Serialize + DeserializeOwned + Send + Sync,
    {
        let all = (self, idempotency, input, &body);
        let outcome = self.store.run_tx(&all, |tx, (app, idempotency, input, body)| {
            Box::pin(async move {
                if let Some(answer) = app.answered_to(tx, *idempotency).await? {
                    return Ok(answer);
                }
                let (answer, subject) = body(tx, input).await?;
                app.remember_for(tx, *idempotency, &answer, subject).await?;
                Ok(answer)
            })
        });
        self.or_answered(outcome.await, idempotency).await
    }

    /// The same for what a person does themselves: their place in the order and what they said so far are given to the body.
    pub(super) async fn act_of_person<I, T>(
        &self,
        subject: &Subject,
        idempotency: Option<&Idempotency>,
        input: &I,
        body: impl for<'t> Fn(&'t mut Tx, (Head, Person), &'t I) -> BoxFuture<'t, Result<T, ServiceError>> + Sync,
    ) -> Result<T, ServiceError>
    where
        I: Sync,
        T: Serialize + DeserializeOwned + Send + Sync,
    {
        let all = (self, idempotency, *subject, input, &body);
        let outcome = self.store.run_act((self.now(), subject), &all, |tx, begun, all| {
            let (app, idempotency, subject, input, body) = all;
            Box::pin(async move {
                if app.answered_to::<T>(tx, *idempotency).await?.is_some() {
                    // The place that was taken is given back; the answer is read once that is done.
                    return Err(StoreError::Duplicate.into());
                }
                let begun = app.begun(tx, subject, begun).await?;
                let answer = body(tx, begun, input).await?;
                app.remember_for(tx, *idempotency, &answer, Some(*subject)).await?;
                Ok(answer)
            })
        });
        self.or_answered(outcome.await, idempotency).await
    }

    async fn answered_to<T: DeserializeOwned>(
        &self,
        tx: &mut Tx,
        idempotency: Option<&Idempotency>,
    ) -> Result<Option<T>, ServiceError> {
        match idempotency {
            Some(idempotency) => self.answered(tx, idempotency).await,
            None => Ok(None),
        }
    }

    async fn remember_for<T: Serialize>(
        &self,
        tx: &mut Tx,
        idempotency: Option<&Idempotency>,
        answer: &T,
        subject: Option<Subject>,
    ) -> Result<(), ServiceError> {
        match idempotency {
            Some(idempotency) => self.remember(tx, idempotency, answer, subject).await,
            None => Ok(()),
        }
    }

    /// The same request, sent twice at once, may fail because the other one did what it asked for.
    async fn or_answered<T: DeserializeOwned>(
        &self,
        outcome: Result<T, ServiceError>,
        idempotency: Option<&Idempotency>,
    ) -> Result<T, ServiceError> {
        match outcome {
            Err(ServiceError::Store(StoreError::Duplicate)) if idempotency.is_some() => {
                self.answered_before(idempotency).await?.ok_or_else(|| StoreError::Duplicate.into())
            }
            Err(error) => self.answered_before(idempotency).await.ok().flatten().ok_or(error),
            done => done,
        }
    }

    pub(super) async fn answered<T: DeserializeOwned>(
        &self,
        tx: &mut Tx,
        idempotency: &Idempotency,
    ) -> Result<Option<T>, ServiceError> {
        let Some(stored) = tx.answer(&idempotency.key, self.now()).await? else { return Ok(None) };
        if stored.request_hash != idempotency.request_hash {
            return Err(ServiceError::KeyReused);
        }
        let plain = self.open_transit(&place(&idempotency.key), &stored.sealed)?;
        Ok(Some(serde_json::from_slice(&plain)?))
    }

    /// The answer that the same request got before, outside of any transaction.
    pub(super) async fn answered_before<T: DeserializeOwned>(
        &self,
        idempotency: Option<&Idempotency>,
    ) -> Result<Option<T>, ServiceError> {
        let Some(idempotency) = idempotency else { return Ok(None) };
        self.store.read_tx(&(self, idempotency), |tx, (app, idempotency)| Box::pin(app.answered(tx, idempotency))).await
    }

    pub(super) async fn remember<T: Serialize>(
        &self,
        tx: &mut Tx,
        idempotency: &Idempotency,
        answer: &T,
        subject: Option<Subject>,
    ) -> Result<(), ServiceError> {
        let plain = serde_json::to_vec(answer)?;
        let sealed = self.seal_transit(&place(&idempotency.key), &plain)?;
        let answer = StoredAnswer { request_hash: idempotency.request_hash, sealed };
        let now = self.now();
        let until = now.plus_seconds(limits::IDEMPOTENCY_SECONDS);
        match tx.insert_answer(&idempotency.key, subject.as_ref(), &answer, (now, until)).await {
            // The same key at the same moment: the other one won, and its answer is there when this runs again.
            Err(StoreError::Duplicate) => Err(StoreError::Fenced.into()),
            other => Ok(other?),
        }
    }
}

fn place(key: &[u8]) -> Place<'_> {
    Place { table: "idempotency", column: "sealed", row: key }
}
