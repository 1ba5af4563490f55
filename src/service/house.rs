//! House rules in force. They stand in the database, so that every node decides by the same ones, and a change is one event of the log:
//! whatever is decided in a transaction stands on the rules that this transaction sees. Working their table out takes a while, so it is
//! kept by its digest. Rules that cannot be read deny everything, until an operator sends others.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::act::Idempotency;
use super::formulas::FormulasView;
use super::{App, Done, ServiceError};
use crate::crypto::Blind;
use crate::domain::{Act, Seq};
use crate::gate::{House, Rules};
use crate::mutant;
use crate::policy::{
    Group, HouseRules, Registry, RuleFiles, RulesError, built_in_rules, changes, check_size, groups, policy_sha256,
};
use crate::store::{HouseRow, StoreError, Tx};

/// The table that was worked out last, by the digest that was asked for; nothing where its rules cannot be read.
pub(super) type HouseCache = RwLock<Option<(String, Option<Arc<House>>)>>;

/// The rules that this program was built with: worked out once, whatever is opened in this process.
static BUILT_IN: OnceLock<Arc<House>> = OnceLock::new();

/// The place of no event.
const NO_RULES: Seq = Seq(0);

/// The house rules in force.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PoliciesView {
    /// The digest that decisions name, in hexadecimal.
    pub sha256: String,
    /// Where in the log it stands that they were adopted.
    pub seq: Seq,
    /// Whether they came with the program.
    pub built_in: bool,
    /// The rule files.
    pub files: RuleFiles,
    /// By which formula scores are told.
    pub formula: FormulasView,
}

/// What the log says of the rules that were adopted last. The database is believed where it says the same: the words of the log are
/// sealed under a key that is not in it.
struct Last {
    seq: Seq,
    sha256: String,
    built_in: bool,
}

impl Last {
    /// The rule files of a row, where they are those that were adopted.
    fn files(&self, row: Option<&HouseRow>) -> Result<RuleFiles, ServiceError> {
        let same = |row: &&HouseRow| (row.seq, &row.sha256, row.built_in) == (self.seq, &self.sha256, self.built_in);
        intact(row.filter(same).ok_or(StoreError::Corrupt("house_rules"))?)
    }
}

/// What would change if other rules were adopted.
#[derive(Debug)]
pub struct Compared {
    /// Classes of questions that would be allowed.
    pub allowed: Vec<Group>,
    /// Classes that would be denied.
    pub denied: Vec<Group>,
    /// For [`App::adopt_compared`].
    pub shown: Shown,
}

/// That somebody was shown what would change: from which rules, and, sealed, to which.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The digest of the rules that were in force, in hexadecimal.
    pub before: String,
    /// Binds the two together; nobody else can make it.
    pub seal: String,
}

/// What rules may be adopted over.
enum Over<'a> {
    /// Whatever is in force.
    Anything,
    /// Those that were adopted at this place of the log: others that came meanwhile are newer.
    Place(Seq),
    /// Those with this digest.
    Rules(&'a str),
}

/// House rules were adopted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Adopted {
    /// The digest that decisions name from here on, in hexadecimal.
    pub sha256: String,
    /// The leaf of the log that says so.
    #[serde(flatten)]
    pub done: Done,
}

impl App {
    /// What holds for everybody now: the registry, the notices, the house rules.
    pub(super) async fn rules(&self, tx: &mut Tx) -> Result<Rules, ServiceError> {
        let in_force = tx.rules_in_force().await?;
        let house = match in_force.policy_sha256 {
            Some(sha256) => self.house(tx, sha256).await?,
            None => None,
        };
        Ok(Rules {
            house,
            lease_valid: true,
            purposes: self.registry.purpose.iter().map(|entry| entry.name.clone()).collect(),
            sources: self.registry.source.iter().map(|entry| entry.name.clone()).collect(),
            oldest_notice: in_force.oldest_notices,
        })
    }

