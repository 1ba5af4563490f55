//! What holds for everybody, remembered where the [`Fence`](crate::fence::Fence) says whether it still does: rules and registered callers.
//! Each is kept with the count of changes that was read before it; another count, or none, and it is read anew.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{App, ServiceError};
use crate::gate::Rules;
use crate::store::{ClientRow, StoreError};

/// Rules and registered callers, with the count of changes at which they were read.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    rules: Mutex<Option<(u64, Arc<Rules>)>>,
    clients: Mutex<BTreeMap<String, (u64, ClientRow)>>,
}

impl App {
    /// What holds for everybody, as of this count of changes or later.
    pub(super) async fn rules_at(&self, generation: u64) -> Result<Arc<Rules>, ServiceError> {
        let kept = self.remembered.rules.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, rules)) = kept.filter(|(at, _)| *at == generation) {
            return Ok(rules);
        }
        let rules = Arc::new(self.store.read_tx(self, |tx, app| Box::pin(app.rules(tx))).await?);
        *self.remembered.rules.lock().unwrap_or_else(PoisonError::into_inner) = Some((generation, rules.clone()));
        Ok(rules)
    }

    /// A registered caller, also one that is switched off.
    pub(super) async fn client_row(&self, id: &str) -> Result<Option<ClientRow>, StoreError> {
        let generation = self.store.fence().and_then(crate::fence::Fence::generation);
        if let Some(generation) = generation {
            let clients = self.remembered.clients.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((_, row)) = clients.get(id).filter(|(at, _)| *at == generation) {
                return Ok(Some(row.clone()));
            }
        }
        let row = self.store.read_tx(id, |tx, id| Box::pin(tx.client(id))).await?;
        if let (Some(generation), Some(row)) = (generation, &row) {
            let mut clients = self.remembered.clients.lock().unwrap_or_else(PoisonError::into_inner);
            clients.insert(id.to_owned(), (generation, row.clone()));
        }
        Ok(row)
    }
}
