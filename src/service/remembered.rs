//! What holds for everybody, remembered where the [`Fence`] says whether it still does: rules, registered callers, and what a question
//! comes down to before anybody is asked about. Each is kept with the count of changes that was read before it; another count, or none, and
//! it is read anew.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::auth::client_caller;
use super::tallies::{Matter, Sought};
use super::{App, ClientCaller, GateQuestion, ServiceError};
use crate::domain::{Recipient, Triple};
use crate::fence::{Column, Fence};
use crate::gate::{Prepared, Projection, Question, Rules};
use crate::store::{ClientRow, StoreError};

/// From so many people on they are found under one lock rather than each under their own.
const MANY: usize = 64;

/// A registered caller, as it is stored and as it asks.
type Registered = Arc<(ClientRow, Arc<ClientCaller>)>;
/// What each recipient asks, at one count of changes. It has no more of it than purposes, sources and actions it is registered for.
type Questions = (u64, HashMap<Recipient, Vec<Arc<Ready>>>);

/// What holds for everybody, with the count of changes at which it was read.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    rules: Mutex<Option<(u64, Arc<Rules>)>>,
    clients: RwLock<BTreeMap<String, (u64, Registered)>>,
    questions: RwLock<Questions>,
}

/// What a question comes down to before anybody is asked about.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) asked: Arc<Matter>,
    pub(super) prepared: Prepared,
    pub(super) policy_sha256: Option<String>,
    blind: Column,
    pairwise: Column,
}

impl Ready {
    /// What the gate looks at of these people, in their order.
    pub(super) fn find(&self, fence: &Fence, sought: &[Sought]) -> Vec<Projection> {
        if sought.len() < MANY {
            return sought.iter().map(|one| self.named(one, |column, name| fence.find(column, name))).collect();
        }
        let everybody = fence.everybody();
        sought.iter().map(|one| self.named(one, |column, name| everybody.find(column, name))).collect()
    }

    #[inline]
    fn named(&self, sought: &Sought, find: impl Fn(&Column, &[u8]) -> Projection) -> Projection {
        match sought {
            Sought::Pairwise(name) => find(&self.pairwise, name),
            Sought::Blind(blinds) => {
                let [current, earlier] = blinds.each_ref().map(|blind| find(&self.blind, blind));
                if current.grant.is_some() { current } else { earlier }
            }
        }
    }

    fn is(&self, question: &GateQuestion) -> bool {
        let Matter { triple, action, .. } = &*self.asked;
        (*action, &triple.purpose, &triple.source) == (question.action, &question.purpose, &question.source)
    }
}

impl App {
    /// What a question comes down to, as of this count of changes or later.
    pub(super) async fn ready(
        &self,
        fence: &Fence,
        generation: u64,
        (caller, question): (&ClientCaller, &GateQuestion),
    ) -> Result<Arc<Ready>, ServiceError> {
        {
            let questions = self.remembered.questions.read().unwrap_or_else(PoisonError::into_inner);
            let (at, of) = &*questions;
            let kept = of.get(&caller.id).filter(|_| *at == generation).into_iter().flatten();
            if let Some(ready) = kept.into_iter().find(|ready| ready.is(question)) {
                return Ok(ready.clone());
            }
        }
        let rules = self.rules_at(generation).await?;
        let triple =
            Triple { purpose: question.purpose.clone(), source: question.source.clone(), recipient: caller.id.clone() };
        let asked = Question { asker: caller.asker()?, action: question.action, triple: &triple, other_end: true };
        let ready = Arc::new(Ready {
            prepared: Prepared::new(&asked, &rules),
            policy_sha256: rules.policy_sha256().map(str::to_owned),
            blind: fence.column(&triple, false),
            pairwise: fence.column(&triple, true),
            asked: Arc::new(Matter {
                triple,
                action: question.action,
                policy_sha256: rules.policy_sha256().unwrap_or_default().to_owned(),
            }),
        });
        let mut questions = self.remembered.questions.write().unwrap_or_else(PoisonError::into_inner);
        if questions.0 != generation {
            *questions = (generation, HashMap::new());
        }
        let of = questions.1.entry(caller.id.clone()).or_default();
        if !of.iter().any(|ready| ready.is(question)) {
            of.push(ready.clone());
        }
        Ok(ready)
    }

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

    /// The digest of the house rules in force; nothing where none can be read.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn policy_in_force(&self) -> Result<Option<String>, ServiceError> {
        let rules = match self.store.fence().and_then(Fence::generation) {
            Some(generation) => self.rules_at(generation).await?,
            None => Arc::new(self.store.read_tx(self, |tx, app| Box::pin(app.rules(tx))).await?),
        };
        Ok(rules.policy_sha256().map(str::to_owned))
    }

    /// A registered caller, also one that is switched off.
    pub(super) async fn registered(&self, id: &str) -> Result<Option<Registered>, StoreError> {
        let generation = self.store.fence().and_then(Fence::generation);
        if let Some(generation) = generation {
            let clients = self.remembered.clients.read().unwrap_or_else(PoisonError::into_inner);
            if let Some((_, registered)) = clients.get(id).filter(|(at, _)| *at == generation) {
                return Ok(Some(registered.clone()));
            }
        }
        let Some(row) = self.store.read_one(id, |tx, id| Box::pin(tx.client(id))).await? else { return Ok(None) };
        let caller = Arc::new(client_caller(&row)?);
        let registered = Arc::new((row, caller));
        if let Some(generation) = generation {
            let mut clients = self.remembered.clients.write().unwrap_or_else(PoisonError::into_inner);
            clients.insert(id.to_owned(), (generation, registered.clone()));
        }
        Ok(Some(registered))
    }
}
