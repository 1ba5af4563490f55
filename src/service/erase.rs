//! Erasure: fenced at once, and in the same transaction carried out where that is quick; else step by step, taken up again after any
//! crash. Read back before it is done.

use std::collections::BTreeSet;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::act::Idempotency;
use super::certificate::{Certificate, ReadBack};
use super::deliveries::{DeliveryView, told_of};
use super::mail::Quiet;
use super::record::Person;
use super::stores::{StoreView, all_removed, stores_of};
use super::{App, PersonCaller, Receipt, ServiceError};
use crate::datamap::Erase;
use crate::domain::{Act, Event, Micros};
use crate::ids::{Reference, Subject};
use crate::limits;
use crate::mutant::crash;
use crate::store::{DeliveryKind, DeliveryRow, JobPlace, JobRow, JobStep, NameHolder, OpenJobs, StoreError, Tx};

/// The answer to an erasure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasureStarted {
    /// For asking how it went.
    pub reference: Reference,
    /// Its receipt.
    pub receipt: Receipt,
}

/// How an erasure is going.
#[derive(Debug, Clone, Serialize)]
pub struct ErasureView {
    /// Its reference.
    pub reference: Reference,
    /// `fenced`: denied everywhere, rows still there. `removed`: rows and key gone. `done`: read back, nothing left.
    pub step: &'static str,
    /// Since when, in microseconds since 1970.
    pub started_us: i64,
    /// Until when.
    pub finished_us: Option<i64>,
    /// Rows removed, by table.
    pub removed: BTreeMap<String, u64>,
    /// What is kept, by table, and why.
    pub kept: BTreeMap<String, String>,
    /// Everyone who had a name for the person, and whether they were told.
    pub told: Vec<DeliveryView>,
    /// Score stores of others that it concerns. There is no certificate while one waits.
    pub stores: Vec<StoreView>,
    /// Once it is done: when nothing of the person can be read any more in any older copy of the database.
    pub unreadable_after_us: Option<Micros>,
    /// Once it is done: the receipt of the leaf that says so (C2SP tlog-proof); `sayso verify certificate` checks it.
    pub certificate: Option<String>,
}

/// Erasures of one turn.
const BATCH: i64 = 50;

/// After which erasure the next turn goes on.
#[derive(Debug, Default)]
pub(super) struct Turns {
    own: Mutex<Option<JobPlace>>,
    cleared: Mutex<Option<JobPlace>>,
}

impl Turns {
    fn of(&self, which: OpenJobs) -> MutexGuard<'_, Option<JobPlace>> {
        let turn = match which {
            OpenJobs::Own => &self.own,
            OpenJobs::Cleared => &self.cleared,
        };
        turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn after(&self, which: OpenJobs) -> Option<JobPlace> {
        *self.of(which)
    }

    fn go_on(&self, which: OpenJobs, after: Option<JobPlace>) {
        *self.of(which) = after;
    }
}

impl App {
    /// Begins the erasure of a person. When this returns they are denied everywhere and logged out everywhere, and normally every row and
    /// the key are gone.
    ///
    /// # Errors
    /// Only for the database, and when too many wait.
    pub async fn erase(
        &self,
        caller: &PersonCaller,
        idempotency: Option<&Idempotency>,
    ) -> Result<ErasureStarted, ServiceError> {
        let quiet = self.quiet();
        let started = self
            .act(idempotency, &(self, caller.subject, &quiet), |tx, (app, subject, quiet)| {
                Box::pin(async move { Ok((app.begin_erasure(tx, subject, None, quiet.as_ref()).await?, None)) })
            })
            .await?;
        self.work.notify_one();
        Ok(started)
    }