    async fn house(&self, tx: &mut Tx, sha256: String) -> Result<Option<Arc<House>>, ServiceError> {
        if let Some((_, house)) = self.kept_house(&sha256) {
            return Ok(house);
        }
        let _one_for_all = self.working_out.lock().await;
        if let Some((_, house)) = self.kept_house(&sha256) {
            return Ok(house);
        }
        // On PostgreSQL they may have changed since that digest was read: then the newer ones are those in force.
        let row = tx.house_rules().await?.ok_or(StoreError::Corrupt("house_rules"))?;
        let house = match self.work_out(tx, &row).await {
            Ok(house) => Some(house),
            Err(error @ (ServiceError::Store(StoreError::Corrupt(_)) | ServiceError::Invalid(_))) => {
                tracing::error!(%error, "the house rules cannot be read: everything is denied until others are adopted");
                None
            }
            Err(error) => return Err(error),
        };
        *self.house.write().unwrap_or_else(PoisonError::into_inner) = Some((row.sha256, house.clone()));
        Ok(house)
    }

    fn kept_house(&self, sha256: &str) -> Option<(String, Option<Arc<House>>)> {
        let kept = self.house.read().unwrap_or_else(PoisonError::into_inner);
        kept.clone().filter(|(kept, _)| kept == sha256)
    }

    async fn work_out(&self, tx: &mut Tx, row: &HouseRow) -> Result<Arc<House>, ServiceError> {
        let damaged = || StoreError::Corrupt("house_rules");
        let files = match self.adopted_last(tx).await? {
            _ if mutant::on("rules_beside_the_log") => intact(row)?,
            Some(last) => last.files(Some(row))?,
            None => return Err(damaged().into()),
        };
        let house = self.house_of(files).await?;
        if house.sha256 == row.sha256 { Ok(house) } else { Err(damaged().into()) }
    }

    async fn adopted_last(&self, tx: &mut Tx) -> Result<Option<Last>, ServiceError> {
        let last = self.own_events(tx, "policy_adopted").await?.pop();
        Ok(last.and_then(|(seq, event)| match event.act {
            Act::PolicyAdopted { sha256, built_in, .. } => Some(Last { seq, sha256, built_in }),
            _ => None,
        }))
    }

    /// Checks rules, and asks them about every class.
    async fn house_of(&self, files: RuleFiles) -> Result<Arc<House>, ServiceError> {
        let sha256 = policy_sha256(&self.registry.sha256, &files);
        if let Some(house) = BUILT_IN.get().filter(|house| house.sha256 == sha256) {
            return Ok(house.clone());
        }
        let is_built_in = files == built_in_rules() && self.registry.is_built_in();
        let registry = self.registry.clone();
        let worked_out = tokio::task::spawn_blocking(move || house(&registry, &files)).await;
        let house = worked_out.map_err(|error| ServiceError::Broken(error.into()))??;
        if is_built_in {
            BUILT_IN.get_or_init(|| house.clone());
        }
        Ok(house)
    }

