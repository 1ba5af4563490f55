//! Long lists, a stretch at a time: what a page shows is what is read.

use super::deliveries::DeliveryView;
use super::identifiers::open_identifier;
use super::record::open_event;
use super::{App, ClientView, ErasureView, HistoryEntry, IdentifierView, PersonCaller, ServiceError};
use crate::domain::{Seq, Stretch};
use crate::ids::Reference;
use crate::store::{DecisionPlace, DecisionTally, DeliveryPlace, IdentifierPlace, StoreError};

/// The kind of the events that say what a recipient was told.
const TOLD: &str = "disclosed";

impl App {
    /// What was decided or done about a person, the newest first.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn history_in(
        &self,
        caller: &PersonCaller,
        stretch: Stretch<Seq>,
        limit: i64,
    ) -> Result<Vec<HistoryEntry>, ServiceError> {
        self.entries(caller, None, (stretch, limit)).await
    }

    /// What recipients were told about a person, the newest first.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn told_in(
        &self,
        caller: &PersonCaller,
        stretch: Stretch<Seq>,
        limit: i64,
    ) -> Result<Vec<HistoryEntry>, ServiceError> {
        self.entries(caller, Some(TOLD), (stretch, limit)).await
    }

    /// One event of a person.
    ///
    /// # Errors
    /// When there is none at this place, or it is somebody else's.
    pub async fn entry(&self, caller: &PersonCaller, seq: Seq) -> Result<HistoryEntry, ServiceError> {
        let before = Stretch::After(Seq(seq.0.saturating_add(1)));
        let found = self.entries(caller, None, (before, 1)).await?.pop();
        found.filter(|entry| entry.seq == seq).ok_or(ServiceError::NotFound("event of yours"))
    }

    async fn entries(
        &self,
        caller: &PersonCaller,
        kind: Option<&'static str>,
        (stretch, limit): (Stretch<Seq>, i64),
    ) -> Result<Vec<HistoryEntry>, ServiceError> {
        let input = (self, caller.subject, kind, stretch, limit);
        self.store
            .read_tx(&input, |tx, (app, subject, kind, stretch, limit)| {
                Box::pin(async move {
                    let key = app.key_of(tx, subject).await?;
                    let sealed = tx.events_in(subject, *kind, *stretch, *limit).await?;
                    let open = |(seq, sealed): (Seq, Vec<u8>)| {
                        let (_, body) = open_event(seq, &sealed, &key.sealing)?;
                        let event = serde_json::from_str(&body).map_err(|_| StoreError::Corrupt("event"))?;
                        Ok(HistoryEntry { seq, event })
                    };
                    sealed.into_iter().map(open).collect()
                })
            })
            .await
    }

    /// Who asked about a person and was answered how, the newest day first, each with its place.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn decisions_in(
        &self,
        caller: &PersonCaller,
        stretch: Stretch<DecisionPlace>,
        limit: i64,
    ) -> Result<Vec<(DecisionPlace, DecisionTally)>, ServiceError> {
        let input = (caller.subject, stretch, limit);
        let read = self
            .store
            .read_one(&input, |tx, (subject, stretch, limit)| Box::pin(tx.decisions_in(subject, *stretch, *limit)));
        Ok(read.await?)
    }

    /// What was announced about a person to whom, the newest first.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn deliveries_in(
        &self,
        caller: &PersonCaller,
        stretch: Stretch<DeliveryPlace>,
        limit: i64,
    ) -> Result<Vec<DeliveryView>, ServiceError> {
        let input = (caller.subject, stretch, limit);
        let read = self
            .store
            .read_one(&input, |tx, (subject, stretch, limit)| Box::pin(tx.deliveries_in(subject, *stretch, *limit)));
        Ok(read.await?.into_iter().map(DeliveryView::from).collect())
    }

    /// What could not be told so far, the oldest first: no person, no name for one.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn undelivered_in(
        &self,
        stretch: Stretch<DeliveryPlace>,
        limit: i64,
    ) -> Result<Vec<DeliveryView>, ServiceError> {
        let input = (stretch, limit);
        let read = self.store.read_one(&input, |tx, (stretch, limit)| Box::pin(tx.open_deliveries(*stretch, *limit)));
        Ok(read.await?.into_iter().map(DeliveryView::from).collect())
    }

    /// How an erasure is going, with some of those who are told of it, in the order of their names.
    ///
    /// # Errors
    /// When there is none with this reference.
    pub async fn erasure_in(
        &self,
        reference: &Reference,
        stretch: Stretch<String>,
        limit: i64,
    ) -> Result<ErasureView, ServiceError> {
        self.store
            .read_tx(&(self, reference, stretch, limit), |tx, (app, reference, stretch, limit)| {
                Box::pin(async move {
                    let told = tx.deliveries_of_job_in(reference, stretch.clone(), *limit).await?;
                    app.erasure_with(tx, reference, told).await
                })
            })
            .await
    }

    /// Registered callers in the order of their names, with what they asked today.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn clients_in(&self, stretch: Stretch<String>, limit: i64) -> Result<Vec<ClientView>, ServiceError> {
        let input = (stretch, limit);
        let read = self.store.read_one(&input, |tx, (stretch, limit)| Box::pin(tx.clients_in(stretch.clone(), *limit)));
        Ok(read.await?.into_iter().map(|row| self.client_view(row)).collect())
    }

    /// A person's proved identifiers, addresses before handles.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn identifiers_in(
        &self,
        caller: &PersonCaller,
        stretch: Stretch<IdentifierPlace>,
        limit: i64,
    ) -> Result<Vec<IdentifierView>, ServiceError> {
        let input = (self, caller.subject, stretch, limit);
        self.store
            .read_tx(&input, |tx, (app, subject, stretch, limit)| {
                Box::pin(async move {
                    let key = app.key_of(tx, subject).await?;
                    let mut views = Vec::new();
                    for row in tx.identifiers_in(subject, stretch.clone(), *limit).await? {
                        let identifier = open_identifier("identifier", &key, &row.id, &row.kind, &row.sealed)?;
                        views.push(IdentifierView::new(row, &identifier));
                    }
                    Ok(views)
                })
            })
            .await
    }
}