    /// The answer that an erasure gave before, for a caller whose log-in it has ended.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn erased_before(&self, idempotency: &Idempotency) -> Result<Option<ErasureStarted>, ServiceError> {
        self.answered_before(Some(idempotency)).await
    }

    /// For the address with this digest, or the first one of theirs.
    pub(super) async fn begin_erasure(
        &self,
        tx: &mut Tx,
        subject: &Subject,
        digest: Option<[u8; 16]>,
        quiet: Option<&Quiet<'_>>,
    ) -> Result<ErasureStarted, ServiceError> {
        let head = self.head(tx).await?;
        let (key, events) = match self.events_of(tx, subject).await {
            Err(ServiceError::Unauthenticated) => return Err(ServiceError::Conflict("erasure of this person")), // it was faster
            found => found?,
        };
        let mut person = Person::of(*subject, key, &events);
        if person.history.standing.erased {
            return Err(ServiceError::Conflict("erasure is under way and"));
        }
        let reference = Reference::new(self.entropy.bytes()?);
        let done = self.record(tx, head, &mut person, Act::Erased {}).await?;
        let names = tx.names_of(subject).await?;
        self.announce_to_all(tx, (subject, Some(reference)), DeliveryKind::PersonErased).await?;
        let concerns_stores = self.queue_stores(tx, &names, reference).await?;
        let whose = self.seal_name(NameHolder::Job, reference.as_bytes(), subject.as_bytes())?;
        let addresses = self.addresses_of(tx, subject).await?;
        let digest = digest.or(addresses.opened.iter().find_map(|(_, kept)| *kept));
        let mut kinds = BTreeMap::from([(Act::Erased {}.kind(), 1_u64)]);
        for (_, event) in &events {
            *kinds.entry(event.act.kind()).or_default() += 1;
        }
        let job = JobRow { events: serde_json::to_string(&kinds)?, ..self.new_job(reference, Some(whose), digest) };
        let quiet = quiet.filter(|_| !concerns_stores); // the job sweeps the storage before it waits for a store
        let job = self.remove_at_once(tx, (job, subject), &addresses.blinds, quiet).await?;
        tx.insert_job(&job).await?;
        crash("erasure_fencing");
        Ok(ErasureStarted { reference, receipt: done.receipt })
    }

    /// The same answer for an address about which nothing is held.
    pub(super) async fn erase_nothing(
        &self,
        tx: &mut Tx,
        digest: Option<[u8; 16]>,
    ) -> Result<ErasureStarted, ServiceError> {
        let head = self.head(tx).await?;
        let reference = Reference::new(self.entropy.bytes()?);
        let done = self.record_unkept(tx, head, Act::Erased {}).await?;
        tx.insert_job(&self.new_job(reference, None, digest)).await?;
        Ok(ErasureStarted { reference, receipt: done.receipt })
    }

    fn new_job(&self, reference: Reference, subject: Option<Vec<u8>>, digest: Option<[u8; 16]>) -> JobRow {
        let (step, started) = (JobStep::Fenced, self.now());
        let (finished, certificate) = (None, None);
        let (removed, events) = ("{}".into(), "{}".into());
        JobRow { reference, subject, digest, step, started, finished, removed, events, certificate }
    }

    /// Carries out what is open, wherever it stopped. One that fails holds up no other.
    ///
    /// # Errors
    /// The first failure; what failed stays open and is tried again.
    pub async fn run_erasures(&self) -> Result<(), ServiceError> {
        let (removed, outcome) = self.remove_the_fenced().await?;
        outcome.and(self.certify_the_removed(removed).await)
    }

    /// The rows and keys of everybody whose erasure is open. What is returned waits for its certificate; what failed stays open.
    ///
    /// # Errors
    /// When the open erasures cannot be read.
    pub async fn remove_the_fenced(&self) -> Result<(Vec<JobRow>, Result<(), ServiceError>), ServiceError> {
        self.remove_in_turn(OpenJobs::Own).await
    }

    pub(super) async fn remove_in_turn(
        &self,
        which: OpenJobs,
    ) -> Result<(Vec<JobRow>, Result<(), ServiceError>), ServiceError> {
        let jobs = self.next_in_turn(which).await?;
        if !jobs.is_empty() {
            crash("erasure_fenced");
        }
        let (mut removed, mut outcome) = (Vec::new(), Ok(()));
        for job in jobs {
            match self.remove_rows(job).await {
                Ok(job) => removed.push(job),
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        Ok((removed, outcome))
    }

    /// The oldest that had no turn yet, and from the first one again when all had one: what fails each time takes nobody's place.
    async fn next_in_turn(&self, which: OpenJobs) -> Result<Vec<JobRow>, ServiceError> {
        let input = (which, self.turns.after(which));
        let jobs = self
            .store
            .read_tx(&input, |tx, (which, after)| Box::pin(tx.open_jobs(*which, after.as_ref(), BATCH)))
            .await?;
        let is_full = i64::try_from(jobs.len()) == Ok(BATCH);
        self.turns.go_on(which, jobs.last().filter(|_| is_full).map(|job| (job.started, job.reference)));
        Ok(jobs)
    }

    /// One storage pass for all of them, then each is read back and certified. For a stranger's as well: how long it takes until the
    /// certificate would tell the two apart in the log.
    ///
    /// # Errors
    /// The first failure; what was not certified is, at a later try.
    pub async fn certify_the_removed(&self, removed: Vec<JobRow>) -> Result<(), ServiceError> {
        if removed.is_empty() {
            return Ok(());
        }
        crash("erasure_removed");
        self.store.storage_pass().await?;
        crash("erasure_swept");
        let mut outcome = Ok(());
        for job in removed {
            outcome = outcome.and(self.finish_without_stores(job).await);
        }
        crash("erasure_done");
        self.store.empty_write_ahead_log().await?;
        outcome
    }

    /// What concerns score stores is certified when they are cleared: [`App::certify_cleared`].
    async fn finish_without_stores(&self, job: JobRow) -> Result<(), ServiceError> {
        let stores = self.store.read_tx(&job.reference, |tx, job| Box::pin(stores_of(tx, job))).await?;
        if stores.is_empty() { self.finish(job).await } else { Ok(()) }
    }

    pub(super) async fn finish(&self, job: JobRow) -> Result<(), ServiceError> {
        let read_back = self.read_back(&job).await?;
        crash("erasure_read_back");
        self.store
            .run_tx(&(self, job, read_back), |tx, (app, job, read_back)| Box::pin(app.certify(tx, job, read_back)))
            .await
    }

    /// The certificate is the receipt of the leaf that says so, for a stranger's erasure as for a member's.
    async fn certify(&self, tx: &mut Tx, job: &JobRow, read_back: &ReadBack) -> Result<(), ServiceError> {
        let head = self.head(tx).await?;
        if tx.job(&job.reference).await?.is_none_or(|now| now.step == JobStep::Done) {
            return Ok(()); // by another process
        }
        let finished = Some(head.recorded);
        let stores = stores_of(tx, &job.reference).await?;
        if stores.iter().any(|store| store.cleared.is_none()) {
            return Err(ServiceError::Conflict("erasure waits for a score store and"));
        }
        let job = &JobRow { removed: all_removed(&job.removed, &stores)?, ..job.clone() };
        let told = told_of(tx, &job.reference).await?;
        let unreadable_after = self.epochs().destroyed(head.recorded, self.config.key_days);
        let certificate = Certificate::new(job, read_back, told, self.kept(), unreadable_after)?;
        let done = self.record_own(tx, head, certificate.into_act()).await?;
        let certificate = Some(String::from(done.receipt));
        let done = JobRow { subject: None, step: JobStep::Done, finished, certificate, ..job.clone() };
        tx.update_job(&done).await?;
        tx.let_go_of_store_names(&job.reference).await?;
        crash("erasure_certifying");
        Ok(())
    }

    /// Nobody's once it is done, and when nothing was held.
    pub(super) fn whose(&self, job: &JobRow) -> Result<Option<Subject>, ServiceError> {
        let open = |sealed: &Vec<u8>| self.open_name(NameHolder::Job, job.reference.as_bytes(), sealed);
        Ok(job.subject.as_ref().map(open).transpose()?.map(Subject::new))
    }

    /// Also after a round that had removed them: its read-back may have found a row that came later.
    pub(super) async fn remove_rows(&self, job: JobRow) -> Result<JobRow, ServiceError> {
        let Some(subject) = self.whose(&job)? else { return Ok(job) };
        let _no_mail_meanwhile = self.outbox.lock().await;
        let (job, blinds) = self
            .store
            .run_tx(&(self, job, subject), |tx, (app, job, subject)| {
                Box::pin(async move {
                    // As it stands now: another process may have been at it.
                    let job = tx.job(&job.reference).await?.ok_or(ServiceError::NotFound("erasure"))?;
                    if job.step == JobStep::Done {
                        return Ok((job, BTreeSet::new()));
                    }
                    let blinds = app.addresses_of(tx, subject).await?.blinds;
                    app.remove_mail_files(&blinds)?; // now: once the identifiers are gone nothing says whose they are
                    crash("erasure_mails_removed");
                    // A row of the person that another writer adds meanwhile, the read-back finds, and the next turn removes.
                    // As many as in the act: of one row alone PostgreSQL expects to meet it soon, and reads whole tables for it.
                    let found = tx.found(&app.datamap.found(limits::ERASED_AT_ONCE_ROWS_MAX), subject).await?;
                    let job = app.remove_found(tx, (job, None), &blinds, &found).await?;
                    tx.update_job(&job).await?;
                    crash("erasure_removing");
                    Ok::<_, ServiceError>((job, blinds))
                })
            })
            .await?;
        self.remove_mail_files(&blinds)?; // one may have been handed over meanwhile
        Ok(job)
    }

    /// How an erasure is going. Whoever has the reference may ask.
    ///
    /// # Errors
    /// When there is none with this reference.
    pub async fn erasure(&self, reference: &Reference) -> Result<ErasureView, ServiceError> {
        self.store
            .read_tx(&(self, reference), |tx, (app, reference)| {
                Box::pin(async move {
                    let told = tx.deliveries_of_job(reference).await?;
                    app.erasure_with(tx, reference, told).await
                })
            })
            .await
    }

    pub(super) async fn erasure_with(
        &self,
        tx: &mut Tx,
        reference: &Reference,
        told: Vec<DeliveryRow>,
    ) -> Result<ErasureView, ServiceError> {
        let job = tx.job(reference).await?.ok_or(ServiceError::NotFound("erasure"))?;
        self.erasure_view(tx, &job, told).await
    }

    /// Every erasure of an address, by its slow digest.
    pub(super) async fn erasures_of(&self, tx: &mut Tx, digest: &[u8; 16]) -> Result<Vec<ErasureView>, ServiceError> {
        let mut views = Vec::new();
        for job in tx.jobs_by_digest(digest).await? {
            let told = tx.deliveries_of_job(&job.reference).await?;
            views.push(self.erasure_view(tx, &job, told).await?);
        }
        Ok(views)
    }

    async fn erasure_view(
        &self,
        tx: &mut Tx,
        job: &JobRow,
        told: Vec<DeliveryRow>,
    ) -> Result<ErasureView, ServiceError> {
        let stores = tx.stores_of_job(&job.reference).await?;
        Ok(ErasureView {
            reference: job.reference,
            step: job.step.as_str(),
            started_us: job.started.0,
            finished_us: job.finished.map(|at| at.0),
            removed: serde_json::from_str(&job.removed)?,
            kept: self.kept(),
            told: told.into_iter().map(DeliveryView::from).collect(),
            stores: stores.into_iter().map(StoreView::from).collect(),
            unreadable_after_us: job.certificate.as_deref().map(unreadable_after).transpose()?.flatten(),
            certificate: job.certificate.clone(),
        })
    }

    fn kept(&self) -> BTreeMap<String, String> {
        let kept = self.datamap.table.iter().filter(|table| table.erase != Erase::Delete && !table.owners.is_empty());
        let why = |table: &crate::datamap::Table| table.why.clone().unwrap_or_else(|| table.kept.clone());
        kept.map(|table| (table.name.clone(), why(table))).collect()
    }
}

/// What a certificate says of older copies.
fn unreadable_after(certificate: &str) -> Result<Option<Micros>, ServiceError> {
    let receipt = Receipt::parse(certificate).map_err(|_| StoreError::Corrupt("erasure_job"))?;
    match serde_json::from_str::<Event>(&receipt.body)?.act {
        Act::ErasureCompleted { unreadable_after, .. } => Ok(unreadable_after),
        _ => Err(StoreError::Corrupt("erasure_job").into()),
    }
}