    /// At every start: the rules of this program, unless the log says that an operator adopted others. Those are adopted anew when the
    /// registry of this program is another one; where they do not fit it, or are no longer in the database as they were adopted,
    /// everything is denied until an operator has sent some that do.
    pub(super) async fn adopt_policy(&self) -> Result<(), ServiceError> {
        let (before, last) = self
            .store
            .read_tx(self, |tx, app| {
                Box::pin(async move { Ok::<_, ServiceError>((tx.house_rules().await?, app.adopted_last(tx).await?)) })
            })
            .await?;
        let kept = last.as_ref().filter(|last| !last.built_in);
        let built_in = kept.is_none();
        let files = match kept.map_or_else(|| Ok(built_in_rules()), |last| last.files(before.as_ref())) {
            Ok(files) => files,
            Err(error) => {
                tracing::error!(%error, "the house rules were changed in the database: everything is denied until others are adopted");
                return Ok(());
            }
        };
        let sha256 = policy_sha256(&self.registry.sha256, &files);
        if last.as_ref().is_some_and(|last| last.sha256 == sha256 && last.files(before.as_ref()).is_ok()) {
            return Ok(());
        }
        let seen = last.map_or(NO_RULES, |last| last.seq);
        match self.house_of(files.clone()).await {
            Ok(house) => {
                let input = (self, files, house, (built_in, seen));
                self.store
                    .run_tx(&input, |tx, (app, files, house, (built_in, seen))| {
                        Box::pin(app.adopt(tx, (files, house, *built_in), Over::Place(*seen)))
                    })
                    .await
                    .map(drop)
                    .or_else(|error| if matches!(error, ServiceError::Conflict(_)) { Ok(()) } else { Err(error) }) // by another process
            }
            Err(error) if !built_in => {
                tracing::error!(%error, "the house rules do not fit this program: everything is denied until others are adopted");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn adopt(
        &self,
        tx: &mut Tx,
        (files, house, built_in): (&RuleFiles, &Arc<House>, bool),
        over: Over<'_>,
    ) -> Result<Adopted, ServiceError> {
        tx.wait_for_rules().await?;
        let head = self.head(tx).await?;
        let sha256 = house.sha256.clone();
        let (row, last) = (tx.house_rules().await?, self.adopted_last(tx).await?);
        let others_came = match over {
            Over::Place(seen) => last.as_ref().map_or(NO_RULES, |last| last.seq) != seen,
            Over::Rules(before) if row.as_ref().is_none_or(|row| row.sha256 != before) => {
                return Err(ServiceError::RulesChanged);
            }
            Over::Anything | Over::Rules(_) => false,
        };
        let in_force = |last: &Last| last.sha256 == sha256 && last.files(row.as_ref()).is_ok();
        if others_came || last.as_ref().is_some_and(in_force) {
            return Err(ServiceError::Conflict("set of house rules is in force and"));
        }
        let formula = Some(self.registry.formula.counts.name.to_owned());
        let done = self.record_own(tx, head, Act::PolicyAdopted { sha256: sha256.clone(), built_in, formula }).await?;
        let (registry_sha256, files) = (self.registry.sha256.clone(), serde_json::to_string(files)?);
        let row = HouseRow { seq: done.seq, sha256: sha256.clone(), registry_sha256, built_in, files };
        tx.insert_house_rules(&row).await?;
        Ok(Adopted { sha256, done })
    }

    /// Puts other house rules in force, at one place of the log: whatever is decided after it stands on them.
    ///
    /// # Errors
    /// For rules with anything wrong, with file and line; those in force stay. For the rules that are in force already.
    pub async fn adopt_rules(
        &self,
        files: &RuleFiles,
        idempotency: Option<&Idempotency>,
    ) -> Result<Adopted, ServiceError> {
        self.adopt_over(files, None, idempotency).await
    }

    /// The same for what somebody was shown by [`App::compare_rules`], and for nothing else: [`ServiceError::RulesChanged`] when other
    /// rules came into force since, or these are not those that were compared.
    ///
    /// # Errors
    /// Those of [`App::adopt_rules`], and that one.
    pub async fn adopt_compared(
        &self,
        files: &RuleFiles,
        shown: &Shown,
        idempotency: Option<&Idempotency>,
    ) -> Result<Adopted, ServiceError> {
        let seal = self.seal_of(&shown.before, &policy_sha256(&self.registry.sha256, files));
        let was_shown = bool::from(seal.as_bytes().ct_eq(shown.seal.as_bytes()));
        if !was_shown && !mutant::on("rules_adopted_unseen") {
            return Err(ServiceError::RulesChanged);
        }
        self.adopt_over(files, Some(&shown.before), idempotency).await
    }

    fn seal_of(&self, before: &str, after: &str) -> String {
        hex::encode(Blind(&self.ring.service).compared(before, after))
    }

    async fn adopt_over(
        &self,
        files: &RuleFiles,
        before: Option<&str>,
        idempotency: Option<&Idempotency>,
    ) -> Result<Adopted, ServiceError> {
        check_size(files).map_err(|expected| ServiceError::invalid("files", expected))?;
        let one_at_a_time = self.working_out.lock().await;
        let house = self.house_of(files.clone()).await.inspect_err(|error| {
            tracing::warn!(%error, "house rules were refused: those in force stay");
        })?;
        drop(one_at_a_time);
        let adopted = self
            .act(idempotency, &(self, files, house.clone(), before), |tx, (app, files, house, before)| {
                let over = before.map_or(Over::Anything, Over::Rules);
                Box::pin(async move { Ok((app.adopt(tx, (files, house, false), over).await?, None)) })
            })
            .await?;
        *self.house.write().unwrap_or_else(PoisonError::into_inner) = Some((house.sha256.clone(), Some(house)));
        Ok(adopted)
    }

    /// What would change if these rules were adopted: classes of questions that would be allowed, and that would be denied.
    ///
    /// # Errors
    /// For rules with anything wrong, with file and line.
    pub async fn compare_rules(&self, files: &RuleFiles) -> Result<Compared, ServiceError> {
        check_size(files).map_err(|expected| ServiceError::invalid("files", expected))?;
        let in_force = self.policies().await?;
        let one_at_a_time = self.working_out.lock().await;
        let (before, after) = (self.house_of(in_force.files).await?, self.house_of(files.clone()).await?);
        drop(one_at_a_time);
        let changes = changes(&before.table, &after.table);
        let of = |allowed: bool| {
            let some = changes.iter().filter(|change| change.allowed == allowed).map(|change| change.class.clone());
            groups(&some.collect::<Vec<_>>(), &[&before.table.axes, &after.table.axes])
        };
        let shown = Shown { seal: self.seal_of(&in_force.sha256, &after.sha256), before: in_force.sha256 };
        Ok(Compared { allowed: of(true), denied: of(false), shown })
    }

    /// The house rules in force, to be compared with others.
    ///
    /// # Errors
    /// For the database, and for rules that were changed in it.
    pub async fn policies(&self) -> Result<PoliciesView, ServiceError> {
        let row = self.store.read_one(&(), |tx, ()| Box::pin(tx.house_rules())).await?;
        let row = row.ok_or(ServiceError::NotFound("house rules"))?;
        let formula = FormulasView::from(&self.registry.formula);
        Ok(PoliciesView { formula, files: intact(&row)?, sha256: row.sha256, seq: row.seq, built_in: row.built_in })
    }
}

/// The rule files of a row, as they were when they were adopted.
pub(super) fn intact(row: &HouseRow) -> Result<RuleFiles, ServiceError> {
    let damaged = || StoreError::Corrupt("house_rules");
    let files: RuleFiles = serde_json::from_str(&row.files).map_err(|_| damaged())?;
    if policy_sha256(&row.registry_sha256, &files) == row.sha256 { Ok(files) } else { Err(damaged().into()) }
}

fn house(registry: &Registry, files: &RuleFiles) -> Result<Arc<House>, ServiceError> {
    let rules = HouseRules::load(registry, files).map_err(|error| match error {
        RulesError::Bad(_) => ServiceError::invalid("files", &format!("rules that pass every check; {error}")),
        RulesError::NoThread(_) => ServiceError::Broken(error.into()),
    })?;
    let regime = registry.regime.first().map(|entry| entry.name.clone());
    let own_class = registry.recipient_class.first().map(|entry| entry.name.clone());
    let (Some(regime), Some(own_class)) = (regime, own_class) else {
        return Err(ServiceError::NotFound("regime or recipient class"));
    };
    Ok(Arc::new(House { sha256: rules.sha256().to_owned(), regime, own_class, table: rules.into_table() }))
}
